"""The log in the gateway database, whole."""

from __future__ import annotations

from gateway.audit.store.keys import KeyRows
from gateway.audit.store.search import SearchRows
from gateway.audit.store.transactions import TransactionRows
from gateway.audit.store.witnessing import WitnessRows


class SqlLogStore(TransactionRows, SearchRows, WitnessRows, KeyRows):
    """The log in the gateway database: for the sequencer (``LogStore``), the service and the verifier."""
