"""Texts of records on their way into the sharing view: redacted with what the registry knows of the pupil (I8).

Only records with a text cost anything here. The names on the roll of one school are open at a time, in memory alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import polars as pl
from sqlalchemy import Connection, select

from core_registry.db.bulk import select_in
from core_registry.db.opened import open_column
from core_registry.db.sealing import DataKeys
from core_registry.db.tables import school_memberships, students
from core_registry.sharing import KNOWN_COLUMNS, NOT_REDACTED, TEXT_WITHHELD, Redactor

SOURCES = {"awards": "awards_text", "remarks": "remarks_text"}
"""Text of a record -> column of the sharing view. Texts of sanctions and suspensions are no columns of it at all."""
TEXTS_SCHEMA: dict[str, type[pl.DataType]] = {
    "subject_ref": pl.String,
    **dict.fromkeys(SOURCES.values(), pl.String),
    "text_redaction": pl.String,
}
_LONGEST_VERSION = 64


def with_text() -> pl.Expr:
    """Return whether a record has a text; an empty one is none."""
    return pl.any_horizontal((pl.col(name) != "").fill_null(value=False) for name in SOURCES)


def version_of(redactor: Redactor) -> str:
    """Return the version under which ``redactor`` works now as it is stored: a long one by its SHA-256."""
    version = redactor.version
    return version if len(version) <= _LONGEST_VERSION else hashlib.sha256(version.encode()).hexdigest()


class Rolls:
    """Opens the names on the roll of a school: pupils whose record lies there, and those who left it with a degree.

    ``written`` (student_id, school_code, name, former_name) are records of the transaction itself, which need not be
    opened. The last school is kept.
    """

    def __init__(self, keys: DataKeys, connection: Connection, written: pl.DataFrame | None = None) -> None:
        self._keys = keys
        self._connection = connection
        self._written = written
        self._by_school: pl.DataFrame | None = None
        self._last: tuple[str, tuple[str, ...]] | None = None

    def __call__(self, school_code: str) -> Sequence[str]:
        """Return the names on the roll of a school, each once, in no order."""
        if self._last is None or self._last[0] != school_code:
            self._last = None  # never two rolls at a time
            self._last = school_code, self._names(school_code)
        return self._last[1]

    def _names(self, school_code: str) -> tuple[str, ...]:
        rows = self._connection.execute(
            select(students.c.student_id, students.c.key_version, students.c.sealed).where(
                students.c.school_code == school_code
            )
        ).all()
        schema = {"student_id": pl.String, "key_version": pl.Int64, "sealed": pl.Binary}
        held = pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")
        names: set[str | None] = set()
        if self._written is not None:
            held = held.join(self._written, on="student_id", how="anti")
            names.update(self._own(self._written, school_code))
        opened = open_column(self._keys, self._connection, "students", held, ("name", "former_name"))
        names.update(opened["name"], opened["former_name"])
        return tuple(name for name in names if name)

    def _own(self, written: pl.DataFrame, school_code: str) -> list[str | None]:
        if self._by_school is None:
            self._by_school = written.group_by("school_code").agg("name", "former_name")
        found = self._by_school.filter(pl.col("school_code") == school_code)
        return [name for part in ("name", "former_name") for names in found[part].to_list() for name in names]


class SharedTexts:
    """Redacts the texts of records."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    @property
    def version(self) -> str:
        """The version under which texts are redacted now."""
        return version_of(self._redactor)

    def redacted(
        self,
        connection: Connection,
        rows: pl.DataFrame,
        guardians: pl.DataFrame,
        schools: pl.DataFrame,
        rosters: Callable[[str], Sequence[str]],
    ) -> pl.DataFrame:
        """Return ``subject_ref``, the redacted texts and ``text_redaction`` of ``rows``, each of which has a text.

        ``rows``: student_id, subject_ref, ``awards``, ``remarks`` and the pupil's part of ``KNOWN_COLUMNS``;
        ``guardians``: student_id and name; ``schools``: school_code and name. A text is read with the roll of the
        present school, then once more with that of each school where the pupil was before: a remark of the primary
        school names its pupils.
        """
        version = self.version
        known = self._known(rows, guardians, schools)
        texts = known.unpivot(
            on=list(SOURCES),
            index=["subject_ref", "student_id", *KNOWN_COLUMNS],
            variable_name="source",
            value_name="text",
        ).filter((pl.col("text") != "").fill_null(value=False))
        texts = self._pass(texts, rosters)
        before = _former(connection, rows, schools)
        turn = 0
        while not (these := before.filter(pl.col("turn") == turn)).is_empty():
            again = texts.join(these.drop("turn"), on="student_id", how="inner").with_columns(
                pl.col("former_code").alias("school_code"), pl.col("former_school").alias("school_name")
            )
            done = self._pass(again.select(texts.columns), rosters)
            rest = texts.join(these, on="student_id", how="anti")
            texts, turn = pl.concat([rest, done]), turn + 1
        wide = texts.pivot(on="source", index="subject_ref", values="text")
        wide = wide.with_columns(
            pl.lit(None, dtype=pl.String).alias(name) for name in SOURCES if name not in wide.columns
        ).rename(SOURCES)
        shown = list(SOURCES.values())
        withheld = pl.any_horizontal((pl.col(name) == TEXT_WITHHELD).fill_null(value=False) for name in shown)
        return wide.with_columns(
            pl.when(withheld).then(pl.lit(NOT_REDACTED)).otherwise(pl.lit(version)).alias("text_redaction")
        ).select(list(TEXTS_SCHEMA))

    def _pass(self, texts: pl.DataFrame, rosters: Callable[[str], Sequence[str]]) -> pl.DataFrame:
        """Return ``texts`` redacted, by school: one roll is opened after the other."""
        ordered = texts.sort("school_code", "subject_ref", "source")
        made = self._redactor.redact(ordered["text"], ordered.select(KNOWN_COLUMNS), rosters)
        if len(made) != ordered.height:
            raise ValueError("a redactor gives one text for one text")
        return ordered.with_columns(made.alias("text"))

    @staticmethod
    def _known(rows: pl.DataFrame, guardians: pl.DataFrame, schools: pl.DataFrame) -> pl.DataFrame:
        family = guardians.drop_nulls("name").group_by("student_id").agg(pl.col("name").alias("guardians"))
        empty = pl.lit([], dtype=pl.List(pl.String))
        return (
            rows.join(schools.select("school_code", pl.col("name").alias("school_name")), on="school_code", how="left")
            .join(family, on="student_id", how="left")
            .with_columns(pl.coalesce("guardians", empty))
            .select("subject_ref", "student_id", *KNOWN_COLUMNS, *SOURCES)
        )


def _former(connection: Connection, rows: pl.DataFrame, schools: pl.DataFrame) -> pl.DataFrame:
    """Return student_id, former_code, former_school and turn (0, 1, …): the schools where a pupil was before."""
    names = ("student_id", "school_code")
    present = rows.select("student_id", pl.col("school_code").alias("present"))
    return (
        select_in(
            connection,
            [school_memberships.c[name] for name in names],
            school_memberships.c.student_id,
            rows["student_id"].to_list(),
        )
        .unique()
        .join(present, on="student_id")
        .filter(pl.col("school_code") != pl.col("present"))
        .join(schools.select("school_code", pl.col("name").alias("former_school")), on="school_code", how="left")
        .sort("student_id", "school_code")
        .select(
            "student_id",
            pl.col("school_code").alias("former_code"),
            "former_school",
            pl.int_range(pl.len()).over("student_id").alias("turn"),
        )
    )
