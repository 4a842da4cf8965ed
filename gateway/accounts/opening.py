"""Opening and changing accounts: staff, applicants of recipients, guardians; roles, training, security rules."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from gateway.accounts.administration import Administration, digest, facts_of
from gateway.accounts.authority import refusals
from gateway.accounts.errors import RoleConflictError
from gateway.accounts.passwords import check_strength
from gateway.accounts.records import Account, Credentials, SecurityRules, StaffSpec
from gateway.accounts.roles import check_placed, check_together, needs_second_factor
from gateway.accounts.service import USERNAME, normal_username
from gateway.errors import ConflictError, ParameterError
from gateway.ids import AccountId, UnitCode
from gateway.journal import EntryDraft, JsonValue, Tx
from gateway.principals import AccountKind, Principal, Role

_DIGITS = re.compile(r"\d{7,}")


class Opening(Administration):
    """Accounts come into being, and change."""

    def create(self, actor: Principal, spec: StaffSpec) -> Credentials:
        """Open an account and return its first credentials, which are shown once.

        Raises ``ForbiddenError`` unless ``actor`` manages accounts, ``ParameterError`` for a spec that does not fit,
        ``RoleConflictError`` (三员分立), ``UsernameTakenError``, and ``WeakPasswordError`` for a password given.
        """
        with refusals(self._journal, actor, "create"):
            self._check(spec)
            policy = self._permit(actor, spec.unit, spec.recipient)
            return self._create(actor, [spec], policy)[0]

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
        if not actor.roles & {Role.REGISTRAR, Role.PRINCIPAL}:
            with refusals(self._journal, actor, "create_guardian"):
                self._authority.manage_accounts(actor, actor.unit)
        account = Account(
            AccountId(f"gd-{self._new_id()}"), AccountKind.GUARDIAN, frozenset({Role.GUARDIAN}), self._now()
        )
        self._journal.record(
            lambda tx: self._accounts.add(tx, account),
            EntryDraft("account.created", actor, facts=facts_of(account)),
        )
        return account.id

    def set_roles(self, actor: Principal, account_id: AccountId, roles: frozenset[Role]) -> str | None:
        """Replace the roles of an account and end its sessions.

        Returns a new one-time-code secret when the new roles need one and there was none, else ``None``.
        Raises as ``create``; nobody changes the own roles.
        """
        with self._managing(actor, account_id, "set_roles") as (account, policy):
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
            self._record("account.roles_changed", actor, write, facts, policy)
        self._when_changed(account_id)
        return secret

    def record_training(self, actor: Principal, account_id: AccountId, *, filed_on: date, trained_on: date) -> None:
        """Record when a registrar was filed and trained; from the later day on the role holds (A48-2, A48-3).

        Raises ``ForbiddenError`` and ``AccountNotFoundError``.
        """
        facts: dict[str, JsonValue] = {
            "account": account_id,
            "filed_on": filed_on.isoformat(),
            "trained_on": trained_on.isoformat(),
        }
        with self._managing(actor, account_id, "record_training") as (_, policy):
            self._record(
                "account.trained",
                actor,
                lambda tx: self._accounts.set_training(tx, account_id, filed_on, trained_on),
                facts,
                policy,
            )

    def publish_rules(self, actor: Principal, unit: UnitCode, text: str, responsible: str) -> SecurityRules:
        """Put a unit's security rules in force; every account of the unit has to acknowledge them (A50-1).

        Raises ``ForbiddenError`` and ``ParameterError``.
        """
        with refusals(self._journal, actor, "publish_rules"):
            policy = self._authority.manage_accounts(actor, unit)
        if not text.strip() or not responsible.strip():
            raise ParameterError(
                "Security rules need a text and a responsible person.",
                detail_zh="安全管理制度应有正文和责任人。",
                rule="A50-1",
                missing=tuple(
                    name for name, said in (("text", text), ("responsible", responsible)) if not said.strip()
                ),
            )
        rules = security_rules(text.strip(), responsible.strip(), unit)
        self._record(
            "account.rules_published",
            actor,
            lambda tx: self._accounts.publish_rules(tx, rules, self._now()),
            {"unit": unit, "rules": rules.version},
            policy,
        )
        return rules

    # --- inside -----------------------------------------------------------------------------------------------

    def _create(self, actor: Principal | None, specs: list[StaffSpec], policy: str | None = None) -> list[Credentials]:
        made = [self._prepared(spec) for spec in specs]

        def write(tx: Tx) -> None:
            for account, _ in made:
                self._check_people(tx, account.name, account.unit, account.roles, but=account.id)
                self._accounts.add(tx, account)

        listed: list[JsonValue] = [facts_of(account) for account, _ in made]
        facts: dict[str, JsonValue] = facts_of(made[0][0]) if len(made) == 1 else {"accounts": listed}
        self._record("account.created", actor, write, facts, policy)
        return [credentials for _, credentials in made]

    def _check(self, spec: StaffSpec) -> str:
        """Return the user name as it is stored; raise for a spec that does not fit."""
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
        return username

    def _prepared(self, spec: StaffSpec) -> tuple[Account, Credentials]:
        username = self._check(spec)
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


def security_rules(text: str, responsible: str, unit: UnitCode | None = None) -> SecurityRules:
    """Return rules whose version is the SHA-256 of their text."""
    return SecurityRules(digest(text), text, responsible, unit)
