"""Tables and repository of families."""

from gateway.families.store.repository import FamilyStore

__all__ = ["FamilyStore"]
