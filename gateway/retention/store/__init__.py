"""Rows of holds and sweeps."""

from gateway.retention.store.repository import SqlHolds, SqlSweeps

__all__ = ["SqlHolds", "SqlSweeps"]
