"""The inspector's journey in a browser: from the alert to the case, the body's answer, the proof and the package."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from gateway.audit.bundle import verify_bundle
from gateway.audit.receipts import TlogProof
from gateway.audit.records import SearchQuery
from gateway.cli import cli
from gateway.demo.server import BackgroundServer
from tests.conftest import need
from tests.e2e.chromium import CHROMIUM, follow, launched
from tests.e2e.test_console_story import Visitor
from tests.factories.console_house import House, open_house

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

NARROW = 390


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    need(CHROMIUM, "Chromium")
    with open_house(tmp_path_factory.mktemp("inspection")) as found:
        yield found


@pytest.fixture(scope="module")
def base(house: House) -> Iterator[str]:
    server = BackgroundServer(house.app, host="127.0.0.1", port=0)
    yield f"http://127.0.0.1:{server.port}"
    server.close()


@pytest.fixture(scope="module")
def chromium(base: str) -> Iterator[Browser]:
    assert base
    with launched() as browser:
        yield browser


def fails_to_sign_in(page: Page, username: str) -> None:
    """Try five wrong passwords, which raises an alert."""
    for _ in range(5):
        page.goto("/login")
        page.fill("[name=username]", username)
        page.fill("[name=password]", "wrong")
        follow(page, "main button[type=submit]")


def alert_of_sign_ins(page: Page) -> None:
    """Go to the alert of failed sign-ins, when the worker has raised it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        page.goto("/alerts?state=&rule=failed-sign-ins")
        links = page.locator("tbody a[href^='/alerts/al-']")
        if links.count():
            with page.expect_navigation():
                links.first.click()
            return
        time.sleep(0.2)
    pytest.fail("no alert was raised")


@pytest.mark.rule("A50-10")
@pytest.mark.rule("A50-16")
def test_from_the_alert_to_the_case_to_proof_to_package(
    chromium: Browser, base: str, house: House, tmp_path: Path
) -> None:
    stranger, inspector, officer = (Visitor(chromium, base, house) for _ in range(3))
    fails_to_sign_in(stranger.page, house.people["executor"].username)
    inspector.sign_in("inspector")
    officer.sign_in("recorder")

    page = inspector.page
    alert_of_sign_ins(page)
    follow(page, "text=立案检查")
    page.select_option("[name=subject_kind]", "unit")
    page.fill("[name=subject]", "140000")
    page.fill("[name=title]", "核查连续登录失败")
    page.fill("[name=note]", "同一账号短时间内多次失败。")
    follow(page, "section[aria-labelledby=open] button.primary")
    assert "已立案" in page.inner_text(".notice")
    case = page.url
    assert page.locator("section[aria-labelledby=evidence] tbody tr").count() == 5
    page.check("input[name=codes][value='51-7']")
    page.fill("[name=order_text]", "核实账号使用情况，说明原因。")
    follow(page, "form[action$=order] button.primary")
    assert "已责令改正" in page.inner_text("h1 ~ .actions")
    inspector.picture("inspection-case")

    answering = officer.page
    answering.goto("/")
    follow(answering, "section[aria-labelledby=orders] a")
    assert "核实账号使用情况" in answering.inner_text("main")
    assert "短时间内多次失败" not in answering.inner_text("main")
    answering.fill("[name=answer]", "本人忘记密码，已重置。")
    follow(answering, "form[action$=answer] button.primary")
    assert "已答复" in answering.inner_text("main")

    page.goto(case)
    page.select_option("[name=finding]", "corrected")
    page.fill("[name=closing_text]", "已核实。")
    follow(page, "form[action$=closure] button.primary")
    assert "已办结" in page.inner_text("h1 ~ .actions")
    with page.expect_download() as expected:
        page.click("form[action$=package] button")
    package = tmp_path / "case.zip"
    expected.value.save_as(package)
    report = verify_bundle(package, house.process.services.audit.policy)
    assert (report.findings, report.size > 0) == ((), True)
    follow(page, "section[aria-labelledby=evidence] tbody a >> nth=0")
    assert "已验证" in page.inner_text(".verified")

    page.set_viewport_size({"width": NARROW, "height": 800})
    answering.set_viewport_size({"width": NARROW, "height": 800})
    for shown, path in (
        (page, "/audit/cases?state="),
        (page, re.sub(r"^https?://[^/]+", "", case)),
        (page, "/canaries"),
        (answering, "/orders"),
    ):
        shown.goto(path)
        assert shown.evaluate("document.documentElement.scrollWidth") <= NARROW, path
    for visitor in (stranger, inspector, officer):
        visitor.leave()


def pupils_of(house: House, count: int) -> list[dict[str, str]]:
    """Return the first pupils of the form that was imported, in clear."""
    _, head, *lines = (house.form.parent / "first.csv").read_bytes().decode("utf-8-sig").split("\r\n")
    return [dict(zip(head.split(","), line.split(","), strict=True)) for line in lines[:count]]


@pytest.mark.rule("A50-10")
def test_by_number_to_a_hit_and_a_proof_that_the_shell_verifies(
    chromium: Browser, base: str, house: House, tmp_path: Path
) -> None:
    looked, other = pupils_of(house, 2)
    office, audit = house.process.services.office, house.process.services.audit
    assert office is not None
    office.find_by_id_number(looked["身份证件号"], actor="st-registrar", reason="核对学籍")
    inspector = Visitor(chromium, base, house)
    inspector.sign_in("inspector")
    page = inspector.page
    deadline = time.monotonic() + 60
    while not audit.found(SearchQuery(kind="registry.read")).entries and time.monotonic() < deadline:
        time.sleep(0.1)  # the event is on its way through the outbox

    page.goto("/audit")
    page.click("#by-pupil summary")
    page.fill("#by-pupil [name=number]", looked["学籍号"])
    page.fill("#by-pupil [name=reason]", "家长来信核查")
    page.click("#by-pupil button")
    page.wait_for_selector("section[aria-labelledby=found]")
    assert looked["学籍号"] not in page.url
    assert "结果完整至日志前" in page.inner_text("section[aria-labelledby=found]")
    inspector.picture("audit-by-pupil")
    row = page.locator("tr", has_text="registry.read").first
    with page.expect_navigation():
        row.locator("button", has_text="证明").click()
    page.wait_for_selector("section[aria-labelledby=verdict]")
    assert "包含该学生" in page.inner_text("section[aria-labelledby=verdict]")
    inspector.picture("audit-presence")
    with page.expect_download() as expected:
        page.click("a[download$='.json'] >> nth=0")
    present = tmp_path / "present.json"
    expected.value.save_as(present)

    page.click("section[aria-labelledby=verdict] a >> nth=0")
    page.wait_for_selector("section[aria-labelledby=proof]")
    entry = int(page.url.rpartition("/")[2])
    with page.expect_download() as expected:
        page.click("form[action$=receipt] button")
    receipt = tmp_path / "entry.tlog-proof"
    expected.value.save_as(receipt)
    proof = TlogProof.parse(receipt.read_text(encoding="utf-8"))
    assert (proof.index, proof.verify(audit.proof(entry).body, audit.policy).origin) == (entry, audit.origin)

    page.fill("section[aria-labelledby=pupil] [name=number]", other["身份证件号"])
    page.fill("section[aria-labelledby=pupil] [name=reason]", "家长来信核查")
    page.click("section[aria-labelledby=pupil] button")
    page.wait_for_selector("section[aria-labelledby=verdict]")
    assert "不包含" in page.inner_text("section[aria-labelledby=verdict]")
    absent, unnamed = tmp_path / "absent.json", tmp_path / "unnamed.json"
    for place, file in enumerate((absent, unnamed)):
        with page.expect_download() as expected:
            page.click(f"a[download$='.json'] >> nth={place}")
        expected.value.save_as(file)

    for file, number, status, words in (
        (present, looked["身份证件号"], 1, "与所填号码不一致"),  # asked by the other number of the same pupil
        (present, looked["学籍号"], 0, "与所填号码一致"),
        (absent, other["身份证件号"], 0, "不包含该学生"),
        (unnamed, other["身份证件号"], 1, "未说明标签属于哪名学生"),
    ):
        command = ["verify-presence", str(file), "--vkey", str(audit.policy.logs[0]), "--compare"]
        shell = CliRunner().invoke(cli, command, input=f"{number}\n")
        assert (shell.exit_code, words in shell.output) == (status, True), shell.output
    assert (
        CliRunner().invoke(cli, ["verify-presence", str(present), "--vkey", str(audit.policy.logs[0])]).exit_code == 0
    )
    page.set_viewport_size({"width": NARROW, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
    inspector.leave()


@pytest.mark.rule("A50-10")
def test_a_name_with_a_school_leads_through_a_masked_choice(chromium: Browser, base: str, house: House) -> None:
    (looked,) = pupils_of(house, 1)
    inspector = Visitor(chromium, base, house)
    inspector.sign_in("inspector")
    page = inspector.page
    page.goto("/audit")
    page.click("#by-pupil summary")
    page.fill("#by-pupil [name=name]", looked["姓名"])
    page.fill("#by-pupil [name=birth_date]", "2001-01-01")
    page.fill("#by-pupil [name=reason]", "核查")
    page.click("#by-pupil button")
    page.wait_for_selector("text=学籍库中没有该学生")
    page.fill("#by-pupil [name=name]", looked["姓名"])
    page.fill("#by-pupil [name=school]", looked["学校标识码"])
    page.fill("#by-pupil [name=reason]", "核查")
    page.click("#by-pupil button")
    page.wait_for_selector("section[aria-labelledby=found]")
    assert "audit.read" in page.inner_text("section[aria-labelledby=found]")
    inspector.leave()
