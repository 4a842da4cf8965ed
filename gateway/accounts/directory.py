"""Opening, changing, closing and reopening accounts and OAuth clients, by the administrators (三员分立)."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime

from gateway.accounts.errors import AccountNotFoundError, RoleConflictError
from gateway.accounts.keys import public_keys
from gateway.accounts.passwords import Passwords, check_strength, generate
from gateway.accounts.records import (
    CLIENT_CREDENTIALS,
    Account,
    ClientSpec,
    Credentials,
    ManagedAct,
    OAuthClient,
    SecurityRules,
    StaffSpec,
)
from gateway.accounts.repositories import AccountStore, ClientStore, SessionStore
from gateway.accounts.roles import check_placed, check_together, needs_second_factor
from gateway.accounts.service import USERNAME, normal_username
from gateway.accounts.totp import SecretBox, new_secret
from gateway.errors import ConflictError, ForbiddenError, ParameterError
from gateway.ids import AccountId, UnitCode
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import AccountKind, Principal, Role

MANAGERS = frozenset({Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR})
"""Who may manage accounts. The inspector watches and manages nothing."""
_DIGITS = re.compile(r"\d{7,}")
MAX_REASON = 500


class AccountDirectory:
    """Everything that an administrator, or ``xueji init`` and ``xueji accounts`` on the host, does to accounts."""

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
        now: Callable[[], datetime],
        new_id: Callable[[], str] = lambda: secrets.token_hex(8),
        new_password: Callable[[], str] = generate,
        new_totp_secret: Callable[[], str] = new_secret,
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._clients = clients
        self._journal = journal
        self._reader = reader
        self._box = box
        self._passwords = passwords
        self._default_rules = default_rules
        self._is_division = is_division
        self._now = now
        self._new_id = new_id
        self._new_password = new_password
        self._new_totp_secret = new_totp_secret

    # --- opening ----------------------------------------------------------------------------------------------

    def create(self, actor: Principal, spec: StaffSpec) -> Credentials:
        """Open an account and return its first credentials, which are shown once.

        Raises ``ForbiddenError`` unless ``actor`` manages accounts, ``ParameterError`` for a spec that does not fit,
        ``RoleConflictError`` (三员分立), ``UsernameTakenError``, and ``WeakPasswordError`` for a password given.
        """
        self._need_manager(actor)
        return self._create(actor, [spec])[0]

    def bootstrap_accounts(self, specs: Iterable[StaffSpec]) -> list[Credentials]:
        """Open the first accounts of an installation, all or none; return their credentials in order.

        The system itself acts: this is for ``xueji init`` on the host. Raises ``ConflictError`` when there is an
        account of staff already, otherwise as ``create``.
        """
        if self._reader.read(lambda tx: self._accounts.listed(tx, kind=AccountKind.STAFF)):
            raise ConflictError(
                "There are accounts already: an administrator opens further ones.",
                detail_zh="系统已有账号，后续账号应由管理员设置。",
            )
        return self._create(None, list(specs))

    def create_guardian(self, actor: Principal) -> AccountId:
        """Open an account for a guardian, without a name: who it is stands in the registry alone. Return its id.

        Raises ``ForbiddenError`` unless ``actor`` is a registrar or principal of a school, or manages accounts.
        """
        if not actor.roles & (MANAGERS | {Role.REGISTRAR, Role.PRINCIPAL}):
            raise _forbidden("Guardians' accounts are opened by a registrar.", "家长账号由学籍管理员设置。")
        account = Account(
            AccountId(f"gd-{self._new_id()}"), AccountKind.GUARDIAN, frozenset({Role.GUARDIAN}), self._now()
        )
        self._journal.record(
            lambda tx: self._accounts.add(tx, account),
            EntryDraft("account.created", actor, facts=_facts(account)),
        )
        return account.id

    def register_client(self, actor: Principal | None, spec: ClientSpec) -> AccountId:
        """Register an OAuth client with its public keys and return its client id.

        ``actor`` is ``None`` on the host. Raises ``ForbiddenError``, and ``ParameterError`` for a private key, a key
        that is not P-256, an unknown grant type, or roles that a client cannot have.
        """
        if actor is not None:
            self._need_manager(actor)
        keys = public_keys(spec.jwks)
        check_together(spec.roles)
        check_placed(AccountKind.CLIENT, spec.roles, None, spec.recipient, self._is_division)
        if spec.grant_types != {CLIENT_CREDENTIALS}:
            raise ParameterError(
                f"The only grant type there is, is '{CLIENT_CREDENTIALS}'.",
                detail_zh=f"目前仅支持授权类型 {CLIENT_CREDENTIALS}。",
            )
        account = Account(
            AccountId(f"cl-{self._new_id()}"),
            AccountKind.CLIENT,
            spec.roles,
            self._now(),
            recipient=spec.recipient,
            post=spec.post,
        )
        client = OAuthClient(account, keys, spec.grant_types)

        def write(tx: Tx) -> None:
            self._accounts.add(tx, account)
            self._clients.add_client(tx, client)

        facts: dict[str, JsonValue] = {**_facts(account), "keys": [key["kid"] for key in keys]}
        entry = EntryDraft("account.client_registered", actor, facts=facts, links={"recipient": spec.recipient})
        self._journal.record(write, entry)
        return account.id

    def replace_client_keys(self, actor: Principal | None, client: AccountId, jwks: Mapping[str, object]) -> None:
        """Replace the public keys of a client; give old and new ones together to rotate without a gap.

        Raises ``ForbiddenError``, ``AccountNotFoundError`` and ``ParameterError`` as ``register_client``.
        """
        if actor is not None:
            self._need_manager(actor)
        keys = public_keys(jwks)
        if self._reader.read(lambda tx: self._clients.get_client(tx, client)) is None:
            raise _unknown()
        facts: dict[str, JsonValue] = {"account": client, "keys": [key["kid"] for key in keys]}
        self._journal.record(
            lambda tx: self._clients.replace_keys(tx, client, tuple(dict(key) for key in keys)),
            EntryDraft("account.client_keys_replaced", actor, facts=facts),
        )

    # --- changing ---------------------------------------------------------------------------------------------

    def set_roles(self, actor: Principal, account_id: AccountId, roles: frozenset[Role]) -> str | None:
        """Replace the roles of an account and end its sessions.

        Returns a new one-time-code secret when the new roles need one and there was none, else ``None``.
        Raises as ``create``; nobody changes the own roles.
        """
        account = self._managed(actor, account_id)
        check_together(roles)
        check_placed(account.kind, roles, account.unit, account.recipient, self._is_division)
        secret = (
            self._new_totp_secret()
            if account.kind is AccountKind.STAFF and needs_second_factor(roles) and account.totp_sealed is None
            else None
        )

        def write(tx: Tx) -> None:
            self._check_people(tx, account.name, account.unit, roles, but=account_id)
            self._accounts.set_roles(tx, account_id, roles)
            if secret is not None:
                self._accounts.set_second_factor(tx, account_id, self._box.seal(account_id, secret))
            self._sessions.end_all(tx, account_id)

        facts: dict[str, JsonValue] = {
            "account": account_id,
            "roles_before": [*sorted(account.roles)],
            "roles": [*sorted(roles)],
        }
        self._journal.record(write, EntryDraft("account.roles_changed", actor, facts=facts))
        return secret

    def record_training(self, actor: Principal, account_id: AccountId, *, filed_on: date, trained_on: date) -> None:
        """Record when a registrar was filed and trained; from the later day on the role holds (A48-2, A48-3).

        Raises ``ForbiddenError`` and ``AccountNotFoundError``.
        """
        self._managed(actor, account_id)
        facts: dict[str, JsonValue] = {
            "account": account_id,
            "filed_on": filed_on.isoformat(),
            "trained_on": trained_on.isoformat(),
        }
        self._journal.record(
            lambda tx: self._accounts.set_training(tx, account_id, filed_on, trained_on),
            EntryDraft("account.trained", actor, facts=facts),
        )

    def publish_rules(self, actor: Principal, unit: UnitCode, text: str, responsible: str) -> SecurityRules:
        """Put a unit's security rules in force; every account of the unit has to acknowledge them (A50-1).

        Raises ``ForbiddenError`` and ``ParameterError``.
        """
        self._need_manager(actor)
        if not text.strip() or not responsible.strip():
            raise ParameterError(
                "Security rules need a text and a responsible person.",
                detail_zh="安全管理制度应有正文和责任人。",
                rule="A50-1",
            )
        rules = security_rules(text, responsible, unit)
        self._journal.record(
            lambda tx: self._accounts.publish_rules(tx, rules, self._now()),
            EntryDraft("account.rules_published", actor, facts={"unit": unit, "rules": rules.version}),
        )
        return rules

    # --- closing and reopening --------------------------------------------------------------------------------

    def seal(self, actor: Principal, account_id: AccountId, reason: str) -> None:
        """Close an account for a reason, as when its holder leaves; its history stays (A50-3).

        Raises ``ForbiddenError``, ``AccountNotFoundError``, ``ParameterError`` without a reason, ``ConflictError``
        when it is sealed.
        """
        self._managed(actor, account_id)
        text = _reason(reason)

        def write(tx: Tx) -> None:
            if not self._accounts.seal(tx, account_id, self._now(), text):
                raise ConflictError("The account is sealed already.", detail_zh="该账号已封存。", rule="A50-3")
            self._note(tx, account_id, "seal", actor, text)
            self._sessions.end_all(tx, account_id)

        facts: dict[str, JsonValue] = {
            "account": account_id,
            "reason": "manager",
            "reason_sha256": _digest(text),
            "due": None,
            "rule": "A50-3",
        }
        self._journal.record(write, EntryDraft("account.sealed", actor, facts=facts))

    def unseal(self, actor: Principal, account_id: AccountId, reason: str) -> Credentials | None:
        """Reopen a sealed account with a new password, by a named manager and for a reason (A50-3).

        Returns the new credentials (the one-time-code secret stays), ``None`` for a client. Raises
        ``ForbiddenError``, ``AccountNotFoundError``, ``ParameterError`` and ``ConflictError`` when it is not sealed.
        """
        self._managed(actor, account_id)
        return self._unseal(actor, account_id, reason, {"manager": actor.account})

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
            raise _forbidden(
                "Two different members of staff, neither of them the account's holder, must vouch.",
                "应急启封须由两名不同的工作人员共同办理，且均非账号本人。",
            )
        return self._unseal(None, account_id, reason, {"witnesses": [first, second]})

    def reset_credentials(self, actor: Principal, account_id: AccountId, reason: str) -> Credentials:
        """Give a member of staff a new password and one-time-code secret, as after a lost telephone.

        Raises ``ForbiddenError``, ``AccountNotFoundError``, ``ParameterError`` without a reason, ``ConflictError``
        when the account is sealed or has no password.
        """
        account = self._managed(actor, account_id)
        text = _reason(reason)
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
            "reason_sha256": _digest(text),
            "second_factor": secret is not None,
        }
        self._journal.record(write, EntryDraft("account.credentials_reset", actor, facts=facts))
        return Credentials(account_id, username, password, secret)

    # --- reading ----------------------------------------------------------------------------------------------

    def get(self, account_id: AccountId) -> Account:
        """Return an account; raises ``AccountNotFoundError``."""
        account = self._reader.read(lambda tx: self._accounts.get(tx, account_id))
        if account is None:
            raise _unknown()
        return account

    def listed(self, actor: Principal, *, unit: UnitCode | None = None) -> tuple[Account, ...]:
        """Return the accounts, of one unit where given; raises ``ForbiddenError`` unless ``actor`` manages accounts."""
        self._need_manager(actor)
        return self._reader.read(lambda tx: self._accounts.listed(tx, unit=unit))

    def acts(self, actor: Principal, account_id: AccountId) -> tuple[ManagedAct, ...]:
        """Return who closed, reopened or reset an account and why, oldest first.

        Raises ``ForbiddenError`` unless ``actor`` manages accounts or inspects.
        """
        if not actor.roles & (MANAGERS | {Role.INSPECTOR}):
            raise _forbidden("Only managers and inspectors read these.", "仅账号管理员和审计检查员可以查看。")
        return self._reader.read(lambda tx: self._accounts.notes(tx, account_id))

    # --- inside -----------------------------------------------------------------------------------------------

    def _create(self, actor: Principal | None, specs: list[StaffSpec]) -> list[Credentials]:
        made = [self._prepared(spec) for spec in specs]

        def write(tx: Tx) -> None:
            for account, _ in made:
                self._check_people(tx, account.name, account.unit, account.roles, but=account.id)
                self._accounts.add(tx, account)

        listed: list[JsonValue] = [_facts(account) for account, _ in made]
        facts = _facts(made[0][0]) if len(made) == 1 else {"accounts": listed}
        self._journal.record(write, EntryDraft("account.created", actor, facts=facts))
        return [credentials for _, credentials in made]

    def _prepared(self, spec: StaffSpec) -> tuple[Account, Credentials]:
        username = normal_username(spec.username)
        if not USERNAME.fullmatch(username) or _DIGITS.search(username):
            raise ParameterError(
                "A user name has 3 to 32 characters, begins with a letter, holds only a-z, 0-9, '.', '_' and '-', and "
                "no run of seven digits: telephone and ID numbers are not user names.",
                detail_zh="用户名为 3 至 32 位小写字母、数字、点、下划线或连字符，以字母开头，"
                "且不得使用电话号码、身份证件号码。",
            )
        if not spec.name.strip():
            raise ParameterError(
                "A member of staff needs a name.", detail_zh="工作人员账号应填写姓名。", missing=("name",)
            )
        check_together(spec.roles)
        check_placed(AccountKind.STAFF, spec.roles, spec.unit, spec.recipient, self._is_division)
        if spec.password is not None:
            check_strength(spec.password, username=username)
        password = spec.password if spec.password is not None else self._new_password()
        secret = self._new_totp_secret() if spec.second_factor or needs_second_factor(spec.roles) else None
        account_id = AccountId(f"st-{self._new_id()}")
        now = self._now()
        account = Account(
            id=account_id,
            kind=AccountKind.STAFF,
            roles=spec.roles,
            created_at=now,
            username=username,
            name=spec.name.strip(),
            unit=spec.unit,
            post=spec.post,
            recipient=spec.recipient,
            password_hash=self._passwords.hash(password),
            password_set_at=now,
            must_change=spec.must_change,
            totp_sealed=self._box.seal(account_id, secret) if secret else None,
            filed_on=spec.filed_on,
            trained_on=spec.trained_on,
            rules_version=self._rules_in_force(spec.unit).version if spec.acknowledged_on_paper else None,
        )
        return account, Credentials(account_id, username, password, secret)

    def _rules_in_force(self, unit: UnitCode | None) -> SecurityRules:
        own = None if unit is None else self._reader.read(lambda tx: self._accounts.rules_of(tx, unit))
        return own or self._default_rules

    def _check_people(
        self, tx: Tx, name: str, unit: UnitCode | None, roles: frozenset[Role], *, but: AccountId
    ) -> None:
        """Refuse a second account by which one person would hold roles that exclude each other.

        One name in one unit counts as one person; namesakes are told apart in the name, as 王伟（二）.
        """
        if unit is None or not name:
            return
        others = [account for account in self._accounts.same_person(tx, name, unit) if account.id != but]
        try:
            check_together(roles.union(*(account.roles for account in others)))
        except RoleConflictError as error:
            raise RoleConflictError(
                "Another account of the same name in the same unit holds a role that excludes this one. Give the role "
                "to a different person; tell namesakes apart in the name.",
                detail_zh="本单位同名账号已有与此互斥的角色。请由不同人员担任；确系同名的，请在姓名中加以区分。",
            ) from error

    def _unseal(
        self, actor: Principal | None, account_id: AccountId, reason: str, who: Mapping[str, JsonValue]
    ) -> Credentials | None:
        account = self.get(account_id)
        text = _reason(reason)
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

        facts: dict[str, JsonValue] = {"account": account_id, "reason_sha256": _digest(text), "rule": "A50-3", **who}
        self._journal.record(write, EntryDraft("account.unsealed", actor, facts=facts))
        return Credentials(account_id, username, password) if username is not None else None

    def _note(self, tx: Tx, account_id: AccountId, act: str, actor: Principal | None, reason: str) -> None:
        by = actor.account if actor is not None else None
        self._accounts.note(tx, ManagedAct(account_id, act, self._now(), by, reason))

    def _managed(self, actor: Principal, account_id: AccountId) -> Account:
        self._need_manager(actor)
        if actor.account == account_id:
            raise _forbidden(
                "Nobody manages the own account: ask another administrator.", "不得管理本人账号，请由其他管理员办理。"
            )
        return self.get(account_id)

    @staticmethod
    def _need_manager(actor: Principal) -> None:
        if not actor.roles & MANAGERS:
            raise _forbidden(
                "Accounts are managed by a system administrator or a security administrator.",
                "账号由系统管理员或安全管理员管理。",
            )


def security_rules(text: str, responsible: str, unit: UnitCode | None = None) -> SecurityRules:
    """Return rules whose version is the SHA-256 of their text."""
    return SecurityRules(_digest(text), text, responsible, unit)


def _facts(account: Account) -> dict[str, JsonValue]:
    """Return what the audit trail says of an account: never a name or a user name."""
    return {
        "account": account.id,
        "kind": account.kind.value,
        "roles": [*sorted(account.roles)],
        "unit": account.unit,
        "filed_on": account.filed_on.isoformat() if account.filed_on else None,
        "trained_on": account.trained_on.isoformat() if account.trained_on else None,
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _reason(reason: str) -> str:
    text = reason.strip()
    if not text or len(text) > MAX_REASON:
        raise ParameterError(
            f"Give a reason of 1 to {MAX_REASON} characters.",
            detail_zh=f"请填写原因（1 至 {MAX_REASON} 字）。",
            rule="A50-3",
            missing=("reason",),
        )
    return text


def _forbidden(detail: str, detail_zh: str) -> ForbiddenError:
    return ForbiddenError(detail, detail_zh=detail_zh, rule="A50-4", extra={"policy": "accounts-manage"})


def _unknown() -> AccountNotFoundError:
    return AccountNotFoundError("There is no such account.", detail_zh="没有这个账号。")
