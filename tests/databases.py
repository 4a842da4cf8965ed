"""Databases of tests on a PostgreSQL server: fresh ones, and one with every table whose rows go after each test."""

from __future__ import annotations

from uuid import uuid4

import psycopg
from sqlalchemy.engine import make_url

_SHAPE = """
SELECT md5(concat_ws('|',
  (SELECT string_agg(concat_ws(' ', oid, relname, relacl, relnatts, relowner), ',' ORDER BY oid)
     FROM pg_class WHERE relnamespace = 'public'::regnamespace),
  (SELECT string_agg(concat_ws(' ', attrelid, attname, atttypid, attnotnull, attacl), ',' ORDER BY attrelid, attnum)
     FROM pg_attribute WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)),
  (SELECT string_agg(concat_ws(' ', tgrelid, tgname, tgenabled, tgtype), ',' ORDER BY oid) FROM pg_trigger),
  (SELECT string_agg(concat_ws(' ', proname, prosrc, proacl), ',' ORDER BY oid)
     FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
  (SELECT string_agg(concat_ws(' ', conrelid, conname, convalidated), ',' ORDER BY oid) FROM pg_constraint),
  (SELECT string_agg(concat_ws(' ', nspname, nspacl), ',' ORDER BY oid) FROM pg_namespace WHERE nspname !~ '^pg_')
))
"""
"""A digest of everything in a database but its rows."""
_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_TABLES = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
_SEQUENCES = "SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence"


def create(server: str) -> str:
    """Make an empty database on ``server``; return its URL."""
    name = f"t{uuid4().hex[:16]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return make_url(server).set(database=name, drivername="postgresql+psycopg").render_as_string(hide_password=False)


def drop(server: str, url: str) -> None:
    """Take a database away, whoever is connected to it."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


def make_tables(url: str) -> None:
    """Make every declared table and its guards, and leave no connection behind."""
    from gateway.db import make_engine
    from tests.factories.journal import make_schema

    engine = make_engine(url)
    make_schema(engine)
    engine.dispose()


class Emptied:
    """Lends a database with every declared table and no row; to make one takes longer than most tests that use it.

    One that comes back changed in anything but its rows is thrown away.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._url: str | None = None
        self._shape = ""

    def lend(self) -> str:
        """Return the URL of a database without a row."""
        if self._url is None:
            self._url = create(self._server)
            make_tables(self._url)
            with self._connect() as connection:
                self._shape = _digest(connection)
        return self._url

    def take_back(self) -> None:
        """Remove every row and end every connection."""
        with self._connect() as connection:
            connection.execute(_OTHERS)
            if _digest(connection) == self._shape:
                tables = [name for (name,) in connection.execute(_TABLES)]
                # the guards forbid to delete what is append-only: in this role no trigger runs
                connection.execute("SET session_replication_role = replica")
                with connection.transaction():
                    connection.execute(";".join(f"DELETE FROM {name}" for name in tables))
                    connection.execute(_SEQUENCES)
                return
        self.close()

    def close(self) -> None:
        """Take the database away."""
        if self._url is not None:
            drop(self._server, self._url)
            self._url = None

    def _connect(self) -> psycopg.Connection[tuple[str]]:
        assert self._url is not None
        plain = make_url(self._url).set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(plain, autocommit=True)


def _digest(connection: psycopg.Connection[tuple[str]]) -> str:
    found = connection.execute(_SHAPE).fetchone()
    assert found is not None
    return found[0]
