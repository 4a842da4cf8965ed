"""The tables of signing in. Codes, tokens and references are kept as digests; times are UTC text."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import date, datetime

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    and_,
    column,
    delete,
    false,
    insert,
    or_,
    select,
    table,
    update,
)
from sqlalchemy.exc import IntegrityError

from gateway.db import connection_of, metadata
from gateway.identity.signing_in.records import Consent, Logout, SignIn, SignInId, State, Wish
from gateway.ids import AccountId, RecipientId, SubjectRef
from gateway.instants import instant_of, seconds_text
from gateway.journal import Tx

sign_ins = Table(
    "identity_sign_ins",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("client", String(40), nullable=False),
    Column("recipient", String(18), nullable=False),
    Column("sector", String(280), nullable=False),
    Column("wish", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("made_at", String(20), nullable=False),
    Column("expires_at", String(20), nullable=False),
    Column("kept_until", String(20), nullable=False, index=True),
    Column("request_hash", String(64), nullable=False, unique=True),
    Column("opened_at", String(20)),
    Column("browser_hash", String(64)),
    Column("subject_ref", String(64)),
    Column("account", String(40)),
    Column("signed_in_at", String(20)),
    Column("code_hash", String(64), unique=True),
    Column("token_hash", String(64), unique=True),
    Column("jkt", String(43)),
    Column("by_party", Boolean, nullable=False, server_default=false()),  # ended by the relying party's own revocation
    Column("logout_tries", Integer, nullable=False, server_default="0"),
    Column("logout_next", String(20)),
    Column("logout_done", String(8)),
)
account_sessions = table("account_sessions", column("account"), column("created_at"))
account_clients = table("account_clients", column("account"), column("backchannel_logout_uri"))
"""What this room reads of the tables of accounts."""
Index("ix_identity_sign_ins_subject_ref", sign_ins.c.subject_ref)
consents = Table(
    "identity_consents",
    metadata,
    Column("subject_ref", String(64), primary_key=True),
    Column("client", String(40), primary_key=True),
    Column("recipient", String(18), nullable=False),
    Column("sector", String(280), nullable=False),
    Column("claims", Text, nullable=False),
    Column("purpose_hash", String(64), nullable=False),
    Column("by", String(40), nullable=False),
    Column("given_at", String(20), nullable=False),
    Column("organisation", String(200), nullable=False),
    Column("service", String(100), nullable=False),
    Column("purpose_zh", String(200), nullable=False),
    Column("purpose_en", String(200), nullable=False),
    Column("valid_to", String(10), nullable=False),
)
pairwise = Table(
    "identity_pairwise",
    metadata,
    Column("sector", String(280), primary_key=True),
    Column("subject_ref", String(64), primary_key=True),
    Column("sub", String(64), nullable=False, unique=True),
)
Index("ix_identity_pairwise_subject_ref", pairwise.c.subject_ref)
_LIVE = (State.OPEN.value, State.ANSWERED.value, State.REDEEMED.value)
_CHUNK = 400
"""Values of one ``IN``; SQLite takes a limited number of parameters."""


class SignInStore:
    """The SQL store; the protocol of the same shape is in ``gateway.identity.signing_in.ports``."""

    # Sign-ins

    def add(self, tx: Tx, sign_in: SignIn) -> None:
        """Keep a new sign-in."""
        connection_of(tx).execute(insert(sign_ins).values(id=sign_in.id, **_values(sign_in)))

    def get(self, tx: Tx, identifier: SignInId) -> SignIn | None:
        """Return a sign-in."""
        return self._one(tx, sign_ins.c.id == identifier)

    def by_request(self, tx: Tx, request_hash: str) -> SignIn | None:
        """Return the sign-in of a request, in whatever state."""
        return self._one(tx, sign_ins.c.request_hash == request_hash)

    def by_code(self, tx: Tx, code_hash: str) -> SignIn | None:
        """Return the sign-in of a code, redeemed and ended ones as well."""
        return self._one(tx, sign_ins.c.code_hash == code_hash)

    def by_token(self, tx: Tx, token_hash: str) -> SignIn | None:
        """Return the sign-in of an access token."""
        return self._one(tx, sign_ins.c.token_hash == token_hash)

    def advance(self, tx: Tx, before: SignIn, after: SignIn) -> bool:
        """Write ``after`` unless the state is no longer that of ``before``."""
        result = connection_of(tx).execute(
            update(sign_ins)
            .where(sign_ins.c.id == before.id, sign_ins.c.state == before.state.value)
            .values(**_values(after))
        )
        return result.rowcount == 1

    def end_of(self, tx: Tx, subjects: Collection[SubjectRef], client: AccountId | None = None) -> int:
        """End the sign-ins of pupils, at one client where given; return how many."""
        connection, ended = connection_of(tx), 0
        for some in _chunks(subjects):
            where: list[ColumnElement[bool]] = [sign_ins.c.subject_ref.in_(some), sign_ins.c.state.in_(_LIVE)]
            if client is not None:
                where.append(sign_ins.c.client == client)
            ended += connection.execute(update(sign_ins).where(*where).values(state=State.ENDED.value)).rowcount
        return ended

    def live_by(self, tx: Tx, subject: SubjectRef, account: AccountId) -> bool:
        """Say whether an account is signed in somewhere for a pupil."""
        query = select(sign_ins.c.id).where(*_live(subject, account)).limit(1)
        return connection_of(tx).execute(query).first() is not None

    def end_by(self, tx: Tx, subject: SubjectRef, account: AccountId) -> int:
        """End the sign-ins of an account for a pupil; return how many."""
        query = update(sign_ins).where(*_live(subject, account)).values(state=State.ENDED.value)
        return connection_of(tx).execute(query).rowcount

    def concerned(self, tx: Tx, subjects: Collection[SubjectRef], *, over: bool) -> list[SubjectRef]:
        """Return those pupils who are signed in somewhere; with ``over`` also those of whom a consent is kept."""
        connection, found = connection_of(tx), set[SubjectRef]()
        for some in _chunks(subjects):
            queries = [
                select(sign_ins.c.subject_ref).where(sign_ins.c.subject_ref.in_(some), sign_ins.c.state.in_(_LIVE))
            ]
            if over:
                queries += [
                    select(one.c.subject_ref).where(one.c.subject_ref.in_(some)) for one in (consents, pairwise)
                ]
            for query in queries:
                found |= {SubjectRef(subject) for subject in connection.execute(query).scalars()}
        return sorted(found)

    def sweep(self, tx: Tx, before: datetime) -> int:
        """Forget sign-ins that are remembered no longer; return how many."""
        query = delete(sign_ins).where(sign_ins.c.kept_until < seconds_text(before))
        return connection_of(tx).execute(query).rowcount

    def _one(self, tx: Tx, condition: ColumnElement[bool]) -> SignIn | None:
        row = connection_of(tx).execute(select(sign_ins).where(condition)).mappings().one_or_none()
        return None if row is None else _sign_in(row)

    # Logouts

    def ended_by_party(self, tx: Tx, sign_in: SignInId) -> None:
        """Note that the relying party revoked the token itself: the person has not signed out by that."""
        connection_of(tx).execute(update(sign_ins).where(sign_ins.c.id == sign_in).values(by_party=True))

    def logouts(self, tx: Tx, at: datetime, limit: int) -> list[Logout]:
        """Return sign-ins whose end is to be told at ``at``, the longest due first.

        A code was redeemed for it at a client that wants to be told, and it was ended, or the session here is over.
        """
        here = account_sessions.c.account == sign_ins.c.account
        session = select(account_sessions.c.account).where(
            here, account_sessions.c.created_at == sign_ins.c.signed_in_at
        )
        ended = and_(sign_ins.c.state == State.ENDED.value, sign_ins.c.by_party.is_(False))
        moment = seconds_text(at)
        query = (
            select(sign_ins, account_clients.c.backchannel_logout_uri)
            .join(account_clients, account_clients.c.account == sign_ins.c.client)
            .where(
                sign_ins.c.token_hash.is_not(None),
                sign_ins.c.logout_done.is_(None),
                sign_ins.c.kept_until > moment,
                account_clients.c.backchannel_logout_uri.is_not(None),
                or_(sign_ins.c.logout_next.is_(None), sign_ins.c.logout_next <= moment),
                or_(ended, ~session.exists()),
            )
            .order_by(sign_ins.c.made_at, sign_ins.c.id)
            .limit(limit)
        )
        rows = connection_of(tx).execute(query).mappings()
        return [Logout(_sign_in(row), row["backchannel_logout_uri"], row["logout_tries"]) for row in rows]

    def take_logout(self, tx: Tx, logout: Logout, again_at: datetime) -> bool:
        """Count a try, which nobody else makes before ``again_at``; ``False`` when somebody else was first."""
        result = connection_of(tx).execute(
            update(sign_ins)
            .where(
                sign_ins.c.id == logout.sign_in.id,
                sign_ins.c.logout_tries == logout.tries,
                sign_ins.c.logout_done.is_(None),
            )
            .values(logout_tries=logout.tries + 1, logout_next=seconds_text(again_at))
        )
        return result.rowcount == 1

    def finish_logout(self, tx: Tx, sign_in: SignInId, outcome: str) -> None:
        """Note that a relying party was told, or that it could not be; its sign-in is over in either case."""
        connection_of(tx).execute(
            update(sign_ins).where(sign_ins.c.id == sign_in).values(logout_done=outcome, state=State.ENDED.value)
        )

    # Consents

    def consent(self, tx: Tx, subject: SubjectRef, client: AccountId) -> Consent | None:
        """Return the consent that stands."""
        query = select(consents).where(consents.c.subject_ref == subject, consents.c.client == client)
        row = connection_of(tx).execute(query).mappings().one_or_none()
        return None if row is None else _consent(row)

    def consents_of(self, tx: Tx, subject: SubjectRef) -> list[Consent]:
        """Return the consents for a pupil, newest first."""
        query = (
            select(consents)
            .where(consents.c.subject_ref == subject)
            .order_by(consents.c.given_at.desc(), consents.c.client)
        )
        return [_consent(row) for row in connection_of(tx).execute(query).mappings()]

    def save_consent(self, tx: Tx, consent: Consent) -> None:
        """Keep a consent in the place of an earlier one."""
        self.forget_consents(tx, [consent.subject_ref], consent.client)
        connection_of(tx).execute(
            insert(consents).values(
                subject_ref=consent.subject_ref,
                client=consent.client,
                recipient=consent.recipient,
                sector=consent.sector,
                claims=" ".join(sorted(consent.claims)),
                purpose_hash=consent.purpose_hash,
                by=consent.by,
                given_at=seconds_text(consent.given_at),
                organisation=consent.organisation,
                service=consent.service,
                purpose_zh=consent.purpose_zh,
                purpose_en=consent.purpose_en,
                valid_to=consent.valid_to.isoformat(),
            )
        )

    def forget_consents(self, tx: Tx, subjects: Collection[SubjectRef], client: AccountId | None = None) -> int:
        """Remove consents for pupils, of one client where given; return how many."""
        return self._forget(tx, consents, subjects, None if client is None else consents.c.client == client)

    # Pairwise subjects

    def sub_of(self, tx: Tx, sector: str, subject: SubjectRef) -> str | None:
        """Return the pairwise subject of a pupil in a sector."""
        query = select(pairwise.c.sub).where(pairwise.c.sector == sector, pairwise.c.subject_ref == subject)
        return connection_of(tx).execute(query).scalar_one_or_none()

    def subject_of(self, tx: Tx, sector: str, sub: str) -> SubjectRef | None:
        """Return the pupil of a pairwise subject."""
        query = select(pairwise.c.subject_ref).where(pairwise.c.sector == sector, pairwise.c.sub == sub)
        found = connection_of(tx).execute(query).scalar_one_or_none()
        return None if found is None else SubjectRef(found)

    def add_sub(self, tx: Tx, sector: str, subject: SubjectRef, sub: str) -> None:
        """Keep a pairwise subject unless there is one."""
        if self.sub_of(tx, sector, subject) is not None:
            return
        connection = connection_of(tx)
        with suppress(IntegrityError), connection.begin_nested():  # somebody else was faster: theirs stands
            connection.execute(insert(pairwise).values(sector=sector, subject_ref=subject, sub=sub))

    def forget_subs(self, tx: Tx, subjects: Collection[SubjectRef], sector: str | None = None) -> int:
        """Remove the pairwise subjects of pupils, of one sector where given; return how many."""
        return self._forget(tx, pairwise, subjects, None if sector is None else pairwise.c.sector == sector)

    def _forget(self, tx: Tx, table: Table, subjects: Collection[SubjectRef], only: ColumnElement[bool] | None) -> int:
        connection, gone = connection_of(tx), 0
        for some in _chunks(subjects):
            query = delete(table).where(table.c.subject_ref.in_(some))
            gone += connection.execute(query if only is None else query.where(only)).rowcount
        return gone


def _live(subject: SubjectRef, account: AccountId) -> tuple[ColumnElement[bool], ...]:
    return sign_ins.c.subject_ref == subject, sign_ins.c.account == account, sign_ins.c.state.in_(_LIVE)


def _chunks(subjects: Collection[SubjectRef]) -> Iterator[Sequence[SubjectRef]]:
    listed = list(subjects)
    for start in range(0, len(listed), _CHUNK):
        yield listed[start : start + _CHUNK]


def _values(sign_in: SignIn) -> dict[str, str | None]:
    wish = {**asdict(sign_in.wish), "prompt": sorted(sign_in.wish.prompt)}
    return {
        "client": sign_in.client,
        "recipient": sign_in.recipient,
        "sector": sign_in.sector,
        "wish": json.dumps(wish, separators=(",", ":")),
        "state": sign_in.state.value,
        "made_at": seconds_text(sign_in.made_at),
        "expires_at": seconds_text(sign_in.expires_at),
        "kept_until": seconds_text(sign_in.kept_until),
        "request_hash": sign_in.request_hash,
        "opened_at": None if sign_in.opened_at is None else seconds_text(sign_in.opened_at),
        "browser_hash": sign_in.browser_hash,
        "subject_ref": sign_in.subject_ref,
        "account": sign_in.account,
        "signed_in_at": None if sign_in.signed_in_at is None else seconds_text(sign_in.signed_in_at),
        "code_hash": sign_in.code_hash,
        "token_hash": sign_in.token_hash,
        "jkt": sign_in.jkt,
    }


def _sign_in(row: RowMapping) -> SignIn:
    members = json.loads(row["wish"])
    wish = Wish(
        **{
            **members,
            "userinfo": tuple(members["userinfo"]),
            "id_token": tuple(members["id_token"]),
            "prompt": frozenset(members["prompt"]),
        }
    )
    return SignIn(
        id=SignInId(row["id"]),
        client=AccountId(row["client"]),
        recipient=RecipientId(row["recipient"]),
        sector=row["sector"],
        wish=wish,
        state=State(row["state"]),
        made_at=instant_of(row["made_at"]),
        expires_at=instant_of(row["expires_at"]),
        kept_until=instant_of(row["kept_until"]),
        request_hash=row["request_hash"],
        opened_at=None if row["opened_at"] is None else instant_of(row["opened_at"]),
        browser_hash=row["browser_hash"],
        subject_ref=None if row["subject_ref"] is None else SubjectRef(row["subject_ref"]),
        account=None if row["account"] is None else AccountId(row["account"]),
        signed_in_at=None if row["signed_in_at"] is None else instant_of(row["signed_in_at"]),
        code_hash=row["code_hash"],
        token_hash=row["token_hash"],
        jkt=row["jkt"],
    )


def _consent(row: RowMapping) -> Consent:
    return Consent(
        subject_ref=SubjectRef(row["subject_ref"]),
        client=AccountId(row["client"]),
        recipient=RecipientId(row["recipient"]),
        sector=row["sector"],
        claims=frozenset(row["claims"].split()),
        purpose_hash=row["purpose_hash"],
        by=AccountId(row["by"]),
        given_at=instant_of(row["given_at"]),
        organisation=row["organisation"],
        service=row["service"],
        purpose_zh=row["purpose_zh"],
        purpose_en=row["purpose_en"],
        valid_to=date.fromisoformat(row["valid_to"]),
    )
