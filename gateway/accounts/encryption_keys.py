"""To which key a recipient's system wants its extracts encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.accounts.key_sets import KeySets
from gateway.accounts.keys import encryption_key
from gateway.accounts.repositories import ClientStore
from gateway.ids import AccountId
from gateway.journal import Reader


@dataclass(frozen=True, slots=True)
class EncryptionKeys:
    """Looks up a client's key of ``use`` ``enc``, where it is registered or published."""

    clients: ClientStore
    key_sets: KeySets
    reader: Reader

    def always(self, account: AccountId) -> bool:
        """Say whether the client is registered to have every extract encrypted; nobody else is."""
        client = self.reader.read(lambda tx: self.clients.get_client(tx, account))
        return client is not None and client.encrypt_always

    def of(self, account: AccountId) -> Mapping[str, str] | None:
        """Return the public JWK; ``None`` for a person, and for a client that has none."""
        client = self.reader.read(lambda tx: self.clients.get_client(tx, account))
        if client is None:
            return None
        keys = client.jwks if client.jwks_uri is None else self.key_sets.keys(client.jwks_uri, None)
        return encryption_key(keys)
