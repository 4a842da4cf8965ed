"""The impact assessment of an application, and the papers that go with its grant (PIPL arts. 23, 30, 55, 56)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.errors import NotFoundError
from gateway.ids import ApplicationId, GrantId
from gateway.journal import EntryDraft, JsonValue, Tx
from gateway.policies.acting import Acting, in_state
from gateway.policies.assessments import (
    HIGHEST,
    Assessment,
    AssessmentDraft,
    Conclusion,
    Reason,
    RiskCode,
    compiled,
    reasons_for,
    required,
    scope_digest,
)
from gateway.policies.decision import Action
from gateway.policies.errors import AssessmentRefusedError
from gateway.policies.notices import Notice, guardian_notice
from gateway.policies.records import Application, ApplicationState, Grant, Scope
from gateway.policies.screening import require_no_numbers
from gateway.policies.trail import application_links
from gateway.principals import Principal

_IN_HAND: Final = (
    ApplicationState.SUBMITTED,
    ApplicationState.BASIS_RECORDED,
    ApplicationState.CONFIRMED,
)
"""States in which officers prepare the decision."""


@dataclass(frozen=True, slots=True)
class AssessmentForm:
    """What an officer sees before filling in the form.

    ``latest`` is the newest assessment, ``stale`` whether the scope has changed since; ``draft`` is what follows
    from the application itself.
    """

    reasons: frozenset[Reason]
    required: bool
    draft: AssessmentDraft
    latest: Assessment | None
    stale: bool


class Assessing(Acting):
    """Assessing the impact, and what a decision takes from it."""

    def assessment_form(self, principal: Principal, application_id: ApplicationId) -> AssessmentForm:
        """Return the form of an application that the principal may read; raises ``NotFoundError`` otherwise."""
        application = self.get(principal, application_id)
        latest = self._reader.read(lambda tx: self._store.assessment(tx, application_id))
        reasons = reasons_for(application.scope, self._book)
        return AssessmentForm(
            reasons=reasons,
            required=required(reasons),
            draft=compiled(application, application.scope, self._book),
            latest=latest,
            stale=latest is not None and latest.scope_sha256 != scope_digest(application.scope),
        )

    def record_assessment(
        self, principal: Principal, application_id: ApplicationId, draft: AssessmentDraft, *, version: int
    ) -> Assessment:
        """Record an assessment of a submitted application; return it. The newest one counts, none is ever changed.

        Whoever may record the ground may assess. Raises ``AssessmentRefusedError`` that names what is missing,
        ``ForbiddenError``, ``WrongStateError``, ``StaleVersionError``. Source: PIPL arts. 55 and 56.
        """
        application = self._at(application_id, version)
        with self._refusals(principal, Action.RECORD_GROUND, application_links(application), application):
            decision = self._require(principal, Action.RECORD_GROUND, application)
            in_state(application, *_IN_HAND)
            _require_whole(draft)
        made = self._assessment(principal, application, application.scope, draft, by_program=False)
        entry = EntryDraft(
            "assessment.recorded",
            principal,
            facts={**_facts(made), "separation": self._separation},
            links=application_links(application),
            policy=decision.policy,
        )

        def write(tx: Tx) -> None:
            present = self._store.application(tx, application_id)
            if present is not None:
                in_state(present, *_IN_HAND)
            self._store.add_assessment(tx, made)

        self._journal.record(write, entry)
        return made

    def notice(self, grant_id: GrantId) -> Notice:
        """Return the notice to guardians that was made with a grant; it is public. Raises ``NotFoundError``."""
        found = self._reader.read(lambda tx: self._store.notice(tx, grant_id))
        if found is None:
            raise NotFoundError("There is no such notice.", detail_zh="没有该告知书。")
        return found

    def _assessed(self, principal: Principal, application: Application, scope: Scope) -> Assessment:
        """Return the assessment on which a decision for ``scope`` stands.

        That is the newest one of what was applied for; without one, that which the program compiles from the
        application, which the approver adopts with the decision. Raises ``AssessmentRefusedError`` when the newest
        one concludes that it is not acceptable, or an officer's own form is obligatory and missing or outdated.
        """
        latest = self._reader.read(lambda tx: self._store.assessment(tx, application.id))
        if latest is not None and latest.scope_sha256 == scope_digest(application.scope):
            if latest.body.conclusion is Conclusion.NOT_ACCEPTABLE:
                raise AssessmentRefusedError(
                    "The impact assessment concludes that this is not acceptable: refuse, return or assess anew.",
                    detail_zh="个人信息保护影响评估结论为不可接受，不得批准；可退回、不予批准，或重新评估。",
                    missing=("assessment",),
                )
            return latest
        if self._book.parameters.assessment_by_hand and required(reasons_for(scope, self._book)):
            raise AssessmentRefusedError(
                "Sensitive fields or children under 14 are in scope: an officer's impact assessment of the present "
                "scope is needed first.",
                detail_zh="申请涉及敏感个人信息或不满十四周岁未成年人，须先由工作人员完成个人信息保护影响评估。",
                missing=("assessment",),
            )
        draft = compiled(application, scope, self._book)
        return self._assessment(principal, application, scope, draft, by_program=True)

    def _papers(self, assessment: Assessment, grant: Grant, application: Application) -> tuple[Notice, _Write]:
        """Return the notice of a grant, and the write that keeps it together with a compiled assessment."""
        notice = guardian_notice(grant, application.unit, assessment, self._book)

        def write(tx: Tx) -> None:
            if assessment.compiled:
                self._store.add_assessment(tx, assessment)
            self._store.add_notice(tx, grant.id, notice)

        return notice, write

    def _assessment(
        self, principal: Principal, application: Application, scope: Scope, draft: AssessmentDraft, *, by_program: bool
    ) -> Assessment:
        return Assessment(
            id=self._new_id("as"),
            application=application.id,
            scope_sha256=scope_digest(scope),
            reasons=reasons_for(scope, self._book),
            body=draft,
            by=principal.account,
            at=self._now(),
            compiled=by_program,
        )


_Write = Callable[[Tx], None]


def assessment_facts(assessment: Assessment, notice: Notice) -> dict[str, JsonValue]:
    """Return what the entry of a decision says of assessment and notice."""
    return {**_facts(assessment), "notice_sha256": notice.sha256}


def _facts(assessment: Assessment) -> dict[str, JsonValue]:
    return {
        "assessment": assessment.id,
        "assessment_sha256": assessment.sha256,
        "assessment_reasons": list[JsonValue](sorted(assessment.reasons)),
        "assessment_conclusion": assessment.body.conclusion.value,
        "assessment_residual": assessment.residual,
        "assessment_compiled": assessment.compiled,
    }


def _require_whole(draft: AssessmentDraft) -> None:
    """Refuse a form with gaps, with a number of a person in it, or with a conclusion that its risks contradict."""
    texts = {
        "necessity": draft.necessity,
        "rights_impact": draft.rights_impact,
        **{f"risks.{risk.code}": risk.measure for risk in draft.risks},
    }
    missing = [name for name, text in texts.items() if not text.strip()]
    missing += [f"risks.{code}" for code in RiskCode if code not in {risk.code for risk in draft.risks}]
    if len({risk.code for risk in draft.risks}) != len(draft.risks):
        missing.append("risks")
    missing += [
        f"risks.{risk.code}"
        for risk in draft.risks
        if not (1 <= risk.likelihood <= HIGHEST and 1 <= risk.severity <= HIGHEST)
    ]
    if draft.conclusion is Conclusion.CONDITIONAL and not draft.conditions.strip():
        missing.append("conditions")
    if missing:
        raise AssessmentRefusedError(
            f"The assessment has gaps: {', '.join(dict.fromkeys(missing))}. Fill these in.",
            detail_zh=f"影响评估不完整，请补充：{'、'.join(dict.fromkeys(missing))}。",
            missing=tuple(dict.fromkeys(missing)),
        )
    require_no_numbers({**texts, "conditions": draft.conditions})
    if draft.conclusion is Conclusion.ACCEPTABLE and any(risk.score == HIGHEST * HIGHEST for risk in draft.risks):
        raise AssessmentRefusedError(
            "A risk of the highest likelihood and severity remains: the conclusion cannot be 'acceptable'.",
            detail_zh="仍存在可能性和严重性均为最高的风险，结论不能为“可接受”。",
            missing=("conclusion",),
        )
