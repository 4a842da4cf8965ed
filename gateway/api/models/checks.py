"""Checks and matches as JSON and as forms."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from core_registry.sharing import normal_id_number
from gateway.api.models.base import Code, Line, Model
from gateway.audit.screening import looks_personal
from gateway.errors import ParameterError
from gateway.policies.records import Format
from gateway.releases.checks.records import MAX_PEOPLE, Asked, CheckRequest, CheckResult
from gateway.releases.matches.records import MAX_LIST_ROWS, Listed, MatchRequest, Upload

_LAST_ROW = 9_999_999
"""A row number has fewer digits than a telephone number."""


def _names_nobody(text: str) -> str:
    if looks_personal(text):
        raise ValueError("A reference is the caller's own row id, never a number of a person.")
    return text


Reference = Annotated[
    str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9._-]+$"), AfterValidator(_names_nobody)
]
Name = Annotated[Line, Field(min_length=1, max_length=60, repr=False)]
Number = Annotated[Line, Field(min_length=1, max_length=40, repr=False)]
FieldNames = Annotated[str, Field(max_length=2000, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(,[A-Za-z0-9._-]+)*$")]
Claim = bool | Annotated[Line, Field(min_length=1, max_length=120)]


class PersonIn(Model):
    """One person, and what is claimed of them."""

    reference: Reference
    """The caller's own row id; it comes back with the answer. Never a number of a person."""
    name: Name
    id_number: Number
    claims: Annotated[dict[Code, Claim], Field(min_length=1, max_length=20, repr=False)]
    """Field of the grant -> the value that is claimed."""


class CheckIn(Model):
    """Who is asked about. One use of the grant for each person."""

    people: Annotated[list[PersonIn], Field(min_length=1, max_length=MAX_PEOPLE, repr=False)]
    purpose: Code | None = None
    """What it is for; it must be the purpose of the grant."""

    def to_record(self) -> CheckRequest:
        """Return the record. Raises ``ParameterError`` for a person or a reference that stands twice."""
        numbers = {normal_id_number(person.id_number) for person in self.people}
        if len(numbers) < len(self.people) or len({person.reference for person in self.people}) < len(self.people):
            raise ParameterError(
                "Each person and each reference once in a check.",
                detail_zh="同一次核验中，人员和行号均不得重复。",
                missing=("people",),
            )
        people = tuple(Asked(person.name, person.id_number, dict(person.claims)) for person in self.people)
        return CheckRequest(people, self.purpose)


class AnswerOut(Model):
    """The answer about one person."""

    reference: str
    answer: Literal["yes", "unconfirmed"]
    """``yes`` when name, number and every claim are as said, within the grant. Why not, is not told."""
    answer_zh: Literal["是", "未能确认"]


class CheckOut(Model):
    """The answers of a check, in the order of the people."""

    check: str
    answers: list[AnswerOut]

    @staticmethod
    def of(asked: CheckIn, result: CheckResult) -> CheckOut:
        """Return the model of a result."""
        answers = [
            AnswerOut(reference=person.reference, answer="yes", answer_zh="是")
            if confirmed
            else AnswerOut(reference=person.reference, answer="unconfirmed", answer_zh="未能确认")
            for person, confirmed in zip(asked.people, result.confirmed, strict=True)
        ]
        return CheckOut(check=result.id, answers=answers)


class ListedIn(Model):
    """One person of a list."""

    row: Annotated[int, Field(ge=1, le=_LAST_ROW)]
    """The number of the row in the caller's own file: the key under which the answer comes back."""
    name: Name
    id_number: Number
    student_number: Annotated[Annotated[Line, Field(max_length=40)] | None, Field(repr=False)] = None
    """Must agree too where it is given, as must ``phone``, of a guardian."""
    phone: Annotated[Annotated[Line, Field(max_length=40)] | None, Field(repr=False)] = None


class MatchIn(Model):
    """A list, and what is wanted of each person; what is left out is all that was granted."""

    people: Annotated[list[ListedIn], Field(min_length=1, max_length=MAX_LIST_ROWS, repr=False)]
    format: Format = Format.CSV
    fields: Annotated[list[Code], Field(min_length=1, max_length=60)] | None = None
    purpose: Code | None = None

    def to_record(self) -> tuple[MatchRequest, Upload]:
        """Return the records."""
        people = tuple(
            Listed(one.row, one.name, one.id_number, one.student_number or None, one.phone or None)
            for one in self.people
        )
        fields = None if self.fields is None else tuple(sorted(set(self.fields)))
        return MatchRequest(self.format, fields, self.purpose), Upload(people=people)


class MatchFormFields(Model):
    """How a list that comes as a file is to be taken."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    format: Format = Format.CSV
    fields: (
        Annotated[str, Field(max_length=2000, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(,[A-Za-z0-9._-]+)*$")] | None
    ) = None
    """Names of granted fields, joined by commas; left out, all of them."""
    purpose: Code | None = None

    def to_record(self) -> MatchRequest:
        """Return the record."""
        fields = None if self.fields is None else tuple(sorted(set(self.fields.split(","))))
        return MatchRequest(self.format, fields, self.purpose)
