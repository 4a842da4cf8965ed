"""Tables of this room and the store of its use cases, on SQLite and PostgreSQL."""

from __future__ import annotations

from gateway.policies.store.applications import (
    SqlApplications,
    application_comments,
    application_events,
    applications,
    grounds,
)
from gateway.policies.store.assessments import SqlAssessments, assessments, guardian_notices
from gateway.policies.store.grants import SqlGrants, grants

__all__ = [
    "SqlPolicyStore",
    "application_comments",
    "application_events",
    "applications",
    "assessments",
    "grants",
    "grounds",
    "guardian_notices",
]


class SqlPolicyStore(SqlApplications, SqlGrants, SqlAssessments):
    """The store of this room. Every method takes the transaction first."""
