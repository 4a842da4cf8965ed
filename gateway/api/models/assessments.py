"""Impact assessments and notices to guardians as JSON."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from gateway.api.models.base import Model, Prose, Text, Version
from gateway.policies.assessing import AssessmentForm
from gateway.policies.assessments import HIGHEST, Assessment, AssessmentDraft, Conclusion, Risk, RiskCode
from gateway.policies.notices import Notice

Grade = Annotated[int, Field(ge=1, le=HIGHEST)]


class RiskModel(Model):
    """One risk, rated 1 (low) to 3 (high) with the measure against it in place."""

    code: RiskCode
    likelihood: Grade
    severity: Grade
    measure: Text


class AssessmentBody(Model):
    """The three questions of PIPL art. 56."""

    necessity: Text
    """Why purpose and manner are lawful and proper, and why fewer fields or a stricter level would not do."""
    rights_impact: Text
    """What it means for the rights of pupils and guardians."""
    risks: Annotated[list[RiskModel], Field(min_length=1, max_length=len(RiskCode))]
    conclusion: Conclusion
    conditions: Annotated[Prose, Field(max_length=2000)] = ""
    """Needed when the conclusion is ``conditional``."""

    @staticmethod
    def of(draft: AssessmentDraft) -> AssessmentBody:
        """Return the model of a record; texts that nobody wrote yet are shown as they are."""
        return AssessmentBody.model_construct(
            necessity=draft.necessity,
            rights_impact=draft.rights_impact,
            risks=[
                RiskModel.model_construct(
                    code=one.code, likelihood=one.likelihood, severity=one.severity, measure=one.measure
                )
                for one in draft.risks
            ],
            conclusion=draft.conclusion,
            conditions=draft.conditions,
        )


class AssessmentIn(AssessmentBody):
    """An officer's impact assessment."""

    version: Version | None = None
    """Version of the application that the caller saw; left out, the present one is acted on."""

    def to_record(self) -> AssessmentDraft:
        """Return the record."""
        return AssessmentDraft(
            necessity=self.necessity,
            rights_impact=self.rights_impact,
            risks=tuple(Risk(one.code, one.likelihood, one.severity, one.measure) for one in self.risks),
            conclusion=self.conclusion,
            conditions=self.conditions,
        )


class AssessmentOut(Model):
    """An assessment as kept."""

    id: str
    body: AssessmentBody
    reasons: list[str]
    residual: str
    """``low``, ``medium`` or ``high``: the highest risk that remains."""
    compiled: bool
    """Whether the program made it from the application, for the approver to adopt."""
    by: str
    at: datetime
    sha256: str

    @staticmethod
    def of(record: Assessment) -> AssessmentOut:
        """Return the model of a record."""
        return AssessmentOut(
            id=record.id,
            body=AssessmentBody.of(record.body),
            reasons=sorted(record.reasons),
            residual=record.residual,
            compiled=record.compiled,
            by=record.by,
            at=record.at,
            sha256=record.sha256,
        )


class AssessmentFormOut(Model):
    """What is needed, what follows from the application, and what was assessed so far."""

    required: bool
    """Whether sensitive fields or children under 14 are in scope (PIPL arts. 28 and 55)."""
    reasons: list[str]
    draft: AssessmentBody
    latest: AssessmentOut | None
    stale: bool
    """Whether the scope has changed since the latest assessment."""
    keep_until: date | None
    """Until when the latest one is kept: three years after the last day applied for (PIPL art. 56)."""

    @staticmethod
    def of(form: AssessmentForm, valid_to: date) -> AssessmentFormOut:
        """Return the model of a record."""
        return AssessmentFormOut(
            required=form.required,
            reasons=sorted(form.reasons),
            draft=AssessmentBody.of(form.draft),
            latest=None if form.latest is None else AssessmentOut.of(form.latest),
            stale=form.stale,
            keep_until=None if form.latest is None else form.latest.keep_until(valid_to),
        )


class NoticeOut(Model):
    """The notice to guardians that was made with a grant (PIPL arts. 23, 30, 31); it names no pupil."""

    grant: str
    zh: str
    en: str
    sha256: str

    @staticmethod
    def of(grant: str, notice: Notice) -> NoticeOut:
        """Return the model of a record."""
        return NoticeOut(grant=grant, zh=notice.zh, en=notice.en, sha256=notice.sha256)
