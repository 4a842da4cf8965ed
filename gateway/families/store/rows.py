"""Rows of families to records, and instants to text."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import RowMapping

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
    PasskeyId,
    Purpose,
)
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.instants import instant_of, seconds_text


def maybe_text(instant: datetime | None) -> str | None:
    """Return RFC 3339 in UTC to the second, ``None`` for none."""
    return None if instant is None else seconds_text(instant)


def _maybe_instant(stored: str | None) -> datetime | None:
    return None if stored is None else instant_of(stored)


def _maybe_account(stored: str | None) -> AccountId | None:
    return None if stored is None else AccountId(stored)


def bond_of(row: RowMapping) -> Bond:
    """Return a bond of a row."""
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


def activation_of(row: RowMapping) -> Activation:
    """Return an activation of a row."""
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


def card_of(row: RowMapping) -> Card:
    """Return a card of a row."""
    return Card(
        id=CardId(row["id"]),
        reference_hash=row["reference_hash"],
        bond=BondId(row["bond"]),
        account=AccountId(row["account"]),
        subject_ref=SubjectRef(row["subject_ref"]),
        made_at=instant_of(row["made_at"]),
        expires_at=instant_of(row["expires_at"]),
    )


def passkey_of(row: RowMapping) -> Passkey:
    """Return a passkey of a row."""
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


def challenge_of(row: RowMapping) -> Challenge:
    """Return a challenge of a row."""
    return Challenge(
        id_hash=row["id_hash"],
        purpose=Purpose(row["purpose"]),
        challenge=bytes(row["challenge"]),
        account=_maybe_account(row["account"]),
        expires_at=instant_of(row["expires_at"]),
    )
