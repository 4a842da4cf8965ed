"""The desk over both databases: one act is one transaction, and of two who act at once one is told."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import func, select, text, update

from core_registry.cases.records import NewEvidence, WorkItem
from core_registry.db.case_tables import cases, certificates, clocks, evidence, matters, sealed_cases
from core_registry.db.engine import reading, writing
from core_registry.db.posts_store import (
    SqlPosts,
    end_post,
    file_post,
    guardian_verified,
    link_guardian,
    save_school_details,
)
from core_registry.db.tables import students
from core_registry.domain.cases import Actor, Case, CaseStatus
from core_registry.errors import (
    CaseNotFoundError,
    CaseRefusedError,
    EvidenceRefusedError,
    RegisterChangedError,
    RegisterRuleError,
    StaleCaseError,
    StudentNotFoundError,
)
from core_registry.staff import NewPost
from tests.factories.casedb import (
    CITY,
    COUNTY,
    JUNIOR,
    NOW,
    OTHER_COUNTY,
    OTHER_PRIMARY,
    TODAY,
    Office,
    make_office,
    principal,
    registrar,
)
from tests.factories.registrydb_rows import PRIMARY, SENIOR, id_number, pupil

PDF = b"%PDF-1.7\nx\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\nx\x00\x00\x00\x00IEND\xaeB`\x82"


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    made = make_office(database_url)
    yield made
    made.engine.dispose()


@pytest.fixture
def desk_office(tmp_path: Path) -> Iterator[Office]:
    """On SQLite only: what does not depend on the database."""
    made = make_office(f"sqlite:///{tmp_path / 'desk.db'}")
    yield made
    made.engine.dispose()


def filled(office: Office, school: str, grade: str, left: int) -> None:
    """Let a school of one class have ``left`` free places, by a class-size standard that its roll nearly reaches."""
    with reading(office.engine) as connection:
        there = connection.execute(
            select(func.count()).where(students.c.school_code == school, students.c.grade == grade)
        ).scalar_one()
    missing = 45 - left - there
    with writing(office.engine) as connection:
        names = ", ".join(
            c.name for c in students.c if c.name not in {"student_id", "subject_ref", "id_key", "number_key"}
        )
        for n in range(missing):
            connection.execute(
                text(
                    f"INSERT INTO students (student_id, subject_ref, id_key, number_key, {names}) "
                    f"SELECT :n, :n, :n, :n, {names} FROM students WHERE school_code = :s LIMIT 1"
                ),
                {"n": f"filler{n}", "s": school},
            )


def test_a_case_comes_back_as_it_was_written(office: Office) -> None:
    opened = office.desk.open(office.suspension(1), registrar(PRIMARY))
    read = office.desk.case(opened.id, registrar(COUNTY), frozenset())
    assert read == opened
    assert read.request.day("until") == date(2027, 6, 30)
    assert read.request.number("hours_total") == 600
    assert read.subject_ref == office.row(1)["subject_ref"]
    assert {item.kind for item in read.evidence} == {"annex-2", "hospital-record"}
    decided = office.desk.act(opened.id, "review", "agree", registrar(COUNTY), opened.version, "材料齐全")
    again = office.desk.case(opened.id, registrar(COUNTY), frozenset())
    assert again == decided
    assert again.steps[-1].note == "材料齐全"
    with reading(office.engine) as connection:
        stored = str(connection.execute(text("SELECT results FROM cases")).all())
    assert "骨折" not in stored


def test_the_same_submission_twice_is_one_case(office: Office) -> None:
    draft = office.suspension(1, key="form-7")
    first = office.desk.open(draft, registrar(PRIMARY))
    events = len(office.events())
    assert office.desk.open(draft, registrar(PRIMARY)).id == first.id
    assert len(office.events()) == events
    with ThreadPoolExecutor(2) as pool:
        draft = office.suspension(2, key="form-8")
        opened = list(pool.map(lambda _: office.desk.open(draft, registrar(PRIMARY)).id, range(2)))
    assert opened[0] == opened[1]


def test_a_stale_record_and_a_stale_case_are_refused_by_name(office: Office) -> None:
    with pytest.raises(StaleCaseError):
        office.desk.open(office.suspension(1, version=7), registrar(PRIMARY))
    case = office.desk.open(office.suspension(1, version=office.row(1)["version"]), registrar(PRIMARY))
    office.desk.act(case.id, "review", "agree", registrar(COUNTY), case.version)
    with pytest.raises(StaleCaseError, match="st-140105"):
        office.desk.act(case.id, "review", "agree", registrar(COUNTY), case.version)


def test_of_two_who_decide_at_once_one_is_told(office: Office) -> None:
    case = office.desk.open(office.suspension(1), registrar(PRIMARY))

    def decide(actor: Actor) -> str:
        try:
            return office.desk.act(case.id, "review", "agree", actor, case.version).status
        except RegisterChangedError:
            return "told"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(decide, [registrar(COUNTY), principal(COUNTY)])) == ["completed", "told"]
    assert [event.facts["to"] for event in office.events("registry.state")] == ["suspended"]


@pytest.mark.rule("A17-1")
def test_of_two_transfers_to_the_last_place_exactly_one_is_completed(office: Office) -> None:
    filled(office, OTHER_PRIMARY, "14", left=1)
    waiting: list[Case] = []
    for serial in (1, 2):
        case = office.desk.open(office.transfer(serial), registrar(OTHER_PRIMARY))
        case = office.desk.act(case.id, "sending-school", "agree", registrar(PRIMARY), case.version)
        waiting.append(office.desk.act(case.id, "sending-superior", "agree", registrar(COUNTY), case.version))

    def complete(case: Case) -> str:
        try:
            actor = registrar(OTHER_COUNTY)
            return office.desk.act(case.id, "receiving-superior", "agree", actor, case.version).status
        except CaseRefusedError as refused:
            return str(refused.rule)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(complete, waiting)) == ["A17-1", "completed"]
    assert sorted(str(office.row(serial)["school_code"]) for serial in (1, 2)) == [PRIMARY, OTHER_PRIMARY]


def test_an_act_that_fails_in_the_middle_leaves_nothing(office: Office) -> None:
    case = office.desk.open(office.suspension(1), registrar(PRIMARY))
    before = (office.row(1), office.shared(1), office.events())
    with writing(office.engine) as connection:
        connection.exec_driver_sql("ALTER TABLE clocks RENAME TO clocks_gone")
    with pytest.raises(Exception, match="Nothing was changed"):
        office.desk.act(case.id, "review", "agree", registrar(COUNTY), case.version)
    assert (office.row(1), office.shared(1), office.events()) == before
    assert office.desk.case(case.id, registrar(COUNTY), None) == case


@pytest.mark.rule("A24-1", "A24-3")
def test_a_private_procedure_leaves_a_grade_and_a_plain_entry(office: Office) -> None:
    draft = replace(
        office.suspension(1),
        kind="grade-determination",
        values={"grade": "15", "class_name": "1班"},
        evidence=(),
        key="k",
    )
    events = len(office.events())
    case = office.desk.open(draft, registrar(PRIMARY))
    assert office.desk.open(draft, registrar(PRIMARY)).id == case.id
    assert (case.status, case.current[0].unit) == (CaseStatus.OPEN, COUNTY)
    assert office.desk.case(case.id, registrar(COUNTY), frozenset()).version == 1
    assert office.desk.work(registrar(COUNTY)).total == 0
    with pytest.raises(StaleCaseError):
        office.desk.act(case.id, case.current[0].name, "agree", registrar(COUNTY), 2)
    done = office.desk.act(case.id, case.current[0].name, "agree", registrar(COUNTY), 1)
    assert done.status is CaseStatus.COMPLETED
    assert (office.row(1)["grade"], office.shared(1)["grade"], office.shared(1)["class_name"]) == ("15", "15", "1班")
    assert len(office.events()) == events  # before any reading
    with pytest.raises(CaseNotFoundError):
        office.desk.case(case.id, registrar(COUNTY), None)
    assert office.desk.cases(registrar(COUNTY), None) == []
    life = office.desk.history(office.ids[1], registrar(PRIMARY), "核对", None)
    assert (life.cases, life.transitions, life.texts) == ((), (), {})
    (entry,) = life.entries
    assert (entry.case_id, dict(entry.data)) == (None, {"before": "14", "after": "15", "why": "determination"})
    with reading(office.engine) as connection:
        assert connection.execute(select(sealed_cases)).all() == []
        row = connection.execute(text("SELECT actor, unit FROM archive_entries")).one()
    assert tuple(row) == ("st-2114000001", PRIMARY)
    with pytest.raises(EvidenceRefusedError):
        office.desk.open(replace(draft, key=None, evidence=(office.paper("annex-2", PRIMARY, 1),)), registrar(PRIMARY))


@pytest.mark.rule("A7-1")
def test_a_file_that_is_not_what_it_says_is_refused(desk_office: Office) -> None:
    good = NewEvidence("annex-2", "guardian", "", None, "application/pdf", PDF, desk_office.ids[1])
    wrong = (
        replace(good, content=b""),
        replace(good, content=b"MZ" + PDF),
        replace(good, content=PDF[:-8]),
        replace(good, content=PNG),
        replace(good, media_type="image/png"),
        replace(good, media_type="text/html", content=b"<html>"),
        replace(good, content=PDF[:-7] + b"0" * (10 * 1024 * 1024) + PDF[-7:]),
    )
    for one in wrong:
        with pytest.raises(EvidenceRefusedError):
            desk_office.desk.hand_in(one, registrar(PRIMARY))
    with pytest.raises(StudentNotFoundError):
        desk_office.desk.hand_in(replace(good, student_id="nobody"), registrar(PRIMARY))
    with reading(desk_office.engine) as connection:
        assert connection.execute(select(func.count()).select_from(evidence)).scalar_one() == 0
    desk_office.desk.hand_in(replace(good, media_type="image/png", content=PNG), registrar(PRIMARY))


@pytest.mark.rule("A7-1", "A28-4", "A50-4")
def test_a_file_lies_sealed_and_is_shown_to_the_parties_of_its_case_only(office: Office) -> None:
    new = NewEvidence("annex-2", "guardian", "", None, "application/pdf", PDF, office.ids[1])
    item = office.desk.hand_in(new, registrar(PRIMARY))
    assert office.desk.hand_in(new, registrar(PRIMARY)) == item
    assert office.desk.hand_in(replace(new, issuer_kind="school"), registrar(PRIMARY)).id != item.id
    with reading(office.engine) as connection:
        assert all(PDF not in sealed for sealed in connection.execute(select(evidence.c.sealed)).scalars())
    draft = office.suspension(1)
    office.desk.open(replace(draft, evidence=(*draft.evidence, item.id)), registrar(PRIMARY))
    assert office.desk.evidence_file(item.id, registrar(COUNTY), frozenset()) == ("application/pdf", PDF)
    last = office.events()[-1]
    assert (last.kind, last.facts["act"], last.subjects) == (
        "registry.read",
        "evidence",
        (office.row(1)["subject_ref"],),
    )
    for actor in (registrar(OTHER_PRIMARY), Actor("parent", PRIMARY, "guardian")):
        with pytest.raises(CaseNotFoundError):
            office.desk.evidence_file(item.id, actor, frozenset({OTHER_PRIMARY}))
        assert office.events()[-1].facts["found"] == 0


def test_evidence_of_another_pupil_or_unit_does_not_count(desk_office: Office) -> None:
    draft = desk_office.suspension(1)
    for foreign in (
        desk_office.paper("annex-2", PRIMARY, 2), desk_office.paper("annex-2", SENIOR, 1), "ev-unknown",
    ):  # fmt: skip
        with pytest.raises(EvidenceRefusedError):
            desk_office.desk.open(replace(draft, evidence=(*draft.evidence, foreign)), registrar(PRIMARY))


def test_the_most_urgent_work_comes_first_and_pages_follow_each_other(office: Office) -> None:
    for serial in (1, 2):
        office.desk.open(office.transfer(serial), registrar(OTHER_PRIMARY))
    with writing(office.engine) as connection:
        connection.execute(
            clocks.insert(),
            [
                {"name": f"c{n}", "rule": "A33-1", "unit": PRIMARY, "student_id": office.ids[3], "event_on": TODAY,
                 "number": 1, "measure": "months", "due_on": day, "provisional": False, "state": "running"}
                for n, day in enumerate((date(2026, 9, 1), date(2026, 9, 12), date(2026, 9, 30)))
            ],
        )  # fmt: skip
        connection.execute(
            matters.insert().values(
                matter_id="ma-1", kind="dropout", code="", rule="A33-1", student_id=office.ids[3], school_code=PRIMARY,
                owner=PRIMARY, opened_on=TODAY, opened_at="x", opened_by="a", due_on=None, state="open", version=1,
            )
        )  # fmt: skip
    office.desk.assign(registrar(PRIMARY), "clock", "1", "st-2114000001")
    seen: list[WorkItem] = []
    after = ""
    while True:
        page = office.desk.work(registrar(PRIMARY), after=after, limit=2)
        assert (page.total, page.overdue) == (6, 1)
        seen += page.items
        if page.next_after is None:
            break
        after = page.next_after
    assert [(item.source, item.state) for item in seen] == [
        ("clock", "overdue"), ("clock", "due-soon"), ("case", "open"), ("case", "open"), ("clock", "open"),
        ("matter", "open"),
    ]  # fmt: skip
    assert (seen[2].kind, seen[2].step, seen[2].due, seen[2].name_masked) == (
        "transfer", "sending-school", date(2026, 9, 23), office.shared(1)["name_masked"],
    )  # fmt: skip
    (mine,) = office.desk.work(registrar(PRIMARY), mine=True).items
    assert (mine.id, mine.assignee) == ("1", "st-2114000001")
    assert office.desk.work(registrar(SENIOR)).total == 0
    for source, item in (("clock", "1"), ("case", seen[2].id), ("matter", "ma-1"), ("dream", "1"), ("clock", "x")):
        with pytest.raises(CaseNotFoundError):
            office.desk.assign(registrar(SENIOR), source, item, "st-x")
    office.desk.assign(registrar(PRIMARY), "case", seen[2].id, "he-x")
    office.desk.assign(registrar(PRIMARY), "matter", "ma-1", None)


def test_a_list_shows_the_cases_of_the_unit_and_its_schools_newest_first(office: Office) -> None:
    first = office.desk.open(office.suspension(1), registrar(PRIMARY))
    second = office.desk.open(office.transfer(2), registrar(OTHER_PRIMARY))
    county = registrar(COUNTY)
    assert [line.id for line in office.desk.cases(county, frozenset({PRIMARY}))] == [second.id, first.id]
    assert office.events()[-1].facts["act"] == "cases"
    assert [line.id for line in office.desk.cases(county, None, after=second.id)] == [first.id]
    assert [line.id for line in office.desk.cases(county, None, kind="transfer")] == [second.id]
    assert office.desk.cases(county, None, status="completed") == []
    assert [line.id for line in office.desk.cases(registrar(OTHER_PRIMARY), frozenset())] == [second.id]
    assert office.desk.cases(registrar(SENIOR), frozenset({SENIOR})) == []
    assert office.desk.cases(Actor("st-2114000001", PRIMARY, "guardian"), None)[0].id == first.id


@pytest.mark.rule("A16-2", "A50-4")
def test_a_pupil_elsewhere_is_found_by_number_and_name_together(office: Office) -> None:
    name = str(pupil(1)["name"])
    actor = registrar(OTHER_PRIMARY)
    found = office.desk.locate(id_number(1), name, actor, "办理转入")
    assert (found.student_id, found.school_code, found.grade) == (office.ids[1], PRIMARY, "14")
    assert name not in repr(found)
    assert office.events()[-1].facts == {"act": "locate", "reason": "办理转入", "found": 1}
    for number, called in ((id_number(1), "王某"), (id_number(2), name), ("", ""), (id_number(1), "")):
        with pytest.raises(StudentNotFoundError):
            office.desk.locate(number, called, actor, "办理转入")
        assert office.events()[-1].facts["found"] == 0


@pytest.mark.rule("S-4", "A3-3", "A50-4")
def test_the_history_names_persons_articles_and_evidence_and_is_recorded_before(office: Office) -> None:
    case = office.finish(office.desk.open(office.suspension(1), registrar(PRIMARY)))
    end_post(office.engine, 1, TODAY, "st-new", registrar(COUNTY), NOW)
    office.on(date(2026, 9, 20))
    life = office.desk.history(office.ids[1], principal(PRIMARY), "核对学籍", frozenset({PRIMARY}))
    (line,) = life.transitions
    assert (line.before, line.after, line.on) == ("active", "suspended", date(2026, 9, 14))
    assert (line.entered_at, line.ground, line.case_id) == (NOW, "A28-3", case.id)
    assert (line.actor, line.unit, line.head, line.registrar) == ("st-140105", COUNTY, "he-140105", "st-140105")
    assert set(line.evidence) == {item.sha256 for item in case.evidence}
    assert (case.steps[1].head, case.steps[1].registrar) == ("he-2114000001", "st-2114000001")
    (entry,) = life.entries
    assert life.texts[entry.id] == {"reason": "骨折手术后卧床"}
    assert life.cases == (case,)
    event = office.events()[-1]
    assert (event.kind, event.actor, event.subjects) == ("registry.read", "he-2114000001", (case.subject_ref,))
    with pytest.raises(StudentNotFoundError):
        office.desk.history(office.ids[1], registrar(OTHER_PRIMARY), "核对学籍", frozenset({OTHER_PRIMARY}))
    assert office.events()[-1].facts == {"act": "history", "reason": "核对学籍", "found": 0}


@pytest.mark.rule("A48-2", "A48-3")
def test_without_a_filed_post_and_training_nobody_acts(desk_office: Office) -> None:
    draft = desk_office.suspension(1)
    for actor in (Actor("st-new", PRIMARY, "registrar"), Actor("st-2114000001", SENIOR, "registrar")):
        with pytest.raises(RegisterRuleError) as refused:
            desk_office.desk.open(draft, actor)
        assert refused.value.rule == "A48-2"
    new = NewPost("st-new", PRIMARY, "registrar", TODAY, True, None, TODAY, COUNTY)
    file_post(desk_office.engine, new, registrar(COUNTY), NOW)
    with pytest.raises(RegisterRuleError) as refused:
        desk_office.desk.open(draft, Actor("st-new", PRIMARY, "registrar"))
    assert refused.value.rule == "A48-3"


@pytest.mark.rule("A3-3", "A48-4")
def test_a_post_has_its_days_and_its_hand_over(desk_office: Office) -> None:
    engine = desk_office.engine
    new = NewPost("st-new", PRIMARY, "registrar", date(2026, 9, 11), True, TODAY, TODAY, COUNTY)
    post = file_post(engine, new, registrar(COUNTY), NOW)
    with pytest.raises(RegisterRuleError):
        file_post(engine, new, registrar(COUNTY), NOW)
    with pytest.raises(RegisterRuleError):
        end_post(engine, post, date(2026, 9, 10), None, registrar(COUNTY), NOW)
    end_post(engine, post, date(2027, 8, 31), "st-next", registrar(COUNTY), NOW)
    with pytest.raises(RegisterRuleError):
        end_post(engine, post, date(2027, 8, 31), "st-next", registrar(COUNTY), NOW)
    found = [line.post for line in SqlPosts(engine).of_unit(PRIMARY)]
    assert [(held.account, held.until) for held in found][-1] == ("st-new", date(2027, 8, 31))
    assert [event.facts["act"] for event in desk_office.events("registry.post")][-2:] == ["filed", "ended"]


@pytest.mark.rule("A3-5", "A7-3")
def test_a_guardian_applies_for_a_child_with_a_verified_link_only(office: Office) -> None:
    parent = Actor("parent-1", PRIMARY, "guardian")
    draft = office.suspension(1)
    with pytest.raises(StudentNotFoundError):
        office.desk.open(draft, parent)
    link_guardian(office.engine, "parent-1", office.ids[1], None, registrar(PRIMARY), NOW)
    with pytest.raises(StudentNotFoundError):
        office.desk.open(draft, parent)
    link_guardian(office.engine, "parent-1", office.ids[1], TODAY, registrar(PRIMARY), NOW)
    link_guardian(office.engine, "parent-1", office.ids[1], None, registrar(PRIMARY), NOW)
    with reading(office.engine) as connection:
        assert guardian_verified(connection, "parent-1", office.ids[1])
        assert not guardian_verified(connection, "parent-1", office.ids[2])
    case = office.desk.open(draft, parent)
    assert case.current[0].unit == PRIMARY
    with pytest.raises(StudentNotFoundError):
        link_guardian(office.engine, "parent-1", "nobody", TODAY, registrar(PRIMARY), NOW)


@pytest.mark.rule("A20-4", "A3-4")
def test_the_sharing_view_follows_the_system_of_a_school(office: Office) -> None:
    with writing(office.engine) as connection:
        connection.execute(update(students).where(students.c.student_id == office.ids[1]).values(grade="16"))
        connection.execute(text("UPDATE sharing_students SET grade = '16' WHERE school_code = :s"), {"s": PRIMARY})
    rows = pl.DataFrame({"school_code": [PRIMARY], "system": ["5-4"], "private": [False], "central_school": [JUNIOR]})
    save_school_details(office.engine, rows, NOW)
    assert office.shared(1)["stage"] == "junior"
    case = office.desk.open(office.suspension(2), registrar(JUNIOR))
    assert case.steps[1].unit == JUNIOR  # the central school acts
    save_school_details(office.engine, rows.with_columns(system=pl.lit("6-3")), NOW)
    assert office.shared(1)["stage"] == "primary"


def test_an_exception_serves_one_request_once(office: Office) -> None:
    office.on(date(2026, 9, 21))  # outside the window of transfers
    draft = office.transfer(1)
    draft = replace(draft, on=date(2026, 9, 21), applied_on=date(2026, 9, 21))
    with pytest.raises(CaseRefusedError) as refused:
        office.desk.open(draft, registrar(OTHER_PRIMARY))
    assert refused.value.rule == "A16-1"
    reason = "军人子女随调"
    for unit in ("140000", CITY):
        proof = office.paper("exception-request", unit, 1)
        office.desk.grant_exception("A16-1", draft, registrar(unit), reason, proof)
    case = office.desk.open(draft, registrar(OTHER_PRIMARY))
    with reading(office.engine) as connection:
        used = connection.execute(text("SELECT used_by FROM exceptions ORDER BY used_by NULLS FIRST")).scalars().all()
    assert used.count(case.id) == 1
    assert reason not in str(office.events())
    assert office.events("registry.exception")[-1].facts["rule"] == "A16-1"


def test_a_record_that_nobody_knows_and_a_school_that_is_not_registered_are_refused(desk_office: Office) -> None:
    draft = desk_office.suspension(1)
    with pytest.raises(StudentNotFoundError):
        desk_office.desk.open(replace(draft, student_id="0" * 32), registrar(PRIMARY))
    with pytest.raises(RegisterRuleError):
        desk_office.desk.open(replace(draft, school="2114999999"), registrar(PRIMARY))
    with reading(desk_office.engine) as connection:
        assert connection.execute(select(func.count()).select_from(cases)).scalar_one() == 0
        assert connection.execute(select(func.count()).select_from(certificates)).scalar_one() == 0
