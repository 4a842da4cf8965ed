"""The chain of responsibility through the whole program: as JSON, as a page, and with entries that are not there."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.audit.chain import Step
from tests.factories.api import Gateway, gateway

PUPILS = 400
FETCHED: dict[str, bytes] = {}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("chains"), pupils=PUPILS, worker=True) as found:
        yield found


@pytest.fixture(scope="module")
def extract(world: Gateway) -> str:
    """An extract that was asked for, made and fetched, under a grant that went the whole way."""
    token = world.client("bus")
    asked = world.call("POST", f"/v1/grants/{world.grant()}/extracts", {"format": "csv"}, token=token)
    assert asked.status_code == 202, asked.text
    path = f"/v1/extracts/{asked.get_json()['id']}"
    state = ""
    for _ in range(600):
        state = world.call("GET", path, token=token).get_json()["state"]
        if state in {"ready", "failed"}:
            break
        time.sleep(0.1)
    assert state == "ready"
    fetched = world.call("GET", f"{path}/content", token=token)
    assert fetched.status_code == 200
    FETCHED[asked.get_json()["id"]] = fetched.data
    return str(asked.get_json()["id"])


def chain(world: Gateway, identifier: str) -> dict[str, Any]:
    answer = world.call("GET", f"/v1/audit/chains/{identifier}", token=world.person("inspector"))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def browser(world: Gateway) -> FlaskClient:
    """Return the inspector's browser, with the session that the API uses."""
    client = world.app.test_client()
    with client.session_transaction(base_url=world.settings.public_url) as cookie:
        cookie["token"] = world.person("inspector")
    return client


def test_an_extract_leads_from_the_ground_to_the_proof(world: Gateway, extract: str) -> None:
    found = chain(world, extract)
    steps = {one["step"]: one for one in found["steps"]}
    assert found["whole"] is True
    assert list(steps) == [step.value for step in Step]
    assert all(one["state"] == "done" and one["gap"] is None for one in steps.values())
    assert "晋政函" in steps["ground"]["label"]
    acts = [steps[name]["account"] for name in ("recorded", "confirmed", "approved", "executed")]
    assert len(set(acts)) == 4
    assert all(steps[name]["unit"] and steps[name]["post"] for name in ("recorded", "confirmed", "approved"))
    content = FETCHED[extract]
    assert steps["file"]["value"] == hashlib.sha256(content).hexdigest()
    assert int(steps["rows"]["value"]) == content.count(b"\n") - 1
    proof = world.call("GET", steps["proof"]["proof"], token=world.person("inspector"))
    assert proof.get_json()["index"] == steps["proof"]["entry"]
    (delivery,) = found["deliveries"]
    assert (delivery["ended"], delivery["outcome"]) == ("complete", steps["proof"]["entry"])


def test_grant_and_application_lead_to_their_extracts(world: Gateway, extract: str) -> None:
    links = chain(world, extract)["links"]
    for kind in ("grant", "application"):
        found = chain(world, links[kind])
        assert (found["kind"], found["whole"], found["extracts"]) == (kind, True, [extract])
        states = {one["step"]: one["state"] for one in found["steps"]}
        assert states["approved"] == "done"
        assert states["executed"] == states["file"] == "ahead"


def test_what_is_no_chain_is_not_found_and_others_are_refused(world: Gateway, extract: str) -> None:
    for identifier in ("ex-nothing", "st-9", "ex-", "xx-none", "ex"):
        answer = world.call("GET", f"/v1/audit/chains/{identifier}", token=world.person("inspector"))
        assert answer.status_code == 404, identifier
    answer = world.call("GET", f"/v1/audit/chains/{extract}", token=world.person("approver"))
    assert answer.status_code == 403


class _Picture(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.boxes: list[str] = []
        self.links: list[str] = []
        self._drawing = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "svg":
            self._drawing = "responsibility" in (given.get("class") or "")
        if self._drawing and tag == "rect":
            self.boxes.append(str(given["class"]))
        if self._drawing and tag == "a":
            self.links.append(str(given["href"]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "svg":
            self._drawing = False


def test_the_picture_has_a_box_and_an_entry_for_each_step(world: Gateway, extract: str) -> None:
    answer = browser(world).get(f"/audit/chains/{extract}", base_url=world.settings.public_url)
    assert answer.status_code == 200
    picture = _Picture(answer.text)
    assert picture.boxes == ["box done"] * len(Step)
    entries = [one["entry"] for one in chain(world, extract)["steps"]]
    assert picture.links == [f"/audit/entries/{entry}" for entry in entries]
    assert "断链：" not in answer.text


def test_the_search_page_shows_conditions_and_leads_to_chains(world: Gateway, extract: str) -> None:
    client, base = browser(world), world.settings.public_url
    answer = client.get(f"/audit?kind=release.&extract={extract}&outcome=done", base_url=base)
    assert "/audit?kind=release.&amp;extract=" + extract in answer.text  # without the outcome
    assert f'href="/audit/chains/{extract}"' in answer.text
    assert "准备完成" in answer.text
    token = answer.text.split('name="csrf" value="', 1)[1].split('"', 1)[0]
    form = {"csrf": token, "kind": "release.", "extract": extract, "format": "csv"}
    file = client.post("/audit/listing", data=form, base_url=base)
    rows = list(csv.DictReader(io.StringIO(file.data.decode("utf-8-sig"))))
    assert {row["extract"] for row in rows} == {extract}
    assert rows[0]["kind"] == "release.outcome"
    bad = client.post("/audit/pupil", data={"csrf": token, "subject": "王小明"}, base_url=base)
    assert bad.status_code == 422


def test_a_listing_is_logged_with_its_question_and_its_digest(world: Gateway, extract: str) -> None:
    token = world.person("inspector")
    body = {"extract": extract, "kind": "release.", "format": "json"}
    answer = world.call("POST", "/v1/audit/listings", body, token=token)
    found = json.loads(answer.data)
    assert [one["content"]["kind"] for one in found][:2] == ["release.outcome", "release.intent"]
    trail = world.call("GET", "/v1/audit/entries?kind=audit.&limit=3", token=token).get_json()["items"]
    exported, read = trail[1]["content"], trail[2]["content"]
    assert read["facts"] == {"act": "listing", "kind": "release.", "links": {"extract": extract}, "format": "json"}
    assert (exported["kind"], exported["facts"]["bytes"]) == ("audit.listed", len(answer.data))
    assert world.call("POST", "/v1/audit/listings", body, token=world.person("approver")).status_code == 403


def test_a_search_by_pupil_is_a_reading_of_the_pupil(world: Gateway) -> None:
    token, subject = world.person("inspector"), "ab" * 16
    first = world.call("POST", "/v1/audit/searches", {"subject": subject}, token=token).get_json()["items"]
    assert [one["content"]["kind"] for one in first] == ["audit.read"]  # the search itself
    assert subject not in json.dumps(first)
    assert world.call("POST", "/v1/audit/searches", {"subject": "A" * 32}, token=token).status_code == 422


def test_a_chain_whose_confirmation_is_gone_is_broken_and_drawn_so(world: Gateway, extract: str) -> None:
    steps = {one["step"]: one for one in chain(world, extract)["steps"]}
    confirmed = steps["confirmed"]["entry"]
    engine = world.process.services.audit.store._engine  # type: ignore[attr-defined]  # what an operator reaches too
    world.process.services.audit.index.catch_up()
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE log_index SET kind = 'x.y' WHERE seq = {confirmed}")
    try:
        found = chain(world, extract)
        broken = [(one["step"], one["gap"]) for one in found["steps"] if one["state"] == "broken"]
        assert (found["whole"], broken) == (False, [("confirmed", "no_entry")])
        answer = browser(world).get(f"/audit/chains/{extract}", base_url=world.settings.public_url)
        assert _Picture(answer.text).boxes.count("box broken") == 1
        assert "断链：没有条目" in answer.text
    finally:
        world.process.services.audit.index.rebuild()
    assert chain(world, extract)["whole"] is True
