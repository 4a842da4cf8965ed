"""Alerts in the shell: the host looks, a session acts, and two people suppress what is of high severity."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from click.testing import CliRunner, Result

from gateway.audit.records import SearchQuery
from gateway.cli import cli
from gateway.cli.officer_session import signed_in
from gateway.demo.server import BackgroundServer
from gateway.errors import GatewayError, ParameterError, UnavailableError
from gateway.remote import UnexpectedAnswerError
from tests.factories.api import Gateway, gateway

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with an alert of medium and one of high severity."""
    with gateway(tmp_path_factory.mktemp("alerts-shell")) as found:
        for _ in range(5):
            found.call("POST", "/v1/sessions", {"username": "applicant-library", "password": "wrong"})
        beyond = {"format": "csv", "fields": ["pseudonym", "birth_month"]}
        path = f"/v1/grants/{found.grant('bus')}/extracts"
        assert found.call("POST", path, beyond, token=found.client("bus")).status_code == 403
        found.work()
        yield found


@pytest.fixture(scope="module")
def address(world: Gateway) -> Iterator[str]:
    server = BackgroundServer(world.app, host="127.0.0.1", port=0)
    yield f"http://127.0.0.1:{server.port}"
    server.close()


def invoke(world: Gateway, *words: str, typed: str = "") -> Result:
    environment = {
        "XUEJI_PUBLIC_URL": world.settings.public_url,
        "XUEJI_LOG_ORIGIN": world.settings.log_origin,
        "XUEJI_CONFIG": str(world.settings.config),
    }
    return CliRunner(env=environment).invoke(cli, ["--home", str(world.settings.home), "alerts", *words], input=typed)


@pytest.fixture
def run(world: Gateway, address: str, tmp_path: Path) -> Run:
    """Return a call of the shell in the session of an officer; ``as_json`` gives what it printed as JSON."""

    def call(who: str, *words: str, as_json: bool = True) -> Any:  # noqa: ANN401  JSON
        token = tmp_path / who
        token.write_text(f"{world.person(who)}\n", encoding="utf-8")
        done = invoke(world, "--url", address, "--session", str(token), *words, *(["--json"] if as_json else []))
        if done.exception is not None:
            raise done.exception
        return json.loads(done.stdout) if as_json else done.stdout

    return call


def later(world: Gateway) -> str:
    return (world.process.services.now() + timedelta(days=3)).date().isoformat()


@pytest.mark.rule("A50-11")
@pytest.mark.rule("A50-16")
def test_two_people_suppress_and_one_handles_in_sessions_of_their_own(world: Gateway, run: Run) -> None:
    (alert,) = run("recorder", "list", "--rule", "scope-breach", "--owner", "data_officer", "--unit", "140000")["items"]
    asked = ("suppressions", "request", alert["id"], "--until", later(world), "--reason")
    with pytest.raises(UnexpectedAnswerError) as refused:
        run("recorder", *asked, "学籍号 140105200801010011")
    assert (refused.value.rule, refused.value.missing) == ("A50-8", ("reason",))
    made = run("recorder", *asked, "联调测试，已备案。")
    assert (made["state"], made["label"]) == ("waiting", "超出申请使用范围")
    with pytest.raises(UnexpectedAnswerError) as refused:
        run("recorder", "suppressions", "approve", made["id"])
    assert (refused.value.rule, "不得自行确认" in refused.value.detail_zh) == ("A50-11", True)
    assert run("confirmer", "suppressions", "approve", made["id"])["state"] == "active"
    assert "联调测试，已备案。" in run("inspector", "suppressions", "list", as_json=False)
    assert "lifted" in run("recorder", "suppressions", "end", made["id"], as_json=False)
    assert run("inspector", "suppressions", "list")["items"] == []
    assert [one["state"] for one in run("inspector", "suppressions", "list", "--all")["items"]] == ["lifted"]

    with pytest.raises(UnexpectedAnswerError):
        run("secadmin", "acknowledge", alert["id"])  # another role answers
    assert run("recorder", "acknowledge", alert["id"])["state"] == "acknowledged"
    moved = run("recorder", "reassign", alert["id"], "--owner", "approving_officer", "--comment", "请批准人核查。")
    assert (moved["state"], moved["owner"]) == ("open", "approving_officer")
    run("approver", "acknowledge", alert["id"], "--comment", "已接手。")
    closed = run("approver", "close", alert["id"], "--finding", "handled", "--comment", "已处置。", as_json=False)
    assert "\tclosed\t" in closed
    shown = run("inspector", "show", alert["id"])
    assert [one["act"] for one in shown["history"]] == [
        "raised", "acknowledged", "reassigned", "acknowledged", "closed",
    ]  # fmt: skip


@pytest.mark.rule("A50-16")
def test_somebody_signs_in_acts_and_the_session_is_over(world: Gateway, address: str) -> None:
    one = world.officers["sysadmin"]
    assert one.totp_secret is not None
    wrong = invoke(world, "--url", address, "--user", one.username, "list", typed="wrong\n\n")
    assert isinstance(wrong.exception, UnexpectedAnswerError)
    typed = f"{one.password}\n{pyotp.TOTP(one.totp_secret).now()}\n"
    told = invoke(world, "--url", address, "--user", one.username, "list", typed=typed)
    assert told.exit_code == 0, told.output
    assert one.password not in told.output
    world.work()
    ended = world.process.services.audit.found(SearchQuery(kind="account.logout")).entries
    assert len(ended) == 1


def test_the_host_lists_shows_and_watches_and_does_not_act(world: Gateway) -> None:
    account = world.process.services.accounts.principal_of_session(world.person("secadmin")).account
    told = invoke(world, "--as", account, "list", "--rule", "failed-sign-ins", "--json")
    (alert,) = json.loads(told.stdout)["items"]
    listed = invoke(world, "--as", account, "list").output
    assert ("1 条预警" in listed, alert["id"] in listed) == (True, True)
    assert invoke(world, "--as", account, "show", alert["id"]).output.count("account.login_failed") == 5
    assert alert["id"] in invoke(world, "--as", account, "watch", "--rounds", "1").output
    assert "0 条预警" in invoke(world, "--as", account, "list", "--overdue").output
    body = {"until": later(world), "reason": "已通知更换密码。"}
    made = world.call("POST", f"/v1/alerts/{alert['id']}/suppression", body, token=world.person("secadmin"))
    held = invoke(world, "--as", account, "suppressions").output
    assert made.get_json()["id"] in held
    assert "未提醒 not raised ×0 (0)\t已通知更换密码。" in held
    assert "1 项暂停" in held
    for words in (
        ("list",),
        ("--as", account, "acknowledge", alert["id"]),
        ("--as", account, "suppressions", "end", made.get_json()["id"]),
        ("--as", account, "--url", "https://gateway.example", "list"),
        ("--url", "https://gateway.example", "list"),
    ):
        assert invoke(world, *words).exit_code == 2, words
    assert isinstance(invoke(world, "--as", account, "list", "--unit", "太原").exception, ParameterError)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://gateway.example", ParameterError),
        ("ftp://127.0.0.1", ParameterError),
        ("http://127.0.0.1:9", UnavailableError),
    ],
)
def test_no_password_goes_out_in_clear_and_an_address_without_a_gateway_is_told(
    url: str, error: type[GatewayError], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("x", encoding="utf-8")
    with pytest.raises(error), signed_in(url, None, token) as session:
        session.call("GET", "/v1/alerts")
