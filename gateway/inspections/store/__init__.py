"""Rows of inspection cases."""

from gateway.inspections.store.repository import SqlCases

__all__ = ["SqlCases"]
