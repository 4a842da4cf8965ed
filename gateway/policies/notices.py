"""The notice to guardians that goes with a grant (PIPL arts. 23, 30 and 31): who receives what, why, and what to do.

A pure function of what was decided. The text is kept as it was on that day; it names no pupil, and of the recipient
the organisation alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from gateway.policies.assessments import Assessment, Reason
from gateway.policies.records import Grant, Level, Scope
from rulebook.records import Rulebook

_LEVELS: Final = {
    Level.CHECK: ("逐人核验，只回答“是”或“未能确认”", "one question for each pupil, answered by yes or not confirmed"),
    Level.MATCH: (
        "按接收方自有名单逐行返回下列信息项",
        "the fields below, row by row for a list that the recipient already has",
    ),
    Level.STATISTICS: ("统计数，不涉及个人", "counts, of no single person"),
    Level.ANONYMOUS: ("匿名化数据，不能识别个人", "anonymous rows, by which nobody can be recognised"),
    Level.PSEUDONYMOUS: ("去标识数据，以假名代替身份", "rows under a pseudonym in place of the identity"),
    Level.MASKED: ("脱敏数据，姓名、证件号、电话、住址均隐去大部分", "rows in which names and numbers are masked"),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice in both languages, as plain text with line ends."""

    zh: str
    en: str

    @property
    def sha256(self) -> str:
        """Digest of both texts, for the audit entry of the decision."""
        return hashlib.sha256(f"{self.zh}\n\n{self.en}".encode()).hexdigest()


def guardian_notice(grant: Grant, unit: str, assessment: Assessment | None, book: Rulebook) -> Notice:
    """Return the notice of ``grant``. ``unit`` is the division that approved."""
    scope = grant.scope
    return Notice(_chinese(grant, scope, unit, assessment, book), _english(grant, scope, unit, assessment, book))


def _chinese(grant: Grant, scope: Scope, unit: str, assessment: Assessment | None, book: Rulebook) -> str:
    purpose = book.purposes[scope.purpose]
    fields = "、".join(label for _, label in _fields(scope, book))
    department = f"{_place(unit, book)}教育行政部门"
    lines = [
        "关于提供学生信息的告知书",
        "",
        f"家长（监护人）：根据{grant.ground_label}，{department}向下列单位提供学生信息，现告知如下。",
        f"一、接收方：{grant.recipient_name}（统一社会信用代码 {grant.recipient}）。"
        f"联系方式可向学校或{department}索取。",
        f"二、目的：{purpose.label}。",
        f"三、方式：{_LEVELS[scope.level][0]}。",
        f"四、信息种类：{fields}。",
        f"五、范围：{_place(scope.population.territory, book)}及其下级教育行政部门管理的学校"
        f"{_population_zh(scope, book)}。",
        f"六、期限：{scope.valid_from.isoformat()}至{scope.valid_to.isoformat()}，最多提供{scope.uses}次；"
        f"到期后接收方须销毁（一般不迟于取得后{book.profiles[scope.profile].retention_days}天）并提交销毁证明。",
    ]
    if assessment is not None and {Reason.SENSITIVE_FIELDS, Reason.UNDER_14} & assessment.reasons:
        lines += [
            f"七、必要性：{assessment.body.necessity}",
            f"八、对个人权益的影响：{assessment.body.rights_impact}",
        ]
    lines += [
        "您有权查阅、复制、更正孩子的学籍信息，了解何时向谁提供过，并可向学校、教育行政部门咨询或投诉。",
        f"授权编号：{grant.id}。批准责任单位：{department}。",
    ]
    return "\n".join(lines)


def _english(grant: Grant, scope: Scope, unit: str, assessment: Assessment | None, book: Rulebook) -> str:
    purpose = book.purposes[scope.purpose]
    lines = [
        "Notice of the provision of student information",
        "",
        f"To parents and guardians: on the ground of {grant.ground_label}, the education department of "
        f"{_place(unit, book)} provides student information as follows.",
        f"1. Recipient: {grant.recipient_name} (unified social credit code {grant.recipient}). Ask the school or the "
        "department how to reach it.",
        f"2. Purpose: {purpose.label_en}.",
        f"3. Manner: {_LEVELS[scope.level][1]}.",
        f"4. Kinds of information: {', '.join(name for name, _ in _fields(scope, book))}.",
        f"5. Whose: pupils of schools managed by {_place(scope.population.territory, book)} or a department below it"
        f"{_population_en(scope)}.",
        f"6. Period: {scope.valid_from.isoformat()} to {scope.valid_to.isoformat()}, at most {scope.uses} times; the "
        f"recipient destroys it within {book.profiles[scope.profile].retention_days} days as a rule, and certifies it.",
    ]
    if assessment is not None and {Reason.SENSITIVE_FIELDS, Reason.UNDER_14} & assessment.reasons:
        lines += [
            f"7. Why it is necessary: {assessment.body.necessity}",
            f"8. What it means for your rights: {assessment.body.rights_impact}",
        ]
    lines += [
        "You may read, copy and correct your child's record, learn to whom it was provided and when, and complain to "
        "the school or the department.",
        f"Grant: {grant.id}. Responsible: the education department of {_place(unit, book)}.",
    ]
    return "\n".join(lines)


def _fields(scope: Scope, book: Rulebook) -> list[tuple[str, str]]:
    labels = {one.name: one.label for one in book.profiles[scope.profile].fields}
    return [(name, labels.get(name, name)) for name in scope.fields]


def _place(code: str, book: Rulebook) -> str:
    division = book.divisions.by_code.get(code)
    return code if division is None else division.full_name


def _population_zh(scope: Scope, book: Rulebook) -> str:
    grades = book.code_lists["grades"].labels
    stages = {"primary": "小学", "junior": "初中", "senior": "普通高中"}
    where = scope.population
    parts = [
        "、".join(stages.get(one, one) for one in sorted(where.stages or ())),
        "、".join(grades.get(one, one) for one in sorted(where.grades or ())),
        f"限 {len(where.schools)} 所学校" if where.schools is not None else "",
    ]
    told = "；".join(part for part in parts if part)
    return f"（{told}）" if told else ""


def _population_en(scope: Scope) -> str:
    where = scope.population
    parts = [
        ", ".join(sorted(where.stages or ())),
        f"grades {', '.join(sorted(where.grades))}" if where.grades else "",
        f"{len(where.schools)} schools" if where.schools is not None else "",
    ]
    told = "; ".join(part for part in parts if part)
    return f" ({told})" if told else ""
