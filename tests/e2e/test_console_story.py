"""The console in a browser: from the log-in to a proven audit entry, with real people, worker and server."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.demo.server import BackgroundServer
from gateway.policies.scope import civil_date
from tests.conftest import need
from tests.e2e.chromium import CHROMIUM, complaints_of, follow, launched
from tests.factories.console_house import House, open_house, some_school

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

SCAN = b"%PDF-1.7 scan\n%%EOF\n"
PICTURES = os.environ.get("CONSOLE_PICTURES")
"""A directory for pictures of every page, for people who work on the console."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    need(CHROMIUM, "Chromium")
    with open_house(tmp_path_factory.mktemp("house")) as found:
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


class Visitor:
    """One person at one browser; whatever the browser complains of is kept."""

    def __init__(self, chromium: Browser, base: str, house: House) -> None:
        self.context = chromium.new_context(base_url=base, locale="zh-CN", viewport={"width": 1280, "height": 900})
        self.page = self.context.new_page()
        self.page.set_default_timeout(45_000)
        self.house = house
        self.complaints = complaints_of(self.page)

    def sign_in(self, username: str) -> None:
        person = self.house.people[username]
        self.page.goto("/login")
        self.page.fill("[name=username]", person.username)
        self.page.fill("[name=password]", person.password)
        self.page.fill("[name=totp]", person.code())
        follow(self.page, "main button[type=submit]")

    def picture(self, name: str) -> None:
        if PICTURES:
            self.page.screenshot(path=str(Path(PICTURES) / f"console-{name}.png"), full_page=True)

    def heading(self) -> str:
        return str(self.page.inner_text("h1"))

    def leave(self) -> None:
        assert self.complaints == []
        self.context.close()


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(chromium: Browser, base: str, house: House) -> Iterator[Visit]:
    visitors: list[Visitor] = []

    def come(username: str | None = None) -> Visitor:
        visitor = Visitor(chromium, base, house)
        visitors.append(visitor)
        if username is not None:
            visitor.sign_in(username)
        return visitor

    yield come
    for visitor in visitors:
        visitor.leave()


def test_an_application_goes_from_the_applicant_to_a_proven_audit_entry(visit: Visit, house: House) -> None:
    today = civil_date(house.clock())

    applicant = visit("applicant")
    page = applicant.page
    assert "工作台" in applicant.heading()
    applicant.picture("work-applicant")
    page.goto("/applications")
    follow(page, "text=新建申请")
    applicant.picture("application-choice")
    follow(page, "a[href*='textbook-anonymous']")
    page.fill("[name=recipient_name]", "示例教科书发行单位")
    page.fill("[name=responsible]", "责任人（教材部主任）")
    for name in ("county", "stage", "grade", "sex"):
        page.check(f"[name=fields][value={name}]")
    page.select_option("[name=territory]", "140000")
    page.fill("[name=reason]", "秋季学期教科书征订。")
    page.fill("[name=protection]", "专网传输，加密存储，专人使用，到期销毁。")
    applicant.picture("application-form")
    follow(page, "button[value=submit]")
    assert page.inner_text(".problem").count("接受安全条款") == 1  # everything else was kept
    applicant.picture("application-form-problem")
    page.check("[name=terms_accepted]")
    follow(page, "button[value=submit]")
    applicant.picture("application-submitted")
    assert "申请已提交" in page.inner_text(".notice")
    address = page.url

    recorder = visit("recorder")
    page = recorder.page
    recorder.picture("work-recorder")
    page.goto(address)
    follow(page, "main a.primary")
    page.fill("[name=government]", "山西省教育厅")
    page.select_option("[name=division]", "140000")
    page.fill("[name=document_number]", "晋政函(2026)88号")
    page.fill("[name=signatory]", "签发人")
    page.fill("[name=dated]", (today - timedelta(days=10)).isoformat())
    page.fill("#government ~ form [name=valid_to]", (today + timedelta(days=300)).isoformat())
    page.fill("[name=scope_text]", "同意按申请的用途、范围和期限提供。")
    page.set_input_files("[name=scan]", {"name": "s.pdf", "mimeType": "application/pdf", "buffer": SCAN})
    recorder.picture("ground")
    follow(page, "text=登记政府批准")
    assert "教育行政部门无权批准" in page.inner_text(".problem")  # A50-7
    recorder.picture("ground-refused")
    page.fill("[name=government]", "山西省人民政府")
    page.set_input_files("[name=scan]", {"name": "s.pdf", "mimeType": "application/pdf", "buffer": SCAN})
    follow(page, "text=登记政府批准")
    assert "晋政函〔2026〕88号" in page.inner_text("main")
    assert page.query_selector("form[action$=confirmation]") is None  # who recorded does not confirm

    confirmer = visit("confirmer")
    confirmer.page.goto(address)
    confirmer.picture("application-confirm")
    follow(confirmer.page, "form[action$=confirmation] button")
    assert "依据已确认" in confirmer.page.inner_text(".notice")

    approver = visit("approver")
    page = approver.page
    approver.picture("work-approver")
    page.goto(address)
    approver.picture("application-decide")
    follow(page, "form[action$=decision] button.primary")
    assert "授权已签名生效" in page.inner_text(".notice")
    approver.picture("application-granted")
    follow(page, ".standing a[href^='/grants/']")
    assert "签名已验证" in page.inner_text("main")
    assert page.query_selector("form[action$=extracts]") is None  # who approved does not execute
    grant = page.url
    approver.picture("grant-approver")

    executor = visit("executor")
    page = executor.page
    page.goto(grant)
    executor.picture("grant-executor")
    page.select_option("[name=format]", "csv")
    page.click("form[action$=extracts] button")
    page.wait_for_selector("text=提供报告", timeout=60_000)  # the page finds out by itself that it is ready
    assert page.locator(".pictures svg rect").count() >= 1
    assert "签名已验证" in page.inner_text("main")
    assert page.query_selector("form[action$=content]") is None  # the file is for the recipient alone
    extract = page.url
    executor.picture("extract")
    page.goto("/extracts")
    executor.picture("extracts")
    page.goto("/grants")
    executor.picture("grants")

    page = applicant.page
    page.goto(extract)
    applicant.picture("extract-applicant")
    with page.expect_download() as expected:
        page.click("form[action$=content] button")
    content = Path(expected.value.path()).read_text(encoding="utf-8-sig")
    assert set(content.splitlines()[0].split(",")) == {"county", "grade", "sex", "stage"}
    assert not re.search(r"\d{17}[\dX]", content)

    inspector = visit("inspector")
    page = inspector.page
    inspector.picture("work-inspector")
    page.goto("/audit")
    page.click("text=按责任链、规则查询")
    page.fill("[name=extract]", extract.rsplit("/", 1)[1])
    follow(page, "form[role=search] button")
    kinds = page.locator("tbody code").all_inner_texts()
    assert {"release.requested", "release.prepared", "release.intent", "release.outcome"} <= set(kinds)
    inspector.picture("audit")
    follow(page, "tr:has-text('release.intent') td.number a")
    assert "已验证" in page.inner_text(".verified")
    assert page.locator("svg.path rect.root").count() == 1
    chain = page.inner_text("#content ~ .facts")
    for word in ("依据登记人", "依据确认人", "批准人", "执行人", "接收方责任人"):
        assert word in chain
    inspector.picture("audit-entry")
    with page.expect_download() as expected:
        page.click("form[action$=receipt] button")
    assert Path(expected.value.path()).read_text().startswith("c2sp.org/tlog-proof@v1")

    stranger = visit()
    stranger.page.goto("/register")
    assert "示例教科书发行单位" in stranger.page.inner_text("table")
    stranger.picture("register")

    page = approver.page
    page.goto(grant)
    page.click("summary:has-text('撤回授权')")
    page.fill("form[action$=withdrawal] [name=reason]", "演练撤回。")
    follow(page, "form[action$=withdrawal] button")
    assert "授权已撤回" in page.inner_text(".notice")
    page = executor.page
    page.goto(grant)
    assert page.query_selector("form[action$=extracts]") is None


def test_a_registrar_imports_a_form_and_offers_an_identity(visit: Visit, house: House) -> None:
    registrar = visit("registrar")
    page = registrar.page
    page.goto("/office/import")
    registrar.picture("import")
    page.set_input_files("[name=file]", str(house.form))
    follow(page, "form[enctype] button")
    assert "尚未写入任何数据" in page.inner_text("main")
    assert page.locator(".badge.bad").count() >= 1  # the broken row
    registrar.picture("import-preview")
    box = page.query_selector("[name=accept_shrink]")
    if box:
        box.check()
    follow(page, "text=确认导入 >> nth=-1")
    assert "导入完成" in registrar.heading()
    registrar.picture("import-done")
    with page.expect_download() as expected:
        page.click("form[action*=errors] button")
    assert Path(expected.value.path()).read_bytes().startswith(b"PK\x03\x04")
    assert not list((house.settings.files / "uploads").glob("*.csv"))

    page.goto("/office/classes")
    page.select_option("[name=school]", some_school(house))
    page.fill("[name=reason]", "核对班级名册")
    follow(page, "main button.primary")
    assert "*" in page.inner_text("tbody tr td:first-child")
    registrar.picture("classes")
    follow(page, "text=出具二维码 >> nth=0")
    drawn = page.evaluate("""() => {
        const outer = document.querySelector("svg.qr").getBoundingClientRect();
        const inner = document.querySelector("svg.qr path").getBoundingClientRect();
        return [inner.left - outer.left, outer.right - inner.right, outer.bottom - inner.bottom, inner.width];
    }""")
    assert all(room > 10 for room in drawn[:3])  # the quiet zone is there on every side: nothing is cut off
    assert drawn[3] > 200
    digits = page.inner_text("#tx_code")
    assert (len(digits), digits.isdecimal()) == (6, True)
    assert digits not in page.inner_text("section:has(svg.qr)")  # told apart
    registrar.picture("identity")


def test_a_newcomer_first_changes_the_password_and_reads_the_rules(visit: Visit, house: House) -> None:
    newcomer = visit("newcomer")
    page = newcomer.page
    assert "修改密码" in newcomer.heading()
    newcomer.picture("password")
    page.goto("/applications")
    assert page.url.endswith("/account/password")
    page.fill("[name=old]", house.people["newcomer"].password)
    page.fill("[name=new]", "lantern-meadow-violin-47")
    page.fill("[name=again]", "lantern-meadow-violin-47")
    follow(page, "main button.primary")
    assert "安全管理制度" in newcomer.heading()
    newcomer.picture("rules")
    follow(page, "main button.primary")
    assert "工作台" in newcomer.heading()
    follow(page, "text=退出")
    assert "已安全退出" in page.inner_text(".notice")


def test_problems_are_pages_for_people(visit: Visit) -> None:
    stranger = visit()
    stranger.page.goto("/applications")
    assert "/login" in stranger.page.url
    stranger.picture("login")
    stranger.page.goto("/nowhere")
    assert "未找到" in stranger.heading()
    recorder = visit("recorder")
    recorder.page.goto("/audit")
    assert "不允许" in recorder.heading()
    assert "A50-10" in recorder.page.inner_text(".problem")
    recorder.picture("forbidden")
    recorder.page.goto("/nowhere")
    assert recorder.page.locator("nav.menu a").count() >= 3
    recorder.picture("not-found")


def test_the_pages_fit_a_telephone(visit: Visit) -> None:
    inspector = visit("inspector")
    page = inspector.page
    page.set_viewport_size({"width": 390, "height": 800})
    for path in ("/", "/applications", "/grants", "/audit?kind=account.", "/register"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    inspector.picture("narrow")
