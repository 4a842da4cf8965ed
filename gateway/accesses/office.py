"""Questions of families as the office meets them: what waits, the answer, what is late."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Protocol

from gateway.accesses.ports import PupilView, QuestionStore
from gateway.accesses.records import MAX_TEXT, OpenQuestion, Question, QuestionId
from gateway.errors import ConflictError, ForbiddenError, NotFoundError
from gateway.ids import UnitCode
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import Principal
from gateway.record_texts import said

LISTED: Final = 200
OVERDUE_AT_ONCE: Final = 200


class QuestionGate(Protocol):
    """Asks the decision point."""

    def answer(self, principal: Principal, unit: UnitCode) -> str:
        """Return the policy that lets ``principal`` answer for ``unit``; raises ``ForbiddenError``."""


@dataclass(frozen=True, slots=True)
class QuestionDesk:
    """What families asked, for those who answer."""

    store: QuestionStore
    gate: QuestionGate
    view: PupilView
    reader: Reader
    journal: Journal
    now: Callable[[], datetime]
    today: Callable[[], date]

    def waiting(self, principal: Principal) -> tuple[OpenQuestion, ...]:
        """Return the questions that wait for the principal's territory, the most urgent first; the look is an entry."""
        found = [one for one in self._open() if self._may(principal, one.unit)]
        if found:
            facts: dict[str, JsonValue] = {"questions": [one.id for one in found]}
            subjects = tuple(sorted({one.subject_ref for one in found}))
            self.journal.append(EntryDraft("family.question_read", principal, facts=facts, subjects=subjects))
        return tuple(self._shown(one) for one in found)

    def answer(self, principal: Principal, question: QuestionId, text: str) -> Question:
        """Answer a question, once.

        Raises ``NotFoundError`` when there is none in the principal's charge, ``ParameterError`` without a text, and
        ``ConflictError`` for one that was answered.
        """
        text = said("answer", text, longest=MAX_TEXT, screened=False)
        found = self.reader.read(lambda tx: self.store.get(tx, question))
        if found is None or not self._may(principal, found.unit):
            raise NotFoundError("There is no such question.", detail_zh="没有该询问。")
        policy, now = self.gate.answer(principal, found.unit), self.now()
        answered = replace(found, answer=text, answered_at=now, answered_by=principal.account)

        def write(tx: Tx) -> None:
            if not self.store.answer(tx, answered):
                raise ConflictError("The question was answered.", detail_zh="该询问已答复。")

        facts = {**_facts(found), "late": found.late(self.today())}
        entry = EntryDraft(
            "family.question_answered", principal, facts=facts, policy=policy, subjects=(found.subject_ref,)
        )
        self.journal.record(write, entry)
        return answered

    def mark_overdue(self) -> int:
        """Record each question that waits beyond its last day; return how many. For the worker's timer."""
        late = self.reader.read(lambda tx: self.store.past_due(tx, self.today(), OVERDUE_AT_ONCE))
        return sum(self._overdue(one) for one in late)

    def _overdue(self, question: Question) -> bool:
        def write(tx: Tx) -> None:
            if not self.store.mark_overdue(tx, question.id):
                raise ConflictError("The question was answered meanwhile.", detail_zh="该询问已答复。")

        try:
            self.journal.record(write, EntryDraft("family.question_overdue", None, facts=_facts(question)))
        except ConflictError:
            return False  # it was answered in between
        return True

    def _open(self) -> list[Question]:
        return self.reader.read(lambda tx: self.store.waiting(tx, LISTED))

    def _may(self, principal: Principal, unit: UnitCode) -> bool:
        try:
            self.gate.answer(principal, unit)
        except ForbiddenError:
            return False
        return True

    def _shown(self, question: Question) -> OpenQuestion:
        row: Mapping[str, object] = self.view.pupil(question.subject_ref) or {}
        label, school = str(row.get("name_masked") or "—"), str(row.get("school_name") or "—")
        return OpenQuestion(question, label, school, question.late(self.today()))


def _facts(question: Question) -> dict[str, JsonValue]:
    return {"question": question.id, "unit": question.unit, "due": question.due.isoformat()}
