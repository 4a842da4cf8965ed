"""One beyond any limit of a grant, over HTTP: refused, the dimension named, and an entry (boundary test 29)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from apiflask import APIFlask
from joserfc import jwt
from werkzeug.test import TestResponse

from gateway.app import create_app
from gateway.ids import GrantId
from gateway.policies.records import Population
from gateway.policies.scope import civil_date
from gateway.releases.records import ExtractState
from tests.factories.release_cases import CASES, CHAIN, client_of, grant_for
from tests.factories.releases import House, make_house, opened

BUS = "bus-pseudonymous"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

pytestmark = pytest.mark.rule("A50-9")


@dataclass
class Door:
    """The HTTP API of a house, and the systems of its recipients before it."""

    house: House
    app: APIFlask
    tokens: dict[str, str] = field(default_factory=dict, repr=False)

    def token(self, profile: str) -> str:
        """Return a fresh access token of the system of the recipient that was granted ``profile``."""
        client_id, key = self.house.clients[profile]
        issuer = self.house.settings.public_url
        now = int(self.house.clock().timestamp())
        claims = {"iss": client_id, "sub": client_id, "aud": issuer, "iat": now, "exp": now + 60, "jti": uuid4().hex}
        assertion = jwt.encode({"alg": "ES256", "kid": key.thumbprint()}, claims, key, algorithms=["ES256"])
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION,
            "client_assertion": assertion,
        }
        answer = self.app.test_client().post("/oauth/token", data=form, base_url=issuer)
        assert answer.status_code == 200, answer.text
        return str(answer.get_json()["access_token"])

    def call(
        self, method: str, path: str, body: object = None, *, who: str = BUS, headers: dict[str, str] | None = None
    ) -> TestResponse:
        """Send a request as the system of a recipient."""
        more: dict[str, Any] = {}
        if body is not None:
            more = {"data": json.dumps(body), "content_type": "application/json"}
        return self.app.test_client().open(
            path,
            method=method,
            headers={"Authorization": f"Bearer {self.token(who)}", **(headers or {})},
            base_url=self.house.settings.public_url,
            buffered=True,
            **more,
        )

    def ask(self, grant: GrantId, **body: object) -> TestResponse:
        """Ask for an extract."""
        return self.call("POST", f"/v1/grants/{grant}/extracts", {"format": "csv", **body})


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    for house in opened(make_house(tmp_path)):
        yield Door(house, create_app(house.services))


def refused(door: Door, answer: TestResponse, dimension: str, grant: GrantId, status: int = 403) -> None:
    """Assert that the problem names ``dimension``, and that the newest refusal has what an alert rule needs."""
    assert answer.status_code == status, answer.text
    problem = answer.get_json()
    assert problem["dimension"] == dimension
    assert dimension in problem["missing"] or "active_grant" in problem["missing"]
    assert problem["rule"].startswith("A50-")
    assert problem["detail_zh"]
    recorded(door, dimension, grant)


def recorded(door: Door, dimension: str, grant: GrantId) -> None:
    entry = door.house.entries("release.refused")[-1]
    assert entry["outcome"] == "refused"
    assert entry["facts"]["dimension"] == dimension
    assert entry["links"]["grant"] == grant
    assert set(entry["links"]) >= CHAIN - {"executor"}


def uses_left(door: Door, grant: GrantId) -> int:
    return door.house.services.applications.grant(grant).uses_left


def test_one_field_more(door: Door) -> None:
    grant = door.house.grants[BUS]
    before = uses_left(door, grant)
    fields = [*CASES[BUS].fields, "boarding"]  # the profile has it, the grant does not
    refused(door, door.ask(grant, fields=fields), "fields", grant)
    assert uses_left(door, grant) == before


def test_one_record_more(door: Door) -> None:
    whole = door.house.ready().rows
    exact = grant_for(door.house.services, CASES[BUS], row_cap=whole)
    fewer = grant_for(door.house.services, CASES[BUS], row_cap=whole - 1)
    asked = {grant: door.ask(grant).get_json()["id"] for grant in (exact, fewer)}
    door.house.work()
    assert door.call("GET", f"/v1/extracts/{asked[exact]}/content").status_code == 200
    recorded(door, "rows", fewer)  # by the worker, which is the first to count
    refused(door, door.call("GET", f"/v1/extracts/{asked[fewer]}/content"), "rows", fewer)
    shown = door.call("GET", f"/v1/extracts/{asked[fewer]}").get_json()
    assert (shown["state"], shown["failure"]) == ("failed", "TooManyRowsError")
    assert uses_left(door, fewer) == CASES[BUS].uses  # nothing left under it


def test_one_delivery_more(door: Door) -> None:
    grant = grant_for(door.house.services, CASES[BUS], uses=2)
    for _ in range(2):
        assert door.ask(grant).status_code == 202
    refused(door, door.ask(grant), "uses", grant)
    assert len(door.house.services.releases.of_grant(grant, client_of(BUS))) == 2


def test_one_day_less_and_one_day_more(door: Door) -> None:
    house = door.house
    today = civil_date(house.clock())
    grant = grant_for(
        house.services, CASES[BUS], valid_from=today + timedelta(days=1), valid_to=today + timedelta(days=2)
    )
    refused(door, door.ask(grant), "period", grant)
    house.clock.turn(days=1)
    first = door.ask(grant)
    assert first.status_code == 202
    house.work()
    house.clock.turn(days=1)
    assert door.call("GET", f"/v1/extracts/{first.get_json()['id']}/content").status_code == 200  # the last day
    house.clock.turn(days=1)
    refused(door, door.ask(grant), "period", grant)
    refused(door, door.call("GET", f"/v1/extracts/{first.get_json()['id']}/content"), "period", grant)


def test_another_recipient_learns_nothing_and_the_house_learns_of_it(door: Door) -> None:
    house = door.house
    grant, extract = house.grants[BUS], house.ready()
    stranger = "aid-masked"
    tries = [
        ("POST", f"/v1/grants/{grant}/extracts", {"format": "csv"}),
        ("GET", f"/v1/extracts/{extract.id}/content", None),
        ("HEAD", f"/v1/extracts/{extract.id}/content", None),
    ]
    for number, (method, path, body) in enumerate(tries, start=1):
        answer = door.call(method, path, body, who=stranger)
        assert answer.status_code == 404
        unknown = door.call(method, path.replace(grant, "gr-none").replace(extract.id, "ex-none"), body, who=stranger)
        if method != "HEAD":
            assert unknown.get_json() == answer.get_json()
        assert len(house.entries("release.refused")) == number
        recorded(door, "recipient", grant)
    assert not house.entries("release.intent")
    assert house.extract(extract.id).state is ExtractState.READY


def test_another_purpose(door: Door) -> None:
    grant = door.house.grants[BUS]
    refused(door, door.ask(grant, purpose="research"), "purpose", grant)
    assert door.ask(grant, purpose="school-bus").status_code == 202
    assert door.house.entries("release.requested")[-1]["facts"]["purpose"] == "school-bus"
    assert door.ask(grant, purpose="anything").status_code == 422  # no such purpose is no use of any


@pytest.mark.parametrize(
    ("beyond", "dimension"),
    [({"stages": ["senior"]}, "stages"), ({"schools": ["2114000005"]}, "schools"), ({"grades": ["16"]}, "grades")],
)
def test_pupils_whom_the_grant_does_not_reach(door: Door, beyond: dict[str, list[str]], dimension: str) -> None:
    narrow = {
        "stages": {"population": {"stages": frozenset({"primary"})}},
        "schools": {"population": {"schools": frozenset({"2114000006"})}},
        "grades": {"population": {"grades": frozenset({"11"})}},
    }
    population = Population("140000", **narrow[dimension]["population"])
    grant = grant_for(door.house.services, CASES[BUS], population=population)
    refused(door, door.ask(grant, **beyond), dimension, grant)


def test_a_head_tells_size_and_digest_and_is_no_delivery(door: Door) -> None:
    extract = door.house.ready()
    path = f"/v1/extracts/{extract.id}/content"
    answer = door.call("HEAD", path)
    assert answer.status_code == 200
    assert (answer.headers["Content-Length"], answer.data) == (str(extract.size), b"")
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert not door.house.entries("release.intent")
    door.house.clock.turn(days=8)
    assert door.call("HEAD", path).status_code == 410  # what GET would say


def test_ranges_and_retries_over_http_belong_to_one_use(door: Door) -> None:
    extract, grant = door.house.ready(), door.house.grants[BUS]
    before = uses_left(door, grant)
    path = f"/v1/extracts/{extract.id}/content"
    first = door.call("GET", path, headers={"Range": "bytes=0-999"})
    rest = door.call("GET", path, headers={"Range": "bytes=1000-", "If-Range": f'"{extract.sha256}"'})
    assert (first.status_code, rest.status_code) == (206, 206)
    assert first.data + rest.data == door.call("GET", path).data
    assert uses_left(door, grant) == before
    intents, outcomes = door.house.entries("release.intent"), door.house.entries("release.outcome")
    assert len(intents) == len(outcomes) == 3
    assert [entry["outcome"] for entry in outcomes] == ["complete"] * 3
