"""A county, a city and a career of twelve years over real HTTP: units with their people of each time, and a clock.

All people are invented. The school calendar is continued to the end of the career, as the cities would do year by year.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyotp
import requests

from core_registry.db.engine import make_engine
from core_registry.db.posts_store import file_post
from core_registry.db.store import SqlRegisterStore
from core_registry.domain.cases import Actor
from core_registry.domain.working_days import CHINA
from core_registry.staff import NewPost
from gateway import bootstrap, keyring
from gateway.accounts.records import StaffSpec
from gateway.anonymize.masks import ColumnMasks
from gateway.app import create_app
from gateway.bootstrap.registry import registry_keys
from gateway.demo.server import BackgroundServer
from gateway.ids import UnitCode
from gateway.keyring import Face
from gateway.principals import AccountKind, Principal, Role
from gateway.settings import default_config
from tests.factories.api import settings_at
from tests.factories.registrydb_rows import STAGES, frame_of, meta_of, silent
from tests.factories.registrydb_rows import StarRedactor as _Stars
from tests.factories.registrydb_rows import pupil as a_pupil
from tests.ports import free_port

FIRST_PRIMARY, SECOND_PRIMARY, JUNIOR = "2114000001", "2114000002", "3114000003"
FIRST_SENIOR, SECOND_SENIOR = "3414000004", "3414000005"
COUNTY, SECOND_COUNTY, CITY, SECOND_CITY, THIRD_COUNTY = "140105", "140106", "140100", "140200", "140213"
UNITS = (
    FIRST_PRIMARY, SECOND_PRIMARY, JUNIOR, FIRST_SENIOR, SECOND_SENIOR, COUNTY, SECOND_COUNTY, CITY, SECOND_CITY,
)  # fmt: skip
PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
_LAST_YEAR = 2039
_SIGN_INS = 20


@dataclass
class Clock:
    """The time of the process; it only goes forward."""

    now: datetime

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def go(self, day: date) -> None:
        """Go to ten in the morning of ``day``, local time."""
        then = datetime.combine(day, time(10), CHINA).astimezone(UTC)
        self.now = max(then, self.now)


@dataclass
class Person:
    """A registrar of a unit, with a session."""

    unit: str
    username: str
    password: str = field(repr=False)
    totp_secret: str = field(repr=False)
    token: str = field(default="", repr=False)
    since: datetime = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class World:
    """The running program, and who works where now."""

    process: bootstrap.Process
    clock: Clock
    base: str
    people: dict[str, Person] = field(default_factory=dict, repr=False)
    serial: int = 0
    manager: Principal | None = None
    sign_ins: int = 0

    def new_people(self, day: date) -> None:
        """Go to ``day`` and give every unit a new registrar and a new head, filed and trained (A48)."""
        self.clock.go(day)
        specs = []
        for unit in UNITS:
            for role in (Role.REGISTRAR, Role.PRINCIPAL):
                specs.append(
                    StaffSpec(
                        f"{role.value}-{UNITS.index(unit)}-{day:%y.%m%d}", "旅程人", frozenset({role}), UnitCode(unit),
                        role.value,
                        filed_on=day, trained_on=day, acknowledged_on_paper=True, must_change=False,
                    )
                )  # fmt: skip
        directory = self.process.services.directory
        if self.manager is None:
            manager = StaffSpec(
                "secadmin", "旅程·安全管理员", frozenset({Role.SECURITY_ADMINISTRATOR}), UnitCode("140000"), "post",
                acknowledged_on_paper=True, must_change=False,
            )  # fmt: skip
            first, *made = directory.bootstrap_accounts([manager, *specs])
            roles = frozenset({Role.SECURITY_ADMINISTRATOR})
            self.manager = Principal(first.account, AccountKind.STAFF, roles, UnitCode("140000"), assurance=2)
        else:
            made = [directory.create(self.manager, spec) for spec in specs]
        engine = make_engine(self.process.services.settings.registry_url)
        host = Actor("operator", "140000", "system")
        for spec, one in zip(specs, made, strict=True):
            unit = str(spec.unit)
            post = "registrar" if Role.REGISTRAR in spec.roles else "head"
            filed = NewPost(one.account, unit, post, day, on_establishment=True, trained_on=day, filed_on=day)
            file_post(engine, filed, host, self.clock())
            if post == "registrar":
                assert one.totp_secret is not None
                self.people[unit] = Person(unit, one.username, one.password, one.totp_secret)
        engine.dispose()

    def session(self, unit: str) -> str:
        """Return a session token of the unit's registrar."""
        person = self.people[unit]
        if not timedelta() <= self.clock.now - person.since < timedelta(minutes=20):
            self.clock.now += timedelta(seconds=61)  # a one-time code is for one use
            code = pyotp.TOTP(person.totp_secret).at(self.clock.now)
            if self.sign_ins < _SIGN_INS:
                body = {"username": person.username, "password": person.password, "totp": code}
                answer = requests.post(f"{self.base}/v1/sessions", json=body, timeout=30)
                assert answer.status_code == 201, answer.text
                person.token = answer.json()["token"]
            else:  # twelve years in half a minute: the limit of sign-ins a minute is for guessers
                signed = self.process.services.accounts.sign_in(person.username, person.password, code)
                person.token = str(signed.token)
            self.sign_ins += 1
            person.since = self.clock.now
        return person.token

    def call(self, unit: str, method: str, path: str, **more: Any) -> requests.Response:  # noqa: ANN401  of requests
        """Send a request as the registrar of ``unit``."""
        headers = {"Authorization": f"Bearer {self.session(unit)}"}
        return requests.request(method, f"{self.base}{path}", headers=headers, timeout=60, **more)

    def classmates(self, school: str, grade: str, class_name: str) -> None:
        """Let a class be there: three pupils, of whom nothing else is told."""
        engine = make_engine(self.process.services.settings.registry_url)
        keys = registry_keys(self.process.services.keyring)
        store = SqlRegisterStore(engine, keys, ColumnMasks.of(self.process.services.book.divisions), _Stars(), STAGES)
        rows = []
        for _ in range(3):
            self.serial += 1
            rows.append(a_pupil(self.serial, school_code=school, grade=grade, class_name=class_name))
        frame = frame_of(rows, store)
        store.apply(frame, meta_of(frame, at=self.clock()), silent)
        engine.dispose()

    def hand_in(self, unit: str, kind: str, issuer: str = "other", level: str = "", student: str | None = None) -> str:
        """Hand in a file; return its id. No two are the same bytes."""
        self.serial += 1
        form = {"kind": kind, "issuer_kind": issuer, "issuer_level": level}
        form |= {"issued_on": self.today().isoformat()} | ({"student_id": student} if student else {})
        file = {"file": ("proof.pdf", PDF + f"% {self.serial}\n".encode(), "application/pdf")}
        answer = self.call(unit, "POST", "/v1/registry/evidence", data=form, files=file)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def today(self) -> date:
        """Return the civil day."""
        return self.clock.now.astimezone(CHINA).date()

    def draft(
        self,
        kind: str,
        school: str,
        values: Mapping[str, object],
        evidence: Sequence[str] = (),
        student: str | None = None,
        on: date | None = None,
    ) -> dict[str, Any]:
        """Return a draft of today."""
        today = self.today().isoformat()
        made: dict[str, Any] = {
            "kind": kind, "school": school, "on": on.isoformat() if on else today, "applied_on": today,
            "values": dict(values), "evidence": list(evidence), "student_id": student,
        }  # fmt: skip
        return made

    def open(self, unit: str, draft: Mapping[str, Any]) -> dict[str, Any]:
        """Open a case as the registrar of ``unit``; return it."""
        self.serial += 1
        answer = self.call(unit, "POST", "/v1/registry/cases", json={**draft, "key": f"journey-{self.serial:06d}"})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def through(self, case: dict[str, Any]) -> dict[str, Any]:
        """Take a case through all of its parties, a working day each; return it completed."""
        while case["status"] == "open":
            step = next(one for one in case["steps"] if one["state"] == "waiting")
            assert step["unit"], f"nobody acts: {step}"
            self.clock.now += timedelta(minutes=1)
            body = {"step": step["name"], "decision": "agree", "version": case["version"]}
            answer = self.call(step["unit"], "POST", f"/v1/registry/cases/{case['id']}/decisions", json=body)
            assert answer.status_code == 200, answer.text
            case = answer.json()
        assert case["status"] == "completed", case
        return case


@contextmanager
def world(directory: Path, start: date) -> Iterator[World]:
    """Open the program in ``directory`` behind a real server, with five schools in three counties of two cities."""
    port = free_port()
    config = directory / "config"
    shutil.copytree(default_config(), config)
    _continue_calendar(config / "calendar" / "school_terms.toml")
    _continue_closings(config / "parameters.toml")
    clock = Clock(datetime.combine(start, time(9), CHINA).astimezone(UTC))
    settings = settings_at(directory, public_url=f"http://127.0.0.1:{port}", config=config)
    book = bootstrap.load_rulebook(settings)
    keyring.create(settings.keys)
    bootstrap.prepare_databases(settings, book)
    process = bootstrap.open_process(settings, Face.ALL, now=clock)
    assert process.services.office is not None
    process.services.office.import_schools(_schools())
    server = BackgroundServer(create_app(process.services), host="127.0.0.1", port=port)
    try:
        yield World(process, clock, settings.public_url)
    finally:
        server.close()
        process.close()


def _schools() -> pl.DataFrame:
    rows = [
        (FIRST_PRIMARY, "小店区旅程小学", COUNTY, COUNTY, ["primary"]),
        (SECOND_PRIMARY, "迎泽区旅程小学", SECOND_COUNTY, SECOND_COUNTY, ["primary"]),
        (JUNIOR, "迎泽区旅程初级中学", SECOND_COUNTY, SECOND_COUNTY, ["junior"]),
        (FIRST_SENIOR, "太原市旅程高级中学", SECOND_COUNTY, CITY, ["senior"]),
        (SECOND_SENIOR, "大同市旅程高级中学", THIRD_COUNTY, SECOND_CITY, ["senior"]),
    ]
    names = ["school_code", "name", "division", "managing_authority", "stages"]
    return pl.DataFrame(rows, schema=names, orient="row")


def _continue_calendar(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for year in range(2024, _LAST_YEAR):
        if f"[140000.{year}]" not in text:
            text += (
                f"\n[140000.{year}]\nconfirmed = false\nfirst = {{ start = {year}-09-01, end = {year + 1}-01-20 }}\n"
                f"second = {{ start = {year + 1}-03-01, end = {year + 1}-07-08 }}\n"
            )
    path.write_text(text, encoding="utf-8")


def _continue_closings(path: Path) -> None:
    """Set the closing day of the 高考 registration for the years to come."""
    head = "[registry.gaokao_closing]"
    text = path.read_text(encoding="utf-8")
    before, _, after = text.partition(head)
    assert after, "the parameters name no closing days"
    lines = [f"{year} = {year}-11-10" for year in range(2024, _LAST_YEAR) if f"\n{year} = " not in after]
    path.write_text(before + head + "\n" + "\n".join(lines) + after, encoding="utf-8")
