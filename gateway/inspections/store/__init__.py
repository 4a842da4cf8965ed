"""Rows of inspection cases."""

from gateway.inspections.store.repository import SqlCases
from gateway.inspections.store.shelf import CaseAdoption, CaseShelf

__all__ = ["CaseAdoption", "CaseShelf", "SqlCases"]
