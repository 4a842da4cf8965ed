"""Texts of cases, archives and matters for a reader who has no part in them: redacted as those of the sharing view.

The unit that handles a case, and the school that holds the record, work with the clear text; so does a guardian with
the own child's. Whoever looks from above or aside sees what happened, not whom else it names. Nothing is shown clear
because it could not be redacted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl
from sqlalchemy import Connection

from core_registry.db.record_rows import opened_rows
from core_registry.db.sealing import DataKeys
from core_registry.db.shared_texts import Rolls
from core_registry.db.units import read_schools
from core_registry.domain.cases import Case
from core_registry.domain.requests import Value, ValueType
from core_registry.oversight.records import Matter
from core_registry.sharing import KNOWN_COLUMNS, TEXT_WITHHELD, Redactor

_CODED = frozenset({ValueType.CHOICE})
_WHOLE = "record"
"""Member of a backup in the archive: the whole record."""
_SCHEMA = {name: pl.List(pl.String) if name == "guardians" else pl.String for name in KNOWN_COLUMNS}


class ShownTexts:
    """Redacts what a reader sees. Without a redactor every text is withheld."""

    def __init__(self, keys: DataKeys, redactor: Redactor | None) -> None:
        self._keys = keys
        self._redactor = redactor

    def redacted(
        self, connection: Connection, student_id: str | None, school: str | None, texts: Sequence[str]
    ) -> list[str]:
        """Return the texts redacted, with the record of the pupil whom they are about, or with the roll of a school."""
        if self._redactor is None:
            return [text and TEXT_WITHHELD for text in texts]
        told = pl.Series("text", [text or None for text in texts], dtype=pl.String)
        if told.null_count() == len(told):
            return ["" for _ in texts]
        known = self._known(connection, student_id, school)
        beside = pl.DataFrame([known] * len(told), schema=_SCHEMA)
        made = self._redactor.redact(told, beside, Rolls(self._keys, connection))
        return [text or "" for text in made.to_list()]

    def case(self, connection: Connection, case: Case) -> Case:
        """Return a case with its written values, the notes of its steps and its closing note redacted."""
        kinds = {spec.name: spec.kind for spec in case.procedure.fields}
        names = [
            name
            for name, value in case.request.values.items()
            if isinstance(value, str) and kinds.get(name) not in _CODED
        ]
        texts = [str(case.request.values[name]) for name in names]
        notes = [step.note for step in case.steps]
        made = self.redacted(
            connection, case.request.student_id, case.request.school, [*texts, *notes, case.closing_note]
        )
        values: dict[str, Value] = {**case.request.values, **dict(zip(names, made, strict=False))}
        shown = iter(made[len(names) :])
        return replace(
            case,
            request=replace(case.request, values=values),
            steps=tuple(replace(step, note=next(shown)) for step in case.steps),
            closing_note=next(shown),
        )

    def entry(self, connection: Connection, student_id: str, texts: Mapping[str, object]) -> dict[str, object]:
        """Return the sealed texts of an archive entry redacted; values of the record, old and new, are withheld."""
        free = [name for name, value in texts.items() if isinstance(value, str) and not _of_record(name)]
        made = self.redacted(connection, student_id, None, [str(texts[name]) for name in free])
        hidden = {name: TEXT_WITHHELD for name, value in texts.items() if _of_record(name) and value not in {None, ""}}
        return {**texts, **hidden, **dict(zip(free, made, strict=True))}

    def matter(self, connection: Connection, matter: Matter) -> Matter:
        """Return a matter with order, result and notes redacted."""
        lines = [text for _, _, text in matter.notes]
        order, result, *notes = self.redacted(
            connection, matter.student_id, matter.school_code, [matter.order, matter.result, *lines]
        )
        shown = tuple((at, account, text) for (at, account, _), text in zip(matter.notes, notes, strict=True))
        return replace(matter, order=order, result=result, notes=shown)

    def _known(self, connection: Connection, student_id: str | None, school: str | None) -> dict[str, object]:
        rows = opened_rows(self._keys, connection, [] if student_id is None else [student_id])
        record = rows.row(0, named=True) if rows.height else {"school_code": school or ""}
        schools = read_schools(connection)
        named = schools.filter(pl.col("school_code") == record["school_code"])["name"].to_list()
        family = [record.get(f"member{place}_name") for place in (1, 2)]
        return {
            "school_code": record["school_code"],
            "school_name": named[0] if named else None,
            "name": record.get("name"),
            "former_name": record.get("former_name"),
            "guardians": [name for name in family if name],
            "residence_address": record.get("residence_address"),
            "household_address": record.get("household_address"),
        }


def _of_record(name: str) -> bool:
    """Whether a member of an entry holds a value of the record: ``before.name``, ``after.id_number``, ``record``."""
    return name == _WHOLE or "." in name
