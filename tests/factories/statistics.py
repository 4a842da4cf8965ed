"""Grants of level ``statistics``, each for a recipient of its own, who asks under them, and questions."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from sqlalchemy import text

from gateway.anonymize.noise import Loss
from gateway.db import make_engine
from gateway.ids import GrantId, RecipientId
from gateway.policies.records import Level
from gateway.principals import Principal
from gateway.releases.statistics.counting import Counting
from gateway.releases.statistics.records import Dimension, StatisticsRequest
from gateway.releases.statistics.service import StatisticsService, Told
from gateway.services import Services
from rulebook.statistics_records import StatisticsLimits
from tests.factories.release_cases import RESEARCH, Case, client, grant_for
from tests.factories.releases import House

STATISTICS = Case(
    RESEARCH,
    "research",
    "health-statistics",
    Level.STATISTICS,
    (
        "birth_cohort", "county", "disability", "ethnicity", "grade", "left_behind", "mean_age", "residence", "sex",
        "stage",
    ),
    12,
    5_000_000,
)  # fmt: skip
_NUMBERS = itertools.count(1)


def recipient() -> RecipientId:
    """Return a recipient that nobody used before: its budget is whole, and nothing was answered to it."""
    return RecipientId(f"12140000MB0TE{next(_NUMBERS):05}")


def statistics_of(services: Services) -> StatisticsService:
    """Return the service of statistics."""
    assert services.statistics is not None
    return services.statistics


def statistics_grant(services: Services, whose: RecipientId | None = None, **changes: Any) -> GrantId:  # noqa: ANN401  members of the scope
    """Return a grant of level ``statistics``, for a new recipient unless ``whose`` is given."""
    return grant_for(services, replace(STATISTICS, recipient=whose or recipient()), **changes)


def asker(services: Services, grant: GrantId) -> Principal:
    """Return the system of the recipient of a grant."""
    return client(services.applications.grant(grant).recipient)


def question(*dimensions: str, **more: Any) -> StatisticsRequest:  # noqa: ANN401  members of the request
    """Return a question; a dimension is ``field`` or ``field@level``."""
    parts = [one.partition("@") for one in dimensions]
    return StatisticsRequest(tuple(Dimension(field, level or None) for field, _, level in parts), **more)


def ask(house: House, grant: GrantId, *dimensions: str, **more: Any) -> Told:  # noqa: ANN401  members of the request
    """Ask as the recipient's system."""
    who = asker(house.services, grant)
    return statistics_of(house.services).ask(grant, question(*dimensions, **more), who)


def limited(services: Services, **changes: int) -> StatisticsService:
    """Return the service with other limits."""
    found = statistics_of(services)
    parameters = replace(found.book.parameters, statistics=replace(StatisticsLimits(), wait_seconds=0, **changes))
    book = replace(found.book, parameters=parameters)
    counter = found.counter
    assert isinstance(counter, Counting)
    return replace(found, book=book, counter=replace(counter, book=book))


def spent(house: House, grant: GrantId) -> Loss:
    """Return what the recipient of a grant spent this school year."""
    return statistics_of(house.services).budget(grant, asker(house.services, grant)).spent


def answers_in(house: House, grant: GrantId) -> int:
    """Return how many answers the recipient of a grant was ever counted."""
    engine = make_engine(house.settings.gateway_url)
    query = text("SELECT count(*) FROM statistics_answers WHERE recipient = :whose")
    with engine.connect() as connection:
        whose = house.services.applications.grant(grant).recipient
        found = connection.execute(query, {"whose": whose}).scalar_one()
    engine.dispose()
    return int(found)


def put(service: StatisticsService, grant: GrantId, *dimensions: str, **more: Any) -> Told:  # noqa: ANN401  members of the request
    """Ask another service as the recipient's system."""
    return service.ask(grant, question(*dimensions, **more), client(service.grants.grant(grant).recipient))


def trail(house: House, grant: GrantId) -> list[dict[str, Any]]:
    """Return the entries of releases under a grant."""
    return [one for one in house.entries("release.") if one["links"].get("grant") == grant]
