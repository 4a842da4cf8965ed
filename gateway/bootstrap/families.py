"""Wires families: every face has them; outside, the sharing view is the worker's, asked for one pupil at a time."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine

from core_registry.db.guardian_links import SqlGuardianLinks
from gateway.accounts.store import SqlAccounts, SqlBookkeeping, SqlSessions
from gateway.bootstrap.identity_issuing import ending_desk
from gateway.bootstrap.identity_signing_in import consent_keeper
from gateway.bootstrap.parts import Parts
from gateway.families.activation import ActivationDesk
from gateway.families.bonds import Bonds
from gateway.families.cards import CardDesk
from gateway.families.entering import Doors
from gateway.families.keeper import BondKeeper
from gateway.families.passkeys import PasskeyDesk, RelyingParty
from gateway.families.ports import PupilView
from gateway.families.service import FamilyService
from gateway.families.store import FamilyStore
from gateway.identity.lifecycle import staff_may_offer
from gateway.identity.service import IdentityService
from gateway.jobs import Periodic, Task


def family_service(parts: Parts, view: PupilView) -> FamilyService:
    """Return families as the face of ``parts`` has them; ``view`` reads the sharing view, or asks the worker."""
    store, scratch = FamilyStore(), SqlBookkeeping(parts.engine)
    bonds = Bonds(store, parts.reader, view, parts.now)
    doors = Doors(SqlAccounts(), SqlSessions())
    in_charge = staff_may_offer(parts.book.divisions.territory)
    return FamilyService(
        bonds=bonds,
        activations=ActivationDesk(
            public_url=parts.settings.public_url,
            life=timedelta(days=parts.book.parameters.activation_days),
            bonds=bonds,
            store=store,
            doors=doors,
            journal=parts.journal,
            reader=parts.reader,
            scratch=scratch,
            in_charge=in_charge,
            now=parts.now,
        ),
        passkeys=PasskeyDesk(
            party=RelyingParty.at(parts.settings.public_url),
            store=store,
            doors=doors,
            journal=parts.journal,
            reader=parts.reader,
            scratch=scratch,
            now=parts.now,
        ),
        cards=CardDesk(parts.settings.public_url, bonds, store, parts.journal, parts.reader, parts.now),
        store=store,
        accounts=doors.accounts,
        sessions=doors.sessions,
        journal=parts.journal,
        reader=parts.reader,
        scratch=scratch,
        in_charge=in_charge,
        now=parts.now,
    )


def bond_keeper(parts: Parts, registry: Engine, identity: IdentityService) -> BondKeeper:
    """Return what follows bonds up, where the registry's database and the issuer's key are."""
    return BondKeeper(
        store=FamilyStore(),
        register=SqlGuardianLinks(registry),
        wallets=ending_desk(parts, identity),
        sign_ins=consent_keeper(parts),
        view=identity.view,
        journal=parts.journal,
        reader=parts.reader,
        scratch=SqlBookkeeping(parts.engine),
        now=parts.now,
    )


def family_tasks(families: FamilyService | None, keeper: BondKeeper) -> list[Task]:
    """Return what the worker does for families: follow bonds up, and forget activations that are over."""
    tasks = [
        Task("bonds", keeper.follow, quick=True),  # A50-15: a wallet that may hold no longer is emptied within seconds
        Task("bonds over with age", Periodic(keeper.review, 60)),
    ]
    return tasks if families is None else [*tasks, Task("old activations", Periodic(families.sweep, 600))]
