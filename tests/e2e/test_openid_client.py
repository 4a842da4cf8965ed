"""A relying party that is not ours, openid-client on Node.js, signs in a guardian who sits at a real Chromium."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from joserfc.jwk import ECKey

from gateway.accounts.records import ClientSpec, SignInSpec
from gateway.demo import people
from gateway.demo.server import BackgroundServer
from gateway.families.records import BondKind, MadeActivation
from gateway.ids import SubjectRef
from gateway.principals import Role
from tests.conftest import need
from tests.e2e.chromium import CHROMIUM, follow, launched
from tests.factories.api import Gateway, gateway
from tests.factories.presenting import some_pupil
from tests.ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.node, pytest.mark.browser]
PROJECT = Path(__file__).parent / "node_oidc"
PHONE = {"width": 390, "height": 844}
PICTURES = os.environ.get("CONSOLE_PICTURES")
AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip
CLAIMS = json.dumps({"userinfo": {"stage": None, "school_name": None}, "id_token": {"age_over_6": None}})
WIDER = json.dumps({"userinfo": {"stage": None, "school_name": None, "age_over_12": None}})


class Party:
    """The relying party's own website, of another origin, which sends people on to a third one; and its client."""

    def __init__(self, project: Path, world: Gateway) -> None:
        self.seen: list[str] = []
        self.web = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self.web.server_address[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.web.serve_forever, daemon=True).start()
        key = ECKey.generate_key("P-256")
        callback, after = f"{self.origin}/callback", f"{self.origin}/bye"
        spec = ClientSpec(
            people.LIBRARY,
            frozenset({Role.RELYING_PARTY}),
            {"keys": [key.as_dict(private=False)]},
            post="示例借阅系统",
            sign_in=SignInSpec((callback,), (after,)),
        )
        self.id = world.process.services.directory.register_client(None, spec)
        self.process = subprocess.Popen(
            ["node", "party.mjs"], cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._write(
            {
                "issuer": world.settings.public_url,
                "clientId": self.id,
                "jwk": {**key.as_dict(private=True), "kid": key.thumbprint()},
                "redirectUri": callback,
                "afterUri": after,
                "dpop": True,
            }
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        party = self

        class Website(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                party.seen.append(self.path)
                here = self.path.startswith(("/callback", "/bye"))
                self.send_response(302 if here else 200)
                if here:  # as many do: what follows the answer lies at another origin
                    self.send_header("Location", f"http://localhost:{party.port}/home")
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write("<title>示例借阅系统</title><h1 id=home>欢迎</h1>".encode())

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        return Website

    def do(self, step: str, **more: object) -> dict[str, Any]:
        """Have the client take a step and return what came of it."""
        self._write({"step": step, **more})
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def address(self, **parameters: str) -> str:
        """Return where the client sends the browser."""
        told = self.do("authorize", parameters={"claims": CLAIMS, **parameters})
        assert "url" in told, told
        return str(told["url"])

    def answer(self) -> str:
        """Return the address at which the browser came back last."""
        return self.origin + next(path for path in reversed(self.seen) if path.startswith("/callback"))

    def close(self) -> None:
        self._write({"step": "end"})
        self.process.communicate(timeout=30)
        self.web.shutdown()
        self.web.server_close()

    def _write(self, message: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()


@pytest.fixture(scope="module")
def node_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client with its packages, installed by the lock file outside the clone."""
    need(shutil.which("node") and shutil.which("npm"), "Node.js with npm")
    need(CHROMIUM, "Chromium")
    project = tmp_path_factory.mktemp("node_oidc")
    for name in ("package.json", "package-lock.json", "party.mjs"):
        shutil.copy(PROJECT / name, project)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
        cwd=project, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    need(done.returncode == 0, "openid-client from npm")
    return project


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, node_project: Path) -> Iterator[Gateway]:
    """The whole program on a free port, under a host name: bare addresses have no passkeys."""
    assert node_project.is_dir()
    port = free_port()
    directory = tmp_path_factory.mktemp("openid")
    with gateway(directory, pupils=100, worker=True, public_url=f"http://localhost:{port}") as found:
        found.grant("library")
        server = BackgroundServer(found.app, host="127.0.0.1", port=port)
        yield found
        server.close()


@pytest.fixture(scope="module")
def party(world: Gateway, node_project: Path) -> Iterator[Party]:
    found = Party(node_project, world)
    yield found
    found.close()


@pytest.fixture(scope="module")
def chromium(world: Gateway) -> Iterator[Browser]:
    assert world.clients
    with launched() as browser:
        yield browser


def activation(world: Gateway) -> MadeActivation:
    """Return what the school hands to a guardian."""
    services = world.process.services
    assert services.families is not None
    registrar = services.accounts.principal_of_session(world.person("registrar"))
    return services.families.activations.make(SubjectRef(some_pupil(services)), BondKind.GUARDIAN, registrar)


def look(page: Page, name: str) -> None:
    """No page of the sign-in is wider than a phone."""
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"sign-in-{name}.png"), full_page=True)


def with_passkey(page: Page, world: Gateway) -> None:
    """Activate a guardian's account, add a passkey, and sign out."""
    made = activation(world)
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    page.goto(made.link)
    page.fill("#f-code", made.code)
    follow(page, "#activation button")
    page.fill("#f-name", "测试手机")
    page.click("form[data-passkey=create] button")
    page.wait_for_selector("main dd:has-text('测试手机')")
    follow(page, "header .person button")
    page.wait_for_selector("form[data-passkey=get]")


def test_a_guardian_signs_in_with_a_passkey_at_an_unmodified_relying_party(
    world: Gateway, party: Party, chromium: Browser
) -> None:
    """Discovery, PAR, PKCE, private_key_jwt, DPoP, ID token, userinfo, silent and fresh sign-ins, refusal, sign-out."""
    context = chromium.new_context(locale="zh-CN", viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(45_000)
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text) if "Content Security" in message.text else None)
    with_passkey(page, world)

    # the first time: passkey, consent, and back across two origins
    page.goto(party.address())
    page.click("form[data-passkey=get] button")
    page.wait_for_selector("#claims")
    look(page, "consent")
    shown = page.inner_text("main")
    for words in ("示例图书馆", "示例借阅系统", "学生身份核验", "学校名称", "年满6周岁"):
        assert words in shown
    page.click("button:has-text('同意并登录')")
    page.wait_for_selector("#home")
    assert page.url == f"http://localhost:{party.port}/home"
    first = party.do("callback", url=party.answer())
    assert (first["token_type"], first["expires_in"], first["scope"]) == ("dpop", 300, "openid"), first
    claims = first["claims"]
    assert (claims["iss"], claims["aud"], claims["age_over_6"]) == (world.settings.public_url, party.id, True)
    told = party.do("userinfo")["claims"]
    assert set(told) == {"sub", "stage", "school_name"}
    assert told["school_name"] in shown

    # silently, and then with a fresh sign-in, without another consent
    page.goto(party.address(prompt="none"))
    page.wait_for_selector("#home")
    assert party.do("callback", url=party.answer())["claims"]["sub"] == claims["sub"]
    page.goto(party.address(prompt="login"))
    page.wait_for_selector("button:has-text('重新登录')")
    look(page, "again")
    follow(page, "button:has-text('重新登录')")
    page.click("form[data-passkey=get] button")
    page.wait_for_selector("#home")
    fresh = party.do("callback", url=party.answer(), maxAge=60)["claims"]
    assert (fresh["sub"], fresh["auth_time"] >= claims["auth_time"]) == (claims["sub"], True)

    # more is wanted: the person is asked, and declines
    page.goto(party.address(claims=WIDER))
    page.wait_for_selector("#claims")
    page.click("button:text-matches('^不同意')")
    page.wait_for_selector("#home")
    assert party.do("callback", url=party.answer())["error"] == "access_denied"

    # sign out: the person is asked, the token ends, the browser comes back
    leaving = party.do("logout")
    page.goto(leaving["url"])
    page.wait_for_selector("main button:has-text('退出')")
    look(page, "sign-out")
    page.click("main button:has-text('退出')")
    page.wait_for_selector("#home")
    assert f"/bye?state={leaving['state']}" in party.seen
    assert party.do("userinfo")["status"] == 401
    page.goto(party.address(prompt="none"))
    page.wait_for_selector("#home")
    assert party.do("callback", url=party.answer())["error"] == "login_required"

    # withdraw: what was told once is told no more, and who consents again is somebody new
    page.goto(party.address())
    page.click("form[data-passkey=get] button")
    page.wait_for_selector("#home")
    assert party.do("callback", url=party.answer())["claims"]["sub"] == claims["sub"]
    page.goto(f"{world.settings.public_url}/family/consents")
    page.wait_for_selector("button:has-text('撤回')")
    look(page, "consents")
    page.click("button:has-text('撤回')")
    page.wait_for_selector("text=没有授权同意")
    assert party.do("userinfo")["status"] == 401
    page.goto(party.address())
    page.click("button:has-text('同意并登录')")
    page.wait_for_selector("#home")
    assert party.do("callback", url=party.answer())["claims"]["sub"] != claims["sub"]
    party.do("revoke")
    assert party.do("userinfo")["status"] == 401

    assert blocked == []
    context.close()


def test_a_frame_of_another_site_never_holds_the_consent_page(world: Gateway, party: Party, chromium: Browser) -> None:
    """A real browser shows nothing of the dialog inside a page of the relying party, and says why."""
    context = chromium.new_context(viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{party.origin}/home")
    framed = "url => { const f = document.createElement('iframe'); f.src = url; document.body.append(f) }"
    with page.expect_console_message(lambda said: "frame-ancestors" in said.text and "localhost" in said.text):
        page.evaluate(framed, party.address())
    assert world.settings.public_url not in {frame.url.split("/sign-in", 1)[0] for frame in page.frames}
    context.close()
