"""Orders to correct as the body that is inspected meets them: it sees its own, answers, or is late (Art. 51).

Neither evidence nor the inspector's notes are shown to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from gateway.errors import NotFoundError
from gateway.inspections.errors import CaseStateError, CaseVersionError
from gateway.inspections.ports import CaseStore
from gateway.inspections.records import Case, CaseId, CaseQuery, CaseState, OrderView, Subject, SubjectKind
from gateway.inspections.steps import CaseSteps, Step
from gateway.inspections.texts import said
from gateway.journal import Reader, Tx
from gateway.principals import AccountKind, Principal, Role

OVERDUE_AT_ONCE: Final = 200
_LISTED: Final = 200
_ANSWERING: Final[Mapping[SubjectKind, frozenset[Role]]] = {
    SubjectKind.UNIT: frozenset({Role.DATA_OFFICER, Role.APPROVING_OFFICER, Role.REGISTRAR, Role.PRINCIPAL}),
    SubjectKind.RECIPIENT: frozenset({Role.APPLICANT}),
}
"""Who speaks for a body to the inspector."""


@dataclass(frozen=True, slots=True)
class OrderDesk:
    """The orders of a body, for its own people; and the clock that says which are late."""

    store: CaseStore
    steps: CaseSteps
    reader: Reader
    today: Callable[[], date]

    def orders(self, principal: Principal) -> tuple[OrderView, ...]:
        """Return the orders to the principal's own body, newest first, 200 at the most; none for whoever has none."""
        subject = body_of(principal)
        if subject is None:
            return ()

        def run(tx: Tx) -> tuple[OrderView, ...]:
            found = self.store.find(tx, CaseQuery(subject=subject, limit=_LISTED))
            return tuple(self._view(tx, case) for case in found if case.ordered_at is not None)

        return self.reader.read(run)

    def answer(self, principal: Principal, case: CaseId, text: str, *, version: int | None = None) -> OrderView:
        """Answer an order: what was corrected, and how.

        Raises ``NotFoundError`` for an order to another body, ``CaseStateError`` for one that waits for no answer,
        ``CaseVersionError`` and ``ParameterError``.
        """
        text = said("text", text)
        found = self.reader.read(lambda tx: self.store.get(tx, case))
        if found is None or found.ordered_at is None or found.subject != body_of(principal):
            raise NotFoundError("There is no such order to your body.", detail_zh="没有发给贵单位的该责令改正。")
        step = Step(
            "answered",
            (CaseState.ORDERED,),
            lambda before: replace(before, state=CaseState.ANSWERED),
            text,
            version,
            facts={"late": found.late(self.today())},
        )
        after = self.steps.take(principal, found, step)
        return self.reader.read(lambda tx: self._view(tx, after))

    def mark_overdue(self) -> int:
        """Record each order that was not answered by its last day; return how many. For the worker's timer."""
        late = self.reader.read(lambda tx: self.store.past_due(tx, self.today(), OVERDUE_AT_ONCE))
        return sum(self._overdue(case) for case in late)

    def _overdue(self, case: Case) -> bool:
        step = Step("overdue", (CaseState.ORDERED,), lambda found: replace(found, overdue=True))
        try:
            self.steps.take(None, case, step)
        except (CaseStateError, CaseVersionError):
            return False  # it was answered or extended in between
        return True

    def _view(self, tx: Tx, case: Case) -> OrderView:
        return OrderView(case, tuple(one for one in self.store.events(tx, case.id) if one.act == "answered"))


def body_of(principal: Principal) -> Subject | None:
    """Return the body for which a person answers inspectors, ``None`` for whoever speaks for none."""
    if principal.kind is not AccountKind.STAFF or Role.INSPECTOR in principal.roles:
        return None
    if principal.recipient is not None:
        subject = Subject(SubjectKind.RECIPIENT, principal.recipient)
    elif principal.unit is not None:
        subject = Subject(SubjectKind.UNIT, principal.unit)
    else:
        return None
    return subject if principal.roles & _ANSWERING[subject.kind] else None
