"""Texts redacted anew in the registry database (``core_registry.redactions.RedactionStore``).

Records are read and redacted outside the writing transaction, which then takes only those that nobody changed since.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, func, select, tuple_

from core_registry.db.bulk import select_in, update_frame
from core_registry.db.engine import reading, writing
from core_registry.db.record_rows import opened_rows
from core_registry.db.sealing import DataKeys, RegistryKeys
from core_registry.db.shared_texts import SOURCES, Rolls, SharedTexts, with_text
from core_registry.db.state import Fact, advance, queue
from core_registry.db.tables import sharing_students, students
from core_registry.db.times import stamp
from core_registry.db.units import read_schools
from core_registry.redactions import Batch
from core_registry.sharing import NOT_REDACTED, Redactor

_SHARED = sharing_students.c


class SqlRedactions:
    """See ``RedactionStore``."""

    def __init__(self, engine: Engine, keys: RegistryKeys, redactor: Redactor) -> None:
        self._engine = engine
        self._keys = DataKeys(engine, keys)
        self._texts = SharedTexts(redactor)

    @property
    def version(self) -> str:
        """The version under which texts are redacted now."""
        return self._texts.version

    def has_texts(self) -> bool:
        """Say whether any record has a text."""
        with reading(self._engine) as connection:
            first = connection.execute(select(_SHARED.subject_ref).where(_SHARED.text_redaction.is_not(None)).limit(1))
            return first.first() is not None

    def stale(self) -> int:
        """Return the number of records whose texts stand under another version, or withheld."""
        with reading(self._engine) as connection:
            count: int = connection.execute(
                select(func.count()).select_from(sharing_students).where(*_stale(self.version))
            ).scalar_one()
        return count

    def redact(self, after: tuple[str, str], limit: int, actor: str, at: datetime) -> Batch | None:
        """Redact a batch; see ``RedactionStore.redact``."""
        version = self.version
        with reading(self._engine) as connection:
            rows = _rows(connection, version, after, limit)
            if not rows:
                return None
            made = self._redacted(connection, rows)
        last = rows[-1].school_code, rows[-1].subject_ref
        with writing(self._engine) as connection:
            written = _write(connection, made, at)
            withheld = int((written["text_redaction"] == NOT_REDACTED).sum())
            if not written.is_empty():
                facts: dict[str, Fact] = {
                    "rows": written.height, "withheld": withheld, "redaction": version, "commit": advance(connection),
                }  # fmt: skip
                queue(connection, "registry.redaction", at, actor, facts)
        return Batch(written.height, withheld, last)

    def _redacted(self, connection: Connection, rows: list[Any]) -> pl.DataFrame:
        """Return subject_ref, student_id, the version of the record as it was read, and its texts, redacted."""
        refs = pl.DataFrame(
            [(row.student_id, row.subject_ref, row.version) for row in rows],
            schema={"student_id": pl.String, "subject_ref": pl.String, "version": pl.Int64},
            orient="row",
        )
        records = opened_rows(self._keys, connection, refs["student_id"].to_list()).join(refs, on="student_id")
        members = pl.concat(
            [records.select("student_id", pl.col(f"member{place}_name").alias("name")) for place in (1, 2)]
        )
        # a record without a text any more has none in the view either
        bare = pl.lit(None, dtype=pl.String)
        none = records.filter(~with_text()).select(
            "subject_ref", *(bare.alias(name) for name in SOURCES.values()), bare.alias("text_redaction")
        )
        told = records.filter(with_text())
        texts = [none]
        if not told.is_empty():
            rolls = Rolls(self._keys, connection)
            texts.append(self._texts.redacted(connection, told, members, read_schools(connection), rolls))
        return pl.concat(texts).join(refs, on="subject_ref")


def _stale(version: str) -> tuple[Any, ...]:
    """Return which texts a run takes: those under another version; while none can be redacted, those withheld."""
    withheld = _SHARED.text_redaction == NOT_REDACTED
    return _SHARED.text_redaction.is_not(
        None
    ), withheld if version == NOT_REDACTED else _SHARED.text_redaction != version


def _rows(connection: Connection, version: str, after: tuple[str, str], limit: int) -> list[Any]:
    place = tuple_(_SHARED.school_code, _SHARED.subject_ref)
    query = (
        select(_SHARED.school_code, _SHARED.subject_ref, students.c.student_id, students.c.version)
        .join(students, students.c.subject_ref == _SHARED.subject_ref)
        .where(*_stale(version), place > tuple_(*after))
        .order_by(_SHARED.school_code, _SHARED.subject_ref)
        .limit(limit)
    )
    return list(connection.execute(query).all())


def _write(connection: Connection, made: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """Write the texts of records that are as they were read; return their rows. The records stay locked meanwhile."""
    columns = [students.c.student_id, students.c.version]
    present = select_in(connection, columns, students.c.student_id, made["student_id"].to_list(), lock=True)
    written = made.join(present, on=["student_id", "version"], how="semi").select(
        "subject_ref", *SOURCES.values(), "text_redaction", pl.lit(stamp(at)).alias("updated_at")
    )
    update_frame(connection, sharing_students, written)
    return written
