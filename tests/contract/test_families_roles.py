"""PostgreSQL: what the roles of the faces may do with the tables of families, and what not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

import gateway.bootstrap  # noqa: F401  every store declares its tables
from gateway.accounts.records import Account
from gateway.accounts.store import SqlAccounts
from gateway.db import make_engine, migrate
from gateway.db.roles import grant_face_role
from gateway.families.passkeys import passkey_id
from gateway.families.records import (
    Activation,
    ActivationId,
    Bond,
    BondId,
    BondKind,
    Card,
    CardId,
    Challenge,
    Passkey,
    Purpose,
)
from gateway.families.store import FamilyStore
from gateway.ids import AccountId, SubjectRef
from gateway.journal import Tx
from gateway.keyring import Face
from gateway.principals import AccountKind, Role

NOW = datetime(2026, 12, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
LI = SubjectRef("1" * 32)


def as_role(url: str, face: Face) -> sa.Engine:
    """Return the database as the role of ``face`` sees it."""
    migrate.upgrade(url)
    role, owner = f"r{uuid4().hex[:12]}", make_engine(url)
    with owner.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
    grant_face_role(owner, role, face)
    owner.dispose()
    return make_engine(sa.make_url(url).set(username=role).render_as_string(hide_password=False))


@pytest.mark.postgres
@pytest.mark.parametrize("face", [Face.FAMILY, Face.OUTSIDE])
def test_the_faces_of_families_keep_bonds_and_passkeys_and_forget_no_bond(postgres_url: str, face: Face) -> None:
    engine, store = as_role(postgres_url, face), FamilyStore()
    account = Account(AccountId("gd-1"), AccountKind.GUARDIAN, frozenset({Role.GUARDIAN}), NOW)
    key = passkey_id(b"key")
    with engine.begin() as connection:
        tx = Tx(connection)
        SqlAccounts().add(tx, account)
        store.add_activation(
            tx,
            Activation(
                ActivationId("ac-1"), "r" * 64, "c" * 64, LI, BondKind.GUARDIAN, None, None, account.id, NOW, LATER
            ),
        )
        assert store.take_try(tx, ActivationId("ac-1"), NOW)
        assert store.use_activation(tx, ActivationId("ac-1"), NOW, account.id)
        store.add_bond(tx, Bond(BondId("bo-1"), account.id, LI, BondKind.GUARDIAN, NOW, account.id))
        store.add_passkey(tx, Passkey(key, b"key", b"cose", 2**32 - 2, account.id, "手机", NOW))
        assert store.use_passkey(tx, key, NOW, before=2**32 - 2, after=2**32 - 1)
        store.add_challenge(tx, Challenge("i" * 64, Purpose.SIGN_IN, b"random", None, LATER))
        assert store.take_challenge(tx, "i" * 64) is not None
        assert store.take_challenge(tx, "i" * 64) is None
        store.add_card(tx, Card(CardId("ca-1"), "k" * 64, BondId("bo-1"), account.id, LI, NOW, LATER))
        assert store.end_cards(tx, BondId("bo-1"), NOW) == 1
        assert store.remove_passkeys(tx, account.id) == 1
        assert store.end_bond(tx, BondId("bo-1"), NOW, account.id)
    for statement in (
        "DELETE FROM family_bonds",
        "DELETE FROM family_activations",
        "DELETE FROM family_cards",
        "DELETE FROM accounts",
        "DROP TABLE family_passkeys",
    ):
        with pytest.raises(sa.exc.ProgrammingError), engine.begin() as connection:
            connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.mark.postgres
def test_the_worker_alone_sweeps(postgres_url: str) -> None:
    engine = as_role(postgres_url, Face.WORKER)
    with engine.begin() as connection:
        assert FamilyStore().sweep(Tx(connection), NOW) == {"activations": 0, "challenges": 0, "cards": 0}
    engine.dispose()
