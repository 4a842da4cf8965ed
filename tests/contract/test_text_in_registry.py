"""Free text of records: it comes into the sharing view redacted with what the registry knows, or not at all (I8)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select, text, update

from core_registry.db.engine import make_engine, reading, writing
from core_registry.db.migrate import upgrade
from core_registry.db.record_rows import opened_rows
from core_registry.db.redactions import SqlRedactions
from core_registry.db.sealing import DataKeys
from core_registry.db.sharing_reader import SqlSharingView
from core_registry.db.state import SqlOutbox
from core_registry.db.store import SqlRegisterStore
from core_registry.db.tables import sharing_students, students
from core_registry.errors import RegisterRuleError
from core_registry.intake.records import ImportRequest
from core_registry.intake.service import ImportService
from core_registry.redactions import TextRedactions
from core_registry.sharing import NOT_REDACTED, SHARING_COLUMNS, TEXT_WITHHELD, Redactor, RowFilter
from gateway.anonymize.text.errors import ModelUnavailableError
from gateway.anonymize.withholding import FailClosedRedactor, WithholdingRedactor
from gateway.bootstrap.texts import text_redactor
from rulebook.loader import load
from tests.factories.intake_forms import book, table, write_csv
from tests.factories.intake_gallery import todays_pupil
from tests.factories.intake_register import open_register, prepare
from tests.factories.redactors import NameRedactor, StumblingRedactor
from tests.factories.registrydb_rows import (
    AT,
    KEYS,
    MASKS,
    PRIMARY,
    SENIOR,
    STAGES,
    Registry,
    StarRedactor,
    frame_of,
    land,
    make_registry,
    meta_of,
    pupil,
    silent,
)

PUPIL, MOTHER, CLASSMATE, OUTSIDER = "田小禾", "田母名", "乔同窗", "路人甲乙"


@pytest.fixture
def seen() -> NameRedactor:
    return NameRedactor()


@pytest.fixture
def registry(tmp_path: Path, seen: NameRedactor) -> Iterator[Registry]:
    made = make_registry(f"sqlite:///{tmp_path / 'registry.db'}", redactor=seen)
    yield made
    made.engine.dispose()


@pytest.fixture
def either(database_url: str, seen: NameRedactor) -> Iterator[Registry]:
    """A registry on SQLite and one on PostgreSQL, for what is said in SQL."""
    made = make_registry(database_url, redactor=seen)
    yield made
    made.engine.dispose()


def named(serial: int, name: str, **changes: object) -> dict[str, object]:
    return pupil(serial, name=name, **changes)


def shared(registry: Registry) -> dict[str, dict[str, object]]:
    """Return the rows of the sharing view by student id, with the version of their texts."""
    query = select(students.c.student_id, sharing_students).join(
        sharing_students, sharing_students.c.subject_ref == students.c.subject_ref
    )
    with reading(registry.engine) as connection:
        return {row["student_id"]: dict(row) for row in connection.execute(query).mappings()}


def texts_of(registry: Registry) -> list[tuple[object, object, object]]:
    """Return awards, remarks and version of the rows that have a text, sorted."""
    rows = [(r["awards_text"], r["remarks_text"], r["text_redaction"]) for r in shared(registry).values()]
    return sorted((row for row in rows if row != (None, None, None)), key=str)


def over(registry: Registry, redactor: Redactor) -> SqlRegisterStore:
    """Return the register of the same database with another redactor."""
    return SqlRegisterStore(registry.engine, KEYS, MASKS, redactor, STAGES)


def rerun(registry: Registry, redactor: Redactor) -> TextRedactions:
    return TextRedactions(SqlRedactions(registry.engine, KEYS, redactor), lambda: AT)


# --- written redacted


def test_texts_of_an_import_are_redacted_with_record_family_and_roll(registry: Registry, seen: NameRedactor) -> None:
    rows = [
        named(
            1,
            PUPIL,
            member1_name=MOTHER,
            awards=f"{PUPIL}与{CLASSMATE}获校级奖",
            remarks=f"{MOTHER}来校，{OUTSIDER}陪同",
        ),
        named(2, CLASSMATE),  # stands later in the same file
        named(3, "无字者"),
    ]
    land(registry, rows)
    assert texts_of(registry) == [("〔学生〕与〔同学〕获校级奖", f"〔家长〕来校，{OUTSIDER}陪同", "names-1")]
    assert (seen.texts, seen.calls, seen.opened) == (2, 1, [PRIMARY])
    known = seen.known[0]
    assert known["school_name"] == "小店区第一小学"
    assert known["guardians"] == [MOTHER]
    assert str(known["residence_address"]).startswith("山西省太原市小店区")
    assert str(known["household_address"]).startswith("山西省太原市迎泽区")


def test_a_classmate_who_was_registered_before_is_opened_for_a_single_record(
    registry: Registry, seen: NameRedactor
) -> None:
    land(registry, [named(2, CLASSMATE, former_name="乔旧名"), named(9, "别校生", school_code=SENIOR, grade="31")])
    assert (seen.texts, seen.opened) == (0, [])
    land(registry, [named(1, PUPIL, remarks=f"与{CLASSMATE}（原名乔旧名）同组，别校生来访")])
    assert texts_of(registry) == [(None, "与〔同学〕（原名〔同学〕）同组，别校生来访", "names-1")]


def test_records_without_a_text_never_reach_the_redactor(registry: Registry, seen: NameRedactor) -> None:
    held = land(registry, [named(serial, f"无字{chr(0x4E00 + serial)}", awards="") for serial in range(1, 6)])
    assert held.height == 5
    assert (seen.calls, seen.opened) == (0, [])
    assert texts_of(registry) == []


def test_a_text_that_the_next_form_leaves_blank_stays_and_is_redacted_anew(
    registry: Registry, seen: NameRedactor
) -> None:
    held = land(registry, [named(1, PUPIL, awards=f"{PUPIL}获奖")])
    seen.version = "names-2"
    again = frame_of([named(1, PUPIL, student_id=held["student_id"][0])], registry.store)
    registry.store.apply(again, meta_of(again), silent)
    assert texts_of(registry) == [("〔学生〕获奖", None, "names-2")]


def test_a_pupil_who_moved_is_read_with_the_roll_of_both_schools(either: Registry, seen: NameRedactor) -> None:
    land(either, [named(2, CLASSMATE), named(3, "新同桌", school_code=SENIOR, grade="31")])
    held = land(either, [named(1, PUPIL, remarks=f"与{CLASSMATE}、新同桌相熟")])
    assert texts_of(either) == [(None, "与〔同学〕、新同桌相熟", "names-1")]
    moved = named(1, PUPIL, school_code=SENIOR, grade="31", student_id=held["student_id"][0])
    frame = frame_of([moved], either.store)
    either.store.apply(frame, meta_of(frame), silent)
    assert texts_of(either) == [(None, "与〔同学〕、〔同学〕相熟", "names-1")]
    assert seen.opened[-2:] == [SENIOR, PRIMARY]
    assert seen.known[-1]["school_name"] == "小店区第一小学"


def test_rolls_of_several_schools_are_opened_one_after_the_other(registry: Registry, seen: NameRedactor) -> None:
    rows = [
        named(serial, f"学生{chr(0x4E00 + serial)}", remarks="无", **place)
        for serial, place in enumerate([{}, {"school_code": SENIOR, "grade": "31"}] * 4, start=1)
    ]
    land(registry, rows)
    assert seen.opened == [PRIMARY, SENIOR]
    assert seen.texts == 8


def test_the_version_of_a_redaction_is_no_column_of_the_view(registry: Registry) -> None:
    land(registry, [named(1, PUPIL, awards=f"{PUPIL}获奖")])
    view = SqlSharingView(registry.url)
    try:
        (row,) = shared(registry).values()
        found = view.pupil(str(row["subject_ref"]))
        assert found is not None
        assert set(found) == set(SHARING_COLUMNS)
        with view.snapshot() as snapshot, pytest.raises(ValueError, match="text_redaction"):
            snapshot.tuples(["text_redaction"], RowFilter())
        with pytest.raises(ValueError, match="text_redaction"):
            view.pupils([str(row["subject_ref"])], ["text_redaction"])
    finally:
        view.close()


# --- fail closed


@pytest.mark.parametrize("wrong", ["missing", "hash"])
def test_without_the_measured_model_texts_are_withheld_and_the_record_is_written(
    registry: Registry, tmp_path: Path, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "model"
    if wrong == "hash":
        _tampered_model(folder)
    off = text_redactor(load(Path("config")), model=folder)
    frame = frame_of([named(1, PUPIL, awards=f"{PUPIL}获奖", remarks=""), named(2, CLASSMATE)], registry.store)
    over(registry, off).apply(frame, meta_of(frame), silent)
    assert texts_of(registry) == [(TEXT_WITHHELD, None, NOT_REDACTED)]
    rows = shared(registry)
    assert len(rows) == 2
    assert {row["grade"] for row in rows.values()} == {"14"}
    assert off.state == "ModelUnavailableError"
    assert off.version == NOT_REDACTED
    assert PUPIL not in caplog.text
    assert any("withheld" in one.getMessage() for one in caplog.records)


def _tampered_model(folder: Path) -> None:
    """Lay down files of the right names, one of which is not the one that was measured."""
    from gateway.anonymize.text.model import PINS

    folder.mkdir()
    for name in PINS:
        (folder / name).write_bytes(b"not the model")


def test_a_text_that_cannot_be_redacted_is_withheld_alone(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    closed = FailClosedRedactor(StumblingRedactor)
    rows = [named(n, f"学生{chr(0x4E00 + n)}", remarks="石头" if n == 3 else "平地") for n in range(1, 7)]
    frame = frame_of(rows, registry.store)
    over(registry, closed).apply(frame, meta_of(frame), silent)
    assert texts_of(registry) == [(None, TEXT_WITHHELD, NOT_REDACTED), *[(None, "平地", "names-1")] * 5]
    assert "石头" not in caplog.text
    assert "RuntimeError" in caplog.text


def test_a_redactor_that_goes_off_in_the_middle_withholds_and_comes_back() -> None:
    now = [0.0]
    working = [True]

    class Goes(NameRedactor):
        def redact(self, texts: pl.Series, known: pl.DataFrame, rosters: Callable[[str], Sequence[str]]) -> pl.Series:
            if not working[0]:
                raise ModelUnavailableError("gone", detail_zh="没有了")
            return super().redact(texts, known, rosters)

    made: list[Goes] = []

    def make() -> Goes:
        if not working[0]:
            raise ModelUnavailableError("gone", detail_zh="没有了")
        made.append(Goes())
        return made[-1]

    closed = FailClosedRedactor(make, monotonic=lambda: now[0])
    texts = pl.Series("t", ["甲", None])
    known = _unknown(2)
    assert closed.redact(texts, known, lambda _school: ()).to_list() == ["甲", None]
    working[0] = False
    assert closed.redact(texts, known, lambda _school: ()).to_list() == [TEXT_WITHHELD, None]
    assert (closed.version, closed.state) == (NOT_REDACTED, "ModelUnavailableError")
    working[0] = True
    assert closed.version == NOT_REDACTED  # it is left alone for a minute
    now[0] += 61
    assert (closed.version, closed.state) == ("names-1", "ok")
    assert closed.redact(texts, known, lambda _school: ()).to_list() == ["甲", None]
    assert len(made) == 2


def test_a_redactor_that_loses_a_row_passes_nothing() -> None:
    class Short(NameRedactor):
        def redact(self, texts: pl.Series, known: pl.DataFrame, rosters: Callable[[str], Sequence[str]]) -> pl.Series:
            return super().redact(texts, known, rosters).head(len(texts) - 1)

    made = FailClosedRedactor(Short).redact(pl.Series("t", ["甲", "乙"]), _unknown(2), lambda _school: ())
    assert made.to_list() == [TEXT_WITHHELD] * 2


def _unknown(rows: int) -> pl.DataFrame:
    row: dict[str, object] = {
        "school_code": PRIMARY, "school_name": None, "name": None, "former_name": None, "guardians": [],
        "residence_address": None, "household_address": None,
    }  # fmt: skip
    return pl.DataFrame([row] * rows, schema_overrides={"guardians": pl.List(pl.String)})


# --- run again


def _population(registry: Registry, redactor: Redactor, count: int = 23) -> None:
    rows = [
        named(n, f"学生{chr(0x4E00 + n)}", awards=f"学生{chr(0x4E00 + n)}获奖" if n % 2 else None, remarks=f"第{n}条")
        for n in range(1, count + 1)
    ]
    rows += [named(100 + n, f"无字{chr(0x4E00 + n)}") for n in range(3)]
    frame = frame_of(rows, registry.store)
    over(registry, redactor).apply(frame, meta_of(frame), silent)


def test_a_run_redacts_what_is_withheld_or_old_in_batches_that_are_recorded(
    either: Registry, seen: NameRedactor
) -> None:
    _population(either, WithholdingRedactor())
    assert {row[2] for row in texts_of(either)} == {NOT_REDACTED}
    run = rerun(either, seen)
    assert run.stale() == 23
    told: list[tuple[int, int]] = []
    done = run.run("operator", lambda at, total: told.append((at, total)), limit=10)
    assert (done.rows, done.withheld) == (23, 0)
    assert told == [(0, 23), (10, 23), (20, 23), (23, 23)]
    found = texts_of(either)
    assert {row[2] for row in found} == {"names-1"}
    assert sorted({str(row[0]) for row in found}) == ["None", "〔学生〕获奖"]
    events = [one for one in SqlOutbox(either.engine).pending(0, 100) if one.kind == "registry.redaction"]
    assert [one.facts["rows"] for one in events] == [10, 10, 3]
    assert {one.actor for one in events} == {"operator"}
    assert all(set(one.facts) == {"rows", "withheld", "redaction", "commit"} for one in events)
    assert all(one.subjects == () for one in events)


def test_a_run_with_nothing_to_do_changes_nothing(registry: Registry, seen: NameRedactor) -> None:
    _population(registry, seen)
    before = shared(registry), len(SqlOutbox(registry.engine).pending(0, 100))
    assert rerun(registry, seen).run("operator").rows == 0
    assert rerun(registry, seen).step("worker") is False
    assert (shared(registry), len(SqlOutbox(registry.engine).pending(0, 100))) == before


def test_a_run_that_is_stopped_goes_on_where_it_was(registry: Registry, seen: NameRedactor) -> None:
    _population(registry, WithholdingRedactor())

    class StoppedError(Exception):
        pass

    def stop(done: int, _total: int) -> None:
        if done >= 10:
            raise StoppedError

    with pytest.raises(StoppedError):
        rerun(registry, seen).run("operator", stop, limit=5)
    assert rerun(registry, seen).stale() == 13
    seen.texts = 0
    assert rerun(registry, seen).run("operator", limit=5).rows == 13
    assert 13 <= seen.texts <= 26
    assert rerun(registry, seen).stale() == 0


def test_a_run_while_the_model_is_off_is_refused_and_spoils_nothing(registry: Registry, seen: NameRedactor) -> None:
    _population(registry, seen)
    before = shared(registry)
    with pytest.raises(RegisterRuleError, match="Nothing was changed"):
        rerun(registry, WithholdingRedactor()).run("operator")
    assert rerun(registry, WithholdingRedactor()).step("worker") is False
    assert shared(registry) == before


def test_a_record_that_changes_during_a_batch_is_left_as_its_writer_left_it(registry: Registry) -> None:
    _population(registry, WithholdingRedactor(), count=3)

    class Meanwhile(NameRedactor):
        def redact(self, texts: pl.Series, known: pl.DataFrame, rosters: Callable[[str], Sequence[str]]) -> pl.Series:
            if not self.calls:
                with writing(registry.engine) as connection:
                    one = select(students.c.student_id).where(students.c.class_name == "2班").limit(1)
                    found = connection.execute(one).scalar_one()
                    connection.execute(
                        update(students).where(students.c.student_id == found).values(version=students.c.version + 1)
                    )
            return super().redact(texts, known, rosters)

    assert rerun(registry, Meanwhile()).run("operator").rows == 2
    assert sorted(str(row[2]) for row in texts_of(registry)) == ["names-1", "names-1", NOT_REDACTED]
    assert rerun(registry, NameRedactor()).run("operator").rows == 1


def test_the_worker_catches_up_in_steps_and_no_text_holds_up_the_others(registry: Registry) -> None:
    _population(registry, WithholdingRedactor(), count=6)
    with_text = sharing_students.c.text_redaction.is_not(None)
    with writing(registry.engine) as connection:  # the first of those with a text stumbles for good
        first = connection.execute(
            select(sharing_students.c.subject_ref).where(with_text).order_by("school_code", "subject_ref")
        ).first()
    assert first is not None
    stone = str(first.subject_ref)
    name = _remark_of(registry, stone)
    run = rerun(registry, FailClosedRedactor(lambda: StumblingRedactor(stone=name)))
    assert [run.step("worker", limit=1) for _ in range(8)].count(True) == 5
    assert rerun(registry, NameRedactor()).stale() == 1


def _remark_of(registry: Registry, subject_ref: str) -> str:
    keys = DataKeys(registry.engine, KEYS)
    with reading(registry.engine) as connection:
        where = select(students.c.student_id).where(students.c.subject_ref == subject_ref)
        opened = opened_rows(keys, connection, [connection.execute(where).scalar_one()])
    return str(opened["remarks"][0])


def test_texts_of_older_installs_stand_withheld_after_the_migration_and_are_run(
    database_url: str, seen: NameRedactor
) -> None:
    upgrade(database_url, "0003")
    engine = make_engine(database_url)
    columns = [column.name for column in sharing_students.columns if column.name != "text_redaction"]
    empty = dict.fromkeys(columns)
    row = {**empty, "subject_ref": "0" * 32, "school_code": PRIMARY, "managing_authority": "140105", "state": "active",
           "updated_at": "2026-01-01T00:00:00Z"}  # fmt: skip
    with writing(engine) as connection:
        names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        for ref, awards, remarks in (("0", TEXT_WITHHELD, None), ("1", None, None), ("2", None, TEXT_WITHHELD)):
            values = {**row, "subject_ref": ref * 32, "awards_text": awards, "remarks_text": remarks}
            connection.execute(text(f"INSERT INTO sharing_students ({names}) VALUES ({marks})"), values)
    upgrade(database_url)
    with reading(engine) as connection:
        found = connection.execute(
            select(sharing_students.c.text_redaction).order_by(sharing_students.c.subject_ref)
        ).scalars()
        assert list(found) == [NOT_REDACTED, None, NOT_REDACTED]
    engine.dispose()


def test_facts_of_a_run_hold_no_text(registry: Registry, seen: NameRedactor) -> None:
    _population(registry, StarRedactor())
    rerun(registry, seen).run("operator")
    told = json.dumps([dict(one.facts) for one in SqlOutbox(registry.engine).pending(0, 100)], ensure_ascii=False)
    assert "学生" not in told
    assert "第1条" not in told


# --- from a file


def test_a_form_may_bring_texts_and_one_without_them_takes_nothing_away(tmp_path: Path, seen: NameRedactor) -> None:
    url = f"sqlite:///{tmp_path / 'register.db'}"
    prepare(url)
    with open_register(url) as register:
        store = SqlRegisterStore(register.engine, KEYS, MASKS, seen, STAGES)
        service = ImportService(store, book(), lambda: AT, iter("abcdef").__next__)  # type: ignore[arg-type]  # ids
        row = todays_pupil(1)
        texts = {"awards": f"{row['name']}获校级奖", "remarks": "无"}
        told = write_csv(tmp_path / "told.csv", table([{**row, **texts}, todays_pupil(2)]))
        bare = write_csv(tmp_path / "bare.csv", [line[:-2] for line in table([row, todays_pupil(2)])])

        def taken(path: Path) -> tuple[int, int, int]:
            request = ImportRequest(
                path=path, file_name="form", mapping="template", actor="st-1", school=None, accept_shrink=True
            )
            done = service.run(request)
            assert done.rejected == 0, done.findings
            return done.new, done.changed, done.unchanged

        registry = Registry(url, register.engine, store)
        assert taken(told) == (2, 0, 0)
        assert texts_of(registry) == [("〔学生〕获校级奖", None, "names-1")]  # 无 is none
        assert taken(told) == (0, 0, 2)
        assert taken(bare) == (0, 1, 1)
        assert texts_of(registry) == [("〔学生〕获校级奖", None, "names-1")]
