"""Statistics: who counts on which face, and what the worker does for the others."""

from __future__ import annotations

from collections.abc import Callable

from gateway.accounts.store import SqlBookkeeping
from gateway.bootstrap.parts import GrantDesk, Parts, es256
from gateway.jobs import Task
from gateway.keyring import Key
from gateway.policies.service import random_id
from gateway.releases.manifest import ManifestSigner
from gateway.releases.statistics.counting import Counting
from gateway.releases.statistics.service import StatisticsService
from gateway.releases.statistics.store import SqlStatistics


def statistics_service(
    parts: Parts, grants: GrantDesk, scratch: SqlBookkeeping, wake: Callable[[], None]
) -> StatisticsService | None:
    """Return the service of statistics, ``None`` on a face that releases nothing (family)."""
    if not parts.keyring.has(Key.DELIVERY):
        return None
    return StatisticsService(
        grants=grants,
        statistics=SqlStatistics(),
        journal=parts.journal,
        reader=parts.reader,
        decisions=parts.decisions,
        book=parts.book,
        counter=_counting(parts, grants, scratch),
        separation=parts.settings.separation,
        now=parts.now,
        today=parts.today,
        new_id=random_id,
        wake=wake,
    )


def statistics_tasks(
    parts: Parts, grants: GrantDesk, scratch: SqlBookkeeping, settle: Callable[[], None]
) -> list[Task]:
    """Return what the worker does for faces without the register: it counts what waits."""
    counting = _counting(parts, grants, scratch, settle)
    return [] if counting is None else [Task("statistics", counting.run_next)]


def _counting(
    parts: Parts, grants: GrantDesk, scratch: SqlBookkeeping, settle: Callable[[], None] = lambda: None
) -> Counting | None:
    """Return who counts; ``None`` without the register or the key that signs."""
    if parts.sharing is None or not parts.keyring.has(Key.GRANT):
        return None
    return Counting(
        statistics=SqlStatistics(),
        grants=grants,
        journal=parts.journal,
        reader=parts.reader,
        scratch=scratch,
        sharing=parts.sharing,
        signer=ManifestSigner(es256(parts.keyring.signing(Key.GRANT))),
        book=parts.book,
        issuer=parts.settings.public_url,
        now=parts.now,
        today=parts.today,
        worker=parts.owner,
        settle=settle,
    )
