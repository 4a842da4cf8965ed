"""Rows of decoys."""

from gateway.canaries.store.repository import SqlCanaries

__all__ = ["SqlCanaries"]
