"""A request to do something with a record: its kind and its values, described so that forms and API need no copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

Value = str | int | bool | date | None


class ValueType(StrEnum):
    """The type of one value of a request."""

    TEXT = "text"
    DATE = "date"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    SCHOOL = "school"
    """学校标识码, ten digits."""
    DIVISION = "division"
    """A division code, six digits."""
    GRADE = "grade"


@dataclass(frozen=True, slots=True)
class ValueSpec:
    """One value that a request takes.

    ``personal``: it may hold something of a person, lies under seal and stays out of logs. ``choices`` are code ->
    (Chinese, English) for ``choice``. ``when``: it is required only where another value has one of the values given
    (name, values).
    """

    name: str
    kind: ValueType
    zh: str
    en: str
    required: bool = True
    personal: bool = False
    choices: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    when: tuple[str, frozenset[str]] | None = None
    longest: int = 200


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: an act of ``kind`` on a record (or for a new one), as of ``on``, the day of the event.

    ``school`` is the school for which it is opened: of a transfer the *receiving* one. ``values`` fit the procedure's
    ``ValueSpec``s. ``applied_on`` is the civil day on which the guardian applied.
    """

    kind: str
    school: str
    on: date
    applied_on: date
    student_id: str | None = None
    values: Mapping[str, Value] = field(default_factory=dict, repr=False)

    def text(self, name: str) -> str:
        """Return a text value, empty when it is not given."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def day(self, name: str) -> date | None:
        """Return a date value."""
        value = self.values.get(name)
        return value if isinstance(value, date) else None

    def number(self, name: str) -> int | None:
        """Return an integer value."""
        value = self.values.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def flag(self, name: str) -> bool:
        """Return a boolean value; not given is no."""
        return self.values.get(name) is True
