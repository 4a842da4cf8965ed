"""The repository of accounts, passwords, attempts and rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from sqlalchemy import (
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from gateway.accounts.errors import UsernameTakenError
from gateway.accounts.passwords import HISTORY
from gateway.accounts.records import Account, ManagedAct, SecurityRules
from gateway.accounts.store.rows import (
    account_of,
    account_row,
    instant_text,
    lock_or_insert,
    roles_text,
)
from gateway.accounts.store.tables import (
    account_acts,
    account_attempts,
    account_passwords,
    account_rules,
    accounts,
)
from gateway.db import connection_of
from gateway.ids import AccountId, UnitCode
from gateway.instants import instant_of
from gateway.journal import Tx
from gateway.principals import FAMILIES, AccountKind, Role


class SqlAccounts:
    """The ``AccountStore`` on SQL."""

    def add(self, tx: Tx, account: Account) -> None:
        """Insert an account and the first entry of its password history; raises ``UsernameTakenError``."""
        connection = connection_of(tx)
        try:
            with connection.begin_nested():
                connection.execute(insert(accounts).values(account_row(account)))
        except IntegrityError as error:
            raise UsernameTakenError(
                "The user name is taken: choose another one.", detail_zh="用户名已被使用，请更换。"
            ) from error
        if account.password_hash is not None:
            connection.execute(
                insert(account_passwords).values(
                    account=account.id,
                    hash=account.password_hash,
                    set_at=instant_text(account.password_set_at or account.created_at),
                )
            )

    def get(self, tx: Tx, account: AccountId) -> Account | None:
        """Return an account by id."""
        row = connection_of(tx).execute(select(accounts).where(accounts.c.id == account)).mappings().one_or_none()
        return account_of(row) if row else None

    def by_username(self, tx: Tx, username: str) -> Account | None:
        """Return an account by its normalised user name."""
        query = select(accounts).where(accounts.c.username == username)
        row = connection_of(tx).execute(query).mappings().one_or_none()
        return account_of(row) if row else None

    def listed(self, tx: Tx, *, unit: UnitCode | None = None, kind: AccountKind | None = None) -> tuple[Account, ...]:
        """Return accounts by id, of one unit or kind where given."""
        query = select(accounts).order_by(accounts.c.id)
        if unit is not None:
            query = query.where(accounts.c.unit == unit)
        if kind is not None:
            query = query.where(accounts.c.kind == kind.value)
        return tuple(account_of(row) for row in connection_of(tx).execute(query).mappings())

    def same_person(self, tx: Tx, name: str, unit: UnitCode) -> tuple[Account, ...]:
        """Return the accounts of a name in a unit."""
        query = select(accounts).where(accounts.c.name == name, accounts.c.unit == unit).order_by(accounts.c.id)
        return tuple(account_of(row) for row in connection_of(tx).execute(query).mappings())

    def unsealed(self, tx: Tx) -> tuple[Account, ...]:
        """Return the accounts of staff and clients that are not sealed."""
        query = (
            select(accounts)
            .where(accounts.c.sealed_at.is_(None), accounts.c.kind.not_in([kind.value for kind in FAMILIES]))
            .order_by(accounts.c.id)
        )
        return tuple(account_of(row) for row in connection_of(tx).execute(query).mappings())

    def earlier_passwords(self, tx: Tx, account: AccountId) -> tuple[str, ...]:
        """Return the hashes of the last passwords, the present one first."""
        query = (
            select(account_passwords.c.hash)
            .where(account_passwords.c.account == account)
            .order_by(account_passwords.c.id.desc())
            .limit(HISTORY)
        )
        return tuple(connection_of(tx).execute(query).scalars())

    def set_password(self, tx: Tx, account: AccountId, hashed: str, at: datetime, *, must_change: bool) -> None:
        """Replace the password and keep the last hashes."""
        connection = connection_of(tx)
        connection.execute(
            update(accounts)
            .where(accounts.c.id == account)
            .values(password_hash=hashed, password_set_at=instant_text(at), must_change=must_change)
        )
        connection.execute(insert(account_passwords).values(account=account, hash=hashed, set_at=instant_text(at)))
        kept = (
            select(account_passwords.c.id)
            .where(account_passwords.c.account == account)
            .order_by(account_passwords.c.id.desc())
            .limit(HISTORY)
        )
        ids = list(connection.execute(kept).scalars())
        connection.execute(
            delete(account_passwords).where(account_passwords.c.account == account, account_passwords.c.id.not_in(ids))
        )

    def rehash(self, tx: Tx, account: AccountId, hashed: str) -> None:
        """Store the same password under new costs."""
        connection = connection_of(tx)
        connection.execute(update(accounts).where(accounts.c.id == account).values(password_hash=hashed))
        newest = select(func.max(account_passwords.c.id)).where(account_passwords.c.account == account)
        connection.execute(
            update(account_passwords).where(account_passwords.c.id == newest.scalar_subquery()).values(hash=hashed)
        )

    def spend_step(self, tx: Tx, account: AccountId, step: int) -> bool:
        """Mark a time step as spent; ``False`` when it or a later one was spent before."""
        spent = connection_of(tx).execute(
            update(accounts)
            .where(accounts.c.id == account, or_(accounts.c.totp_step.is_(None), accounts.c.totp_step < step))
            .values(totp_step=step)
        )
        return spent.rowcount == 1

    def set_second_factor(self, tx: Tx, account: AccountId, sealed: bytes) -> None:
        """Replace the encrypted secret of one-time codes."""
        self._set(tx, account, totp_sealed=sealed, totp_step=None)

    def set_roles(self, tx: Tx, account: AccountId, roles: frozenset[Role]) -> None:
        """Replace the roles."""
        self._set(tx, account, roles=roles_text(roles))

    def set_training(self, tx: Tx, account: AccountId, filed_on: date, trained_on: date) -> None:
        """Record filing and training of a registrar."""
        self._set(tx, account, filed_on=filed_on.isoformat(), trained_on=trained_on.isoformat())

    def touch(self, tx: Tx, account: AccountId, at: datetime) -> None:
        """Record a successful use."""
        self._set(tx, account, last_used_at=instant_text(at))

    def seal(self, tx: Tx, account: AccountId, at: datetime, reason: str) -> bool:
        """Seal; ``False`` when it is sealed already."""
        sealed = connection_of(tx).execute(
            update(accounts)
            .where(accounts.c.id == account, accounts.c.sealed_at.is_(None))
            .values(sealed_at=instant_text(at), sealed_reason=reason)
        )
        return sealed.rowcount == 1

    def reopen(self, tx: Tx, account: AccountId, at: datetime) -> bool:
        """Unseal, and count the half year from ``at``; ``False`` when it is not sealed."""
        reopened = connection_of(tx).execute(
            update(accounts)
            .where(accounts.c.id == account, accounts.c.sealed_at.is_not(None))
            .values(sealed_at=None, sealed_reason="", reopened_at=instant_text(at))
        )
        return reopened.rowcount == 1

    def acknowledge(self, tx: Tx, account: AccountId, version: str, at: datetime) -> None:
        """Record that the account acknowledged the security rules ``version``."""
        self._set(tx, account, rules_version=version, rules_acknowledged_at=instant_text(at))

    def note(self, tx: Tx, act: ManagedAct) -> None:
        """Keep the reason of a manager's act."""
        connection_of(tx).execute(
            insert(account_acts).values(
                account=act.account, act=act.act, at=instant_text(act.at), by=act.by, reason=act.reason
            )
        )

    def notes(self, tx: Tx, account: AccountId) -> tuple[ManagedAct, ...]:
        """Return what managers did to an account and why, oldest first."""
        query = select(account_acts).where(account_acts.c.account == account).order_by(account_acts.c.id)
        return tuple(
            ManagedAct(
                AccountId(row["account"]),
                row["act"],
                instant_of(row["at"]),
                AccountId(row["by"]) if row["by"] else None,
                row["reason"],
            )
            for row in connection_of(tx).execute(query).mappings()
        )

    def publish_rules(self, tx: Tx, rules: SecurityRules, at: datetime) -> None:
        """Put the security rules of a unit in force."""
        connection_of(tx).execute(
            insert(account_rules).values(
                unit=rules.unit,
                version=rules.version,
                text=rules.text,
                responsible=rules.responsible,
                published_at=instant_text(at),
            )
        )

    def rules_of(self, tx: Tx, unit: UnitCode) -> SecurityRules | None:
        """Return the rules in force in a unit: those published last."""
        query = select(account_rules).where(account_rules.c.unit == unit).order_by(account_rules.c.id.desc()).limit(1)
        row = connection_of(tx).execute(query).mappings().one_or_none()
        return SecurityRules(row["version"], row["text"], row["responsible"], UnitCode(row["unit"])) if row else None

    def reserve_attempt(
        self, tx: Tx, key: str, now: datetime, *, free: int, lock_seconds: Callable[[int], int], forget_before: datetime
    ) -> datetime | None:
        """Count an attempt before it is made; return the end of the lock when there is one."""
        row = lock_or_insert(tx, account_attempts, key=key, count=0, last_at=instant_text(now), locked_until=None)
        locked = instant_of(row["locked_until"]) if row["locked_until"] else None
        if locked is not None and now < locked:
            return locked
        count = 1 if instant_of(row["last_at"]) < forget_before else row["count"] + 1
        until = now + timedelta(seconds=lock_seconds(count - free)) if count >= free else None
        connection_of(tx).execute(
            update(account_attempts)
            .where(account_attempts.c.key == key)
            .values(count=count, last_at=instant_text(now), locked_until=instant_text(until) if until else None)
        )
        return None

    def clear_attempts(self, tx: Tx, key: str) -> None:
        """Forget the attempts after a success."""
        connection_of(tx).execute(delete(account_attempts).where(account_attempts.c.key == key))

    def purge_attempts(self, tx: Tx, before: datetime) -> int:
        """Delete counters whose last attempt lies before ``before``; return how many."""
        done = connection_of(tx).execute(
            delete(account_attempts).where(account_attempts.c.last_at < instant_text(before))
        )
        return done.rowcount

    @staticmethod
    def _set(tx: Tx, account: AccountId, **values: str | bytes | None) -> None:
        connection_of(tx).execute(update(accounts).where(accounts.c.id == account).values(values))
