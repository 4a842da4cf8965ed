"""A register in memory, for the tests of the import; the contract suite of the SQL store runs on it as well."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from core_registry.intake.records import ImportMeta, ImportSummary, Progress

SCHOOLS_SCHEMA = pl.Schema(
    {
        "school_code": pl.String(),
        "name": pl.String(),
        "division": pl.String(),
        "managing_authority": pl.String(),
        "stages": pl.List(pl.String()),
        "closed": pl.Boolean(),
    }
)
HELD_SCHEMA = pl.Schema(
    dict.fromkeys(
        ("id_key", "student_id", "school_code", "name_key", "state", "content_key", "number_key", "number_kind"),
        pl.String(),
    )
)
SUSPECT_SCHEMA = pl.Schema(dict.fromkeys(("suspect_key", "student_id", "id_key"), pl.String()))
ROLL_SCHEMA = pl.Schema(dict.fromkeys(("student_id", "school_code", "id_key", "state"), pl.String()))


@dataclass
class FakeRegisterStore:
    """Implements ``RegisterStore`` with dictionaries. ``fail_on_apply`` stands for a database that is gone."""

    school_rows: Sequence[dict[str, object]]
    key: bytes = b"k" * 32
    students: dict[str, dict[str, object]] = field(default_factory=dict)
    imports: dict[str, ImportMeta] = field(default_factory=dict)
    applied: int = 0
    fail_on_apply: Exception | None = None

    def schools(self) -> pl.DataFrame:
        return pl.DataFrame(self.school_rows, schema=SCHOOLS_SCHEMA)

    def keyed(
        self, kind: Literal["id_number", "name", "phone", "suspect", "student_number"], values: pl.Series
    ) -> pl.Series:
        def one(value: str | None) -> str | None:
            if value is None:
                return None
            return hmac.new(self.key, f"{kind}\x00{value}".encode(), hashlib.sha256).hexdigest()

        return pl.Series([one(value) for value in values], dtype=pl.String)

    def held(self, id_keys: pl.Series) -> pl.DataFrame:
        asked = set(id_keys.drop_nulls().to_list())
        return self._select(HELD_SCHEMA, [row for row in self.students.values() if row["id_key"] in asked])

    def suspects(self, suspect_keys: pl.Series) -> pl.DataFrame:
        asked = set(suspect_keys.drop_nulls().to_list())
        return self._select(SUSPECT_SCHEMA, [row for row in self.students.values() if row["suspect_key"] in asked])

    def roll(self, schools: list[str]) -> pl.DataFrame:
        return self._select(ROLL_SCHEMA, [row for row in self.students.values() if row["school_code"] in schools])

    def imported(self, file_sha256: str) -> ImportSummary | None:
        meta = self.imports.get(file_sha256)
        return meta.summary if meta else None

    def apply(self, rows: pl.DataFrame, meta: ImportMeta, progress: Progress) -> None:
        if self.fail_on_apply is not None:
            raise self.fail_on_apply
        for row, name_key in zip(rows.iter_rows(named=True), self.keyed("name", rows["name"]), strict=True):
            student_id = row["student_id"] or f"student-{len(self.students) + 1}"
            before = self.students.get(student_id, {})
            provisional = f"L140105{row['birth_date']:%Y%m%d}{len(self.students):04d}"
            number = row["student_number"] or before.get("student_number") or provisional
            self.students[student_id] = {
                **row,
                "student_id": student_id,
                "student_number": number,
                "name_key": name_key,
                "number_key": self.keyed("student_number", pl.Series([number]))[0],
                "number_kind": str(number)[0],
                "state": before.get("state", "active"),
            }
        self.imports[meta.file_sha256] = meta
        self.applied += 1
        progress("write", len(rows), len(rows))

    def _select(self, schema: pl.Schema, rows: Sequence[dict[str, object]]) -> pl.DataFrame:
        return pl.DataFrame([{name: row[name] for name in schema} for row in rows], schema=schema)
