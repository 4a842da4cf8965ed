"""Tables and repository of families. Of links, codes and cookies only digests; of pupils only the reference."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    RowMapping,
    Select,
    String,
    Table,
    column,
    delete,
    insert,
    select,
    table,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from gateway.db import connection_of, metadata
from gateway.errors import ConflictError
from gateway.families.records import (
    MAX_TRIES,
    Activation,
    ActivationId,
    Bond,
    BondId,
    BondKind,
    Card,
    CardId,
    Challenge,
    Passkey,
    PasskeyId,
    Purpose,
)
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.instants import instant_of, seconds_text
from gateway.journal import Tx

_ACCOUNTS = table("accounts", column("id"), column("sealed_at"))
"""What this room reads of the table of accounts."""

bonds = Table(
    "family_bonds",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account", String(40), ForeignKey("accounts.id"), nullable=False),
    Column("subject_ref", String(64), nullable=False, index=True),
    Column("kind", String(10), nullable=False),
    Column("opened_at", String(20), nullable=False),
    Column("opened_by", String(40), nullable=False),
    Column("ended_at", String(20)),
    Column("ended_by", String(40)),
)
_LIVE, _OWN = text("ended_at IS NULL"), text("ended_at IS NULL AND kind = 'self'")
Index(
    "uq_family_bonds_live",
    bonds.c.account,
    bonds.c.subject_ref,
    unique=True,
    sqlite_where=_LIVE,
    postgresql_where=_LIVE,
)
Index("uq_family_bonds_own", bonds.c.subject_ref, unique=True, sqlite_where=_OWN, postgresql_where=_OWN)

activations = Table(
    "family_activations",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("reference_hash", String(64), nullable=False, unique=True),
    Column("code_hash", String(64), nullable=False),
    Column("subject_ref", String(64), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("account", String(40)),
    Column("unit", String(10), index=True),
    Column("made_by", String(40), nullable=False),
    Column("made_at", String(20), nullable=False),
    Column("expires_at", String(20), nullable=False, index=True),
    Column("tries", Integer, nullable=False),
    Column("used_at", String(20)),
    Column("used_by", String(40)),
    Column("revoked_at", String(20)),
)
passkeys = Table(
    "family_passkeys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("credential_id", LargeBinary, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),  # 32 bits without a sign
    Column("account", String(40), ForeignKey("accounts.id"), nullable=False, index=True),
    Column("name", String(40), nullable=False),
    Column("created_at", String(20), nullable=False),
    Column("last_used_at", String(20)),
)
challenges = Table(
    "family_challenges",
    metadata,
    Column("id_hash", String(64), primary_key=True),
    Column("purpose", String(10), nullable=False),
    Column("challenge", LargeBinary, nullable=False),
    Column("account", String(40)),
    Column("expires_at", String(20), nullable=False, index=True),
)

cards = Table(
    "family_cards",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("reference_hash", String(64), nullable=False, unique=True),
    Column("bond", String(40), ForeignKey("family_bonds.id"), nullable=False, index=True),
    Column("account", String(40), nullable=False),
    Column("subject_ref", String(64), nullable=False),
    Column("made_at", String(20), nullable=False),
    Column("expires_at", String(20), nullable=False, index=True),
)


class FamilyStore:
    """The SQL store; the protocols of the same shape are in ``gateway.families.ports``."""

    def add_bond(self, tx: Tx, bond: Bond) -> None:
        """Keep a new bond; raises ``ConflictError`` for a second live one of the same two, or of a pupil's own."""
        connection = connection_of(tx)
        try:
            with connection.begin_nested():
                connection.execute(
                    insert(bonds).values(
                        id=bond.id,
                        account=bond.account,
                        subject_ref=bond.subject_ref,
                        kind=bond.kind.value,
                        opened_at=seconds_text(bond.opened_at),
                        opened_by=bond.opened_by,
                        ended_at=_maybe_text(bond.ended_at),
                        ended_by=bond.ended_by,
                    )
                )
        except IntegrityError as error:
            raise ConflictError(
                "There is such an account for the pupil already: reactivate that one.",
                detail_zh="该学生已有此类账号，请重新激活原账号。",
            ) from error

    def bond(self, tx: Tx, bond: BondId) -> Bond | None:
        """Return a bond, ended ones as well."""
        row = connection_of(tx).execute(select(bonds).where(bonds.c.id == bond)).mappings().one_or_none()
        return None if row is None else _bond(row)

    def bonds_of(self, tx: Tx, account: AccountId) -> tuple[Bond, ...]:
        """Return the live bonds of an account, oldest first; none for a sealed account."""
        return _bonds(tx, _live_bonds().where(bonds.c.account == account))

    def bonds_with(self, tx: Tx, subject_ref: SubjectRef) -> tuple[Bond, ...]:
        """Return the live bonds of a pupil, oldest first."""
        return _bonds(tx, _live_bonds().where(bonds.c.subject_ref == subject_ref))

    def end_bond(self, tx: Tx, bond: BondId, at: datetime, by: AccountId) -> bool:
        """End a bond; ``False`` when it had ended."""
        result = connection_of(tx).execute(
            update(bonds)
            .where(bonds.c.id == bond, bonds.c.ended_at.is_(None))
            .values(ended_at=seconds_text(at), ended_by=by)
        )
        return result.rowcount == 1

    def add_activation(self, tx: Tx, activation: Activation) -> None:
        """Keep a new activation."""
        connection_of(tx).execute(
            insert(activations).values(
                id=activation.id,
                reference_hash=activation.reference_hash,
                code_hash=activation.code_hash,
                subject_ref=activation.subject_ref,
                kind=activation.kind.value,
                account=activation.account,
                unit=activation.unit,
                made_by=activation.made_by,
                made_at=seconds_text(activation.made_at),
                expires_at=seconds_text(activation.expires_at),
                tries=activation.tries,
                used_at=_maybe_text(activation.used_at),
                revoked_at=_maybe_text(activation.revoked_at),
            )
        )

    def activation_behind(self, tx: Tx, reference_hash: str) -> Activation | None:
        """Return an activation, closed ones as well."""
        query = select(activations).where(activations.c.reference_hash == reference_hash)
        row = connection_of(tx).execute(query).mappings().one_or_none()
        return None if row is None else _activation(row)

    def activation(self, tx: Tx, activation: ActivationId) -> Activation | None:
        """Return an activation, closed ones as well."""
        row = connection_of(tx).execute(select(activations).where(activations.c.id == activation)).mappings().first()
        return None if row is None else _activation(row)

    def open_activations(self, tx: Tx, unit: UnitCode, at: datetime) -> tuple[Activation, ...]:
        """Return those that a unit made and that are open at ``at``, newest first."""
        query = (
            select(activations)
            .where(
                activations.c.unit == unit,
                activations.c.used_at.is_(None),
                activations.c.revoked_at.is_(None),
                activations.c.expires_at > seconds_text(at),
                activations.c.tries < MAX_TRIES,
            )
            .order_by(activations.c.made_at.desc(), activations.c.id)
        )
        return tuple(_activation(row) for row in connection_of(tx).execute(query).mappings())

    def take_try(self, tx: Tx, activation: ActivationId, at: datetime) -> bool:
        """Count a try of the code; ``False`` when the activation is not open at ``at``."""
        result = connection_of(tx).execute(
            update(activations)
            .where(
                activations.c.id == activation,
                activations.c.used_at.is_(None),
                activations.c.revoked_at.is_(None),
                activations.c.expires_at > seconds_text(at),
                activations.c.tries < MAX_TRIES,
            )
            .values(tries=activations.c.tries + 1)
        )
        return result.rowcount == 1

    def use_activation(self, tx: Tx, activation: ActivationId, at: datetime, account: AccountId) -> bool:
        """Mark an activation as used by ``account``; ``False`` when it was used or revoked or has expired."""
        result = connection_of(tx).execute(
            update(activations)
            .where(
                activations.c.id == activation,
                activations.c.used_at.is_(None),
                activations.c.revoked_at.is_(None),
                activations.c.expires_at > seconds_text(at),
            )
            .values(used_at=seconds_text(at), used_by=account)
        )
        return result.rowcount == 1

    def revoke_activation(self, tx: Tx, activation: ActivationId, at: datetime) -> bool:
        """Revoke an activation; ``False`` when it was used or revoked before."""
        result = connection_of(tx).execute(
            update(activations)
            .where(
                activations.c.id == activation,
                activations.c.used_at.is_(None),
                activations.c.revoked_at.is_(None),
            )
            .values(revoked_at=seconds_text(at))
        )
        return result.rowcount == 1

    def sweep(self, tx: Tx, before: datetime) -> Mapping[str, int]:
        """Forget activations, challenges and cards that expired before ``before``; return row counts."""
        connection, moment = connection_of(tx), seconds_text(before)
        return {
            "activations": connection.execute(delete(activations).where(activations.c.expires_at < moment)).rowcount,
            "challenges": connection.execute(delete(challenges).where(challenges.c.expires_at < moment)).rowcount,
            "cards": connection.execute(delete(cards).where(cards.c.expires_at < moment)).rowcount,
        }

    def add_card(self, tx: Tx, card: Card) -> None:
        """Keep a new card."""
        connection_of(tx).execute(
            insert(cards).values(
                id=card.id,
                reference_hash=card.reference_hash,
                bond=card.bond,
                account=card.account,
                subject_ref=card.subject_ref,
                made_at=seconds_text(card.made_at),
                expires_at=seconds_text(card.expires_at),
            )
        )

    def card_behind(self, tx: Tx, reference_hash: str) -> Card | None:
        """Return a card, those that are over as well."""
        query = select(cards).where(cards.c.reference_hash == reference_hash)
        row = connection_of(tx).execute(query).mappings().one_or_none()
        return None if row is None else _card(row)

    def end_cards(self, tx: Tx, bond: BondId, at: datetime) -> int:
        """Let the cards of a bond that still hold end at ``at``; return how many."""
        moment = seconds_text(at)
        query = update(cards).where(cards.c.bond == bond, cards.c.expires_at > moment).values(expires_at=moment)
        return connection_of(tx).execute(query).rowcount

    def add_passkey(self, tx: Tx, passkey: Passkey) -> None:
        """Keep a new passkey; raises ``ConflictError`` for one that is there already."""
        connection = connection_of(tx)
        try:
            with connection.begin_nested():
                connection.execute(
                    insert(passkeys).values(
                        id=passkey.id,
                        credential_id=passkey.credential_id,
                        public_key=passkey.public_key,
                        sign_count=passkey.sign_count,
                        account=passkey.account,
                        name=passkey.name,
                        created_at=seconds_text(passkey.created_at),
                        last_used_at=_maybe_text(passkey.last_used_at),
                    )
                )
        except IntegrityError as error:
            raise ConflictError("This passkey is registered already.", detail_zh="该通行密钥已登记。") from error

    def passkey(self, tx: Tx, passkey: PasskeyId) -> Passkey | None:
        """Return a passkey."""
        row = connection_of(tx).execute(select(passkeys).where(passkeys.c.id == passkey)).mappings().one_or_none()
        return None if row is None else _passkey(row)

    def passkeys_of(self, tx: Tx, account: AccountId) -> tuple[Passkey, ...]:
        """Return the passkeys of an account, oldest first."""
        query = select(passkeys).where(passkeys.c.account == account).order_by(passkeys.c.created_at, passkeys.c.id)
        return tuple(_passkey(row) for row in connection_of(tx).execute(query).mappings())

    def use_passkey(self, tx: Tx, passkey: PasskeyId, at: datetime, *, before: int, after: int) -> bool:
        """Move the count from ``before`` to ``after``; ``False`` when another sign-in moved it."""
        result = connection_of(tx).execute(
            update(passkeys)
            .where(passkeys.c.id == passkey, passkeys.c.sign_count == before)
            .values(sign_count=after, last_used_at=seconds_text(at))
        )
        return result.rowcount == 1

    def remove_passkey(self, tx: Tx, passkey: PasskeyId, account: AccountId) -> bool:
        """Remove a passkey of an account; ``False`` when it has none such."""
        query = delete(passkeys).where(passkeys.c.id == passkey, passkeys.c.account == account)
        return connection_of(tx).execute(query).rowcount == 1

    def remove_passkeys(self, tx: Tx, account: AccountId) -> int:
        """Remove all passkeys of an account; return how many."""
        return connection_of(tx).execute(delete(passkeys).where(passkeys.c.account == account)).rowcount

    def add_challenge(self, tx: Tx, challenge: Challenge) -> None:
        """Keep a new challenge."""
        connection_of(tx).execute(
            insert(challenges).values(
                id_hash=challenge.id_hash,
                purpose=challenge.purpose.value,
                challenge=challenge.challenge,
                account=challenge.account,
                expires_at=seconds_text(challenge.expires_at),
            )
        )

    def take_challenge(self, tx: Tx, id_hash: str) -> Challenge | None:
        """Return a challenge and forget it, expired ones as well; ``None`` when there is none."""
        query = delete(challenges).where(challenges.c.id_hash == id_hash).returning(*challenges.c)
        row = connection_of(tx).execute(query).mappings().one_or_none()
        return None if row is None else _challenge(row)


def _live_bonds() -> Select[tuple[object, ...]]:
    return (
        select(*bonds.c)
        .join(_ACCOUNTS, _ACCOUNTS.c.id == bonds.c.account)
        .where(bonds.c.ended_at.is_(None), _ACCOUNTS.c.sealed_at.is_(None))
        .order_by(bonds.c.opened_at, bonds.c.id)
    )


def _bonds(tx: Tx, query: Select[tuple[object, ...]]) -> tuple[Bond, ...]:
    return tuple(_bond(row) for row in connection_of(tx).execute(query).mappings())


def _maybe_text(instant: datetime | None) -> str | None:
    return None if instant is None else seconds_text(instant)


def _maybe_instant(stored: str | None) -> datetime | None:
    return None if stored is None else instant_of(stored)


def _maybe_account(stored: str | None) -> AccountId | None:
    return None if stored is None else AccountId(stored)


def _bond(row: RowMapping) -> Bond:
    return Bond(
        id=BondId(row["id"]),
        account=AccountId(row["account"]),
        subject_ref=SubjectRef(row["subject_ref"]),
        kind=BondKind(row["kind"]),
        opened_at=instant_of(row["opened_at"]),
        opened_by=AccountId(row["opened_by"]),
        ended_at=_maybe_instant(row["ended_at"]),
        ended_by=_maybe_account(row["ended_by"]),
    )


def _activation(row: RowMapping) -> Activation:
    return Activation(
        id=ActivationId(row["id"]),
        reference_hash=row["reference_hash"],
        code_hash=row["code_hash"],
        subject_ref=SubjectRef(row["subject_ref"]),
        kind=BondKind(row["kind"]),
        account=_maybe_account(row["account"]),
        unit=None if row["unit"] is None else UnitCode(row["unit"]),
        made_by=AccountId(row["made_by"]),
        made_at=instant_of(row["made_at"]),
        expires_at=instant_of(row["expires_at"]),
        tries=row["tries"],
        used_at=_maybe_instant(row["used_at"]),
        revoked_at=_maybe_instant(row["revoked_at"]),
    )


def _card(row: RowMapping) -> Card:
    return Card(
        id=CardId(row["id"]),
        reference_hash=row["reference_hash"],
        bond=BondId(row["bond"]),
        account=AccountId(row["account"]),
        subject_ref=SubjectRef(row["subject_ref"]),
        made_at=instant_of(row["made_at"]),
        expires_at=instant_of(row["expires_at"]),
    )


def _passkey(row: RowMapping) -> Passkey:
    return Passkey(
        id=PasskeyId(row["id"]),
        credential_id=bytes(row["credential_id"]),
        public_key=bytes(row["public_key"]),
        sign_count=row["sign_count"],
        account=AccountId(row["account"]),
        name=row["name"],
        created_at=instant_of(row["created_at"]),
        last_used_at=_maybe_instant(row["last_used_at"]),
    )


def _challenge(row: RowMapping) -> Challenge:
    return Challenge(
        id_hash=row["id_hash"],
        purpose=Purpose(row["purpose"]),
        challenge=bytes(row["challenge"]),
        account=_maybe_account(row["account"]),
        expires_at=instant_of(row["expires_at"]),
    )
