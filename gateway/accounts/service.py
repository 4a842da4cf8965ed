"""Signing in, sessions and passwords (A50-1 to A50-3)."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NoReturn

from gateway.accounts.errors import (
    BadCredentialsError,
    LockedOutError,
    PasswordExpiredError,
    RulesNotAcknowledgedError,
    SealedAccountError,
)
from gateway.accounts.passwords import Passwords
from gateway.accounts.recipient_records import RecipientWatch
from gateway.accounts.records import (
    Account,
    Duty,
    SecurityRules,
    Session,
    SessionToken,
    SignIn,
)
from gateway.accounts.repositories import AccountStore, Bookkeeping, SessionStore
from gateway.accounts.roles import needs_second_factor
from gateway.accounts.sealing import civil_date
from gateway.accounts.sessions import Deputies, Sessions, session_hash
from gateway.accounts.totp import SecretBox, matching_step
from gateway.articles import keeps
from gateway.errors import ConflictError
from gateway.ids import AccountId
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import AccountKind, Principal
from rulebook.records import Parameters

USERNAME = re.compile(r"[a-z][a-z0-9._-]{2,31}")
LONGEST_LOCK_SECONDS = 3600
"""The back-off doubles up to here: longer, and a stranger could keep an officer out for days."""
ATTEMPTS_FORGOTTEN_AFTER = timedelta(hours=24)
UNUSED = "unused"
"""The reason of a sealing by the system."""


def normal_username(typed: str) -> str:
    """Return the form under which a user name is stored and compared."""
    return unicodedata.normalize("NFKC", typed).strip().casefold()


def backoff(seconds: int) -> Callable[[int], int]:
    """Return the length of the n-th lock in seconds: ``seconds`` doubled n times, an hour at the most."""
    longest = max(seconds, LONGEST_LOCK_SECONDS)
    return lambda n: min(seconds * 2 ** min(n, 20), longest)


class AccountService(Sessions):
    """Who is there: sign-in by password and one-time code, sessions, changes of password, sealing."""

    def __init__(
        self,
        *,
        accounts: AccountStore,
        sessions: SessionStore,
        journal: Journal,
        reader: Reader,
        bookkeeping: Bookkeeping,
        box: SecretBox,
        passwords: Passwords,
        parameters: Parameters,
        default_rules: SecurityRules,
        now: Callable[[], datetime],
        new_token: Callable[[], str] = lambda: secrets.token_urlsafe(32),
        deputies: Deputies | None = None,
        recipients: RecipientWatch | None = None,
    ) -> None:
        super().__init__(
            accounts=accounts,
            sessions=sessions,
            journal=journal,
            reader=reader,
            bookkeeping=bookkeeping,
            parameters=parameters,
            now=now,
            deputies=deputies,
        )
        self._box = box
        self._passwords = passwords
        self._default_rules = default_rules
        self._new_token = new_token
        self._recipients = recipients

    # --- signing in -------------------------------------------------------------------------------------------

    def authenticate(self, username: str, password: str, totp: str | None = None) -> Principal:
        """Return who proved to be ``username``; for the shell, where there is no session.

        Raises ``BadCredentialsError``, ``LockedOutError``, ``SealedAccountError``, and, when the credentials hold but
        duties are outstanding, ``PasswordExpiredError`` or ``RulesNotAcknowledgedError``; then the code is not spent.
        """
        account, step = self._proven(username, password, totp)
        duties = self._duties(account)
        if duties:
            self._forget_attempts(username)
        self._raise_duties(duties)
        return self._enter(account, username, password, step, None)

    def sign_in(self, username: str, password: str, totp: str | None = None) -> SignIn:
        """Open a session; with outstanding duties it serves only to fulfil them.

        Raises ``BadCredentialsError`` (unknown user, wrong password, wrong or spent code: one answer),
        ``LockedOutError`` and ``SealedAccountError``.
        """
        account, step = self._proven(username, password, totp)
        token = SessionToken(self._new_token())
        principal = self._enter(account, username, password, step, token)
        duties = self._duties(account)
        return SignIn(token, _restricted(principal, duties), duties)

    def principal_of_session(self, token: str) -> Principal:
        """Return who is signed in with ``token``.

        Raises ``SessionEndedError``; while duties are outstanding ``PasswordExpiredError`` or
        ``RulesNotAcknowledgedError``.
        """
        session, account = self._session(token)
        self._raise_duties(self._duties(account))
        return self._who(session, account)

    def duties_of_session(self, token: str) -> tuple[Principal, frozenset[Duty]]:
        """Return who is signed in and what is outstanding, for the pages where duties are fulfilled.

        The principal has no roles while anything is outstanding. Raises ``SessionEndedError``.
        """
        session, account = self._session(token)
        duties = self._duties(account)
        return _restricted(self._who(session, account), duties), duties

    # --- duties -----------------------------------------------------------------------------------------------

    def change_password(self, token: str, old: str, new: str) -> SessionToken:
        """Replace the password of the signed-in person, end all sessions and return the token of a new one.

        Raises ``SessionEndedError``, ``BadCredentialsError`` for a wrong old password, ``LockedOutError`` and
        ``WeakPasswordError``.
        """
        session, account = self._session(token)
        username = account.username or ""
        self._reserve(username, account.id)
        if not self._passwords.holds(old, account.password_hash):
            self._refuse(account.id, "password")
        self._forget_attempts(username)
        earlier = self._reader.read(lambda tx: self._accounts.earlier_passwords(tx, account.id))
        self._passwords.check_new(new, username=username, earlier=earlier)
        hashed, now = self._passwords.hash(new), self._now()
        fresh = SessionToken(self._new_token())

        def write(tx: Tx) -> None:
            self._accounts.set_password(tx, account.id, hashed, now, must_change=False)
            self._sessions.end_all(tx, account.id)
            self._sessions.add(tx, replace(session, token_sha256=session_hash(fresh), seen_at=now))

        self._journal.record(write, EntryDraft("account.password_changed", self._who(session, account)))
        return fresh

    @keeps("A50-1")
    def acknowledge_rules(self, token: str, version: str) -> None:
        """Record that the signed-in person acknowledged the security rules ``version`` (A50-1).

        Raises ``SessionEndedError``, and ``ConflictError`` when other rules are in force by now.
        """
        session, account = self._session(token)
        rules = self.rules_for(account)
        if rules.version != version:
            raise ConflictError(
                "Other security rules are in force by now: read and acknowledge those.",
                detail_zh="安全管理制度已更新，请阅读并确认现行版本。",
                rule="A50-1",
            )
        now = self._now()
        self._journal.record(
            lambda tx: self._accounts.acknowledge(tx, account.id, version, now),
            EntryDraft("account.rules_acknowledged", self._who(session, account), facts={"rules": version}),
        )

    def rules_for(self, account: Account) -> SecurityRules:
        """Return the security rules that bind ``account``: those of its unit, else the default ones."""
        unit = account.unit
        own = None if unit is None else self._reader.read(lambda tx: self._accounts.rules_of(tx, unit))
        return own or self._default_rules

    # --- sealing ----------------------------------------------------------------------------------------------

    def seal_unused(self) -> tuple[AccountId, ...]:
        """Seal every account of staff and clients that is due (A50-3); a daily job. Return their ids."""
        today = civil_date(self._now())
        months = self._parameters.sealing_months
        due = [
            account for account in self._reader.read(self._accounts.unsealed) if account.unused_too_long(today, months)
        ]
        return tuple(account.id for account in due if self._seal_unused(account))

    def purge(self) -> int:
        """Delete sessions and counters that can no longer matter; a daily job. Return how many rows."""
        now = self._now()
        oldest = now - timedelta(minutes=self._parameters.session_minutes)
        return self._bookkeeping.write(
            lambda tx: (
                self._sessions.purge(tx, oldest) + self._accounts.purge_attempts(tx, now - ATTEMPTS_FORGOTTEN_AFTER)
            )
        )

    # --- inside -----------------------------------------------------------------------------------------------

    def _proven(self, typed: str, password: str, totp: str | None) -> tuple[Account, int | None]:
        """Return the account and the time step of its code when all that was given holds."""
        username = normal_username(typed)
        account = None
        if USERNAME.fullmatch(username):  # anything else is nobody's name, and may not even be text for a database
            account = self._reader.read(lambda tx: self._accounts.by_username(tx, username))
        self._reserve(username, account.id if account else None)
        # The hash is computed for unknown users too, and nothing before it depends on the account.
        holds = self._passwords.holds(password, account.password_hash if account else None)
        if account is None or not holds:
            self._refuse(account.id if account else None, "password")
        step = self._checked_step(account, totp)
        if account.sealed_at is not None or self._seal_if_due(account):
            self._forget_attempts(username)
            self._journal.append(_failed(account.id, "sealed"))
            raise SealedAccountError(
                "The account is sealed because it was unused for half a year or closed. Ask your unit's account "
                "manager to reopen it.",
                detail_zh="账号已封存（半年以上未使用或被停用），请联系本单位账号管理员办理启封。",
            )
        return account, step

    def _checked_step(self, account: Account, totp: str | None) -> int | None:
        if account.totp_sealed is None:
            if needs_second_factor(account.roles):
                self._refuse(account.id, "no_second_factor")
            return None
        secret = self._box.open(account.id, account.totp_sealed)
        step = matching_step(secret, totp or "", self._now(), after=account.totp_step)
        if step is None:
            self._refuse(account.id, "totp")
        return step

    def _enter(
        self, account: Account, typed: str, password: str, step: int | None, token: SessionToken | None
    ) -> Principal:
        now = self._now()
        assurance = 1 if step is None else 2
        rehashed = None
        if account.password_hash and self._passwords.outdated(account.password_hash):
            rehashed = self._passwords.hash(password)

        def write(tx: Tx) -> None:
            if step is not None and not self._accounts.spend_step(tx, account.id, step):
                raise _StepSpentError
            if rehashed is not None:
                self._accounts.rehash(tx, account.id, rehashed)
            self._accounts.touch(tx, account.id, now)
            self._accounts.clear_attempts(tx, self._box.attempts_key(normal_username(typed)))
            if token is not None:
                self._sessions.add(tx, Session(session_hash(token), account.id, now, now, assurance))

        # before the use that would hide that nobody came for months
        if account.recipient is not None and self._recipients is not None:
            self._recipients.settle(account.recipient)
        principal = account.principal(civil_date(now), assurance=assurance, lent=self._lent(account))
        facts: dict[str, JsonValue] = {"method": "password" if step is None else "password+totp"}
        facts["session"] = token is not None
        facts["idle_days"] = account.idle_days(civil_date(now))
        try:
            self._journal.record(write, EntryDraft("account.login", principal, facts=facts))
        except _StepSpentError:
            self._refuse(account.id, "totp")  # two requests with one code: the second one loses
        return principal

    def _duties(self, account: Account) -> frozenset[Duty]:
        if account.kind is not AccountKind.STAFF:
            return frozenset()
        duties: set[Duty] = set()
        if account.password_due(civil_date(self._now()), self._parameters.password_days):
            duties.add(Duty.CHANGE_PASSWORD)
        if account.rules_version != self.rules_for(account).version:
            duties.add(Duty.ACKNOWLEDGE_RULES)
        return frozenset(duties)

    @staticmethod
    def _raise_duties(duties: frozenset[Duty]) -> None:
        if Duty.CHANGE_PASSWORD in duties:
            raise PasswordExpiredError(
                "The password must be changed before the account can be used.",
                detail_zh="密码已到更换期限或为初始密码，请先修改密码。",
                missing=(Duty.CHANGE_PASSWORD,),
            )
        if Duty.ACKNOWLEDGE_RULES in duties:
            raise RulesNotAcknowledgedError(
                "The unit's security rules must be read and acknowledged before the account can be used.",
                detail_zh="请先阅读并确认本单位的信息安全管理制度。",
                missing=(Duty.ACKNOWLEDGE_RULES,),
            )

    def _reserve(self, username: str, account: AccountId | None) -> None:
        """Count the attempt before it is made, so that attempts side by side cannot outrun the limit."""
        now = self._now()
        locked = self._bookkeeping.write(
            lambda tx: self._accounts.reserve_attempt(
                tx,
                self._box.attempts_key(normal_username(username)),
                now,
                free=self._parameters.lockout_attempts,
                lock_seconds=backoff(self._parameters.lockout_seconds),
                forget_before=now - ATTEMPTS_FORGOTTEN_AFTER,
            )
        )
        if locked is not None:
            self._journal.append(_failed(account, "locked"))
            seconds = max(1, int((locked - now).total_seconds()))
            raise LockedOutError(
                f"Too many failed attempts. Wait {seconds} seconds and try again.",
                detail_zh=f"登录失败次数过多，请在 {seconds} 秒后重试。",
                extra={"retry_after": seconds},
            )

    def _forget_attempts(self, username: str) -> None:
        key = self._box.attempts_key(normal_username(username))
        self._bookkeeping.write(lambda tx: self._accounts.clear_attempts(tx, key))

    def _refuse(self, account: AccountId | None, reason: str) -> NoReturn:
        self._journal.append(_failed(account, reason))
        raise BadCredentialsError(
            "User name, password or one-time code is wrong, or the code was used already: wait for the next code "
            "and try again.",
            detail_zh="用户名、密码或动态口令不正确，或动态口令已使用，请等待下一个口令后重试。",
        )

    def _seal_if_due(self, account: Account) -> bool:
        if not account.unused_too_long(civil_date(self._now()), self._parameters.sealing_months):
            return False
        self._seal_unused(account)
        return True

    def _seal_unused(self, account: Account) -> bool:
        now, months = self._now(), self._parameters.sealing_months
        due = account.seals_on(months)

        def write(tx: Tx) -> None:
            present = self._accounts.get(tx, account.id)  # it may have been used since it was read
            if present is None or not present.unused_too_long(civil_date(now), months):
                raise _NotDueError
            if not self._accounts.seal(tx, account.id, now, UNUSED):
                raise _NotDueError
            self._sessions.end_all(tx, account.id)

        entry = EntryDraft(
            "account.sealed",
            None,
            facts={"account": account.id, "reason": UNUSED, "due": due.isoformat() if due else None, "rule": "A50-3"},
        )
        try:
            self._journal.record(write, entry)
        except _NotDueError:
            return False
        return True


class _StepSpentError(Exception):
    """Another request spent the same code first; undoes the sign-in."""


class _NotDueError(Exception):
    """The account was used or sealed since it was read; undoes the sealing."""


def _restricted(principal: Principal, duties: frozenset[Duty]) -> Principal:
    """Take the roles away while duties are outstanding."""
    return replace(principal, roles=frozenset()) if duties else principal


def _failed(account: AccountId | None, reason: str) -> EntryDraft:
    """Return the entry of a failed sign-in; what was typed is not in it."""
    return EntryDraft("account.login_failed", None, outcome="refused", facts={"account": account, "reason": reason})
