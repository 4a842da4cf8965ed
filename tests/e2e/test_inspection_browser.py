"""The inspector's journey in a browser: from the alert to the case, the body's answer, the proof and the package."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.audit.bundle import verify_bundle
from gateway.demo.server import BackgroundServer
from tests.conftest import need
from tests.e2e.chromium import CHROMIUM, launched
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
        page.click("main button[type=submit]")


def first_alert(page: Page) -> None:
    """Go to the first alert, when the worker has raised it."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        page.goto("/alerts?state=")
        links = page.locator("tbody a[href^='/alerts/al-']")
        if links.count():
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
    first_alert(page)
    page.click("text=立案检查")
    page.select_option("[name=subject_kind]", "unit")
    page.fill("[name=subject]", "140000")
    page.fill("[name=title]", "核查连续登录失败")
    page.fill("[name=note]", "同一账号短时间内多次失败。")
    page.click("section[aria-labelledby=open] button.primary")
    assert "已立案" in page.inner_text(".notice")
    case = page.url
    assert page.locator("section[aria-labelledby=evidence] tbody tr").count() == 5
    page.check("input[name=codes][value='51-7']")
    page.fill("[name=order_text]", "核实账号使用情况，说明原因。")
    page.click("form[action$=order] button.primary")
    assert "已责令改正" in page.inner_text("h1 ~ .actions")
    inspector.picture("inspection-case")

    answering = officer.page
    answering.goto("/")
    answering.click("section[aria-labelledby=orders] a")
    assert "核实账号使用情况" in answering.inner_text("main")
    assert "短时间内多次失败" not in answering.inner_text("main")
    answering.fill("[name=answer]", "本人忘记密码，已重置。")
    answering.click("form[action$=answer] button.primary")
    assert "已答复" in answering.inner_text("main")

    page.goto(case)
    page.select_option("[name=finding]", "corrected")
    page.fill("[name=closing_text]", "已核实。")
    page.click("form[action$=closure] button.primary")
    assert "已办结" in page.inner_text("h1 ~ .actions")
    with page.expect_download() as expected:
        page.click("form[action$=package] button")
    package = tmp_path / "case.zip"
    expected.value.save_as(package)
    report = verify_bundle(package, house.process.services.audit.policy)
    assert (report.findings, report.size > 0) == ((), True)
    page.click("section[aria-labelledby=evidence] tbody a >> nth=0")
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
