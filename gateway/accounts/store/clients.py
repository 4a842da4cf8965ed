"""The repositories of sessions and of OAuth clients."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import (
    RowMapping,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from gateway.accounts.delegation_records import DelegationId
from gateway.accounts.records import OAuthClient, Session, SignInSpec
from gateway.accounts.store.rows import (
    account_of,
    insert_new,
    instant_text,
    json_text,
)
from gateway.accounts.store.tables import (
    account_assertions,
    account_clients,
    account_denied_tokens,
    account_proofs,
    account_sessions,
    accounts,
)
from gateway.db import connection_of
from gateway.ids import AccountId
from gateway.instants import instant_of
from gateway.journal import Tx

# Asked at every request of a client, so built once: it takes longer than to run them.
_CLIENT = (
    select(accounts, *(column for column in account_clients.c if column.name != "account"))
    .join(account_clients, account_clients.c.account == accounts.c.id)
    .where(accounts.c.id == bindparam("client"))
)
_DENIED = select(account_denied_tokens.c.jti).where(account_denied_tokens.c.jti == bindparam("token"))


class SqlSessions:
    """The ``SessionStore`` on SQL."""

    def add(self, tx: Tx, session: Session) -> None:
        """Insert a session."""
        connection_of(tx).execute(
            insert(account_sessions).values(
                token_sha256=session.token_sha256,
                account=session.account,
                created_at=instant_text(session.created_at),
                seen_at=instant_text(session.seen_at),
                assurance=session.assurance,
                acting=session.acting,
            )
        )

    def get(self, tx: Tx, token_sha256: str) -> Session | None:
        """Return a session."""
        query = select(account_sessions).where(account_sessions.c.token_sha256 == token_sha256)
        row = connection_of(tx).execute(query).mappings().one_or_none()
        return _session(row) if row else None

    def of_account(self, tx: Tx, account: AccountId) -> tuple[Session, ...]:
        """Return the sessions of an account, newest first."""
        query = (
            select(account_sessions)
            .where(account_sessions.c.account == account)
            .order_by(account_sessions.c.created_at.desc(), account_sessions.c.token_sha256)
        )
        return tuple(_session(row) for row in connection_of(tx).execute(query).mappings())

    def act_for(self, tx: Tx, token_sha256: str, delegation: DelegationId | None) -> None:
        """Let a session act under a delegation, ``None`` for none."""
        connection_of(tx).execute(
            update(account_sessions).where(account_sessions.c.token_sha256 == token_sha256).values(acting=delegation)
        )

    def touch(self, tx: Tx, token_sha256: str, at: datetime) -> None:
        """Record that the session was seen."""
        connection_of(tx).execute(
            update(account_sessions)
            .where(account_sessions.c.token_sha256 == token_sha256)
            .values(seen_at=instant_text(at))
        )

    def end(self, tx: Tx, token_sha256: str) -> bool:
        """Delete a session; ``False`` when there was none."""
        query = delete(account_sessions).where(account_sessions.c.token_sha256 == token_sha256)
        return connection_of(tx).execute(query).rowcount == 1

    def end_all(self, tx: Tx, account: AccountId, *, but: str | None = None) -> int:
        """Delete the sessions of an account, all but the one named; return how many."""
        query = delete(account_sessions).where(account_sessions.c.account == account)
        if but is not None:
            query = query.where(account_sessions.c.token_sha256 != but)
        return connection_of(tx).execute(query).rowcount

    def purge(self, tx: Tx, created_before: datetime) -> int:
        """Delete sessions made before; return how many."""
        query = delete(account_sessions).where(account_sessions.c.created_at < instant_text(created_before))
        return connection_of(tx).execute(query).rowcount


class SqlClients:
    """The ``ClientStore`` on SQL."""

    def add_client(self, tx: Tx, client: OAuthClient) -> None:
        """Insert keys and grant types of a client."""
        connection_of(tx).execute(
            insert(account_clients).values(
                account=client.account.id,
                jwks=json_text([dict(key) for key in client.jwks]),
                grant_types=json_text(sorted(client.grant_types)),
                jwks_uri=client.jwks_uri,
                dpop_required=client.dpop_required,
                encrypt_always=client.encrypt_always,
                **_sign_in_row(client.sign_in),
            )
        )

    def get_client(self, tx: Tx, client: AccountId) -> OAuthClient | None:
        """Return a client."""
        row = connection_of(tx).execute(_CLIENT, {"client": client}).mappings().one_or_none()
        if row is None:
            return None
        return OAuthClient(
            account_of(row),
            tuple(json.loads(row["jwks"])),
            frozenset(json.loads(row["grant_types"])),
            row["jwks_uri"],
            row["dpop_required"],
            row["encrypt_always"],
            SignInSpec(
                tuple(json.loads(row["redirect_uris"])),
                tuple(json.loads(row["post_logout_redirect_uris"])),
                row["sector_identifier"],
                row["backchannel_logout_uri"],
            ),
        )

    def replace_keys(
        self, tx: Tx, client: AccountId, jwks: tuple[dict[str, str], ...], jwks_uri: str | None = None
    ) -> None:
        """Replace the public keys of a client, and the address at which it publishes them (``None``: at none)."""
        connection_of(tx).execute(
            update(account_clients)
            .where(account_clients.c.account == client)
            .values(jwks=json_text(list(jwks)), jwks_uri=jwks_uri)
        )

    def replace_sign_in(self, tx: Tx, client: AccountId, sign_in: SignInSpec, grant_types: frozenset[str]) -> None:
        """Replace where a client takes people who signed in, and its grant types."""
        connection_of(tx).execute(
            update(account_clients)
            .where(account_clients.c.account == client)
            .values(grant_types=json_text(sorted(grant_types)), **_sign_in_row(sign_in))
        )

    def use_assertion(self, tx: Tx, client: AccountId, jti: str, expires_at: datetime) -> bool:
        """Mark a client assertion as used; ``False`` when it was used before."""
        return insert_new(tx, account_assertions, client=client, jti_sha256=jti, expires_at=instant_text(expires_at))

    def use_proof(self, tx: Tx, jkt: str, jti: str, expires_at: datetime) -> bool:
        """Mark a DPoP proof as used; ``False`` when it was used before."""
        return insert_new(tx, account_proofs, jkt=jkt, jti_sha256=jti, expires_at=instant_text(expires_at))

    def deny(self, tx: Tx, jti: str, expires_at: datetime) -> bool:
        """Put an access token on the deny list; ``False`` when it is there already."""
        return insert_new(tx, account_denied_tokens, jti=jti, expires_at=instant_text(expires_at))

    def denied(self, tx: Tx, jti: str) -> bool:
        """Say whether an access token was revoked."""
        return connection_of(tx).execute(_DENIED, {"token": jti}).one_or_none() is not None

    def purge(self, tx: Tx, now: datetime) -> int:
        """Delete what has expired; return how many rows."""
        connection, text = connection_of(tx), instant_text(now)
        return sum(
            connection.execute(delete(table).where(table.c.expires_at < text)).rowcount
            for table in (account_assertions, account_denied_tokens, account_proofs)
        )


def _sign_in_row(sign_in: SignInSpec) -> dict[str, str | None]:
    return {
        "redirect_uris": json_text(list(sign_in.redirect_uris)),
        "post_logout_redirect_uris": json_text(list(sign_in.post_logout_redirect_uris)),
        "sector_identifier": sign_in.sector_identifier,
        "backchannel_logout_uri": sign_in.backchannel_logout_uri,
    }


def _session(row: RowMapping) -> Session:
    return Session(
        row["token_sha256"],
        AccountId(row["account"]),
        instant_of(row["created_at"]),
        instant_of(row["seen_at"]),
        row["assurance"],
        DelegationId(row["acting"]) if row["acting"] else None,
    )
