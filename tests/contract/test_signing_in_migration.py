"""The revision of signing in, on databases with clients from before."""

from __future__ import annotations

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from gateway.db import make_engine, metadata, migrate

REVISION = "7b01signin"
TABLES = {"identity_sign_ins", "identity_consents", "identity_pairwise"}


def test_at_a_client_of_before_nobody_signs_in_and_the_way_back_is_open(database_url: str) -> None:
    before = ScriptDirectory(str(migrate.SCRIPTS)).get_revision(REVISION).down_revision
    assert isinstance(before, str)
    engine = make_engine(database_url)
    with engine.begin() as connection:
        command.upgrade(migrate._config(connection, metadata, migrate.SCRIPTS), before)
        connection.execute(
            text(
                "INSERT INTO accounts (id, kind, name, roles, post, must_change, created_at, sealed_reason) "
                "VALUES ('cl-old', 'client', '', '[]', '', :no, '2026-11-23T02:00:00Z', '')"
            ),
            {"no": False},
        )
        connection.execute(
            text(
                "INSERT INTO account_clients (account, jwks, grant_types, dpop_required, encrypt_always) "
                "VALUES ('cl-old', '[]', '[]', :no, :no)"
            ),
            {"no": False},
        )
    with engine.begin() as connection:
        command.upgrade(migrate._config(connection, metadata, migrate.SCRIPTS), REVISION)
        assert set(inspect(connection).get_table_names()) >= TABLES
        names = "redirect_uris, post_logout_redirect_uris, sector_identifier"
        assert connection.execute(text(f"SELECT {names} FROM account_clients")).one() == ("[]", "[]", None)
    with engine.begin() as connection:
        command.downgrade(migrate._config(connection, metadata, migrate.SCRIPTS), before)
        assert not TABLES & set(inspect(connection).get_table_names())
        columns = {column["name"] for column in inspect(connection).get_columns("account_clients")}
        assert not {"redirect_uris", "post_logout_redirect_uris", "sector_identifier"} & columns
    engine.dispose()
