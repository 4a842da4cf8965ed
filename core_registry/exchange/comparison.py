"""A national file beside the register: which records agree, which differ in what, which are on one side only (A5-2).

Columns in, columns out; no store. A blank cell says nothing of a field: it neither differs nor takes anything away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from core_registry.domain.rules import enforces

SCHOOL = "school_code"
"""What a file does not move: a record changes its school by a transfer (A6-2)."""
NUMBER = "student_number"
PROVISIONAL = "L"


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of one exchange.

    ``both``: a row for each record on both sides: student_id, school_code, reference_key, number_kind, ``differs``
    (list of field codes), ``held`` (those that a file cannot settle). ``merged``: the records that differ, with the
    national values in them.
    """

    both: pl.DataFrame = field(repr=False)
    merged: pl.DataFrame = field(repr=False)


@enforces("A5-2", "A6-3", how="the national value wins; a number that is no provisional one stays")
def compare(ours: pl.DataFrame, theirs: pl.DataFrame, fields: Sequence[str]) -> Sides:
    """Return the sides. ``ours`` and ``theirs`` have student_id and the same ``fields``, all of one type each.

    ``ours`` has ``number_kind``, ``theirs`` ``reference_key``, ``fixed`` (final records, which no file changes, S-5)
    and ``beyond`` (out of the caller's reach: nothing of them is told but that another school holds them). A record at
    another school moves by a transfer. A national G or J number takes the place of a provisional one; another final
    number stays (A6-3).
    """
    joined = ours.join(
        theirs.select(
            "student_id", "reference_key", "fixed", "beyond", *(pl.col(name).alias(f"there.{name}") for name in fields)
        ),
        on="student_id",
        how="inner",
        maintain_order="left",
    )
    says = {name: pl.col(f"there.{name}").is_not_null() for name in fields}
    told_of = {name: says[name] & (~pl.col("beyond") if name != SCHOOL else pl.lit(value=True)) for name in fields}
    differs = {name: told_of[name] & pl.col(name).ne_missing(pl.col(f"there.{name}")) for name in fields}
    final_number = differs.get(NUMBER, pl.lit(value=False)) & (pl.col("number_kind") != PROVISIONAL)
    other_school = differs.get(SCHOOL, pl.lit(value=False))
    fixed = pl.col("fixed") | pl.col("beyond") | other_school
    held = {name: differs[name] & (fixed | final_number if name == NUMBER else fixed) for name in differs}
    told = joined.with_columns(
        pl.concat_list(pl.when(condition).then(pl.lit(name)) for name, condition in differs.items())
        .list.drop_nulls()
        .alias("differs"),
        pl.concat_list(pl.when(condition).then(pl.lit(name)) for name, condition in held.items())
        .list.drop_nulls()
        .alias("held"),
    )
    taken = [name for name in fields if name not in {SCHOOL, NUMBER}]
    number = (
        pl.when(says[NUMBER] & (pl.col("number_kind") == PROVISIONAL))
        .then(pl.col(f"there.{NUMBER}"))
        .otherwise(pl.col(NUMBER))
    )
    merged = told.filter(pl.col("differs").list.len() > pl.col("held").list.len()).with_columns(
        *(pl.coalesce(f"there.{name}", name).alias(name) for name in taken), number.alias(NUMBER)
    )
    kept = [name for name in merged.columns if not name.startswith("there.")]
    return Sides(
        told.select("student_id", "school_code", "reference_key", "number_kind", "differs", "held"),
        merged.select(kept),
    )


def changed_values(before: pl.DataFrame, after: pl.DataFrame, fields: Sequence[str]) -> list[dict[str, object]]:
    """Return for each record of ``after`` the fields that change, as ``before.…`` and ``after.…``; for under seal."""
    both = after.select("student_id", *fields).join(
        before.select("student_id", *(pl.col(name).alias(f"before.{name}") for name in fields)),
        on="student_id",
        how="left",
        maintain_order="left",
    )
    found = []
    for row in both.iter_rows(named=True):
        told: dict[str, object] = {}
        for name in fields:
            if row[name] != row[f"before.{name}"]:
                told[f"before.{name}"], told[f"after.{name}"] = row[f"before.{name}"], row[name]
        found.append(told)
    return found
