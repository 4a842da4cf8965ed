"""Orders to correct on the outside face: it holds no key of case texts and asks the worker, under seal, who decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol, cast

from gateway.errors import NotFoundError
from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.inspections.ports import Orders
from gateway.inspections.records import Case, CaseEvent, CaseId, CaseState, OrderView, Subject, SubjectKind
from gateway.inspections.texts import said
from gateway.instants import instant_of, micros_text
from gateway.principals import AccountKind, Principal, Role

LIST, ANSWER = "correction-orders", "correction-answer"
"""The kinds of questions by which the outside face asks the worker."""
Json = Mapping[str, object]


class Broker(Protocol):
    """The way to the worker (``gateway.broker.service.Asker``)."""

    def ask(self, kind: str, body: Mapping[str, object]) -> object:
        """Return the worker's answer; raises ``UnavailableError``, and the ``ConflictError`` that it met."""


@dataclass(frozen=True, slots=True)
class RemoteOrders:
    """Implements ``gateway.inspections.ports.Orders`` by asking the worker."""

    broker: Broker

    def orders(self, principal: Principal) -> tuple[OrderView, ...]:
        """Return the orders to the principal's own body, newest first."""
        told = cast("Sequence[Json]", self.broker.ask(LIST, {"by": _person(principal)}))
        return tuple(_view_in(one) for one in told)

    def answer(self, principal: Principal, case: CaseId, text: str, *, version: int | None = None) -> OrderView:
        """Answer an order; raises ``NotFoundError`` for another body's, ``ConflictError`` and ``ParameterError``."""
        body = {"by": _person(principal), "case": case, "text": said("text", text), "version": version}
        told = self.broker.ask(ANSWER, body)
        if told is None:
            raise NotFoundError("There is no such order to your body.", detail_zh="没有发给贵单位的该责令改正。")
        return _view_in(cast("Json", told))


def order_handlers(desk: Orders) -> Mapping[str, Callable[[Mapping[str, object]], object]]:
    """Return what answers the questions of ``RemoteOrders`` at the worker, by kind."""

    def listed(body: Json) -> object:
        return [_view(one) for one in desk.orders(_person_in(body["by"]))]

    def answer(body: Json) -> object:
        version = cast("int | None", body["version"])
        try:
            return _view(
                desk.answer(_person_in(body["by"]), CaseId(str(body["case"])), str(body["text"]), version=version)
            )
        except NotFoundError:
            return None  # the broker tells refusals only; the face says what it means

    return {LIST: listed, ANSWER: answer}


def _person(by: Principal) -> dict[str, object]:
    return {
        "account": by.account,
        "kind": by.kind.value,
        "roles": sorted(by.roles),
        "unit": by.unit,
        "post": by.post,
        "recipient": by.recipient,
        "assurance": by.assurance,
    }


def _person_in(told: object) -> Principal:
    person = cast("Json", told)
    unit, recipient = person["unit"], person["recipient"]
    return Principal(
        account=AccountId(str(person["account"])),
        kind=AccountKind(str(person["kind"])),
        roles=frozenset(Role(role) for role in cast("list[str]", person["roles"])),
        unit=None if unit is None else UnitCode(str(unit)),
        post=str(person["post"]),
        recipient=None if recipient is None else RecipientId(str(recipient)),
        assurance=int(str(person["assurance"])),
    )


def _view(one: OrderView) -> dict[str, object]:
    case = one.case
    return {
        "id": case.id,
        "subject": [case.subject.kind.value, case.subject.code],
        "title": case.title,
        "state": case.state.value,
        "opened_at": micros_text(case.opened_at),
        "codes": list(case.codes),
        "order": case.order,
        "ordered_at": None if case.ordered_at is None else micros_text(case.ordered_at),
        "due": None if case.due is None else case.due.isoformat(),
        "overdue": case.overdue,
        "version": case.version,
        "answers": [[micros_text(said_.at), said_.account, said_.text] for said_ in one.answers],
    }


def _view_in(told: Json) -> OrderView:
    kind, code = cast("list[str]", told["subject"])
    ordered_at, due = told["ordered_at"], told["due"]
    case = Case(
        id=CaseId(str(told["id"])),
        subject=Subject(SubjectKind(kind), code),
        source="",
        title=str(told["title"]),
        state=CaseState(str(told["state"])),
        opened_at=instant_of(str(told["opened_at"])),
        opened_by=AccountId(""),
        codes=tuple(cast("list[str]", told["codes"])),
        order=str(told["order"]),
        ordered_at=None if ordered_at is None else instant_of(str(ordered_at)),
        due=None if due is None else date.fromisoformat(str(due)),
        overdue=bool(told["overdue"]),
        version=int(str(told["version"])),
    )
    answers = cast("list[tuple[str, str | None, str]]", told["answers"])
    return OrderView(
        case,
        tuple(
            CaseEvent(instant_of(at), None if account is None else AccountId(account), "answered", text)
            for at, account, text in answers
        ),
    )
