"""A whole house for the console's tests: a temporary home, people with their second factors, some invented pupils."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pyotp
from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from core_registry.sharing import RowFilter
from gateway import bootstrap, keyring, samples
from gateway.accounts.records import Credentials, StaffSpec
from gateway.accounts.totp import STEP_SECONDS
from gateway.app import create_app
from gateway.bootstrap import Process
from gateway.ids import RecipientId, UnitCode
from gateway.keyring import Face
from gateway.policies.scope import civil_date
from gateway.principals import Role
from gateway.settings import Settings, from_environment

PROVINCE = UnitCode("140000")
BOOKS = RecipientId("91140000MA0DEMB001")
PUPILS = 1500
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class Clock:
    """The time of the house: the real one, moved on by what tests ask for."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Person:
    """Somebody with a password and, perhaps, a second factor. No code is given out twice."""

    credentials: Credentials = field(repr=False)
    clock: Clock
    _spent: int = field(default=-1, repr=False)
    """The step of the last code."""

    @property
    def username(self) -> str:
        return self.credentials.username

    @property
    def password(self) -> str:
        return self.credentials.password

    def code(self) -> str:
        """Return a fresh one-time code. Time moves on only where the code of this step is spent.

        A clock that two people moved on within seconds would be noticed: the worker watches it, and an alert is raised.
        """
        if self.credentials.totp_secret is None:
            return ""
        step = int(self.clock().timestamp()) // STEP_SECONDS
        if step <= self._spent:
            self.clock.ahead += timedelta(seconds=STEP_SECONDS * (self._spent + 1 - step))
            step = self._spent + 1
        self._spent = step
        return pyotp.TOTP(self.credentials.totp_secret).at(step * STEP_SECONDS)


@dataclass
class House:
    """A running process with its application and its people."""

    process: Process
    app: APIFlask
    people: dict[str, Person]
    clock: Clock
    form: Path
    settings: Settings
    visitors: int = 0

    def browser(self, username: str | None = None) -> Browser:
        """Return a browser, signed in as ``username`` if there is one."""
        self.visitors += 1
        client = self.app.test_client()
        # each visitor comes from an address of their own: log-ins are limited by address
        client.environ_base["REMOTE_ADDR"] = f"198.51.{self.visitors // 250}.{self.visitors % 250 + 1}"
        browser = Browser(client)
        if username is not None:
            browser.sign_in(self.people[username])
        return browser


@dataclass
class Browser:
    """Flask's client with a form token, as a browser has it."""

    client: FlaskClient

    def get(self, path: str) -> TestResponse:
        return self.client.get(path)

    def token(self, path: str = "/login") -> str:
        """Return the form token that stands on a page."""
        found = _CSRF.search(self.client.get(path).text)
        assert found, f"no form on {path}"
        return found.group(1)

    def post(self, path: str, data: Mapping[str, object], *, form: str = "/", **more: object) -> TestResponse:
        """Send a form with the token of the page ``form``."""
        return self.client.post(path, data={"csrf": self.token(form), **data}, **more)

    def sign_in(self, person: Person) -> None:
        answer = self.post(
            "/login",
            {"username": person.username, "password": person.password, "totp": person.code()},
            form="/login",
        )
        assert answer.status_code == 302, answer.text


def _specs() -> list[StaffSpec]:
    today = civil_date(datetime.now(UTC))

    def officer(username: str, post: str, role: Role) -> StaffSpec:
        trained = today if role is Role.REGISTRAR else None
        return StaffSpec(
            username,
            f"测试·{post}",
            frozenset({role}),
            PROVINCE,
            post,
            filed_on=trained,
            trained_on=trained,
            acknowledged_on_paper=True,
            must_change=False,
        )

    def applicant(username: str, *, settled: bool) -> StaffSpec:
        return StaffSpec(
            username,
            f"测试·{username}",
            frozenset({Role.APPLICANT}),
            None,
            "教材发行经办人",
            BOOKS,
            second_factor=settled,
            acknowledged_on_paper=settled,
            must_change=not settled,
        )

    return [
        officer("sysadmin", "系统管理员", Role.SYSTEM_ADMINISTRATOR),
        officer("inspector", "审计检查员", Role.INSPECTOR),
        officer("recorder", "数据管理员（登记）", Role.DATA_OFFICER),
        officer("confirmer", "数据管理员（复核）", Role.DATA_OFFICER),
        officer("approver", "批准人", Role.APPROVING_OFFICER),
        officer("executor", "执行人", Role.EXECUTOR),
        officer("registrar", "学籍管理员", Role.REGISTRAR),
        applicant("applicant", settled=True),
        applicant("newcomer", settled=False),
    ]


@contextmanager
def open_house(home: Path) -> Iterator[House]:
    """Open a house in ``home`` with its worker running and its register filled."""
    settings = from_environment({}, home=home)
    keyring.create(settings.keys)
    book = bootstrap.load_rulebook(settings)
    bootstrap.prepare_databases(settings, book)
    clock = Clock()
    process = bootstrap.open_process(settings, Face.ALL, now=clock)
    assert process.worker is not None
    process.worker.start()
    try:
        made = process.services.directory.bootstrap_accounts(_specs())
        form = _fill(process, home)
        people = {one.username: Person(one, clock) for one in made}
        yield House(process, create_app(process.services), people, clock, form, settings)
    finally:
        process.close()


def _fill(process: Process, home: Path) -> Path:
    """Import invented schools and all pupils but those of the second form, which the tests import themselves."""
    services = process.services
    assert services.office is not None
    written = samples.write(
        home / "sample",
        count=PUPILS,
        seed=7,
        kind="csv",
        book=services.book,
        today=civil_date(services.now()),
        tick=lambda _rows: None,
        form_rows=PUPILS,
    )
    services.office.import_schools(samples.read_schools(written.schools_file))
    lines = written.forms[0].read_bytes().split(b"\r\n")
    head, rows = lines[:2], [line for line in lines[2:] if line]
    cut = len(rows) - 40
    first, second = home / "first.csv", home / "second.csv"
    first.write_bytes(b"\r\n".join([*head, *rows[:cut], b""]))
    broken = rows[cut].replace(rows[cut].split(b",")[0], b"1", 1)
    second.write_bytes(b"\r\n".join([*head, *rows[cut:], broken, b""]))
    summary = services.office.import_run(bootstrap.import_request(first, mapping="template", actor="operator"))
    assert summary.new > PUPILS * 0.9, summary
    return second


def some_school(house: House) -> str:
    """Return the code of a school that has pupils."""
    sharing = house.process.services.sharing
    assert sharing is not None
    with sharing.snapshot() as snapshot:
        batch = next(iter(snapshot.batches(["school_code"], RowFilter())))
    frame = pl.from_arrow(batch)
    assert isinstance(frame, pl.DataFrame)
    return str(frame["school_code"].value_counts(sort=True)["school_code"][0])


def application_form(house: House, **more: object) -> dict[str, object]:
    """Return the fields of the form of an application for textbooks in the whole province."""
    today = civil_date(house.clock())
    return {
        "purpose": "textbook-order",
        "profile": "textbook-anonymous",
        "recipient_name": "示例单位",
        "responsible": "责任人（主任）",
        "fields": ["county", "grade", "stage"],
        "territory": "140000",
        "valid_from": today.isoformat(),
        "valid_to": (today + timedelta(days=30)).isoformat(),
        "uses": "3",
        "row_cap": "5000",
        "reason": "征订",
        "protection": "加密",
        "terms_accepted": "yes",
        **more,
    }


def ground_form(house: House, **more: object) -> dict[str, object]:
    """Return the fields of the form of an approval of the province's government."""
    today = civil_date(house.clock())
    return {
        "kind": "government",
        "act": "reply",
        "government": "山西省人民政府",
        "division": "140000",
        "document_number": "晋政函〔2026〕9号",
        "signatory": "签发人",
        "dated": (today - timedelta(days=9)).isoformat(),
        "valid_to": (today + timedelta(days=90)).isoformat(),
        "scope_text": "同意。",
        "scan_sha256": "ab" * 32,
        **more,
    }
