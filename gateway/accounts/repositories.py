"""What the services of accounts need from a store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Protocol, TypeVar

from gateway.accounts.delegation_records import DelegationId
from gateway.accounts.records import Account, ManagedAct, OAuthClient, SecurityRules, Session, SignInSpec
from gateway.ids import AccountId, UnitCode
from gateway.journal import Tx
from gateway.principals import AccountKind, Role

R = TypeVar("R")


class Bookkeeping(Protocol):
    """Writes that state no fact about anybody, as counters and the last sight of a session; the rest is journalled."""

    def write(self, change: Callable[[Tx], R]) -> R:
        """Run ``change`` in a transaction of its own and commit it.

        Raises ``UnavailableError`` when the database is gone.
        """


class AccountStore(Protocol):
    """Accounts, their earlier passwords, attempts and rules."""

    def add(self, tx: Tx, account: Account) -> None:
        """Insert ``account`` and the first entry of its password history; raises ``UsernameTakenError``."""

    def get(self, tx: Tx, account: AccountId) -> Account | None:
        """Return an account by id."""

    def by_username(self, tx: Tx, username: str) -> Account | None:
        """Return an account by its normalised user name."""

    def listed(self, tx: Tx, *, unit: UnitCode | None = None, kind: AccountKind | None = None) -> tuple[Account, ...]:
        """Return accounts by id, of one unit or kind where given."""

    def same_person(self, tx: Tx, name: str, unit: UnitCode) -> tuple[Account, ...]:
        """Return the accounts of a name in a unit."""

    def unsealed(self, tx: Tx) -> tuple[Account, ...]:
        """Return the accounts of staff and clients that are not sealed."""

    def earlier_passwords(self, tx: Tx, account: AccountId) -> tuple[str, ...]:
        """Return the hashes of the last ``HISTORY`` passwords, the present one first."""

    def set_password(self, tx: Tx, account: AccountId, hashed: str, at: datetime, *, must_change: bool) -> None:
        """Replace the password and keep the last ``HISTORY`` hashes."""

    def rehash(self, tx: Tx, account: AccountId, hashed: str) -> None:
        """Store the same password under new costs, in the account and as the newest of its history."""

    def spend_step(self, tx: Tx, account: AccountId, step: int) -> bool:
        """Mark a time step as spent; ``False`` when it or a later one was spent before. Atomic."""

    def set_second_factor(self, tx: Tx, account: AccountId, sealed: bytes) -> None:
        """Replace the encrypted one-time-code secret; spent steps are forgotten with the old one."""

    def set_roles(self, tx: Tx, account: AccountId, roles: frozenset[Role]) -> None:
        """Replace the roles."""

    def set_training(self, tx: Tx, account: AccountId, filed_on: date, trained_on: date) -> None:
        """Record filing and training of a registrar."""

    def touch(self, tx: Tx, account: AccountId, at: datetime) -> None:
        """Record a successful use."""

    def seal(self, tx: Tx, account: AccountId, at: datetime, reason: str) -> bool:
        """Seal; ``False`` when it is sealed already."""

    def reopen(self, tx: Tx, account: AccountId, at: datetime) -> bool:
        """Unseal, and count the half year from ``at``; ``False`` when it is not sealed."""

    def acknowledge(self, tx: Tx, account: AccountId, version: str, at: datetime) -> None:
        """Record that the account acknowledged the security rules ``version``."""

    def note(self, tx: Tx, act: ManagedAct) -> None:
        """Keep the reason of a manager's act."""

    def notes(self, tx: Tx, account: AccountId) -> tuple[ManagedAct, ...]:
        """Return what managers did to an account and why, oldest first."""

    def publish_rules(self, tx: Tx, rules: SecurityRules, at: datetime) -> None:
        """Put the security rules of a unit in force."""

    def rules_of(self, tx: Tx, unit: UnitCode) -> SecurityRules | None:
        """Return the rules in force in a unit."""

    def reserve_attempt(
        self, tx: Tx, key: str, now: datetime, *, free: int, lock_seconds: Callable[[int], int], forget_before: datetime
    ) -> datetime | None:
        """Count an attempt before it is made; return the end of the lock when there is one, and then count nothing.

        From the ``free``-th attempt on the key is locked for ``lock_seconds(n)`` seconds, n counting from 0. The
        count restarts when the last attempt lies before ``forget_before``. Atomic.
        """

    def clear_attempts(self, tx: Tx, key: str) -> None:
        """Forget the attempts after a success."""

    def purge_attempts(self, tx: Tx, before: datetime) -> int:
        """Delete counters whose last attempt lies before ``before``; return how many."""


class SessionStore(Protocol):
    """Sessions by the SHA-256 of their token."""

    def add(self, tx: Tx, session: Session) -> None:
        """Insert a session."""

    def get(self, tx: Tx, token_sha256: str) -> Session | None:
        """Return a session."""

    def touch(self, tx: Tx, token_sha256: str, at: datetime) -> None:
        """Record that the session was seen."""

    def of_account(self, tx: Tx, account: AccountId) -> tuple[Session, ...]:
        """Return the sessions of an account, newest first."""

    def act_for(self, tx: Tx, token_sha256: str, delegation: DelegationId | None) -> None:
        """Let a session act under a delegation, ``None`` for none."""

    def end(self, tx: Tx, token_sha256: str) -> bool:
        """Delete a session; ``False`` when there was none."""

    def end_all(self, tx: Tx, account: AccountId, *, but: str | None = None) -> int:
        """Delete the sessions of an account, all but the one named; return how many."""

    def purge(self, tx: Tx, created_before: datetime) -> int:
        """Delete sessions made before; return how many."""


class ClientStore(Protocol):
    """OAuth clients, client assertions and DPoP proofs that were used, and tokens that were revoked."""

    def add_client(self, tx: Tx, client: OAuthClient) -> None:
        """Insert keys and grant types of a client; its account is in the account store."""

    def get_client(self, tx: Tx, client: AccountId) -> OAuthClient | None:
        """Return a client."""

    def replace_keys(
        self, tx: Tx, client: AccountId, jwks: tuple[dict[str, str], ...], jwks_uri: str | None = None
    ) -> None:
        """Replace the public keys of a client, and the address at which it publishes them (``None``: at none)."""

    def replace_sign_in(self, tx: Tx, client: AccountId, sign_in: SignInSpec, grant_types: frozenset[str]) -> None:
        """Replace where a client takes people who signed in, and its grant types."""

    def use_assertion(self, tx: Tx, client: AccountId, jti: str, expires_at: datetime) -> bool:
        """Mark a client assertion as used; ``False`` when it was used before. Atomic."""

    def use_proof(self, tx: Tx, jkt: str, jti: str, expires_at: datetime) -> bool:
        """Mark a DPoP proof of the key ``jkt`` as used; ``False`` when it was used before. Atomic."""

    def deny(self, tx: Tx, jti: str, expires_at: datetime) -> bool:
        """Put an access token on the deny list; ``False`` when it is there already."""

    def denied(self, tx: Tx, jti: str) -> bool:
        """Say whether an access token was revoked."""

    def purge(self, tx: Tx, now: datetime) -> int:
        """Delete what has expired; return how many rows."""
