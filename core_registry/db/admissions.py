"""Admission plans (A13-2) and guardians' accounts linked to pupils (A3-5, A7-3) in the registry database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import polars as pl
from sqlalchemy import Engine, delete, select

from core_registry.db.bulk import insert_frame, select_in
from core_registry.db.case_tables import admission_plans, guardian_accounts
from core_registry.db.engine import reading, writing
from core_registry.db.keyed_index import KeyedIndex
from core_registry.db.posts_store import link_guardian
from core_registry.db.school_rows import PlaceOf, read_school
from core_registry.db.sealing import RegistryKeys
from core_registry.db.state import Fact, queue
from core_registry.db.tables import sharing_students, students
from core_registry.db.times import stamp
from core_registry.domain.cases import Actor
from core_registry.domain.facts import SchoolFacts
from core_registry.domain.rules import enforces
from core_registry.errors import StudentNotFoundError
from core_registry.oversight.records import GuardianLink, PlanRow, PlanUpload

PLAN, LINK = "registry.plan", "registry.guardian"
_SUBJECTS = 500


class SqlAdmissions:
    """Plans and links."""

    def __init__(self, engine: Engine, keys: RegistryKeys, place: PlaceOf) -> None:
        self._engine = engine
        self._index = KeyedIndex(keys.index)
        self._place = place

    def school(self, code: str) -> SchoolFacts:
        """Return a school. Raises ``RegisterRuleError`` for an unknown one."""
        with reading(self._engine) as connection:
            return read_school(connection, code, self._place)

    @enforces("A13-2", how="record")
    def upload(self, school: str, school_year: int, rows: Sequence[PlanRow], actor: Actor, now: datetime) -> PlanUpload:
        """Put the pupils on a school's plan whose document number *and* name are registered; the rest come back.

        A plan only grows: who was admitted is not forgotten by a later, shorter list. What was looked up is told with
        the pupils found.
        """
        wanted = pl.DataFrame(
            {
                "row": [row.row for row in rows],
                "id_number": [row.id_number for row in rows],
                "name": [row.name for row in rows],
            },
            schema={"row": pl.Int64, "id_number": pl.String, "name": pl.String},
        )
        wanted = wanted.select(
            "row",
            self._index.keyed("id_number", wanted["id_number"]).alias("id_key"),
            self._index.keyed("name", wanted["name"]).alias("name_key"),
        )
        names = ("student_id", "subject_ref", "id_key", "name_key")
        with writing(self._engine) as connection:
            found = select_in(
                connection,
                [students.c[name] for name in names],
                students.c.id_key,
                wanted["id_key"].drop_nulls().unique().to_list(),
            )
            matched = wanted.join(found, on=["id_key", "name_key"], how="left", maintain_order="left")
            unknown = matched.filter(pl.col("student_id").is_null())["row"].to_list()
            pupils = matched.drop_nulls("student_id").unique("student_id", maintain_order=True)
            before = connection.execute(
                select(admission_plans.c.student_id).where(
                    admission_plans.c.school_code == school, admission_plans.c.school_year == school_year
                )
            ).scalars()
            fresh = pupils.filter(~pl.col("student_id").is_in(list(before)))
            insert_frame(
                connection,
                admission_plans,
                fresh.select(
                    pl.lit(school).alias("school_code"),
                    pl.lit(school_year, dtype=pl.Int64).alias("school_year"),
                    "student_id",
                    pl.lit(stamp(now)).alias("entered_at"),
                    pl.lit(actor.account).alias("entered_by"),
                ),
            )
            facts: dict[str, Fact] = {
                "school": school, "school_year": school_year, "count": fresh.height, "unknown": len(unknown),
            }  # fmt: skip
            subjects = pupils["subject_ref"].to_list()
            for start in range(0, max(len(subjects), 1), _SUBJECTS):
                queue(connection, PLAN, now, actor.account, facts, subjects[start : start + _SUBJECTS])
        return PlanUpload(school, school_year, fresh.height, pupils.height - fresh.height, tuple(unknown))

    def ask_link(self, id_number: str, name: str, actor: Actor, now: datetime) -> None:
        """Note that a guardian's account asks for a pupil, by document number and name together.

        It is no link before the school verified it (A7-3). Nothing tells the caller whether there is such a pupil.
        """
        with reading(self._engine) as connection:
            found = connection.execute(
                select(students.c.student_id).where(
                    students.c.id_key == self._index.key("id_number", id_number),
                    students.c.name_key == self._index.key("name", name),
                )
            ).scalar_one_or_none()
        if found is not None:
            link_guardian(self._engine, actor.account, found, None, actor, now)

    def links(self, school: str, *, verified: bool | None) -> list[GuardianLink]:
        """Return the links of a school's pupils, masked; ``verified`` false: those that wait."""
        query = (
            select(guardian_accounts, sharing_students.c.name_masked)
            .join(students, students.c.student_id == guardian_accounts.c.student_id)
            .join(sharing_students, sharing_students.c.subject_ref == students.c.subject_ref)
            .where(students.c.school_code == school)
            .order_by(guardian_accounts.c.entered_at)
        )
        if verified is not None:
            asked = guardian_accounts.c.verified_on
            query = query.where(asked.is_not(None) if verified else asked.is_(None))
        with reading(self._engine) as connection:
            rows = connection.execute(query.limit(500)).all()
        return [
            GuardianLink(row.account, row.student_id, row.verified_on, row.verified_by, row.name_masked) for row in rows
        ]

    @enforces("A7-3", how="record")
    def settle_link(
        self, school: str, account: str, student_id: str, *, accepted: bool, on: date, actor: Actor, now: datetime
    ) -> None:
        """Verify a link, or take it away; either is told.

        Raises ``StudentNotFoundError`` for a link that nobody asked for, or of another school's pupil.
        """
        mine = (guardian_accounts.c.account == account, guardian_accounts.c.student_id == student_id)
        with writing(self._engine) as connection:
            subject = connection.execute(
                select(students.c.subject_ref)
                .join(guardian_accounts, guardian_accounts.c.student_id == students.c.student_id)
                .where(*mine, students.c.school_code == school)
            ).scalar_one_or_none()
            if subject is None:
                raise StudentNotFoundError(
                    "There is no such link, or you may not know of it.", detail_zh="没有该关联申请，或您无权查看。"
                )
            if not accepted:
                connection.execute(delete(guardian_accounts).where(*mine))
                queue(connection, LINK, now, actor.account, {"verified": False}, (subject,))
        if accepted:
            link_guardian(self._engine, account, student_id, on, actor, now)
