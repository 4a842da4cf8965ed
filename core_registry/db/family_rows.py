"""The members of an import against those registered: who is known, what a blank keeps, persons and links as rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import Connection, bindparam, delete, select

from core_registry.db.bulk import CHUNK, insert_frame, select_in, update_frame, upsert_frame
from core_registry.db.families import PERSON, SEALED, Families, families, members_of, person_rows, sealed_texts
from core_registry.db.keyed_index import KeyedIndex
from core_registry.db.opened import open_column
from core_registry.db.sealing import DataKeys, seal
from core_registry.db.tables import guardian_links, guardians
from core_registry.db.times import stamp


@dataclass(frozen=True, slots=True)
class FamilyRows:
    """Reads and writes the members of pupils in the transaction of a connection."""

    keys: DataKeys
    index: KeyedIndex

    def members(self, connection: Connection, work: pl.DataFrame) -> Families:
        """Return persons and links of ``work``, complete: ``new`` says which pupils are not registered yet."""
        members = members_of(work, self.index)
        keys = members["id_key"].drop_nulls().unique().to_list()
        held = select_in(connection, [guardians.c.id_key, guardians.c.guardian_id], guardians.c.id_key, keys)
        links = _links(connection, work.filter(~pl.col("new"))["student_id"].to_list())
        nameless = select_in(
            connection,
            [guardians.c.guardian_id, guardians.c.id_key],
            guardians.c.guardian_id,
            links["guardian_id"].unique().to_list(),
        ).filter(pl.col("id_key").is_null())
        linked = links.join(nameless, on="guardian_id", how="semi").select("student_id", "position", "guardian_id")
        found = families(members, held, linked)
        return Families(self._filled(connection, found.persons), found.links)

    def write_persons(self, connection: Connection, family: Families, at: datetime) -> None:
        """Write persons: insert the new, update those ``held``."""
        version, key = self.keys.newest(connection, "guardians", at)
        for part in family.persons.sort("id_key").iter_slices(CHUNK):
            sealed = seal(
                key,
                ("guardians", "sealed", version),
                part["guardian_id"].to_list(),
                sealed_texts(part, SEALED),
            )
            made = person_rows(part, self.index, sealed, version, stamp(at))
            held = part["held"]
            insert_frame(connection, guardians, made.filter(~held))
            update_frame(connection, guardians, made.filter(held).drop("id_key"))

    def write_links(self, connection: Connection, work: pl.DataFrame, family: Families) -> None:
        """Write the links; drop those that the new forms no longer have, and persons whom nobody links to."""
        before = _links(connection, work.filter(~pl.col("new"))["student_id"].to_list())
        held = work.filter(~pl.col("new")).select("student_id")
        insert_frame(connection, guardian_links, family.links.join(held, on="student_id", how="anti"))
        changed = family.links.join(held, on="student_id", how="semi").join(
            before, on=family.links.columns, how="anti", nulls_equal=True
        )
        upsert_frame(connection, guardian_links, changed)
        gone = before.join(family.links, on=["student_id", "position"], how="anti")
        if not gone.is_empty():
            connection.execute(
                delete(guardian_links).where(
                    guardian_links.c.student_id == bindparam("b_student"),
                    guardian_links.c.position == bindparam("b_position"),
                ),
                [{"b_student": s, "b_position": p} for s, p in gone.select("student_id", "position").iter_rows()],
            )
        left = before.join(family.links, on=["student_id", "guardian_id"], how="anti")["guardian_id"].unique()
        if not left.is_empty():
            still = select(guardian_links.c.guardian_id).where(guardian_links.c.guardian_id == guardians.c.guardian_id)
            connection.execute(
                delete(guardians).where(guardians.c.guardian_id == bindparam("b_guardian"), ~still.exists()),
                [{"b_guardian": guardian_id} for guardian_id in left.to_list()],
            )

    def _filled(self, connection: Connection, persons: pl.DataFrame) -> pl.DataFrame:
        """Fill what the forms leave blank from what is registered of a person: a blank deletes nothing."""
        blank = pl.any_horizontal(pl.col(name).is_null() for name in PERSON)
        wanted = persons.filter(pl.col("held") & blank)["guardian_id"].to_list()
        names = ("guardian_id", "key_version", "sealed", "ethnicity", "id_type")
        found = select_in(connection, [guardians.c[name] for name in names], guardians.c.guardian_id, wanted)
        if found.is_empty():
            return persons
        opened = open_column(self.keys, connection, "guardians", found, SEALED)
        old = pl.concat(
            [
                found.select("guardian_id"),
                found.select(pl.col(name).alias(f"was_{name}") for name in ("ethnicity", "id_type")),
                opened.rename(lambda name: f"was_{name}"),
            ],
            how="horizontal",
        )
        return (
            persons.join(old, on="guardian_id", how="left", maintain_order="left")
            .with_columns(pl.coalesce(name, f"was_{name}").alias(name) for name in PERSON)
            .select(persons.columns)
        )


def _links(connection: Connection, student_ids: list[str]) -> pl.DataFrame:
    names = ("student_id", "position", "guardian_id", "relation", "is_guardian", "shown")
    return select_in(connection, [guardian_links.c[name] for name in names], guardian_links.c.student_id, student_ids)
