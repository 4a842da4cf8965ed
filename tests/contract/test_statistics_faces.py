"""Statistics across single faces on PostgreSQL: the outside asks and pays, the worker counts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import groupby

import pytest

from gateway.anonymize.noise import Loss
from gateway.bootstrap import Process
from gateway.keyring import Face
from gateway.releases.statistics.errors import BudgetSpentError
from gateway.releases.statistics.records import COMING, AnswerState
from tests.contract.test_faces import NOWHERE, process_of, working
from tests.factories.releases import House, make_house, opened
from tests.factories.statistics import asker, question, statistics_grant, statistics_of

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[House]:
    yield from opened(make_house(tmp_path_factory.mktemp("statistics-faces"), server=postgres_server))


@pytest.fixture(scope="module")
def line(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """An outside face without the registry, with a worker beside."""
    folder = tmp_path_factory.mktemp("line")
    with working(house, folder), process_of(house, Face.OUTSIDE, folder, registry_url=NOWHERE) as outside:
        yield outside


def test_the_outside_face_asks_and_pays_and_the_worker_counts(house: House, line: Process) -> None:
    grant = statistics_grant(house.services)
    service, who = statistics_of(line.services), asker(house.services, grant)
    assert service.counter is None
    assert line.services.sharing is None
    told = service.ask(grant, question("sex", epsilon=300_000), who)
    deadline = time.monotonic() + 60
    while told.answer.state in COMING and time.monotonic() < deadline:
        told = service.ask(grant, question("sex"), who)
    assert told.answer.state is AnswerState.READY
    assert told.view is not None
    assert told.budget.spent == Loss(300_000)
    assert service.ask(grant, question("sex"), who).answer.content == told.answer.content
    entries = [one for one in house.entries("release.") if one["links"].get("grant") == grant]
    kinds = [kind for kind, _ in groupby(one["kind"] for one in entries)]  # who polls asks more than once
    assert kinds[:4] == ["release.requested", "release.prepared", "release.intent", "release.outcome"]
    office = statistics_of(house.services)
    assert office.ask(grant, question("sex"), who).answer.id == told.answer.id


def test_the_outside_face_refuses_what_the_budget_does_not_cover(house: House, line: Process) -> None:
    grant = statistics_grant(house.services)
    service, who = statistics_of(line.services), asker(house.services, grant)
    for field in ("sex", "stage", "ethnicity", "grade"):
        service.ask(grant, question(field, epsilon=1_000_000), who)
    with pytest.raises(BudgetSpentError) as refused:
        service.ask(grant, question("disability", epsilon=1_000), who)
    assert refused.value.extra["left_epsilon_micro"] == 0
    assert service.budget(grant, who).left.epsilon == 0


def test_the_family_face_has_no_statistics(house: House, tmp_path_factory: pytest.TempPathFactory) -> None:
    with process_of(house, Face.FAMILY, tmp_path_factory.mktemp("family")) as family:
        assert family.services.statistics is None
