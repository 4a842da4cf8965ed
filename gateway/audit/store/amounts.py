"""Rows of amounts that alert rules add up, slot by slot."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    delete,
    select,
    tuple_,
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

    def slots(self, tx: Tx, rule: str, key: str) -> list[SlotRow]:
        """Return what is kept of a group."""
        table = alert_amounts
        query = select(table).where(table.c.rule == rule, table.c.group_key == key[:GROUP_LENGTH])
        return [
            SlotRow(row.start, row.variant, Slot(row.entries, row.amount, row.told, row.told_entries))
            for row in connection_of(tx).execute(query)
        ]

    def put(
        self, tx: Tx, rule: str, key: str, rows: Sequence[SlotRow], dropped: Sequence[tuple[int, str]] = ()
    ) -> None:
        """Write slots of a group, and forget others."""
        connection, table, key = connection_of(tx), alert_amounts, key[:GROUP_LENGTH]
        if dropped:
            connection.execute(
                delete(table).where(
                    table.c.rule == rule, table.c.group_key == key, tuple_(table.c.start, table.c.variant).in_(dropped)
                )
            )
        if not rows:
            return
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(table)
        statement = statement.on_conflict_do_update(
            index_elements=list(_KEY), set_={name: statement.excluded[name] for name in _VALUES}
        )
        connection.execute(
            statement,
            [
                {
                    "rule": rule,
                    "group_key": key,
                    "start": row.start,
                    "variant": row.variant,
                    "entries": row.slot.entries,
                    "amount": row.slot.amount,
                    "told": row.slot.told,
                    "told_entries": row.slot.told_entries,
                }
                for row in rows
            ],
        )

    def forget(self, tx: Tx, rule: str, before: int) -> int:
        """Forget the slots of a rule before one; return how many."""
        table = alert_amounts
        return connection_of(tx).execute(delete(table).where(table.c.rule == rule, table.c.start < before)).rowcount

    def forget_rules(self, tx: Tx, known: Sequence[str]) -> int:
        """Forget the slots of rules that are no more."""
        table = alert_amounts
        return connection_of(tx).execute(delete(table).where(table.c.rule.not_in(known))).rowcount
