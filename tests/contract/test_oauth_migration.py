"""The revision of tokens on a database that holds clients already: they keep what they had."""

from __future__ import annotations

from alembic import command
from sqlalchemy import inspect, text

from gateway.db import make_engine, metadata, migrate

BEFORE, AFTER = "0dc3c7d70182", "4a01tokens"


def test_clients_of_before_keep_bearer_tokens_and_the_way_back_is_open(database_url: str) -> None:
    engine = make_engine(database_url)
    with engine.begin() as connection:
        command.upgrade(migrate._config(connection, metadata, migrate.SCRIPTS), BEFORE)
        connection.execute(
            text(
                "INSERT INTO accounts (id, kind, name, roles, post, must_change, created_at, sealed_reason) "
                "VALUES ('cl-old', 'client', '', '[]', '', :no, '2026-11-23T02:00:00Z', '')"
            ),
            {"no": False},
        )
        connection.execute(
            text("INSERT INTO account_clients (account, jwks, grant_types) VALUES ('cl-old', '[]', '[]')")
        )
    with engine.begin() as connection:
        command.upgrade(migrate._config(connection, metadata, migrate.SCRIPTS), AFTER)
        row = connection.execute(text("SELECT jwks_uri, dpop_required FROM account_clients")).one()
        assert (row.jwks_uri, bool(row.dpop_required)) == (None, False)
        columns = {column["name"]: column for column in inspect(connection).get_columns("account_clients")}
        assert columns["dpop_required"]["default"] is None  # a new client says which it is
        command.downgrade(migrate._config(connection, metadata, migrate.SCRIPTS), BEFORE)
        assert {column["name"] for column in inspect(connection).get_columns("account_clients")} == {
            "account", "jwks", "grant_types",
        }  # fmt: skip
        assert not inspect(connection).has_table("account_proofs")
    engine.dispose()
