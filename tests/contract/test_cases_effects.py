"""What cases do to the register: one record, one holder, one number, and a sharing view that tells no circumstance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import cast

import polars as pl
import pytest
from sqlalchemy import select, text, update

from core_registry.cases.records import Draft
from core_registry.db.case_tables import certificates, clocks, matters
from core_registry.db.engine import reading, writing
from core_registry.db.holders import hold, holder_of
from core_registry.db.office_store import SqlOfficeStore
from core_registry.db.tables import sharing_students, students
from core_registry.domain.cases import Case, CaseStatus
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import (
    PROCEDURES,
    Act,
    Effects,
    NewCertificate,
    NewDeadline,
    NewEntry,
    NewMatter,
    Procedure,
    StepPlan,
)
from core_registry.domain.records import StudentId
from core_registry.domain.requests import Request, Value
from core_registry.domain.rules import Party
from core_registry.domain.states import Stage, StudentState, move
from core_registry.domain.working_days import Measure, Period
from core_registry.errors import RegisterChangedError, RegisterRuleError
from core_registry.office import ReadNote
from core_registry.sharing import SHARING_COLUMNS
from tests.factories.casedb import (
    COUNTY,
    NOW,
    OTHER_PRIMARY,
    TODAY,
    Office,
    make_office,
    registrar,
    setting,
)
from tests.factories.registrydb_rows import (
    CATEGORIES,
    KEYS,
    PRIMARY,
    SENIOR,
    frame_of,
    id_number,
    meta_of,
    pupil,
    silent,
)


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    made = make_office(database_url)
    yield made
    made.engine.dispose()


@pytest.fixture
def sqlite_office(tmp_path: Path) -> Iterator[Office]:
    made = make_office(f"sqlite:///{tmp_path / 'effects.db'}")
    yield made
    made.engine.dispose()


def carry_out(
    office: Office, monkeypatch: pytest.MonkeyPatch, made: Effects, serial: int | None = 1, **more: object
) -> Case:
    """Carry out ``made`` by an invented procedure of one step."""
    values: dict[str, object] = {
        "kind": "invented", "zh": "测试", "en": "invented", "chapter": 2, "article": "7", "fields": (),
        "opened_by": frozenset({Party.SCHOOL}),
        "steps": lambda request, facts: (StepPlan("do", Party.SCHOOL, Act.START, 1, "A7-1"),),
        "effects": lambda request, facts, on: made,
        "needs_evidence": False, "opens_in": frozenset(state.value for state in StudentState),
    }  # fmt: skip
    monkeypatch.setitem(PROCEDURES, "invented", Procedure(**{**values, **more}))  # type: ignore[arg-type]  # a builder
    school = PRIMARY if serial is None else str(office.row(serial)["school_code"])
    student = None if serial is None else office.ids[serial]
    return office.desk.open(Draft("invented", school, TODAY, TODAY, student), registrar(school))


def number_of(office: Office, serial: int) -> str:
    """Return the clear student number."""
    store = SqlOfficeStore(office.engine, KEYS, CATEGORIES)
    student = store.record(StudentId(office.ids[serial]), None, ReadNote("a", "r", "record", NOW))
    assert student is not None
    return student.student_number


@pytest.mark.rule("A28-4", "S-4", "A6-2")
def test_a_suspension_stays_at_its_school_and_starts_its_clock(office: Office) -> None:
    case = office.finish(office.desk.open(office.suspension(1), registrar(PRIMARY)))
    assert (office.row(1)["state"], office.shared(1)["state"]) == ("suspended", "suspended")
    assert office.shared(1)["updated_at"] == "2026-09-10T02:00:00Z"
    with reading(office.engine) as connection:
        clock = connection.execute(select(clocks)).one()
        assert holder_of(connection, office.ids[1]) == PRIMARY
    assert (clock.name, clock.unit, clock.due_on, clock.case_id, clock.provisional) == (
        "suspension-end", PRIMARY, date(2027, 7, 30), case.id, True,
    )  # fmt: skip
    event = office.events("registry.state")[-1]
    assert event.subjects == (case.subject_ref,)
    assert {key: event.facts[key] for key in ("from", "to", "on", "case", "school_code")} == {
        "from": "active", "to": "suspended", "on": "2026-09-14", "case": case.id, "school_code": PRIMARY,
    }  # fmt: skip


@pytest.mark.rule("A45-4")
def test_neither_view_nor_log_tell_a_sanction_or_why_a_pupil_is_suspended(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (
        "骨折",
        "illness",
        "infectious",
        "hospital",
        "annex",
        "A27",
        "A28-5",
        "旷课",
        "sanction",
        "记过",
        "serious",
    )
    office.finish(office.desk.open(office.suspension(1), registrar(PRIMARY)))
    kind = EntryKind.SANCTION
    sanction = NewEntry(kind, TODAY, {"kind": "serious", "from": "2026-09-10"}, {"text": "记过：旷课"})
    carry_out(office, monkeypatch, Effects(entries=(sanction,)), 2)
    with reading(office.engine) as connection:
        view = str(connection.execute(select(sharing_students)).all())
        archive = str(connection.execute(text("SELECT data FROM archive_entries WHERE kind = 'sanction'")).all())
    log = str([(event.kind, dict(event.facts)) for event in office.events()])
    for word in words:
        assert word not in view
        assert word not in log
    assert "旷课" not in archive
    # whatever the ground, the acts of a suspension look alike in the log
    draft = office.suspension(3)
    values = {**draft.values, "ground": "infectious"}
    office.finish(office.desk.open(replace(draft, values=values), registrar(PRIMARY)))
    told = [event.facts for event in office.events("registry.case") if event.facts["kind"] == "suspension"]
    acts = [{name: value for name, value in facts.items() if name not in {"case", "commit"}} for facts in told]
    assert acts[:2] == acts[2:]


@pytest.mark.rule("A6-2", "A19-3", "S-2", "S-4")
def test_a_transfer_moves_the_record_and_leaves_a_sealed_backup(office: Office) -> None:
    number, before = number_of(office, 2), office.row(2)
    case = office.desk.open(office.transfer(2), registrar(OTHER_PRIMARY))
    case = office.desk.act(case.id, "sending-school", "agree", registrar(PRIMARY), case.version)
    assert (office.row(2)["state"], office.row(2)["school_code"]) == ("transfer-pending", PRIMARY)
    office.on(date(2026, 9, 15))
    case = office.finish(case)
    row, shared = office.row(2), office.shared(2)
    assert (case.status, row["state"], row["school_code"]) == (CaseStatus.COMPLETED, "active", OTHER_PRIMARY)
    assert (shared["school_name"], shared["managing_authority"], shared["school_division"]) == (
        "迎泽区第一小学", "140106", "140106",
    )  # fmt: skip
    assert row["subject_ref"] == before["subject_ref"]
    assert row["number_key"] == before["number_key"]
    assert number_of(office, 2) == number
    life = office.desk.history(office.ids[2], registrar(OTHER_PRIMARY), "核对", None)
    assert [(one.school_code, one.until) for one in life.memberships] == [
        (PRIMARY, date(2026, 9, 15)), (OTHER_PRIMARY, None),
    ]  # fmt: skip
    assert [one.on for one in life.transitions] == [TODAY, date(2026, 9, 15)]
    backup = next(entry for entry in life.entries if entry.kind is EntryKind.BACKUP)
    copy = json.loads(str(life.texts[backup.id]["record"]))
    assert (copy["school_code"], copy["name"], copy["student_number"]) == (PRIMARY, pupil(2)["name"], number)
    with reading(office.engine) as connection:
        stored = str(connection.execute(text("SELECT data FROM archive_entries")).all())
        count = connection.execute(text("SELECT count(*) FROM students")).scalar_one()
    assert str(pupil(2)["name"]) not in stored
    assert count == 6  # a backup is no record


def test_a_refused_transfer_leaves_the_record_active_where_it_was(office: Office) -> None:
    case = office.desk.open(office.transfer(2), registrar(OTHER_PRIMARY))
    case = office.desk.act(case.id, "sending-school", "agree", registrar(PRIMARY), case.version)
    case = office.desk.act(case.id, "sending-superior", "refuse", registrar(COUNTY), case.version, "材料不全")
    assert (case.status, office.row(2)["state"], office.row(2)["school_code"]) == ("refused", "active", PRIMARY)
    with reading(office.engine) as connection:
        assert holder_of(connection, office.ids[2]) == PRIMARY
    assert office.desk.work(registrar("140106")).total == 0


@pytest.mark.rule("A6-3", "S-2", "A7-2")
def test_the_student_number_outlives_changes_of_document_name_school_and_stage(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, ref = number_of(office, 1), office.row(1)["subject_ref"]
    fields = {
        "name": "龘齉靐",
        "id_number": id_number(500),
        "grade": "16",
        "residence_address": "山西省太原市迎泽区新街1号",
    }
    carry_out(office, monkeypatch, Effects(fields=fields))
    carry_out(
        office, monkeypatch, Effects(move=move(Stage.PRIMARY, StudentState.ACTIVE, StudentState.GRADUATED), ground="38")
    )
    held = office.registry.store.held(office.registry.store.keyed("id_number", pl.Series([id_number(500)])))
    assert held["student_id"].to_list() == [office.ids[1]]
    assert office.row(1)["residence_division"] == "140106"
    assert (office.shared(1)["name_masked"], office.shared(1)["address_masked"]) == ("龘**", "山西省太原市迎泽区***")
    carry_out(office, monkeypatch, Effects(school=OTHER_PRIMARY), 2)
    assert (number_of(office, 1), office.row(1)["subject_ref"]) == (number, ref)
    life = office.desk.history(office.ids[1], registrar(PRIMARY), "核对", None)
    (entry,) = [one for one in life.entries if one.kind is EntryKind.DATA_CHANGE]
    told = life.texts[entry.id]
    assert (told["before.name"], told["after.name"]) == (pupil(1)["name"], "龘齉靐")
    assert told["after.id_number"] == id_number(500)
    assert "龘齉靐" not in str(dict(entry.data))


@pytest.mark.rule("A6-3")
def test_only_a_provisional_number_is_replaced_by_an_assigned_one(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = f"G{id_number(1)}"
    carry_out(
        office, monkeypatch, Effects(fields={"student_number": given}, entries=(NewEntry(EntryKind.NUMBER, TODAY),))
    )
    assert number_of(office, 1) == given
    with pytest.raises(RegisterRuleError) as refused:
        carry_out(office, monkeypatch, Effects(fields={"student_number": f"G{id_number(2)}"}))
    assert refused.value.rule == "A6-3"
    assert number_of(office, 1) == given


def test_a_changed_record_equals_the_form_that_says_the_same(
    sqlite_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = sqlite_office
    version = int(str(office.row(1)["version"]))
    carry_out(office, monkeypatch, Effects(fields={"member1_phone": "13703519999", "boarding": True}, grade="15"))
    assert office.row(1)["version"] == version + 1
    assert office.shared(1)["phone_masked"] != office.shared(2)["phone_masked"]
    assert (office.shared(1)["boarding"], office.shared(1)["grade"]) == (True, "15")
    same = pupil(1, member1_phone="13703519999", boarding=True, grade="15", class_name="2班")
    form = office.store._facts._forms.take(same, PRIMARY, TODAY, office.registry.store).rows
    assert office.registry.store.held(form["id_key"])["content_key"].to_list() == form["content_key"].to_list()
    with pytest.raises(RegisterRuleError) as refused:
        carry_out(office, monkeypatch, Effects(fields={"sex": "9x"}))
    assert refused.value.rule == "A10-2"


def test_an_import_moves_the_version_of_a_record_too(sqlite_office: Office) -> None:
    office = sqlite_office
    frame = frame_of([pupil(1, class_name="9班", student_id=office.ids[1])], office.registry.store)
    before = int(str(office.row(1)["version"]))
    office.registry.store.apply(frame, meta_of(frame), silent)
    assert office.row(1)["version"] == before + 1


@pytest.mark.rule("A10-1", "A6-2", "S-4")
def test_a_new_record_is_pre_registered_until_its_superior_approves(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = pupil(41, grade="11", birth_date=date(2020, 3, 9), id_number=id_number(41, date(2020, 3, 9)))
    values = cast("dict[str, Value]", {name: value for name, value in record.items() if name != "student_id"})

    def on_step(_step: str, _request: Request, _facts: Facts, _on: date) -> Effects:
        entry = NewEntry(EntryKind.ADMISSION, TODAY, {"admission_type": "primary"})
        return Effects(new_record=values, entries=(entry,), ground="9")

    def activate(_request: Request, facts: Facts, _on: date) -> Effects:
        return Effects(move=move(facts.stage, facts.pupil.state, StudentState.ACTIVE), ground="10")

    case = carry_out(
        office,
        monkeypatch,
        Effects(),
        None,
        subject="new",
        steps=lambda request, facts: (
            StepPlan("register", Party.SCHOOL, Act.START, 1, "A9-2"),
            StepPlan("approve", Party.REGISTRY_SUPERIOR, Act.APPROVE, 2, "A10-1"),
        ),
        on_step=on_step,
        effects=activate,
    )
    assert case.request.student_id is not None
    office.ids[41] = case.request.student_id
    row = office.row(41)
    assert (row["state"], row["school_code"], row["number_kind"]) == ("pre-registered", PRIMARY, "L")
    assert office.shared(41)["state"] == "pre-registered"
    done = office.desk.act(case.id, "approve", "agree", registrar(COUNTY), case.version)
    assert (done.subject_ref, office.row(41)["state"]) == (row["subject_ref"], "active")
    life = office.desk.history(office.ids[41], registrar(PRIMARY), "核对", None)
    assert [(one.before, one.after) for one in life.transitions] == [
        (None, "pre-registered"), ("pre-registered", "active"),
    ]  # fmt: skip
    assert [(one.school_code, one.since, one.until) for one in life.memberships] == [(PRIMARY, TODAY, None)]
    assert life.cases == (done,)
    known = replace(done.request, kind="invented", student_id=None, values=values)
    with office.store.writing(NOW) as tx:
        facts = tx.facts(known, ())
        assert (facts.duplicate, facts.findings) == (True, ())
        assert not tx.facts(replace(known, values={**values, "id_number": id_number(43), "name": "某"}), ()).duplicate


@pytest.mark.rule("A6-2", "A26-1")
def test_a_department_holds_the_record_of_a_pupil_abroad_and_nobody_else_does(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Effects(move=move(Stage.PRIMARY, StudentState.ACTIVE, StudentState.ABROAD), ground="26", holder=COUNTY)
    carry_out(office, monkeypatch, away)
    with reading(office.engine) as connection:
        assert holder_of(connection, office.ids[1]) == COUNTY
    back = Effects(
        move=move(Stage.PRIMARY, StudentState.ABROAD, StudentState.ACTIVE), ground="26", school=OTHER_PRIMARY
    )
    carry_out(office, monkeypatch, back)
    with reading(office.engine) as connection:
        assert holder_of(connection, office.ids[1]) == OTHER_PRIMARY
        held = connection.execute(text("SELECT count(*) FROM holders WHERE to_date IS NULL")).scalar_one()
    assert held == 0
    gone = Effects(move=move(Stage.PRIMARY, StudentState.ACTIVE, StudentState.DECEASED), ground="37")
    carry_out(office, monkeypatch, gone)
    with writing(office.engine) as connection:
        assert holder_of(connection, office.ids[1]) is None
        hold(connection, office.ids[1], None, TODAY)


def test_clocks_are_met_or_late_replaced_and_cancelled_by_death(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clock(name: str, event: date) -> NewDeadline:
        return NewDeadline(name, "A33-1", PRIMARY, event, Period(10, Measure.WORKING_DAYS))

    first = Effects(deadlines=(clock("one", TODAY), clock("two", date(2026, 8, 1)), clock("three", TODAY)))
    carry_out(office, monkeypatch, first)
    matter = NewMatter("dropout", COUNTY, TODAY, "A33-1")
    carry_out(
        office,
        monkeypatch,
        Effects(met=("one", "two"), deadlines=(clock("three", date(2026, 9, 9)),), matters=(matter,)),
    )
    with reading(office.engine) as connection:
        found = connection.execute(select(clocks.c.name, clocks.c.state).order_by(clocks.c.clock_id)).all()
        follow = connection.execute(select(matters)).one()
    due = setting().calendar.after(TODAY, setting().matter_period("dropout")).day
    assert [tuple(row) for row in found] == [
        ("one", "met"), ("two", "late"), ("three", "cancelled"), ("three", "running"),
    ]  # fmt: skip
    assert (follow.owner, follow.kind, follow.state, follow.due_on) == (COUNTY, "dropout", "open", due)
    carry_out(
        office, monkeypatch, Effects(move=move(Stage.PRIMARY, StudentState.ACTIVE, StudentState.DECEASED), ground="37")
    )
    with reading(office.engine) as connection:
        states = connection.execute(select(clocks.c.state).order_by(clocks.c.clock_id)).scalars().all()
    assert states == ["met", "late", "cancelled", "cancelled"]


@pytest.mark.rule("A43-2", "A43-3")
def test_certificates_have_one_row_of_numbers_an_issuer_and_wait_for_their_stamp(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def paper(kind: str, effective: bool = True) -> NewCertificate:
        return NewCertificate(kind, SENIOR, TODAY, effective, "旧001", {"years": 3})

    carry_out(office, monkeypatch, Effects(certificates=(paper("graduation"), paper("completion"))), 901)
    case = carry_out(office, monkeypatch, Effects(certificates=(paper("education-proof", effective=False),)), 901)
    with reading(office.engine) as connection:
        rows = connection.execute(select(certificates).order_by(certificates.c.issued_on, certificates.c.kind)).all()
    serials = {row.kind: row.number.split("2026")[1][:6] for row in rows}
    assert serials == {"graduation": "000001", "completion": "000002", "education-proof": "000003"}
    proof = next(row for row in rows if row.kind == "education-proof")
    assert (proof.effective_on, proof.original, proof.case_id) == (None, "旧001", case.id)
    with pytest.raises(RegisterRuleError) as refused:
        carry_out(office, monkeypatch, Effects(stamped=rows[0].number), 901)  # effective already
    assert refused.value.rule == "A43-2"
    carry_out(office, monkeypatch, Effects(stamped=proof.number), 901)
    with reading(office.engine) as connection:
        stamped = connection.execute(select(certificates).where(certificates.c.number == proof.number)).one()
    assert (stamped.effective_on, stamped.stamped_by) == (TODAY, f"st-{SENIOR}")
    life = office.desk.history(office.ids[901], registrar(SENIOR), "核对", None)
    assert [entry.data["number"] for entry in life.entries][-1] == proof.number


@pytest.mark.rule("S-5")
def test_a_final_record_is_corrected_by_an_entry_that_keeps_the_old_value(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = Effects(move=move(Stage.SENIOR, StudentState.ACTIVE, StudentState.WITHDRAWN), ground="35")
    carry_out(office, monkeypatch, ended, 901)
    with pytest.raises(RegisterChangedError):
        carry_out(office, monkeypatch, Effects(fields={"name": "改名"}), 901)
    correction = NewEntry(EntryKind.CORRECTION, TODAY, {"fields": "name"}, {"reason": "同音字"})
    carry_out(office, monkeypatch, Effects(fields={"name": "龘正"}, entries=(correction,)), 901)
    life = office.desk.history(office.ids[901], registrar(SENIOR), "核对", None)
    (entry,) = life.entries
    told = life.texts[entry.id]
    assert (told["before.name"], told["after.name"], told["reason"]) == (pupil(901)["name"], "龘正", "同音字")
    assert office.shared(901)["state"] == "withdrawn"
    assert life.memberships[-1].until == TODAY


@pytest.mark.rule("S-3")
def test_a_record_that_moved_meanwhile_is_not_moved_again(
    sqlite_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = sqlite_office
    case = office.desk.open(office.suspension(1), registrar(PRIMARY))
    with writing(office.engine) as connection:
        connection.execute(update(students).where(students.c.student_id == office.ids[1]).values(state="abroad"))
    with pytest.raises(RegisterRuleError):
        office.desk.act(case.id, "review", "agree", registrar(COUNTY), case.version)
    stale = Effects(move=move(Stage.PRIMARY, StudentState.ACTIVE, StudentState.SUSPENDED), ground="28")
    with writing(office.engine) as connection:
        connection.execute(update(students).where(students.c.student_id == office.ids[2]).values(state="abroad"))
    with pytest.raises(RegisterChangedError):
        carry_out(office, monkeypatch, stale, 2)
    with pytest.raises(ValueError, match="no record"):
        carry_out(office, monkeypatch, Effects(entries=(NewEntry(EntryKind.AWARD, TODAY),)), None, subject="none")


def test_the_sharing_view_has_no_column_more_than_the_version_of_its_redaction(sqlite_office: Office) -> None:
    assert set(sqlite_office.shared(1)) == {*SHARING_COLUMNS, "text_redaction"}
