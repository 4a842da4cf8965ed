"""The registry's database: schema, sealing, and the stores behind its protocols. For the composition root."""

from core_registry.db import case_tables  # noqa: F401  the tables belong to the metadata
from core_registry.db.case_store import SqlCaseStore
from core_registry.db.engine import make_engine
from core_registry.db.keyed_index import KeyedIndex
from core_registry.db.matcher import SqlMatcher
from core_registry.db.migrate import require_head, upgrade
from core_registry.db.office_store import SqlOfficeStore
from core_registry.db.posts_store import SqlPosts, link_guardian, save_school_details
from core_registry.db.roles import grant_sharing_role
from core_registry.db.sealing import DataKeys, RegistryKeys
from core_registry.db.sharing_reader import SqlSharingView
from core_registry.db.state import SqlOutbox
from core_registry.db.store import SqlRegisterStore
from core_registry.db.units import load_departments, read_departments, save_schools

__all__ = [
    "DataKeys",
    "KeyedIndex",
    "RegistryKeys",
    "SqlCaseStore",
    "SqlMatcher",
    "SqlOfficeStore",
    "SqlOutbox",
    "SqlPosts",
    "SqlRegisterStore",
    "SqlSharingView",
    "grant_sharing_role",
    "link_guardian",
    "load_departments",
    "make_engine",
    "read_departments",
    "require_head",
    "save_school_details",
    "save_schools",
    "upgrade",
]
