"""Triggers that keep append-only tables append-only, on SQLite and PostgreSQL.

A store asks with ``protect(table, Guard(...))``. Guards slow mistakes and slow attackers; whoever owns the
database can drop them. Only the witness proves (design 7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, MetaData, Table

Execute = Callable[[str], object]
_GUARDS = "guards"


@dataclass(frozen=True, slots=True)
class Guard:
    """What may happen to rows. Conditions are SQL over ``OLD`` and ``NEW`` that both databases read alike.

    ``update_if`` and ``delete_if``: ``None`` forbids it altogether. ``insert_if``: ``None`` allows any row.
    """

    update_if: str | None = None
    delete_if: str | None = None
    insert_if: str | None = None


def protect(table: Table, guard: Guard) -> Table:
    """Ask for ``guard`` on ``table`` and return the table. Kept in the metadata: Alembic would write ``Table.info``."""
    table.metadata.info.setdefault(_GUARDS, {})[table.name] = guard
    return table


def guards_of(metadata: MetaData) -> Iterator[tuple[Table, Guard]]:
    """Yield every table that asks for a guard."""
    guards: dict[str, Guard] = metadata.info.get(_GUARDS, {})
    for name, guard in sorted(guards.items()):
        yield metadata.tables[name], guard


def guard_statements(table: str, guard: Guard, dialect: str) -> list[str]:
    """Return the statements that put ``guard`` on ``table``; running them again changes nothing."""
    conditions = [("UPDATE", guard.update_if or "1 = 0"), ("DELETE", guard.delete_if or "1 = 0")]
    if guard.insert_if is not None:
        conditions.append(("INSERT", guard.insert_if))
    statements: list[str] = []
    for act, condition in conditions:
        name = f"guard_{table}_{act.lower()}"
        message = f"{table}: this {act} is forbidden"
        if dialect == "sqlite":
            statements.append(f"DROP TRIGGER IF EXISTS {name}")
            statements.append(
                f"CREATE TRIGGER {name} BEFORE {act} ON {table} "
                f"WHEN ({condition}) IS NOT TRUE BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
            continue
        row = "OLD" if act == "DELETE" else "NEW"
        statements += [
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF ({condition}) IS NOT TRUE THEN RAISE EXCEPTION '{message}' USING ERRCODE = 'insufficient_privilege'; "
            f"END IF; RETURN {row}; END $$",
            f"CREATE OR REPLACE TRIGGER {name} BEFORE {act} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
        ]
    if dialect == "postgresql":
        name = f"guard_{table}_truncate"
        statements += [
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"RAISE EXCEPTION '{table}: TRUNCATE is forbidden' USING ERRCODE = 'insufficient_privilege'; END $$",
            f"CREATE OR REPLACE TRIGGER {name} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
        ]
    return statements


def create_guards(connection: Connection, metadata: MetaData, *, replace: bool = False) -> None:
    """Put every guard of ``metadata`` on its table; the tables exist.

    Guards that are there stay untouched (changing one waits for all writers), unless ``replace``.
    """
    present = set() if replace else _present(connection)
    execute = connection.exec_driver_sql
    for table, guard in guards_of(metadata):
        if f"guard_{table.name}_update" not in present:
            for statement in guard_statements(table.name, guard, connection.dialect.name):
                execute(statement)


def install_guards(execute: Execute, metadata: MetaData, dialect: str) -> None:
    """Put every guard of ``metadata`` on its table through ``execute``, as a migration does with ``op.execute``."""
    for table, guard in guards_of(metadata):
        for statement in guard_statements(table.name, guard, dialect):
            execute(statement)


def _present(connection: Connection) -> set[str]:
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if connection.dialect.name == "sqlite"
        else "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
        "WHERE pg_class.relnamespace = current_schema()::regnamespace"
    )
    return {str(name) for (name,) in connection.exec_driver_sql(query)}
