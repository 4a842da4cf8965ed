"""The log's rows: entries, tiles, checkpoints, cosignatures, the queue of requests and the search index."""

from gateway.audit.store.alerts import SqlAlertStore
from gateway.audit.store.amounts import SqlAmounts
from gateway.audit.store.rows import SqlLogStore
from gateway.audit.store.shelves import EpochShelf, RequestShelf
from gateway.audit.store.source import DatabaseLogSource
from gateway.audit.store.suppressions import SqlSuppressions
from gateway.audit.store.watching import SqlWatching

__all__ = [
    "DatabaseLogSource",
    "EpochShelf",
    "RequestShelf",
    "SqlAlertStore",
    "SqlAmounts",
    "SqlLogStore",
    "SqlSuppressions",
    "SqlWatching",
]
