"""Exchange with the national system in the registry database: what is exported, compared, taken over, numbered (A5-2).

Clear records are opened here and nowhere else in the exchange; an export is told before its rows are returned (A50-4).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, bindparam, delete, insert, select

from core_registry.db.bulk import insert_frame, select_in
from core_registry.db.case_codec import Vault, dumps
from core_registry.db.case_tables import archive_entries, national_links, national_strangers
from core_registry.db.engine import reading, writing
from core_registry.db.numbers import Authority, missing_numbers
from core_registry.db.sealing import DataKeys, RegistryKeys
from core_registry.db.state import Fact, advance, queue
from core_registry.db.store import SqlRegisterStore
from core_registry.db.tables import schools, sharing_students, students
from core_registry.db.times import parse, stamp
from core_registry.domain.cases import Actor
from core_registry.domain.facts import EntryKind
from core_registry.domain.rules import enforces
from core_registry.domain.states import ON_ROLL
from core_registry.errors import RegisterRuleError
from core_registry.oversight.records import Difference

READ, EVENT = "registry.read", "registry.exchange"
_SUBJECTS = 500
_ON_ROLL = sorted(state.value for state in ON_ROLL)


class SqlReconciliation:
    """Records beside the national system. ``register`` opens and rewrites them."""

    def __init__(
        self, engine: Engine, keys: RegistryKeys, register: SqlRegisterStore, authority: Authority = "national"
    ) -> None:
        self._engine = engine
        self._vault = Vault(DataKeys(engine, keys))
        self._register = register
        self._authority = authority

    def export(self, schools_in: Sequence[str], actor: Actor, reason: str, now: datetime) -> pl.DataFrame:
        """Return the records on the roll of schools in clear, by school, grade and class; told before (A50-4)."""
        with writing(self._engine) as connection:
            found = connection.execute(
                select(students.c.student_id, students.c.subject_ref)
                .where(students.c.school_code.in_(schools_in), students.c.state.in_(_ON_ROLL))
                .order_by(students.c.school_code, students.c.grade, students.c.class_name, students.c.student_id)
            ).all()
            opened = self._register.opened_rows(connection, [row.student_id for row in found])
            facts: dict[str, Fact] = {
                "act": "export", "reason": reason, "found": len(found), "layout": "national", "unit": actor.unit,
            }  # fmt: skip
            _tell(connection, READ, now, actor, facts, [row.subject_ref for row in found])
        return opened

    def records(self, student_ids: Sequence[str]) -> pl.DataFrame:
        """Return records in clear with ``number_kind``, for comparing."""
        with reading(self._engine) as connection:
            opened = self._register.opened_rows(connection, list(student_ids))
            kinds = select_in(
                connection, [students.c.student_id, students.c.number_kind], students.c.student_id, list(student_ids)
            )
        return opened.join(kinds, on="student_id", how="left", maintain_order="left")

    def standing(self, student_ids: Sequence[str]) -> pl.DataFrame:
        """Return where records stand: student_id, school_code, state."""
        columns = [students.c.student_id, students.c.school_code, students.c.state]
        with reading(self._engine) as connection:
            return select_in(connection, columns, students.c.student_id, list(student_ids))

    @enforces("A5-2", how="record")
    def settle(
        self,
        links: pl.DataFrame,
        strangers: pl.DataFrame,
        applied: pl.DataFrame,
        told: Sequence[Mapping[str, object]],
        schools_in: Sequence[str],
        facts: Mapping[str, Fact],
        actor: Actor,
        on: date,
        now: datetime,
    ) -> int:
        """Write what comparing gave, and the national values of ``applied``, in one transaction; return new numbers.

        ``links``: student_id, reference_key, state, differs (text). ``strangers``: reference_key, school_code.
        ``applied`` are rows as the register takes them; ``told`` their changed values, which go under seal (S-5).
        """
        at = stamp(now)
        with writing(self._engine) as connection:
            numbered = 0
            if not applied.is_empty():
                before = _kinds(connection, applied["student_id"].to_list())
                self._register.write_rows(connection, applied, now)
                after = _kinds(connection, applied["student_id"].to_list())
                counter = advance(connection)
                for student_id, values in zip(applied["student_id"].to_list(), told, strict=True):
                    new_number = before[student_id][1] == "L" and after[student_id][1] != "L"
                    numbered += new_number
                    self._note(connection, student_id, values, new_number, on, counter, actor, now)
                subjects = [subject for subject, _ in after.values()]
                _tell(connection, EVENT, now, actor, {"act": "apply", "count": applied.height, "numbers": numbered,
                                                      "unit": actor.unit, "commit": counter}, subjects)  # fmt: skip
            _unlink(connection, links)
            insert_frame(connection, national_links, links.with_columns(pl.lit(at).alias("checked_at")))
            connection.execute(delete(national_strangers).where(national_strangers.c.school_code.in_(schools_in)))
            if not strangers.is_empty():
                connection.execute(
                    delete(national_strangers).where(national_strangers.c.reference_key == bindparam("b_key")),
                    [{"b_key": key} for key in strangers["reference_key"].to_list()],
                )
            insert_frame(connection, national_strangers, strangers.with_columns(pl.lit(at).alias("checked_at")))
            queue(connection, EVENT, now, actor.account, {"act": "reconcile", "unit": actor.unit, **facts})
        return numbered

    def _note(
        self,
        connection: Connection,
        student_id: str,
        values: Mapping[str, object],
        numbered: bool,
        on: date,
        counter: int,
        actor: Actor,
        now: datetime,
    ) -> None:
        """Write what changed into the archive: codes of the fields in clear, old and new values under seal."""
        fields = sorted({name.partition(".")[2] for name in values} - {"student_number"})
        of_number = {name: value for name, value in values.items() if name.endswith(".student_number")}
        others = {name: value for name, value in values.items() if name not in of_number}
        entries: list[tuple[EntryKind, dict[str, object], Mapping[str, object]]] = []
        if fields:
            entries.append((EntryKind.DATA_CHANGE, {"fields": ",".join(fields), "source": "national"}, others))
        if numbered:
            entries.append((EntryKind.NUMBER, {"source": self._authority}, of_number))
        for kind, data, personal in entries:
            entry_id = f"en-{counter:012d}-{secrets.token_hex(12)}"
            sealed: dict[str, Any] = self._vault.close(connection, "archive_entries", entry_id, personal, now)
            connection.execute(
                insert(archive_entries).values(
                    entry_id=entry_id, sequence=counter, student_id=student_id, kind=kind.value, event_on=on,
                    entered_at=stamp(now), data=dumps(data), actor=actor.account, unit=actor.unit, **sealed,
                )
            )  # fmt: skip

    @enforces("A6-3", how="numbers are made here or come by file; nobody types one")
    def assign_numbers(self, schools_in: Sequence[str], actor: Actor, on: date, now: datetime) -> int:
        """Give final numbers by the rule to the pupils on the roll who have a provisional one; return how many.

        Only where ``number_authority`` is ``local`` (Q-32). Raises ``RegisterRuleError`` (A6-3) elsewhere: there they
        come with the national file.
        """
        if self._authority != "local":
            raise RegisterRuleError(
                "Student numbers are assigned by the national system here; import its file.",
                detail_zh="本地学籍号由全国系统统一赋号，请导入全国系统导出的文件。",
                rule="A6-3",
            )
        with writing(self._engine) as connection:
            waiting = connection.execute(
                select(students.c.student_id, students.c.subject_ref, schools.c.division)
                .join(schools, schools.c.school_code == students.c.school_code)
                .where(
                    students.c.school_code.in_(schools_in),
                    students.c.number_kind == "L",
                    students.c.state == "active",
                )
                .order_by(students.c.student_id)
            ).all()
            if not waiting:
                return 0
            ids = [row.student_id for row in waiting]
            opened = self._register.opened_rows(connection, ids)
            made = missing_numbers(
                opened.with_columns(pl.Series("school_division", [row.division for row in waiting])),
                "local",
                lambda numbers: self._taken(connection, numbers),
            )
            keys = select_in(
                connection,
                [students.c[name] for name in ("student_id", "id_key", "suspect_key", "content_key")],
                students.c.student_id,
                ids,
            )
            rows = opened.with_columns(made).join(keys, on="student_id", how="left", maintain_order="left")
            self._register.write_rows(connection, rows, now)
            counter = advance(connection)
            for student_id, old, new in zip(ids, opened["student_number"], made, strict=True):
                values = {"before.student_number": old, "after.student_number": new}
                self._note(connection, student_id, values, True, on, counter, actor, now)
            facts: dict[str, Fact] = {"act": "number", "count": len(ids), "unit": actor.unit, "commit": counter}
            _tell(connection, EVENT, now, actor, facts, [row.subject_ref for row in waiting])
        return len(ids)

    def _taken(self, connection: Connection, numbers: list[str]) -> set[str]:
        keys = self._register.keyed("student_number", pl.Series(numbers, dtype=pl.String)).to_list()
        held = set(select_in(connection, [students.c.number_key], students.c.number_key, keys)["number_key"].to_list())
        return {number for number, key in zip(numbers, keys, strict=True) if key in held}

    def differences(self, schools_in: Sequence[str], state: str | None, after: str, limit: int) -> list[Difference]:
        """Return the records that are not in step, by id: names of fields, never values."""
        query = (
            select(national_links, students.c.school_code, sharing_students.c.name_masked)
            .join(students, students.c.student_id == national_links.c.student_id)
            .join(sharing_students, sharing_students.c.subject_ref == students.c.subject_ref)
            .where(students.c.school_code.in_(schools_in), national_links.c.student_id > after)
        )
        query = query.where(
            national_links.c.state == state if state is not None else national_links.c.state != "in-step"
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(national_links.c.student_id).limit(limit)).all()
        return [
            Difference(row.student_id, row.school_code, row.state, tuple(row.differs.split()), parse(row.checked_at),
                       row.name_masked)
            for row in rows
        ]  # fmt: skip

    def strangers(self, schools_in: Sequence[str]) -> Mapping[str, int]:
        """Return school -> records of the national system that are not here (``only there``)."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(national_strangers.c.school_code).where(national_strangers.c.school_code.in_(schools_in))
            ).scalars()
            found = pl.Series(list(rows), dtype=pl.String)
        return dict(found.value_counts().sort(by=found.name).iter_rows()) if len(found) else {}


def _kinds(connection: Connection, student_ids: list[str]) -> dict[str, tuple[str, str]]:
    """Return student id -> (reference, kind of number)."""
    columns = [students.c.student_id, students.c.subject_ref, students.c.number_kind]
    found = select_in(connection, columns, students.c.student_id, student_ids)
    return {student_id: (subject, kind) for student_id, subject, kind in found.iter_rows()}


def _unlink(connection: Connection, links: pl.DataFrame) -> None:
    """Take away what was known of these records, and of these references with other records."""
    known = set(select_in(
        connection, [national_links.c.student_id], national_links.c.student_id, links["student_id"].to_list()
    )["student_id"].to_list())  # fmt: skip
    known |= set(select_in(
        connection, [national_links.c.student_id], national_links.c.reference_key,
        links["reference_key"].drop_nulls().to_list(),
    )["student_id"].to_list())  # fmt: skip
    if known:
        connection.execute(
            delete(national_links).where(national_links.c.student_id == bindparam("b_student")),
            [{"b_student": student_id} for student_id in sorted(known)],
        )


def _tell(
    connection: Connection, kind: str, now: datetime, actor: Actor, facts: Mapping[str, Fact], subjects: Sequence[str]
) -> None:
    for start in range(0, max(len(subjects), 1), _SUBJECTS):
        queue(connection, kind, now, actor.account, facts, subjects[start : start + _SUBJECTS])
