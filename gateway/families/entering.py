"""How a family's session is opened: as those of staff, by ``gateway.accounts`` sessions, without a password."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.accounts.records import Account, Session, SessionToken
from gateway.accounts.repositories import AccountStore, SessionStore
from gateway.accounts.sealing import civil_date
from gateway.accounts.sessions import session_hash
from gateway.ids import AccountId
from gateway.journal import EntryDraft, Tx
from gateway.principals import Principal

BY_CODE, BY_PASSKEY = 1, 2
"""Assurance of a session: a code from the school is something told, a verified passkey is two factors."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Opens sessions within the transactions of others."""

    accounts: AccountStore
    sessions: SessionStore
    new_token: Callable[[], str] = lambda: secrets.token_urlsafe(32)

    def token(self) -> SessionToken:
        """Return a fresh token of 256 bits."""
        return SessionToken(self.new_token())

    def open(self, tx: Tx, account: AccountId, token: SessionToken, assurance: int, now: datetime) -> None:
        """Keep a session of ``token``, and that the account was used."""
        self.sessions.add(tx, Session(session_hash(token), account, now, now, assurance))
        self.accounts.touch(tx, account, now)

    def close(self, tx: Tx, token: str) -> None:
        """End the session of ``token``, if there is one."""
        self.sessions.end(tx, session_hash(token))


def principal_of(account: Account, assurance: int, now: datetime) -> Principal:
    """Return who acts in such a session."""
    return account.principal(civil_date(now), assurance=assurance)


def entered(who: Principal, method: str) -> EntryDraft:
    """Return the entry of a sign-in by ``method`` (``passkey`` or ``activation``)."""
    return EntryDraft("account.login", who, facts={"method": method, "session": True})


def not_entered(account: AccountId | None, reason: str) -> EntryDraft:
    """Return the entry of a refused sign-in; nothing of what was sent is in it.

    A kind of its own: families try often and in great number, and must not raise the alerts about staff.
    """
    return EntryDraft("family.sign_in_refused", None, outcome="refused", facts={"account": account, "reason": reason})
