"""The log's rows: entries, tiles, checkpoints, cosignatures, the queue of requests and the search index."""

from gateway.audit.store.alerts import SqlAlertStore
from gateway.audit.store.rows import SqlLogStore
from gateway.audit.store.shelves import EpochShelf, RequestShelf
from gateway.audit.store.source import DatabaseLogSource

__all__ = ["DatabaseLogSource", "EpochShelf", "RequestShelf", "SqlAlertStore", "SqlLogStore"]
