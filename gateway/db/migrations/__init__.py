"""Migrations of the gateway database (Alembic)."""
