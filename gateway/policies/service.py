"""The life of an application: draft, submission, ground, confirmation, decision, grant, its end.

Every act is decided by the decision point, checked against the rules, and committed together with its
audit entry; every refusal is an entry too (``A50-13``). Two acts on one version cannot both succeed.
"""

from __future__ import annotations

from gateway.policies.acting import random_id
from gateway.policies.applying import Applying
from gateway.policies.comments import Commenting
from gateway.policies.deciding import DecisionKind
from gateway.policies.entering import Entering
from gateway.policies.follow_up import FollowUp
from gateway.policies.grant_life import GrantLife
from gateway.policies.hindrances import Hindrances
from gateway.policies.permissions import Permission, Permissions
from gateway.policies.protocols import GrantStore, PolicyStore
from gateway.policies.queries import WorkItem
from gateway.policies.records import ApplicationDraft
from gateway.policies.register import PublicRegister, RegisterEntry

__all__ = [
    "ApplicationDraft",
    "ApplicationService",
    "DecisionKind",
    "GrantStore",
    "Permission",
    "PolicyStore",
    "RegisterEntry",
    "WorkItem",
    "random_id",
]


class ApplicationService(Applying, Hindrances, GrantLife, Commenting, FollowUp, Permissions, PublicRegister, Entering):
    """The use cases of this room, each in the module of its subject."""
