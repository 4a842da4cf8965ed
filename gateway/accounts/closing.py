"""Closing and reopening accounts, and new credentials for one whose holder lost them (A50-2, A50-3)."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.accounts.administration import Administration, digest, forbidden, reason_of
from gateway.accounts.records import Credentials
from gateway.accounts.roles import needs_second_factor
from gateway.errors import ConflictError
from gateway.ids import AccountId
from gateway.journal import JsonValue, Tx
from gateway.principals import AccountKind, Principal


class Closing(Administration):
    """Accounts are sealed, reopened by a second person, and given new credentials."""

    def seal(self, actor: Principal, account_id: AccountId, reason: str) -> None:
        """Close an account for a reason, as when its holder leaves; its history stays (A50-3).

        Raises ``ForbiddenError``, ``AccountNotFoundError``, ``ParameterError`` without a reason, ``ConflictError``
        when it is sealed.
        """
        text = reason_of(reason)

        def write(tx: Tx) -> None:
            if not self._accounts.seal(tx, account_id, self._now(), text):
                raise ConflictError("The account is sealed already.", detail_zh="该账号已封存。", rule="A50-3")
            self._note(tx, account_id, "seal", actor, text)
            self._sessions.end_all(tx, account_id)

        facts: dict[str, JsonValue] = {
            "account": account_id,
            "reason": "manager",
            "reason_sha256": digest(text),
            "due": None,
            "rule": "A50-3",
        }
        with self._managing(actor, account_id, "seal") as (_, policy):
            self._record("account.sealed", actor, write, facts, policy)
        self._when_changed(account_id)

    def unseal(self, actor: Principal, account_id: AccountId, reason: str) -> Credentials | None:
        """Reopen a sealed account with a new password, by a named manager and for a reason (A50-3).

        Returns the new credentials (the one-time-code secret stays), ``None`` for a client. Raises
        ``ForbiddenError``, ``AccountNotFoundError``, ``ParameterError`` and ``ConflictError`` when it is not sealed.
        """
        with self._managing(actor, account_id, "unseal") as (_, policy):
            return self._unseal(actor, account_id, reason, {"manager": actor.account}, policy)

    def unseal_on_host(
        self, account_id: AccountId, reason: str, witnesses: tuple[AccountId, AccountId]
    ) -> Credentials | None:
        """Break-glass of ``xueji accounts unseal``: two other people of the staff vouch, on the host itself.

        Returns and raises as ``unseal``; ``ForbiddenError`` unless the two are different, known and neither is
        ``account_id``.
        """
        first, second = witnesses
        known = self._reader.read(lambda tx: [self._accounts.get(tx, witness) for witness in witnesses])
        staff = all(found is not None and found.kind is AccountKind.STAFF for found in known)
        if first == second or account_id in witnesses or not staff:
            raise forbidden(
                "Two different members of staff, neither of them the account's holder, must vouch.",
                "应急启封须由两名不同的工作人员共同办理，且均非账号本人。",
            )
        return self._unseal(None, account_id, reason, {"witnesses": [first, second]})

    def reset_credentials(self, actor: Principal, account_id: AccountId, reason: str) -> Credentials:
        """Give a member of staff a new password and one-time-code secret, as after a lost telephone.

        Raises ``ForbiddenError``, ``AccountNotFoundError``, ``ParameterError`` without a reason, ``ConflictError``
        when the account is sealed or has no password.
        """
        text = reason_of(reason)
        with self._managing(actor, account_id, "reset_credentials") as (account, policy):
            if account.sealed_at is not None or account.username is None:
                raise ConflictError(
                    "The account is sealed or signs in without a password.", detail_zh="账号已封存或不使用密码登录。"
                )
            username = account.username
            password = self._new_password()
            hashed = self._passwords.hash(password)
            secret = self._new_totp_secret() if account.totp_sealed or needs_second_factor(account.roles) else None

            def write(tx: Tx) -> None:
                self._accounts.set_password(tx, account_id, hashed, self._now(), must_change=True)
                self._note(tx, account_id, "reset", actor, text)
                if secret is not None:
                    self._accounts.set_second_factor(tx, account_id, self._box.seal(account_id, secret))
                self._sessions.end_all(tx, account_id)
                self._accounts.clear_attempts(tx, self._box.attempts_key(username))

            facts: dict[str, JsonValue] = {
                "account": account_id,
                "reason_sha256": digest(text),
                "second_factor": secret is not None,
            }
            self._record("account.credentials_reset", actor, write, facts, policy)
            return Credentials(account_id, username, password, secret)

    # --- inside -----------------------------------------------------------------------------------------------

    def _unseal(
        self,
        actor: Principal | None,
        account_id: AccountId,
        reason: str,
        who: Mapping[str, JsonValue],
        policy: str | None = None,
    ) -> Credentials | None:
        account = self.get(account_id)
        text = reason_of(reason)
        username = account.username
        password = self._new_password()
        hashed = self._passwords.hash(password)

        def write(tx: Tx) -> None:
            if not self._accounts.reopen(tx, account_id, self._now()):
                raise ConflictError("The account is not sealed.", detail_zh="该账号未封存。", rule="A50-3")
            self._note(tx, account_id, "unseal", actor, text)
            if username is not None:
                self._accounts.set_password(tx, account_id, hashed, self._now(), must_change=True)
                self._accounts.clear_attempts(tx, self._box.attempts_key(username))

        facts: dict[str, JsonValue] = {"account": account_id, "reason_sha256": digest(text), "rule": "A50-3", **who}
        self._record("account.unsealed", actor, write, facts, policy)
        return Credentials(account_id, username, password) if username is not None else None
