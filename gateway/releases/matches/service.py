"""Use case of matches (比对回填): decide, read the list, seal it, reserve a use, and queue the match."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from gateway.anonymize.plan import Plan
from gateway.articles import keeps
from gateway.errors import ForbiddenError
from gateway.ids import ExtractId, GrantId
from gateway.journal import EntryDraft, Journal, JsonValue, Tx
from gateway.policies.decision import Action, Decision, DecisionPoint
from gateway.policies.records import Grant, Level
from gateway.policies.resources import grant_resource
from gateway.policies.scope import Use, UseRequest, covers, current_state
from gateway.principals import Principal
from gateway.releases.clock import require_clock
from gateway.releases.matches.lists import read_list
from gateway.releases.matches.records import MatchRequest, Upload
from gateway.releases.matches.shelf import ListShelf
from gateway.releases.protocols import Extracts, Grants
from gateway.releases.records import Extract, ExtractRequest, ExtractState
from gateway.releases.refusals import refusals_recorded, spent
from gateway.releases.road import READY_DAYS
from gateway.releases.uses import chain, circumstances_of
from rulebook.records import Rulebook


@keeps("A50-9", "A50-13")
@dataclass(frozen=True, slots=True)
class MatchService:
    """Takes lists. The match is the worker's; its file goes the road of every extract."""

    grants: Grants
    extracts: Extracts
    shelf: ListShelf
    journal: Journal
    decisions: DecisionPoint
    book: Rulebook
    separation: str
    now: Callable[[], datetime]
    today: Callable[[], date]
    new_id: Callable[[str], str]
    wake: Callable[[], None]

    def start(self, grant_id: GrantId, request: MatchRequest, upload: Upload, principal: Principal) -> Extract:
        """Seal a list, reserve a use and queue the match; return the extract that will hold the answer.

        Raises ``ForbiddenError`` or ``ScopeExceededError`` (A50-9) before the list is read, ``BadListError`` for a
        list that cannot be taken; each is recorded as ``release.refused``, and nothing of the list is kept.
        """
        grant = self.grants.grant(grant_id)
        extract = Extract(
            id=ExtractId(self.new_id("ex")),
            grant=grant.id,
            recipient=grant.recipient,
            executor=principal.account,
            state=ExtractState.QUEUED,
            level=grant.scope.level,
            request=ExtractRequest(request.format, request.fields),
            created_at=self.now(),
            expires_on=min(grant.scope.valid_to, self.today() + timedelta(days=READY_DAYS)),
        )
        links = chain(grant, extract=None, executor=principal.account)
        with refusals_recorded(self.journal, principal, grant, links, level=Level.MATCH.value):
            decision = self._require(principal, grant)
            require_clock(self.now(), grant.approved_at)
            use = match_use(grant, extract.request, self.today())
            use = replace(use, purpose=request.purpose or use.purpose)
            covers(grant, use, self.book.divisions)
            match_plan(self.book, grant, extract.request)
            people = read_list(upload)
            covers(grant, replace(use, rows=len(people)), self.book.divisions)
            held = self.shelf.seal(extract.id, people)
            try:
                self._record(grant, extract, held.rows, principal, decision, lambda tx: self.shelf.lists.add(tx, held))
            except BaseException:
                self.shelf.forsake(extract.id)
                raise
        self.wake()
        return extract

    def _record(
        self,
        grant: Grant,
        extract: Extract,
        rows: int,
        principal: Principal,
        decision: Decision,
        keep_list: Callable[[Tx], None],
    ) -> None:
        def write(tx: Tx) -> None:
            # a withdrawal may have come in since: the decision counts at the moment of the entry
            self._require(principal, self.grants.grant_in(tx, grant.id))
            if not self.grants.reserve_use(tx, grant.id):
                raise spent()
            self.extracts.add(tx, extract)
            keep_list(tx)

        fields = grant.scope.fields if extract.request.fields is None else extract.request.fields
        facts: dict[str, JsonValue] = {
            "format": extract.request.format.value,
            "fields": list(fields),
            "level": Level.MATCH.value,
            "list_rows": rows,
        }
        self.journal.record(
            write,
            EntryDraft(
                "release.requested",
                principal,
                facts=facts,
                links=chain(grant, extract=extract.id, executor=principal.account),
                policy=decision.policy,
            ),
        )

    def _require(self, principal: Principal, grant: Grant) -> Decision:
        return self.decisions.require(
            principal,
            Action.EXECUTE_RELEASE,
            grant_resource(replace(grant, state=current_state(grant, self.now()))),
            circumstances_of(principal, grant, Use.MATCH, self.book, self.separation),
        )


def match_use(grant: Grant, request: ExtractRequest, on: date, rows: int | None = None) -> UseRequest:
    """Return the use that a match makes of ``grant``: of level ``match``, whatever the grant's own level is."""
    return UseRequest(
        recipient=grant.recipient,
        purpose=grant.scope.purpose,
        profile=grant.scope.profile,
        level=Level.MATCH,
        fields=grant.scope.fields if request.fields is None else request.fields,
        on=on,
        rows=rows,
    )


def match_plan(book: Rulebook, grant: Grant, request: ExtractRequest) -> Plan:
    """Return the plan of the granted attributes that come back.

    Raises ``PlanError`` for a field outside the profile, ``ForbiddenError`` when the rule book gives the profile
    another level than was granted.
    """
    scope = grant.scope
    fields = scope.fields if request.fields is None else request.fields
    plan = Plan.of(book.profiles[scope.profile], fields, book.sha256, matching=True)
    if plan.level != "match" or scope.level is not Level.MATCH:
        raise ForbiddenError(
            f"The profile is of level '{plan.level}' now, the grant of level '{scope.level}': apply for a new grant.",
            detail_zh="提供方案的级别已变更，与授权不符，请重新申请。",
            rule="A50-9",
            missing=("level",),
            extra={"dimension": "level"},
        )
    return plan
