"""Rows of amounts that alert rules add up, slot by slot."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    bindparam,
    delete,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.audit.alerts_amounts import Slot, SlotRow
from gateway.audit.store.alerts import GROUP_LENGTH
from gateway.db import connection_of, metadata
from gateway.journal import Tx

_BIG = BigInteger().with_variant(Integer, "sqlite")

alert_amounts = Table(
    "alert_amounts",
    metadata,
    Column("rule", String(64), nullable=False),
    Column("group_key", String(GROUP_LENGTH), nullable=False),
    Column("start", Integer, nullable=False),
    Column("variant", String(GROUP_LENGTH), nullable=False),
    Column("entries", Integer, nullable=False),
    Column("amount", _BIG, nullable=False),
    Column("told", _BIG, nullable=False),
    Column("told_entries", Integer, nullable=False),
    PrimaryKeyConstraint("rule", "group_key", "start", "variant"),
)
_KEY = ("rule", "group_key", "start", "variant")
_VALUES = ("entries", "amount", "told", "told_entries")


class SqlAmounts:
    """The slots of groups."""

    def slots(self, tx: Tx, rule: str, keys: Collection[str]) -> dict[str, list[SlotRow]]:
        """Return what is kept of groups."""
        table, found = alert_amounts, dict[str, list[SlotRow]]()
        query = select(table).where(table.c.rule == rule, table.c.group_key.in_({key[:GROUP_LENGTH] for key in keys}))
        for row in connection_of(tx).execute(query):
            slot = Slot(row.entries, row.amount, row.told, row.told_entries)
            found.setdefault(row.group_key, []).append(SlotRow(row.start, row.variant, slot))
        return found

    def put(self, tx: Tx, changes: Iterable[tuple[str, str, Sequence[SlotRow], Sequence[tuple[int, str]]]]) -> None:
        """Write for each rule and group its changed slots, and forget others."""
        connection, table = connection_of(tx), alert_amounts
        new, gone = [], []
        for rule, key, rows, dropped in changes:
            named = {"rule": rule, "group_key": key[:GROUP_LENGTH]}
            gone += [
                {f"{name}_": value for name, value in named.items()} | {"at_": at, "of_": of} for at, of in dropped
            ]
            new += [
                {
                    **named,
                    "start": row.start,
                    "variant": row.variant,
                    "entries": row.slot.entries,
                    "amount": row.slot.amount,
                    "told": row.slot.told,
                    "told_entries": row.slot.told_entries,
                }
                for row in rows
            ]
        if gone:
            group = (table.c.rule == bindparam("rule_")) & (table.c.group_key == bindparam("group_key_"))
            one = (table.c.start == bindparam("at_")) & (table.c.variant == bindparam("of_"))
            connection.execute(delete(table).where(group, one), gone)
        if not new:
            return
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(table)
        statement = statement.on_conflict_do_update(
            index_elements=list(_KEY), set_={name: statement.excluded[name] for name in _VALUES}
        )
        connection.execute(statement, new)

    def forget(self, tx: Tx, rule: str, before: int) -> int:
        """Forget the slots of a rule before one; return how many."""
        table = alert_amounts
        return connection_of(tx).execute(delete(table).where(table.c.rule == rule, table.c.start < before)).rowcount

    def forget_rules(self, tx: Tx, known: Sequence[str]) -> int:
        """Forget the slots of rules that are no more."""
        table = alert_amounts
        return connection_of(tx).execute(delete(table).where(table.c.rule.not_in(known))).rowcount
