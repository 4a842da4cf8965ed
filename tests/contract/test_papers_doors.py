"""Certificates and prints over HTTP: the API of the registry line, the pages, and the public check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from core_registry.office import PaperDesk
from gateway.api import limits
from gateway.app import create_app
from gateway.keyring import Face
from tests.contract.test_papers_prints import paper_copy
from tests.factories.case_house import CaseHouse
from tests.factories.casedb import JUNIOR
from tests.factories.papers import JUNIOR_PUPIL, SENIOR_PUPIL, Papers, open_paper_house
from tests.factories.registrydb_rows import SENIOR

CHECK = "/v1/certificates/check"
REASON = "核对证书"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Papers, CaseHouse]]:
    """A pupil of senior high who left early, and a junior graduate with an education proof not stamped yet."""
    with open_paper_house(tmp_path_factory.mktemp("papers")) as (papers, house):
        papers.leave_early()
        papers.graduate()
        papers.prove()
        yield papers, house


@pytest.fixture(scope="module")
def papers(world: tuple[Papers, CaseHouse]) -> Papers:
    return world[0]


@pytest.fixture(scope="module")
def house(world: tuple[Papers, CaseHouse]) -> CaseHouse:
    return world[1]


def left_early(papers: Papers) -> str:
    return papers.key(SENIOR_PUPIL, SENIOR).number


# --- the API of the registry line


@pytest.mark.rule("A43-2", "A43-3")
def test_the_list_has_what_each_certificate_is_worth(papers: Papers, house: CaseHouse) -> None:
    path = f"/v1/registry/students/{papers.office.ids[JUNIOR_PUPIL]}/certificates"
    found = house.call("junior", "GET", path, query_string={"reason": REASON}).get_json()["items"]
    assert [(one["kind"], one["status"]) for one in found] == [
        ("graduation", "valid"), ("education-proof", "not-effective"),
    ]  # fmt: skip
    assert house.call("junior", "GET", path).status_code == 422
    assert house.call("school", "GET", path, query_string={"reason": REASON}).status_code == 404
    assert house.call("recorder", "GET", path, query_string={"reason": REASON}).status_code == 403


@pytest.mark.rule("A5-1")
def test_annex_one_of_a_pupil_is_refused_over_the_api_without_a_paper_copy(papers: Papers, house: CaseHouse) -> None:
    query = {"student_id": papers.office.ids[2], "reason": REASON}
    refused = house.call("school", "GET", "/v1/registry/prints/annex-1", query_string=query)
    assert (refused.status_code, refused.get_json()["rule"]) == (422, "A5-1")
    case = paper_copy(papers, 2)
    printed = house.call("school", "GET", "/v1/registry/prints/annex-1", query_string={**query, "case_id": case.id})
    assert printed.status_code == 200
    assert printed.mimetype == "application/pdf"
    assert printed.data.startswith(b"%PDF-")
    assert printed.headers["Content-Disposition"] == 'attachment; filename="annex-1.pdf"'
    assert printed.headers["Cache-Control"] == "no-store"


def test_an_annex_as_a_page_links_the_style_sheet_and_has_no_inline_style(papers: Papers, house: CaseHouse) -> None:
    query = {"student_id": papers.office.ids[3], "reason": REASON, "format": "html"}
    page = house.call("school", "GET", "/v1/registry/prints/annex-2", query_string=query)
    assert page.mimetype == "text/html"
    assert papers.student(3).name in page.text
    assert "<style" not in page.text
    assert "style=" not in page.text
    assert house.call(None, "GET", "/assets/print.css").status_code == 200
    assert 'href="/assets/print.css"' in page.text


def test_a_blank_form_needs_no_reason_and_another_annex_is_none(house: CaseHouse) -> None:
    for annex in (2, 3):
        assert house.call("school", "GET", f"/v1/registry/prints/annex-{annex}").status_code == 200
    for annex in (0, 6):
        assert house.call("school", "GET", f"/v1/registry/prints/annex-{annex}").status_code == 404
    query = {"reason": REASON}
    assert house.call("school", "GET", "/v1/registry/prints/annex-4", query_string=query).status_code == 404


@pytest.mark.rule("A43-2")
def test_a_certificate_is_printed_by_its_case_so_that_no_number_is_in_an_address(
    papers: Papers, house: CaseHouse
) -> None:
    (line,) = [one for one in papers.lines(JUNIOR_PUPIL, JUNIOR) if one.kind == "education-proof"]
    query = {"case_id": line.case_id, "reason": REASON, "format": "html"}
    page = house.call("junior", "GET", "/v1/registry/prints/annex-5", query_string=query)
    assert page.status_code == 200
    assert line.number.removeprefix("晋毕证字第（").removesuffix("）号") in page.text
    assert house.call("school", "GET", "/v1/registry/prints/annex-5", query_string=query).status_code == 404


@pytest.mark.rule("A43-3")
def test_another_unit_cannot_void_over_the_api(papers: Papers, house: CaseHouse) -> None:
    body = {"number": left_early(papers), "reason": "打印有误"}
    for who in ("school", "county"):
        assert house.call(who, "POST", "/v1/registry/certificates/void", body).status_code == 404
    assert papers.lines(SENIOR_PUPIL, SENIOR)[0].void_on is None


# --- the public check


@pytest.mark.rule("A43-2", "A43-3")
def test_the_public_check_tells_a_stranger_the_minimum(papers: Papers, house: CaseHouse) -> None:
    answer = house.call(None, "POST", CHECK, {"number": left_early(papers)})
    assert answer.status_code == 200
    student = papers.student(SENIOR_PUPIL)
    assert answer.get_json() == {
        "status": "valid", "status_zh": "有效", "kind": "incomplete", "kind_zh": "肄业证明书",
        "year": 2026, "issuer": "太原市第二中学", "holder": f"{student.name[0]}**",
    }  # fmt: skip
    proof = papers.key(JUNIOR_PUPIL, JUNIOR).number
    assert house.call(None, "POST", CHECK, {"number": proof}).get_json()["status"] == "not-effective"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.rule("A43-3")
def test_unknown_and_malformed_numbers_get_the_same_bytes(papers: Papers, house: CaseHouse) -> None:
    bodies = [
        {"number": "晋肄字第34140000022026999999号"}, {"number": "?"}, {"number": "  "},
        {"number": left_early(papers), "issuer": "x"},
    ]  # fmt: skip
    answers = [house.call(None, "POST", CHECK, body) for body in bodies]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.data for answer in answers}) == 1
    assert answers[0].get_json()["status"] == "unknown"


@pytest.mark.rule("A43-3")
def test_guessing_numbers_is_limited_by_address(house: CaseHouse) -> None:
    allowed = limits.STRICT["certificates.check"].amount
    where = {"environ_base": {"REMOTE_ADDR": "203.0.113.99"}}
    seen = [house.call(None, "POST", CHECK, {"number": f"{n}"}, **where).status_code for n in range(allowed + 1)]
    assert seen == [200] * allowed + [429]


def test_a_number_is_asked_for_in_a_body_only(house: CaseHouse) -> None:
    assert house.call(None, "GET", f"{CHECK}?number=x").status_code == 405
    assert house.call(None, "POST", CHECK, {"number": "x" * 61}).status_code == 422


@pytest.mark.parametrize("face", [Face.OUTSIDE, Face.FAMILY])
def test_a_face_without_the_registry_has_no_check(house: CaseHouse, face: Face) -> None:
    app = create_app(replace(house.process.services, face=face, papers=None))
    assert not [name for name in app.view_functions if "certificates" in name or "papers" in name]


def test_the_process_wires_the_desk_of_papers(house: CaseHouse) -> None:
    assert isinstance(house.process.services.papers, PaperDesk)
    assert house.process.services.papers.check("x").status_words == ("查无此证书", "unknown")


# --- pages


def test_the_page_of_papers_lists_prints_and_voids(papers: Papers, house: CaseHouse) -> None:
    browser = house.browser("senior")
    page = "/office/papers"
    assert browser.get(page).status_code == 200
    number, student = left_early(papers), papers.office.ids[SENIOR_PUPIL]
    found = browser.post(f"{page}/pupil", {"student_id": student, "reason": REASON}, form=page)
    assert number in found.text
    assert papers.student(SENIOR_PUPIL).name not in found.text
    printed = browser.post(
        f"{page}/print",
        {"annex": "4", "issuer": SENIOR, "number": number, "reason": REASON, "format": "pdf"},
        form=page,
    )
    assert printed.data.startswith(b"%PDF-")
    blank = browser.post(f"{page}/print", {"annex": "3", "format": "html"}, form=page)
    assert "退学申请表" in blank.text
    for wrong in ({"annex": "9"}, {"annex": "x"}, {"annex": "4", "case_id": "ca-none", "reason": REASON}):
        assert browser.post(f"{page}/print", dict(wrong), form=page).status_code in {404, 422}
    missing = browser.post(f"{page}/pupil", {"student_id": "st-none", "reason": REASON}, form=page)
    assert missing.status_code == 404


@pytest.mark.rule("A43-3")
def test_the_public_page_of_the_check_needs_no_sign_in_and_keeps_the_number_out_of_the_address(
    papers: Papers, house: CaseHouse
) -> None:
    browser = house.browser("junior")
    browser.client.delete_cookie("xueji")
    number = papers.key(JUNIOR_PUPIL, JUNIOR).number
    form = browser.get("/certificates/check")
    assert form.status_code == 200
    assert 'method="post"' in form.text
    assert form.text.index("证书核验") < form.text.index("Check a certificate")
    told = browser.post("/certificates/check", {"number": number}, form="/certificates/check")
    assert "尚未验印，未生效" in told.text
    student = papers.student(JUNIOR_PUPIL)
    assert f"{student.name[0]}**" in told.text
    assert student.name not in told.text
    unknown = browser.post("/certificates/check", {"number": "x"}, form="/certificates/check")
    assert "查无此证书" in unknown.text


@pytest.mark.rule("A43-3")
def test_voiding_over_the_page_and_over_the_api_leaves_the_certificate_listed(papers: Papers, house: CaseHouse) -> None:
    browser, number = house.browser("senior"), left_early(papers)
    done = browser.post("/office/papers/void", {"number": number, "reason": "打印有误"}, form="/office/papers")
    assert done.status_code == 302
    assert papers.lines(SENIOR_PUPIL, SENIOR)[0].status == "void"
    again = browser.post("/office/papers/void", {"number": number, "reason": "打印有误"}, form="/office/papers")
    assert again.status_code == 422
    proof = papers.key(JUNIOR_PUPIL, JUNIOR).number
    void = house.call("junior", "POST", "/v1/registry/certificates/void", {"number": proof, "reason": "填写有误"})
    assert (void.status_code, void.get_json()["status"]) == (200, "void")
    assert house.call(None, "POST", CHECK, {"number": proof}).get_json()["status"] == "void"
