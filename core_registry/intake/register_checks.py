"""The checks against the register: schools, permissions, duplicates (A2-1, A3-2, A6-1, A6-2, A8-2, S-5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import polars as pl

from core_registry.domain.states import CLOSED, ON_ROLL
from core_registry.intake import findings
from core_registry.intake.reader import TEXT_FACTS
from core_registry.intake.records import RegisterStore
from rulebook.records import Rulebook

CONTENT_VERSION = "v1"
"""Part of every content key: a change of how values are normalised makes all rows changed, once, on purpose."""
_SEPARATOR = "\x1f"
_CLOSED = sorted(state.value for state in CLOSED)
_ON_ROLL = sorted(state.value for state in ON_ROLL)


def with_keys(values: pl.DataFrame, annex: Sequence[str], store: RegisterStore) -> pl.DataFrame:
    """Return ``values`` with ``id_key``, ``name_key``, ``student_number_key``, ``suspect_key``, ``content_key``.

    Every key is an HMAC under the registry's index key: no plain hash of personal data exists anywhere.

    - ``id_key``: of the number alone, whatever its type, so that one number is one person; for a pupil without a
      number it is the ``unnumbered_key``, the only thing that recognises such a pupil in the next file.
    - ``unnumbered_key``: of name, birth date and the guardian's name; only where pupil or guardian has no number.
    - ``suspect_key``: of name, birth date and the document of the first guardian (A6-1).
    - ``content_key``: of all normalised values of the form and the school (kind ``suspect``, behind a prefix that no
      name has). Student number and entry month are compared by themselves: a form without them says nothing of them.
    """
    first = pl.col("member1_guardian").fill_null(False) | ~pl.col("member2_guardian").fill_null(False)
    guardian = pl.when(first).then(pl.col("member1_id_number")).otherwise(pl.col("member2_id_number"))
    guardian_name = pl.when(first).then(pl.col("member1_name")).otherwise(pl.col("member2_name"))
    content = [*annex, "school_code"]
    born = pl.col("birth_date").cast(pl.String)
    written = pl.concat_str(
        pl.lit(f"content {CONTENT_VERSION}"),
        *(pl.col(code).cast(pl.String).fill_null("") for code in content),
        separator=_SEPARATOR,
    )
    told = [code for code in TEXT_FACTS if code in values.columns]
    if told:
        # Only a row with a text has it in its key: all others keep the key of a form without such columns.
        texts = pl.concat_str(pl.lit(""), *(pl.col(code).fill_null("") for code in told), separator=_SEPARATOR)
        some = pl.any_horizontal(pl.col(code).is_not_null() for code in told)
        written += pl.when(some).then(texts).otherwise(pl.lit(""))
    material = values.select(
        unnumbered=pl.concat_str(pl.lit("unnumbered"), "name", born, guardian_name, separator=_SEPARATOR),
        suspect=pl.concat_str("name", born, guardian, separator=_SEPARATOR),
        content=written,
    )
    suspect_key = store.keyed("suspect", material["suspect"])
    id_key = store.keyed("id_number", values["id_number"])
    both_numbered = id_key.is_not_null() & suspect_key.is_not_null()
    unnumbered_key = store.keyed("suspect", material["unnumbered"].set(both_numbered, None))
    return values.with_columns(
        id_key.zip_with(id_key.is_not_null(), unnumbered_key).alias("id_key"),
        unnumbered_key.alias("unnumbered_key"),
        store.keyed("name", values["name"]).alias("name_key"),
        store.keyed("student_number", values["student_number"]).alias("student_number_key"),
        suspect_key.alias("suspect_key"),
        store.keyed("suspect", material["content"]).alias("content_key"),
    )


def check_schools(
    values: pl.DataFrame, store: RegisterStore, book: Rulebook, allowed: frozenset[str] | None
) -> pl.DataFrame:
    """Return findings on the school of each row and on the grade's stage.

    A school out of the actor's reach is always answered ``school-not-allowed``, whether it exists or not.
    """
    rows, code = values["row"], values["school_code"]
    schools = store.schools()
    known = code.is_in(schools["school_code"].to_list())
    closed = code.is_in(schools.filter(pl.col("closed"))["school_code"].to_list())
    reachable = pl.repeat(True, len(code), eager=True) if allowed is None else code.is_in(sorted(allowed))
    stages = schools.select("school_code", "stages").explode("stages", empty_as_null=True).drop_nulls()
    grades = book.code_lists["grades"].attributes
    stage = values["grade"].replace_strict(
        {grade: more.get("stage") for grade, more in grades.items()}, default=None, return_dtype=pl.String
    )
    pairs = pl.DataFrame({"school_code": code, "stages": stage})
    runs = pairs.join(
        stages.unique().with_columns(runs=pl.lit(True)), on=["school_code", "stages"], how="left", maintain_order="left"
    )["runs"].fill_null(False)

    def at(mask: pl.Series, field: str, finding: str) -> pl.DataFrame:
        return findings.at(rows.filter(mask.fill_null(False)), field, finding)

    return findings.join(
        [
            at(~reachable, "school_code", "school-not-allowed"),
            at(reachable & ~known, "school_code", "school-unknown"),
            at(reachable & closed, "school_code", "school-closed"),
            at(reachable & known & stage.is_not_null() & ~runs, "grade", "grade-stage"),
        ]
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """Rows beside the register.

    ``rows``: the rows that may land, with ``student_id`` (null: new) and ``status`` (``new``, ``changed``,
    ``unchanged``). ``absent``: pupils on the roll of a school of the file, but not in it: school_code, number.
    """

    rows: pl.DataFrame = field(repr=False)
    findings: pl.DataFrame = field(repr=False)
    roll: pl.DataFrame = field(repr=False)
    """A row a school of the file: school_code, on_roll, absent, changed."""


def compare(keyed: pl.DataFrame, rejected: pl.Series, store: RegisterStore) -> Compared:
    """Return what the rows would do to the register. ``rejected`` are row numbers with an error already."""
    good = keyed.filter(~pl.col("row").is_in(rejected.implode()))
    twice = [pl.col(key).is_not_null() & pl.col(key).is_duplicated() for key in ("suspect_key", "id_key")]
    found = [findings.at(good.filter(pl.any_horizontal(twice))["row"], None, "duplicate-suspected")]
    held = store.held(good["id_key"].drop_nulls().unique()).rename(
        {
            "name_key": "held_name",
            "school_code": "held_school",
            "content_key": "held_content",
            "entry_month": "held_month",
        }
    )
    good = good.drop("student_id", strict=False).join(held, on="id_key", how="left", maintain_order="left")
    known = pl.col("student_id").is_not_null()
    other_name = good.filter(known & (pl.col("held_name") != pl.col("name_key")))
    elsewhere = good.filter(known & (pl.col("held_school") != pl.col("school_code")))
    closed = good.filter(known & pl.col("state").is_in(_CLOSED))
    other_number = known & (pl.col("student_number_key") != pl.col("number_key")).fill_null(False)
    month = pl.col("entry_month")
    other_month = month.is_not_null() & month.ne_missing(pl.col("held_month"))
    renumbered = good.filter(other_number & (pl.col("number_kind") != "L"))
    found += [
        findings.at(renumbered["row"], "student_number", "student-number-changed"),
        findings.at(_number_of_another(good, store), "student_number", "student-number-of-another"),
        findings.at(other_name["row"], "id_number", "id-of-another"),
        findings.at(elsewhere["row"], "school_code", "held-elsewhere"),
        findings.at(closed["row"], None, "record-closed"),
        findings.at(_suspected(good.filter(~known), store), None, "duplicate-suspected"),
    ]
    joined = findings.join(found)
    landing = good.filter(~pl.col("row").is_in(findings.error_rows(joined).implode())).with_columns(
        status=pl.when(~known)
        .then(pl.lit("new"))
        .when(other_number | other_month)
        .then(pl.lit("changed"))
        .when(pl.col("held_content").eq_missing(pl.col("content_key")))
        .then(pl.lit("unchanged"))
        .otherwise(pl.lit("changed"))
    )
    return Compared(landing, joined, _roll(keyed, landing, store))


def _number_of_another(good: pl.DataFrame, store: RegisterStore) -> pl.Series:
    """Return the rows whose student number a registered pupil other than theirs holds (A6-3)."""
    asked = good.filter(pl.col("student_number_key").is_not_null())
    if not len(asked):
        return asked["row"]
    holders = store.numbered(asked["student_number_key"].unique()).rename({"student_id": "holder"})
    held = asked.join(holders, left_on="student_number_key", right_on="number_key", how="inner")
    return held.filter(pl.col("holder").ne_missing(pl.col("student_id")))["row"]


def _suspected(new: pl.DataFrame, store: RegisterStore) -> pl.Series:
    """Return the rows whose name, birth date and guardian a registered pupil has as well."""
    asked = new.filter(pl.col("suspect_key").is_not_null())
    alike = store.suspects(asked["suspect_key"].unique())["suspect_key"] if len(asked) else asked["suspect_key"]
    asked = new.filter(pl.col("unnumbered_key").is_not_null())
    once_unnumbered = store.held(asked["unnumbered_key"].unique())["id_key"] if len(asked) else asked["id_key"]
    found = pl.col("suspect_key").is_in(alike.implode()) | pl.col("unnumbered_key").is_in(once_unnumbered.implode())
    return new.filter(found.fill_null(value=False))["row"]


def _roll(keyed: pl.DataFrame, landing: pl.DataFrame, store: RegisterStore) -> pl.DataFrame:
    """Return for each school of the file how many stand on its roll, are absent from the file, would change."""
    schools = sorted(landing["school_code"].drop_nulls().unique())
    roll = store.roll(schools).filter(pl.col("state").is_in(_ON_ROLL))
    # A rejected row is in the file all the same: its pupil is not absent.
    absent = ~pl.col("id_key").is_in(keyed["id_key"].drop_nulls().implode()).fill_null(False)
    counted = roll.group_by("school_code").agg(on_roll=pl.len(), absent=absent.sum())
    changed = landing.filter(pl.col("status") == "changed").group_by("school_code").agg(changed=pl.len())
    return (
        counted.join(changed, on="school_code", how="left")
        .with_columns(pl.col("changed").fill_null(0))
        .sort("school_code")
    )


def shrinking(roll: pl.DataFrame, share: float, *, whole: bool) -> Iterable[str]:
    """Return the schools of which one import would change or leave out more than ``share`` of the roll.

    ``whole`` says that the file claims to be the whole roll; else nobody is left out by not being in it.
    """
    touched = pl.col("absent") + pl.col("changed") if whole else pl.col("changed")
    over = roll.filter(touched > share * pl.col("on_roll"))
    return over["school_code"].to_list()
