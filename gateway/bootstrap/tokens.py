"""Wires OAuth 2 for clients: keys, grants, published key sets, standing of recipients."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from gateway.accounts.access_tokens import AccessTokens
from gateway.accounts.key_sets import HttpKeySets, KeySets
from gateway.accounts.outbound import is_loopback
from gateway.accounts.recipient_records import RecipientWatch
from gateway.accounts.store import SqlAccounts, SqlBookkeeping, SqlClients
from gateway.accounts.tokens import TokenService
from gateway.bootstrap.parts import Parts, es256
from gateway.db import DatabaseReader
from gateway.ids import GrantId, RecipientId
from gateway.keyring import Key
from gateway.policies.store import SqlPolicyStore


@dataclass(frozen=True, slots=True)
class OwnGrants:
    """Which grants are a recipient's. Seals are not opened here: that is for whoever puts a grant to use."""

    store: SqlPolicyStore
    reader: DatabaseReader

    def of(self, recipient: RecipientId) -> Set[GrantId]:
        """Return every grant of a recipient."""
        found = self.reader.read(lambda tx: self.store.grants(tx, recipient=recipient))
        return {grant.id for grant in found}


def token_service(parts: Parts, scratch: SqlBookkeeping, recipients: RecipientWatch | None = None) -> TokenService:
    """Return the OAuth 2 service of a face; without the key ``oauth`` it recognises tokens and issues none."""
    keyring, issuer = parts.keyring, parts.settings.public_url
    return TokenService(
        tokens=AccessTokens(
            issuer,
            es256(keyring.signing(Key.OAUTH)) if keyring.has(Key.OAUTH) else None,
            [cast("ec.EllipticCurvePublicKey", keyring.verifying(Key.OAUTH))],
            parts.book.parameters.token_seconds,
        ),
        accounts=SqlAccounts(),
        clients=SqlClients(),
        grants=OwnGrants(SqlPolicyStore(), parts.reader),
        journal=parts.journal,
        reader=parts.reader,
        bookkeeping=scratch,
        parameters=parts.book.parameters,
        now=parts.now,
        key_sets=KeySets(HttpKeySets(loopback=is_loopback(urlsplit(issuer).hostname or ""))),
        recipients=recipients,
    )
