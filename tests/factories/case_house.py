"""The whole program with a desk on a registry in memory: schools, departments, their people and two pupils."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
from apiflask import APIFlask
from werkzeug.test import TestResponse

from core_registry.cases.service import CaseDesk
from core_registry.domain.states import Stage
from gateway import bootstrap, keyring
from gateway.accounts.records import StaffSpec
from gateway.app import create_app
from gateway.ids import UnitCode
from gateway.keyring import Face
from gateway.policies.scope import civil_date
from gateway.policies.service import random_id
from gateway.principals import Role
from tests.factories.api import settings_at
from tests.factories.cases import ANY_KIND, COUNTY, OTHER_COUNTY, PRIMARY_SCHOOL, pupil, school
from tests.factories.console_house import Browser, Clock, Person
from tests.factories.fake_cases import FakeCaseStore, FakePupil, started

RECEIVING_SCHOOL = "2114000009"
PUPIL, OTHER_PUPIL = "st0pupil0one", "st0pupil0two"
ID_NUMBER, NAME = "140105201603091236", "张小明"
PDF = b"%PDF-1.7\n%%EOF\n"
STAFF: Mapping[str, tuple[Role, str]] = {
    "school": (Role.REGISTRAR, PRIMARY_SCHOOL),
    "head": (Role.PRINCIPAL, PRIMARY_SCHOOL),
    "receiving": (Role.REGISTRAR, RECEIVING_SCHOOL),
    "county": (Role.REGISTRAR, COUNTY),
    "other-county": (Role.REGISTRAR, OTHER_COUNTY),
    "recorder": (Role.DATA_OFFICER, COUNTY),
}


@dataclass
class CaseHouse:
    """A running program; ``clock`` is that of the accounts, ``today`` moves the desk."""

    process: bootstrap.Process
    app: APIFlask
    store: FakeCaseStore
    desk: CaseDesk
    people: dict[str, Person]
    clock: Clock
    moment: list[datetime]
    visitors: int = 0
    _sessions: dict[str, str] = field(default_factory=dict, repr=False)

    def at(self, moment: datetime) -> None:
        """Let the desk believe that it is ``moment``."""
        self.moment[0] = moment

    def call(self, who: str | None, method: str, path: str, body: object = None, **more: Any) -> TestResponse:  # noqa: ANN401
        """Send a request of the API as ``who``, JSON if there is a body."""
        headers = {} if who is None else {"Authorization": f"Bearer {self._session(who)}"}
        if body is not None:
            more["json"] = body
        return self.app.test_client().open(path, method=method, headers=headers, buffered=True, **more)

    def browser(self, who: str) -> Browser:
        """Return a browser, signed in as ``who``."""
        self.visitors += 1
        client = self.app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"198.51.100.{self.visitors % 250 + 1}"
        browser = Browser(client)
        browser.sign_in(self.people[who])
        return browser

    def account(self, who: str) -> str:
        """Return the account of somebody."""
        return self.people[who].credentials.account

    def evidence(self, who: str, kind: str, issuer: str = "guardian", level: str = "", content: bytes = PDF) -> str:
        """Hand in a file over the API; return its id."""
        answer = self.call(
            who,
            "POST",
            "/v1/registry/evidence",
            data={
                "kind": kind, "issuer_kind": issuer, "issuer_level": level, "student_id": PUPIL,
                "file": (BytesIO(content), "x.pdf", "application/pdf"),
            },
            content_type="multipart/form-data",
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        return str(answer.get_json()["id"])

    def suspension(self, who: str = "school", **changes: object) -> dict[str, Any]:
        """Return a request for suspension with its evidence handed in."""
        evidence = [
            self.evidence(who, "annex-2"), self.evidence(who, "hospital-record", "hospital", "county", PDF + b"2"),
        ]  # fmt: skip
        values = {
            "from": "2026-09-08", "until": "2027-03-08", "ground": "illness", "hours_total": 600, "hours_lost": 200,
            "reason": "住院治疗",
        }  # fmt: skip
        return {
            "kind": "suspension", "school": PRIMARY_SCHOOL, "on": "2026-09-08", "applied_on": "2026-09-07",
            "student_id": PUPIL, "values": values, "evidence": evidence, **changes,
        }  # fmt: skip

    def _session(self, who: str) -> str:
        if who not in self._sessions:
            one = self.people[who]
            body = {"username": one.username, "password": one.password, "totp": one.code()}
            answer = self.app.test_client().post("/v1/sessions", json=body)
            assert answer.status_code == 201, answer.text
            self._sessions[who] = str(answer.get_json()["token"])
        return self._sessions[who]


def registry() -> FakeCaseStore:
    """Return a registry with two primary schools in two counties and two pupils of the first."""
    here = school(Stage.PRIMARY, name="示例小学")
    there = school(
        Stage.PRIMARY, code=RECEIVING_SCHOOL, name="示例第二小学", division=OTHER_COUNTY,
        managing_authority=OTHER_COUNTY,
        supervising_dept=OTHER_COUNTY, registry_superior=OTHER_COUNTY,
    )  # fmt: skip
    first = pupil(Stage.PRIMARY, student_id=PUPIL, member_since=date(2023, 9, 1))
    second = pupil(Stage.PRIMARY, student_id=OTHER_PUPIL, subject_ref="0" * 31 + "2")
    return FakeCaseStore(
        [FakePupil(first, ID_NUMBER, NAME), FakePupil(second, "140105201604011235", "李小红")],
        [here, there],
    )


def _register(store: FakeCaseStore) -> pl.DataFrame:
    """Return the same schools for the real register, from which pages take names and reach."""
    return pl.DataFrame(
        [
            {
                "school_code": one.code, "name": one.name, "category": one.category, "division": one.division,
                "managing_authority": one.managing_authority, "supervising_dept": one.supervising_dept,
                "registry_superior": one.registry_superior, "stages": " ".join(sorted(one.stages)), "closed": False,
            }
            for one in store.schools.values()
        ]
    )  # fmt: skip


@contextmanager
def open_case_house(home: Path, staff: Mapping[str, tuple[Role, str]] = STAFF) -> Iterator[CaseHouse]:
    """Open a house in ``home`` with ``staff``; it is the first week of the autumn term of 2026 at the desk."""
    settings = settings_at(home)
    keyring.create(settings.keys)
    bootstrap.prepare_databases(settings, bootstrap.load_rulebook(settings))
    clock = Clock()
    process = bootstrap.open_process(settings, Face.ALL, now=clock, with_worker=False)
    store, moment = registry(), [started()]
    try:
        today = civil_date(datetime.now(UTC))
        specs = [
            StaffSpec(
                name, f"测试·{name}", frozenset({role}), UnitCode(unit), "学籍管理员", filed_on=today, trained_on=today,
                acknowledged_on_paper=True, must_change=False,
            )
            for name, (role, unit) in staff.items()
        ]  # fmt: skip
        assert process.services.office is not None
        process.services.office.import_schools(_register(store))
        made = process.services.directory.bootstrap_accounts(specs)
        people = {name: Person(one, clock) for name, one in zip(staff, made, strict=True)}
        desk = CaseDesk(store, lambda: moment[0], random_id, ANY_KIND)
        app = create_app(replace(process.services, desk=desk))
        yield CaseHouse(process, app, store, desk, people, clock, moment)
    finally:
        process.close()
