"""Families over JSON: coming in, the own children, who saw their data, questions, and what a guardian applies for."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from gateway.families.records import BondId, BondKind, MadeActivation
from gateway.ids import SubjectRef
from gateway.principals import Principal
from tests.factories.api import Gateway, gateway
from tests.factories.families import Phone
from tests.factories.wallets import subject_of

URL = "https://xueji.example"
KIND = "police-proof"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("family-api"), pupils=100, public_url=URL) as found:
        yield found


def work(world: Gateway) -> None:
    worker = world.process.worker
    assert worker is not None
    for _ in range(30):
        if not worker.round():
            break


def registrar(world: Gateway) -> Principal:
    return world.process.services.accounts.principal_of_session(world.person("registrar"))


def made(world: Gateway, subject: str) -> MadeActivation:
    families = world.process.services.families
    assert families is not None
    return families.activations.make(SubjectRef(subject), BondKind.GUARDIAN, registrar(world))


@dataclass
class App:
    """An application on a guardian's telephone."""

    world: Gateway
    token: str | None = field(default=None, repr=False)
    account: str = ""

    def call(self, method: str, path: str, body: object = None, status: int = 200, **more: Any) -> Any:  # noqa: ANN401
        answer: TestResponse = self.world.call(method, f"/v1/family{path}", body, token=self.token, **more)
        assert answer.status_code == status, answer.text[:600]
        return answer.get_json(silent=True)

    def activate(self, subject: str, *, token: bool = True) -> None:
        one = made(self.world, subject)
        sent = {"reference": one.link.partition("#")[2], "code": one.code}
        entered = self.call("POST", "/activations", sent, 201)
        assert (entered["token"] is not None) is token
        self.token, self.account = entered["token"] or self.token, entered["account"]

    def proof(self, child: str, status: int = 201) -> str:
        """Hand a file in for a child; return its id."""
        file = io.BytesIO(b"%PDF-1.7\nproof\n%%EOF\n")
        sent = {"kind": KIND, "issuer_kind": "police", "file": (file, "a.pdf", "application/pdf")}
        return str(self.call("POST", f"{child}/evidence", status=status, data=sent).get("id"))

    def child(self, subject: str) -> str:
        """Return the address of a child."""
        families = self.world.process.services.families
        assert families is not None
        found = {one.child.subject_ref: one.bond.id for one in families.members(self.account)}  # type: ignore[arg-type]  # a text
        return f"/children/{found[SubjectRef(subject)]}"


def test_a_guardian_comes_in_by_the_schools_code_and_comes_back_by_a_passkey(world: Gateway) -> None:
    app, phone = App(world), Phone(origin=URL, rp="xueji.example")
    app.activate(subject_of(world))
    app.activate(subject_of(world, 1), token=False)
    shown = app.call("GET", "/children")
    assert [one["kind"] for one in shown["items"]] == ["guardian", "guardian"]
    assert shown["items"][0]["name_masked"].endswith("*")
    assert subject_of(world) not in json.dumps(shown)
    families = world.process.services.families
    assert families is not None
    assert app.token is not None
    who = world.process.services.accounts.principal_of_session(app.token)
    begun = families.passkeys.begin_registering(who)
    app.token = families.passkeys.register(who, app.token, begun.id, phone.create(begun.options), "手机").token
    app.call("DELETE", "/sessions/current", status=204)
    app.call("GET", "/children", status=401)
    app.token = None
    asked = app.call("POST", "/sessions/challenges", status=201)
    answer = {"challenge": asked["challenge"], "credential": json.loads(phone.get(json.dumps(asked["options"])))}
    app.token = app.call("POST", "/sessions", answer, 201)["token"]
    assert len(app.call("GET", "/children")["items"]) == 2
    app.token = None
    app.call("POST", "/sessions", answer, 403)  # a challenge serves once
    app.call("POST", "/activations", {"reference": "0" * 32, "code": "00000000"}, 403)


@pytest.mark.rule("A50-4")
def test_a_family_sees_who_looked_and_asks(world: Gateway) -> None:
    subject = subject_of(world, 2)
    app = App(world)
    app.activate(subject)
    work(world)
    found = app.call("GET", f"{app.child(subject)}/accesses")
    line = found["items"][0]
    assert (line["sort"], line["post"]) == ("read", "学籍管理员")
    asked = app.call("POST", f"{app.child(subject)}/questions", {"text": "为什么？", "entry": line["entry"]}, 201)
    assert asked["asked_at"]
    app.call("POST", f"{app.child(subject)}/questions", {"text": "?", "entry": 10**9}, 409)
    (question,) = app.call("GET", f"{app.child(subject)}/questions")["items"]
    assert (question["text"], question["answer"], question["late"]) == ("为什么？", None, False)
    other = App(world)
    other.activate(subject_of(world, 3))
    for path in ("accesses", "questions", "cases"):
        other.call("GET", f"{app.child(subject)}/{path}", status=404)


def test_nobody_but_a_family_comes_here_and_a_family_goes_nowhere_else(world: Gateway) -> None:
    staff = App(world, world.person("registrar"))
    for path in ("/children", "/procedures"):
        staff.call("GET", path, status=403)
    App(world).call("GET", "/children", status=401)
    app = App(world)
    app.activate(subject_of(world, 4))
    for path in ("/v1/registry/procedures", "/v1/audit/entries"):
        assert world.call("GET", path, token=app.token).status_code == 403


@pytest.mark.rule("A3-5", "A7-2", "A7-3")
def test_a_guardian_applies_at_the_school_once_the_registry_knows_the_bond(world: Gateway) -> None:
    subject, today = subject_of(world, 5), date.today().isoformat()  # noqa: DTZ011
    app = App(world)
    app.activate(subject)
    child = app.child(subject)
    kinds = {one["kind"] for one in app.call("GET", "/procedures")["items"]}
    assert {"data-change", "suspension", "resumption", "withdrawal"} <= kinds
    assert not kinds & {"transfer", "correction", "registration"}
    wish = {"kind": "data-change", "on": today, "applied_on": today, "values": {"boarding": True}, "key": "k" * 12}
    app.call("POST", f"{child}/cases", wish, 404)  # the worker has not told the registry yet
    app.proof(child, 404)
    work(world)
    _registry(world, app.account, 1)
    told = app.call("POST", f"{child}/explanations", {key: wish[key] for key in wish if key != "key"})
    assert [one["rule"] for one in told["results"] if one["status"] == "failed"] == ["A7-1"]
    wish["evidence"] = [app.proof(child)]
    told = app.call("POST", f"{child}/explanations", {key: wish[key] for key in wish if key != "key"})
    assert told["accepted"], told
    case = app.call("POST", f"{child}/cases", wish, 201)
    assert [(step["party"], step["state"]) for step in case["steps"]] == [("guardian", "agreed"), ("school", "waiting")]
    assert app.call("POST", f"{child}/cases", wish, 201)["id"] == case["id"]
    assert [one["id"] for one in app.call("GET", f"{child}/cases")["items"]] == [case["id"]]
    assert "st-" not in json.dumps(app.call("GET", f"{child}/cases/{case['id']}"))
    other = App(world)
    other.activate(subject)
    work(world)
    other.call("GET", f"{other.child(subject)}/cases/{case['id']}", status=404)  # the other guardian's own
    app.call("POST", f"{child}/cases", {**wish, "kind": "transfer", "key": "t" * 12}, 422)
    closed = app.call("POST", f"{child}/cases/{case['id']}/withdrawal", {"version": case["version"]})
    assert closed["status"] == "withdrawn"
    families = world.process.services.families
    assert families is not None
    families.end_bond(BondId(child.rpartition("/")[2]), registrar(world))
    work(world)
    _registry(world, app.account, 0)
    app.call("GET", f"{child}/cases", status=404)


@pytest.mark.rule("A7-1", "A28-1")
def test_what_a_guardian_hands_in_serves_the_own_child_alone(world: Gateway) -> None:
    subject, second, today = subject_of(world, 6), subject_of(world, 7), date.today().isoformat()  # noqa: DTZ011
    app = App(world)
    app.activate(subject)
    app.activate(second, token=False)
    work(world)
    item = app.proof(app.child(subject))
    wish = {"kind": "data-change", "on": today, "applied_on": today, "values": {"boarding": True}, "evidence": [item]}
    refused = app.call("POST", f"{app.child(second)}/explanations", wish, 422)
    assert refused["type"] == "/problems/evidence-refused"
    assert app.call("POST", f"{app.child(subject)}/explanations", wish)["accepted"]
    father = App(world)
    father.activate(subject)
    work(world)
    assert father.proof(father.child(subject)) != item
    refused = father.call("POST", f"{father.child(subject)}/explanations", wish, 422)
    assert refused["type"] == "/problems/evidence-refused"


def _registry(world: Gateway, account: str, count: int) -> None:
    engine = world.process.services.desk._store._engine  # type: ignore[union-attr]  # the registry's database
    with engine.connect() as connection:
        query = text("SELECT count(*) FROM guardian_accounts WHERE account = :a AND verified_on IS NOT NULL")
        assert connection.execute(query, {"a": account}).scalar_one() == count
