"""Grounds through the HTTP API: boundary tests 27 and 28, held texts, scans and the register of disclosures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.app import create_app
from gateway.demo import approvals, people
from gateway.keyring import Face
from gateway.policies.ground_problems import TEXTS
from tests.factories import grounds as given
from tests.factories.api import Gateway, gateway

PROBLEM = "application/problem+json"
BASIS = f"/v1/legal-bases/{given.BASIS}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("grounds")) as found:
        yield found


def apply(world: Gateway, name: str = "textbook") -> str:
    body = people.application(name, date.today())  # noqa: DTZ011  checked in Shanghai time
    made = world.call("POST", "/v1/applications", body, token=world.person(people.APPLICATIONS[name]))
    assert made.status_code == 201, made.text
    return f"/v1/applications/{made.get_json()['id']}"


def problem(answer: TestResponse, status: int, name: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.mimetype == PROBLEM
    found: dict[str, Any] = answer.get_json()
    assert found["type"] == f"/problems/{name}"
    assert found["detail"]
    assert found["detail_zh"]
    return found


def approval(**changes: object) -> dict[str, object]:
    return {**people.government_approval(), **changes}


def upload(world: Gateway, path: str, content: bytes, who: str = "recorder", media: str = "application/pdf") -> Any:  # noqa: ANN401
    return world.web().post(
        f"{path}/scans",
        data={"file": (io.BytesIO(content), "scan.pdf", media)},
        content_type="multipart/form-data",
        headers={"Authorization": f"Bearer {world.person(who)}"},
        base_url=world.settings.public_url,
    )


def last_refusal(world: Gateway) -> dict[str, Any]:
    answer = world.call("GET", "/v1/audit/entries?outcome=refused&limit=1", token=world.person("inspector"))
    content: dict[str, Any] = answer.get_json()["items"][0]["content"]
    return content


@pytest.mark.rule("A50-5")
def test_boundary_27_nothing_is_decided_without_a_ground(world: Gateway) -> None:
    path = apply(world)
    told = problem(
        world.call("POST", f"{path}/decision", {"decision": "approve"}, token=world.person("approver")),
        422,
        "ground-refused",
    )
    assert (told["rule"], told["missing"]) == ("A50-5", ["ground"])
    refused = last_refusal(world)
    assert refused["facts"]["act"] == "decide_application"
    assert refused["facts"]["missing"] == ["ground"]


YESTERDAY = (date.today() - timedelta(days=2)).isoformat()  # noqa: DTZ011
BAD: list[tuple[dict[str, object], str]] = [
    ({"government": "太原市小店区北格镇人民政府", "division": "140105"}, "township"),
    ({"government": "太原市小店区坞城街道办事处", "division": "140105001"}, "township"),
    ({"government": "山西省教育厅"}, "education_department"),
    ({"government": "太原市教育局", "division": "140100"}, "education_department"),
    ({"government": "山西转型综合改革示范区管理委员会", "division": "140171"}, "zone"),
    ({"government": "太原市人民政府", "division": "140171"}, "zone"),
    ({"government": "中共山西省委办公厅"}, "party_organ"),
    ({"government": "山西省人民政府办公厅"}, "government_office"),
    ({"government": "山西省卫生健康委员会"}, "not_a_government"),
    ({"government": "太原市人民政府"}, "government_name"),
    ({"division": "149999"}, "division"),
    ({"government": "太原市人民政府", "division": "140100"}, "territory"),
    ({"government": "太原市小店区人民政府", "division": "140105"}, "territory"),
    ({"valid_to": YESTERDAY}, "expired"),
    ({"dated": "2199-01-01"}, "dated"),
    ({"document_number": ""}, "document_number"),
    ({"document_number": "88号"}, "document_number_form"),
    ({"document_number": "晋政函〔2199〕88号"}, "document_number_form"),
    ({"act": "office_document"}, "consent_not_stated"),
    ({"act": "minutes", "document_number": "第3次常务会议纪要"}, "meeting_date"),
    ({"act": "signed_sheet"}, "registration_number"),
    ({"signatory": ""}, "signatory"),
    ({"scope_text": " "}, "scope_text"),
    ({"scan_sha256": "ab"}, "scan"),
    ({"recipients": [people.BUS]}, "approved_recipient"),
    ({"purposes": ["school-bus"]}, "approved_purpose"),
    ({"levels": ["masked"]}, "approved_level"),
    ({"fields": ["name_masked"]}, "approved_fields"),
    ({"fields": ["grade", "shoe-size"]}, "approved_unknown"),
]


@pytest.mark.rule("A50-7")
@pytest.mark.parametrize(("changes", "code"), BAD, ids=[f"{code}-{n}" for n, (_, code) in enumerate(BAD)])
def test_boundary_28_an_approval_that_does_not_hold_is_refused_with_code_and_rule(
    world: Gateway, changes: dict[str, object], code: str
) -> None:
    path = PATHS.setdefault(id(world), apply(world))
    body = {"ground": approval(**changes)}
    told = problem(world.call("POST", f"{path}/basis", body, token=world.person("recorder")), 422, "ground-refused")
    assert code in told["missing"]
    assert told["rule"] == "A50-7"
    refused = last_refusal(world)
    assert (refused["kind"], refused["outcome"]) == ("application.refused_act", "refused")
    assert code in refused["facts"]["missing"]
    tried = world.call("POST", f"{path}/basis/trial", body, token=world.person("recorder")).get_json()
    assert tried["holds"] is False
    assert {one["code"] for one in tried["problems"]} == set(told["missing"])


PATHS: dict[int, str] = {}


@pytest.mark.rule("A50-7")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"act": "office_document", "government": "山西省人民政府办公厅", "states_consent": True},
        {"act": "office_document", "scope_text": "经省人民政府同意，提供年级统计所需数据。"},
        {"act": "minutes", "document_number": "第3次常务会议纪要", "meeting_date": YESTERDAY, "dated": YESTERDAY},
        {"act": "signed_sheet", "document_number": "晋政办登２０２６－００１５"},
        {"government": "国务院", "division": "000000"},
        {
            "fields": ["grade", "stage"],
            "levels": ["anonymous"],
            "recipients": [people.BOOKS],
            "purposes": ["textbook-order"],
            "population_text": "全省义务教育阶段学生",
        },
    ],
)
def test_each_kind_of_act_with_what_it_needs_is_taken(world: Gateway, changes: dict[str, object]) -> None:
    path = apply(world)
    body = {"ground": approval(**changes)}
    assert world.call("POST", f"{path}/basis/trial", body, token=world.person("recorder")).get_json() == {
        "holds": True, "problems": [],
    }  # fmt: skip
    answer = world.call("POST", f"{path}/basis", body, token=world.person("recorder"))
    assert answer.status_code == 200, answer.text
    kept = world.call("GET", f"{path}/basis", token=world.person("confirmer")).get_json()
    assert kept["ground"]["level"] == ("state" if changes.get("division") == "000000" else "province")
    assert kept["scan_held"] is False
    for name in ("fields", "levels", "recipients", "purposes", "population_text", "states_consent"):
        assert kept["ground"][name] == changes.get(name, kept["ground"][name])


def test_every_problem_of_an_approval_is_tried_through_the_api() -> None:
    tried = {code for _, code in BAD}
    of_approvals = {code for code, (rule, _, _) in TEXTS.items() if rule == "A50-7"}
    # the act is an enumeration of the API; 'validity' and 'scan_not_held' have tests of their own
    assert of_approvals - tried == {"act", "validity", "scan_not_held"}


@pytest.mark.rule("A50-7")
def test_the_first_day_must_lie_within_the_approval(world: Gateway) -> None:
    body = people.application("textbook", date.today() + timedelta(days=30))  # noqa: DTZ011
    made = world.call("POST", "/v1/applications", body, token=world.person("applicant-books"))
    path = f"/v1/applications/{made.get_json()['id']}"
    ground = approval(valid_to=(date.today() + timedelta(days=10)).isoformat())  # noqa: DTZ011
    told = problem(
        world.call("POST", f"{path}/basis", {"ground": ground}, token=world.person("recorder")), 422, "ground-refused"
    )
    assert told["missing"] == ["validity"]


@pytest.mark.rule("A50-6")
def test_a_law_is_unverified_until_one_attached_its_text_and_another_confirmed_it(world: Gateway) -> None:
    def status(who: str) -> dict[str, Any]:
        items = world.call("GET", "/v1/legal-bases", token=world.person(who)).get_json()["items"]
        found: dict[str, Any] = next(one for one in items if one["code"] == given.BASIS)
        return found

    statute = {
        "kind": "statute",
        "legal_basis": given.BASIS,
        "determined_on": YESTERDAY,
        "reasoning": "接收方受委托发行免费教科书，属于本条规定的情形。",
    }
    before = status("applicant-books")
    assert (before["status"], before["sha256"], before["in_force"]) == ("unverified", None, True)
    path = apply(world)
    told = problem(
        world.call("POST", f"{path}/basis", {"ground": statute}, token=world.person("recorder")), 422, "ground-refused"
    )
    assert (told["rule"], "text_unverified" in told["missing"]) == ("A50-6", True)
    text = {"text": given.ARTICLE, "source": "测试公报 2018 年第 1 号", "published_on": "2018-12-29"}
    for nobody in ("applicant-books", "approver", "inspector", "sysadmin"):
        problem(world.call("POST", f"{BASIS}/texts", text, token=world.person(nobody)), 403, "forbidden")
    short = {**text, "text": "没有条号的文字"}
    told = problem(world.call("POST", f"{BASIS}/texts", short, token=world.person("recorder")), 422, "text-refused")
    assert (told["missing"], told["rule"]) == (["text"], "A50-6")
    made = world.call("POST", f"{BASIS}/texts", text, token=world.person("recorder"))
    assert made.status_code == 201, made.text
    assert status("recorder")["pending"] == 1
    own = world.call("POST", f"{BASIS}/texts/1/confirmation", {}, token=world.person("recorder"))
    assert problem(own, 403, "forbidden")["missing"] == ["another_person"]
    wrong = {"sha256": "0" * 64}
    problem(
        world.call("POST", f"{BASIS}/texts/1/confirmation", wrong, token=world.person("confirmer")), 422, "text-refused"
    )
    right = {"sha256": made.get_json()["sha256"], "own_copy": f"　　{given.ARTICLE}\n"}
    done = world.call("POST", f"{BASIS}/texts/1/confirmation", right, token=world.person("confirmer"))
    assert (done.status_code, done.get_json()["state"]) == (200, "confirmed")
    after = status("applicant-books")
    assert (after["status"], after["sha256"]) == ("verified", made.get_json()["sha256"])
    recorded = world.call("POST", f"{path}/basis", {"ground": statute}, token=world.person("recorder"))
    if recorded.status_code != 200:  # the demo's scope asks for more than the article: that is told by name
        told = problem(recorded, 422, "ground-refused")
        assert told["missing"] == ["basis_fields"]
    for code, missing in (("ministry-notice", "legal_basis"), ("education-38", "text_unverified")):
        other = {**statute, "legal_basis": code}
        told = problem(
            world.call("POST", f"{path}/basis", {"ground": other}, token=world.person("recorder")),
            422 if recorded.status_code != 200 else 409,
            "ground-refused" if recorded.status_code != 200 else "wrong-state",
        )
        assert recorded.status_code == 200 or missing in told["missing"]
    retired = world.call("POST", f"{BASIS}/texts/1/retirement", {"reason": "已修改"}, token=world.person("approver"))
    assert retired.get_json()["state"] == "retired"
    assert status("recorder")["status"] == "unverified"
    detail = world.call("GET", BASIS, token=world.person("recorder")).get_json()
    assert [one["state"] for one in detail["texts"]] == ["retired"]
    problem(world.call("GET", "/v1/legal-bases/nothing", token=world.person("recorder")), 404, "not-found")


@pytest.mark.rule("A50-7")
def test_a_scan_is_handed_in_listed_read_by_officers_and_never_by_the_recipient(world: Gateway) -> None:
    path = apply(world)
    ground = people.government_approval()
    content = approvals.scan_of(ground)
    scan = upload(world, path, content)
    assert scan.status_code == 201, scan.text
    held = scan.get_json()
    assert held["sha256"] == people.sha256(content)
    assert upload(world, path, content, "confirmer").get_json()["id"] == held["id"]
    recorded = world.call(
        "POST", f"{path}/basis", {"ground": {**ground, "scan_sha256": held["sha256"]}}, token=world.person("recorder")
    )
    assert recorded.status_code == 200
    assert world.call("GET", f"{path}/basis", token=world.person("approver")).get_json()["scan_held"] is True
    for who in ("confirmer", "approver", "inspector"):
        read = world.call("GET", f"{path}/scans/{held['id']}/content", token=world.person(who))
        assert (read.status_code, read.data) == (200, content)
        assert read.headers["Content-Disposition"].startswith("attachment")
    entries = world.call("GET", "/v1/audit/entries?kind=scan.read&limit=10", token=world.person("inspector"))
    assert len(entries.get_json()["items"]) == 3
    for address in (f"{path}/scans", f"{path}/scans/{held['id']}/content"):
        problem(world.call("GET", address, token=world.person("applicant-books")), 403, "forbidden")
        assert world.call("GET", address, token=world.person("applicant-bus")).status_code == 404
        assert world.call("GET", address, token=world.client("books")).status_code in {403, 404}
    problem(upload(world, path, content, "applicant-books"), 403, "forbidden")
    problem(world.call("GET", f"{path}/scans/sc-none/content", token=world.person("approver")), 404, "not-found")


@pytest.mark.rule("A50-7")
@pytest.mark.parametrize(
    ("content", "media", "status", "name"),
    [
        (b"MZ\x90\x00", "application/pdf", 422, "scan-refused"),
        (given.PDF, "image/png", 422, "scan-refused"),
        (given.PDF, "text/html", 422, "scan-refused"),
        (b"", "application/pdf", 422, "scan-refused"),
    ],
)
def test_what_is_no_scan_is_refused(world: Gateway, content: bytes, media: str, status: int, name: str) -> None:
    path = PATHS.setdefault(id(world), apply(world))
    problem(upload(world, path, content, media=media), status, name)


def test_more_than_a_scan_may_have_is_not_even_read(world: Gateway) -> None:
    path = PATHS.setdefault(id(world), apply(world))
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
    answer = world.web().post(
        f"{path}/scans",
        data=head + bytes(22 << 20) + b"\r\n--x--\r\n",
        content_type="multipart/form-data; boundary=x",
        headers={"Authorization": f"Bearer {world.person('recorder')}"},
        base_url=world.settings.public_url,
    )
    assert (answer.status_code, answer.get_json()["type"]) == (413, "/problems/too-large")


def test_scans_and_disclosures_are_served_by_the_office_alone(world: Gateway) -> None:
    outside = create_app(replace(world.process.services, face=Face.OUTSIDE, scans=None, disclosures=None), testing=True)
    endpoints = {rule.endpoint for rule in outside.url_map.iter_rules()}
    assert not [one for one in endpoints if one.startswith(("grounds.", "disclosures.", "legal_texts."))]
    assert not [one for one in endpoints if one.startswith(("console.grounds.", "console.disclosures."))]
    assert "legal_bases.list_bases" in endpoints


def entry(**changes: object) -> dict[str, object]:
    return {
        "law": "中华人民共和国刑事诉讼法",
        "article": "第五十四条",
        "law_kind": "law",
        "body_kind": "police",
        "requesting_body": "示例市公安局",
        "recipient": "示例市公安局（承办民警）",
        "approver": "示例局分管副局长",
        "executor": "示例局学籍科科长",
        "fields": ["name", "id_number"],
        "pupils": "1",
        "handed_over_on": YESTERDAY,
        "document_number": "示公（刑）调证字[2026]12号",
        "delivery_form": "paper",
        **changes,
    }


@pytest.mark.rule("A50-8")
def test_a_disclosure_is_registered_corrected_and_read_by_those_who_may(world: Gateway) -> None:
    made = world.call("POST", "/v1/disclosures", entry(), token=world.person("recorder"))
    assert made.status_code == 201, made.text
    first = made.get_json()
    assert first["document_number"] == "示公（刑）调证字[2026]12号"
    lacking = entry(corrects=first["id"])
    told = problem(
        world.call("POST", "/v1/disclosures", lacking, token=world.person("recorder")), 422, "disclosure-refused"
    )
    assert told["missing"] == ["correction_reason"]
    better = entry(corrects=first["id"], correction_reason="人数有误", pupils="2-9")
    second = world.call("POST", "/v1/disclosures", better, token=world.person("confirmer")).get_json()
    shown = world.call("GET", f"/v1/disclosures/{first['id']}", token=world.person("approver")).get_json()
    assert (shown["pupils"], shown["corrected_by"]) == ("1", second["id"])
    problem(world.call("POST", "/v1/disclosures", better, token=world.person("recorder")), 409, "conflict")
    items = world.call("GET", "/v1/disclosures", token=world.person("inspector")).get_json()["items"]
    assert [one["id"] for one in items] == [second["id"], first["id"]]
    for nobody in ("applicant-books", "executor", "secadmin"):
        problem(world.call("GET", "/v1/disclosures", token=world.person(nobody)), 403, "forbidden")
        problem(world.call("POST", "/v1/disclosures", entry(), token=world.person(nobody)), 403, "forbidden")


@pytest.mark.rule("A50-8")
def test_a_number_of_a_person_is_refused_and_repeated_nowhere(world: Gateway) -> None:
    number = "140105199001011234"
    for changes in ({"remarks": f"学生证件 {number}"}, {"recipient": f"民警 {number}"}, {"document_number": number}):
        answer = world.call("POST", "/v1/disclosures", entry(**changes), token=world.person("recorder"))
        told = problem(answer, 422, "disclosure-refused")
        assert told["missing"] == list(changes)
        assert number not in answer.text
        assert number not in str(last_refusal(world))
    answer = world.call("POST", "/v1/disclosures", entry(fields=["name", number]), token=world.person("recorder"))
    assert number not in answer.text
