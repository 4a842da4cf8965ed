"""The pages of applications and grants: where one stands, what is missing, who talks, what is stopped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256

import pytest

from gateway.policies.scope import civil_date
from tests.factories.console_house import Browser, House, application_form, ground_form, open_house

NUMBER = iter(range(1, 900))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("house")) as found:
        yield found


@pytest.fixture(scope="module")
def people(house: House) -> dict[str, Browser]:
    return {name: house.browser(name) for name in ("applicant", "recorder", "confirmer", "approver", "inspector")}


def draft(house: House, **more: object) -> dict[str, object]:
    """Return the form of an application under the terms in force."""
    return application_form(house, **{"terms_version": "2026-1", **more})


def apply(house: House, people: dict[str, Browser], act: str = "submit") -> str:
    """Return the path of a new application."""
    return str(people["applicant"].post("/applications/new", draft(house, act=act)).headers["Location"])


def grant(house: House, people: dict[str, Browser]) -> str:
    """Return the path of a new grant."""
    path, today = apply(house, people), civil_date(house.clock())
    ground = ground_form(
        house,
        version="0",
        document_number=f"晋政函〔{today.year}〕{next(NUMBER)}号",
        valid_to=(today + timedelta(days=300)).isoformat(),
        scan_sha256=sha256(path.encode()).hexdigest(),
    )
    assert people["recorder"].post(f"{path}/ground", ground).status_code == 302
    assert people["confirmer"].post(f"{path}/confirmation", {"version": "1"}).status_code == 302
    assert people["approver"].post(f"{path}/decision", {"version": "2", "decision": "approve"}).status_code == 302
    found = re.search(r'href="(/grants/gr-[a-z]+)"', people["approver"].get(path).text)
    assert found
    return found.group(1)


def tones(page: str) -> list[str]:
    """Return the tones of the stations on the line."""
    line = re.search(r'<ol class="steps".*?</ol>', page, re.DOTALL)
    assert line
    return re.findall(r'<li class="(\w+)"', line.group(0))


def test_a_page_tells_where_it_stands_whose_turn_it_is_until_when_and_what_is_missing(
    house: House, people: dict[str, Browser]
) -> None:
    page = people["recorder"].get(apply(house, people)).text
    assert tones(page) == ["done", "done", "now", *["ahead"] * 5]
    assert "轮到" in page
    assert "数据管理员" in page
    assert "期限" in page
    assert re.search(r"工作日", page)
    assert "尚未登记依据" in page
    assert "登记依据" in page


def test_the_applicant_reads_the_terms_in_force_before_accepting_them(house: House, people: dict[str, Browser]) -> None:
    page = people["applicant"].get("/applications/new?purpose=textbook-order&profile=textbook-anonymous").text
    terms = house.process.services.book.security_terms[-1]
    assert terms.sha256 in page
    assert terms.version in page
    assert terms.zh.splitlines()[0] in page
    refused = people["applicant"].post("/applications/new", draft(house, act="submit", terms_version="2020-1"))
    assert refused.status_code == 422
    assert "现行版本的安全条款" in refused.text


def test_both_sides_talk_and_a_number_is_refused_with_the_text_still_there(
    house: House, people: dict[str, Browser]
) -> None:
    path = apply(house, people)
    assert people["recorder"].post(f"{path}/comments", {"text": "请说明<b>用途</b>"}).status_code == 302
    assert people["applicant"].post(f"{path}/comments", {"text": "征订教材"}).status_code == 302
    page = people["applicant"].get(path).text
    assert page.index("请说明&lt;b&gt;用途&lt;/b&gt;") < page.index("征订教材")
    refused = people["recorder"].post(f"{path}/comments", {"text": "请致电 13800138000"})
    assert refused.status_code == 422
    assert "请不要填写电话" in refused.text
    assert people["inspector"].post(f"{path}/comments", {"text": "检查"}).status_code == 403
    assert 'name="text"' not in people["inspector"].get(path).text


def test_a_second_round_shows_what_was_changed(house: House, people: dict[str, Browser]) -> None:
    path = apply(house, people)
    assert people["approver"].post(f"{path}/return", {"version": "0", "reason": "请减少次数"}).status_code == 302
    page = people["applicant"].get(path).text
    assert tones(page)[:2] == ["done", "bad"]
    assert "请减少次数" in page
    assert "重新提交" in page
    answer = people["applicant"].post(f"{path}/edit", draft(house, act="submit", version="1", uses="1"))
    assert answer.status_code == 302
    page = people["recorder"].get(path).text
    assert "第 2 次提交" in page
    assert "已重新提交" in page
    assert "<del>3</del>" in page
    assert "<ins>1</ins>" in page


def test_the_applicant_takes_back_and_nobody_else_sees_the_form(house: House, people: dict[str, Browser]) -> None:
    path = apply(house, people)
    assert f'action="{path}/withdrawal"' not in people["recorder"].get(path).text
    assert people["recorder"].post(f"{path}/withdrawal", {"version": "0"}).status_code == 403
    assert f'action="{path}/withdrawal"' in people["applicant"].get(path).text
    assert people["applicant"].post(f"{path}/withdrawal", {"version": "0", "reason": "不需要"}).status_code == 302
    page = people["applicant"].get(path).text
    assert "申请人撤回" in page
    assert "bad" in tones(page)


def test_a_grant_is_stopped_and_goes_on_by_its_page(house: House, people: dict[str, Browser]) -> None:
    path = grant(house, people)
    page = people["approver"].get(path).text
    assert tones(page) == [*["done"] * 5, "now", "ahead", "ahead"]
    assert "已用次数" in page
    assert "0 / 3" in page
    assert "<svg viewBox" in page
    assert people["approver"].post(f"{path}/suspension", {"reason": ""}).status_code == 422
    assert people["approver"].post(f"{path}/suspension", {"reason": "安全检查"}).status_code == 302
    page = people["applicant"].get(path).text
    assert "已中止" in page
    assert "安全检查" in page
    assert f'action="{path}/resumption"' not in page
    assert people["recorder"].post(f"{path}/resumption", {"reason": "试图"}).status_code == 403
    assert people["approver"].post(f"{path}/resumption", {"reason": "合格"}).status_code == 302
    assert "有效" in people["applicant"].get(path).text


def test_the_register_is_searched_without_a_session(house: House, people: dict[str, Browser]) -> None:
    grant(house, people)
    stranger = house.browser()
    page = stranger.get("/register?q=示例&level=anonymous&territory=140000").text
    assert "示例单位" in page
    assert "批准人" in page
    assert "山西省" in page
    assert 'href="/v1/register.csv?q=' in page
    assert "st-" not in re.sub(r"(?s)<head>.*?</head>", "", page)
    assert "没有符合条件的授权" in stranger.get("/register?q=没有").text
    assert stranger.get("/register?level=raw&phase=x&q=%00").status_code == 422
    assert stranger.get("/register?level=raw&phase=x").status_code == 200


def test_what_is_late_is_marked_and_found(house: House, people: dict[str, Browser]) -> None:
    path = apply(house, people)
    mark = path.rsplit("/", 1)[1]
    assert mark not in people["recorder"].get("/applications?overdue=yes").text
    house.clock.ahead += timedelta(days=16)
    fresh = house.browser("recorder")
    assert mark in fresh.get("/applications?overdue=yes").text
    work = fresh.get("/").text
    assert re.search(rf'<tr class="work-overdue">(?:(?!</tr>).)*{mark}', work, re.DOTALL)
    assert "逾期" in fresh.get(path).text
    assert mark not in fresh.get("/applications?state=granted").text
