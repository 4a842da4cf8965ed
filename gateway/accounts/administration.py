"""What every act on accounts has in common: who may, a name for the refusal, the note of why."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from gateway.accounts.authority import Authority, refusals
from gateway.accounts.errors import AccountNotFoundError
from gateway.accounts.passwords import Passwords, generate
from gateway.accounts.records import Account, ManagedAct, SecurityRules
from gateway.accounts.repositories import AccountStore, ClientStore, SessionStore
from gateway.accounts.totp import SecretBox, new_secret
from gateway.errors import ForbiddenError, ParameterError
from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import Principal

MAX_REASON = 500


class Administration:
    """The stores and the decision point of whoever manages accounts, and what each act begins with."""

    def __init__(
        self,
        *,
        accounts: AccountStore,
        sessions: SessionStore,
        clients: ClientStore,
        journal: Journal,
        reader: Reader,
        box: SecretBox,
        passwords: Passwords,
        default_rules: SecurityRules,
        is_division: Callable[[str], bool],
        authority: Authority,
        now: Callable[[], datetime],
        registered_by: Callable[[RecipientId], UnitCode | None] = lambda _recipient: None,
        when_changed: Callable[[AccountId], object] = lambda _account: None,
        new_id: Callable[[], str] = lambda: secrets.token_hex(8),
        new_password: Callable[[], str] = generate,
        new_totp_secret: Callable[[], str] = new_secret,
    ) -> None:
        """Take the parts.

        ``registered_by`` names the department that registered a recipient; ``when_changed`` is called after an
        account was sealed or got other roles, to end what hangs on them.
        """
        self._accounts = accounts
        self._sessions = sessions
        self._clients = clients
        self._journal = journal
        self._reader = reader
        self._box = box
        self._passwords = passwords
        self._default_rules = default_rules
        self._is_division = is_division
        self._authority = authority
        self._now = now
        self._registered_by = registered_by
        self._when_changed = when_changed
        self._new_id = new_id
        self._new_password = new_password
        self._new_totp_secret = new_totp_secret

    def get(self, account_id: AccountId) -> Account:
        """Return an account; raises ``AccountNotFoundError``."""
        account = self._reader.read(lambda tx: self._accounts.get(tx, account_id))
        if account is None:
            raise unknown()
        return account

    def _permit(self, actor: Principal, unit: UnitCode | None, recipient: RecipientId | None) -> str:
        """Return the id of the policy by which ``actor`` manages accounts of ``unit``, or of ``recipient``, or raise.

        Whoever acts for a recipient and for no unit belongs to the recipient: its keepers manage the account.
        """
        if unit is None and recipient is not None:
            return self._authority.manage_clients(actor, self._registered_by(recipient))
        return self._authority.manage_accounts(actor, unit)

    @contextmanager
    def _managing(self, actor: Principal, account_id: AccountId, act: str) -> Iterator[tuple[Account, str]]:
        """Yield an account that ``actor`` manages, and the deciding policy; what is refused inside is an entry.

        Raises ``ForbiddenError`` (nobody manages the own account) and, for managers, ``AccountNotFoundError``.
        """
        with refusals(self._journal, actor, act):
            if actor.account == account_id:
                raise forbidden(
                    "Nobody manages the own account: ask another administrator.",
                    "不得管理本人账号，请由其他管理员办理。",
                )
            # whoever manages nothing does not learn which accounts there are
            self._authority.manage_accounts(actor, actor.unit)
        account = self.get(account_id)
        with refusals(self._journal, actor, act, account=account_id):
            yield account, self._permit(actor, account.unit, account.recipient)

    def _note(self, tx: Tx, account_id: AccountId, act: str, actor: Principal | None, reason: str) -> None:
        by = actor.account if actor is not None else None
        self._accounts.note(tx, ManagedAct(account_id, act, self._now(), by, reason))

    def _record(
        self,
        kind: str,
        actor: Principal | None,
        write: Callable[[Tx], object],
        facts: dict[str, JsonValue],
        policy: str | None = None,
        **links: str,
    ) -> None:
        self._journal.record(write, EntryDraft(kind, actor, facts=facts, links=links, policy=policy))


def facts_of(account: Account) -> dict[str, JsonValue]:
    """Return what the audit trail says of an account: never a name or a user name."""
    return {
        "account": account.id,
        "kind": account.kind.value,
        "roles": [*sorted(account.roles)],
        "unit": account.unit,
        "filed_on": account.filed_on.isoformat() if account.filed_on else None,
        "trained_on": account.trained_on.isoformat() if account.trained_on else None,
    }


def digest(text: str) -> str:
    """Return the SHA-256 of a text, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def reason_of(reason: str) -> str:
    """Return a reason without blanks around it; raises ``ParameterError`` when there is none, or too much of it."""
    text = reason.strip()
    if not text or len(text) > MAX_REASON:
        raise ParameterError(
            f"Give a reason of 1 to {MAX_REASON} characters.",
            detail_zh=f"请填写原因（1 至 {MAX_REASON} 字）。",
            rule="A50-3",
            missing=("reason",),
        )
    return text


def forbidden(detail: str, detail_zh: str) -> ForbiddenError:
    """Return the refusal of what no policy can permit: the floor under the policies."""
    return ForbiddenError(detail, detail_zh=detail_zh, rule="A50-4", extra={"policy": "accounts-manage"})


def unknown() -> AccountNotFoundError:
    """Return the error of an account that is not there."""
    return AccountNotFoundError("There is no such account.", detail_zh="没有这个账号。")
