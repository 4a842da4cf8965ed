"""Engine, metadata, transactions and migrations of the gateway database."""

from gateway.db.engine import connection_of, make_engine, read_only
from gateway.db.metadata import metadata

__all__ = ["connection_of", "make_engine", "metadata", "read_only"]
