"""Tables and repository of issuing: offers and the access tokens of wallets. Digests, never a code or a token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from gateway.db import connection_of, metadata
from gateway.identity.issuing.records import MAX_TRIES, Access, Offer, OfferId
from gateway.identity.records import CredentialId
from gateway.ids import AccountId, SubjectRef
from gateway.instants import instant_of, seconds_text
from gateway.journal import Tx

offers = Table(
    "identity_offers",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("code_hash", String(64), nullable=False, unique=True),
    Column("subject_ref", String(64), nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("made_at", String(20), nullable=False),
    Column("expires_at", String(20), nullable=False),
    Column("redeemed_at", String(20)),
    Column("configuration", String(20), nullable=False, server_default="student"),
    Column("tx_hash", String(64), nullable=False, server_default=""),  # of offers from before: none matches
    Column("tries", Integer, nullable=False, server_default="0"),
)
accesses = Table(
    "identity_accesses",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("offer", String(40), nullable=False),
    Column("configuration", String(20), nullable=False),
    Column("by_identifier", Boolean, nullable=False),
    Column("subject_ref", String(64), nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("jkt", String(64)),
    Column("issued_at", String(20), nullable=False),
    Column("expires_at", String(20), nullable=False),
    Column("kept_until", String(20), nullable=False, index=True),
    Column("used_at", String(20)),
    Column("notification_hash", String(64)),
    Column("credentials", Text, nullable=False),
    Column("event", String(40)),
)


class IssuingStore:
    """The SQL store; the protocol of the same shape is in ``gateway.identity.issuing.ports``."""

    def add_offer(self, tx: Tx, offer: Offer) -> None:
        """Keep a new offer."""
        connection_of(tx).execute(
            insert(offers).values(
                id=offer.id,
                code_hash=offer.code_hash,
                tx_hash=offer.tx_hash,
                configuration=offer.configuration,
                subject_ref=offer.subject_ref,
                made_by=offer.made_by,
                made_at=seconds_text(offer.made_at),
                expires_at=seconds_text(offer.expires_at),
                redeemed_at=None,
                tries=0,
            )
        )

    def offer_by_code(self, tx: Tx, code_hash: str) -> Offer | None:
        """Return the offer of a code, redeemed or expired ones as well."""
        row = connection_of(tx).execute(select(offers).where(offers.c.code_hash == code_hash)).mappings().first()
        return None if row is None else _offer(row)

    def take_try(self, tx: Tx, offer: OfferId, at: datetime) -> bool:
        """Count a try of the transaction code and hold the row; ``False`` when the offer is not open at ``at``."""
        result = connection_of(tx).execute(
            update(offers)
            .where(
                offers.c.id == offer,
                offers.c.redeemed_at.is_(None),
                offers.c.expires_at > seconds_text(at),
                offers.c.tries < MAX_TRIES,
            )
            .values(tries=offers.c.tries + 1)
        )
        return result.rowcount == 1

    def redeem_offer(self, tx: Tx, offer: OfferId, at: datetime) -> bool:
        """Mark an offer redeemed; return ``False`` when it was before, or has expired."""
        result = connection_of(tx).execute(
            update(offers)
            .where(offers.c.id == offer, offers.c.redeemed_at.is_(None), offers.c.expires_at > seconds_text(at))
            .values(redeemed_at=seconds_text(at))
        )
        return result.rowcount == 1

    def add_access(self, tx: Tx, access: Access) -> None:
        """Keep a new access token."""
        connection_of(tx).execute(
            insert(accesses).values(
                token_hash=access.token_hash,
                offer=access.offer,
                configuration=access.configuration,
                by_identifier=access.by_identifier,
                subject_ref=access.subject_ref,
                made_by=access.made_by,
                jkt=access.jkt,
                issued_at=seconds_text(access.issued_at),
                expires_at=seconds_text(access.expires_at),
                kept_until=seconds_text(access.kept_until),
                credentials="",
            )
        )

    def access(self, tx: Tx, token_hash: str) -> Access | None:
        """Return an access token, used and expired ones as well."""
        row = connection_of(tx).execute(select(accesses).where(accesses.c.token_hash == token_hash)).mappings().first()
        return None if row is None else _access(row)

    def use_access(self, tx: Tx, used: Access) -> bool:
        """Mark an access token as used, for the credentials named; ``False`` when it was used or closed before."""
        result = connection_of(tx).execute(
            update(accesses)
            .where(
                accesses.c.token_hash == used.token_hash,
                accesses.c.used_at.is_(None),
                # closed since it was read: who holds it has lost the right meanwhile
                accesses.c.expires_at == seconds_text(used.expires_at),
            )
            .values(
                used_at=None if used.used_at is None else seconds_text(used.used_at),
                kept_until=seconds_text(used.kept_until),
                notification_hash=used.notification_hash,
                credentials=" ".join(used.credentials),
            )
        )
        return result.rowcount == 1

    def notified(self, tx: Tx, access: Access, event: str) -> None:
        """Keep the last event of a batch."""
        connection_of(tx).execute(
            update(accesses).where(accesses.c.token_hash == access.token_hash).values(event=event)
        )

    def close_open(
        self,
        tx: Tx,
        subject_ref: SubjectRef,
        at: datetime,
        *,
        made_by: AccountId | None = None,
        until: datetime | None = None,
    ) -> int:
        """Let every offer and access token of a pupil that is still open end at ``at``; return how many.

        Those of one maker where given, and those made by ``until``.
        """
        connection, moment = connection_of(tx), seconds_text(at)
        return sum(
            connection.execute(update(table).where(*still_open).values(expires_at=moment)).rowcount
            for table, still_open in _open(subject_ref, at, made_by, until)
        )

    def open_of(self, tx: Tx, subject_ref: SubjectRef, at: datetime, *, made_by: AccountId, until: datetime) -> int:
        """Return how many ``close_open`` would end."""
        connection = connection_of(tx)
        return sum(
            connection.execute(select(func.count()).select_from(table).where(*still_open)).scalar_one()
            for table, still_open in _open(subject_ref, at, made_by, until)
        )

    def held(self, tx: Tx, subject_ref: SubjectRef, holder: AccountId, until: datetime) -> list[CredentialId]:
        """Return the credentials of a pupil that were fetched with offers of ``holder`` made by ``until``."""
        mine = select(accesses.c.credentials).where(
            accesses.c.subject_ref == subject_ref,
            accesses.c.made_by == holder,
            accesses.c.used_at.is_not(None),
            accesses.c.issued_at <= seconds_text(until),
        )
        rows = connection_of(tx).execute(mine).scalars()
        return [CredentialId(one) for row in rows for one in row.split()]

    def sweep(self, tx: Tx, before: datetime) -> Mapping[str, int]:
        """Forget what expired before ``before``; return row counts."""
        connection, moment = connection_of(tx), seconds_text(before)
        return {
            "offers": connection.execute(delete(offers).where(offers.c.expires_at < moment)).rowcount,
            "accesses": connection.execute(delete(accesses).where(accesses.c.kept_until < moment)).rowcount,
        }


def _open(
    subject_ref: SubjectRef, at: datetime, made_by: AccountId | None, until: datetime | None
) -> Iterator[tuple[Table, tuple[ColumnElement[bool], ...]]]:
    """Give each table with what its rows are that a wallet may still use at ``at``."""
    for table, used, made in (
        (offers, offers.c.redeemed_at, offers.c.made_at),
        (accesses, accesses.c.used_at, accesses.c.issued_at),
    ):
        still_open = [table.c.subject_ref == subject_ref, used.is_(None), table.c.expires_at > seconds_text(at)]
        if made_by is not None:
            still_open.append(table.c.made_by == made_by)
        if until is not None:
            still_open.append(made <= seconds_text(until))
        yield table, tuple(still_open)


def _offer(row: RowMapping) -> Offer:
    return Offer(
        id=OfferId(row["id"]),
        code_hash=row["code_hash"],
        tx_hash=row["tx_hash"],
        configuration=row["configuration"],
        subject_ref=SubjectRef(row["subject_ref"]),
        made_by=AccountId(row["made_by"]),
        made_at=instant_of(row["made_at"]),
        expires_at=instant_of(row["expires_at"]),
        tries=row["tries"],
        redeemed_at=None if row["redeemed_at"] is None else instant_of(row["redeemed_at"]),
    )


def _access(row: RowMapping) -> Access:
    return Access(
        token_hash=row["token_hash"],
        offer=OfferId(row["offer"]),
        configuration=row["configuration"],
        by_identifier=bool(row["by_identifier"]),
        subject_ref=SubjectRef(row["subject_ref"]),
        made_by=AccountId(row["made_by"]),
        jkt=row["jkt"],
        issued_at=instant_of(row["issued_at"]),
        expires_at=instant_of(row["expires_at"]),
        kept_until=instant_of(row["kept_until"]),
        used_at=None if row["used_at"] is None else instant_of(row["used_at"]),
        notification_hash=row["notification_hash"],
        credentials=tuple(CredentialId(one) for one in row["credentials"].split()),
    )
