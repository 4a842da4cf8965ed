"""The register store on both databases: what an import writes, and what it must not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import func, select, text

from core_registry.db.engine import reading, writing
from core_registry.db.matcher import SqlMatcher
from core_registry.db.sealing import DataKeys
from core_registry.db.sharing_reader import SqlSharingView
from core_registry.db.state import SqlOutbox
from core_registry.db.store import SqlRegisterStore
from core_registry.db.tables import guardian_links, guardians, metadata, school_memberships, students
from core_registry.db.units import save_schools
from core_registry.errors import RegisterChangedError, RegisterRuleError
from core_registry.sharing import SHARING_COLUMNS, IdentifierKind, RowFilter
from tests.factories.registrydb_rows import (
    AT,
    CATEGORIES,
    EMPLOYER,
    KEYS,
    MASKS,
    PRIMARY,
    SENIOR,
    SENTINEL,
    STAGES,
    STREET,
    Registry,
    StarRedactor,
    frame_of,
    id_number,
    land,
    make_registry,
    meta_of,
    pupil,
    school_frame,
    silent,
)


@pytest.fixture
def registry(database_url: str) -> Iterator[Registry]:
    made = make_registry(database_url)
    yield made
    made.engine.dispose()


def view_row(registry: Registry, student_id: str) -> dict[str, object]:
    with reading(registry.engine) as connection:
        ref = connection.execute(select(students.c.subject_ref).where(students.c.student_id == student_id)).scalar_one()
    view = SqlSharingView(registry.url)
    try:
        row = view.pupil(ref)
    finally:
        view.close()
    assert row is not None
    return dict(row)


def count(registry: Registry, table: object) -> int:
    with reading(registry.engine) as connection:
        found: int = connection.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]
    return found


def test_new_pupils_get_a_reference_a_provisional_number_and_a_membership(registry: Registry) -> None:
    held = land(registry, [pupil(1), pupil(2)])
    assert held.height == 2
    assert held["number_kind"].to_list() == ["L", "L"]
    assert held["state"].to_list() == ["active", "active"]
    with reading(registry.engine) as connection:
        refs = connection.execute(select(students.c.subject_ref)).scalars().all()
        memberships = connection.execute(select(school_memberships)).all()
    assert all(len(ref) == 32 and int(ref, 16) >= 0 for ref in refs)
    assert not set(refs) & set(held["student_id"].to_list())
    assert [row.to_date for row in memberships] == [None, None]
    assert memberships[0].from_date == date(2026, 11, 23)


def test_the_sharing_row_has_exactly_the_columns_and_masks_of_the_contract(registry: Registry) -> None:
    held = land(registry, [pupil(1, awards="张三获奖")])
    row = view_row(registry, held["student_id"][0])
    assert list(row) == list(SHARING_COLUMNS)
    assert row["name_masked"] == "龘**"
    assert row["id_number_masked"] == "1401" + "*" * 14
    assert row["phone_masked"] == "139" + "*" * 8
    assert row["guardian_name_masked"] == "欧阳**"
    assert row["address_masked"] == "山西省太原市小店区***"
    assert row["birth_date"] == date(2015, 3, 9)
    assert row["left_behind"] is True
    assert row["boarding"] is False
    assert (row["stage"], row["school_type"], row["managing_authority"]) == ("primary", "21", "140105")
    assert (row["entry_month"], row["awards_text"], row["remarks_text"]) == ("2021-09", "***", None)
    assert row["updated_at"] == "2026-11-23T10:00:00Z"


def test_no_clear_identifier_stands_in_any_table(registry: Registry) -> None:
    land(registry, [pupil(1, former_name=SENTINEL), pupil(2)])
    wanted = [SENTINEL, "欧阳", STREET, EMPLOYER, id_number(1), id_number(100_001, date(1985, 1, 1)), "13903510001"]
    with reading(registry.engine) as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)).all():
                for value in row:
                    plain = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                    # masks keep the surname by rule: 欧阳**
                    assert not [w for w in wanted if w in plain and plain != "欧阳**"], table.name


def test_an_update_keeps_reference_and_number_and_changes_the_rest(registry: Registry) -> None:
    first = land(registry, [pupil(1)])
    before = view_row(registry, first["student_id"][0])
    changed = pupil(1, grade="15", class_name="7班", student_id=first["student_id"][0])
    second = land(registry, [changed])
    after = view_row(registry, first["student_id"][0])
    assert second["number_key"].to_list() == first["number_key"].to_list()
    assert (after["subject_ref"], after["grade"], after["class_name"]) == (before["subject_ref"], "15", "7班")
    assert count(registry, students) == 1
    assert count(registry, school_memberships) == 1


def test_a_changed_identity_number_moves_the_key_and_not_the_reference(registry: Registry) -> None:
    first = land(registry, [pupil(1)])
    second = land(registry, [pupil(1, id_number=id_number(77), student_id=first["student_id"][0])])
    assert second["student_id"].to_list() == first["student_id"].to_list()
    assert registry.store.held(first["id_key"]).height == 0


def test_a_pupil_who_changes_school_leaves_one_and_enters_the_other(registry: Registry) -> None:
    first = land(registry, [pupil(1)])
    land(registry, [pupil(1, school_code=SENIOR, grade="31", student_id=first["student_id"][0])])
    with reading(registry.engine) as connection:
        rows = connection.execute(select(school_memberships).order_by(school_memberships.c.membership_id)).all()
    assert [(row.school_code, row.to_date) for row in rows] == [(PRIMARY, date(2026, 11, 23)), (SENIOR, None)]
    assert view_row(registry, first["student_id"][0])["managing_authority"] == "140100"


def test_a_provisional_number_is_replaced_once_and_a_national_one_never(registry: Registry) -> None:
    first = land(registry, [pupil(1)])
    student_id = first["student_id"][0]
    national = f"G{id_number(1)}"
    second = land(registry, [pupil(1, student_number=national, student_id=student_id)])
    assert second["number_kind"].to_list() == ["G"]
    with pytest.raises(RegisterRuleError) as refused:
        land(registry, [pupil(1, student_number=f"G{id_number(5)}", student_id=student_id)])
    assert refused.value.rule == "A6-3"
    third = land(registry, [pupil(1, grade="16", student_id=student_id)])
    assert third["number_key"].to_list() == second["number_key"].to_list()


def test_siblings_share_their_guardian_and_follow_the_new_phone(registry: Registry) -> None:
    parent = {key: value for key, value in pupil(1).items() if key.startswith("member1_")}
    first = land(registry, [pupil(1), pupil(2, **parent)])
    assert count(registry, guardians) == 1
    assert count(registry, guardian_links) == 2
    ids = dict(first.select("id_key", "student_id").iter_rows())
    one, two = (ids[registry.store.keyed("id_number", pl.Series([id_number(n)]))[0]] for n in (1, 2))
    assert view_row(registry, two)["phone_masked"] == "139********"
    land(registry, [pupil(1, member1_phone="18603510000", student_id=one)])
    assert view_row(registry, two)["phone_masked"] == "186********"
    matcher = SqlMatcher(registry.engine, KEYS.index)
    assert matcher.known(IdentifierKind.PHONE, ["13903510001", "18603510000"]) == [False, True]


def test_a_blank_employer_in_a_form_deletes_nothing(registry: Registry) -> None:
    first = land(registry, [pupil(1)])
    land(registry, [pupil(1, member1_employer=None, grade="15", student_id=first["student_id"][0])])
    assert _sealed_person(registry)["employer"] == EMPLOYER


def test_a_member_without_document_stays_one_person_over_updates(registry: Registry) -> None:
    first = land(registry, [pupil(1, member1_id_type="Z", member1_id_number=None, id_number=id_number(1))])
    assert first.height == 1
    changed = pupil(1, member1_id_type="Z", member1_id_number=None, class_name="9班", student_id=first["student_id"][0])
    land(registry, [changed])
    assert count(registry, guardians) == 1


def test_a_member_who_is_dropped_or_replaced_is_forgotten(registry: Registry) -> None:
    second = {f"member2_{key[8:]}": value for key, value in pupil(9).items() if key.startswith("member1_")}
    first = land(registry, [pupil(1, **second)])
    assert (count(registry, guardians), count(registry, guardian_links)) == (2, 2)
    land(registry, [pupil(1, student_id=first["student_id"][0])])
    assert (count(registry, guardians), count(registry, guardian_links)) == (1, 1)
    replaced = {key: value for key, value in pupil(5).items() if key.startswith("member1_")}
    land(registry, [pupil(1, **replaced, student_id=first["student_id"][0])])
    assert (count(registry, guardians), count(registry, guardian_links)) == (1, 1)
    known = SqlMatcher(registry.engine, KEYS.index).known(IdentifierKind.PHONE, ["13903510001", "13903510005"])
    assert known == [False, True]


def test_the_second_member_is_shown_when_only_that_one_is_guardian(registry: Registry) -> None:
    second = {f"member2_{key[8:]}": value for key, value in pupil(9).items() if key.startswith("member1_")}
    second |= {"member2_relation": "61", "member2_phone": "18900000000", "member1_guardian": False}
    held = land(registry, [pupil(1, **second)])
    row = view_row(registry, held["student_id"][0])
    assert (row["guardian_relation"], row["phone_masked"]) == ("61", "189********")


def test_an_import_writes_its_event_and_its_summary_and_counts_once(registry: Registry) -> None:
    sha = "ab" * 32
    land(registry, [pupil(1), pupil(2)], sha)
    (event,) = SqlOutbox(registry.engine).pending(0, 10)
    assert (event.kind, event.actor, event.at, event.subjects) == ("registry.import", "st-registrar", AT, ())
    assert event.facts["rows"] == 2
    assert event.facts["commit"] == 1
    summary = registry.store.imported(sha)
    assert summary is not None
    assert (summary.rows, summary.import_id) == (2, event.facts["import_id"])
    land(registry, [pupil(3)])
    assert registry.store.imported(sha) is None
    assert registry.store.imported("cd" * 32) is None


def test_the_same_import_id_again_writes_nothing(registry: Registry) -> None:
    frame = frame_of([pupil(1)], registry.store)
    meta = meta_of(frame)
    registry.store.apply(frame, meta, silent)
    registry.store.apply(frame, meta, silent)
    assert count(registry, students) == 1
    assert len(SqlOutbox(registry.engine).pending(0, 10)) == 1


def test_an_import_that_lost_the_race_leaves_nothing_behind(registry: Registry) -> None:
    land(registry, [pupil(1)])
    before = {table.name: count(registry, table) for table in metadata.sorted_tables}
    with pytest.raises(RegisterChangedError) as refused:
        land(registry, [pupil(2), pupil(1)])  # checked before pupil 1 landed: student_id is null
    assert {table.name: count(registry, table) for table in metadata.sorted_tables} == before
    assert SENTINEL not in str(refused.value)
    assert refused.value.__cause__ is None


def test_pupils_unknown_to_the_register_cannot_be_updated(registry: Registry) -> None:
    with pytest.raises(RegisterChangedError):
        land(registry, [pupil(1, student_id="0" * 32)])


def test_an_unknown_school_is_refused_before_anything_is_written(registry: Registry) -> None:
    with pytest.raises(RegisterRuleError) as refused:
        land(registry, [pupil(1, school_code="2114999999")])
    assert refused.value.rule == "A2-1"
    assert count(registry, students) == 0


def test_roll_and_suspects_answer_by_school_and_by_key(registry: Registry) -> None:
    land(registry, [pupil(1), pupil(2), pupil(3, school_code=SENIOR, grade="31")])
    assert registry.store.roll([PRIMARY]).height == 2
    assert registry.store.roll([]).height == 0
    frame = frame_of([pupil(1)], registry.store)
    assert registry.store.suspects(frame["suspect_key"]).height == 1
    assert registry.store.schools()["stages"].to_list() == [["primary"], ["senior"]]


def test_the_matcher_knows_pupils_and_guardians_whatever_the_spelling(registry: Registry) -> None:
    land(registry, [pupil(1, student_number=f"G{id_number(1)}")])
    matcher = SqlMatcher(registry.engine, KEYS.index)
    name = str(pupil(1)["name"])
    assert matcher.known(IdentifierKind.NAME, [name, f" {name[0]} {name[1:]}", "欧阳丁", "王伟", ""]) == [
        True, True, pupil(1)["member1_name"] == "欧阳丁", False, False,
    ]  # fmt: skip
    ids = [
        id_number(1),
        id_number(1)[:17] + id_number(1)[17].lower(),
        id_number(100_001, date(1985, 1, 1)),
        id_number(2),
    ]
    assert matcher.known(IdentifierKind.ID_NUMBER, ids) == [True, True, True, False]
    assert matcher.known(IdentifierKind.PHONE, ["+86 139-0351-0001", "13900000000"]) == [True, False]
    assert matcher.known(IdentifierKind.STUDENT_NUMBER, [f"g{id_number(1)}", "G1"]) == [True, False]


def test_a_school_under_new_management_takes_its_pupils_along(registry: Registry) -> None:
    land(registry, [pupil(1)])
    moved = school_frame().with_columns(managing_authority=pl.lit("140100"), name=pl.lit("太原市实验小学"))
    save_schools(registry.engine, moved, AT + timedelta(days=1), CATEGORIES)
    view = SqlSharingView(registry.url)
    with view.snapshot() as snapshot:
        assert snapshot.count(RowFilter(authorities=frozenset({"140100"}))) == 1
        assert snapshot.version == "2"
    view.close()


def test_a_school_against_the_rules_is_refused_by_row(registry: Registry) -> None:
    bad = {
        "school_code": ("1114000001", "21"),
        "managing_authority": ("999999",),
        "stages": ("college",),
        "name": ("",),
    }
    for column, value in ((column, value) for column, values in bad.items() for value in values):
        second = pl.when(pl.int_range(pl.len()) == 1).then(pl.lit(value)).otherwise(column)
        with pytest.raises(RegisterRuleError, match="row 2"):
            save_schools(registry.engine, school_frame().with_columns(second.alias(column)), AT, CATEGORIES)
    with pytest.raises(RegisterRuleError, match="division"):
        save_schools(registry.engine, school_frame().drop("division"), AT, CATEGORIES)


def test_guards_hold_against_plain_sql(registry: Registry) -> None:
    land(registry, [pupil(1)])
    for statement in (
        "UPDATE outbox SET actor = 'x'",
        "DELETE FROM outbox",
        "UPDATE imports SET actor = 'x'",
        "DELETE FROM imports",
        "DELETE FROM students",
        "UPDATE students SET subject_ref = 'x'",
        "UPDATE sharing_students SET subject_ref = 'x'",
        "DELETE FROM schools",
        "DELETE FROM data_keys",
        "UPDATE register_state SET commits = 0",
        "DELETE FROM register_state",
    ):
        with pytest.raises(RegisterChangedError), writing(registry.engine) as connection:
            connection.execute(text(statement))


def test_data_keys_rotate_while_the_store_runs(registry: Registry) -> None:
    land(registry, [pupil(1)])
    new_master = bytes(reversed(range(32)))
    rotated = type(KEYS)(data=new_master, index=KEYS.index, older_data=(KEYS.data,))
    keys = DataKeys(registry.engine, rotated)
    assert keys.rewrap() == 2
    assert keys.rewrap() == 0
    assert keys.add_version("students", AT) == 2
    store = SqlRegisterStore(
        registry.engine, type(KEYS)(data=new_master, index=KEYS.index), MASKS, StarRedactor(), STAGES
    )
    fresh = Registry(registry.url, registry.engine, store)
    held = land(fresh, [pupil(2)])
    with reading(registry.engine) as connection:
        versions = connection.execute(select(students.c.key_version).order_by(students.c.key_version)).scalars().all()
    assert versions == [1, 2]
    first = store.held(store.keyed("id_number", pl.Series([id_number(1)])))
    land(fresh, [pupil(1, grade="15", student_id=first["student_id"][0])])  # opens version 1, seals under 2
    assert held.height == 1


def test_local_numbers_follow_the_rule_of_the_place(database_url: str) -> None:
    made = make_registry(database_url)
    store = SqlRegisterStore(made.engine, KEYS, MASKS, StarRedactor(), STAGES, number_authority="local")
    local = Registry(made.url, made.engine, store)
    held = land(local, [pupil(1), pupil(2, id_type="Z", id_number=None), pupil(3, id_type="Z", id_number=None)])
    kinds = sorted(_numbers(local))
    assert held.height == 1
    assert [number[0] for number in kinds] == ["G", "J", "J"]
    assert len(set(kinds)) == 3
    made.engine.dispose()


def test_sqlite_file_holds_no_clear_identifier(tmp_path: Path) -> None:
    made = make_registry(f"sqlite:///{tmp_path / 'r.db'}")
    land(made, [pupil(n) for n in range(50)])
    made.engine.dispose()
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (SENTINEL, STREET, EMPLOYER, id_number(1), "13903510001"):
        assert secret.encode() not in content
    with sqlite3.connect(tmp_path / "r.db") as connection:
        assert connection.execute("SELECT count(*) FROM students").fetchone() == (50,)
    connection.close()


def _numbers(registry: Registry) -> list[str]:
    from core_registry.db.opened import open_column

    keys = DataKeys(registry.engine, KEYS)
    with reading(registry.engine) as connection:
        rows = connection.execute(select(students.c.student_id, students.c.key_version, students.c.sealed)).all()
        frame = pl.DataFrame([tuple(row) for row in rows], schema=["student_id", "key_version", "sealed"], orient="row")
        return open_column(keys, connection, "students", frame, ("student_number",))["student_number"].to_list()


def _sealed_person(registry: Registry) -> dict[str, str]:
    from core_registry.db.sealing import unseal

    keys = DataKeys(registry.engine, KEYS)
    with reading(registry.engine) as connection:
        row = connection.execute(select(guardians)).one()
        key = keys.of(connection, "guardians", row.key_version)
        found: dict[str, str] = json.loads(
            unseal(key, ("guardians", "sealed", row.key_version), row.guardian_id, row.sealed)
        )
    return found
