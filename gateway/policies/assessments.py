"""Impact assessments of personal information (个人信息保护影响评估; PIPL arts. 55 and 56): when, what, how severe.

Pure values and arithmetic. Art. 55 asks for one before sensitive information is processed and before information is
provided to another handler; every child under 14 is sensitive information (art. 28). Art. 56 says what it holds:
whether purpose and manner are lawful, proper and necessary; the effect on rights and the risks; whether the measures
fit the risks. It is kept for three years.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Literal

from gateway.ids import AccountId, ApplicationId
from gateway.journal import JsonValue
from gateway.policies.codec import dump, encode_scope
from gateway.policies.records import Application, Level, Scope
from rulebook.records import Rulebook

UNDER: Final = 14
"""Children below this age are sensitive personal information as such (PIPL art. 28)."""
KEPT_YEARS: Final = 3
"""PIPL art. 56."""
HIGHEST: Final = 3
"""Likelihood and severity are 1 (low) to 3 (high)."""


class Reason(StrEnum):
    """Why an assessment is needed."""

    SENSITIVE_FIELDS = "sensitive_fields"
    UNDER_14 = "under_14"
    PROVISION = "provision"
    """Personal information goes to another handler (art. 55 (3)): every level but anonymous rows and statistics."""


class RiskCode(StrEnum):
    """The risks that every assessment goes through."""

    REIDENTIFICATION = "reidentification"
    LEAK = "leak"
    MISUSE = "misuse"
    UNFAIRNESS = "unfairness"
    SAFETY = "safety"


class Conclusion(StrEnum):
    """What an assessment comes to."""

    ACCEPTABLE = "acceptable"
    CONDITIONAL = "conditional"
    """Acceptable under the conditions that it names; the approving officer answers for them."""
    NOT_ACCEPTABLE = "not_acceptable"


Residual = Literal["low", "medium", "high"]


@dataclass(frozen=True, slots=True)
class Risk:
    """One risk with the measure against it. ``likelihood`` and ``severity`` are 1 to 3, with the measure in place."""

    code: RiskCode
    likelihood: int
    severity: int
    measure: str

    @property
    def score(self) -> int:
        """Likelihood times severity, 1 to 9."""
        return self.likelihood * self.severity


@dataclass(frozen=True, slots=True)
class AssessmentDraft:
    """What an officer writes: the three questions of PIPL art. 56, as a form."""

    necessity: str
    """Why purpose and manner are lawful and proper, and why fewer fields or a stricter level would not do."""
    rights_impact: str
    """What it means for the rights of the pupils and guardians."""
    risks: tuple[Risk, ...]
    conclusion: Conclusion
    conditions: str = ""


@dataclass(frozen=True, slots=True)
class Assessment:
    """An assessment as kept. One that was ``compiled`` was made by the program from the application."""

    id: str
    application: ApplicationId
    scope_sha256: str
    """Digest of the scope that was assessed: another scope needs another assessment."""
    reasons: frozenset[Reason]
    body: AssessmentDraft
    by: AccountId
    at: datetime
    compiled: bool = False

    @property
    def residual(self) -> Residual:
        """How high the highest risk is that remains."""
        highest = max((risk.score for risk in self.body.risks), default=1)
        return "high" if highest > 2 * HIGHEST - 1 else "medium" if highest > HIGHEST - 1 else "low"

    @property
    def sha256(self) -> str:
        """Digest of what was assessed and concluded, for the audit trail and the grant's notice."""
        return hashlib.sha256(dump(assessment_value(self)).encode()).hexdigest()

    def keep_until(self, valid_to: date) -> date:
        """Return until when it is kept, for a grant that ends on ``valid_to`` (PIPL art. 56)."""
        leap = (valid_to.month, valid_to.day) == (2, 29)
        return valid_to.replace(year=valid_to.year + KEPT_YEARS, day=28 if leap else valid_to.day)


def assessment_value(assessment: Assessment) -> dict[str, JsonValue]:
    """Return what an assessment says, as a JSON value."""
    body = assessment.body
    return {
        "application": assessment.application,
        "scope_sha256": assessment.scope_sha256,
        "reasons": list[JsonValue](sorted(assessment.reasons)),
        "necessity": body.necessity,
        "rights_impact": body.rights_impact,
        "risks": [
            {"code": one.code, "likelihood": one.likelihood, "severity": one.severity, "measure": one.measure}
            for one in body.risks
        ],
        "conclusion": body.conclusion,
        "conditions": body.conditions,
        "compiled": assessment.compiled,
    }


def scope_digest(scope: Scope) -> str:
    """Return the SHA-256 of the canonical text of a scope."""
    return hashlib.sha256(encode_scope(scope).encode()).hexdigest()


def reasons_for(scope: Scope, book: Rulebook) -> frozenset[Reason]:
    """Return why ``scope`` needs an assessment; empty when it needs none. Raises ``KeyError`` for no such profile."""
    wanted = set(scope.fields)
    sensitive = any(one.role == "sensitive" and one.name in wanted for one in book.profiles[scope.profile].fields)
    found = {
        Reason.SENSITIVE_FIELDS: sensitive,
        Reason.UNDER_14: any(_youngest(grade, book) < UNDER for grade in grades_of(scope, book)),
        Reason.PROVISION: scope.level not in {Level.ANONYMOUS, Level.STATISTICS},
    }
    return frozenset(reason for reason, is_so in found.items() if is_so)


def required(reasons: Iterable[Reason]) -> bool:
    """Say whether an assessment is obligatory: sensitive fields or children under 14 are in scope."""
    return bool({Reason.SENSITIVE_FIELDS, Reason.UNDER_14}.intersection(reasons))


def grades_of(scope: Scope, book: Rulebook) -> frozenset[str]:
    """Return the grades that the population of a scope reaches, by its grades and stages."""
    grades = book.code_lists["grades"]
    stages, wanted = scope.population.stages, scope.population.grades
    return frozenset(
        code
        for code in grades.labels
        if (stages is None or grades.attributes[code]["stage"] in stages) and (wanted is None or code in wanted)
    )


def compiled(application: Application, scope: Scope, book: Rulebook) -> AssessmentDraft:
    """Return the assessment that follows from the application itself: the starting point of the officer's form.

    The applicant's reason answers necessity, the applicant's measures and those of the level answer the risks.
    """
    reasons = reasons_for(scope, book)
    rows = scope.level in {Level.PSEUDONYMOUS, Level.MASKED, Level.MATCH}
    severity = 3 if Reason.SENSITIVE_FIELDS in reasons else 2 if Reason.UNDER_14 in reasons else 1
    likelihood = {RiskCode.REIDENTIFICATION: 2 if rows else 1, RiskCode.LEAK: 2 if rows else 1}
    measures = {
        RiskCode.REIDENTIFICATION: _BY_LEVEL[scope.level],
        RiskCode.LEAK: application.protection,
        RiskCode.MISUSE: "限于批准的用途、信息项、次数和期限，超出即拒绝并预警；接收方书面承诺安全条款。",
        RiskCode.UNFAIRNESS: "处分、休学事由等不对外提供；不得据以作出对学生不利的自动化决定。",
        RiskCode.SAFETY: "不提供完整姓名、证件号码、电话和住址。",
    }
    risks = tuple(Risk(code, likelihood.get(code, 1), severity, measures[code]) for code in RiskCode)
    return AssessmentDraft(
        necessity=application.reason,
        rights_impact=_IMPACT,
        risks=risks,
        conclusion=Conclusion.ACCEPTABLE,
    )


_IMPACT: Final = (
    "学生及监护人不承担额外义务；可通过学籍部门查询本人信息被提供的情况，并可要求更正。"
    "提供的内容不用于评价学生，授权到期后须销毁。"
)
_BY_LEVEL: Final = {
    Level.CHECK: "逐人核验只回答“是”或“未能确认”，限制次数，防止猜测。",
    Level.MATCH: "按接收方自有名单的行号返回获准的信息项，名单用后即毁。",
    Level.STATISTICS: "只提供加噪统计数，不显示小单元格。",
    Level.ANONYMOUS: "匿名化，每一组合至少对应规定的人数。",
    Level.PSEUDONYMOUS: "按接收方和项目使用不同假名，不能与其他项目关联。",
    Level.MASKED: "姓名、证件号、电话、住址均为掩码，仅限个案清单，限制行数。",
}


def _youngest(grade: str, book: Rulebook) -> int:
    """Return the lowest usual age of a grade in full years; a grade without one counts as young."""
    return book.parameters.school_years.get(grade, (0, 0))[0]
