"""Relying parties: clients at which people may sign in at this moment, as their organisation stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.accounts.recipient_records import RecipientStanding
from gateway.accounts.records import AUTHORIZATION_CODE, OAuthClient
from gateway.accounts.repositories import ClientStore
from gateway.accounts.sealing import civil_date
from gateway.identity.lifecycle import may_verify
from gateway.identity.signing_in.records import Party
from gateway.ids import AccountId
from gateway.journal import Reader, Tx
from gateway.principals import Role


@dataclass(frozen=True, slots=True)
class Parties:
    """Finds relying parties. Nothing is cached: a suspension ends sign-ins under way."""

    clients: ClientStore
    recipients: RecipientStanding | None
    reader: Reader
    now: Callable[[], datetime]

    def party(self, client: AccountId) -> Party | None:
        """Return a relying party; ``None`` when it is none, is sealed, or its organisation may receive nothing now."""

        def query(tx: Tx) -> OAuthClient | None:
            found = self.clients.get_client(tx, client)
            recipient = None if found is None else found.account.recipient
            if found is None or recipient is None or found.account.sealed_at is not None:
                return None
            if self.recipients is None:
                return found
            return found if self.recipients.problem_in(tx, recipient, civil_date(self.now())) is None else None

        found = self.reader.read(query)
        return None if found is None else self.of(found)

    def of(self, client: OAuthClient) -> Party | None:
        """Return the relying party that a client is, once it was seen to be in force; ``None`` when it is none."""
        recipient = client.account.recipient
        principal = client.account.principal(civil_date(self.now()), assurance=2)
        fits = AUTHORIZATION_CODE in client.grant_types and Role.RELYING_PARTY in principal.roles
        if not fits or recipient is None or not may_verify(principal) or not client.sign_in.redirect_uris:
            return None
        return Party(client, principal, recipient, f"{recipient} {client.sign_in.sector_identifier}")
