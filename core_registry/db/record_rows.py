"""Records as rows of the form: the columns that an import writes, read back and opened."""

from __future__ import annotations

import polars as pl
from sqlalchemy import Connection

from core_registry.db.bulk import select_in
from core_registry.db.families import PERSON
from core_registry.db.families import SEALED as SEALED_PERSON
from core_registry.db.opened import open_column
from core_registry.db.sealing import DataKeys
from core_registry.db.tables import guardian_links, guardians, students

SEALED_STUDENT = (
    "awards", "former_name", "household_address", "id_number", "name", "remarks", "residence_address",
    "student_number",
)  # fmt: skip
"""What of a pupil lies in the sealed column, in order of name."""

PLAIN = (
    "school_code", "state", "entry_month", "birth_date", "sex", "nationality", "overseas_status", "ethnicity",
    "id_type", "grade", "class_name", "political_status", "boarding", "disability", "disability_type",
    "special_ed_placement", "left_behind", "residence_division", "household_division",
)  # fmt: skip
"""What of a pupil lies in clear columns."""


def opened_rows(keys: DataKeys, connection: Connection, student_ids: list[str]) -> pl.DataFrame:
    """Return one row a record: student_id, sealed and plain columns, ``member1_…`` and ``member2_…`` as in Annex 1.

    In the order of ``student_ids``; an unknown one has no row. Raises ``SealedValueError``.
    """
    names = ("student_id", "key_version", "sealed", *PLAIN)
    found = select_in(connection, [students.c[name] for name in names], students.c.student_id, student_ids)
    opened = open_column(keys, connection, "students", found, SEALED_STUDENT)
    records = pl.concat([found.select("student_id", *PLAIN), opened], how="horizontal").drop("state")
    members = _members(keys, connection, student_ids)
    for position in (1, 2):
        own = members.filter(pl.col("position") == position).drop("position")
        records = records.join(
            own.rename({name: f"member{position}_{name}" for name in own.columns if name != "student_id"}),
            on="student_id",
            how="left",
            maintain_order="left",
        )
    order = pl.DataFrame({"student_id": student_ids}, schema={"student_id": pl.String})
    return order.join(records, on="student_id", how="inner", maintain_order="left")


def _members(keys: DataKeys, connection: Connection, student_ids: list[str]) -> pl.DataFrame:
    names = ("student_id", "position", "guardian_id", "relation", "is_guardian")
    links = select_in(connection, [guardian_links.c[name] for name in names], guardian_links.c.student_id, student_ids)
    wanted = links["guardian_id"].unique().to_list()
    columns = [guardians.c[name] for name in ("guardian_id", "key_version", "sealed", "ethnicity", "id_type")]
    found = select_in(connection, columns, guardians.c.guardian_id, wanted)
    opened = open_column(keys, connection, "guardians", found, SEALED_PERSON)
    persons = pl.concat([found.select("guardian_id", "ethnicity", "id_type"), opened], how="horizontal")
    return (
        links.join(persons, on="guardian_id", how="left", maintain_order="left")
        .rename({"is_guardian": "guardian"})
        .select("student_id", "position", "relation", "guardian", *PERSON)
    )
