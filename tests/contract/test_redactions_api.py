"""The preview of redactions, over HTTP and as a page: for registrars, with the record read on the record, no trace."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from core_registry.db.engine import make_engine
from core_registry.db.state import SqlOutbox
from core_registry.db.store import SqlRegisterStore
from core_registry.db.units import save_schools
from core_registry.sharing import OutboxEvent
from gateway import bootstrap, keyring
from gateway.accounts.records import Credentials, StaffSpec
from gateway.anonymize.previews import MAX_BYTES, Preview, PreviewSpan, pieces
from gateway.anonymize.text.errors import ModelUnavailableError
from gateway.anonymize.text.redactor import TextRedactor
from gateway.anonymize.withholding import FailClosedRedactor
from gateway.api.limits import STRICT_OF_CALLER
from gateway.app import create_app
from gateway.bootstrap import Process
from gateway.bootstrap.registry import registry_keys
from gateway.bootstrap.texts import Previews
from gateway.ids import UnitCode
from gateway.keyring import Face
from gateway.policies.scope import civil_date
from gateway.principals import Role
from gateway.settings import from_environment
from tests.factories.console_house import Browser, Clock, Person
from tests.factories.registrydb_rows import (
    AT,
    CATEGORIES,
    MASKS,
    PRIMARY,
    SENIOR,
    STAGES,
    Registry,
    StarRedactor,
    land,
    pupil,
    school_frame,
)

PUPIL, MATE, STRANGER, MOTHER = "王小禾", "欧阳同窗", "孙外校", "李翠禾"
PATH = "/v1/registry/redactions/preview"
TEXT = f"{PUPIL}与{MATE}获校级奖，母亲{MOTHER}电话13903511234"
_STAFF = {
    "school": (Role.REGISTRAR, PRIMARY),
    "county": (Role.REGISTRAR, "140105"),
    "officer": (Role.DATA_OFFICER, "140105"),
    "auditor": (Role.INSPECTOR, "140000"),
}


@dataclass
class Desk:
    """A process with two schools and three pupils, and the people who ask."""

    process: Process
    client: FlaskClient
    people: dict[str, Person]
    tokens: dict[str, str] = field(repr=False)
    ids: dict[str, str]
    outbox: SqlOutbox

    def ask(self, who: str, **body: object) -> TestResponse:
        return self.client.post(PATH, json=body, headers={"Authorization": f"Bearer {self.tokens[who]}"})

    def reads(self) -> list[OutboxEvent]:
        return [one for one in self.outbox.pending(0, 10_000) if one.kind == "registry.read"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("home")
    settings = from_environment({}, home=home)
    keyring.create(settings.keys)
    bootstrap.prepare_databases(settings, bootstrap.load_rulebook(settings))
    engine = make_engine(settings.registry_url)
    save_schools(engine, school_frame(), AT, CATEGORIES)
    store = SqlRegisterStore(
        engine, registry_keys(keyring.load(settings.keys, Face.ALL)), MASKS, StarRedactor(), STAGES
    )
    rows = [
        pupil(1, name=PUPIL, member1_name=MOTHER),
        pupil(2, name=MATE),
        pupil(3, name=STRANGER, school_code=SENIOR, grade="31"),
    ]
    registry = Registry(settings.registry_url, engine, store)
    ids = {str(row["name"]): land(registry, [row])["student_id"][0] for row in rows}
    clock = Clock()
    process = bootstrap.open_process(settings, Face.ALL, now=clock, with_worker=False)
    client = create_app(process.services, testing=True).test_client()
    people = dict(zip(_STAFF, (Person(one, clock) for one in _accounts(process, clock)), strict=True))
    tokens = {name: _token(client, person) for name, person in people.items()}
    yield Desk(process, client, people, tokens, ids, SqlOutbox(engine))
    process.close()
    engine.dispose()


def _accounts(process: Process, clock: Clock) -> list[Credentials]:
    today = civil_date(clock())
    return process.services.directory.bootstrap_accounts(
        [
            StaffSpec(
                name, f"测试·{name}", frozenset({role}), UnitCode(unit), "岗位", filed_on=today, trained_on=today,
                acknowledged_on_paper=True, must_change=False,
            )
            for name, (role, unit) in _STAFF.items()
        ]
    )  # fmt: skip


def _token(client: FlaskClient, person: Person) -> str:
    body = {"username": person.username, "password": person.password, "totp": person.code()}
    answer = client.post("/v1/sessions", json={key: value for key, value in body.items() if value})
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["token"])


def _spans(told: dict[str, Any], text: str) -> dict[str, str]:
    return {text[one["start"] : one["end"]]: one["type"] for one in told["spans"]}


def test_a_text_about_a_pupil_is_read_with_the_record_and_the_reading_is_recorded(desk: Desk) -> None:
    before = len(desk.reads())
    answer = desk.ask("school", text=TEXT, student_id=desk.ids[PUPIL])
    assert answer.status_code == 200, answer.text
    told = answer.get_json()
    found = _spans(told, TEXT)
    assert found == {PUPIL: "PERSON", MATE: "PERSON", MOTHER: "PERSON", "13903511234": "PHONE"}
    assert not [name for name in (PUPIL, MATE, MOTHER, "13903511234") if name in told["text"]]
    assert "获校级奖" in told["text"]
    assert told["version"] == desk.process.services.texts.preview("", {}, ()).version  # type: ignore[union-attr]  # there
    rules = {TEXT[one["start"] : one["end"]]: one["rule"] for one in told["spans"]}
    assert rules[PUPIL].startswith("record")
    (read,) = desk.reads()[before:]
    assert (read.facts["act"], read.facts["found"]) == ("record", 1)
    assert read.actor == desk.people["school"].credentials.account
    assert not [part for part in (PUPIL, "获校级奖") if part in json.dumps(dict(read.facts), ensure_ascii=False)]


def test_a_text_about_nobody_reads_no_record_and_knows_the_own_roll(desk: Desk) -> None:
    before = len(desk.reads())
    told = desk.ask("school", text=f"{MATE}到过操场").get_json()
    assert _spans(told, f"{MATE}到过操场") == {MATE: "PERSON"}
    assert len(desk.reads()) == before
    assert desk.ask("school", text="").get_json() == {"text": "", "spans": [], "version": told["version"]}


def test_an_unknown_pupil_and_one_of_another_school_get_the_same_answer_and_both_are_recorded(desk: Desk) -> None:
    before = len(desk.reads())
    answers = [desk.ask("school", text="平地", student_id=one) for one in (desk.ids[STRANGER], "0" * 32)]
    assert [one.status_code for one in answers] == [404, 404]
    bodies = [{k: v for k, v in one.get_json().items() if k not in {"instance", "incident"}} for one in answers]
    assert bodies[0] == bodies[1]
    assert [one.facts["found"] for one in desk.reads()[before:]] == [0, 0]
    assert desk.ask("county", text="平地", student_id=desk.ids[PUPIL]).status_code == 200


@pytest.mark.parametrize("who", ["officer", "auditor"])
def test_others_than_registrars_are_refused_and_nothing_is_read(desk: Desk, who: str) -> None:
    before = len(desk.reads())
    assert desk.ask(who, text=TEXT, student_id=desk.ids[PUPIL]).status_code == 403
    assert len(desk.reads()) == before


@pytest.mark.parametrize(
    ("text", "status"),
    [("哈" * (MAX_BYTES // 3), 200), ("哈" * (MAX_BYTES // 3 + 1), 422), ("a" * (MAX_BYTES + 1), 422), ("\0", 422)],
    ids=["longest", "too-long-in-bytes", "too-long", "control"],
)
def test_a_text_has_a_bound_in_bytes(desk: Desk, text: str, status: int) -> None:
    answer = desk.ask("school", text=text)
    assert answer.status_code == status, answer.text[:300]
    assert status == 200 or "哈哈" not in answer.text


def test_nothing_of_the_text_is_logged_or_audited(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert desk.ask("school", text=TEXT, student_id=desk.ids[PUPIL]).status_code == 200
    assert desk.ask("school", text=TEXT, student_id="nobody").status_code == 404
    assert desk.ask("school", text=TEXT, surplus=1).status_code == 422
    assert not [part for part in (PUPIL, MATE, "获校级奖") if part in caplog.text]
    told = "".join(json.dumps(dict(one.facts), ensure_ascii=False) for one in desk.outbox.pending(0, 10_000))
    assert not [part for part in (PUPIL, MATE, "获校级奖") if part in told]


def test_while_the_model_is_off_nothing_is_read_and_the_face_says_so(desk: Desk) -> None:
    def off() -> TextRedactor:
        raise ModelUnavailableError("off", detail_zh="不可用")

    closed = FailClosedRedactor(off)
    services = replace(desk.process.services, texts=Previews(closed), degraded=lambda: {"text_redaction": closed.state})
    client = create_app(services, testing=True).test_client()
    before = len(desk.reads())
    headers = {"Authorization": f"Bearer {desk.tokens['school']}"}
    answer = client.post(PATH, json={"text": TEXT, "student_id": desk.ids[PUPIL]}, headers=headers)
    assert answer.status_code == 503
    assert PUPIL not in answer.text
    assert len(desk.reads()) == before
    ready = client.get("/readyz")
    assert (ready.status_code, ready.get_json()["degraded"]) == (200, {"text_redaction": "ModelUnavailableError"})
    assert 'xueji_up{part="text_redaction"} 0' in client.get("/metrics").text


def test_a_face_that_works_has_no_part_that_is_degraded(desk: Desk) -> None:
    assert desk.client.get("/readyz").get_json()["degraded"] == {}


def test_previews_are_limited_as_their_neighbours_are() -> None:
    assert {"redactions.preview_redaction", "console.redactions.show"} <= set(STRICT_OF_CALLER)


def test_a_text_is_cut_at_its_spans_without_loss() -> None:
    spans = (PreviewSpan(1, 2, "PERSON", "a"), PreviewSpan(2, 4, "PHONE", "b"))
    cut = pieces("012345", spans)
    assert [(piece, span and span.type) for piece, span in cut] == [
        ("0", None), ("1", "PERSON"), ("23", "PHONE"), ("45", None),
    ]  # fmt: skip
    assert "secret" not in repr(Preview("secret", (), "v"))


# --- the page


@pytest.fixture(scope="module")
def page(desk: Desk) -> Browser:
    browser = Browser(create_app(desk.process.services, testing=True).test_client())
    browser.sign_in(desk.people["school"])
    return browser


def test_the_page_marks_what_it_found_by_kind_and_shows_the_redacted_text(desk: Desk, page: Browser) -> None:
    answer = page.post("/office/redactions", {"text": TEXT, "student_id": desk.ids[PUPIL]}, form="/office/redactions")
    assert answer.status_code == 200
    for name, tone, kind in ((PUPIL, "person", "姓名"), (MATE, "person", "姓名"), ("13903511234", "number", "电话")):
        assert f'<mark class="pii pii-{tone}" title="{kind}' in answer.text
        assert f'>{name}<span class="pii-kind">{kind}</span></mark>' in answer.text
    redacted = answer.text[answer.text.index('id="redacted"') :]
    assert not [name for name in (PUPIL, MATE, "13903511234") if name in redacted]
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "style=" not in answer.text


def test_the_page_is_in_the_menu_and_escapes_what_is_typed(page: Browser) -> None:
    shown = page.client.get("/office/redactions")
    assert 'href="/office/redactions"' in shown.text
    assert "文本脱敏预览" in shown.text
    answer = page.post("/office/redactions", {"text": "<script>alert(1)</script>"}, form="/office/redactions")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text


def test_the_page_refuses_an_unknown_pupil_in_words(page: Browser) -> None:
    answer = page.post("/office/redactions", {"text": "平地", "student_id": "0" * 32}, form="/office/redactions")
    assert answer.status_code in {200, 404}
    assert "查无此学生" in answer.text
