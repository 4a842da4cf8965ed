"""The five annexes built from records, cases and certificates: right fields, no reading without its record."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from core_registry.cases.records import Draft
from core_registry.db.engine import writing
from core_registry.db.posts_store import link_guardian
from core_registry.domain.cases import Case
from core_registry.errors import CaseNotFoundError, RegisterRuleError, StudentNotFoundError
from core_registry.office import CertificateKey, Paper
from core_registry.prints import AnnexFive, AnnexFour, AnnexOne, AnnexThree, AnnexTwo
from tests.factories.casedb import COUNTY, JUNIOR, OTHER_PRIMARY, TODAY, principal, registrar
from tests.factories.papers import CHECK_URL, JUNIOR_PUPIL, LOST_NUMBER, SENIOR_PUPIL, Papers, make_papers
from tests.factories.registrydb_rows import PRIMARY, SENIOR

REASON = "打印存档"


@pytest.fixture
def papers(database_url: str) -> Iterator[Papers]:
    """On both databases."""
    found = make_papers(database_url)
    yield found
    found.office.engine.dispose()


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Papers]:
    """On SQLite, where the database makes no difference."""
    found = make_papers(f"sqlite:///{tmp_path / 'papers.db'}")
    yield found
    found.office.engine.dispose()


def paper_copy(papers: Papers, serial: int = 1, unit: str = PRIMARY) -> Case:
    """Return a completed case of a paper copy, under an exception of the registry superior."""
    office = papers.office
    values: dict[str, object] = {"for_unit": "某法院", "kept_by": "某法院档案室", "reason": "诉讼"}
    draft = Draft("paper-copy", unit, TODAY, TODAY, office.ids[serial], values, (office.paper("other", unit, serial),))
    granted = office.paper("decision", COUNTY, serial, "education")
    office.desk.grant_exception("A5-1", draft, registrar(COUNTY), "法院调取", granted)
    return office.desk.open(draft, registrar(unit))


def refused(act: Callable[[], Paper]) -> RegisterRuleError:
    with pytest.raises(RegisterRuleError) as found:
        act()
    return found.value


# --- the own record


@pytest.mark.rule("A3-5", "A7-3")
def test_a_guardian_gets_a_copy_of_the_own_child_only_with_a_verified_link(one: Papers) -> None:
    office, child = one.office, one.office.ids[1]
    school = registrar(PRIMARY)

    def copied() -> Paper:
        return one.desk.copy_for_guardian(child, "gd-1", school, "监护人申请复制", frozenset({PRIMARY}))

    with pytest.raises(StudentNotFoundError):
        copied()
    link_guardian(office.engine, "gd-1", child, None, school, office.now)
    with pytest.raises(StudentNotFoundError):  # asked for, not verified
        copied()
    link_guardian(office.engine, "gd-1", child, TODAY, school, office.now)
    before = len(office.events("registry.read"))
    paper = copied()
    assert isinstance(paper.form, AnnexOne)
    assert paper.form.name
    told = office.events("registry.read")[before:]
    assert [event.facts["act"] for event in told] == ["copy"]
    with pytest.raises(StudentNotFoundError):
        one.desk.copy_for_guardian(office.ids[2], "gd-1", school, "监护人申请复制", frozenset({PRIMARY}))


# --- annex 1


@pytest.mark.rule("A5-1")
def test_an_archive_copy_needs_a_completed_paper_copy_and_nothing_is_read_without(one: Papers) -> None:
    student, near = one.office.ids[1], frozenset({PRIMARY})
    before = one.office.events()
    error = refused(lambda: one.desk.annex_one(registrar(PRIMARY), REASON, near, student_id=student))
    assert error.rule == "A5-1"
    assert one.office.events() == before
    case = paper_copy(one)
    form = one.desk.annex_one(registrar(PRIMARY), REASON, near, student_id=student, paper_copy=case.id).form
    assert isinstance(form, AnnexOne)
    assert form.name == one.student(1).name
    (told,) = [event for event in one.office.events("registry.read") if event.facts.get("act") == "print"]
    assert told.facts == {"act": "print", "annex": 1, "case": case.id, "found": 1, "reason": REASON}
    assert told.actor == f"st-{PRIMARY}"


@pytest.mark.rule("A5-1")
def test_the_paper_copy_is_of_this_pupil_and_printed_by_the_registrar_of_its_school(one: Papers) -> None:
    case = paper_copy(one)
    suspension = one.office.desk.open(one.office.suspension(2), registrar(PRIMARY))
    near = frozenset({PRIMARY})
    for act in (
        lambda: one.desk.annex_one(registrar(PRIMARY), REASON, near, student_id=one.office.ids[2], paper_copy=case.id),
        lambda: one.desk.annex_one(registrar(PRIMARY), REASON, near, paper_copy=suspension.id),
        lambda: one.desk.annex_one(principal(PRIMARY), REASON, near, paper_copy=case.id),
        lambda: one.desk.annex_one(registrar(COUNTY), REASON, near, paper_copy=case.id),
    ):
        assert refused(act).rule == "A5-1"
    with pytest.raises(CaseNotFoundError):
        one.desk.annex_one(registrar(OTHER_PRIMARY), REASON, frozenset({OTHER_PRIMARY}), paper_copy=case.id)


@pytest.mark.rule("A9-2")
def test_annex_one_has_every_field_of_the_record_in_words(papers: Papers) -> None:
    form = papers.desk.annex_one(registrar(PRIMARY), REASON, None, paper_copy=paper_copy(papers).id).form
    student = papers.student(1)
    assert isinstance(form, AnnexOne)
    assert dataclasses.replace(form, first_member=form.second_member) == AnnexOne(
        name=student.name, sex="男", nationality="中国", overseas_status=form.overseas_status, ethnicity="汉族",
        id_type="居民身份证", id_number=student.id_number or "", birth_date="20150309",
        residence_address=student.residence_address, household_address=student.household_address,
        grade="小学四年级", class_name="2班", boarding="否", disabled="否", left_behind="是", filled_on=TODAY,
    )  # fmt: skip
    assert not form.overseas_status.isascii()
    member = form.first_member
    assert (member.name, member.guardian, member.ethnicity) == (student.members[0].name, "是", "汉族")
    assert (member.phone, member.id_type) == (student.members[0].phone, "居民身份证")
    assert member.relation
    assert not member.relation.isascii()


# --- annexes 2 and 3


@pytest.mark.rule("A28-1", "A31-1", "A36-1")
def test_blank_forms_need_no_reason_and_read_nothing(one: Papers) -> None:
    before = one.office.events()
    blank = [one.desk.annex(number, registrar(PRIMARY), "", frozenset({PRIMARY})) for number in (1, 2, 3)]
    assert [paper.form for paper in blank] == [AnnexOne(), AnnexTwo(), AnnexThree()]
    assert [paper.annex for paper in blank] == [1, 2, 3]
    assert all(paper.pdf().startswith(b"%PDF-") for paper in blank)
    assert one.office.events() == before


@pytest.mark.rule("A28-1")
def test_annex_two_of_a_suspension_says_what_the_case_says(papers: Papers) -> None:
    office = papers.office
    case = office.finish(office.desk.open(office.suspension(1), registrar(PRIMARY)))
    paper = papers.desk.annex_two(registrar(PRIMARY), REASON, frozenset({PRIMARY}), case_id=case.id)
    form, student = paper.form, papers.student(1)
    assert isinstance(form, AnnexTwo)
    assert (form.kind, form.ground, form.description) == ("suspension", "illness", "骨折手术后卧床")
    assert (form.start, form.end, form.used_days) == (date(2026, 9, 14), date(2027, 6, 30), 0)
    assert (form.pupil.name, form.pupil.id_number) == (student.name, student.id_number)
    assert (form.pupil.school, form.pupil.grade, form.pupil.class_name) == ("小店区第一小学", "小学四年级", "2班")
    assert (form.guardian.name, form.guardian.signed_on) == (student.members[0].name, TODAY)
    assert len(form.evidence) == 2
    assert all(not name.isascii() for name in form.evidence)
    assert form.school.on == form.superior.on == TODAY
    assert "同意" in form.school.text
    assert "同意" in form.superior.text
    assert papers.office.events("registry.read")[-1].facts["annex"] == 2


@pytest.mark.rule("A28-5")
def test_annex_two_of_an_open_case_has_no_superior_and_of_an_infection_no_guardian(one: Papers) -> None:
    office = one.office
    open_case = office.desk.open(office.suspension(1), registrar(PRIMARY))
    form = one.desk.annex_two(registrar(PRIMARY), REASON, None, case_id=open_case.id).form
    assert isinstance(form, AnnexTwo)
    assert (form.superior.text, form.superior.on) == ("", None)
    values: dict[str, object] = {
        "from": "2026-09-14", "until": "2026-12-14", "ground": "infectious", "reason": "隔离治疗",
    }  # fmt: skip
    proof = (office.paper("hospital-record", PRIMARY, 2, "hospital", "county"),)
    filed = office.desk.open(office.suspension(2, values=values, evidence=proof), registrar(PRIMARY))
    form = one.desk.annex_two(registrar(PRIMARY), REASON, None, case_id=filed.id).form
    assert isinstance(form, AnnexTwo)
    assert (form.ground, form.guardian.name) == ("infectious", "")


@pytest.mark.rule("A31-1")
def test_annex_two_of_a_resumption_names_day_and_grade_and_what_was_used(one: Papers) -> None:
    office = one.office
    office.finish(office.desk.open(office.suspension(1), registrar(PRIMARY)))
    office.on(date(2027, 3, 1))
    back = Draft(
        "resumption", PRIMARY, date(2027, 3, 1), date(2027, 3, 1), office.ids[1],
        {"returned_on": "2027-03-01", "grade": "14"},
        (office.paper("annex-2", PRIMARY, 1, "guardian"), office.paper("resumption-proof", PRIMARY, 1, "hospital")),
    )  # fmt: skip
    case = office.finish(office.desk.open(back, registrar(PRIMARY)))
    form = one.desk.annex_two(registrar(PRIMARY), REASON, None, case_id=case.id).form
    assert isinstance(form, AnnexTwo)
    assert (form.kind, form.resume_on) == ("resumption", date(2027, 3, 1))
    assert (form.target_grade, form.target_kind) == ("小学四年级", "original")
    assert form.used_days == (date(2027, 3, 1) - date(2026, 9, 14)).days
    assert (form.ground, form.start) == ("", None)


@pytest.mark.rule("A36-1", "A36-2")
def test_annex_three_of_a_withdrawal_has_ground_and_filing(papers: Papers) -> None:
    office = papers.office
    values: dict[str, object] = {"ground": "application", "reason": "家庭原因"}
    case = papers.run("withdrawal", SENIOR_PUPIL, SENIOR, values, (("annex-3", "guardian"),))
    done = office.finish(case)
    paper = papers.desk.annex_three(registrar(SENIOR), REASON, frozenset({SENIOR}), case_id=done.id)
    form = paper.form
    assert isinstance(form, AnnexThree)
    assert (form.ground, form.description, form.applied_on) == ("4", "家庭原因", TODAY)
    assert (form.filing, form.filed_on) == (done.id, TODAY)
    assert form.pupil.name == papers.student(SENIOR_PUPIL).name
    assert form.guardian.name
    assert (form.used_days, form.total_weeks) == (None, None)
    assert "申请" in paper.html()


@pytest.mark.rule("A34-1")
def test_there_is_no_annex_three_for_a_pupil_of_the_compulsory_stage(one: Papers) -> None:
    error = refused(
        lambda: one.desk.annex_three(registrar(PRIMARY), REASON, frozenset({PRIMARY}), student_id=one.office.ids[1])
    )
    assert error.rule == "A34-1"


def test_a_form_for_a_pupil_has_the_head_filled_and_the_rest_blank(one: Papers) -> None:
    near = frozenset({PRIMARY})
    form = one.desk.annex_two(registrar(PRIMARY), REASON, near, student_id=one.office.ids[1]).form
    assert isinstance(form, AnnexTwo)
    student = one.student(1)
    assert (form.pupil.name, form.guardian.phone) == (student.name, student.members[0].phone)
    assert dataclasses.replace(form, pupil=AnnexTwo().pupil, guardian=AnnexTwo().guardian) == AnnexTwo()
    with pytest.raises(StudentNotFoundError):
        one.desk.annex_two(registrar(OTHER_PRIMARY), REASON, frozenset({OTHER_PRIMARY}), student_id=one.office.ids[1])
    assert one.office.events("registry.read")[-1].facts["found"] == 0


def test_an_annex_of_another_kind_of_case_is_refused(one: Papers) -> None:
    case = one.office.desk.open(one.office.suspension(1), registrar(PRIMARY))
    assert "Annex 3" in str(refused(lambda: one.desk.annex_three(registrar(PRIMARY), REASON, None, case_id=case.id)))
    with pytest.raises(CaseNotFoundError):
        one.desk.annex_two(registrar(OTHER_PRIMARY), REASON, frozenset({OTHER_PRIMARY}), case_id=case.id)


# --- annexes 4 and 5


@pytest.mark.rule("A41-3")
def test_annex_four_is_the_schools_under_the_number_that_was_given_out(papers: Papers) -> None:
    papers.leave_early()
    key = papers.key(SENIOR_PUPIL, SENIOR)
    assert key.issuer == SENIOR
    paper = papers.desk.annex_four(key, registrar(SENIOR), REASON, frozenset({SENIOR}))
    form, student = paper.form, papers.student(SENIOR_PUPIL)
    assert isinstance(form, AnnexFour)
    assert f"{form.word}字第{form.number}号" == key.number
    assert (form.kind, form.reason, form.issued_on) == ("incomplete", "未完成学业终止学习", TODAY)
    assert (form.holder.name, form.holder.id_number, form.holder.sex) == (student.name, student.id_number, "男")
    assert (form.holder.province, form.holder.county) == ("山西", "迎泽")
    assert (form.holder.since, form.holder.until) == (student.entry_month, "2026-09")
    assert (form.stub.handler, form.stub.head, form.check_url) == ("", "", CHECK_URL)
    assert key.number in paper.html()
    assert key.number not in form.check_url
    assert student.student_number.startswith("L")
    assert form.holder.student_number == ""


@pytest.mark.rule("A43-2")
def test_annex_five_names_the_original_and_is_printed_before_the_stamp(papers: Papers) -> None:
    papers.graduate()
    case = papers.prove()
    paper = papers.desk.annex_five(CertificateKey(case_id=case.id), registrar(JUNIOR), REASON, frozenset({JUNIOR}))
    form = paper.form
    assert isinstance(form, AnnexFive)
    assert f"晋毕证字第（{form.number}）号" == papers.key(JUNIOR_PUPIL, JUNIOR).number
    assert (form.original, form.years, form.graduated) == (LOST_NUMBER.removesuffix("号"), "三", "2027-06")
    assert "验印后" in paper.html()


@pytest.mark.rule("A40-1", "A41-3")
def test_a_certificate_is_printed_on_its_own_annex_only(one: Papers) -> None:
    one.graduate()
    graduation = one.key(JUNIOR_PUPIL, JUNIOR)
    one.prove()
    proof = one.key(JUNIOR_PUPIL, JUNIOR)
    near = frozenset({JUNIOR})
    for act in (
        lambda: one.desk.annex_four(graduation, registrar(JUNIOR), REASON, near),
        lambda: one.desk.annex_five(graduation, registrar(JUNIOR), REASON, near),
    ):
        assert refused(act).rule == "A40-1"
    assert refused(lambda: one.desk.annex_four(proof, registrar(JUNIOR), REASON, near)).rule == "A41-3"


@pytest.mark.rule("A43-3")
def test_no_paper_bears_a_number_that_is_void_unknown_or_of_another_name(one: Papers) -> None:
    one.leave_early()
    key, near = one.key(SENIOR_PUPIL, SENIOR), frozenset({SENIOR})
    with pytest.raises(CaseNotFoundError):
        one.desk.annex_four(CertificateKey(SENIOR, "晋肄字第1号"), registrar(SENIOR), REASON, near)
    with pytest.raises(CaseNotFoundError):
        one.desk.annex_four(CertificateKey(), registrar(SENIOR), REASON, near)
    with pytest.raises(CaseNotFoundError):
        one.desk.annex_four(key, registrar(JUNIOR), REASON, frozenset({JUNIOR}))
    assert one.office.events("registry.read")[-1].facts["found"] == 0
    one.desk.void(SENIOR, key.number, registrar(SENIOR), "打印有误")
    assert refused(lambda: one.desk.annex_four(key, registrar(SENIOR), REASON, near)).rule == "A43-3"


@pytest.mark.rule("A43-3")
def test_a_number_is_not_printed_under_a_name_that_came_later(one: Papers) -> None:
    one.graduate()
    case = one.prove()
    with writing(one.office.engine) as connection:
        connection.exec_driver_sql(f"UPDATE students SET name_key = '{'0' * 32}' WHERE grade = '23'")
    key = CertificateKey(case_id=case.id)
    assert refused(lambda: one.desk.annex_five(key, registrar(JUNIOR), REASON, None)).rule == "A43-3"


@pytest.mark.rule("A50-4")
def test_a_print_that_cannot_be_recorded_is_not_made(one: Papers) -> None:
    one.leave_early()
    key, case = one.key(SENIOR_PUPIL, SENIOR), one.office.desk.open(one.office.suspension(1), registrar(PRIMARY))
    with writing(one.office.engine) as connection:
        connection.exec_driver_sql("DROP TABLE outbox")
    acts: tuple[Callable[[], Paper], ...] = (
        lambda: one.desk.annex_four(key, registrar(SENIOR), REASON, None),
        lambda: one.desk.annex_two(registrar(PRIMARY), REASON, None, case_id=case.id),
        lambda: one.desk.annex_two(registrar(PRIMARY), REASON, None, student_id=one.office.ids[1]),
    )
    for act in acts:
        with pytest.raises(Exception, match="registry database"):
            act()


@pytest.mark.rule("A50-4")
def test_a_print_of_a_pupil_needs_a_reason(one: Papers) -> None:
    before = one.office.events()
    error = refused(lambda: one.desk.annex_two(registrar(PRIMARY), "", None, student_id=one.office.ids[1]))
    assert error.rule == "A50-4"
    assert one.office.events() == before


def test_nothing_of_a_person_is_in_the_repr_of_a_paper(one: Papers) -> None:
    paper = one.desk.annex_two(registrar(PRIMARY), REASON, None, student_id=one.office.ids[1])
    assert one.student(1).name not in repr(paper)
    assert repr(paper.form).count("=") == 0
