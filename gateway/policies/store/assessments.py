"""Impact assessments and notices to guardians as rows. Both are added and never changed."""

from __future__ import annotations

import json

import sqlalchemy as sa

from gateway.db import connection_of, metadata
from gateway.ids import AccountId, ApplicationId, GrantId
from gateway.journal import Tx
from gateway.policies.assessments import (
    Assessment,
    AssessmentDraft,
    Conclusion,
    Reason,
    Risk,
    RiskCode,
    assessment_value,
)
from gateway.policies.codec import decode_time, dump, encode_time
from gateway.policies.notices import Notice

assessments = sa.Table(
    "assessments",
    metadata,
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(64), nullable=False, unique=True),
    sa.Column("application", sa.String(64), sa.ForeignKey("applications.id"), nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("made_by", sa.String(64), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)

guardian_notices = sa.Table(
    "guardian_notices",
    metadata,
    sa.Column("grant_id", sa.String(64), sa.ForeignKey("grants.id"), primary_key=True),
    sa.Column("zh", sa.Text, nullable=False),
    sa.Column("en", sa.Text, nullable=False),
)


class SqlAssessments:
    """Assessments of applications, and the notice of each grant."""

    def add_assessment(self, tx: Tx, assessment: Assessment) -> None:
        """Insert an assessment; the newest of an application counts."""
        connection_of(tx).execute(
            assessments.insert().values(
                id=assessment.id,
                application=assessment.application,
                body=dump(assessment_value(assessment)),
                made_by=assessment.by,
                at=encode_time(assessment.at),
            )
        )

    def assessment(self, tx: Tx, application_id: ApplicationId) -> Assessment | None:
        """Return the newest assessment of an application, ``None`` when there is none."""
        row = (
            connection_of(tx)
            .execute(
                sa.select(assessments)
                .where(assessments.c.application == application_id)
                .order_by(assessments.c.sequence.desc())
                .limit(1)
            )
            .one_or_none()
        )
        if row is None:
            return None
        body = json.loads(row.body)
        return Assessment(
            id=row.id,
            application=ApplicationId(row.application),
            scope_sha256=body["scope_sha256"],
            reasons=frozenset(map(Reason, body["reasons"])),
            body=AssessmentDraft(
                necessity=body["necessity"],
                rights_impact=body["rights_impact"],
                risks=tuple(
                    Risk(RiskCode(one["code"]), one["likelihood"], one["severity"], one["measure"])
                    for one in body["risks"]
                ),
                conclusion=Conclusion(body["conclusion"]),
                conditions=body["conditions"],
            ),
            by=AccountId(row.made_by),
            at=decode_time(row.at),
            compiled=body["compiled"],
        )

    def add_notice(self, tx: Tx, grant_id: GrantId, notice: Notice) -> None:
        """Insert the notice of a grant."""
        connection_of(tx).execute(guardian_notices.insert().values(grant_id=grant_id, zh=notice.zh, en=notice.en))

    def notice(self, tx: Tx, grant_id: GrantId) -> Notice | None:
        """Return the notice of a grant, ``None`` when there is none."""
        row = (
            connection_of(tx)
            .execute(sa.select(guardian_notices).where(guardian_notices.c.grant_id == grant_id))
            .one_or_none()
        )
        return None if row is None else Notice(row.zh, row.en)
