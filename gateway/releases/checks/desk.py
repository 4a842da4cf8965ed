"""The worker's half of a check: decide again, count the guess, look, record, and only then answer.

What is done does not hang on what is found: the same statements with the same number of parameters, every
comparison, and an entry with one tag for each person. Who is unknown, beyond the guess limit, out of the grant's
territory or otherwise claimed is "not confirmed", and nothing tells which.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol, cast

from core_registry.sharing import PersonMatcher, PersonQuery, PupilRows, RowFilter
from gateway.articles import keeps
from gateway.errors import ForbiddenError, GatewayError, UnavailableError
from gateway.ids import SubjectRef
from gateway.journal import EntryDraft, Journal, JsonValue, Scratch, Tx
from gateway.policies.records import Grant, Level
from gateway.policies.trail import grant_links
from gateway.releases.checks.guesses import GuessLimit
from gateway.releases.checks.protocols import Checks
from gateway.releases.checks.questions import claims_hold, columns_of, require_question, rows_of, within
from gateway.releases.checks.records import Asked, Check, CheckId, CheckRequest, CheckState, ClaimValue
from gateway.releases.errors import LeaseLostError
from gateway.releases.protocols import Grants
from rulebook.records import ReleaseProfile, Rulebook

CHECK = "check"
"""The kind of question by which another face asks the worker."""


class CheckDesk(Protocol):
    """Who answers a check whose intent is durable."""

    def answer(self, check: CheckId, request: CheckRequest) -> tuple[bool, ...]:
        """Return, person by person, whether all was confirmed. Raises ``GatewayError``; nobody is told then."""


class Broker(Protocol):
    """The way to the worker (``gateway.broker.service.Asker``)."""

    def ask(self, kind: str, body: Mapping[str, object]) -> object:
        """Return the worker's answer."""


@keeps("A50-9", "A50-10")
@dataclass(frozen=True, slots=True)
class LocalDesk:
    """Answers from the registry: office, worker and ``all``."""

    grants: Grants
    checks: Checks
    guesses: GuessLimit
    journal: Journal
    scratch: Scratch
    matcher: PersonMatcher
    pupils: PupilRows
    book: Rulebook
    now: Callable[[], datetime]
    today: Callable[[], date]

    def answer(self, check: CheckId, request: CheckRequest) -> tuple[bool, ...]:
        """Return, person by person, whether all was confirmed; the outcome's entry is durable by then (I3).

        Raises ``LeaseLostError`` for a check that was not asked so, or was answered before.
        """
        people = request.people
        begun = self.scratch.write(lambda tx: self._begin(tx, check, len(people)))
        grant = self.grants.grant(begun.grant)
        require_question(grant, request, self.book, self.today(), taken=True)
        keys, open_ = self.guesses.reserve(begun.recipient, self.today(), [person.id_number for person in people])
        confirmed, subjects = self._look(grant, people, open_)
        links = {**grant_links(grant), "executor": str(begun.executor)}
        limited = open_.count(False)
        if limited:
            self.journal.append(
                EntryDraft(
                    "release.guess_limited",
                    None,
                    outcome="refused",
                    facts={"check": check, "people": limited, "limit": self.guesses.limit, "rule": "A50-9"},
                    links=links,
                )
            )

        def write(tx: Tx) -> None:
            if not self.checks.end(tx, check, CheckState.COMPLETE, among={CheckState.LOOKING}):
                raise _not_open()
            self.guesses.settle(tx, keys, confirmed)

        facts: dict[str, JsonValue] = {
            "check": check,
            "level": Level.CHECK.value,
            "people": len(people),
            "confirmed": sum(confirmed),
            "limited": limited,
        }
        self.journal.record(
            write, EntryDraft("release.outcome", None, "complete", facts=facts, links=links, subjects=subjects)
        )
        return confirmed

    def _begin(self, tx: Tx, check: CheckId, people: int) -> Check:
        """Take the check for this answer: it is answered once, and about as many people as its intent says."""
        found = self.checks.get(tx, check)
        lease = self.now() + timedelta(seconds=self.book.parameters.lease_seconds)
        if found is None or found.people != people or not self.checks.begin(tx, check, lease):
            raise _not_open()
        return found

    def _look(
        self, grant: Grant, people: Sequence[Asked], open_: Sequence[bool]
    ) -> tuple[tuple[bool, ...], tuple[SubjectRef, ...]]:
        """Return who is confirmed, and one reference for each person: a random one where there is no pupil."""
        rows, profile = rows_of(grant, self.book), self.book.profiles[grant.scope.profile]
        queries = [_query(person, open=is_open) for person, is_open in zip(people, open_, strict=True)]
        found = self.matcher.subjects(queries)
        subjects = [subject or secrets.token_hex(16) for subject in found]
        columns = columns_of(profile, rows)
        _, frame = self.pupils.pupils(subjects, columns)
        by_subject = {str(row["subject_ref"]): row for row in frame.iter_rows(named=True)}
        nobody = dict.fromkeys(columns)
        confirmed = [
            self._confirmed(profile, rows, person, by_subject.get(subject, nobody), known=known is not None)
            for person, subject, known in zip(people, subjects, found, strict=True)
        ]
        return tuple(confirmed), tuple(map(SubjectRef, subjects))

    def _confirmed(
        self, profile: ReleaseProfile, rows: RowFilter, person: Asked, row: Mapping[str, object], *, known: bool
    ) -> bool:
        told = [known, within(rows, row), claims_hold(profile, person, row, self.today())]
        return all(told)


@dataclass(frozen=True, slots=True)
class RemoteDesk:
    """Answers by asking the worker: a face without the registry."""

    broker: Broker

    def answer(self, check: CheckId, request: CheckRequest) -> tuple[bool, ...]:
        """Return the worker's answers. Raises ``UnavailableError`` when it does not answer in time."""
        body = {
            "check": check,
            "purpose": request.purpose,
            "people": [[person.name, person.id_number, dict(person.claims)] for person in request.people],
        }
        told = self.broker.ask(CHECK, body)
        if not isinstance(told, str) or len(told) != len(request.people) or not set(told) <= {"0", "1"}:
            raise UnavailableError("The worker's answer is none.", detail_zh="工作进程的应答无效。")
        return tuple(digit == "1" for digit in told)


def check_handler(desk: CheckDesk) -> Callable[[Mapping[str, object]], object]:
    """Return what answers ``CHECK`` at the worker: one digit for each person, so that the size tells nothing."""

    def handle(body: Mapping[str, object]) -> object:
        people = tuple(
            Asked(name, number, cast("Mapping[str, ClaimValue]", claims))
            for name, number, claims in cast("list[tuple[str, str, object]]", body["people"])
        )
        purpose = body["purpose"]
        request = CheckRequest(people, None if purpose is None else str(purpose))
        try:
            return "".join("01"[one] for one in desk.answer(CheckId(str(body["check"])), request))
        except UnavailableError:
            raise
        except GatewayError as error:  # told to the face that asked, under a name that the broker carries
            raise ForbiddenError(
                error.detail, detail_zh=error.detail_zh, rule=error.rule, missing=error.missing, extra=error.extra
            ) from None

    return handle


def _query(person: Asked, *, open: bool) -> PersonQuery:
    """Return whom to look up: beyond the guess limit a random number, which is nobody's, by the same statement."""
    return PersonQuery(person.id_number if open else secrets.token_hex(9), person.name)


def _not_open() -> LeaseLostError:
    return LeaseLostError(
        "This check was not asked so, or it was answered before.", detail_zh="该核验不存在、内容不符或已答复。"
    )
