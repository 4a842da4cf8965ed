"""The repository of families: bonds, activations, passkeys, challenges, cards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import Select, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from gateway.db import connection_of
from gateway.errors import ConflictError
from gateway.families.records import (
    MAX_TRIES,
    Activation,
    ActivationId,
    Bond,
    BondId,
    BondKind,
    Card,
    Challenge,
    Passkey,
    PasskeyId,
)
from gateway.families.store.rows import activation_of, bond_of, card_of, challenge_of, maybe_text, passkey_of
from gateway.families.store.tables import (
    REVIEWED,
    UNREGISTERED,
    UNSETTLED,
    accounts,
    activations,
    bonds,
    cards,
    challenges,
    passkeys,
)
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.instants import seconds_text
from gateway.journal import Tx


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
                        ended_at=maybe_text(bond.ended_at),
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
        return None if row is None else bond_of(row)

    def bonds_of(self, tx: Tx, account: AccountId) -> tuple[Bond, ...]:
        """Return the live bonds of an account, oldest first; none for a sealed account."""
        return _bonds(tx, _live_bonds().where(bonds.c.account == account))

    def bonds_with(self, tx: Tx, subject_ref: SubjectRef) -> tuple[Bond, ...]:
        """Return the live bonds of a pupil, oldest first."""
        return _bonds(tx, _live_bonds().where(bonds.c.subject_ref == subject_ref))

    def end_bond(self, tx: Tx, bond: BondId, at: datetime, by: AccountId | None) -> bool:
        """End a bond, by somebody or with age; ``False`` when it had ended."""
        result = connection_of(tx).execute(
            update(bonds)
            .where(bonds.c.id == bond, bonds.c.ended_at.is_(None))
            .values(ended_at=seconds_text(at), ended_by=by)
        )
        return result.rowcount == 1

    def review_again(self, tx: Tx, subject_ref: SubjectRef) -> int:
        """Let the worker look at the guardians' live bonds of a pupil again now; return how many."""
        query = update(bonds).where(bonds.c.subject_ref == subject_ref, REVIEWED).values(review_on=None)
        return connection_of(tx).execute(query).rowcount

    def unregistered(self, tx: Tx, limit: int) -> tuple[Bond, ...]:
        """Return guardians' live bonds of which the registry does not know yet, oldest first."""
        return _bonds(tx, select(*bonds.c).where(UNREGISTERED).order_by(bonds.c.opened_at, bonds.c.id).limit(limit))

    def registered(self, tx: Tx, bond: BondId, at: datetime) -> None:
        """Note that the registry knows of a bond."""
        connection_of(tx).execute(update(bonds).where(bonds.c.id == bond).values(registered_at=seconds_text(at)))

    def unsettled(self, tx: Tx, limit: int) -> tuple[Bond, ...]:
        """Return bonds that ended and were not followed up yet, oldest first."""
        return _bonds(tx, select(*bonds.c).where(UNSETTLED).order_by(bonds.c.ended_at, bonds.c.id).limit(limit))

    def settled(self, tx: Tx, bond: BondId, at: datetime) -> None:
        """Note that the end of a bond was followed up."""
        connection_of(tx).execute(update(bonds).where(bonds.c.id == bond).values(settled_at=seconds_text(at)))

    def for_review(self, tx: Tx, today: date, limit: int) -> tuple[Bond, ...]:
        """Return guardians' live bonds whose pupils' ages are to be looked at, the longest due first."""
        due = or_(bonds.c.review_on.is_(None), bonds.c.review_on <= today.isoformat())
        order = (bonds.c.review_on.nulls_first(), bonds.c.id)
        return _bonds(tx, select(*bonds.c).where(REVIEWED, due).order_by(*order).limit(limit))

    def review_on(self, tx: Tx, bond: BondId, day: date) -> None:
        """Note when a bond is to be looked at again."""
        connection_of(tx).execute(update(bonds).where(bonds.c.id == bond).values(review_on=day.isoformat()))

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
                used_at=maybe_text(activation.used_at),
                revoked_at=maybe_text(activation.revoked_at),
            )
        )

    def activation_behind(self, tx: Tx, reference_hash: str) -> Activation | None:
        """Return an activation, closed ones as well."""
        query = select(activations).where(activations.c.reference_hash == reference_hash)
        row = connection_of(tx).execute(query).mappings().one_or_none()
        return None if row is None else activation_of(row)

    def activation(self, tx: Tx, activation: ActivationId) -> Activation | None:
        """Return an activation, closed ones as well."""
        row = connection_of(tx).execute(select(activations).where(activations.c.id == activation)).mappings().first()
        return None if row is None else activation_of(row)

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
        return tuple(activation_of(row) for row in connection_of(tx).execute(query).mappings())

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

    def revoke_earlier(
        self, tx: Tx, subject_ref: SubjectRef, kind: BondKind, account: AccountId | None, at: datetime
    ) -> int:
        """Revoke what is unused of the same pupil, kind and account; return how many it was."""
        same = activations.c.account.is_(None) if account is None else activations.c.account == account
        query = update(activations).where(
            activations.c.subject_ref == subject_ref,
            activations.c.kind == kind.value,
            same,
            activations.c.used_at.is_(None),
            activations.c.revoked_at.is_(None),
        )
        return connection_of(tx).execute(query.values(revoked_at=seconds_text(at))).rowcount

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
        return None if row is None else card_of(row)

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
                        last_used_at=maybe_text(passkey.last_used_at),
                    )
                )
        except IntegrityError as error:
            raise ConflictError("This passkey is registered already.", detail_zh="该通行密钥已登记。") from error

    def passkey(self, tx: Tx, passkey: PasskeyId) -> Passkey | None:
        """Return a passkey."""
        row = connection_of(tx).execute(select(passkeys).where(passkeys.c.id == passkey)).mappings().one_or_none()
        return None if row is None else passkey_of(row)

    def passkeys_of(self, tx: Tx, account: AccountId) -> tuple[Passkey, ...]:
        """Return the passkeys of an account, oldest first."""
        query = select(passkeys).where(passkeys.c.account == account).order_by(passkeys.c.created_at, passkeys.c.id)
        return tuple(passkey_of(row) for row in connection_of(tx).execute(query).mappings())

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
        return None if row is None else challenge_of(row)


def _live_bonds() -> Select[tuple[object, ...]]:
    return (
        select(*bonds.c)
        .join(accounts, accounts.c.id == bonds.c.account)
        .where(bonds.c.ended_at.is_(None), accounts.c.sealed_at.is_(None))
        .order_by(bonds.c.opened_at, bonds.c.id)
    )


def _bonds(tx: Tx, query: Select[tuple[object, ...]]) -> tuple[Bond, ...]:
    return tuple(bond_of(row) for row in connection_of(tx).execute(query).mappings())
