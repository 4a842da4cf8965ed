"""PostgreSQL: a role that sees the sharing view and nothing else (I2)."""

from __future__ import annotations

from sqlalchemy import Engine

from core_registry.db.engine import writing
from core_registry.db.tables import metadata, register_state, sharing_students

SHARED = (sharing_students.name, register_state.name)


def grant_sharing_role(engine: Engine, role: str) -> None:
    """Give the existing ``role`` SELECT on the sharing view and the commit counter, and take all else from it.

    Run by the owner of the tables, once after each migration. Raises ``ValueError`` on a database that has no roles
    (SQLite), ``RegistryUnavailableError`` when the role does not exist.
    """
    if engine.dialect.name != "postgresql":
        raise ValueError("only PostgreSQL has roles; on SQLite all faces run in one process")
    quoted = engine.dialect.identifier_preparer.quote_identifier(role)
    others = ", ".join(sorted([*(name for name in metadata.tables if name not in SHARED), "alembic_version"]))
    with writing(engine) as connection:
        schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
        for statement in (
            f"REVOKE ALL ON {others}, {', '.join(SHARED)} FROM {quoted}",
            f"REVOKE ALL ON {others}, {', '.join(SHARED)} FROM PUBLIC",
            f"GRANT USAGE ON SCHEMA {schema} TO {quoted}",
            f"GRANT SELECT ON {', '.join(SHARED)} TO {quoted}",
        ):
            connection.exec_driver_sql(statement)
