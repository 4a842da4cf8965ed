"""Sessions of people: who is signed in with a token, the own list, ending one or all of them, acting as a deputy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Protocol

from gateway.accounts.delegation_records import Delegation, DelegationId
from gateway.accounts.errors import DelegationRefusedError, SessionEndedError
from gateway.accounts.records import Account, Session
from gateway.accounts.repositories import AccountStore, Bookkeeping, SessionStore
from gateway.accounts.sealing import civil_date
from gateway.errors import NotFoundError
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import Principal
from rulebook.records import Parameters

TOUCH_SECONDS = 30
"""A session's last use is written when it is at least so old: not every request is a write."""


class Deputies(Protocol):
    """What of the delegations a session needs; ``Delegations`` is it."""

    def lent(self, tx: Tx, deputy: Account, today: date) -> Delegation | None:
        """Return the delegation under which ``deputy`` may approve on ``today``."""


def session_hash(token: str) -> str:
    """Return what is stored of a session token."""
    return hashlib.sha256(token.encode(errors="backslashreplace")).hexdigest()


class Sessions:
    """What a person does with sessions of the own account. No method takes the id of another account."""

    def __init__(
        self,
        *,
        accounts: AccountStore,
        sessions: SessionStore,
        journal: Journal,
        reader: Reader,
        bookkeeping: Bookkeeping,
        parameters: Parameters,
        now: Callable[[], datetime],
        deputies: Deputies | None = None,
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._journal = journal
        self._reader = reader
        self._bookkeeping = bookkeeping
        self._parameters = parameters
        self._now = now
        self._deputies = deputies

    def account_of_session(self, token: str) -> Account:
        """Return the account that is signed in, whatever is outstanding. Raises ``SessionEndedError``."""
        return self._session(token)[1]

    def sessions_of(self, token: str) -> tuple[tuple[Session, bool], ...]:
        """Return the sessions of the signed-in account that have not run out, newest first, and whether it is this one.

        Raises ``SessionEndedError``.
        """
        here, account = self._session(token)
        found = self._reader.read(lambda tx: self._sessions.of_account(tx, account.id))
        return tuple((one, one.token_sha256 == here.token_sha256) for one in found if not self._over(one))

    def end_session(self, token: str, session_id: str) -> None:
        """End one session of the signed-in account; ``session_id`` as ``Session.id``.

        Raises ``SessionEndedError``, and ``NotFoundError`` for a session that the account does not have.
        """
        here, account = self._session(token)
        found = self._reader.read(lambda tx: self._sessions.of_account(tx, account.id))
        wanted = next((one for one in found if one.id == session_id), None)
        if wanted is None:
            raise NotFoundError("There is no such session.", detail_zh="没有这个登录会话。")
        self._journal.record(
            lambda tx: self._sessions.end(tx, wanted.token_sha256),
            EntryDraft("account.logout", self._who(here, account)),
        )

    def sign_out(self, token: str) -> None:
        """End a session; one that is unknown is no error."""
        try:
            session, account = self._session(token)
        except SessionEndedError:
            return
        self._journal.record(
            lambda tx: self._sessions.end(tx, session.token_sha256),
            EntryDraft("account.logout", self._who(session, account)),
        )

    def sign_out_everywhere(self, token: str) -> int:
        """End every session of the signed-in account, this one too, whatever is outstanding; return how many.

        Raises ``SessionEndedError``.
        """
        return self.revoke_sessions(self._who(*self._session(token)))

    def revoke_sessions(self, actor: Principal) -> int:
        """End every session of the acting account, its present one too; return how many there were."""
        count, _ = self._journal.record(
            lambda tx: self._sessions.end_all(tx, actor.account),
            lambda ended: EntryDraft("account.sessions_revoked", actor, facts={"sessions": ended}),
        )
        return count

    def act_for(self, token: str, delegation: DelegationId | None) -> Principal:
        """Let the session approve for another unit under ``delegation``, ``None`` to be oneself again; return who acts.

        An approval of the own unit needs no such step. Raises ``SessionEndedError``, and ``DelegationRefusedError``
        unless the delegation was made to this account and holds.
        """
        session, account = self._session(token)
        lent = self._lent(account) if delegation is not None else None
        if delegation is not None and (lent is None or lent.id != delegation):
            raise DelegationRefusedError(
                "No such delegation to you is in force.", detail_zh="没有委托给您且现行有效的该项委托。"
            )
        fresh = replace(session, acting=delegation)
        principal = self._who(fresh, account)
        facts: dict[str, JsonValue] = {"delegation": delegation}
        self._journal.record(
            lambda tx: self._sessions.act_for(tx, session.token_sha256, delegation),
            EntryDraft("delegation.acting", principal, facts=facts),
        )
        return principal

    # --- inside -----------------------------------------------------------------------------------------------

    def _who(self, session: Session, account: Account) -> Principal:
        """Return who acts in a session: with an approval that was lent and holds at this moment."""
        lent = self._lent(account)
        acting = lent is not None and session.acting == lent.id
        return account.principal(civil_date(self._now()), assurance=session.assurance, lent=lent, acting=acting)

    def _lent(self, account: Account) -> Delegation | None:
        deputies, today = self._deputies, civil_date(self._now())
        return None if deputies is None else self._reader.read(lambda tx: deputies.lent(tx, account, today))

    def _session(self, token: str) -> tuple[Session, Account]:
        now, hashed = self._now(), session_hash(token)

        def query(tx: Tx) -> tuple[Session, Account] | None:
            session = self._sessions.get(tx, hashed)
            account = self._accounts.get(tx, session.account) if session else None
            return (session, account) if session and account else None

        found = self._reader.read(query)
        if found is None:
            raise _ended()
        session, account = found
        if self._over(session) or account.sealed_at:
            self._bookkeeping.write(lambda tx: self._sessions.end(tx, hashed))
            raise _ended()
        if now - session.seen_at >= timedelta(seconds=TOUCH_SECONDS):
            self._bookkeeping.write(lambda tx: self._seen(tx, session, account, now))
        return session, account

    def _over(self, session: Session) -> bool:
        now = self._now()
        absolute = timedelta(minutes=self._parameters.session_minutes)
        idle = timedelta(minutes=self._parameters.idle_minutes)
        # A clock set back must not lengthen a session (I8).
        clock_back = now < session.created_at - timedelta(seconds=TOUCH_SECONDS)
        return now - session.created_at >= absolute or now - session.seen_at >= idle or clock_back

    def _seen(self, tx: Tx, session: Session, account: Account, now: datetime) -> None:
        self._sessions.touch(tx, session.token_sha256, now)
        if account.last_used_at is None or civil_date(now) > civil_date(account.last_used_at):
            self._accounts.touch(tx, account.id, now)


def _ended() -> SessionEndedError:
    return SessionEndedError("The session has ended: sign in again.", detail_zh="会话已结束或超时，请重新登录。")
