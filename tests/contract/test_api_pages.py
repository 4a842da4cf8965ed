"""What every answer carries, what tells the state of the program, and the page that explains the API."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from gateway.api import access
from gateway.api.identity import PUBLISHED_SECONDS
from gateway.csp import CSP
from gateway.identity.holder import fetch_batch
from gateway.problems import CATALOGUE
from tests.factories.api import Gateway, gateway
from tests.factories.wallets import offer_of, sender

PATHS = (
    "/healthz",
    "/v1/register",
    "/v1/applications",
    "/nothing",
    "/docs",
    "/docs/static/api.css",
    "/problems",
    "/oauth/jwks.json",
    "/log/checkpoint",
    "/openapi.json",
    "/v1/identity/jwks.json",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("pages"), pupils=120) as found:
        yield found


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
def test_every_answer_carries_the_security_headers_and_no_permission_for_other_sites(
    world: Gateway, path: str, method: str
) -> None:
    answer = world.call(method, path, headers={"Origin": "https://evil.example"})
    headers = answer.headers
    assert headers["Content-Security-Policy"] == CSP
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"]
    assert re.fullmatch(r"[0-9a-f]{16}", headers["Xueji-Request"])
    assert not [name for name, _ in headers if name.lower().startswith("access-control-")]
    assert "Server" not in headers or "Werkzeug" not in headers["Server"]


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert "unsafe" not in CSP
    assert "http" not in CSP
    assert CSP.startswith("default-src 'none'")


def test_the_api_sets_no_cookie(world: Gateway) -> None:
    one = world.officers["recorder"]
    for answer in (
        world.call("GET", "/v1/register"),
        world.call("POST", "/v1/sessions", {"username": one.username, "password": "wrong"}),
        world.call("GET", "/v1/me/permissions", token=world.person("inspector")),
    ):
        assert "Set-Cookie" not in answer.headers


def test_a_session_cookie_is_not_for_scripts_nor_for_other_sites(world: Gateway) -> None:
    page = world.call("GET", "/login")
    cookies = page.headers.getlist("Set-Cookie")
    assert cookies
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie


def test_ready_tells_each_part(world: Gateway) -> None:
    answer = world.call("GET", "/readyz")
    assert answer.status_code == 200
    parts = answer.get_json()["parts"]
    assert set(parts) >= {"gateway_database", "registry_database", "rate_limit_store", "audit_log", "log_key"}
    assert set(parts.values()) == {"ok"}


def test_ready_says_which_part_is_gone(world: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.errors import UnavailableError

    def gone(_self: object) -> str:
        raise UnavailableError("gone")

    monkeypatch.setattr(type(world.process.services.publisher), "checkpoint", gone)
    answer = world.call("GET", "/readyz")
    assert (answer.status_code, answer.get_json()["status"]) == (503, "unavailable")
    assert answer.get_json()["parts"]["audit_log"] == "UnavailableError"
    told = world.call("GET", "/metrics").text
    assert 'xueji_up{part="audit_log"} 0' in told
    assert "xueji_log_entries" not in told


def test_a_checkpoint_of_a_stranger_is_not_ready(world: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    note = world.process.services.publisher.checkpoint()
    stranger = re.sub(r"\n— [^\n]+\n", "\n— stranger.example AAAAAAAA\n", note)
    monkeypatch.setattr(type(world.process.services.publisher), "checkpoint", lambda _self: stranger)
    parts = world.call("GET", "/readyz").get_json()["parts"]
    assert parts["audit_log"] != "ok"


def test_metrics_count_by_endpoint_and_hold_nothing_that_was_sent(world: Gateway) -> None:
    def count(endpoint: str, status: str) -> int:
        told = world.call("GET", "/metrics").text
        found = re.search(rf'xueji_requests_total{{endpoint="{re.escape(endpoint)}",status="{status}"}} (\d+)', told)
        return int(found.group(1)) if found else 0

    before = count("applications.get_application", "4xx")
    for _ in range(3):
        world.call("GET", "/v1/applications/14010520150101223X", token=world.person("recorder"))
    world.call("GET", "/v1/14010520150101223X")
    assert count("applications.get_application", "4xx") == before + 3
    answer = world.call("GET", "/metrics")
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert "14010520150101223X" not in answer.text
    for line in answer.text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) .+|[a-z_]+(\{([a-z]+="[A-Za-z0-9_.]+",?)+\})? \d+', line), line
    size = re.search(r"^xueji_log_entries (\d+)$", answer.text, re.MULTILINE)
    assert size is not None
    assert int(size.group(1)) >= 5


def test_the_docs_show_every_operation_without_script_style_or_other_sites(world: Gateway) -> None:
    document = world.call("GET", "/openapi.json").get_json()
    page = world.call("GET", "/docs")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in page.text, path
    for name in document["components"]["schemas"]:
        assert f'id="{name}"' in page.text
    for name in CATALOGUE:
        assert f'href="/problems/{name}"' in page.text
    assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=|javascript:", page.text)
    assert not re.findall(r'(?:src|href)="(?!/|#)', page.text)
    targets = set(re.findall(r'href="#([^"]+)"', page.text))
    assert targets <= set(re.findall(r'id="([^"]+)"', page.text))
    sheet = world.call("GET", "/docs/static/api.css")
    assert (sheet.status_code, sheet.mimetype) == (200, "text/css")
    assert "url(" not in sheet.text


def test_lists_of_open_endpoints_name_endpoints_that_exist(world: Gateway) -> None:
    named = access.OPEN | access.SESSION | access.LARGE
    assert named <= set(world.app.view_functions)


def test_every_other_endpoint_of_the_api_is_closed_to_strangers(world: Gateway) -> None:
    checked = 0
    for rule in world.app.url_map.iter_rules():
        if rule.endpoint in access.OPEN or rule.endpoint.startswith(
            ("console.", "oauth.", "oidc.", "openapi.", "wallets.", "presentation_wallets.")
        ):
            continue
        path = re.sub(r"<int:[^>]+>", "1", rule.rule)
        path = re.sub(r"<[^>]+>", "x", path)
        for method in (rule.methods or set()) - {"OPTIONS"}:
            assert world.call(method, path).status_code == 401, rule.endpoint
            checked += 1
    assert checked > 35


def test_a_status_list_is_cached_for_no_longer_than_a_revocation_may_take(world: Gateway) -> None:
    offer = offer_of(world)
    now = world.process.services.now
    batch = fetch_batch(offer["link"], offer["tx_code"], 1, send=sender(world.app), now=now)

    import base64
    import json

    payload = batch.credentials[0].split(".")[1]
    status = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["status"]["status_list"]
    path = status["uri"].removeprefix(world.settings.public_url)
    answer = world.call("GET", path)
    assert answer.headers["Cache-Control"] == f"public, max-age={PUBLISHED_SECONDS}"
    assert PUBLISHED_SECONDS == 60
    again = world.call("GET", path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
