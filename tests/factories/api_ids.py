"""Ids that lead to something, found through the API itself: no test has to know the rooms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import pyotp
from limits import parse

from gateway.api import limits
from tests.factories.api import Gateway

LOOKERS = ("inspector", "recorder", "secadmin", "registrar", "applicant-bus", "sysadmin")
_PARAMETER = re.compile(r"\{(\w+)\}")
_ID_MEMBERS = ("id", "code", "account", "index", "student_id", "number", "scan_id", "name")


def make_something(world: Gateway) -> dict[str, str]:
    """Take an application to a grant with an extract, and leave another in the middle; return their ids."""
    grant = world.grant("bus")
    shown = world.call("GET", f"/v1/grants/{grant}", token=world.person("recorder")).get_json()
    extract = world.call("POST", f"/v1/grants/{grant}/extracts", {"format": "csv"}, token=world.client("bus"))
    assert extract.status_code == 202, extract.text
    for _ in range(5):
        world.call("POST", "/v1/sessions", {"username": "applicant-library", "password": "wrong"})
    _work(world)
    return {"grant_id": grant, "application_id": shown["application"], "extract_id": extract.get_json()["id"]}


def _work(world: Gateway) -> None:
    """Let the worker do what waits, unless it runs already."""
    worker = world.process.worker
    assert worker is not None
    if worker.running:
        import time

        deadline = time.monotonic() + 60
        alerts = world.process.services.alerts
        assert alerts is not None
        while not alerts.gauges() and time.monotonic() < deadline:
            time.sleep(0.1)
        return
    for _ in range(40):
        if not worker.round():
            break


def harvest(world: Gateway) -> dict[str, dict[str, Any]]:
    """Return path template -> parameters that lead to something, for every path of the document with parameters.

    What the lists show is taken: the parameter of ``/v1/things/{thing_id}/parts`` from the items of ``/v1/things``.
    """
    known: dict[str, Any] = {**make_something(world), **_pupil(world), "index": 1}
    # an account that is none of the callers: everybody may see their own
    known["account_id"] = str(world.process.services.accounts.principal_of_session(world.person("executor")).account)
    document = world.call("GET", "/openapi.json").get_json()
    paths = [path for path, methods in document["paths"].items() if "{" in path]
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(paths, key=lambda one: one.count("{")):
        filled: dict[str, Any] = {}
        for parameter in _PARAMETER.findall(path):
            before, whole, _after = path.partition(f"/{{{parameter}}}")
            value = known.get(parameter)
            if value is None and whole:  # a parameter that is part of a segment names no item
                value = _first_of(world, before.format(**filled))
            if value is None:
                break
            filled[parameter] = value
        else:
            found[path] = filled
    return found


def _pupil(world: Gateway) -> dict[str, str]:
    """Return the id of a pupil's record, where there are pupils."""
    if world.source is None:
        return {}
    query = {"school": str(world.source["school_code"][0]), "reason": "测试用途"}
    answer = world.call("GET", "/v1/registry/students", token=world.person("registrar"), query_string=query)
    assert answer.status_code == 200, answer.text
    return {"student_id": answer.get_json()["items"][0]["student_id"]}


def _first_of(world: Gateway, path: str) -> str | int | None:
    """Return the id of the first item that somebody sees in the list at ``path``."""
    for name in LOOKERS:
        for query in ({}, {"unit": "140000"}):
            answer = world.call("GET", path, token=world.person(name), query_string=query)
            if answer.status_code != 200 or not answer.is_json:
                continue
            items = answer.get_json().get("items") if isinstance(answer.get_json(), dict) else None
            for item in items or []:
                for member in _ID_MEMBERS:
                    if isinstance(item.get(member), str | int) and not isinstance(item.get(member), bool):
                        value: str | int = item[member]
                        return value
    return None


def open_account(world: Gateway, username: str, roles: list[str], unit: str) -> str:
    """Open an account of another unit and return a session of it: its first password is changed, as it must be."""
    body = {
        "username": username,
        "name": f"测试·{username}",
        "roles": roles,
        "unit": unit,
        "post": "测试",
        "acknowledged_on_paper": True,
    }
    made = world.call("POST", "/v1/accounts", body, token=world.person("secadmin"))
    assert made.status_code == 201, made.text
    shown = made.get_json()
    first = {"username": username, "password": shown["password"]}
    if shown.get("totp_secret"):
        first["totp"] = pyotp.TOTP(shown["totp_secret"]).now()
    session = world.call("POST", "/v1/sessions", first)
    assert session.status_code == 201, session.text
    token = str(session.get_json()["token"])
    change = {"old": shown["password"], "new": "huanghe-lvliang-fenjiu-73"}
    changed = world.call("POST", "/v1/me/password", change, token=token)
    assert changed.status_code == 200, changed.text
    token = str(changed.get_json()["token"])  # the change ends the old session
    assert world.call("GET", "/v1/me/permissions", token=token).status_code == 200
    return token


@contextmanager
def without_limits() -> Iterator[None]:
    """Lift every rate limit: a sweep sends more than any caller may, and a 429 would prove nothing."""
    plenty = parse("1000000 per minute")
    with ExitStack() as stack:
        for name in ("PER_ADDRESS", "PER_CALLER", "PER_RECIPIENT"):
            stack.enter_context(patch.object(limits, name, plenty))
        for table in (limits.STRICT, limits.STRICT_OF_CALLER):
            stack.enter_context(patch.dict(table, dict.fromkeys(table, plenty)))
        yield
