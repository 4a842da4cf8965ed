"""Checks and matches across single faces on PostgreSQL: the outside asks, the worker looks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event, text

from core_registry.sharing import PersonQuery
from gateway.bootstrap import Process
from gateway.db import make_engine
from gateway.db.roles import PRIVILEGES
from gateway.errors import ForbiddenError, UnavailableError
from gateway.keyring import Face
from gateway.policies.errors import ScopeExceededError
from gateway.policies.records import Format
from gateway.releases.checks import service as module
from gateway.releases.checks.desk import LocalDesk, RemoteDesk
from gateway.releases.checks.records import Asked, CheckRequest
from gateway.releases.matches.records import UNCONFIRMED, YES, MatchRequest, Upload
from tests.contract.test_faces import NOWHERE, _plain, process_of, working
from tests.factories.checks import ASKER, UNKNOWN, asked, check_grant, checks_of, people_of
from tests.factories.matches import MATCHER, listed, match_grant
from tests.factories.releases import House, make_house, opened

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[House]:
    yield from opened(make_house(tmp_path_factory.mktemp("check-faces"), server=postgres_server))


@pytest.fixture(scope="module")
def line(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """An outside face without the registry, with a worker beside."""
    folder = tmp_path_factory.mktemp("line")
    with working(house, folder), process_of(house, Face.OUTSIDE, folder, registry_url=NOWHERE) as outside:
        yield outside


def test_the_outside_face_asks_and_the_worker_looks(house: House, line: Process) -> None:
    rows = people_of(house)
    grant = check_grant(house.services)
    service = checks_of(line.services)
    assert isinstance(service.desk, RemoteDesk)
    assert line.services.sharing is None
    people = (asked(rows[0]), asked(rows[1], grade=rows[1]["grade"]), Asked("郑无此", UNKNOWN, {"in_school": True}))
    assert service.check(grant, CheckRequest(people), ASKER).confirmed == (True, True, False)
    (outcome,) = [e for e in house.entries("release.outcome") if e["links"].get("grant") == grant]
    assert len(outcome["tags"]["tags"]) == 3
    tagger = house.services.audit.tagger
    assert tagger is not None
    assert tagger.tag(outcome["tags"]["epoch"], rows[0]["subject_ref"]).hex() in outcome["tags"]["tags"]


def test_i7_what_goes_through_the_database_shows_nobody(house: House, line: Process) -> None:
    row = people_of(house)[3]
    seen: list[tuple[bytes, bytes | None]] = []
    engine = make_engine(house.settings.gateway_url)

    def note() -> None:
        with engine.connect() as connection:
            found = connection.execute(text("SELECT question, answer FROM broker_questions")).all()
        seen.extend((bytes(one.question), None if one.answer is None else bytes(one.answer)) for one in found)

    desk = checks_of(line.services).desk
    assert isinstance(desk, RemoteDesk)
    broker: Any = desk.broker

    def look(seconds: float) -> None:
        note()
        time.sleep(seconds)

    watched = replace(broker, sleep=look)
    service = replace(checks_of(line.services), desk=RemoteDesk(watched))
    assert service.check(check_grant(house.services), CheckRequest((asked(row),)), ASKER).confirmed == (True,)
    assert seen, "the question was watched on its way"
    for question, answer in seen:
        for clear in (row["id_number"].encode(), row["name"].encode(), b"in_school", b"id_number"):
            assert clear not in question
            assert answer is None or clear not in answer
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM broker_questions")).scalar_one() == 0
    engine.dispose()


def test_questions_and_answers_are_of_one_size_whatever_the_answer_is(house: House, line: Process) -> None:
    row = people_of(house)[4]
    sizes: set[tuple[int, int]] = set()
    desk = checks_of(line.services).desk
    assert isinstance(desk, RemoteDesk)
    broker: Any = desk.broker
    store = broker.store

    class Measured:
        """The rows, with what passes through them measured."""

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401  as the store
            return getattr(store, name)

        def add(self, tx: Any, identifier: str, question: bytes, asked_at: Any) -> None:  # noqa: ANN401  as the store
            self.question = len(question)
            store.add(tx, identifier, question, asked_at)

        def answered(self, tx: Any, identifier: str) -> bytes | None:  # noqa: ANN401  as the store
            found: bytes | None = store.answered(tx, identifier)
            if found is not None:
                sizes.add((self.question, len(found)))
            return found

    for person in (
        asked(row),
        Asked("郑无此", row["id_number"], {"in_school": True}),
        Asked("郑无", UNKNOWN, {"in_school": True}),
    ):
        service = replace(checks_of(line.services), desk=RemoteDesk(replace(broker, store=Measured())))
        service.check(check_grant(house.services), CheckRequest((person,)), ASKER)
    assert len(sizes) == 1


def test_i2_a_face_that_was_taken_over_gets_no_answer_beyond_the_grant(
    house: House, line: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "require_question", lambda *_a, **_k: None)  # the face's own decision is gone
    grant = check_grant(house.services, fields=("in_school",))
    person = asked(people_of(house)[5], grade="11")
    with pytest.raises((ForbiddenError, ScopeExceededError)) as refused:
        checks_of(line.services).check(grant, CheckRequest((person,)), ASKER)
    assert refused.value.extra["dimension"] == "fields"
    outcome = [e for e in house.entries("release.outcome") if e["links"].get("grant") == grant][-1]
    assert outcome["outcome"] == "error"


def test_a_list_goes_in_outside_and_comes_back_outside_while_the_worker_matches(house: House, line: Process) -> None:
    rows = people_of(house)[10:13]
    grant = match_grant(house.services)
    matches, releases = line.services.matches, line.services.releases
    assert matches is not None
    people = listed([*rows, {"name": "郑无此", "id_number": UNKNOWN}])
    extract = matches.start(grant, MatchRequest(Format.CSV, ("grade",)), Upload(people=people), MATCHER)
    deadline = time.monotonic() + 60
    while extract.state != "ready" and time.monotonic() < deadline:
        assert extract.state != "failed", extract.failure
        time.sleep(0.1)
        extract = releases.get(extract.id, MATCHER)
    content = b"".join(releases.deliver(extract.id, MATCHER).content).decode("utf-8-sig")
    lines = content.splitlines()
    assert lines == [
        "row,matched,grade",
        *[f"{n},{YES},{row['grade']}" for n, row in enumerate(rows, 2)],
        f"5,{UNCONFIRMED},",
    ]
    deadline = time.monotonic() + 60
    while list((house.settings.files / "lists").glob("*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list((house.settings.files / "lists").glob("*")) == []
    assert [e for e in house.entries("match.list_destroyed") if e["links"]["extract"] == extract.id]


def test_nobody_answers_in_time_and_the_uses_stay_taken(house: House, line: Process) -> None:
    grant = check_grant(house.services, uses=3)
    service = checks_of(line.services)
    assert isinstance(service.desk, RemoteDesk)
    broker: Any = service.desk.broker
    impatient = replace(service, desk=RemoteDesk(replace(broker, wait_seconds=0.0)))
    with pytest.raises(UnavailableError):
        impatient.check(grant, CheckRequest((asked(people_of(house)[0]),)), ASKER)
    assert house.services.applications.grant(grant).uses_left == 2
    assert [e for e in house.entries("release.intent") if e["links"].get("grant") == grant]


def test_the_role_of_the_outside_face_reads_no_count_of_guesses(house: House, postgres_server: str) -> None:
    from gateway import bootstrap

    assert "release_guesses" not in PRIVILEGES[Face.OUTSIDE]
    role = f"outside_checks_{house.settings.gateway_url.rpartition('/')[2][:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
    try:
        bootstrap.grant_roles(house.settings, Face.OUTSIDE, role)
        with psycopg.connect(_plain(house.settings.gateway_url), autocommit=True) as connection:
            connection.execute(f"SET ROLE {role}")
            for table in ("release_checks", "match_lists", "broker_questions"):
                connection.execute(f"SELECT 1 FROM {table}")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT 1 FROM release_guesses")
    finally:
        for url in (house.settings.registry_url, house.settings.gateway_url):
            with psycopg.connect(_plain(url), autocommit=True) as connection:
                connection.execute(f"DROP OWNED BY {role}")
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(f"DROP ROLE {role}")


def test_the_office_face_looks_by_itself(house: House, line: Process, tmp_path: Path) -> None:
    with process_of(house, Face.OFFICE, tmp_path) as office:
        service = checks_of(office.services)
        assert isinstance(service.desk, LocalDesk)
        row = people_of(house)[6]
        assert service.check(check_grant(house.services), CheckRequest((asked(row),)), ASKER).confirmed == (True,)


def test_the_matcher_gives_references_and_no_more(house: House) -> None:
    """Number and name both; one statement of pupils for a batch, whatever is found; no clear value goes in or out."""
    desk = checks_of(house.services).desk
    assert isinstance(desk, LocalDesk)
    row, other = people_of(house)[0], people_of(house)[1]
    engine: Engine = desk.matcher._engine  # type: ignore[attr-defined]  # the real one
    said: list[tuple[str, object]] = []

    def note(_c: object, _u: object, statement: str, parameters: object, *_more: object) -> None:
        said.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        found = desk.matcher.subjects(
            [
                PersonQuery(row["id_number"], row["name"]),
                PersonQuery(row["id_number"], other["name"]),
                PersonQuery(other["id_number"], row["name"]),
                PersonQuery(UNKNOWN, row["name"]),
                PersonQuery("", ""),
                PersonQuery(row["id_number"], row["name"], student_number="G" + UNKNOWN),
            ]
        )
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert found == [row["subject_ref"], None, None, None, None, None]
    selects = [one for one in said if one[0].startswith("SELECT")]
    assert len(selects) == 1
    assert row["id_number"] not in str(said)
    assert row["name"] not in str(said)
    assert row["name"] not in repr(PersonQuery(row["id_number"], row["name"]))
