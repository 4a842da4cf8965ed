"""The pages of the registry's procedures: to do, cases, a new case, one case, pupils and their histories."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest

from core_registry.domain.procedures import PROCEDURES
from gateway.csp import CSP
from tests.contract.test_console_pages import Outline
from tests.factories.case_house import (
    ID_NUMBER,
    NAME,
    OTHER_PUPIL,
    PDF,
    PUPIL,
    RECEIVING_SCHOOL,
    CaseHouse,
    open_case_house,
    registry,
)
from tests.factories.cases import PRIMARY_SCHOOL
from tests.factories.console_house import Browser
from tests.factories.fake_cases import started

FORBIDDEN_WORDS = ("专门学校", "专门教育")
_HIDDEN = re.compile(r'<input type="hidden" name="(key|proof)" value="([^"]+)"')


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaseHouse]:
    with open_case_house(tmp_path_factory.mktemp("pages")) as found:
        yield found


@pytest.fixture(scope="module")
def school(world: CaseHouse) -> Browser:
    return world.browser("school")


@pytest.fixture(scope="module")
def county(world: CaseHouse) -> Browser:
    return world.browser("county")


@pytest.fixture
def house(world: CaseHouse) -> CaseHouse:
    """Return the house with a fresh registry, so that people need not sign in anew for each test."""
    world.store.__dict__.update(registry().__dict__)
    world.at(started())
    return world


def fields(**changes: object) -> dict[str, object]:
    """Return the form of a suspension as it is typed."""
    return {
        "kind": "suspension", "student_id": PUPIL, "version": "1", "school": PRIMARY_SCHOOL, "key": "form-key-000001",
        "on": "2026-09-08", "applied_on": "2026-09-07", "v-from": "2026-09-08", "v-until": "2027-03-08",
        "v-ground": "illness", "v-hours_total": "600", "v-hours_lost": "200", "v-reason": "住院治疗", **changes,
    }  # fmt: skip


def with_files(**changes: object) -> dict[str, object]:
    """Return the form with both proofs."""
    return fields(
        **{
            "file-0": (BytesIO(PDF), "a.pdf", "application/pdf"), "proves-0": "annex-2", "issuer-0": "guardian",
            "file-1": (BytesIO(PDF + b"2"), "b.pdf", "application/pdf"), "proves-1": "hospital-record",
            "issuer-1": "hospital", "level-1": "county", "issued-1": "2026-09-06", **changes,
        }
    )  # fmt: skip


def send(browser: Browser, form: dict[str, object]) -> Any:  # noqa: ANN401
    return browser.post("/office/cases/draft", form, content_type="multipart/form-data")


def opened(browser: Browser, **changes: object) -> str:
    """Open a suspension; return its address."""
    answer = send(browser, with_files(act="open", **changes))
    assert answer.status_code == 302, answer.text
    return str(answer.headers["Location"])


def keeps_its_promises(answer: Any) -> None:  # noqa: ANN401
    outline = Outline(answer.text)
    assert answer.mimetype == "text/html"
    assert answer.headers["Content-Security-Policy"] == CSP
    assert outline.inline == []
    assert outline.lang == "zh-Hans"
    assert outline.headings == 1
    assert outline.unlabelled == []
    assert outline.open_forms == []
    assert not any(word in answer.text for word in FORBIDDEN_WORDS)


def test_the_pages_keep_the_promises_of_every_page(house: CaseHouse, school: Browser) -> None:
    address = opened(school)
    pages = [
        school.get(path)
        for path in (
            "/office/work", "/office/work?mine=yes", "/office/cases", "/office/cases?status=open&kind=suspension",
            "/office/cases/new", "/office/pupils", address,
        )
    ]  # fmt: skip
    pages.append(school.post("/office/cases/new", {"student_id": PUPIL, "version": "1", "state": "active"}))
    pages.append(school.post("/office/history", {"student_id": PUPIL, "reason": "核对"}))
    pages += [send(school, {"kind": kind, "student_id": PUPIL}) for kind in PROCEDURES]
    for answer in pages:
        assert answer.status_code == 200, answer.text
        keeps_its_promises(answer)
    assert house.store.reads


def test_every_value_of_every_procedure_has_its_place_in_the_form(house: CaseHouse, school: Browser) -> None:
    for kind, procedure in PROCEDURES.items():
        text = send(school, {"kind": kind, "student_id": PUPIL}).text
        for spec in procedure.fields:
            assert f'name="v-{spec.name}"' in text, (kind, spec.name)
            assert spec.zh in html.unescape(text)
            for zh, _en in spec.choices.values():
                assert zh in html.unescape(text), (kind, spec.name)
    assert house.store.pupils


def test_a_try_says_what_is_missing_and_writes_nothing(house: CaseHouse, school: Browser) -> None:
    answer = send(school, fields(act="try", **{"v-hours_lost": "199"}))
    assert answer.status_code == 200
    assert "暂不能办理" in answer.text
    assert "缺少：县级以上医院的病历" in answer.text
    assert "至少 200 课时" in answer.text
    assert "A27-1" in answer.text
    assert 'value="199"' in answer.text  # what was typed is kept
    assert house.call("school", "GET", "/v1/registry/cases").get_json()["items"] == []


def test_files_stay_with_the_form_from_one_sending_to_the_next(house: CaseHouse, school: Browser) -> None:
    answer = send(school, with_files(act="try"))
    assert "可以办理，尚未提交" in answer.text
    kept = [value for name, value in _HIDDEN.findall(answer.text) if name == "proof"]
    assert [value.split("|")[1] for value in kept] == ["annex-2", "hospital-record"]
    done = send(school, fields(act="open", proof=kept))
    assert done.status_code == 302
    assert "业务已受理" in school.get(done.headers["Location"]).text
    case = house.call("school", "GET", f"/v1{done.headers['Location'].replace('office', 'registry')}").get_json()
    assert len(case["evidence"]) == 2


def test_a_form_sent_twice_opens_one_case(house: CaseHouse, school: Browser) -> None:
    assert opened(school) == opened(school)
    assert len(house.call("school", "GET", "/v1/registry/cases").get_json()["items"]) == 1


def test_each_new_form_has_a_key_of_its_own(house: CaseHouse, school: Browser) -> None:
    first, second = (send(school, {"kind": "suspension", "student_id": PUPIL}).text for _ in range(2))
    keys = {dict(_HIDDEN.findall(text))["key"] for text in (first, second)}
    assert len(keys) == 2
    assert house.store.pupils


def test_values_that_do_not_fit_are_told_beside_their_field(house: CaseHouse, school: Browser) -> None:
    answer = send(school, fields(act="try", **{"v-from": "soon", "v-until": ""}))
    assert answer.status_code == 422
    assert "休学起日：日期格式应为" in answer.text
    assert "休学止日：必填" in answer.text
    assert answer.text.count('aria-invalid="true"') == 2
    assert house.store.pupils


def test_a_case_shows_its_course_with_parties_last_days_and_rules(house: CaseHouse, school: Browser) -> None:
    text = school.get(opened(school)).text
    for word in ("监护人", "确认", "核准", "上级学籍管理部门", "小店区", "规则核对", "A28-3", "医院病历"):
        assert word in text, word
    assert "由本单位办理" not in text  # it waits for the county
    assert house.store.pupils


def test_the_unit_whose_turn_it_is_decides_with_the_version_it_saw(
    house: CaseHouse, school: Browser, county: Browser
) -> None:
    address = opened(school)
    page = county.get(address).text
    assert "由本单位办理：核准" in page
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version is not None
    form: dict[str, object] = {"step": "review", "version": version.group(1), "decision": "agree", "note": "同意休学"}
    assert county.post(f"{address}/decision", form).status_code == 302
    done = county.get(address).text
    assert "已办结" in done
    assert "同意休学" in done
    life = school.post("/office/history", {"student_id": PUPIL, "reason": "核对"}).text
    assert "在籍 → 休学" in life
    assert "疾病治疗、休养" in life
    assert house.account("county") in life


@pytest.mark.rule("S-4")
def test_who_comes_late_is_told_who_changed_the_case_and_sees_it_as_it_is(
    house: CaseHouse, school: Browser, county: Browser
) -> None:
    address = opened(school)
    assert school.post(f"{address}/withdrawal", {"version": "1", "note": "家长撤回"}).status_code == 302
    late = county.post(f"{address}/decision", {"step": "review", "version": "1", "decision": "agree", "note": "好"})
    assert late.status_code == 409
    assert house.account("school") in late.text
    assert "已撤回" in late.text
    keeps_its_promises(late)


def test_a_refusal_without_a_reason_is_not_taken(house: CaseHouse, school: Browser, county: Browser) -> None:
    address = opened(school)
    form: dict[str, object] = {"step": "review", "version": "1", "decision": "refuse", "note": ""}
    answer = county.post(f"{address}/decision", form)
    assert answer.status_code == 422
    assert "不予办理应当说明理由" in answer.text
    assert county.post(f"{address}/decision", {**form, "note": "材料不清"}).status_code == 302
    assert "材料不清" in school.get(address).text
    assert house.store.pupils


def test_work_shows_what_is_overdue_and_is_taken_by_a_person(house: CaseHouse, school: Browser) -> None:
    proof = house.evidence("receiving", "household-proof", "police", "county")
    body = {
        "kind": "transfer", "school": RECEIVING_SCHOOL, "on": "2026-09-08", "applied_on": "2026-09-08",
        "student_id": OTHER_PUPIL, "evidence": [proof], "key": "key-00000001",
        "values": {"ground": "household-move", "grade": "14", "class_name": "2班", "conditions_met": True},
    }  # fmt: skip
    made = house.call("receiving", "POST", "/v1/registry/cases", body)
    assert made.status_code == 201, made.text
    house.at(started() + timedelta(days=30))
    text = school.get("/office/work").text
    assert "已超期" in text
    assert "2026-09-21" in text
    assert "work-overdue" in text
    form = {"source": "case", "item": made.get_json()["id"], "take": "yes"}
    assert school.post("/office/work", form).status_code == 302
    assert house.account("school") in school.get("/office/work?mine=yes").text
    assert school.post("/office/work", {**form, "take": ""}).status_code == 302
    assert "没有待办事项" in school.get("/office/work?mine=yes").text


@pytest.mark.rule("A16-2")
def test_a_pupil_of_another_school_is_found_by_number_and_name_together(house: CaseHouse) -> None:
    browser = house.browser("receiving")
    form: dict[str, object] = {"id_number": ID_NUMBER, "name": NAME, "reason": "转入"}
    found = browser.post("/office/pupils", form)
    assert "办理业务" in found.text
    assert PUPIL in found.text
    wrong = browser.post("/office/pupils", {**form, "name": "张大明"})
    assert wrong.status_code == 404
    assert PUPIL not in wrong.text
    assert browser.post("/office/pupils", {**form, "reason": ID_NUMBER}).status_code == 422
    nobody = browser.post("/office/pupils", {**form, "name": ""})
    assert "没有该学生" in nobody.text


@pytest.mark.rule("A50-4")
def test_a_history_is_read_by_a_form_for_a_reason_and_by_its_own_school(house: CaseHouse, school: Browser) -> None:
    assert school.post("/office/history", {"student_id": PUPIL, "reason": " "}).status_code == 422
    assert ("history", PUPIL, house.account("school")) not in house.store.reads
    assert school.post("/office/history", {"student_id": PUPIL, "reason": "核对"}).status_code == 200
    assert ("history", PUPIL, house.account("school")) in house.store.reads
    stranger = house.browser("receiving").post("/office/history", {"student_id": PUPIL, "reason": "核对"})
    assert stranger.status_code == 404


def test_evidence_is_saved_and_never_shown(house: CaseHouse, school: Browser, county: Browser) -> None:
    page = county.get(opened(school)).text
    link = re.search(r'href="(/office/evidence/[^"]+)"', page)
    assert link is not None
    answer = county.get(link.group(1))
    assert answer.data.startswith(b"%PDF")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert house.browser("other-county").get(link.group(1)).status_code == 404


def test_another_unit_finds_no_such_case(house: CaseHouse, school: Browser) -> None:
    address = opened(school)
    other = house.browser("other-county")
    assert other.get(address).status_code == 404
    assert other.get("/office/cases/ca-nothing").status_code == 404


def test_the_menu_and_the_pages_are_for_the_registry_line_only(house: CaseHouse) -> None:
    registrar, officer = house.browser("head"), house.browser("recorder")
    for path in ("/office/work", "/office/cases", "/office/pupils"):
        assert f'href="{path}"' in registrar.get("/").text
        assert f'href="{path}"' not in officer.get("/").text
        assert officer.get(path).status_code == 403


def test_a_department_grants_an_exception_from_a_principle_and_a_school_is_not_asked_to(house: CaseHouse) -> None:
    house.at(started() + timedelta(days=42))
    form: dict[str, object] = {
        "kind": "transfer", "student_id": PUPIL, "version": "1", "school": RECEIVING_SCHOOL, "act": "try",
        "on": "2026-10-20", "applied_on": "2026-10-20", "v-ground": "household-move", "v-grade": "14",
        "v-class_name": "2班", "v-conditions_met": "true",
        "file-0": (BytesIO(PDF), "a.pdf", "application/pdf"), "proves-0": "household-proof", "issuer-0": "police",
        "level-0": "county",
    }  # fmt: skip
    text = send(house.browser("receiving"), dict(form)).text
    assert "原则上不予，可报批例外" in text
    assert "请联系" in text
    assert "市级教育行政部门" in text
    assert "批准例外 A16-1" not in text
