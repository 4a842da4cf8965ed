"""What may leave, as arithmetic: ceilings, their intersection, and whether a use stays within a grant (I6).

Released ⊆ grant ⊆ application ∩ purpose ceiling ∩ profile ceiling ∩ basis ceiling ∩ territory, in every
dimension of ``A50-9``. Nothing here reads a clock or a database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Final

from core_registry.sharing import RowFilter
from gateway import principals
from gateway.errors import GatewayError, ParameterError
from gateway.ids import RecipientId, UnitCode
from gateway.policies.errors import GrantEndedError, ScopeExceededError
from gateway.policies.records import Grant, GrantState, Level, Population, Scope
from rulebook.records import Divisions, Purpose, ReleaseProfile

SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Civil time of the regulation; China has had one offset and no summer time since 1992."""

IN_SCHOOL: Final = frozenset({"active", "suspended"})
"""States of a record that a release may reach unless its profile says otherwise (section 4 of the rules)."""


class Dimension(StrEnum):
    """The dimensions of a scope (``A50-9``); an error names the one that was exceeded."""

    PURPOSE = "purpose"
    PROFILE = "profile"
    LEVEL = "level"
    FIELDS = "fields"
    TERRITORY = "territory"
    STAGES = "stages"
    GRADES = "grades"
    SCHOOLS = "schools"
    PERIOD = "period"
    USES = "uses"
    ROWS = "rows"
    RECIPIENT = "recipient"


_COLUMNS: Final = {
    "managing_authority": Dimension.TERRITORY,
    "stage": Dimension.STAGES,
    "grade": Dimension.GRADES,
    "school_code": Dimension.SCHOOLS,
    "state": Dimension.ROWS,
}
"""What a condition of ``row_filter`` is to a scope; a state is no part of one, a row in it is just none of the rows."""
_LABELS: Final = {
    Dimension.PURPOSE: "用途",
    Dimension.PROFILE: "提供方案",
    Dimension.LEVEL: "提供级别",
    Dimension.FIELDS: "字段",
    Dimension.TERRITORY: "地域",
    Dimension.STAGES: "学段",
    Dimension.GRADES: "年级",
    Dimension.SCHOOLS: "学校",
    Dimension.PERIOD: "期限",
    Dimension.USES: "次数",
    Dimension.ROWS: "记录数",
    Dimension.RECIPIENT: "接收方",
}


@dataclass(frozen=True, slots=True)
class Ceiling:
    """An upper bound of a scope. ``None`` is no bound in that dimension; an empty set lets nothing through.

    ``territories`` are division codes, closed downwards; dates are civil, both inclusive.
    """

    name: str
    purposes: frozenset[str] | None = None
    profiles: frozenset[str] | None = None
    levels: frozenset[str] | None = None
    fields: frozenset[str] | None = None
    territories: frozenset[str] | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    max_days: int | None = None
    uses: int | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class UseRequest:
    """One delivery as it is asked for. ``rows`` is ``None`` before they are counted; ``on`` is the civil date."""

    recipient: RecipientId
    purpose: str
    profile: str
    level: Level
    fields: tuple[str, ...]
    on: date
    rows: int | None = None
    population: Population | None = None
    """``None`` is the whole population of the grant."""
    uses: int = 1


Use = principals.Use
errand = principals.errand


def civil_date(at: datetime) -> date:
    """Return the date in Asia/Shanghai of an aware instant; raises ``ParameterError`` for a naive one."""
    if at.tzinfo is None:
        raise ParameterError("A time without a zone has no civil date.")
    return at.astimezone(SHANGHAI).date()


def purpose_ceiling(purpose: Purpose) -> Ceiling:
    """Return the ceiling of a purpose of the rule book."""
    return Ceiling(
        name=f"purpose {purpose.code}",
        purposes=frozenset({purpose.code}),
        profiles=purpose.profiles,
        levels=purpose.levels,
        fields=purpose.fields,
        max_days=purpose.max_days,
        uses=purpose.max_uses,
        rows=purpose.max_rows,
    )


def profile_ceiling(profile: ReleaseProfile) -> Ceiling:
    """Return the ceiling of a release profile: its fields, its level and its row cap."""
    return Ceiling(
        name=f"profile {profile.code}",
        profiles=frozenset({profile.code}),
        levels=frozenset({profile.level}),
        fields=frozenset(field.name for field in profile.fields),
        rows=profile.row_cap,
    )


def territory_within(divisions: Divisions, unit: UnitCode | None, territory: str) -> bool:
    """Say whether ``territory`` (a division or a school) lies within that of ``unit``; an unknown one does not.

    A unit reaches itself and the divisions below it (``A3-2``, ``Q-4``); a school reaches itself only.
    """
    if not unit:
        return False
    return unit in divisions.ancestors(territory) or (unit == territory and unit not in divisions.by_code)


def exceeded(scope: Scope, ceiling: Ceiling) -> tuple[Dimension, ...]:
    """Return every dimension in which ``scope`` asks for more than ``ceiling`` allows."""
    days = (scope.valid_to - scope.valid_from).days + 1
    beyond = {
        Dimension.PURPOSE: ceiling.purposes is not None and scope.purpose not in ceiling.purposes,
        Dimension.PROFILE: ceiling.profiles is not None and scope.profile not in ceiling.profiles,
        Dimension.LEVEL: ceiling.levels is not None and scope.level.value not in ceiling.levels,
        Dimension.FIELDS: ceiling.fields is not None and not ceiling.fields.issuperset(scope.fields),
        Dimension.TERRITORY: ceiling.territories is not None and scope.population.territory not in ceiling.territories,
        Dimension.PERIOD: (ceiling.valid_from is not None and scope.valid_from < ceiling.valid_from)
        or (ceiling.valid_to is not None and scope.valid_to > ceiling.valid_to)
        or (ceiling.max_days is not None and days > ceiling.max_days),
        Dimension.USES: ceiling.uses is not None and scope.uses > ceiling.uses,
        Dimension.ROWS: ceiling.rows is not None and scope.row_cap > ceiling.rows,
    }
    return tuple(dimension for dimension, is_beyond in beyond.items() if is_beyond)


def intersect(scope: Scope, ceilings: Iterable[Ceiling], divisions: Divisions) -> Scope:
    """Return the largest scope within ``scope`` and every ceiling.

    Raises ``ScopeExceededError`` for a dimension in which nothing is left: purpose, profile and level have
    one value and cannot shrink; a territory shrinks only to the one division that the ceiling leaves in it.
    """
    for ceiling in ceilings:
        scope = _intersect_one(scope, ceiling, divisions)
    return scope


def difference(inner: Scope, outer: Scope, divisions: Divisions) -> tuple[Dimension, ...]:
    """Return every dimension in which ``inner`` reaches beyond ``outer``; empty means that it is within."""
    beyond = {
        Dimension.PURPOSE: inner.purpose != outer.purpose,
        Dimension.PROFILE: inner.profile != outer.profile,
        Dimension.LEVEL: inner.level is not outer.level,
        Dimension.FIELDS: not set(inner.fields) <= set(outer.fields),
        Dimension.PERIOD: inner.valid_from < outer.valid_from or inner.valid_to > outer.valid_to,
        Dimension.USES: inner.uses > outer.uses,
        Dimension.ROWS: inner.row_cap > outer.row_cap,
    }
    found = [dimension for dimension, is_beyond in beyond.items() if is_beyond]
    return (*found, *_population_difference(inner.population, outer.population, divisions))


def narrow(scope: Scope, wanted: Scope, divisions: Divisions) -> Scope:
    """Return ``wanted`` if it lies within ``scope``; raises ``ScopeExceededError`` where it does not.

    This is the approving officer's narrowing: it can only take away.
    """
    beyond = difference(wanted, scope, divisions)
    if beyond:
        raise scope_exceeded(beyond, "A decision can only narrow what was applied for", "决定只能缩小申请范围")
    check_shape(wanted)
    return wanted


def check_shape(scope: Scope) -> None:
    """Raise ``ScopeExceededError`` for a scope that is empty or upside down in a dimension (empty means no)."""
    population = scope.population
    wrong = {
        Dimension.FIELDS: not scope.fields or len(set(scope.fields)) != len(scope.fields),
        Dimension.PERIOD: scope.valid_to < scope.valid_from,
        Dimension.USES: scope.uses < 1,
        Dimension.ROWS: scope.row_cap < 1,
        Dimension.STAGES: population.stages is not None and not population.stages,
        Dimension.GRADES: population.grades is not None and not population.grades,
        Dimension.SCHOOLS: population.schools is not None and not population.schools,
    }
    found = tuple(dimension for dimension, is_wrong in wrong.items() if is_wrong)
    if found:
        raise scope_exceeded(found, "Nothing is asked for", "申请内容为空或有误")


def current_state(grant: Grant, now: datetime) -> GrantState:
    """Return the state of a grant at ``now``: ``expired`` and ``used_up`` are computed, never stored."""
    if grant.state is not GrantState.ACTIVE:
        return grant.state
    if civil_date(now) > grant.scope.valid_to:
        return GrantState.EXPIRED
    return GrantState.USED_UP if grant.uses_left < 1 else GrantState.ACTIVE


def violations(grant: Grant, request: UseRequest, divisions: Divisions) -> tuple[GatewayError, ...]:
    """Return one error for each dimension in which ``request`` goes beyond ``grant``, the ended grant first."""
    scope = grant.scope
    errors: list[GatewayError] = []
    if grant.state in {GrantState.SUSPENDED, GrantState.WITHDRAWN}:
        errors.append(
            GrantEndedError(
                f"The grant is {grant.state}; apply again if the data are still needed.",
                detail_zh="授权已中止或撤回，如仍需使用请重新申请。",
                missing=("active_grant",),
            )
        )
    beyond = {
        Dimension.RECIPIENT: request.recipient != grant.recipient,
        Dimension.PURPOSE: request.purpose != scope.purpose,
        Dimension.PROFILE: request.profile != scope.profile,
        Dimension.LEVEL: request.level is not scope.level,
        Dimension.FIELDS: not request.fields or not set(request.fields) <= set(scope.fields),
        Dimension.PERIOD: not scope.valid_from <= request.on <= scope.valid_to,
        Dimension.USES: request.uses < 1 or request.uses > grant.uses_left,
        Dimension.ROWS: request.rows is not None and not 0 <= request.rows <= scope.row_cap,
    }
    found = [dimension for dimension, is_beyond in beyond.items() if is_beyond]
    if request.population is not None:
        found += _population_difference(request.population, scope.population, divisions)
    errors += [
        scope_exceeded((dimension,), "The use goes beyond what was granted", "使用超出授权范围") for dimension in found
    ]
    return tuple(errors)


def covers(grant: Grant, request: UseRequest, divisions: Divisions) -> None:
    """Return when ``request`` stays within ``grant``; raise the first violation otherwise.

    The error is a ``ScopeExceededError`` with ``extra['dimension']``, or a ``GrantEndedError``; ``missing``
    names every dimension that is exceeded. Source: ``A50-9``, ``A50-12``.
    """
    found = violations(grant, request, divisions)
    if found:
        first = found[0]
        first.missing = tuple(dict.fromkeys(part for error in found for part in error.missing))
        raise first


def row_filter(scope: Scope, divisions: Divisions, *, states: frozenset[str] = IN_SCHOOL) -> RowFilter:
    """Return the row predicate of a scope: its territory by managing authority, and its further conditions.

    An unknown territory matches nothing.
    """
    population = scope.population
    return RowFilter(
        authorities=divisions.territory(population.territory),
        stages=population.stages,
        grades=population.grades,
        schools=population.schools,
        states=states,
    )


def reaches(scope: Scope, row: Mapping[str, object], divisions: Divisions) -> bool:
    """Say whether a row of the sharing view lies within a scope: its territory and its further conditions (``A50-9``).

    The same question as ``row_filter``, for one row that is at hand.
    """
    return not beyond(scope, row, divisions)


def beyond(scope: Scope, row: Mapping[str, object], divisions: Divisions) -> tuple[Dimension, ...]:
    """Return the dimensions of a scope in which a row of the sharing view lies outside; none: ``reaches``."""
    conditions = row_filter(scope, divisions).conditions()
    return tuple(_COLUMNS[column] for column, allowed in conditions.items() if row.get(column) not in allowed)


def scope_exceeded(dimensions: tuple[Dimension, ...], text: str, text_zh: str) -> ScopeExceededError:
    """Return the error that names ``dimensions``: the first in ``extra['dimension']``, all in ``missing``."""
    labels = "、".join(_LABELS[dimension] for dimension in dimensions)
    return ScopeExceededError(
        f"{text}: {', '.join(dimensions)}. Reduce it, or apply for a new scope.",
        detail_zh=f"{text_zh}：{labels}。请缩小范围或重新申请。",
        missing=tuple(dimension.value for dimension in dimensions),
        extra={"dimension": dimensions[0].value},
    )


def _intersect_one(scope: Scope, ceiling: Ceiling, divisions: Divisions) -> Scope:
    cannot_shrink = (Dimension.PURPOSE, Dimension.PROFILE, Dimension.LEVEL)
    beyond = exceeded(scope, ceiling)
    fixed: list[Dimension] = [dimension for dimension in cannot_shrink if dimension in beyond]
    fields = tuple(f for f in scope.fields if ceiling.fields is None or f in ceiling.fields)
    if not fields:
        fixed.append(Dimension.FIELDS)
    territory = _territory(scope.population.territory, ceiling.territories, divisions)
    if territory is None:
        fixed.append(Dimension.TERRITORY)
    start = max(filter(None, (scope.valid_from, ceiling.valid_from)))
    end = min(filter(None, (scope.valid_to, ceiling.valid_to)))
    if ceiling.max_days is not None:
        end = min(end, start + timedelta(days=ceiling.max_days - 1))
    if end < start:
        fixed.append(Dimension.PERIOD)
    uses = scope.uses if ceiling.uses is None else min(scope.uses, ceiling.uses)
    rows = scope.row_cap if ceiling.rows is None else min(scope.row_cap, ceiling.rows)
    if uses < 1:
        fixed.append(Dimension.USES)
    if rows < 1:
        fixed.append(Dimension.ROWS)
    if fixed or territory is None:
        raise scope_exceeded(
            tuple(fixed),
            f"Nothing is left within the limits of {ceiling.name}",
            f"在 {ceiling.name} 的限度内没有可提供的内容",
        )
    return replace(
        scope,
        fields=fields,
        population=replace(scope.population, territory=territory),
        valid_from=start,
        valid_to=end,
        uses=uses,
        row_cap=rows,
    )


def _territory(wanted: str, allowed: frozenset[str] | None, divisions: Divisions) -> str | None:
    """Return the one division that ``wanted`` and ``allowed`` (closed downwards) have in common, or none."""
    if allowed is None or wanted in allowed:
        return wanted
    below = allowed & divisions.territory(wanted)
    tops = [code for code in below if not below.intersection(divisions.ancestors(code)[1:])]
    return tops[0] if len(tops) == 1 else None


def _population_difference(inner: Population, outer: Population, divisions: Divisions) -> tuple[Dimension, ...]:
    beyond = {
        Dimension.TERRITORY: outer.territory not in divisions.ancestors(inner.territory),
        Dimension.STAGES: _wider(inner.stages, outer.stages),
        Dimension.GRADES: _wider(inner.grades, outer.grades),
        Dimension.SCHOOLS: _wider(inner.schools, outer.schools),
    }
    return tuple(dimension for dimension, is_beyond in beyond.items() if is_beyond)


def _wider(inner: frozenset[str] | None, outer: frozenset[str] | None) -> bool:
    """Whether a condition lets more through: an empty one is refused, since empty means no."""
    if inner is not None and not inner:
        return True
    return outer is not None and (inner is None or not inner <= outer)
