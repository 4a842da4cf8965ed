"""The claims of a credential, taken from one row of the sharing view: never a name, a number or an address (A50-14)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from gateway.ages import age_on
from gateway.identity.records import ClaimValue

AGES = (6, 12, 14, 16, 18)
"""School age, and the ages at which the law changes: 12 and 14 (criminal law), 14 (PIPL), 16 (labour), 18."""

CLAIM_LABELS: Mapping[str, tuple[str, str]] = {
    "stage": ("学段", "Stage of schooling"),
    "grade": ("年级", "Grade"),
    "school_name": ("学校名称", "School"),
    "school_code": ("学校标识码", "School code"),
    "county": ("学校所在县（市、区）代码", "Division code of the school's county"),
    "enrolment_status": ("学籍状态", "State of the student record"),
    **{f"age_over_{age}": (f"年满{age}周岁", f"Aged {age} or over") for age in AGES},
    "enrolment_year": ("入学年份", "Year of enrolment"),
}
"""Every claim there is, with its Chinese and English label. All are selectively disclosable.

``status`` would be the name of SD-JWT VC's own, never disclosable claim: hence ``enrolment_status``.
"""

GUARDIAN_LABELS: Mapping[str, tuple[str, str]] = {
    "guardian_relation": ("与学生关系代码", "Relation to the pupil, code of GB/T 4761"),
    "guardian_relation_name": ("与学生关系", "Relation to the pupil"),
    "child_stage": ("学生学段", "The pupil's stage of schooling"),
    "child_grade": ("学生年级", "The pupil's grade"),
    "child_county": ("学生所在学校县（市、区）代码", "Division code of the county of the pupil's school"),
    "child_enrolment_status": ("学生学籍状态", "State of the pupil's record"),
}
"""Every claim of a guardian's credential: neither the pupil nor the guardian is named."""

RELATIONS: Mapping[str, str] = {
    "51": "父亲",
    "52": "母亲",
    "57": "继父或养父",
    "58": "继母或养母",
    "59": "父母",
    "61": "祖父",
    "62": "祖母",
    "63": "外祖父",
    "64": "外祖母",
}
"""GB/T 4761. Any other relation is shown as a guardian's and no more: a rare one would point at a family."""
OTHER_RELATION = ("99", "监护人")

GRANT_FIELDS: Mapping[str, str] = {"school_name": "school", "school_code": "school", "enrolment_status": "status"}
"""Claims that go by another name in the release profile ``identity-check``, in whose names grants are written."""

ACTIVE = "active"
_FROM_ROW = {
    "stage": "stage",
    "grade": "grade",
    "school_name": "school_name",
    "school_code": "school_code",
    "county": "school_division",
    "enrolment_status": "state",
}


def claims_of(row: Mapping[str, object], today: date) -> dict[str, ClaimValue]:
    """Return the claims that ``row`` of the sharing view supports on the civil date ``today``.

    What the row does not know gives no claim. Only values named here are read: whatever else is in the row
    cannot get into a credential. Source: A50-14.
    """
    found: dict[str, ClaimValue] = {}
    for claim, column in _FROM_ROW.items():
        value = row.get(column)
        if isinstance(value, str) and value:
            found[claim] = value
    born = row.get("birth_date")
    if isinstance(born, str):
        born = date.fromisoformat(born)
    if isinstance(born, date):
        age = age_on(born, today)
        found.update({f"age_over_{bound}": age >= bound for bound in AGES})
    entered = row.get("entry_month")
    if isinstance(entered, str) and entered[:4].isdecimal():
        found["enrolment_year"] = int(entered[:4])
    return found


def guardian_claims_of(row: Mapping[str, object], _today: date) -> dict[str, ClaimValue]:
    """Return the claims of the first guardian's credential; empty when the row knows no relation. Source: A50-14."""
    relation = row.get("guardian_relation")
    if not isinstance(relation, str) or not relation:
        return {}
    code, name = (relation, RELATIONS[relation]) if relation in RELATIONS else OTHER_RELATION
    found: dict[str, ClaimValue] = {"guardian_relation": code, "guardian_relation_name": name}
    for claim in ("stage", "grade", "county", "enrolment_status"):
        value = row.get(_FROM_ROW[claim])
        if isinstance(value, str) and value:
            found[f"child_{claim}"] = value
    return found


def grant_fields(claims: frozenset[str]) -> frozenset[str]:
    """Return the fields of the release profile that a standing grant must cover, for ``claims`` to be answered."""
    return frozenset(GRANT_FIELDS.get(claim, claim) for claim in claims)
