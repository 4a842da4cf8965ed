"""The log in the gateway database, whole."""

from __future__ import annotations

from gateway.audit.store.cache import CacheRows
from gateway.audit.store.keys import KeyRows
from gateway.audit.store.log import LogRows
from gateway.audit.store.queue import QueueRows
from gateway.audit.store.search import SearchRows
from gateway.audit.store.transactions import TransactionRows
from gateway.audit.store.witnessing import WitnessRows


class SqlLogStore(TransactionRows, LogRows, CacheRows, SearchRows, QueueRows, WitnessRows, KeyRows):
    """The log in the gateway database: for the sequencer (``LogStore``), the service and the verifier."""
