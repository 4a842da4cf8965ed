"""Pages of grounds: the form with what is missing, texts compared and confirmed, scans, the register of disclosures."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest

from gateway.console.comparison import MAX_COMPARED, compare
from gateway.policies.scope import civil_date
from tests.contract.test_console_pages import Outline
from tests.factories import grounds as given
from tests.factories.console_house import House, application_form, ground_form, open_house

LAW = f"/legal-bases/{given.BASIS}"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("house")) as found:
        yield found


def submitted(house: House) -> str:
    made = house.browser("applicant").post("/applications/new", application_form(house, act="submit"))
    assert made.status_code == 302, made.text
    return str(made.headers["Location"])


def attach(house: House, text: str) -> None:
    body: dict[str, object] = {"text": text, "source": "测试公报 2018 年第 1 号", "published_on": "2018-12-29"}
    assert house.browser("recorder").post(f"{LAW}/texts", body, form=LAW).status_code == 302


def test_a_text_is_attached_compared_and_confirmed_by_another_and_then_carries_a_ground(house: House) -> None:
    recorder, confirmer = house.browser("recorder"), house.browser("confirmer")
    attach(house, given.ARTICLE)
    mine = recorder.get(LAW).text
    assert "须由另一名工作人员核对确认" in mine
    assert "核对无误" not in mine
    page = confirmer.get(LAW).text
    sha256 = re.search(r'name="sha256" value="([0-9a-f]{64})"', page)
    assert sha256
    path = f"{LAW}/texts/1/confirmation"
    other: dict[str, object] = {"sha256": sha256.group(1), "own_copy": given.AMENDED}
    compared = confirmer.post(path, {**other, "act": "compare"}, form=LAW)
    assert compared.status_code == 200
    assert "<del>" in compared.text
    assert "两份原文不一致" in compared.text
    same = confirmer.post(path, {**other, "own_copy": given.ARTICLE, "act": "compare"}, form=LAW)
    assert "两份原文完全一致" in same.text
    assert confirmer.post(path, {**other, "act": "confirm"}, form=LAW).status_code == 422
    assert "未核实" in recorder.get(LAW).text
    done = confirmer.post(path, {"sha256": sha256.group(1), "own_copy": given.ARTICLE, "act": "confirm"}, form=LAW)
    assert done.status_code == 302
    assert "已核实" in recorder.get(LAW).text
    application = submitted(house)
    assert given.ARTICLE in recorder.get(f"{application}/ground").text
    values: dict[str, object] = {
        "kind": "statute",
        "legal_basis": given.BASIS,
        "determined_on": yesterday(house),
        "version": "0",
    }
    refused = recorder.post(f"{application}/ground", values)
    assert refused.status_code == 422
    assert "请说明该接收方和该用途" in refused.text
    reasoning = "接收方受委托发行免费教科书，属于本条规定的情形"
    taken = recorder.post(f"{application}/ground", {**values, "reasoning": reasoning})
    assert taken.status_code == 302, unescape(taken.text)
    assert reasoning in confirmer.get(application).text
    retired = confirmer.post(f"{LAW}/texts/1/retirement", {"reason": "本条已修改"}, form=LAW)
    assert retired.status_code == 302
    stale = confirmer.post(f"{application}/confirmation", {"version": "1"}, form=application)
    assert stale.status_code == 422
    assert "未核实" in stale.text


def yesterday(house: House) -> str:
    return (civil_date(house.clock()) - timedelta(days=1)).isoformat()


def test_the_form_says_what_is_missing_while_it_is_typed_and_keeps_nothing(house: House) -> None:
    recorder = house.browser("recorder")
    application = submitted(house)
    page = recorder.get(f"{application}/ground")
    assert f'data-check="{application}/ground/check"' in page.text
    assert Outline(page.text).unlabelled == []
    assert Outline(page.text).inline == []
    values = {**ground_form(house), "kind": "government", "government": "太原市教育局", "dated": "", "scan_sha256": ""}
    told = recorder.post(f"{application}/ground/check", values, form=f"{application}/ground").get_json()
    codes = [one["code"] for one in told["problems"]]
    assert told["holds"] is False
    assert codes[0] == "dated"
    assert {"education_department", "scan"} <= set(codes)
    assert all(one["zh"] and one["en"] for one in told["problems"])
    chosen = recorder.post(
        f"{application}/ground/check", {**ground_form(house), "scan_sha256": "", "scan_chosen": "yes"}, form="/"
    )
    assert chosen.get_json() == {"holds": True, "problems": []}
    nothing = recorder.post(f"{application}/ground/check", {"kind": "statute"}, form="/").get_json()
    assert {one["code"] for one in nothing["problems"]} == {"determined_on", "legal_basis"}
    assert recorder.post(f"{application}/ground/check", {}, form="/").get_json()["problems"][0]["code"] == "ground"
    assert house.browser("executor").post(f"{application}/ground/check", values, form="/").status_code == 403
    assert "登记政府批准" in recorder.get(f"{application}/ground").text  # still to be recorded


def test_a_scan_is_kept_with_the_ground_and_its_absence_is_shown(house: House) -> None:
    recorder, confirmer = house.browser("recorder"), house.browser("confirmer")
    first = submitted(house)
    bad = {**ground_form(house), "government": "山西省教育厅", "version": "0", "scan_sha256": ""}
    scan = {"scan": (io.BytesIO(given.PDF), "a.pdf", "application/pdf")}
    refused = recorder.post(f"{first}/ground", {**bad, **scan}, content_type="multipart/form-data")
    assert refused.status_code == 422
    held = re.search(r'name="held_scan" value="([0-9a-f]{64})" checked', refused.text)
    assert held, "the scan is kept for the next attempt"
    good = {**ground_form(house), "version": "0", "scan_sha256": "", "held_scan": held.group(1)}
    assert recorder.post(f"{first}/ground", good).status_code == 302
    page = confirmer.get(first).text
    assert "扫描件已加密收存" in page
    address = re.search(rf'href="({first}/scans/sc-[a-z]+)"', page)
    assert address
    read = confirmer.get(address.group(1))
    assert (read.status_code, read.data) == (200, given.PDF)
    assert read.headers["Content-Disposition"].startswith("attachment")
    assert house.browser("applicant").get(address.group(1)).status_code == 403
    second = submitted(house)
    assert recorder.post(f"{second}/ground", ground_form(house, version="0")).status_code == 302
    for officer in (confirmer, house.browser("approver")):
        assert "未收存扫描件" in officer.get(second).text
    third = submitted(house)
    wrong = {"scan": (io.BytesIO(b"MZ"), "a.pdf", "application/pdf")}
    answer = recorder.post(f"{third}/ground", {**bad, **wrong}, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "扫描件不予收存" in answer.text


def test_a_disclosure_is_registered_shown_and_corrected(house: House) -> None:
    recorder, inspector = house.browser("recorder"), house.browser("inspector")
    form = recorder.get("/disclosures/new")
    assert Outline(form.text).unlabelled == []
    values: dict[str, object] = {
        "law": "中华人民共和国刑事诉讼法", "article": "第五十四条", "law_kind": "law", "body_kind": "police",
        "requesting_body": "示例市公安局", "recipient": "承办民警", "approver": "分管副局长", "executor": "学籍科科长",
        "fields": ["name", "id_number"], "pupils": "1", "handed_over_on": yesterday(house),
        "document_number": "示公刑调证字（2026）12号", "delivery_form": "paper",
    }  # fmt: skip
    for changes, words in (
        ({"remarks": "证件 140105199001011234"}, "不得填写证件号码"),
        ({"fields": []}, "请至少选择一个信息项"),
        ({"pupils": ""}, "有一项尚未选择"),
    ):
        refused = recorder.post("/disclosures/new", {**values, **changes}, form="/disclosures/new")
        assert refused.status_code == 422
        assert words in refused.text
    made = recorder.post("/disclosures/new", values, form="/disclosures/new")
    assert made.status_code == 302
    shown = inspector.get(made.headers["Location"])
    assert "示公刑调证字（2026）12号" in shown.text
    assert "更正（另立一条）" not in shown.text
    which = made.headers["Location"].rsplit("/", 1)[1]
    again = recorder.get(f"/disclosures/new?corrects={which}").text
    assert "学籍科科长" in again
    better = {**values, "pupils": "2-9", "corrects": which, "correction_reason": "人数有误"}
    assert recorder.post("/disclosures/new", better, form="/disclosures/new").status_code == 302
    assert "已更正" in inspector.get("/disclosures").text
    for nobody in ("applicant", "executor"):
        assert house.browser(nobody).get("/disclosures").status_code == 403
        assert "/disclosures" not in house.browser(nobody).get("/").text


def test_every_page_of_grounds_keeps_its_promises(house: House) -> None:
    recorder = house.browser("recorder")
    for path in ("/legal-bases", LAW, "/disclosures", "/disclosures/new", f"{submitted(house)}/ground"):
        outline = Outline(recorder.get(path).text)
        assert (outline.inline, outline.unlabelled, outline.open_forms, outline.headings) == ([], [], [], 1), path
    assert recorder.get("/legal-bases/nothing").status_code == 404
    assert recorder.get("/disclosures/dc-none").status_code == 404


def test_texts_are_compared_character_by_character() -> None:
    found = compare("免费提供教科书", "无偿提供教科书。")
    assert not found.same
    assert [piece.text for piece in found.left if piece.apart] == ["免费"]
    assert [piece.text for piece in found.right if piece.apart] == ["无偿", "。"]
    assert "".join(piece.text for piece in found.right) == "无偿提供教科书。"
    assert compare("一", "一").same
    long = compare("条" * (MAX_COMPARED + 1), "条")
    assert (long.same, len(long.left)) == (False, 1)
