"""Alembic's environment: it runs on the connection that migrate.upgrade opened."""

from alembic import context

from core_registry.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
