"""Checks and matches: who looks on which face, and what the worker does for the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core_registry.db.person_matcher import SqlPersonMatcher
from core_registry.sharing import PupilRows
from gateway.accounts.store import SqlBookkeeping
from gateway.bootstrap.parts import GrantDesk, Parts
from gateway.broker.service import PUPIL, Asker, Handler, broker_key, pupil_handler
from gateway.broker.store import SqlQuestions
from gateway.errors import ConfigurationError
from gateway.jobs import Periodic, Task
from gateway.keyring import Key
from gateway.policies.service import random_id
from gateway.releases.checks.desk import CHECK, CheckDesk, LocalDesk, RemoteDesk, check_handler
from gateway.releases.checks.guesses import GuessLimit, guess_key
from gateway.releases.checks.schedule import Schedule
from gateway.releases.checks.service import CheckService
from gateway.releases.checks.store import SqlChecks
from gateway.releases.matches.matching import Matching
from gateway.releases.matches.service import MatchService
from gateway.releases.matches.shelf import ListShelf
from gateway.releases.matches.store import SqlMatchLists
from gateway.releases.protocols import Extracts
from gateway.releases.store import ExtractStore
from gateway.releases.workbench import Workbench


def check_service(parts: Parts, grants: GrantDesk, scratch: SqlBookkeeping) -> CheckService | None:
    """Return the service of checks, ``None`` on a face that releases nothing (family)."""
    if not parts.keyring.has(Key.DELIVERY):
        return None
    store = SqlChecks()
    desk: CheckDesk = (
        RemoteDesk(_asker(parts, scratch)) if parts.registry is None else local_desk(parts, grants, scratch)
    )
    return CheckService(
        grants=grants,
        checks=store,
        guesses=store,
        journal=parts.journal,
        reader=parts.reader,
        scratch=scratch,
        decisions=parts.decisions,
        book=parts.book,
        desk=desk,
        separation=parts.settings.separation,
        now=parts.now,
        today=parts.today,
        new_id=random_id,
        schedule=Schedule(),
    )


def match_service(
    parts: Parts, grants: GrantDesk, extracts: ExtractStore, wake: Callable[[], None]
) -> MatchService | None:
    """Return the service that takes lists, ``None`` on a face that releases nothing (family)."""
    if not parts.keyring.has(Key.DELIVERY):
        return None
    return MatchService(
        grants=grants,
        extracts=extracts,
        shelf=_shelf(parts, grants, extracts),
        journal=parts.journal,
        decisions=parts.decisions,
        book=parts.book,
        separation=parts.settings.separation,
        now=parts.now,
        today=parts.today,
        new_id=random_id,
        wake=wake,
    )


def local_desk(parts: Parts, grants: GrantDesk, scratch: SqlBookkeeping) -> LocalDesk:
    """Return who looks people up; raises ``ConfigurationError`` on a face without the registry."""
    if parts.registry is None:
        raise _no_registry()
    return LocalDesk(
        grants=grants,
        checks=SqlChecks(),
        guesses=_guesses(parts, scratch),
        journal=parts.journal,
        scratch=scratch,
        matcher=SqlPersonMatcher(parts.registry, parts.keyring.secret(Key.REGISTRY_INDEX)),
        pupils=_pupils(parts),
        book=parts.book,
        now=parts.now,
        today=parts.today,
    )


def broker_handlers(parts: Parts, grants: GrantDesk, scratch: SqlBookkeeping) -> Mapping[str, Handler]:
    """Return what the worker answers to other faces, by kind of question."""
    if parts.sharing is None:
        raise _no_registry()
    return {PUPIL: pupil_handler(parts.sharing), CHECK: check_handler(local_desk(parts, grants, scratch))}


def check_tasks(
    parts: Parts,
    grants: GrantDesk,
    scratch: SqlBookkeeping,
    bench: Workbench,
    checks: CheckService | None,
) -> list[Task]:
    """Return what the worker does for checks and matches in a round, in order."""
    if parts.registry is None or checks is None:
        raise _no_registry()
    shelf = _shelf(parts, grants, bench.extracts)
    matching = Matching(
        bench=bench,
        shelf=shelf,
        guesses=_guesses(parts, scratch),
        people=SqlPersonMatcher(parts.registry, parts.keyring.secret(Key.REGISTRY_INDEX)),
        pupils=_pupils(parts),
    )
    return [
        Task("matches", matching.run_next),
        Task("lists of matches", Periodic(shelf.sweep, 5)),
        Task("orphaned checks", Periodic(checks.close_orphans, 5)),
        Task("old checks", Periodic(checks.purge, 3600)),
    ]


def _shelf(parts: Parts, grants: GrantDesk, extracts: Extracts) -> ListShelf:
    return ListShelf(
        lists=SqlMatchLists(),
        extracts=extracts,
        grants=grants,
        journal=parts.journal,
        reader=parts.reader,
        files=parts.settings.files,
        delivery_key=parts.keyring.secret(Key.DELIVERY),
        minutes=parts.book.parameters.match_list_minutes,
        now=parts.now,
    )


def _guesses(parts: Parts, scratch: SqlBookkeeping) -> GuessLimit:
    key = guess_key(parts.keyring.secret(Key.REGISTRY_INDEX))
    return GuessLimit(SqlChecks(), scratch, parts.book.parameters.guess_limit, key)


def _pupils(parts: Parts) -> PupilRows:
    view = parts.sharing
    if view is None or not hasattr(view, "pupils"):
        raise _no_registry()
    return view  # type: ignore[return-value]  # the view of the registry reads rows by reference too


def _asker(parts: Parts, scratch: SqlBookkeeping) -> Asker:
    key = broker_key(parts.keyring.secret(Key.DELIVERY))
    return Asker(SqlQuestions(), parts.reader, scratch, key, parts.now)


def _no_registry() -> ConfigurationError:
    return ConfigurationError("Who looks pupils up needs the registry.", detail_zh="查找学生需要学籍库。")
