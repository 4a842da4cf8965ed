"""The guardian's view on faces without the tag root: they ask the worker, under seal, who looks at the bond again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol, cast

from gateway.accesses.ports import AccessDesk
from gateway.accesses.records import Access, AccessPage, Question, QuestionId, Sort, Words
from gateway.errors import ForbiddenError
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.instants import instant_of, micros_text
from gateway.principals import FAMILIES, AccountKind, Principal, Role

PAGE, ASK = "family-accesses", "family-question"
"""The kinds of questions by which another face asks the worker."""
Json = Mapping[str, object]


class Broker(Protocol):
    """The way to the worker (``gateway.broker.service.Asker``)."""

    def ask(self, kind: str, body: Mapping[str, object]) -> object:
        """Return the worker's answer; raises ``UnavailableError``, and the ``ForbiddenError`` that it met."""


@dataclass(frozen=True, slots=True)
class RemoteAccesses:
    """Implements ``gateway.accesses.ports.AccessDesk`` by asking the worker: outside and family."""

    broker: Broker

    def page(self, by: Principal, subject_ref: SubjectRef, before: int | None = None) -> AccessPage:
        """Return a page of accesses and the account's own questions."""
        told = cast("Json", self.broker.ask(PAGE, {**_family(by), "subject_ref": subject_ref, "before": before}))
        return AccessPage(
            tuple(_access_in(one) for one in cast("Sequence[Json]", told["accesses"])),
            cast("int | None", told["before"]),
            tuple(_question_in(one, by.account, subject_ref) for one in cast("Sequence[Json]", told["questions"])),
            tuple(cast("Sequence[str]", told["lost_epochs"])),
        )

    def ask(self, by: Principal, subject_ref: SubjectRef, text: str, entry: int | None = None) -> datetime:
        """Take a question; return when it was asked."""
        body = {**_family(by), "subject_ref": subject_ref, "text": text, "entry": entry}
        return instant_of(str(self.broker.ask(ASK, body)))


def access_handlers(desk: AccessDesk) -> Mapping[str, Callable[[Mapping[str, object]], object]]:
    """Return what answers the questions of ``RemoteAccesses`` at the worker, by kind."""

    def page(body: Json) -> object:
        found = desk.page(_family_in(body), SubjectRef(str(body["subject_ref"])), cast("int | None", body["before"]))
        return {
            "accesses": [_access(one) for one in found.accesses],
            "before": found.before,
            "questions": [_question(one) for one in found.questions],
            "lost_epochs": list(found.lost_epochs),
        }

    def ask(body: Json) -> object:
        subject_ref, entry = SubjectRef(str(body["subject_ref"])), cast("int | None", body["entry"])
        return micros_text(desk.ask(_family_in(body), subject_ref, str(body["text"]), entry))

    return {PAGE: page, ASK: ask}


def _family(by: Principal) -> dict[str, object]:
    return {"account": by.account, "kind": by.kind.value, "assurance": by.assurance}


def _family_in(body: Json) -> Principal:
    kind = AccountKind(str(body["kind"]))
    if kind not in FAMILIES:
        raise ForbiddenError("Only families ask by this door.", detail_zh="仅家庭账号可由此办理。", rule="A50-4")
    assurance = int(str(body["assurance"]))
    return Principal(AccountId(str(body["account"])), kind, frozenset({Role(kind.value)}), assurance=assurance)


def _access(one: Access) -> dict[str, object]:
    return {
        "index": one.index,
        "at": micros_text(one.at),
        "sort": one.sort.value,
        "body": one.body,
        "post": one.post,
        "purpose": [one.purpose.zh, one.purpose.en],
        "what": [[words.zh, words.en] for words in one.what],
        "ground": one.ground,
        "delivered": one.delivered,
    }


def _access_in(told: Json) -> Access:
    return Access(
        index=cast("int", told["index"]),
        at=instant_of(str(told["at"])),
        sort=Sort(str(told["sort"])),
        body=str(told["body"]),
        post=str(told["post"]),
        purpose=Words(*cast("tuple[str, str]", told["purpose"])),
        what=tuple(Words(*pair) for pair in cast("Sequence[tuple[str, str]]", told["what"])),
        ground=str(told["ground"]),
        delivered=cast("bool | None", told["delivered"]),
    )


def _question(one: Question) -> dict[str, object]:
    return {
        "id": one.id,
        "entry": one.entry,
        "unit": one.unit,
        "asked_at": micros_text(one.asked_at),
        "due": one.due.isoformat(),
        "text": one.text,
        "answer": one.answer,
        "answered_at": None if one.answered_at is None else micros_text(one.answered_at),
        "overdue": one.overdue,
    }


def _question_in(told: Json, account: AccountId, subject_ref: SubjectRef) -> Question:
    answered = told["answered_at"]
    return Question(
        id=QuestionId(str(told["id"])),
        account=account,
        subject_ref=subject_ref,
        entry=cast("int | None", told["entry"]),
        unit=UnitCode(str(told["unit"])),
        asked_at=instant_of(str(told["asked_at"])),
        due=date.fromisoformat(str(told["due"])),
        text=str(told["text"]),
        answer=str(told["answer"]),
        answered_at=None if answered is None else instant_of(str(answered)),
        overdue=bool(told["overdue"]),
    )
