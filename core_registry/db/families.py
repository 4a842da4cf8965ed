"""The two members of each pupil as persons and links: one row a person, shared by siblings."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

import polars as pl

from core_registry.db.keyed_index import KeyedIndex

PERSON = ("name", "ethnicity", "id_type", "id_number", "employer", "household_address", "phone")
SEALED = ("employer", "household_address", "id_number", "name", "phone")
"""What of a guardian lies in the sealed column, in order of name."""


@dataclass(frozen=True, slots=True)
class Families:
    """Members of an import.

    ``persons``: guardian_id, id_key, PERSON, ``held`` (registered before).
    ``links``: student_id, position, guardian_id, relation, is_guardian, shown.
    """

    persons: pl.DataFrame = field(repr=False)
    links: pl.DataFrame = field(repr=False)


def members_of(rows: pl.DataFrame, index: KeyedIndex) -> pl.DataFrame:
    """Return the members in ``rows``, one row each: student_id, position, relation, is_guardian, shown, PERSON, id_key.

    Shown in the sharing view is the first member who is a guardian. A member without a name is none.
    """
    both = pl.concat(
        [
            rows.select(
                "student_id",
                pl.lit(position, dtype=pl.Int64).alias("position"),
                pl.col(f"member{position}_relation").alias("relation"),
                pl.col(f"member{position}_guardian").fill_null(value=False).alias("is_guardian"),
                *(pl.col(f"member{position}_{part}").cast(pl.String).alias(part) for part in PERSON),
            ).filter(pl.col("name").is_not_null())
            for position in (1, 2)
        ]
    ).sort("student_id", "position")
    return both.with_columns(
        index.keyed("id_number", both["id_number"]).alias("id_key"),
        (pl.col("is_guardian") & (pl.col("is_guardian").cum_sum().over("student_id") == 1)).alias("shown"),
    )


def families(members: pl.DataFrame, held: pl.DataFrame, linked: pl.DataFrame) -> Families:
    """Return persons and links of ``members``.

    ``held`` (id_key, guardian_id) are persons already registered; ``linked`` (student_id, position, guardian_id)
    are present links to persons *without* a document number: nothing else tells that they are the same. A
    person who occurs several times is taken from the last row.
    """
    known = members.join(held, on="id_key", how="left", maintain_order="left").join(
        linked.rename({"guardian_id": "linked_id"}),
        on=["student_id", "position"],
        how="left",
        maintain_order="left",
    )
    numbered = known.with_columns(
        pl.coalesce("guardian_id", pl.when(pl.col("id_key").is_null()).then("linked_id")).alias("held_id"),
        # one number a person: of the document's first row, or of the row itself
        pl.coalesce("id_key", pl.format("{}/{}", "student_id", "position")).alias("person"),
    )
    fresh = numbered.filter(pl.col("held_id").is_null()).select("person").unique(maintain_order=True)
    fresh = fresh.with_columns(
        pl.Series("new_id", [secrets.token_hex(16) for _ in range(fresh.height)], dtype=pl.String)
    )
    named = (
        numbered.drop("guardian_id")
        .join(fresh, on="person", how="left", maintain_order="left")
        .with_columns(pl.coalesce("held_id", "new_id").alias("guardian_id"))
    )
    persons = named.group_by("guardian_id", maintain_order=True).agg(
        pl.col("id_key").first(),
        *(pl.col(part).drop_nulls().last() for part in PERSON),
        pl.col("held_id").first().is_not_null().alias("held"),
    )
    links = named.select("student_id", "position", "guardian_id", "relation", "is_guardian", "shown")
    return Families(persons, links)


def sealed_texts(frame: pl.DataFrame, columns: tuple[str, ...]) -> list[str]:
    """Return each row of ``columns`` as compact JSON with the names in order, as it goes under seal."""
    return frame.select(pl.struct(sorted(columns)).struct.json_encode().alias("sealed"))["sealed"].to_list()


def person_rows(persons: pl.DataFrame, index: KeyedIndex, sealed: list[bytes], version: int, at: str) -> pl.DataFrame:
    """Return the rows of the table ``guardians``."""
    return persons.select(
        "guardian_id",
        "id_key",
        index.keyed("name", persons["name"]).alias("name_key"),
        index.keyed("phone", persons["phone"]).alias("phone_key"),
        pl.lit(version, dtype=pl.Int64).alias("key_version"),
        pl.Series("sealed", sealed, dtype=pl.Binary),
        "ethnicity",
        "id_type",
        pl.lit(at).alias("updated_at"),
    )
