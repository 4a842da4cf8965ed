"""Use cases of statistics (统计): ask, see past answers, see the budget, see the accuracy before asking.

A question is decided like any release, then paid for: use, loss and the entry of the request commit together, before
anything is counted. The same question has one answer a school year, whoever puts it how often and in which words: that
is found, and costs neither loss nor use. Only who may take delivery is told numbers; each telling has its intent and
outcome in the audit trail before it leaves (I3).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime

from gateway.anonymize.noise import Loss
from gateway.articles import keeps
from gateway.errors import ForbiddenError
from gateway.ids import GrantId
from gateway.journal import EntryDraft, GroupJournal, JsonValue, Reader, Tx
from gateway.policies.decision import Action, Circumstances, Decision, DecisionPoint
from gateway.policies.records import Grant, Level
from gateway.policies.scope import Use
from gateway.principals import Principal
from gateway.releases.clock import require_clock
from gateway.releases.deciding import may_know, require
from gateway.releases.protocols import Grants
from gateway.releases.refusals import no_such_grant, refusals_recorded, spent
from gateway.releases.statistics.content import Content
from gateway.releases.statistics.counting import design_for
from gateway.releases.statistics.design import Design
from gateway.releases.statistics.dimensions import school_year_of
from gateway.releases.statistics.errors import (
    AlreadyAskedError,
    AnswerNotFoundError,
    AnswerNotReadyError,
    BudgetSpentError,
)
from gateway.releases.statistics.protocols import Counter, Statistics
from gateway.releases.statistics.questions import answers, dimension_of, loss_of, require_question
from gateway.releases.statistics.records import (
    COMING,
    Answer,
    AnswerId,
    AnswerState,
    Budget,
    Canonical,
    StatisticsRequest,
)
from gateway.releases.statistics.view import View, readable, view_of
from gateway.releases.uses import chain, circumstances_of
from rulebook.records import Rulebook

POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Told:
    """What a caller is told: the answer as it stands, its rows where they may be told and are ready, and the budget.

    ``fresh`` says that it was counted for this question; ``derived`` that it was read off a larger table.
    """

    answer: Answer
    request: StatisticsRequest
    budget: Budget
    view: View | None = None
    content: Content | None = None
    fresh: bool = False
    derived: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a question would cost and how exact it would be; nothing was counted for it, and nothing spent."""

    question: Canonical
    design: Design
    budget: Budget
    cost: Loss
    """0 when an answer is there already."""
    known: AnswerId | None


@keeps("A50-8", "A50-9", "A50-13")
@dataclass(frozen=True, slots=True)
class StatisticsService:
    """Statistics under grants of that level. ``counter`` counts here; ``None`` waits for the worker."""

    grants: Grants
    statistics: Statistics
    journal: GroupJournal
    reader: Reader
    decisions: DecisionPoint
    book: Rulebook
    counter: Counter | None
    separation: str
    now: Callable[[], datetime]
    today: Callable[[], date]
    new_id: Callable[[str], str]
    wake: Callable[[], None]
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic

    def ask(self, grant_id: GrantId, request: StatisticsRequest, principal: Principal) -> Told:
        """Answer a question, from what was answered before where that will do.

        Raises ``ForbiddenError``, ``ScopeExceededError`` (A50-9) or ``BudgetSpentError`` (A50-8), each recorded as
        ``release.refused``; ``NotFoundError`` to those who may not know of the grant. The state of the answer is
        ``queued`` or ``counting`` when the worker did not come to it in time.
        """
        grant = self.grants.grant(grant_id)
        links = chain(grant, extract=None, executor=principal.account)
        with refusals_recorded(self.journal, principal, grant, links, level=Level.STATISTICS.value):
            decision = self._require(principal, Action.EXECUTE_RELEASE, grant)
            require_clock(self.now(), grant.approved_at)
            question = require_question(grant, request, self.book, self.today(), taken=True)
            loss_of(request, self.book)  # what cannot be paid is no question, also where the answer is there
            found = None if request.refresh else self._stored(grant, question, request)
            fresh = found is None
            if found is None:
                answer = self._reserve(grant, request, question, principal, decision, links)
                if answer is None:  # somebody asked the same at the same moment: it is paid for
                    fresh = False
                    answer = self._newest(grant, question)
                found = answer
        if found is None:
            raise AnswerNotReadyError("Ask again.", detail_zh="请重新提问。")
        if found.state is AnswerState.FAILED:
            self._again(found, grant, principal)
        return self._tell(grant, self._waited(found), request, question, principal, fresh=fresh)

    def get(self, grant_id: GrantId, identifier: AnswerId, principal: Principal) -> Told:
        """Return an answer that was asked for under a grant, with its rows; raises ``AnswerNotFoundError``.

        Raises ``ForbiddenError`` for those who may know of it and not take delivery, recorded as a refusal.
        """
        grant = self._known(grant_id, principal)
        answer = self.reader.read(lambda tx: self.statistics.get(tx, identifier))
        if answer is None or answer.grant != grant.id:
            raise AnswerNotFoundError("There is no such statistic.", detail_zh="没有这一统计结果。")
        request = self._as_asked(answer, grant)
        return self._tell(grant, answer, request, answer.question, principal, must=True)

    def of_grant(self, grant_id: GrantId, principal: Principal) -> list[Answer]:
        """Return the answers that were asked for under a grant, newest first, for those who may know of it."""
        grant = self._known(grant_id, principal)
        return self.reader.read(lambda tx: self.statistics.of_grant(tx, grant.id))

    def budget(self, grant_id: GrantId, principal: Principal) -> Budget:
        """Return what the recipient of a grant may still spend this school year, for those who may know of it."""
        return self._budget(self._known(grant_id, principal))

    def estimate(self, grant_id: GrantId, request: StatisticsRequest, principal: Principal) -> Estimate:
        """Return cost and accuracy of a question; no pupil is counted, and nothing is spent.

        Raises what ``ask`` raises for a question that the grant does not allow, but for a spent budget.
        """
        grant = self._known(grant_id, principal)
        question = require_question(grant, request, self.book, self.today(), taken=True)
        found = None if request.refresh else self._stored(grant, question, request)
        priced = found or self._unpaid(grant, request, question, principal)
        cost = Loss(0) if found is not None else priced.loss
        design = design_for(
            self.book, grant, found.question if found else question, school_year_of(self.today()), priced
        )
        return Estimate(question, design, self._budget(grant), cost, None if found is None else found.id)

    def _stored(self, grant: Grant, question: Canonical, request: StatisticsRequest) -> Answer | None:
        """Return the answer that holds what is asked: of the same question, else the oldest larger table."""
        newest = self._newest(grant, question)
        if newest is not None:
            return newest
        year = school_year_of(self.today())
        profile = self.book.profiles[grant.scope.profile]
        for base in self.reader.read(lambda tx: self.statistics.ready(tx, grant.recipient, year)):
            if answers(self.book, base.question, question):
                kept = Content.parse(base.content)
                if readable(kept, self.book, profile, request.dimensions):
                    return base
        return None

    def _newest(self, grant: Grant, question: Canonical) -> Answer | None:
        year, digest = school_year_of(self.today()), question.sha256()
        return self.reader.read(lambda tx: self.statistics.newest(tx, grant.recipient, year, digest))

    def _unpaid(self, grant: Grant, request: StatisticsRequest, question: Canonical, principal: Principal) -> Answer:
        return Answer(
            id=AnswerId(self.new_id("sa")),
            recipient=grant.recipient,
            school_year=school_year_of(self.today()),
            question=question,
            round=1,
            grant=grant.id,
            executor=principal.account,
            state=AnswerState.QUEUED,
            loss=loss_of(request, self.book),
            mechanism=request.mechanism,
            asked_at=self.now(),
        )

    def _reserve(
        self,
        grant: Grant,
        request: StatisticsRequest,
        question: Canonical,
        principal: Principal,
        decision: Decision,
        links: dict[str, str],
    ) -> Answer | None:
        """Take use and loss and queue the answer, in one transaction with the entry; ``None`` when it is there."""
        before = self._newest(grant, question)
        if before is not None and before.state in COMING:
            return before  # a refresh is under way
        answer = replace(
            self._unpaid(grant, request, question, principal), round=1 if before is None else before.round + 1
        )
        design_for(self.book, grant, question, answer.school_year, answer)  # a table that cannot be is refused first
        limit = self._limit()

        def write(tx: Tx) -> Loss:
            # a withdrawal may have come in since: the decision counts at the moment of the request
            self._require(principal, Action.EXECUTE_RELEASE, self.grants.grant_in(tx, grant.id))
            if not self.statistics.add(tx, answer):
                raise AlreadyAskedError("Asked at the same time.", detail_zh="同一问题正在统计。")
            if not self.statistics.spend(tx, answer.recipient, answer.school_year, answer.loss, limit):
                raise self._spent(grant, answer, self.statistics.spent(tx, answer.recipient, answer.school_year))
            if not self.grants.reserve_use(tx, grant.id):
                raise spent()
            return self.statistics.spent(tx, answer.recipient, answer.school_year)

        def entry(now_spent: Loss) -> EntryDraft:
            facts: dict[str, JsonValue] = {
                "answer": answer.id,
                "level": Level.STATISTICS.value,
                "purpose": grant.scope.purpose,
                "question_sha256": question.sha256(),
                "round": answer.round,
                "fields": list[JsonValue](sorted({one.field for one in request.dimensions})),
                "measures": list[JsonValue](sorted(set(request.measures))),
                "school_year": answer.school_year,
                "mechanism": answer.mechanism.value,
                "epsilon_micro": answer.loss.epsilon,
                "delta_pico": answer.loss.delta,
                "spent_epsilon_micro": now_spent.epsilon,
                "spent_delta_pico": now_spent.delta,
                "limit_epsilon_micro": limit.epsilon,
                "limit_delta_pico": limit.delta,
            }
            return EntryDraft("release.requested", principal, facts=facts, links=links, policy=decision.policy)

        try:
            self.journal.record(write, entry)
        except AlreadyAskedError:
            return None
        self.wake()
        return answer

    def _again(self, answer: Answer, grant: Grant, principal: Principal) -> None:
        """Queue what was paid for and whose counting failed; recorded as a request without a further loss."""
        facts: dict[str, JsonValue] = {"answer": answer.id, "level": Level.STATISTICS.value, "epsilon_micro": 0}

        def write(tx: Tx) -> None:
            self.statistics.queue_again(tx, answer.id)

        links = chain(grant, extract=None, executor=principal.account)
        self.journal.record(write, EntryDraft("release.requested", principal, facts=facts, links=links))
        self.wake()

    def _waited(self, answer: Answer) -> Answer:
        """Return the answer when it is ready, or as it stands when the wait is over."""
        if self.counter is not None and answer.state is not AnswerState.READY:
            self.counter.run(answer.id)
        deadline = self.monotonic() + self.book.parameters.statistics.wait_seconds
        while True:
            found = self.reader.read(lambda tx: self.statistics.get(tx, answer.id)) or answer
            if found.state not in COMING or self.monotonic() >= deadline:
                return found
            self.sleep(POLL_SECONDS)

    def _tell(
        self,
        grant: Grant,
        answer: Answer,
        request: StatisticsRequest,
        question: Canonical,
        principal: Principal,
        *,
        fresh: bool = False,
        must: bool = False,
    ) -> Told:
        """Return what the caller may be told; the entries of intent and outcome are durable by then."""
        told = Told(answer, request, self._budget(grant), fresh=fresh, derived=answer.question != question)
        links = chain(grant, extract=None, executor=answer.executor)
        try:
            decision = self._require(principal, Action.DELIVER_RELEASE, grant)
        except ForbiddenError:
            if not must:
                return told  # who runs a release for a recipient is not told its numbers
            with refusals_recorded(self.journal, principal, grant, links, level=Level.STATISTICS.value):
                raise
        if answer.state is not AnswerState.READY:
            return told
        content = Content.parse(answer.content)
        profile = self.book.profiles[grant.scope.profile]
        facts: dict[str, JsonValue] = {
            "answer": answer.id,
            "level": Level.STATISTICS.value,
            "purpose": grant.scope.purpose,
            "sha256": answer.sha256,
            "question_sha256": question.sha256(),
            "fresh": fresh,
            "derived": told.derived,
        }
        with refusals_recorded(self.journal, principal, grant, links, level=Level.STATISTICS.value):
            view = view_of(content, self.book, profile, request)

            def write(tx: Tx) -> None:
                # a withdrawal may have come in since: the decision counts at the moment of the intent
                self._require(principal, Action.DELIVER_RELEASE, self.grants.grant_in(tx, grant.id))

            intent = EntryDraft("release.intent", principal, facts=facts, links=links, policy=decision.policy)
            rows = len(view.cells) + len(view.margins)
            outcome = EntryDraft(
                "release.outcome", principal, outcome="complete", facts={**facts, "lines": rows}, links=links
            )
            self.journal.record_all(write, [intent, outcome])
        return replace(told, view=view, content=content)

    def _as_asked(self, answer: Answer, grant: Grant) -> StatisticsRequest:
        """Return a request that asks for the whole of an answer, in the words of the grant's profile."""
        profile = self.book.profiles[grant.scope.profile]
        dimensions = []
        for axis in answer.question.axes:
            for field in profile.fields:
                if field.name in grant.scope.fields and field.operation != "drop":
                    found = dimension_of(self.book, field, axis)
                    if found is not None:
                        dimensions.append(found)
                        break
        means = [field.name for field in profile.fields if field.operation == "drop" and answer.question.bounds]
        return StatisticsRequest(tuple(dimensions), ("count", "share", *means), bounds=answer.question.bounds)

    def _spent(self, grant: Grant, answer: Answer, now_spent: Loss) -> BudgetSpentError:
        left = Budget(grant.recipient, answer.school_year, self._limit(), now_spent).left
        return BudgetSpentError(
            f"The privacy budget of this school year does not cover it: it costs {answer.loss.epsilon / 1e6:g} "
            f"and {left.epsilon / 1e6:g} is left. Ask with less epsilon, for less, or ask what was answered before.",
            detail_zh=f"本学年的隐私预算不足：本次提问需 ε={answer.loss.epsilon / 1e6:g}，剩余 {left.epsilon / 1e6:g}。"
            "请减小 ε、缩小问题，或使用已有的统计结果。",
            missing=("budget",),
            extra={
                "dimension": "budget",
                "epsilon_micro": answer.loss.epsilon,
                "left_epsilon_micro": left.epsilon,
                "left_delta_pico": left.delta,
                "school_year": answer.school_year,
            },
        )

    def _budget(self, grant: Grant) -> Budget:
        year = school_year_of(self.today())
        now_spent = self.reader.read(lambda tx: self.statistics.spent(tx, grant.recipient, year))
        return Budget(grant.recipient, year, self._limit(), now_spent)

    def _limit(self) -> Loss:
        limits = self.book.parameters.statistics
        return Loss(limits.epsilon_year, limits.delta_year)

    def _known(self, grant_id: GrantId, principal: Principal) -> Grant:
        """Return a grant that the caller may know of: its recipient, and officers who read it."""
        grant = self.grants.grant(grant_id)
        if not may_know(self.decisions, principal, grant, self._circumstances(principal, grant)):
            raise no_such_grant()
        return grant

    def _require(self, principal: Principal, action: Action, grant: Grant) -> Decision:
        around = self._circumstances(principal, grant)
        return require(self.decisions, principal, action, grant, self.now(), around)

    def _circumstances(self, principal: Principal, grant: Grant) -> Circumstances:
        return circumstances_of(principal, grant, Use.STATISTICS, self.book, self.separation)
