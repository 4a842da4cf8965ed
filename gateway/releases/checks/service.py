"""Use case of checks (核验): decide, take the uses, record the intent, and only then have somebody look.

What refuses is decided before any look-up and is told at once; what was looked up is told at a fixed moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from gateway.articles import keeps
from gateway.errors import ForbiddenError, UnavailableError
from gateway.ids import GrantId
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Scratch, Tx
from gateway.policies.decision import Action, Decision, DecisionPoint
from gateway.policies.records import Grant, Level
from gateway.policies.resources import grant_resource
from gateway.policies.scope import Use, current_state
from gateway.principals import Principal
from gateway.releases.checks.desk import CheckDesk
from gateway.releases.checks.guesses import GuessStore
from gateway.releases.checks.protocols import Checks, CountedGrants
from gateway.releases.checks.questions import claimed, require_question
from gateway.releases.checks.records import OPEN, Check, CheckId, CheckRequest, CheckResult, CheckState
from gateway.releases.checks.schedule import Schedule
from gateway.releases.clock import require_clock
from gateway.releases.errors import LeaseLostError
from gateway.releases.refusals import refusals_recorded
from gateway.releases.uses import chain, circumstances_of
from rulebook.records import Rulebook

KEPT_DAYS = 7
"""Closed rows are removed after so many days; the audit trail keeps their entries."""


@keeps("A50-9", "A50-13")
@dataclass(frozen=True, slots=True)
class CheckService:
    """Checks under grants of level ``check``. ``desk`` looks: here, or by asking the worker."""

    grants: CountedGrants
    checks: Checks
    guesses: GuessStore
    journal: Journal
    reader: Reader
    scratch: Scratch
    decisions: DecisionPoint
    book: Rulebook
    desk: CheckDesk
    separation: str
    now: Callable[[], datetime]
    today: Callable[[], date]
    new_id: Callable[[str], str]
    schedule: Schedule

    def check(self, grant_id: GrantId, request: CheckRequest, principal: Principal) -> CheckResult:
        """Answer for each person whether all was confirmed; takes one use for each person.

        Raises ``ForbiddenError`` or ``ScopeExceededError`` (A50-9) before anybody is looked up, each recorded as
        ``release.refused``; ``NotFoundError`` to those who may not know of the grant; ``UnavailableError`` when
        nobody answered in time: the uses stay taken, since somebody may have looked.
        """
        begun = self.schedule.begin()
        grant = self.grants.grant(grant_id)
        check = Check(
            id=CheckId(self.new_id("ck")),
            grant=grant.id,
            recipient=grant.recipient,
            executor=principal.account,
            people=len(request.people),
            state=CheckState.ASKED,
            asked_at=self.now(),
            leased_to=self.now() + timedelta(seconds=self.book.parameters.lease_seconds),
        )
        links = chain(grant, extract=None, executor=principal.account)
        with refusals_recorded(self.journal, principal, grant, links, level=Level.CHECK.value, people=check.people):
            self._ask(grant, check, request, principal, links)
        try:
            confirmed = self.desk.answer(check.id, request)
        except UnavailableError:
            raise  # somebody may be looking still: the check is closed by its outcome, or as unknown
        except BaseException as error:
            self._end(check, CheckState.ERROR, type(error).__name__, principal)
            raise
        self.schedule.hold(begun)
        return CheckResult(check.id, confirmed)

    def close_orphans(self) -> bool:
        """Close checks that nobody ended, as unknown; say whether there were any (I3)."""
        found = self.reader.read(lambda tx: self.checks.orphans(tx, self.now()))
        return any([self._end(check, CheckState.UNKNOWN, None, None) for check in found])

    def purge(self) -> None:
        """Remove counts of past days, and rows of checks that were closed long ago."""
        old = self.now() - timedelta(days=KEPT_DAYS)
        self.scratch.write(lambda tx: self.guesses.forget_guesses(tx, self.today()))
        self.scratch.write(lambda tx: self.checks.forget_checks(tx, old))

    def _ask(
        self, grant: Grant, check: Check, request: CheckRequest, principal: Principal, links: dict[str, str]
    ) -> None:
        decision = self._require(principal, grant)
        require_clock(self.now(), grant.approved_at)
        require_question(grant, request, self.book, self.today())

        def write(tx: Tx) -> None:
            # a withdrawal may have come in since: the decision counts at the moment of the intent
            self._require(principal, self.grants.grant_in(tx, grant.id))
            if not self.grants.reserve_uses(tx, grant.id, check.people):
                raise ForbiddenError(
                    "Fewer uses of this grant are left than people were asked about: apply for a new one.",
                    detail_zh="该授权的剩余次数少于本次核验人数，请重新申请。",
                    rule="A50-9",
                    missing=("uses",),
                    extra={"dimension": "uses"},
                )
            self.checks.add(tx, check)

        facts: dict[str, JsonValue] = {
            "check": check.id,
            "level": Level.CHECK.value,
            "purpose": grant.scope.purpose,
            "claims": list[JsonValue](claimed(request.people)),
            "people": check.people,
        }
        self.journal.record(
            write, EntryDraft("release.intent", principal, facts=facts, links=links, policy=decision.policy)
        )

    def _end(self, check: Check, state: CheckState, problem: str | None, principal: Principal | None) -> bool:
        """Close a check without an answer; false when it was closed meanwhile."""

        def write(tx: Tx) -> None:
            if not self.checks.end(tx, check.id, state, among=OPEN):
                raise LeaseLostError("The check ended meanwhile.", detail_zh="该核验已结束。")

        facts: dict[str, JsonValue] = {
            "check": check.id,
            "level": Level.CHECK.value,
            "people": check.people,
            "problem": problem,
        }
        links = chain(self.grants.grant(check.grant), extract=None, executor=check.executor)
        try:
            self.journal.record(write, EntryDraft("release.outcome", principal, state.value, facts=facts, links=links))
        except LeaseLostError:
            return False
        return True

    def _require(self, principal: Principal, grant: Grant) -> Decision:
        return self.decisions.require(
            principal,
            Action.EXECUTE_RELEASE,
            grant_resource(replace(grant, state=current_state(grant, self.now()))),
            circumstances_of(principal, grant, Use.CHECK, self.book, self.separation),
        )
