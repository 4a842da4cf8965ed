"""A guardian's way in real browsers: activation, passkey, identity, the verifier's page, and the record's end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import pyotp
import pytest

from core_registry.office import Actor, CaseStatus, Draft, NewEvidence
from gateway.accounts.sealing import civil_date
from gateway.demo import registry
from gateway.demo.people import Officer
from gateway.demo.server import BackgroundServer
from gateway.families.rules import ADULT_AGE, age_of
from tests.conftest import need
from tests.e2e.chromium import CHROMIUM, follow, launched
from tests.e2e.test_wallet_browser import Phone, scanned, show_code, sign_in
from tests.factories.api import Gateway, gateway
from tests.ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession, Page

pytestmark = pytest.mark.browser

SENIOR_GRADES = ("高中一年级", "高中二年级")
ANNEX_3 = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n% invented\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The whole program with its worker, at a host name: a bare address may not have passkeys."""
    need(CHROMIUM, "Chromium")
    port = free_port()
    directory = tmp_path_factory.mktemp("family")
    with gateway(directory, pupils=200, worker=True, public_url=f"http://localhost:{port}") as found:
        found.grant("library")
        server = BackgroundServer(found.app, host="127.0.0.1", port=port)
        yield found
        server.close()


@pytest.fixture(scope="module")
def chromium(world: Gateway) -> Iterator[Browser]:
    assert world.clients
    with launched() as browser:
        yield browser


class Pupil:
    """An active pupil of a senior high school, under 18, and the registrar of that school."""

    def __init__(self, world: Gateway) -> None:
        services = world.process.services
        assert world.source is not None
        assert services.office is not None
        assert services.sharing is not None
        today = civil_date(services.now())
        seniors = world.source.filter(world.source["grade"].is_in(SENIOR_GRADES)).drop_nulls("id_number")
        for row in seniors.iter_rows(named=True):
            lines = services.office.find_by_id_number(row["id_number"], actor="st-test", reason="e2e")
            if not lines or lines[0].state != "active":
                continue
            subject = services.office.subject_ref_of(lines[0].student_id)
            age = age_of(services.sharing.pupil(subject) or {}, today)
            if age is not None and age < ADULT_AGE:
                self.number, self.student, self.school = row["id_number"], lines[0].student_id, lines[0].school_code
                self.registrar: Actor
                self.officer: Officer
                self.registrar, self.officer = registry.registrar(world.process, self.school, today)
                return
        pytest.fail("the sample has no active senior pupil under 18")

    def withdraw(self, world: Gateway, today: date) -> None:
        """Record the withdrawal: the guardian's application of Annex 3, confirmed and filed by the school (Art. 36)."""
        desk = world.process.services.desk
        assert desk is not None
        annex = NewEvidence("annex-3", "guardian", "", today, "application/pdf", ANNEX_3, self.student)
        proof = desk.hand_in(annex, self.registrar).id
        values = {"ground": "application", "completed_on": today.isoformat(), "reason": "监护人申请"}
        draft = Draft("withdrawal", self.school, today, today, self.student, values, (proof,))
        assert desk.open(draft, self.registrar).status is CaseStatus.COMPLETED


def authenticator(phone: Phone) -> tuple[CDPSession, str]:
    """Give the telephone a platform authenticator that knows its owner; return the way to it and its id."""
    session = phone.context.new_cdp_session(phone.page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, str(made["authenticatorId"])


def at_school(chromium: Browser, world: Gateway, pupil: Pupil) -> tuple[str, str]:
    """Make an activation at the school's computer; return link and code."""
    context = chromium.new_context(locale="zh-CN", base_url=world.settings.public_url)
    page = context.new_page()
    page.goto("/login")
    page.fill("[name=username]", pupil.officer.username)
    page.fill("[name=password]", pupil.officer.password)
    page.fill("[name=totp]", pyotp.TOTP(str(pupil.officer.totp_secret)).at(int(time.time())))
    follow(page, "main button[type=submit]")
    page.goto("/office/activations")
    page.fill("[name=id_number]", pupil.number)
    page.fill("[name=reason]", "家长来校办理")
    follow(page, "main button.primary")
    follow(page, "text=为监护人出具激活二维码")
    page.wait_for_selector(".qr-frame svg")
    link, code = page.locator("#activation-link").text_content(), page.inner_text("#activation-code")
    # the printed sheet has the QR code, and not the code that is told apart
    page.emulate_media(media="print")
    assert page.is_visible(".qr-frame")
    assert not page.is_visible("#activation-code")
    context.close()
    return str(link), code


def submit(page: Page, text: str) -> None:
    page.click(f"main button:has-text('{text}')")


def test_a_guardian_comes_in_receives_the_identity_and_shows_it_until_the_pupil_is_withdrawn(
    world: Gateway, chromium: Browser
) -> None:
    pupil = Pupil(world)
    link, code = at_school(chromium, world, pupil)
    phone = Phone(chromium, world)
    session, identifier = authenticator(phone)
    page = phone.page

    # the link, a wrong code, the code
    page.goto(link)
    assert page.evaluate("location.hash") == ""
    phone.look("activate")
    page.fill("[name=code]", f"{(int(code) + 1) % 10**8:08}")
    submit(page, "激活")
    page.wait_for_selector(".problem")
    page.fill("[name=code]", code)
    submit(page, "激活")
    page.wait_for_url("**/family/passkeys")

    # a passkey
    page.fill("[name=name]", "妈妈的手机")
    submit(page, "添加通行密钥")
    page.wait_for_selector(".notice:has-text('通行密钥已添加')")
    phone.look("passkeys")
    submit(page, "添加通行密钥")  # the same device once more
    page.wait_for_selector("#passkey-known:not([hidden])")

    # out, and in again by it
    follow(page, "header button:has-text('退出')")
    page.wait_for_url("**/family/sign-in")
    phone.look("sign-in")
    page.goto("/family")
    assert page.url.endswith("/family/sign-in?next=/family")
    submit(page, "用通行密钥登录")
    page.wait_for_selector("h1:has-text('我的家庭')")  # the address of the sign-in ends with /family too
    phone.look("family")
    held = session.send("WebAuthn.getCredentials", {"authenticatorId": identifier})["credentials"]
    assert [one["isResidentCredential"] for one in held] == [True]

    # a card that holds
    submit(page, "监护人卡")
    page.wait_for_selector(".guardian-card svg")
    phone.look("card")
    page.goto("/family")

    # the identity, by the link of the QR code into the wallet
    submit(page, "领取学生数字身份")
    page.wait_for_selector("#tx_code")
    phone.look("family-offer")
    digits, offer = page.inner_text("#tx_code"), page.get_attribute("#wallet-link", "href")
    phone.open(str(offer), "offer")
    page.fill("#digits", digits)
    page.click("#receive")
    assert "已领取 10 份凭证" in phone.outcome()

    # the librarian asks, the guardian agrees
    counter = chromium.new_context(locale="zh-CN", base_url=world.settings.public_url).new_page()
    sign_in(counter, world)
    phone.open(scanned(world, show_code(counter)), "consent")
    page.click("#agree")
    assert phone.outcome() == "已出示"
    counter.wait_for_selector(".verdict-large")
    assert counter.inner_text(".verdict-large").startswith("是")

    # the school records a withdrawal: the next check fails, and the guardian acts no more
    pupil.withdraw(world, civil_date(world.process.services.now()))
    phone.open(scanned(world, show_code(counter)), "consent")
    page.click("#agree")
    phone.outcome()
    counter.wait_for_selector(".verdict-large")
    assert counter.inner_text(".verdict-large").startswith("未能确认")
    page.goto("/family")
    assert "非在籍" in page.inner_text("main")
    assert "领取学生数字身份" not in page.inner_text("main")

    # who saw the data, and a question about it
    follow(page, "main a:has-text('谁看过我的孩子')")
    page.wait_for_selector("section[aria-labelledby=accesses] tbody tr")
    assert "身份核验" in page.inner_text("section[aria-labelledby=accesses]")
    phone.look("accesses")
    page.fill("[name=question]", "学校为什么查看？")
    submit(page, "提交询问")
    page.wait_for_selector(".notice:has-text('询问已提交')")
    assert phone.said == []
    phone.context.close()
