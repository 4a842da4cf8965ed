"""Decoys, holds and suppressions in a browser: who sees the page, two people for what needs two, no complaints."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.demo.server import BackgroundServer
from tests.conftest import need
from tests.contract.test_console_pages import Outline
from tests.e2e.chromium import CHROMIUM, complaints_of, follow, launched
from tests.factories.api import Gateway, gateway
from tests.factories.canaries import import_former
from tests.factories.statistics_pages import Browser as Signed
from tests.ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

WIDE, NARROW = 1280, 390
PICTURES = os.environ.get("CONSOLE_PICTURES")
"""A directory for pictures of every page, for people who work on the console."""
LATER = (date.today() + timedelta(days=60)).isoformat()  # noqa: DTZ011  the clock of the program is the real one


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The whole program with a crowd of former pupils, and an alert of high severity."""
    need(CHROMIUM, "Chromium")
    port = free_port()
    directory = tmp_path_factory.mktemp("oversight")
    with gateway(directory, pupils=150, public_url=f"http://127.0.0.1:{port}") as found:
        import_former(found.process.services, directory)
        beyond = {"format": "csv", "fields": ["pseudonym", "birth_month"]}
        path = f"/v1/grants/{found.grant('bus')}/extracts"
        assert found.call("POST", path, beyond, token=found.client("bus")).status_code == 403
        found.work()
        server = BackgroundServer(found.app, host="127.0.0.1", port=port)
        yield found
        server.close()


@pytest.fixture(scope="module")
def chromium(world: Gateway) -> Iterator[Browser]:
    assert world.officers
    with launched() as browser:
        yield browser


class Officer:
    """A signed-in officer at a browser; what the browser complains of is kept."""

    def __init__(self, chromium: Browser, world: Gateway, name: str) -> None:
        url = world.settings.public_url
        self.context = chromium.new_context(base_url=url, locale="zh-CN", viewport={"width": WIDE, "height": 900})
        self.context.add_cookies([{"name": "xueji", "value": Signed(world, name).cookie(), "url": url}])
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(45_000)
        self.complaints = complaints_of(self.page)

    def look(self, state: str) -> None:
        """The page fits a desk and a telephone, every field has a label, and both languages are there."""
        outline = Outline(self.page.content())
        assert (outline.unlabelled, outline.inline, outline.headings, outline.lang) == ([], [], 1, "zh-Hans"), state
        for width in (NARROW, WIDE):
            self.page.set_viewport_size({"width": width, "height": 900})
            assert self.page.evaluate("document.documentElement.scrollWidth") <= width, (state, width)
            if PICTURES:
                path = Path(PICTURES) / f"oversight-{state}-{width}.png"
                self.page.screenshot(path=str(path), full_page=True)
        bare = "[...document.querySelectorAll('main h1, main h2, main th, main button, main summary')].filter("
        bare += "one => !one.querySelector('[lang=en]') && one.innerText.trim()).map(one => one.innerText)"
        assert self.page.evaluate(bare) == [], state

    def told(self) -> str:
        return str(self.page.inner_text(".notice"))


Come = Callable[[str], Officer]


@pytest.fixture(scope="module")
def officers() -> dict[str, Officer]:
    return {}


@pytest.fixture
def come(chromium: Browser, world: Gateway, officers: dict[str, Officer]) -> Iterator[Come]:
    """Bring officers in, each with the same browser in every test."""

    def one(name: str) -> Officer:
        if name not in officers:
            officers[name] = Officer(chromium, world, name)
        return officers[name]

    yield one
    for officer in officers.values():
        assert officer.complaints == []


@pytest.mark.rule("A50-10")
def test_a_hold_is_placed_with_a_reason_and_lifted_by_two(come: Come) -> None:
    inspector, security = come("inspector"), come("secadmin")
    page = inspector.page
    page.goto("/")
    follow(page, ".menu a[href='/retention']")
    page.select_option("[name=data_class]", "case_texts")
    page.fill("[name=unit]", "140105")
    page.fill("[name=ground]", "晋教监〔2026〕7号")
    page.fill("[name=reason]", "学籍号 140105200801010011 的学生")
    page.fill("[name=review_on]", LATER)
    follow(page, "section[aria-labelledby=set] button.primary")
    assert "学籍号" in page.inner_text(".problem")  # what was typed is not lost
    assert page.input_value("[name=ground]") == "晋教监〔2026〕7号"
    page.fill("[name=reason]", "立案调查，尚未结束。")
    follow(page, "section[aria-labelledby=set] button.primary")
    assert "已设置留存" in inspector.told()
    row = "section[aria-labelledby=holds] tbody tr"
    assert "立案调查，尚未结束。" in page.inner_text(row)
    inspector.look("hold")
    page.fill(f"{row} form[action$=lifting-request] [name=reason]", "调查已结束。")
    follow(page, f"{row} form[action$=lifting-request] button")
    assert "由另一人复核" in page.inner_text(row)
    assert page.locator(f"{row} form[action$=lifting]").count() == 0  # who asked does not decide

    second = security.page
    second.goto("/retention")
    security.look("hold-asked")
    second.fill(f"{row} form[action$=lifting] [name=reason]", "已核实，同意。")
    follow(second, f"{row} form[action$=lifting] button")
    assert "已解除" in second.inner_text(row)
    assert second.locator(f"{row} form").count() == 0
    security.look("hold-lifted")


@pytest.mark.rule("A50-11")
@pytest.mark.rule("A50-16")
def test_a_suppression_of_high_severity_is_confirmed_by_a_second_person(come: Come) -> None:
    recorder, confirmer, inspector = come("recorder"), come("confirmer"), come("inspector")
    page = recorder.page
    page.goto("/alerts?rule=scope-breach")
    follow(page, "tbody a[href^='/alerts/al-']")
    page.click("section[aria-labelledby=suppress] summary")
    page.fill("[name=until]", LATER)
    page.fill("section[aria-labelledby=suppress] [name=reason]", "联调测试，已备案。")
    recorder.look("alert-suppress")
    follow(page, "section[aria-labelledby=suppress] button")
    assert "确认" in recorder.told()
    row = "section[aria-labelledby=list] tbody tr"
    assert page.locator(f"{row} form[action$=confirmation]").count() == 0  # nobody confirms their own
    recorder.look("suppression-asked")

    seeing = inspector.page
    seeing.goto("/suppressions")
    assert "联调测试，已备案。" in seeing.inner_text(row)
    assert seeing.locator(f"{row} form").count() == 0  # sees it, does not answer it

    second = confirmer.page
    second.goto("/suppressions")
    confirmer.look("suppression-waiting")
    follow(second, f"{row} form[action$=confirmation] button")
    assert "已确认" in confirmer.told()
    follow(second, f"{row} form[action$=lifting] button")
    assert "没有暂停的预警" in second.inner_text("main")
    follow(second, "a[href='/suppressions?state=all']")
    assert "已解除" in second.inner_text(row)
    confirmer.look("suppression-lifted")


@pytest.mark.rule("A50-16")
def test_decoys_are_shown_to_the_two_duties_alone(come: Come) -> None:
    security, inspector, registrar = come("secadmin"), come("inspector"), come("registrar")
    page, phones = security.page, ("13903510031", "13903510032")
    page.goto("/")
    follow(page, ".menu a[href='/canaries']")
    page.fill("[name=phones]", "\n".join(phones))
    follow(page, "section[aria-labelledby=propose] button")
    assert "已提出" in security.told()
    rows = "section[aria-labelledby=list] tbody tr"
    assert page.locator(rows).count() == 2
    assert page.locator(f"{rows} form[action$=confirmation]").count() == 0

    second = inspector.page
    second.goto("/canaries")
    assert not any(phone in second.content() for phone in phones)
    inspector.look("canaries-proposed")
    follow(second, f"{rows} form[action$=confirmation] button >> nth=0")
    follow(second, f"{rows} form[action$=refusal] button >> nth=0")
    assert {"已确认，待放入", "不予确认"} <= {one.split(" ")[0] for one in second.locator(".badge").all_inner_texts()}
    inspector.look("canaries-decided")

    stranger = registrar.page
    stranger.goto("/")
    assert stranger.locator(".menu a[href='/canaries']").count() == 0
    answer = stranger.goto("/canaries")
    assert answer is not None
    assert (answer.status, "cn-" in stranger.content()) == (403, False)
