"""Certificates in the registry database: numbers, voids, the public check, and that every reading is recorded first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, update

from core_registry.db.case_tables import certificates
from core_registry.db.engine import writing
from core_registry.domain.certificates import CertificateKind, CheckStatus, PublicCheck
from core_registry.errors import (
    CaseNotFoundError,
    CaseRefusedError,
    RegisterChangedError,
    RegisterRuleError,
    StudentNotFoundError,
)
from tests.factories.casedb import COUNTY, JUNIOR, OTHER_COUNTY, principal, registrar
from tests.factories.papers import GRADUATION_DAY, JUNIOR_PUPIL, SENIOR_PUPIL, Papers, make_papers
from tests.factories.registrydb_rows import SENIOR, SENTINEL


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


@pytest.mark.rule("A38-1", "A40-1", "A43-2")
def test_a_graduation_certificate_is_the_departments_and_is_not_issued_twice(one: Papers) -> None:
    one.graduate()
    (line,) = one.lines(JUNIOR_PUPIL, JUNIOR)
    assert (line.kind, line.issuer, line.issued_on) == (CertificateKind.GRADUATION, COUNTY, GRADUATION_DAY)
    with pytest.raises(CaseRefusedError) as refused:
        one.run("certificate", JUNIOR_PUPIL, JUNIOR, {"medium": "both"})
    assert [result.rule for result in refused.value.results if result.stops] == ["A43-2"]
    assert len(one.lines(JUNIOR_PUPIL, JUNIOR)) == 1


@pytest.mark.rule("A43-2")
def test_an_education_proof_is_not_effective_until_the_department_stamped_it(papers: Papers) -> None:
    papers.graduate()
    case = papers.prove()
    number = papers.key(JUNIOR_PUPIL, JUNIOR).number
    assert papers.desk.check(number).found.status is CheckStatus.NOT_EFFECTIVE
    papers.office.finish(case)
    assert papers.desk.check(number).found.status is CheckStatus.VALID
    assert papers.lines(JUNIOR_PUPIL, JUNIOR)[-1].effective_on == GRADUATION_DAY


@pytest.mark.rule("A43-3")
def test_a_number_is_given_out_once_and_never_again(papers: Papers) -> None:
    papers.leave_early()
    first = papers.key(SENIOR_PUPIL, SENIOR)
    papers.desk.void(SENIOR, first.number, registrar(SENIOR), "打印有误")
    row = {"kind": "incomplete", "student_id": papers.office.ids[SENIOR_PUPIL], "issued_on": GRADUATION_DAY,
           "original": "", "name_key": "0" * 32, "key_version": 1, "sealed": b"x"}  # fmt: skip
    with pytest.raises(RegisterChangedError), writing(papers.office.engine) as connection:
        connection.execute(insert(certificates).values(issuer=SENIOR, number=first.number, **row))
    with pytest.raises(RegisterChangedError), writing(papers.office.engine) as connection:
        connection.execute(delete(certificates))
    with pytest.raises(RegisterChangedError), writing(papers.office.engine) as connection:
        connection.execute(update(certificates).values(void_on=None))
    papers.graduate()
    papers.office.finish(papers.prove())
    papers.prove()
    numbers = [line.number for line in papers.lines(JUNIOR_PUPIL, JUNIOR)]
    assert len(numbers) == len(set(numbers)) == 3


@pytest.mark.rule("A43-3")
def test_a_void_certificate_stays_listed_and_the_archive_says_why_under_seal(papers: Papers) -> None:
    papers.leave_early()
    key = papers.key(SENIOR_PUPIL, SENIOR)
    voided = papers.desk.void(SENIOR, key.number, registrar(SENIOR), "打印有误")
    assert voided.void_on == papers.office.now.date()
    (line,) = papers.lines(SENIOR_PUPIL, SENIOR)
    assert (line.number, line.status) == (key.number, CheckStatus.VOID)
    history = papers.office.desk.history(
        papers.office.ids[SENIOR_PUPIL], registrar(SENIOR), "核对", frozenset({SENIOR})
    )
    entry = history.entries[-1]
    assert entry.data == {"kind": "incomplete", "issuer": SENIOR, "number": key.number, "void": True}
    assert history.texts[entry.id] == {"reason": "打印有误"}
    numbered = next(one for one in history.entries if one.id == entry.supersedes)
    assert numbered.text("number") == key.number
    (event,) = papers.office.events("registry.certificate")
    assert (event.facts["act"], event.actor) == ("void", f"st-{SENIOR}")
    assert key.number not in str(event)
    with pytest.raises(RegisterRuleError) as again:
        papers.desk.void(SENIOR, key.number, registrar(SENIOR), "再次")
    assert again.value.rule == "A43-3"


@pytest.mark.rule("A43-3")
def test_only_the_issuer_voids_and_an_unknown_number_looks_the_same(one: Papers) -> None:
    one.graduate()
    number = one.key(JUNIOR_PUPIL, JUNIOR).number
    answers = set()
    for issuer, told, unit in (
        (COUNTY, number, JUNIOR),
        (COUNTY, number, OTHER_COUNTY),
        (OTHER_COUNTY, number, OTHER_COUNTY),
        (COUNTY, "晋毕字第0号", COUNTY),
    ):
        with pytest.raises(CaseNotFoundError) as refused:
            one.desk.void(issuer, told, registrar(unit), "有误")
        answers.add(refused.value.detail)
    assert len(answers) == 1
    assert one.lines(JUNIOR_PUPIL, JUNIOR)[0].void_on is None
    assert one.desk.void(COUNTY, number, registrar(COUNTY), "有误").void_on is not None


@pytest.mark.rule("A43-2")
def test_a_void_proof_takes_no_stamp(one: Papers) -> None:
    one.graduate()
    case = one.prove()
    one.desk.void(JUNIOR, one.key(JUNIOR_PUPIL, JUNIOR).number, registrar(JUNIOR), "填写有误")
    with pytest.raises(RegisterRuleError):
        one.office.finish(case)
    assert one.lines(JUNIOR_PUPIL, JUNIOR)[-1].effective_on is None


@pytest.mark.rule("A43-3")
def test_the_public_answer_has_kind_year_issuer_and_one_character_of_the_name(one: Papers) -> None:
    one.leave_early()
    number = one.key(SENIOR_PUPIL, SENIOR).number
    answer = one.desk.check(number)
    assert asdict(answer.found) == {
        "status": CheckStatus.VALID, "kind": CertificateKind.INCOMPLETE, "year": one.office.now.year,
        "issuer": "太原市第二中学", "masked_name": f"{SENTINEL[0]}**",
    }  # fmt: skip
    pupil = one.student(SENIOR_PUPIL)
    told = str(asdict(answer.found)) + repr(answer)
    for value in (pupil.name, pupil.name[1:], pupil.id_number, pupil.student_number, pupil.id):
        assert value
        assert value not in told
    one.desk.void(SENIOR, number, registrar(SENIOR), "打印有误")
    assert one.desk.check(number).found.status is CheckStatus.VOID


@pytest.mark.rule("A43-3")
@pytest.mark.parametrize(
    "number", ["", " ", "晋肄字第34140000022099000001号", "x" * 60, "'; --", "%", "晋肄字第%号", "１２３"]
)
def test_a_number_that_nobody_gave_out_and_no_number_at_all_look_alike(one: Papers, number: str) -> None:
    one.leave_early()
    assert one.desk.check(number).found == PublicCheck(CheckStatus.UNKNOWN)


@pytest.mark.rule("A43-3")
def test_blanks_and_narrow_brackets_do_not_matter_and_a_wrong_issuer_does(one: Papers) -> None:
    one.graduate()
    one.prove()
    number = one.key(JUNIOR_PUPIL, JUNIOR).number
    typed = " " + number.replace("（", " (").replace("）", ") ")
    assert one.desk.check(typed).found.status is CheckStatus.NOT_EFFECTIVE
    assert one.desk.check(number, JUNIOR).found.status is CheckStatus.NOT_EFFECTIVE
    assert one.desk.check(number, SENIOR).found.status is CheckStatus.UNKNOWN


@pytest.mark.rule("A43-3")
def test_a_number_of_two_issuers_is_unknown_until_one_is_named(one: Papers) -> None:
    one.leave_early()
    number = one.key(SENIOR_PUPIL, SENIOR).number
    with writing(one.office.engine) as connection:
        row = dict(connection.execute(certificates.select()).mappings().one())
        connection.execute(insert(certificates).values({**row, "issuer": JUNIOR, "case_id": None}))
    assert one.desk.check(number).found == PublicCheck(CheckStatus.UNKNOWN)
    assert one.desk.check(number, SENIOR).found.status is CheckStatus.VALID


@pytest.mark.rule("A50-4")
def test_a_list_is_recorded_before_it_is_shown_also_when_there_is_nothing_to_show(papers: Papers) -> None:
    papers.graduate()
    before = len(papers.office.events("registry.read"))
    papers.lines(JUNIOR_PUPIL, JUNIOR)
    with pytest.raises(StudentNotFoundError):
        papers.desk.certificates("st-none", registrar(JUNIOR), "核对", frozenset({JUNIOR}))
    with pytest.raises(StudentNotFoundError):
        papers.lines(JUNIOR_PUPIL, SENIOR)
    found = papers.office.events("registry.read")[before:]
    assert [(one.facts["act"], one.facts["found"], len(one.subjects)) for one in found] == [
        ("certificates", 1, 1), ("certificates", 0, 0), ("certificates", 0, 0),
    ]  # fmt: skip


@pytest.mark.rule("A50-4")
def test_a_list_that_cannot_be_recorded_is_not_shown(one: Papers) -> None:
    one.graduate()
    with writing(one.office.engine) as connection:
        connection.exec_driver_sql("DROP TABLE outbox")
    with pytest.raises(Exception, match="registry database"):
        one.lines(JUNIOR_PUPIL, JUNIOR)


def test_the_issuer_sees_what_it_issued_when_the_pupil_is_elsewhere(one: Papers) -> None:
    one.graduate()
    one.prove()
    with writing(one.office.engine) as connection:
        connection.exec_driver_sql(f"UPDATE students SET school_code = '{SENIOR}' WHERE grade = '23'")
    assert [line.issuer for line in one.lines(JUNIOR_PUPIL, JUNIOR)] == [JUNIOR]
    assert [line.issuer for line in one.lines(JUNIOR_PUPIL, SENIOR)] == [COUNTY, JUNIOR]


@pytest.mark.rule("A50-4", "A48-3")
def test_no_reason_or_no_filed_post_and_nothing_is_read(one: Papers) -> None:
    one.graduate()
    student = one.office.ids[JUNIOR_PUPIL]
    before = one.office.events()
    for reason in ("", "  ", "办理 13900001234"):
        with pytest.raises(RegisterRuleError) as refused:
            one.desk.certificates(student, registrar(JUNIOR), reason, frozenset({JUNIOR}))
        assert refused.value.rule == "A50-4"
    stranger = type(registrar(JUNIOR))("st-new", JUNIOR, "registrar")
    for act in (
        lambda: one.desk.certificates(student, stranger, "核对", frozenset({JUNIOR})),
        lambda: one.desk.void(JUNIOR, "x", stranger, "有误"),
    ):
        with pytest.raises(RegisterRuleError) as refused:
            act()
        assert refused.value.rule in {"A48-2", "A48-3"}
    assert one.office.events() == before
    assert one.desk.certificates(student, principal(JUNIOR), "核对", frozenset({JUNIOR}))


def test_no_certificate_shows_its_number_or_holder_in_a_repr(one: Papers) -> None:
    one.leave_early()
    (line,) = one.lines(SENIOR_PUPIL, SENIOR)
    assert line.number not in repr(line)
