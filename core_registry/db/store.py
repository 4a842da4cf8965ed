"""The register as an import writes it: one transaction, columns and not rows (design 3, 4)."""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Final, Literal

import polars as pl
from sqlalchemy import Connection, Engine, bindparam, case, insert, select, text, update

from core_registry.db.bulk import CHUNK, insert_frame, select_in, update_frame
from core_registry.db.engine import SQLITE_CACHE, reading, writing
from core_registry.db.families import Families, sealed_texts
from core_registry.db.family_rows import FamilyRows
from core_registry.db.keyed_index import KeyedIndex
from core_registry.db.numbers import Authority, missing_numbers
from core_registry.db.opened import open_column
from core_registry.db.record_rows import PLAIN, SEALED_STUDENT, opened_rows
from core_registry.db.sealing import DataKeys, RegistryKeys, seal
from core_registry.db.shared_texts import Rolls, SharedTexts, with_text
from core_registry.db.sharing_row import SharingRows
from core_registry.db.state import Fact, advance, commits, queue
from core_registry.db.tables import (
    guardian_links,
    imports,
    school_memberships,
    sharing_students,
    students,
)
from core_registry.db.times import stamp
from core_registry.db.units import read_schools, school_systems
from core_registry.domain.states import ON_ROLL
from core_registry.domain.working_days import civil_date
from core_registry.errors import RegisterChangedError, RegisterRuleError
from core_registry.intake.records import Finding, ImportId, ImportMeta, ImportSummary, Progress
from core_registry.sharing import Masker, Redactor

_ON_ROLL = sorted(state.value for state in ON_ROLL)
_KEYS = ("id_key", "name_key", "number_key", "suspect_key")
_IMPORT_CACHE = "PRAGMA cache_size=-262144"  # KiB, for the one import that may run
_IMPORT_LOCK: Final = 0x7875656A69  # "xueji"; one import at a time on PostgreSQL, as on SQLite


def _silent(stage: str, done: int, total: int) -> None:  # the protocol of a progress
    """Report no progress."""


class SqlRegisterStore:
    """The registry database for imports; implements ``core_registry.intake.records.RegisterStore``.

    ``stages`` maps grade codes to primary, junior, senior; ``number_authority`` is the parameter of that name.
    """

    def __init__(
        self,
        engine: Engine,
        keys: RegistryKeys,
        masker: Masker,
        redactor: Redactor,
        stages: Mapping[str, str],
        *,
        number_authority: Authority = "national",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._keys = DataKeys(engine, keys)
        self._index = KeyedIndex(keys.index)
        self._families = FamilyRows(self._keys, self._index)
        self._masker = masker
        self._rows = SharingRows(masker, stages)
        self._texts = SharedTexts(redactor)
        self._authority: Authority = number_authority
        self._clock = clock

    def schools(self) -> pl.DataFrame:
        """Return the schools: school_code, name, division, managing_authority, stages (list of text), closed."""
        with reading(self._engine) as connection:
            found = read_schools(connection)
        return found.select("school_code", "name", "division", "managing_authority", "stages", "closed")

    def keyed(
        self, kind: Literal["id_number", "name", "phone", "suspect", "student_number"], values: pl.Series
    ) -> pl.Series:
        """Return the keys (64 hexadecimal digits) of the values, normalised here; null and blank give null."""
        return self._index.keyed(kind, values)

    def held(self, id_keys: pl.Series) -> pl.DataFrame:
        """Return those already registered: id_key, student_id, school_code, name_key, state, content_key.

        Also ``number_key`` and ``number_kind`` (G, J, L): a number other than L never changes (A6-3); ``entry_month``.
        """
        names = (
            "id_key", "student_id", "school_code", "name_key", "state", "content_key", "number_key", "number_kind",
            "entry_month",
        )  # fmt: skip
        with reading(self._engine) as connection:
            return _in(connection, names, "id_key", id_keys)

    def numbered(self, number_keys: pl.Series) -> pl.DataFrame:
        """Return who holds one of these student numbers: number_key, student_id."""
        with reading(self._engine) as connection:
            return _in(connection, ("number_key", "student_id"), "number_key", number_keys)

    def suspects(self, suspect_keys: pl.Series) -> pl.DataFrame:
        """Return pupils with the same name, birth date and guardian document: suspect_key, student_id, id_key."""
        with reading(self._engine) as connection:
            return _in(connection, ("suspect_key", "student_id", "id_key"), "suspect_key", suspect_keys)

    def roll(self, schools: list[str]) -> pl.DataFrame:
        """Return the present register of ``schools``: student_id, school_code, id_key, state."""
        names = ("student_id", "school_code", "id_key", "state")
        with reading(self._engine) as connection:
            return _in(connection, names, "school_code", pl.Series(schools, dtype=pl.String))

    def imported(self, file_sha256: str) -> ImportSummary | None:
        """Return the summary of the last import of this content, if nothing changed the register since."""
        with reading(self._engine) as connection:
            row = connection.execute(
                select(imports.c.import_id, imports.c.summary, imports.c.commit_number)
                .where(imports.c.file_sha256 == file_sha256)
                .order_by(imports.c.sequence.desc())
                .limit(1)
            ).one_or_none()
            if row is None or row.commit_number != commits(connection):
                return None
        return _summary(row.summary, ImportId(row.import_id))

    def apply(self, rows: pl.DataFrame, meta: ImportMeta, progress: Progress) -> None:
        """Write all rows in one transaction: records, members, keys, sharing view, outbox, import row.

        See ``RegisterStore.apply``; ``rows`` may also hold ``awards`` and ``remarks``. The same ``import_id`` again
        writes nothing. Raises ``RegisterRuleError`` for an unknown school or a changed student number (A6-3),
        ``RegisterChangedError`` when the register changed since the check, ``RegistryUnavailableError``.
        """
        with writing(self._engine) as connection:
            self.lock(connection)
            done = connection.execute(select(imports.c.sequence).where(imports.c.import_id == meta.import_id))
            if done.one_or_none() is not None:
                return
            if connection.dialect.name == "sqlite":
                # Random keys touch every page of an index: a page that is written out early is written many times.
                connection.exec_driver_sql(_IMPORT_CACHE)
            self.write_rows(connection, rows, meta.at, state=meta.state.value, progress=progress)
            self._write_meta(connection, meta)
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql(SQLITE_CACHE)

    @staticmethod
    def lock(connection: Connection) -> None:
        """Let no other import run until the transaction of ``connection`` ends."""
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _IMPORT_LOCK})

    def write_rows(
        self,
        connection: Connection,
        rows: pl.DataFrame,
        at: datetime,
        *,
        on: date | None = None,
        state: str = "active",
        made_at: datetime | None = None,
        progress: Progress = _silent,
    ) -> list[str]:
        """Write rows as ``apply`` takes them in the transaction of ``connection``: records, members, sharing view.

        ``on`` is the day on which a record comes to its school (the civil day of ``at`` if not given), ``state`` that
        of new records, ``made_at`` the instant that begins their ids (now if not given). Return the student ids in the
        order of the rows. The caller counts the commit and writes the event. Raises as ``apply`` does.
        """
        work = self._prepared(connection, rows, state, made_at or self._clock())
        family = self._families.members(connection, work)
        self._families.write_persons(connection, family, at)
        self._write_students(connection, work, family, at, progress)
        self._write_memberships(connection, work, on or civil_date(at))
        self._families.write_links(connection, work, family)
        self._follow_siblings(connection, work, family, at)
        return work["student_id"].to_list()

    def opened_rows(self, connection: Connection, student_ids: list[str]) -> pl.DataFrame:
        """Return the present records with members as ``write_rows`` takes them, keys left out: clear personal data."""
        return opened_rows(self._keys, connection, student_ids)

    def _prepared(self, connection: Connection, rows: pl.DataFrame, state: str, made_at: datetime) -> pl.DataFrame:
        """Return ``rows`` complete: student_id, subject_ref, state, number, texts; ``was_…`` is what was registered."""
        known = read_schools(connection).select("school_code", pl.col("division").alias("school_division"))
        unknown = rows.join(known, on="school_code", how="anti")["school_code"].n_unique()
        if unknown:
            raise RegisterRuleError(
                f"{unknown} school codes are not in the register of schools; import the schools first.",
                detail_zh=f"有 {unknown} 个学校标识码未登记，请先导入学校。",
                rule="A2-1",
            )
        work = rows.with_columns(
            pl.lit(None, dtype=pl.String).alias(name)
            for name in ("awards", "remarks", "residence_address", "household_address", "former_name")
            if name not in rows.columns
        ).with_columns(pl.col("student_id").cast(pl.String), pl.col("student_number").cast(pl.String))
        before = self._before(connection, work["student_id"].drop_nulls().to_list())
        work = work.with_columns(pl.int_range(pl.len()).alias("order")).join(
            before, on="student_id", how="left", maintain_order="left"
        )
        self._guard_numbers(work)
        work = work.with_columns(
            pl.coalesce(name, f"was_{name}").alias(name)
            for name in ("awards", "remarks", "student_number", "entry_month")
        )
        work = work.join(known, on="school_code", how="left", maintain_order="left")
        work = self._numbered(connection, work)
        count = work.height
        # Ascending within an import and later than earlier ones: the primary key grows at its end.
        prefix = f"{round(made_at.timestamp() * 1000):012x}"
        fresh = sorted(prefix + secrets.token_hex(10) for _ in range(count))
        return work.with_columns(
            pl.col("student_id").is_null().alias("new"),
            pl.coalesce("student_id", pl.Series(fresh, dtype=pl.String)).alias("student_id"),
            pl.coalesce("subject_ref", pl.Series([secrets.token_hex(16) for _ in range(count)], dtype=pl.String)).alias(
                "subject_ref"
            ),
            pl.col("state").fill_null(state),
            (pl.col("was_version") + 1).fill_null(0).alias("version"),
            pl.col("entry_month").cast(pl.String).str.replace(r"^(\d{4})(\d{2})$", "${1}-${2}"),
        )

    def _before(self, connection: Connection, student_ids: list[str]) -> pl.DataFrame:
        """Return the present rows of changed pupils, opened as far as the new ones need it."""
        names = ("student_id", "subject_ref", "state", "school_code", "entry_month", "created_at", "number_kind",
                 "version", "key_version", "sealed", *_KEYS)  # fmt: skip
        found = _in(connection, names, "student_id", pl.Series(student_ids, dtype=pl.String))
        if found.height != len(set(student_ids)) or len(set(student_ids)) != len(student_ids):
            raise RegisterChangedError(
                "The file names pupils twice or pupils who are no longer registered; check it again.",
                detail_zh="部分学生重复出现或已不在学籍库中，请重新检查文件。",
            )
        kept = ("student_number", "awards", "remarks")
        opened = open_column(self._keys, connection, "students", found, kept)
        return pl.concat(
            [
                found.select("student_id", "subject_ref", "state", "number_kind", "created_at"),
                found.select(
                    pl.col(name).alias(f"was_{name}") for name in ("school_code", "entry_month", "version", *_KEYS)
                ),
                opened.rename(lambda name: f"was_{name}"),
            ],
            how="horizontal",
        )

    def _guard_numbers(self, work: pl.DataFrame) -> None:
        """A6-3: only a provisional number is ever replaced."""
        keys = self._index.keyed("student_number", work["student_number"])
        changed = work.filter(keys.is_not_null() & (keys != pl.col("was_number_key")) & (pl.col("number_kind") != "L"))
        if not changed.is_empty():
            raise RegisterRuleError(
                f"{changed.height} rows would change a student number, which never changes; leave the column empty "
                "or give the number that the register holds.",
                detail_zh=f"有 {changed.height} 行的学籍号与学籍库不一致，学籍号终身不变，请核对或留空。",
                rule="A6-3",
            )

    def _numbered(self, connection: Connection, work: pl.DataFrame) -> pl.DataFrame:
        missing = work.filter(pl.col("student_number").is_null())
        if missing.is_empty():
            return work
        own = set(self._index.keyed("student_number", work["student_number"]).drop_nulls().to_list())

        def taken(numbers: list[str]) -> set[str]:
            keys = self._index.keyed("student_number", pl.Series(numbers, dtype=pl.String))
            exists = set(_in(connection, ("number_key",), "number_key", keys)["number_key"].to_list()) | own
            return {number for number, key in zip(numbers, keys.to_list(), strict=True) if key in exists}

        made = missing_numbers(missing, self._authority, taken)
        return work.join(
            missing.select("order", made.alias("made_number")), on="order", how="left", maintain_order="left"
        ).with_columns(pl.coalesce("student_number", "made_number").alias("student_number"))

    def _write_students(
        self, connection: Connection, work: pl.DataFrame, family: Families, at: datetime, progress: Progress
    ) -> None:
        version, key = self._keys.newest(connection, "students", at)
        schools = read_schools(connection).join(school_systems(connection), on="school_code", how="left")
        shown = family.links.filter("shown").join(
            family.persons.select(
                "guardian_id", pl.col("name").alias("shown_name"), pl.col("phone").alias("shown_phone")
            ),
            on="guardian_id",
            how="left",
        )
        shown = shown.select("student_id", pl.col("relation").alias("shown_relation"), "shown_name", "shown_phone")
        named = family.links.select("student_id", "guardian_id").join(
            family.persons.select("guardian_id", "name"), on="guardian_id"
        )
        # A classmate may stand anywhere in the import: their names come from it, those of the others are opened.
        rolls = Rolls(self._keys, connection, work.select("student_id", "school_code", "name", "former_name"))
        now = stamp(at)
        done = 0
        for part in work.iter_slices(CHUNK):
            sealed = seal(
                key, ("students", "sealed", version), part["student_id"].to_list(), sealed_texts(part, SEALED_STUDENT)
            )
            made = part.select(
                "student_id",
                "subject_ref",
                "id_key",
                self._index.keyed("name", part["name"]).alias("name_key"),
                self._index.keyed("student_number", part["student_number"]).alias("number_key"),
                pl.col("student_number").str.slice(0, 1).alias("number_kind"),
                "suspect_key",
                "content_key",
                pl.lit(version, dtype=pl.Int64).alias("key_version"),
                pl.Series("sealed", sealed, dtype=pl.Binary),
                *PLAIN,
                pl.col("created_at").fill_null(now),
                pl.lit(now).alias("updated_at"),
                "version",
            )
            new = part["new"]
            insert_frame(connection, students, made.filter(new))
            self._update_students(connection, made.filter(~new), part.filter(~new))
            told = part.filter(with_text())
            texts = None if told.is_empty() else self._texts.redacted(connection, told, named, schools, rolls)
            complete = part.join(shown, on="student_id", how="left", maintain_order="left")
            view = self._rows.frame(complete, schools, at, texts)
            insert_frame(connection, sharing_students, view.filter(new).sort("subject_ref"))
            update_frame(connection, sharing_students, view.filter(~new).sort("subject_ref"))
            done += part.height
            progress("write", done, work.height)

    @staticmethod
    def _update_students(connection: Connection, made: pl.DataFrame, part: pl.DataFrame) -> None:
        """Update present rows; their keys only where they differ, their state never."""
        differs = pl.any_horizontal(made[name].ne_missing(part[f"was_{name}"]) for name in _KEYS)
        update_frame(connection, students, made.filter(differs).select("student_id", *_KEYS, "number_kind"))
        update_frame(connection, students, made.drop("subject_ref", "created_at", "state", *_KEYS, "number_kind"))

    @staticmethod
    def _write_memberships(connection: Connection, work: pl.DataFrame, on: date) -> None:
        moved = work.filter(~pl.col("new") & (pl.col("school_code") != pl.col("was_school_code")))
        if not moved.is_empty():
            connection.execute(
                update(school_memberships)
                .where(
                    school_memberships.c.student_id == bindparam("b_student"), school_memberships.c.to_date.is_(None)
                )
                .values(
                    # a school that the record came to later than that held it for no day
                    to_date=case((school_memberships.c.from_date > on, school_memberships.c.from_date), else_=on)
                ),
                [{"b_student": student_id} for student_id in moved["student_id"].to_list()],
            )
        # only a record on the roll has a school that holds it from day to day: a former pupil's lies in the archive
        entered = work.filter(
            (pl.col("new") & pl.col("state").is_in(_ON_ROLL)) | (pl.col("school_code") != pl.col("was_school_code"))
        )
        insert_frame(
            connection,
            school_memberships,
            entered.select("student_id", "school_code", pl.lit(on).alias("from_date")),
        )

    def _follow_siblings(self, connection: Connection, work: pl.DataFrame, family: Families, at: datetime) -> None:
        """Bring the sharing rows of pupils outside this import up to date who show a person that it changed."""
        changed = family.persons.filter("held").select("guardian_id", "name", "phone")
        names = ("guardian_id", "student_id", "shown")
        links = select_in(
            connection,
            [guardian_links.c[name] for name in names],
            guardian_links.c.guardian_id,
            changed["guardian_id"].to_list(),
        )
        others = links.filter("shown").join(work, on="student_id", how="anti").join(changed, on="guardian_id")
        if others.is_empty():
            return
        refs = _in(connection, ("student_id", "subject_ref"), "student_id", others["student_id"])
        mask = self._masker.mask
        rows = (
            others.with_columns(mask("name", others["name"]), mask("phone", others["phone"]))
            .join(refs, on="student_id")
            .select("subject_ref", "name", "phone")
        )
        connection.execute(
            update(sharing_students)
            .where(sharing_students.c.subject_ref == bindparam("b_ref"))
            .values(guardian_name_masked=bindparam("b_name"), phone_masked=bindparam("b_phone"), updated_at=stamp(at)),
            [{"b_ref": ref, "b_name": name, "b_phone": phone} for ref, name, phone in rows.iter_rows()],
        )

    def _write_meta(self, connection: Connection, meta: ImportMeta) -> None:
        number = advance(connection)
        done = meta.summary
        connection.execute(
            insert(imports).values(
                import_id=meta.import_id,
                file_sha256=meta.file_sha256,
                mapping=meta.mapping,
                actor=meta.actor,
                at=stamp(meta.at),
                summary=json.dumps(dataclasses.asdict(done), ensure_ascii=False, sort_keys=True),
                commit_number=number,
            )
        )
        facts: dict[str, Fact] = {
            "import_id": str(meta.import_id), "file_sha256": meta.file_sha256, "mapping": meta.mapping,
            "rows": done.rows, "new": done.new, "changed": done.changed, "unchanged": done.unchanged,
            "rejected": done.rejected, "absent": done.absent, "warnings": done.warnings, "schools": done.schools,
            "commit": number,
        }  # fmt: skip
        queue(connection, "registry.import", meta.at, meta.actor, facts)


def _in(connection: Connection, names: tuple[str, ...], key: str, values: pl.Series) -> pl.DataFrame:
    wanted = values.drop_nulls().unique().to_list()
    return select_in(connection, [students.c[name] for name in names], students.c[key], wanted)


def _summary(encoded: str, import_id: ImportId) -> ImportSummary:
    values = json.loads(encoded)
    values["findings"] = tuple(Finding(**finding) for finding in values["findings"])
    values["shrink"] = tuple(values["shrink"])
    values["import_id"] = import_id
    return ImportSummary(**values)
