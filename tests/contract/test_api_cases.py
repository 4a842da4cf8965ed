"""The API of the registry's procedures: procedures, explanations, cases, evidence, work, histories, exceptions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest

from core_registry.cases.records import Draft
from core_registry.domain.cases import Actor
from core_registry.domain.procedures import PROCEDURES
from core_registry.domain.requests import ValueSpec
from core_registry.errors import RegistryError
from gateway.keyring import Face
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
from tests.factories.fake_cases import started

FORBIDDEN_WORDS = ("专门学校", "专门教育")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaseHouse]:
    with open_case_house(tmp_path_factory.mktemp("cases")) as found:
        yield found


@pytest.fixture
def house(world: CaseHouse) -> CaseHouse:
    """Return the house with a fresh registry; opening accounts anew for each test would take too long."""
    fresh = registry()
    world.store.__dict__.update(fresh.__dict__)
    world.at(started())
    return world


def _open(house: CaseHouse, key: str = "key-00000001", **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = house.call("school", "POST", "/v1/registry/cases", {**house.suspension(**changes), "key": key})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_every_procedure_is_listed_with_what_it_takes_and_who_opens_it(house: CaseHouse) -> None:
    answer = house.call("head", "GET", "/v1/registry/procedures")
    assert answer.status_code == 200
    told = answer.get_json()
    assert {one["kind"] for one in told["items"]} == set(PROCEDURES)
    suspension = next(one for one in told["items"] if one["kind"] == "suspension")
    assert {one["name"] for one in suspension["values"]} >= {"from", "until", "ground"}
    ground = next(one for one in suspension["values"] if one["name"] == "ground")
    assert {one["code"] for one in ground["choices"]} == {"illness", "force-majeure", "infectious"}
    assert {one["party"] for one in suspension["opened_by"]} == {"guardian", "school"}
    assert "hospital-record" in {one["code"] for one in told["evidence_kinds"]}
    assert not any(word in answer.text for word in FORBIDDEN_WORDS)


def test_an_explanation_says_for_each_rule_what_is_needed_and_whom_to_ask(house: CaseHouse) -> None:
    draft = house.suspension(evidence=[])
    draft["values"] = {**draft["values"], "hours_lost": 199}
    answer = house.call("school", "POST", "/v1/registry/explanations", draft)
    assert answer.status_code == 200, answer.text
    told = answer.get_json()
    assert told["accepted"] is False
    failed = {one["rule"]: one for one in told["results"] if one["status"] == "failed"}
    assert {"A27-1", "A28-1", "A28-2"} <= set(failed)
    assert failed["A28-2"]["evidence"] == "hospital-record"
    assert failed["A28-2"]["ask"] == "guardian"
    assert failed["A28-2"]["ask_zh"] == "监护人"
    assert failed["A27-1"]["needed"]
    assert house.call("school", "POST", "/v1/registry/explanations", house.suspension()).get_json()["accepted"]
    assert house.call("school", "GET", "/v1/registry/cases").get_json()["items"] == []


@pytest.mark.rule("A7-1", "A28-3", "S-4")
def test_a_case_goes_from_the_school_to_its_superior_and_changes_the_record(house: CaseHouse) -> None:
    case = _open(house)
    assert case["status"] == "open"
    assert [one["state"] for one in case["steps"]] == ["agreed", "agreed", "waiting"]
    assert [one["act_zh"] for one in case["steps"]] == ["申请", "确认", "核准"]
    assert len(case["evidence"]) == 2
    path = f"/v1/registry/cases/{case['id']}"
    read = house.call("county", "GET", path)
    assert read.headers["ETag"] == f'"{case["version"]}"'
    decided = house.call(
        "county", "POST", f"{path}/decisions", {"step": "review", "decision": "agree", "version": case["version"]}
    )
    assert decided.status_code == 200, decided.text
    assert decided.get_json()["status"] == "completed"
    assert decided.headers["ETag"] == f'"{decided.get_json()["version"]}"'
    life = house.call("school", "GET", f"/v1/registry/students/{PUPIL}/history?reason=核对").get_json()
    assert life["state"] == "suspended"
    assert [one["after"] for one in life["transitions"]] == ["suspended"]
    assert life["transitions"][0]["actor"] == house.account("county")
    assert len(life["transitions"][0]["evidence"]) == 2
    assert life["memberships"][0]["school"] == PRIMARY_SCHOOL


def test_a_refusal_carries_the_results_of_all_rules(house: CaseHouse) -> None:
    draft = {**house.suspension(evidence=[]), "key": "key-00000002"}
    answer = house.call("school", "POST", "/v1/registry/cases", draft)
    assert answer.status_code == 422
    told = answer.get_json()
    assert told["type"] == "/problems/case-refused"
    assert {one["rule"] for one in told["results"] if one["status"] == "failed"} >= {"A28-1", "A28-2", "A7-1"}
    assert {one["rule"] for one in told["results"] if one["status"] == "passed"}
    members = {"rule", "status", "title", "title_zh", "needed", "needed_zh", "ask", "ask_zh", "evidence"}
    assert all(set(one) == members for one in told["results"])


def test_values_that_do_not_fit_are_named_one_by_one(house: CaseHouse) -> None:
    draft = house.suspension()
    draft["values"] = {"from": "soon", "ground": "boredom", "colour": "red"}
    told = house.call("school", "POST", "/v1/registry/explanations", draft)
    assert told.status_code == 422
    assert told.get_json()["type"] == "/problems/invalid-values"
    pointers = {one["pointer"] for one in told.get_json()["errors"]}
    assert pointers >= {"#/values/from", "#/values/ground", "#/values/colour", "#/values/until"}
    assert "boredom" not in told.text


def test_the_same_key_gives_the_same_case_and_changes_nothing(house: CaseHouse) -> None:
    first = _open(house)
    again = house.call("school", "POST", "/v1/registry/cases", {**house.suspension(), "key": "key-00000001"})
    assert again.status_code == 201
    assert again.get_json()["id"] == first["id"]
    assert len(house.call("school", "GET", "/v1/registry/cases").get_json()["items"]) == 1


@pytest.mark.rule("S-4")
def test_of_two_who_act_at_once_the_second_is_told_by_whom_it_changed(house: CaseHouse) -> None:
    case = _open(house)
    body = {"step": "review", "decision": "agree", "version": case["version"]}
    path = f"/v1/registry/cases/{case['id']}"
    assert house.call("school", "POST", f"{path}/withdrawal", {"version": case["version"]}).status_code == 200
    late = house.call("county", "POST", f"{path}/decisions", body)
    assert late.status_code == 409
    assert late.get_json()["type"] == "/problems/case-stale"
    assert house.account("school") in late.get_json()["detail_zh"]


def test_a_stale_record_is_refused_at_the_opening(house: CaseHouse) -> None:
    draft = {**house.suspension(version=99), "key": "key-00000003"}
    assert house.call("school", "POST", "/v1/registry/cases", draft).get_json()["type"] == "/problems/case-stale"


@pytest.mark.rule("A3-2")
def test_another_unit_neither_decides_nor_sees_a_case(house: CaseHouse) -> None:
    case = _open(house)
    path = f"/v1/registry/cases/{case['id']}"
    body = {"step": "review", "decision": "agree", "version": case["version"]}
    wrong = house.call("school", "POST", f"{path}/decisions", body)
    assert (wrong.status_code, wrong.get_json()["rule"]) == (422, "A28-3")
    strange = house.call("other-county", "GET", path)
    unknown = house.call("other-county", "GET", "/v1/registry/cases/ca-nothing")
    assert strange.status_code == unknown.status_code == 404
    assert strange.get_json() == unknown.get_json()
    assert house.call("other-county", "GET", "/v1/registry/cases").get_json()["items"] == []


def test_a_refusal_needs_a_reason_and_ends_the_case(house: CaseHouse) -> None:
    case = _open(house)
    path = f"/v1/registry/cases/{case['id']}/decisions"
    body = {"step": "review", "decision": "refuse", "version": case["version"]}
    assert house.call("county", "POST", path, body).get_json()["rule"] == "A28-3"
    answer = house.call("county", "POST", path, {**body, "note": "材料不清"})
    assert answer.get_json()["status"] == "refused"
    assert answer.get_json()["steps"][-1]["note"] == "材料不清"


@pytest.mark.rule("A16-2")
def test_a_transfer_is_started_by_the_receiving_school_which_finds_the_pupil_by_number_and_name(
    house: CaseHouse,
) -> None:
    wrong = {"id_number": ID_NUMBER, "name": "张大明", "reason": "转入"}
    refused = house.call("receiving", "POST", "/v1/registry/students/locations", wrong)
    assert refused.status_code == 404
    found = house.call("receiving", "POST", "/v1/registry/students/locations", {**wrong, "name": NAME})
    assert found.status_code == 200, found.text
    assert found.get_json()["student_id"] == PUPIL
    assert NAME not in found.text
    assert ID_NUMBER not in found.text
    assert len([one for one in house.store.reads if one[0] == "locate"]) == 2
    proof = house.evidence("receiving", "household-proof", "police", "county")
    body = {
        "kind": "transfer", "school": RECEIVING_SCHOOL, "on": "2026-09-08", "applied_on": "2026-09-08",
        "student_id": PUPIL, "version": found.get_json()["version"], "evidence": [proof], "key": "key-00000004",
        "values": {"ground": "household-move", "grade": "14", "class_name": "2班", "conditions_met": True},
    }  # fmt: skip
    started_by_sending = house.call("school", "POST", "/v1/registry/cases", {**body, "key": "key-00000005"})
    assert started_by_sending.status_code == 422
    answer = house.call("receiving", "POST", "/v1/registry/cases", body)
    assert answer.status_code == 201, answer.text
    waiting = [one for one in answer.get_json()["steps"] if one["state"] == "waiting"]
    assert [(one["unit"], one["due"]) for one in waiting] == [
        (PRIMARY_SCHOOL, "2026-09-21")
    ]  # the Sunday before is worked


def test_work_is_listed_with_its_counts_and_can_be_given_to_a_person(house: CaseHouse) -> None:
    case = _open(house)
    work = house.call("county", "GET", "/v1/registry/work").get_json()
    assert (work["total"], work["overdue"]) == (1, 0)
    assert work["items"][0]["id"] == case["id"]
    assert work["items"][0]["assignee"] is None
    given = {"source": "case", "id": case["id"], "account": house.account("county")}
    assert house.call("county", "POST", "/v1/registry/work/assignments", given).status_code == 204
    assert house.call("county", "GET", "/v1/registry/work?mine=true").get_json()["total"] == 1
    assert house.call("other-county", "POST", "/v1/registry/work/assignments", given).status_code == 404
    assert house.call("school", "GET", "/v1/registry/work").get_json()["total"] == 0


def test_evidence_is_read_by_the_parties_of_its_case_only_and_never_shown_inside_a_page(house: CaseHouse) -> None:
    case = _open(house)
    item = case["evidence"][0]["id"]
    path = f"/v1/registry/evidence/{item}/content"
    answer = house.call("county", "GET", path)
    assert answer.data == PDF
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert ("evidence", item, house.account("county")) in house.store.reads
    assert house.call("other-county", "GET", path).status_code == 404


def test_a_file_that_is_not_what_it_says_is_refused(house: CaseHouse) -> None:
    for media_type, content in (("application/pdf", b"MZ..."), ("text/html", b"<script>")):
        answer = house.call(
            "school",
            "POST",
            "/v1/registry/evidence",
            data={"kind": "annex-2", "file": (BytesIO(content), "x", media_type)},
            content_type="multipart/form-data",
        )
        assert (answer.status_code, answer.get_json()["type"]) == (422, "/problems/evidence-refused")


def test_cases_are_listed_newest_first_page_by_page(house: CaseHouse) -> None:
    first = _open(house)
    second = _open(house, "key-00000006", student_id=OTHER_PUPIL)
    page = house.call("county", "GET", "/v1/registry/cases?limit=1").get_json()
    assert [one["id"] for one in page["items"]] == [second["id"]]
    rest = house.call("county", "GET", f"/v1/registry/cases?limit=5&after={page['next_after']}").get_json()
    assert [one["id"] for one in rest["items"]] == [first["id"]]
    assert rest["next_after"] is None
    assert house.call("county", "GET", "/v1/registry/cases?status=completed").get_json()["items"] == []


def test_a_history_is_read_for_a_reason_without_numbers_and_by_who_may_know_of_the_pupil(house: CaseHouse) -> None:
    path = f"/v1/registry/students/{PUPIL}/history"
    assert house.call("school", "GET", path).status_code == 422
    assert house.call("school", "GET", f"{path}?reason={ID_NUMBER}").get_json()["rule"] == "A50-4"
    assert house.call("school", "GET", f"{path}?reason=核对").status_code == 200
    assert house.call("receiving", "GET", f"{path}?reason=核对").status_code == 404


@pytest.mark.rule("A16-1")
def test_a_principle_opens_by_an_exception_of_the_level_it_names_and_a_strict_rule_never(house: CaseHouse) -> None:
    house.at(datetime(2026, 10, 20, 2, 0, tzinfo=UTC))
    draft: dict[str, Any] = {
        "kind": "transfer", "school": RECEIVING_SCHOOL, "on": "2026-10-20", "applied_on": "2026-10-20",
        "student_id": PUPIL, "evidence": [house.evidence("receiving", "household-proof", "police", "county")],
        "values": {"ground": "household-move", "grade": "14", "class_name": "2班", "conditions_met": True},
    }  # fmt: skip
    told = house.call("receiving", "POST", "/v1/registry/explanations", draft).get_json()
    late = next(one for one in told["results"] if one["rule"] == "A16-1")
    assert (late["status"], late["ask"]) == ("exception_possible", "edu-city")
    body = {"rule": "A16-1", "draft": draft, "reason": "父母工作调动", "evidence": draft["evidence"][0]}
    assert house.call("other-county", "POST", "/v1/registry/exceptions", body).get_json()["rule"] == "A16-1"
    strict = house.call("other-county", "POST", "/v1/registry/exceptions", {**body, "rule": "A20-5"})
    assert strict.status_code == 422
    assert "强制" in strict.get_json()["detail_zh"]


@pytest.mark.rule("A48-3")
def test_a_registrar_without_training_has_no_rights_at_the_desk(house: CaseHouse) -> None:
    house.store.untrained.add(house.account("school"))
    answer = house.call("school", "POST", "/v1/registry/explanations", house_draft())
    assert (answer.status_code, answer.get_json()["rule"]) == (422, "A48-3")


def house_draft() -> dict[str, Any]:
    return {
        "kind": "suspension", "school": PRIMARY_SCHOOL, "on": "2026-09-08", "applied_on": "2026-09-07",
        "student_id": PUPIL, "evidence": [],
        "values": {
            "from": "2026-09-08", "until": "2027-03-08", "ground": "force-majeure", "reason": "家中变故",
        },
    }  # fmt: skip


def test_a_data_officer_has_no_business_at_the_desk(house: CaseHouse) -> None:
    for method, path, body in (
        ("GET", "/v1/registry/procedures", None),
        ("GET", "/v1/registry/cases", None),
        ("GET", "/v1/registry/work", None),
        ("POST", "/v1/registry/explanations", house_draft()),
    ):
        answer = house.call("recorder", method, path, body)
        assert answer.status_code == 403, path


@pytest.mark.parametrize("day", ["0001-01-01", "1979-12-31", "2100-01-01", "9999-12-31"])
def test_a_day_outside_living_memory_is_refused_and_breaks_nothing(house: CaseHouse, day: str) -> None:
    assert house.call("school", "POST", "/v1/registry/explanations", {**house_draft(), "on": day}).status_code == 422
    draft = house_draft()
    draft["values"] = {**draft["values"], "until": day}
    answer = house.call("school", "POST", "/v1/registry/explanations", draft)
    assert answer.status_code in {200, 422}
    assert day == "1979-12-31" or answer.status_code == 422 or day == "2100-01-01"


def test_no_value_breaks_a_procedure(house: CaseHouse) -> None:
    actor = Actor(house.account("school"), PRIMARY_SCHOOL, "registrar")
    odd: tuple[object, ...] = (0, 10**9, True, "", "x" * 200, "2026-02-30", "99")
    days = (date(2026, 9, 8), date(2199, 12, 31), date(1900, 1, 1))
    tried = 0
    for kind, procedure in PROCEDURES.items():
        drawn: list[dict[str, object]] = [{spec.name: value for spec in procedure.fields} for value in odd]
        drawn += [
            {spec.name: _fitting(spec, day, number) for spec in procedure.fields}
            for day in days
            for number in (0, 1, 10**9)
        ]
        for values in drawn:
            for school in (PRIMARY_SCHOOL, RECEIVING_SCHOOL):
                draft = Draft(kind, school, date(2026, 9, 8), date(2026, 9, 7), PUPIL, values)
                for ask in (house.desk.explain, house.desk.open):
                    try:
                        ask(draft, actor)
                        tried += 1
                    except RegistryError as error:
                        told = f"{error.detail} {error.detail_zh}"
                        assert not any(word in told for word in FORBIDDEN_WORDS)
    assert tried > len(PROCEDURES)


def _fitting(spec: ValueSpec, day: date, number: int) -> object:
    plain: dict[str, object] = {
        "date": day, "integer": number, "boolean": True, "school": RECEIVING_SCHOOL, "division": "140106",
        "grade": "14", "text": "1",
    }  # fmt: skip
    return next(iter(spec.choices)) if spec.choices else plain[spec.kind.value]


def test_due_work_is_overdue_after_its_last_day(house: CaseHouse) -> None:
    proof = house.evidence("receiving", "household-proof", "police", "county")
    body = {
        "kind": "transfer", "school": RECEIVING_SCHOOL, "on": "2026-09-08", "applied_on": "2026-09-08",
        "student_id": PUPIL, "evidence": [proof], "key": "key-00000007",
        "values": {"ground": "household-move", "grade": "14", "class_name": "2班", "conditions_met": True},
    }  # fmt: skip
    assert house.call("receiving", "POST", "/v1/registry/cases", body).status_code == 201
    house.at(datetime(2026, 9, 21, 15, 59, tzinfo=UTC))
    assert house.call("school", "GET", "/v1/registry/work").get_json()["overdue"] == 0
    house.at(datetime(2026, 9, 21, 15, 59, tzinfo=UTC) + timedelta(minutes=1))
    work = house.call("school", "GET", "/v1/registry/work").get_json()
    assert (work["overdue"], work["items"][0]["state"]) == (1, "overdue")


def test_the_description_names_every_member_of_a_result(house: CaseHouse) -> None:
    document = house.call(None, "GET", "/openapi.json").get_json()
    problem = document["components"]["schemas"]["Problem"]["properties"]["results"]["items"]["properties"]
    assert set(problem) == set(document["components"]["schemas"]["RuleResultOut"]["properties"])
    assert not any(word in json.dumps(document, ensure_ascii=False) for word in FORBIDDEN_WORDS)
    assert house.process.services.face is Face.ALL
