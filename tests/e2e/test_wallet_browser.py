"""The web wallet in a phone's browser: receive, consent, present, decline, and a record that is suspended."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyotp
import pytest

from gateway.demo import registry
from gateway.demo.server import BackgroundServer
from gateway.identity.presenting.records import PresentationId
from tests.conftest import need
from tests.e2e.chromium import CHROMIUM, follow, is_complaint, launched
from tests.factories.api import Gateway, gateway
from tests.factories.wallets import offer_of
from tests.ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Route

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
PICTURES = os.environ.get("CONSOLE_PICTURES")
"""A directory for pictures of every state, for people who work on the page."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The whole program with its worker, on a free port of the loopback."""
    need(CHROMIUM, "Chromium")
    port = free_port()
    directory = tmp_path_factory.mktemp("wallet")
    with gateway(directory, pupils=100, worker=True, public_url=f"http://127.0.0.1:{port}") as found:
        found.grant("library")
        server = BackgroundServer(found.app, host="127.0.0.1", port=port)
        yield found
        server.close()


@pytest.fixture(scope="module")
def chromium(world: Gateway) -> Iterator[Browser]:
    assert world.clients
    with launched() as browser:
        yield browser


class Phone:
    """A browser of a phone; what it says on its console is kept, and where it sent requests."""

    def __init__(self, chromium: Browser, world: Gateway) -> None:
        self.world = world
        self.context = chromium.new_context(locale="zh-CN", viewport=PHONE, base_url=world.settings.public_url)  # type: ignore[arg-type]
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(45_000)
        self.said: list[str] = []
        self.addresses: list[str] = []
        self.page.on("console", self._say)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.addresses.append(request.url))

    def _say(self, message: ConsoleMessage) -> None:
        if is_complaint(message.text):
            self.said.append(message.text)

    def open(self, link: str, state: str) -> None:
        """Follow a link to the wallet; the page is at ``state``, and the link is gone from the address bar."""
        self.page.goto("about:blank")
        self.page.goto(link)
        self.page.wait_for_selector(f"#{state}:not([hidden])")
        assert self.page.evaluate("location.hash") == ""
        self.look(state)

    def outcome(self) -> str:
        self.page.wait_for_selector("#message:not([hidden])")
        self.look("message")
        return str(self.page.inner_text("#message-zh"))

    def look(self, name: str) -> None:
        """No state of the page is wider than the phone."""
        assert self.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
        if PICTURES:
            self.page.screenshot(path=str(Path(PICTURES) / f"wallet-{name}.png"), full_page=True)

    def held(self) -> list[dict[str, Any]]:
        """Return what the browser keeps of credentials, and whether their keys could leave it."""
        found: list[dict[str, Any]] = self.page.evaluate(
            """() => new Promise((resolve) => {
              indexedDB.open("xueji-wallet").onsuccess = ({ target }) => {
                const asked = target.result.transaction("credentials").objectStore("credentials").getAll();
                asked.onsuccess = () => resolve(asked.result.map((one) => (
                  { used: one.used, extractable: one.key.privateKey.extractable, credential: one.credential })));
              };
            })"""
        )
        return found


@pytest.fixture
def phone(chromium: Browser, world: Gateway) -> Iterator[Phone]:
    found = Phone(chromium, world)
    yield found
    assert found.said == []
    # our own origin alone, and nothing after the path but the parameters of no secret
    assert {one.split("/")[2] for one in found.addresses} == {world.settings.public_url.split("/")[2]}
    assert all("?" not in one and "eyJ" not in one for one in found.addresses)
    found.context.close()


def ask(world: Gateway, claims: list[str], mode: str = "direct_post.jwt") -> dict[str, Any]:
    body = {"claims": claims, "response_mode": mode}
    made = world.call("POST", "/v1/identity/presentations", body, token=world.client("library"))
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.get_json()
    return found


def told(world: Gateway, made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = world.call(
        "GET", f"/v1/identity/presentations/{made['id']}", token=world.client("library")
    ).get_json()
    return found


def receive(phone: Phone, offer: dict[str, Any]) -> None:
    phone.open(offer["link"], "offer")
    phone.page.fill("#digits", offer["tx_code"])
    phone.page.click("#receive")
    assert "已领取 10 份凭证" in phone.outcome()


def test_a_pupil_receives_consents_and_presents_until_the_record_is_suspended(
    phone: Phone, world: Gateway, chromium: Browser
) -> None:
    phone.open("/wallet", "empty")
    offer = offer_of(world)
    wrong = "000000" if offer["tx_code"] != "000000" else "000001"
    phone.open(offer["link"], "offer")
    phone.page.fill("#digits", wrong)
    phone.page.click("#receive")
    phone.page.wait_for_selector("#digits-wrong:not([hidden])")
    assert "验证码不正确" in phone.page.inner_text("#digits-wrong")
    phone.page.fill("#digits", offer["tx_code"])
    phone.page.press("#digits", "Enter")
    assert "已领取 10 份凭证" in phone.outcome()
    phone.page.click("#message-close")
    phone.page.wait_for_selector("#home:not([hidden])")
    phone.look("home")
    home = phone.page.inner_text("#home")
    assert all(word in home for word in ("10 份", "学籍状态", "在籍", "有效期至"))
    held = phone.held()
    assert len(held) == 10
    assert not any(one["extractable"] or one["used"] for one in held)

    # a system asks in clear
    made = ask(world, ["stage", "age_over_6"], "direct_post")
    phone.open(made["link"], "consent")
    shown = phone.page.inner_text("#consent")
    assert all(word in shown for word in ("示例图书馆", "学生身份核验", "年满6周岁", "学段", made["grant"]))
    assert "学校名称" not in shown
    phone.page.click("#agree")
    assert phone.outcome() == "已出示"
    answer = told(world, made)
    assert (answer["state"], set(answer["claims"])) == ("answered", {"stage", "age_over_6"})
    assert len(phone.held()) == 9

    # a person at the counter asks, encrypted, and reads 是
    counter = chromium.new_context(locale="zh-CN", base_url=world.settings.public_url).new_page()
    sign_in(counter, world)
    identifier = show_code(counter)
    phone.open(scanned(world, identifier), "consent")
    phone.page.click("#agree")
    assert phone.outcome() == "已出示"
    counter.wait_for_selector(".verdict-large")
    assert counter.inner_text(".verdict-large").startswith("是")

    # the holder says no: no credential is used
    made = ask(world, ["stage"])
    phone.open(made["link"], "consent")
    phone.page.click("#decline")
    assert phone.outcome() == "未出示"
    assert (told(world, made)["state"], told(world, made)["reason"]) == ("refused", "declined")
    assert len(phone.held()) == 8

    # the record is suspended: the next presentation is not confirmed
    school = world.source["school_code"][0] if world.source is not None else ""
    path = f"/v1/registry/students?school={school}&reason=identity"
    student = world.call("GET", path, token=world.person("registrar")).get_json()["items"][0]["student_id"]
    registry.suspend(world.process, student)
    identifier = show_code(counter)
    phone.open(scanned(world, identifier), "consent")
    phone.page.click("#agree")
    phone.outcome()
    counter.wait_for_selector(".verdict-large")
    assert counter.inner_text(".verdict-large").startswith("未能确认")
    assert len(phone.held()) == 7  # one that was sent is never sent again, whatever came of it


def test_a_wallet_is_emptied_and_what_is_not_ours_is_refused(phone: Phone, world: Gateway) -> None:
    receive(phone, offer_of(world, 1))
    for link in (
        "/wallet#credential_offer_uri=https%3A%2F%2Fevil.example%2Foffer",
        "/wallet#openid4vp=client_id%3Dx%26request_uri%3Dhttps%253A%252F%252Fevil.example%252Fr",
        "/wallet#credential_offer=%7B%7D",
    ):
        phone.open(link, "message")
    # a request under another name than that of the certificate which signed it
    made = ask(world, ["stage"])
    phone.open(made["link"].replace("x509_hash", "x509_hasx"), "message")
    assert "链接无效" in phone.page.inner_text("#message-zh")
    # a request that was changed on its way
    phone.page.route("**/request", altered)
    phone.open(ask(world, ["stage"])["link"], "message")
    assert "链接无效" in phone.page.inner_text("#message-zh")
    phone.page.unroute("**/request", altered)
    assert len(phone.held()) == 10
    phone.open("/wallet", "home")
    phone.page.click("#delete")
    phone.page.click("#delete-sure")
    assert phone.outcome() == "已全部删除并作废"
    assert phone.held() == []
    entries = world.call("GET", "/v1/audit/entries?limit=100", token=world.person("inspector")).get_json()["items"]
    events = [one["content"]["facts"].get("event") for one in entries if one["content"]["kind"] == "identity.notified"]
    assert "credential_deleted" in events


def altered(route: Route) -> None:
    """Answer with the request object, but another name in it than the one that was signed."""
    answer = route.fetch()
    header, payload, signature = answer.text().split(".")
    told = json.loads(base64.urlsafe_b64decode(payload + "=="))
    told["client_metadata"]["client_name"] = "冒名单位"
    payload = base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
    route.fulfill(response=answer, body=f"{header}.{payload}.{signature}")


def sign_in(counter: Page, world: Gateway) -> None:
    one = world.officers["applicant-library"]
    counter.goto("/login")
    counter.fill("[name=username]", one.username)
    counter.fill("[name=password]", one.password)
    if one.totp_secret is not None:
        # the code of the next half minute: that of this one was used to get the grant
        counter.fill("[name=totp]", pyotp.TOTP(one.totp_secret).at(int(time.time()) + 30))
    follow(counter, "main button[type=submit]")


def show_code(counter: Page) -> PresentationId:
    counter.goto("/verify")
    counter.check("[name=claims][value=age_over_6]")
    follow(counter, "main button.primary")
    counter.wait_for_selector(".qr-frame")
    return PresentationId(counter.url.rsplit("/", 1)[1])


def scanned(world: Gateway, identifier: PresentationId) -> str:
    """Return the link that the QR code holds."""
    services = world.process.services
    who = services.accounts.principal_of_session(world.person("applicant-library"))
    assert services.presentations is not None
    return services.presentations.request(identifier, who).link
