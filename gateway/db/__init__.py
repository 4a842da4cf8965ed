"""Engine, metadata, transactions, guards, leases and migrations of the gateway database."""

from gateway.db.engine import connection_of, make_engine, make_read_only_engine, read_only
from gateway.db.guards import Guard, create_guards, install_guards, protect
from gateway.db.leases import Leases
from gateway.db.metadata import metadata
from gateway.db.prepared import Prepared
from gateway.db.reader import DatabaseReader

__all__ = [
    "DatabaseReader",
    "Guard",
    "Leases",
    "Prepared",
    "connection_of",
    "create_guards",
    "install_guards",
    "make_engine",
    "make_read_only_engine",
    "metadata",
    "protect",
    "read_only",
]
