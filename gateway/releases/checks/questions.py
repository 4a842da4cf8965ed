"""Which question a grant allows, decided before any look-up, and whether a claim holds of a row.

The same function decides at the face that is asked and again at the worker that looks: neither trusts the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from core_registry.sharing import SHARING_COLUMNS, RowFilter
from gateway.ages import age_on
from gateway.errors import ForbiddenError, ParameterError
from gateway.policies.records import Grant, Level
from gateway.policies.scope import IN_SCHOOL, UseRequest, covers, row_filter
from gateway.releases.checks.records import Asked, CheckRequest, ClaimValue
from rulebook.records import ProfileField, ReleaseProfile, Rulebook

_AGE = re.compile(r"age_over_([0-9]{1,2})")
_IN_SCHOOL_FIELD = "in_school"
_SCHOOL = re.compile(r"[0-9]{10}")


def require_question(grant: Grant, request: CheckRequest, book: Rulebook, today: date, *, taken: bool = False) -> None:
    """Return when ``grant`` allows ``request`` on the civil date ``today``; nobody is looked up for that.

    ``taken`` says that the uses were taken already. Raises ``ScopeExceededError`` or ``GrantEndedError`` (A50-9),
    ``ForbiddenError`` when the profile is no longer one of checks, ``ParameterError`` for a value that no pupil
    could have.
    """
    scope, count = grant.scope, len(request.people)
    asked = tuple(sorted({name for person in request.people for name in person.claims}))
    use = UseRequest(
        recipient=grant.recipient,
        purpose=scope.purpose if request.purpose is None else request.purpose,
        profile=scope.profile,
        level=Level.CHECK,
        fields=asked,
        on=today,
        rows=count,
        uses=count,
    )
    covers(replace(grant, uses_left=max(grant.uses_left, count)) if taken else grant, use, book.divisions)
    profile = book.profiles[scope.profile]
    if profile.level != Level.CHECK:
        raise ForbiddenError(
            f"The profile is of level '{profile.level}' now, the grant of level 'check': apply for a new grant.",
            detail_zh="提供方案的级别已变更，与授权不符，请重新申请。",
            rule="A50-9",
            missing=("level",),
            extra={"dimension": "level"},
        )
    for person in request.people:
        if not person.claims:
            raise ParameterError(
                "Claim something of each person, as 'in_school'.",
                detail_zh="请对每个人至少给出一项待核对的内容，如 in_school。",
                missing=("claims",),
            )
        for name, value in person.claims.items():
            _require_value(_field(profile, name), value, book)


def rows_of(grant: Grant, book: Rulebook) -> RowFilter:
    """Return the row predicate of the grant: its territory and conditions, and records in school."""
    return row_filter(grant.scope, book.divisions)


def within(rows: RowFilter, row: Mapping[str, object]) -> bool:
    """Say whether ``row`` meets every condition; each is looked at, whatever the first one says."""
    met = [row[column] in values for column, values in rows.conditions().items()]
    return all(met)


def columns_of(profile: ReleaseProfile, rows: RowFilter) -> tuple[str, ...]:
    """Return the columns of the sharing view that any question under ``profile`` may need: always the same ones."""
    return tuple(dict.fromkeys([*(field.column for field in profile.fields), *rows.conditions()]))


def claims_hold(profile: ReleaseProfile, person: Asked, row: Mapping[str, object], today: date) -> bool:
    """Say whether all that is claimed holds of ``row``; each claim is looked at, whatever the first one says."""
    held = [_holds(_field(profile, name), row, value, today) for name, value in person.claims.items()]
    return bool(held) and all(held)


def _holds(field: ProfileField, row: Mapping[str, object], value: ClaimValue, today: date) -> bool:
    known = row[field.column]
    if field.operation == "keep":
        return known is not None and known == value
    if field.operation == "cut":
        return isinstance(known, str) and known[: field.length] == value
    age = _AGE.fullmatch(field.name)
    if age is not None:
        return isinstance(known, date) and (age_on(known, today) >= int(age[1])) is value
    return (known in IN_SCHOOL) is value


def _field(profile: ReleaseProfile, name: str) -> ProfileField:
    """Return the field of the profile; ``covers`` made sure that it was granted, so that there is one."""
    return next(field for field in profile.fields if field.name == name)


def _require_value(field: ProfileField, value: ClaimValue, book: Rulebook) -> None:
    """Refuse what no pupil could have, and a question that has no answer by equality."""
    grades = book.code_lists["grades"]
    codes: Mapping[str, frozenset[str]] = {
        "grade": frozenset(grades.labels),
        "stage": frozenset(grades.attributes[code]["stage"] for code in grades.labels),
        "school_division": frozenset(book.divisions.by_code),
    }
    if _wants_truth(field):
        fits = isinstance(value, bool)
    elif field.operation not in {"keep", "cut"} or SHARING_COLUMNS[field.column] != "text":
        raise ParameterError(
            f"'{field.name}' cannot be asked by equality; the profile has to be corrected.",
            detail_zh=f"“{field.label}”不能按相等核对，请更正提供方案。",
            missing=(field.name,),
        )
    elif field.column == "school_code":
        fits = isinstance(value, str) and _SCHOOL.fullmatch(value) is not None
    else:
        fits = isinstance(value, str) and (field.column not in codes or value in codes[field.column])
    if not fits:
        what, what_zh = ("a code or text that there is", "没有该代码")
        if _wants_truth(field):
            what, what_zh = ("true or false", "应为 true 或 false")
        raise ParameterError(
            f"The claim '{field.name}' takes {what}.",
            detail_zh=f"“{field.label}”（{field.name}）的取值有误：{what_zh}。",
            missing=(field.name,),
        )


def _wants_truth(field: ProfileField) -> bool:
    derived = field.operation == "drop" and (field.name == _IN_SCHOOL_FIELD or _AGE.fullmatch(field.name) is not None)
    return derived or (field.operation == "keep" and SHARING_COLUMNS[field.column] == "bool")


def claimed(people: Sequence[Asked]) -> list[str]:
    """Return the names of all that is claimed, sorted, for the audit trail; never a value."""
    return sorted({name for person in people for name in person.claims})
