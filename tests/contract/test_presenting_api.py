"""Presentations through the front doors: a relying party's system, the counter's page, and a wallet over HTTP."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway.demo import people
from gateway.identity import jws
from gateway.identity.holder import Wallet
from tests.factories.api import Gateway, gateway
from tests.factories.presenting import encrypted, some_pupil, wallet_of, wanted

ASK = {"claims": ["stage", "age_over_6"], "response_mode": "direct_post"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("presenting"), pupils=100, worker=True) as found:
        found.grant("library")
        yield found


@pytest.fixture(scope="module")
def wallet(world: Gateway) -> Wallet:
    services = world.process.services
    registrar = services.accounts.principal_of_session(world.person("registrar"))
    return wallet_of(services, registrar, some_pupil(services), 10)


@pytest.fixture(scope="module")
def counter(world: Gateway) -> FlaskClient:
    """The browser of a tablet at the counter."""
    made, browser = world.officers["applicant-library"], world.app.test_client()
    page = browser.get("/login").text
    form = {"csrf": csrf(page), "username": made.username, "password": made.password, "totp": code_of(made)}
    assert browser.post("/login", data=form).status_code == 302
    return browser


def code_of(officer: people.Officer) -> str:
    return "" if officer.totp_secret is None else pyotp.TOTP(officer.totp_secret).at(int(time.time()) + 30)


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found.group(1)


def path_of(world: Gateway, address: str) -> str:
    return address.removeprefix(world.settings.public_url)


def request_at(world: Gateway, identifier: str) -> dict[str, Any]:
    answer = world.call("GET", f"/v1/identity/presentations/{identifier}/request")
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "application/oauth-authz-req+jwt"
    assert answer.headers["Cache-Control"] == "no-store"
    return dict(jws.parse(answer.text).payload)


def shown(world: Gateway, wallet: Wallet, request: dict[str, Any]) -> dict[str, str]:
    now = world.process.services.now()
    one = wallet.present(wanted(request), audience=request["client_id"], nonce=request["nonce"], now=now)
    token = {"student": [one]}
    if request["response_mode"] == "direct_post.jwt":
        return {"response": encrypted(request, {"vp_token": token, "state": request["state"]})}
    return {"vp_token": json.dumps(token), "state": request["state"]}


def send(world: Gateway, request: dict[str, Any], form: dict[str, str]) -> TestResponse:
    return world.call("POST", path_of(world, request["response_uri"]), data=form)


def test_a_system_asks_a_wallet_answers_and_the_answer_is_told_once(world: Gateway, wallet: Wallet) -> None:
    token = world.client("library")
    made = world.call("POST", "/v1/identity/presentations", ASK, token=token)
    assert made.status_code == 201, made.text
    told = made.get_json()
    path = f"/v1/identity/presentations/{told['id']}"
    assert told["request_uri"] == f"{world.settings.public_url}{path}/request"
    assert (told["purpose"], told["purpose_zh"]) == ("identity-verification", "学生身份核验")
    assert world.call("GET", path, token=token).get_json()["state"] == "waiting"
    request = request_at(world, told["id"])
    assert request["client_metadata"]["client_name"] == "示例图书馆"
    assert world.call("GET", path, token=token).get_json()["state"] == "fetched"
    assert world.call("GET", path, token=world.client("bus")).status_code == 404
    answer = send(world, request, shown(world, wallet, request))
    assert (answer.status_code, answer.get_json()) == (200, {})
    first, second = (world.call("GET", path, token=token).get_json() for _ in range(2))
    assert first["claims"]["age_over_6"] is True
    assert set(first["claims"]) == {"stage", "age_over_6"}
    assert (second["state"], second["claims"], second["read"]) == ("answered", None, True)


def test_a_wallet_is_told_the_same_of_every_failure(world: Gateway, wallet: Wallet) -> None:
    token, seen = world.client("library"), set()
    made = [world.call("POST", "/v1/identity/presentations", ASK, token=token).get_json() for _ in range(4)]
    first, second, third, fourth = (request_at(world, one["id"]) for one in made)
    good = shown(world, wallet, first)
    for answer in (
        send(world, first, {**good, "state": "x"}),
        send(world, second, {**good, "state": second["state"]}),
        send(world, second, {**good, "state": second["state"]}),
        send(world, third, {"vp_token": "{}", "state": third["state"]}),
        send(world, fourth, {}),
        world.call("POST", path_of(world, fourth["response_uri"]), good),
        world.call("POST", f"/v1/identity/presentations/pr-{'0' * 32}/response", data=good),
        world.call("POST", "/v1/identity/presentations/none/response", data=good),
    ):
        assert answer.status_code == 400
        seen.add(answer.text)
    assert len(seen) == 1
    assert json.loads(seen.pop())["error"] == "invalid_request"
    path = f"/v1/identity/presentations/{made[1]['id']}"
    assert world.call("GET", path, token=token).get_json()["reason"] == "wrong_nonce"


def test_a_huge_body_is_refused_before_it_is_read_and_the_request_lives_on(world: Gateway, wallet: Wallet) -> None:
    made = world.call("POST", "/v1/identity/presentations", ASK, token=world.client("library")).get_json()
    request = request_at(world, made["id"])
    huge = send(world, request, {"vp_token": "x" * (200 << 10), "state": request["state"]})
    assert huge.status_code == 413
    many = send(world, request, {f"m{n}": "" for n in range(5000)})
    assert many.status_code in {400, 413}
    assert send(world, request, shown(world, wallet, request)).status_code == 200


def test_the_request_is_posted_for_with_the_wallets_nonce_and_a_bad_one_is_refused(world: Gateway) -> None:
    made = world.call("POST", "/v1/identity/presentations", ASK, token=world.client("library")).get_json()
    path = path_of(world, made["request_uri"])
    answer = world.call("POST", path, data={"wallet_nonce": "w-1", "wallet_metadata": "{}"})
    assert jws.parse(answer.text).payload["wallet_nonce"] == "w-1"
    for bad in (
        {"wallet_nonce": ["a", "b"]},
        {"wallet_nonce": "a b"},
        {"wallet_nonce": ""},
        {"wallet_nonce": "x" * 600},
    ):
        assert world.call("POST", path, data=bad).status_code == 400
    missing = world.call("GET", f"/v1/identity/presentations/pr-{'0' * 32}/request")
    last = [world.call("GET", path) for _ in range(5)][-1]
    assert (last.status_code, last.text) == (404, missing.text)


def test_without_a_grant_or_a_caller_nothing_is_asked(world: Gateway) -> None:
    beyond = {**ASK, "claims": ["age_over_14"]}
    answer = world.call("POST", "/v1/identity/presentations", beyond, token=world.client("library"))
    assert (answer.status_code, answer.get_json()["rule"]) == (403, "A50-9")
    assert world.call("POST", "/v1/identity/presentations", ASK, token=world.client("bus")).status_code == 403
    assert world.call("POST", "/v1/identity/presentations", ASK).status_code == 401
    assert world.call("POST", "/v1/identity/presentations", ASK, token=world.person("registrar")).status_code == 403
    bad = {**ASK, "response_mode": "fragment"}
    assert world.call("POST", "/v1/identity/presentations", bad, token=world.client("library")).status_code == 422


def test_the_counter_asks_shows_a_code_and_says_yes_once(world: Gateway, wallet: Wallet, counter: FlaskClient) -> None:
    page = counter.get("/verify").text
    assert "在籍" not in page
    assert "age_over_6" in page
    assert "age_over_14" not in page
    grant = re.search(r'name="grant" value="([^"]+)"', page)
    assert grant
    form = {"csrf": csrf(page), "grant": grant.group(1), "claims": ["age_over_6", "stage"]}
    made = counter.post("/verify", data=form)
    assert made.status_code == 303, made.text
    where = made.headers["Location"]
    waiting = counter.get(where).text
    assert "<svg" in waiting
    assert "请持有人用钱包扫码" in waiting
    assert counter.get(f"{where}/state").get_json()["state"] == "waiting"
    request = request_at(world, where.rsplit("/", 1)[1])
    assert counter.get(f"{where}/state").get_json()["words"]["zh"].startswith("已扫码")
    assert send(world, request, shown(world, wallet, request)).status_code == 200
    assert counter.get(f"{where}/state").get_json() == {"state": "answered", "over": True, "words": None}
    told = counter.get(where).text
    assert re.search(r'verdict-large">是', told)
    assert "下一位" in told
    again = counter.get(where).text
    assert re.search(r'verdict-large">未能确认', again)
    assert "已显示过" in again


def test_the_counter_is_told_of_a_refusal_in_words_and_no_more(world: Gateway, counter: FlaskClient) -> None:
    page = counter.get("/verify").text
    grant = re.search(r'name="grant" value="([^"]+)"', page)
    assert grant
    form = {"csrf": csrf(page), "grant": grant.group(1), "claims": ["age_over_6"]}
    where = counter.post("/verify", data=form).headers["Location"]
    request = request_at(world, where.rsplit("/", 1)[1])
    assert send(world, request, {"error": "access_denied", "state": request["state"]}).status_code == 200
    told = counter.get(where).text
    assert "未能确认" in told
    assert "持有人未同意出示" in told
    none = counter.post("/verify", data={**form, "claims": []})
    assert none.status_code == 422
    assert counter.post("/verify", data={**form, "grant": "gr-none"}).status_code == 422
    assert counter.get(f"/verify/pr-{'0' * 32}").status_code == 404


def test_the_page_is_for_those_who_verify_alone(world: Gateway) -> None:
    browser = world.app.test_client()
    assert browser.get("/verify").status_code == 302
    made = world.officers["recorder"]
    form = {"csrf": csrf(browser.get("/login").text), "username": made.username, "password": made.password}
    assert browser.post("/login", data={**form, "totp": code_of(made)}).status_code == 302
    assert browser.get("/verify").status_code == 403
    assert "/verify" not in browser.get("/").text
