"""Retention, wired: shelves of all rooms, the sweeper and its watch, holds, the renewal of the wrapping key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from gateway.accesses.store import QuestionShelf
from gateway.audit.epoch_keys import ACCESS_TAGS, EpochKeys
from gateway.audit.store import EpochShelf, RequestShelf
from gateway.bootstrap.parts import Parts, Process
from gateway.bootstrap.registry import registry_office
from gateway.data_keys.matters import Matter, Shelf
from gateway.data_keys.periods import civil_day
from gateway.data_keys.service import DataKeys
from gateway.errors import ConfigurationError, ForbiddenError
from gateway.ids import UnitCode
from gateway.inspections.store import CaseAdoption, CaseShelf
from gateway.jobs import Periodic, Task
from gateway.journal import EntryDraft, JsonValue, Tx
from gateway.keyring import Face
from gateway.policies.decision import Action
from gateway.policies.resources import retention_resource, system_resource
from gateway.policies.service import ApplicationService, random_id
from gateway.policies.store.scans import ScanShelf
from gateway.principals import Principal
from gateway.releases.pseudonym_keys.records import PseudonymKey
from gateway.retention.holds import HoldDesk
from gateway.retention.renewal import Renewal
from gateway.retention.service import OverdueWatch, RetentionService
from gateway.retention.store import SqlHolds, SqlSweeps
from gateway.retention.sweeper import Sweeper, grant_is_held, sweeps
from gateway.retention.tag_root import TagRoot
from gateway.services import Retention

SHELVES: Final[dict[str, Shelf]] = {
    "access_tags": EpochShelf(),
    "case_texts": CaseShelf(),
    "family_questions": QuestionShelf(),
    "approval_scans": ScanShelf(),
    "audit_requests": RequestShelf(),
}
"""Class of ``config/retention.toml`` -> where it lies; every class of the sweeper has one."""
_ADOPTED_AT_ONCE: Final = 50
_SCHOOLS_KEPT: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class PolicyGate:
    """Implements ``gateway.retention.ports.RetentionGate``: the decision point, refusals recorded."""

    applications: ApplicationService

    def read(self, principal: Principal) -> None:
        """Return when the principal may see classes and holds."""
        self.applications.enter(principal, Action.READ_RETENTION, retention_resource())

    def hold(self, principal: Principal, unit: str | None) -> str:
        """Return the policy that lets the principal hold what belongs to ``unit``."""
        resource = retention_resource(None if unit is None else UnitCode(unit))
        return self.applications.enter(principal, Action.HOLD_DATA, resource, territory=unit or "").policy

    def oversees(self, principal: Principal) -> bool:
        """Say whether the principal may lift holds, and so sees those of others."""
        try:
            self.applications.authorize(principal, Action.LIFT_HOLD, retention_resource())
        except ForbiddenError:
            return False
        return True

    def lift(self, principal: Principal) -> str:
        """Return the policy that lets the principal lift holds."""
        return self.applications.enter(principal, Action.LIFT_HOLD, retention_resource()).policy


def retention(parts: Parts, applications: ApplicationService) -> Retention | None:
    """Return the use cases; ``None`` on a face that does not hold the keys."""
    if parts.data_keys is None:
        return None
    _check_shelves(parts)
    gate, renewal = PolicyGate(applications), Renewal(parts.data_keys, parts.journal, parts.reader)
    return Retention(
        service=RetentionService(
            classes=parts.book.retention,
            shelves=SHELVES,
            holds=SqlHolds(),
            rows=SqlSweeps(),
            gate=gate,
            reader=parts.reader,
            today=parts.today,
            above=Above(parts),
            unrenewed=renewal.outstanding,
        ),
        holds=HoldDesk(
            rows=SqlHolds(),
            gate=gate,
            journal=parts.journal,
            reader=parts.reader,
            classes=tuple(parts.book.retention),
            now=parts.now,
            today=parts.today,
            new_id=random_id,
        ),
    )


def retention_tasks(parts: Parts, found: Retention | None) -> list[Task]:
    """Return what the worker does: seal what is in clear from before, sweep, look for what is late, renew."""
    if found is None or parts.data_keys is None or parts.epochs is None:
        return []
    swept, watch = sweeper(parts, parts.data_keys, parts.epochs), OverdueWatch(found.service, parts.journal)
    renewal = Renewal(parts.data_keys, parts.journal, parts.reader)
    tasks = [
        Task("texts put under seal", Adopting(parts, CaseAdoption(parts.data_keys)).step),
        Task("retention sweep", Sweeping(swept).step),
        Task("retention overdue", Periodic(watch.run, 3600)),
        Task("holds to review", Periodic(found.holds.call_reviews, 3600)),
    ]
    if parts.face is Face.ALL:  # other hosts would not have the new key: there the operator renews it
        tasks.append(Task("wrapping key", Periodic(renewal.run, 3600)))
    return tasks


def sweeper(parts: Parts, keys: DataKeys, epochs: EpochKeys) -> Sweeper:
    """Return the sweeper of a worker."""

    def forget(matter: Matter) -> None:
        if matter.data_class == ACCESS_TAGS:
            epochs.forget(matter.id)

    return Sweeper(
        classes=parts.book.retention,
        shelves=SHELVES,
        keys=keys,
        holds=SqlHolds(),
        rows=SqlSweeps(),
        journal=parts.journal,
        reader=parts.reader,
        now=parts.now,
        today=parts.today,
        above=Above(parts),
        forget=forget,
    )


@dataclass(slots=True)
class Sweeping:
    """A sweep in pieces: once it is through, the day is looked at again each minute, and not in every round."""

    sweeper: Sweeper
    _rest: Periodic | None = None
    _more: bool = False

    def step(self) -> bool:
        """Sweep one piece when there is one; say whether there may be more."""
        if self._rest is None:
            self._rest = Periodic(self._sweep, 60)
        if self._more:
            self._sweep()
        else:
            self._rest()
        return self._more

    def _sweep(self) -> None:
        self._more = False
        self._more = self.sweeper.step()


@dataclass(slots=True)
class Adopting:
    """Puts texts of cases from before under seal, a few at a time, until there is none; then it rests."""

    parts: Parts
    cases: CaseAdoption
    _through: bool = False

    def step(self) -> bool:
        """Seal the texts of some cases, with an entry; say whether there may be more."""
        if self._through:
            return False
        waiting = self.parts.reader.read(lambda tx: self.cases.waiting(tx, _ADOPTED_AT_ONCE))
        self._through = not waiting
        if not waiting:
            return False

        def write(tx: Tx) -> list[str]:
            return [case for case in waiting if self.cases.adopt(tx, case)]

        def entry(sealed: list[str]) -> EntryDraft:
            told: list[JsonValue] = [*sealed]
            facts: dict[str, JsonValue] = {"class": "case_texts", "count": len(sealed), "matters": told}
            return EntryDraft("retention.adopted", None, facts=facts)

        self.parts.journal.record(write, entry)
        return True


@dataclass(slots=True)
class Above:
    """Tells the departments over a unit. A school that the registry does not know counts as below each: in doubt held.

    Which department manages a school is read again after ten minutes.
    """

    parts: Parts
    _schools: dict[str, str] = field(default_factory=dict)
    _read_at: datetime | None = None

    def __call__(self, unit: str) -> Collection[str]:
        """Return the codes of the departments over ``unit``, itself included if it is one."""
        divisions = self.parts.book.divisions
        if unit in divisions.by_code:
            return divisions.ancestors(unit)
        found = self._managing().get(unit)
        return divisions.by_code.keys() if found is None else divisions.ancestors(found)

    def _managing(self) -> dict[str, str]:
        now = self.parts.now()
        if self._read_at is None or not timedelta(0) <= now - self._read_at < _SCHOOLS_KEPT:
            office = registry_office(self.parts)
            if office is not None:
                schools = office.schools().select("school_code", "managing_authority")
                self._schools = dict(schools.iter_rows())
            self._read_at = now
        return self._schools


def pseudonym_holds(parts: Parts) -> Callable[[Tx, PseudonymKey], bool]:
    """Return what says whether a hold keeps a pseudonym key beyond the end of its grant."""
    holds = SqlHolds()

    def held(tx: Tx, key: PseudonymKey) -> bool:
        holds.serialize(tx)
        days = civil_day(key.created_at), parts.today()
        return grant_is_held(key.grant, "pseudonym_keys", days, holds.standing(tx))

    return held


def tag_root_of(process: Process, principal: Principal) -> TagRoot:
    """Return what destroys the old tag root, for whoever may manage keys; a refusal is recorded.

    Raises ``ForbiddenError``, and ``ConfigurationError`` where the worker's keys are not.
    """
    services, parts = process.services, process.parts
    if parts is None or parts.epochs is None:
        raise ConfigurationError("This host does not hold the epoch keys.", detail_zh="本机不持有季度密钥。")
    services.applications.enter(principal, Action.MANAGE_KEYS, system_resource())
    return TagRoot(parts.epochs, services.settings.keys, parts.journal, parts.reader)


def renewal_of(process: Process, principal: Principal) -> Renewal:
    """Return the renewal of the wrapping key, for whoever may manage keys; a refusal is recorded.

    Raises ``ForbiddenError``, and ``ConfigurationError`` where the keys are not.
    """
    parts = process.parts
    if parts is None or parts.data_keys is None:
        raise ConfigurationError("This host does not hold the data keys.", detail_zh="本机不持有数据密钥。")
    process.services.applications.enter(principal, Action.MANAGE_KEYS, system_resource())
    return Renewal(parts.data_keys, parts.journal, parts.reader)


def resume_sweeps(process: Process, principal: Principal) -> None:
    """Let sweeps go on after a long pause, for whoever may manage keys; a refusal is recorded.

    Raises ``ForbiddenError``, ``ConflictError``, and ``ConfigurationError`` where the keys are not.
    """
    parts = process.parts
    if parts is None or parts.data_keys is None or parts.epochs is None:
        raise ConfigurationError("This host does not hold the data keys.", detail_zh="本机不持有数据密钥。")
    process.services.applications.enter(principal, Action.MANAGE_KEYS, system_resource())
    sweeper(parts, parts.data_keys, parts.epochs).resume(principal)


def retention_of(process: Process) -> Retention:
    """Return the use cases of a process; raises ``ConfigurationError`` where they are not."""
    found = process.services.retention
    if found is None:
        raise ConfigurationError("This host has no retention.", detail_zh="本机没有保存期限功能。")
    return found


def _check_shelves(parts: Parts) -> None:
    missing: Sequence[str] = [
        code for code, rules in parts.book.retention.items() if sweeps(rules) and code not in SHELVES
    ]
    if missing:
        raise ConfigurationError(
            f"Nothing tells where data of these classes lie: {', '.join(missing)}.",
            detail_zh=f"以下类别没有对应的数据：{'、'.join(missing)}。",
            missing=tuple(missing),
        )
