"""Problems: each has a stable type that leads to an explanation; none says anything about a pupil."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from gateway import problems
from gateway.demo.server import BackgroundServer
from gateway.errors import GatewayError
from gateway.incidents import report
from gateway.problems import ADVICE, CATALOGUE, TABLE
from gateway.remote import Caller
from tests.factories.api import Gateway, gateway

SENTINEL_ID = "140105201501012234"
SENTINEL_NAME = "欧阳测试哨兵"
SENTINEL_PHONE = "13835190001"
SENTINELS = (SENTINEL_ID, SENTINEL_NAME, SENTINEL_PHONE)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("problems"), pupils=120) as found:
        yield found


def test_every_problem_has_one_name_one_status_and_advice_in_both_languages() -> None:
    assert set(ADVICE) == set(CATALOGUE)
    kinds = {*problems.UNSTARTED, *TABLE.values()}
    assert len({kind.name for kind in kinds}) == len(kinds)
    for name, kind in CATALOGUE.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert 400 <= kind.status < 600
        assert re.search(r"[\u4e00-\u9fff]", kind.title_zh)
        assert re.search(r"[\u4e00-\u9fff]", ADVICE[name][0])
        assert ADVICE[name][1].isascii() or "…" in ADVICE[name][1]


def test_every_error_of_every_room_finds_its_problem() -> None:
    def below(kind: type[Exception]) -> Iterator[type[Exception]]:
        yield kind
        for child in kind.__subclasses__():
            yield from below(child)

    for error in below(GatewayError):
        assert any(parent in TABLE for parent in error.__mro__), error


def test_the_type_of_a_problem_leads_to_its_explanation(world: Gateway) -> None:
    refused = world.call("GET", "/v1/applications").get_json()
    explained = world.call("GET", refused["type"])
    assert explained.status_code == 200
    assert (explained.mimetype, explained.get_json()["type"]) == ("application/json", refused["type"])
    page = world.call("GET", refused["type"], headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.mimetype == "text/html"
    assert CATALOGUE["unauthenticated"].title_zh in page.text
    assert ADVICE["unauthenticated"][0] in page.text
    assert world.call("GET", "/problems/nothing").status_code == 404
    listed = world.call("GET", "/problems").get_json()["items"]
    assert [one["type"] for one in listed] == [f"/problems/{name}" for name in CATALOGUE]


def provoke(send: Any) -> list[Any]:  # noqa: ANN401
    """Send what fails, with the sentinels wherever a caller can put them."""
    answers = []
    for sentinel in SENTINELS:
        answers += [
            send("GET", f"/v1/applications/{sentinel}", None),
            send("GET", f"/v1/registry/students/{sentinel}/subject", None),
            send("GET", f"/v1/audit/entries?kind={sentinel}&limit=x", None),
            send("GET", f"/v1/registry/students?school={sentinel}&reason={sentinel}", None),
            send("POST", f"/v1/applications/{sentinel}/basis", {"ground": {"kind": sentinel}}),
            send("POST", "/v1/applications", {sentinel: sentinel, "reason": [sentinel]}),
            send("POST", "/v1/sessions", {"username": sentinel, "password": sentinel}),
            send("POST", "/v1/identity/offers", {"subject_ref": sentinel}),
            send("POST", "/v1/identity/credentials", {"proofs": {"jwt": [sentinel]}, "format": sentinel}),
            send(
                "POST",
                "/v1/identity/verifications",
                {"presentation": sentinel, "audience": sentinel, "nonce": sentinel, "claims": ["stage"]},
            ),
            send("DELETE", f"/v1/{sentinel}", None),
        ]
    return answers


def test_no_failure_repeats_an_id_number_a_name_or_a_phone(world: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    """I7: bodies, headers and log lines, over a real server."""

    server = BackgroundServer(world.app, host="127.0.0.1", port=0)
    try:
        with caplog.at_level(logging.DEBUG):
            for token in (world.person("recorder"), world.person("registrar"), world.client("library"), None):
                caller = Caller(f"http://127.0.0.1:{server.port}", token)

                def send(method: str, path: str, body: object, caller: Caller = caller) -> Any:  # noqa: ANN401
                    import json
                    import urllib.request

                    from gateway.remote import send as sent

                    address = caller.base + urllib.parse.quote(path, safe="/?=&")
                    data = None if body is None else json.dumps(body).encode()
                    request = urllib.request.Request(address, data=data, method=method)
                    request.add_header("Content-Type", "application/json")
                    if caller.token is not None:
                        request.add_header("Authorization", f"Bearer {caller.token}")
                    return sent(request)

                answers = provoke(send)
                assert all(answer.status >= 400 for answer in answers)
                for answer in answers:
                    assert answer.status != 500
                    told = answer.body.decode() + repr(sorted(answer.headers.items()))
                    assert not any(sentinel in told for sentinel in SENTINELS), told
                    assert not any(ascii(sentinel)[1:-1] in told for sentinel in SENTINELS), told
    finally:
        server.close()
    lines = [record.getMessage() for record in caplog.records]
    lines += [record.exc_text or "" for record in caplog.records]
    for line in lines:
        assert not any(sentinel in line for sentinel in SENTINELS), line


def test_no_answer_to_a_registrar_or_officer_holds_a_clear_identifier_of_the_register(world: Gateway) -> None:
    assert world.source is not None
    numbers = set(world.source["id_number"].drop_nulls()) | set(world.source["member1_phone"].drop_nulls())
    school = world.source["school_code"][0]
    answer = world.call("GET", f"/v1/registry/students?school={school}&reason=check", token=world.person("registrar"))
    assert answer.status_code == 200
    assert answer.get_json()["items"]
    assert not any(number in answer.text for number in numbers)


def test_an_unexpected_error_is_a_bare_500_and_its_text_is_nowhere(
    world: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def choke(*_arguments: object) -> None:
        try:
            int(f"cannot parse {SENTINEL_NAME}")
        except ValueError as error:
            raise RuntimeError(f"{SENTINEL_ID} {SENTINEL_PHONE}") from error

    monkeypatch.setattr(type(world.process.services.applications), "public_register", choke)
    with caplog.at_level(logging.DEBUG):
        answer = world.call("GET", "/v1/register")
    assert answer.status_code == 500
    told = answer.get_json()
    assert set(told) == {"type", "title", "status", "incident"}
    assert not any(sentinel in answer.text + caplog.text for sentinel in SENTINELS)
    line = next(one for one in caplog.records if told["incident"] in one.getMessage())
    assert "builtins.RuntimeError" in line.getMessage()
    assert "builtins.ValueError" in line.getMessage()
    assert "choke" in line.getMessage()
    assert line.exc_info is None


def test_a_body_that_breaks_off_leaves_no_text_in_the_log_of_the_server(
    world: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    from gateway.app import _Quiet

    closed: list[bool] = []

    class Breaking:
        def __iter__(self) -> Iterator[bytes]:
            yield b"first"
            raise RuntimeError(SENTINEL_ID)

        def close(self) -> None:
            closed.append(True)

    def application(_environ: Any, start: Any) -> Any:  # noqa: ANN401
        start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "100")])
        return Breaking()

    import http.client

    import waitress

    server = waitress.create_server(_Quiet(application), host="127.0.0.1", port=0)
    from threading import Thread

    def run() -> None:
        with suppress(OSError):  # the loop waits on the socket that is closed at the end
            server.run()

    Thread(target=run, daemon=True).start()
    with caplog.at_level(logging.DEBUG):
        connection = http.client.HTTPConnection("127.0.0.1", server.effective_port, timeout=10)
        connection.request("GET", "/")
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            connection.getresponse().read()
        connection.close()
    server.close()
    assert closed == [True]
    assert "incident" in caplog.text
    assert SENTINEL_ID not in caplog.text


def test_an_incident_line_has_kind_and_place_only(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int(SENTINEL_NAME)
    incident = report("here", caught.value)
    assert re.fullmatch(r"[0-9a-f]{12}", incident)
    assert "builtins.ValueError" in caplog.text
    assert SENTINEL_NAME not in caplog.text
