"""Changes of single records by cases: the same way into the register that an import takes, for one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row, select

from core_registry.db.store import SqlRegisterStore
from core_registry.db.tables import students
from core_registry.domain.requests import Value
from core_registry.domain.rules import enforces
from core_registry.domain.working_days import civil_date
from core_registry.errors import RegisterRuleError
from core_registry.intake.one_form import OneFormReader

_LEFT_OUT = ("unnumbered_key",)
_ALONE = frozenset({"grade", "class_name", "school_code"})


@dataclass(frozen=True, slots=True)
class Changed:
    """A record as it will be written. ``told``: ``before.…`` and ``after.…`` of the fields, for under seal."""

    rows: pl.DataFrame = field(repr=False)
    fields: tuple[str, ...]
    told: Mapping[str, str | int | bool | None] = field(repr=False)


class RecordChanges:
    """Makes and rewrites records through ``register``; ``forms`` brings values into normal form."""

    def __init__(self, register: SqlRegisterStore, forms: OneFormReader) -> None:
        self._register = register
        self._forms = forms

    def form(self, connection: Connection, student_id: str) -> dict[str, Any]:
        """Return the present record as values of the form, opened."""
        found: dict[str, Any] = self._register.opened_rows(connection, [student_id]).row(0, named=True)
        return found

    @enforces("A10-1", how="record")
    def new(
        self, connection: Connection, values: Mapping[str, Value], school: str, now: datetime, on: date
    ) -> tuple[str, str]:
        """Register a pupil, pre-registered, at ``school`` from ``on``; return student id and subject reference.

        Raises ``RegisterRuleError`` (A10-2) for a value that the form does not take.
        """
        taken = self._forms.take(values, school, civil_date(now), self._register).rows
        self._refuse_lost(values, taken)
        rows = taken.drop(*_LEFT_OUT).with_columns(pl.lit(None, dtype=pl.String).alias("student_id"))
        (student_id,) = self._register.write_rows(connection, rows, now, on=on, state="pre-registered")
        ref = connection.execute(select(students.c.subject_ref).where(students.c.student_id == student_id))
        return student_id, str(ref.scalar_one())

    def prepared(self, connection: Connection, before: Row[Any], values: Mapping[str, Value], today: date) -> Changed:
        """Return the record with ``values`` (field code -> new value, ``school_code`` for another school) in it.

        Fields that are not named stay exactly as they are. Raises ``RegisterRuleError`` (A10-2).
        """
        old = self.form(connection, before.student_id)
        new = {name: None if value == "" else value for name, value in values.items()}
        school = str(new.get("school_code") or before.school_code)
        taken = self._forms.take({**old, **new}, school, today, self._register).rows
        self._refuse_lost(new, taken)
        kept = [name for name in self._forms.annex if name not in new]
        addresses = {"residence_division": "residence_address", "household_division": "household_address"}
        kept += [name for name, address in addresses.items() if address not in new]
        rows = taken.with_columns(pl.Series(name, [old[name]], dtype=taken.schema[name]) for name in kept)
        number = new.get("student_number")
        rows = (
            self._forms.keyed(rows, self._register)
            .drop(*_LEFT_OUT)
            .with_columns(
                pl.lit(before.student_id).alias("student_id"),
                pl.lit(number, dtype=pl.String).alias("student_number"),
            )
        )
        names = tuple(name for name in new if name not in _ALONE)
        told = {f"{when}.{name}": _plain(source[name]) for name in names
                for when, source in (("before", old), ("after", {**new, **rows.row(0, named=True)}))}  # fmt: skip
        return Changed(rows, names, told)

    @enforces("S-2", "A6-3", how="code")
    def write(self, connection: Connection, change: Changed, now: datetime, on: date) -> None:
        """Write the record anew: sealed column, keys, members, sharing row. Only a provisional number gives way."""
        self._register.write_rows(connection, change.rows, now, on=on)

    @staticmethod
    def _refuse_lost(values: Mapping[str, Value], taken: pl.DataFrame) -> None:
        lost = [name for name, value in values.items()
                if value not in {None, ""} and name in taken.columns and taken[name][0] is None]  # fmt: skip
        if lost:
            raise RegisterRuleError(
                f"The form does not take these values: {', '.join(sorted(lost))}.",
                detail_zh=f"下列项目的值不符合要求：{'、'.join(sorted(lost))}。",
                rule="A10-2",
            )


def _plain(value: object) -> str | int | bool | None:
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)
