"""Decoy pupils, wired: the officers who know, the road into the registry, and the worker that plants and watches."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from core_registry.db.decoys import SqlDecoyRegister
from core_registry.db.person_matcher import SqlPersonMatcher
from core_registry.domain.phone_numbers import is_phone, normalize_phone
from core_registry.intake.records import ImportId
from core_registry.intake.scratch import scratch_file
from core_registry.intake.service import ImportService
from core_registry.sample import write_csv
from core_registry.sample.former import former_pupil
from core_registry.sharing import PersonMatcher, PersonQuery
from gateway.accounts.store import SqlBookkeeping
from gateway.audit.service import AuditService
from gateway.audit.store import SqlLogStore
from gateway.bootstrap.alerts import Departments
from gateway.bootstrap.parts import Parts, Process
from gateway.bootstrap.registry import decoy_register, import_request
from gateway.canaries.follower import TouchFollower
from gateway.canaries.planting import Planter
from gateway.canaries.sealing import SecretBox
from gateway.canaries.service import CanaryService
from gateway.canaries.store import SqlCanaries
from gateway.errors import ConfigurationError
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.jobs import Task
from gateway.keyring import Key
from gateway.policies.decision import Action
from gateway.policies.resources import canary_resource
from gateway.policies.scope import territory_within
from gateway.policies.service import ApplicationService, random_id
from gateway.policies.store import SqlPolicyStore
from gateway.principals import Principal
from gateway.services import Services
from rulebook import Rulebook

_OPERATOR = "operator"
"""As whom the host imports forms; of a decoy nothing is written under it."""
_LAYOUT = "template"


__all__ = ["CanaryService", "canaries_of", "canary_service", "canary_tasks"]


@dataclass(frozen=True, slots=True)
class KeeperGate:
    """Implements ``gateway.canaries.ports.CanaryGate`` by the decision point."""

    applications: ApplicationService
    book: Rulebook

    def read(self, principal: Principal) -> None:
        """Return when the principal may know of the decoys of its unit; a refusal is recorded."""
        unit = principal.unit or UnitCode("")
        self.applications.enter(principal, Action.READ_CANARIES, canary_resource(unit), territory=unit)

    def reaches(self, principal: Principal, unit: UnitCode) -> bool:
        """Say whether a unit lies within the principal's territory."""
        return territory_within(self.book.divisions, principal.unit, unit)

    def keep(self, principal: Principal, unit: UnitCode) -> str:
        """Return the policy that lets the principal propose and withdraw; a refusal is recorded."""
        return self.applications.enter(principal, Action.KEEP_CANARIES, canary_resource(unit), territory=unit).policy

    def confirm(self, principal: Principal, unit: UnitCode, proposer: AccountId) -> str:
        """Return the policy that lets the principal decide on what another proposed; a refusal is recorded."""
        return self.applications.enter(
            principal, Action.CONFIRM_CANARIES, canary_resource(unit, proposer), territory=unit
        ).policy


@dataclass(frozen=True, slots=True)
class FormRoad:
    """Implements ``gateway.canaries.ports.Registry``: the import's own checks, then a place among former pupils."""

    imports: ImportService
    register: SqlDecoyRegister
    people: PersonMatcher
    parts: Parts

    def phone(self, text: str) -> str | None:
        """Return a telephone as an import keeps it, ``None`` for one that it does not take."""
        normal = normalize_phone(text)
        return normal if is_phone(normal) else None

    def has_crowd(self, unit: UnitCode) -> bool:
        """Say whether a school within the unit has enough former pupils."""
        return not self._crowded(unit).is_empty()

    def draw(self, unit: UnitCode, phone: str) -> Mapping[str, str | None] | None:
        """Return a person at a crowded school within the unit, each pupil's school as likely as it is large."""
        schools = self._crowded(unit)
        if schools.is_empty():
            return None
        rng = np.random.default_rng(secrets.randbits(128))
        sizes = schools["n"].to_numpy()
        at = int(rng.choice(len(sizes), p=sizes / sizes.sum()))
        code, division, _ = schools.row(at)
        peer = self.register.peer(code)
        place = self.parts.book.divisions.by_code[division].full_name
        return None if peer is None else former_pupil(rng, peer, place=place, phone=phone)

    def find(self, person: Mapping[str, str | None]) -> SubjectRef | None:
        """Return the reference of a registered person by number and name."""
        (found,) = self.people.subjects([PersonQuery(str(person["id_number"]), str(person["name"]))])
        return None if found is None else SubjectRef(found)

    def plant(self, person: Mapping[str, str | None]) -> None:
        """Import the person; a row that is refused leaves nobody."""
        frame = pl.DataFrame([dict(person)], schema=dict.fromkeys(person, pl.String))
        with scratch_file() as form:
            write_csv(form.path, frame, self.parts.book, _LAYOUT)
            self.imports.run(import_request(form.path, mapping=_LAYOUT, actor=_OPERATOR, former=True))

    def _crowded(self, unit: UnitCode) -> pl.DataFrame:
        """Return the open schools within ``unit`` with enough graduates of senior high school: code, division, n."""
        found = self.register.crowds(self.parts.book.divisions.territory(unit))
        return found.filter(pl.col("n") >= self.parts.book.parameters.canary_crowd)


def canary_service(parts: Parts, audit: AuditService, applications: ApplicationService) -> CanaryService | None:
    """Return the use cases of decoys; ``None`` on a face without the registry's keys."""
    road = _road(parts)
    if road is None:
        return None
    divisions, seconds = parts.book.divisions, parts.book.parameters.canary_hours * 3600
    return CanaryService(
        store=SqlCanaries(),
        box=_box(parts),
        registry=road,
        trail=audit,
        gate=KeeperGate(applications, parts.book),
        reader=parts.reader,
        journal=parts.journal,
        is_division=lambda code: code in divisions.by_code,
        now=parts.now,
        spread=lambda: timedelta(seconds=secrets.randbelow(seconds + 1)),
        new_id=random_id,
    )


def canary_tasks(
    parts: Parts, log: SqlLogStore, scratch: SqlBookkeeping, services: Services, policies: SqlPolicyStore
) -> list[Task]:
    """Return the worker's tasks: put in what is due, then hold the log's entries against all that is in."""
    road = _road(parts)
    if road is None or parts.epochs is None:
        return []
    store, box = SqlCanaries(), _box(parts)
    planter = Planter(store, box, road, parts.reader, scratch, parts.now)
    follower = TouchFollower(
        store=store,
        box=box,
        log=log,
        tagger=parts.epochs.tagger(),
        units=Departments(parts, services, policies),
        reader=parts.reader,
        journal=parts.journal,
        scratch=scratch,
    )
    return [Task("decoys", lambda: planter.run() > 0), Task("touched decoys", follower.round)]


def canaries_of(process: Process) -> CanaryService:
    """Return the decoys of a process; raises ``ConfigurationError`` on a face without them."""
    if process.services.canaries is None:
        raise ConfigurationError("This face has no decoys.", detail_zh="本端没有诱饵学籍。")
    return process.services.canaries


def _road(parts: Parts) -> FormRoad | None:
    if parts.registry is None:
        return None
    register = decoy_register(parts, parts.registry)
    imports = ImportService(register, parts.book, parts.now, lambda: ImportId(random_id("im")))
    people = SqlPersonMatcher(parts.registry, parts.keyring.secret(Key.REGISTRY_INDEX))
    return FormRoad(imports, register, people, parts)


def _box(parts: Parts) -> SecretBox:
    return SecretBox.from_root(parts.keyring.secret(Key.REGISTRY_DATA))
