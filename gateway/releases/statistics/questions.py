"""Which question a grant allows, and its canonical form; decided before anything is counted, at every face alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from gateway.anonymize.noise import Loss, Mechanism
from gateway.errors import ForbiddenError, ParameterError
from gateway.policies.records import Grant, Level, Population
from gateway.policies.scope import UseRequest, covers
from gateway.releases.statistics.dimensions import axis_of, finest, level_of
from gateway.releases.statistics.records import COUNT, SHARE, AxisOf, Canonical, Dimension, StatisticsRequest
from rulebook.records import ProfileField, ReleaseProfile, Rulebook

MOST_DIMENSIONS = 6
LEAST_EPSILON = 1_000
"""In millionths: with less there is nothing but noise."""
_PLAIN = frozenset({COUNT, SHARE})
_AGES = range(31)


def require_question(
    grant: Grant, request: StatisticsRequest, book: Rulebook, today: date, *, taken: bool = False
) -> Canonical:
    """Return the canonical form of ``request`` when ``grant`` allows it on the civil date ``today``.

    ``taken`` says that no further use is needed: the answer is there, or its use was taken. Raises
    ``ScopeExceededError`` or ``GrantEndedError`` (A50-9), ``ForbiddenError`` when the profile is no longer one of
    statistics, ``ParameterError`` for a dimension, level, measure or condition that there is not.
    """
    scope, whole = grant.scope, grant.scope.population
    if not request.measures or len(request.dimensions) > MOST_DIMENSIONS:
        raise ParameterError(
            f"Ask for a measure, by at most {MOST_DIMENSIONS} dimensions.",
            detail_zh=f"请至少选择一项指标，维度至多 {MOST_DIMENSIONS} 个。",
            missing=("measures",) if not request.measures else ("dimensions",),
        )
    population = Population(
        request.territory or whole.territory,
        request.stages if request.stages is not None else whole.stages,
        request.grades if request.grades is not None else whole.grades,
        request.schools if request.schools is not None else whole.schools,
    )
    asked = {*(one.field for one in request.dimensions), *(set(request.measures) - _PLAIN)}
    use = UseRequest(
        recipient=grant.recipient,
        purpose=scope.purpose if request.purpose is None else request.purpose,
        profile=scope.profile,
        level=Level.STATISTICS,
        fields=tuple(sorted(asked)) or scope.fields,
        on=today,
        population=population,
    )
    covers(replace(grant, uses_left=max(grant.uses_left, 1)) if taken else grant, use, book.divisions)
    profile = book.profiles[scope.profile]
    if profile.level != Level.STATISTICS:
        raise ForbiddenError(
            f"The profile is of level '{profile.level}' now, the grant of level 'statistics': apply for a new grant.",
            detail_zh="提供方案的级别已变更，与授权不符，请重新申请。",
            rule="A50-9",
            missing=("level",),
            extra={"dimension": "level"},
        )
    axes = [dimension_axis(book, profile, one) for one in request.dimensions]
    means = sorted(set(request.measures) - _PLAIN)
    for name in means:
        if _field(profile, name, "measures").operation != "drop":
            raise _no_measure(name)
    return Canonical(
        territory=population.territory,
        grades=_grades(book, population),
        schools=None if population.schools is None else tuple(sorted(population.schools)),
        axes=finest(book, axes),
        bounds=_bounds(book, request) if means else None,
    )


def dimension_axis(book: Rulebook, profile: ReleaseProfile, dimension: Dimension) -> AxisOf:
    """Return the axis of a dimension; raises ``ParameterError`` for a field or level by which may not be counted."""
    field = _field(profile, dimension.field, "dimensions")
    if field.operation == "drop":
        raise ParameterError(
            f"'{field.name}' is a measure, not a dimension.",
            detail_zh=f"“{field.label}”是指标，不是维度。",
            missing=("dimensions",),
        )
    levels = levels_of(book, field)
    if dimension.level is not None and dimension.level not in levels:
        raise ParameterError(
            f"'{field.name}' may be counted at the levels {', '.join(levels)}.",
            detail_zh=f"“{field.label}”可统计的层级为：{'、'.join(levels)}。",
            missing=("dimensions",),
        )
    if field.hierarchy is None:
        return axis_of(book, field.column, None, 0)
    wanted = dimension.level or levels[0]
    return axis_of(book, field.column, field.hierarchy, book.hierarchies[field.hierarchy].levels.index(wanted))


def dimension_of(book: Rulebook, field: ProfileField, axis: AxisOf) -> Dimension | None:
    """Return the dimension of ``field`` that is ``axis``, ``None`` when none of its levels is."""
    for place, level in enumerate(levels_of(book, field)):
        at = (field.level or 0) + place
        if axis_of(book, field.column, field.hierarchy, at) == axis:
            return Dimension(field.name, None if field.hierarchy is None else level)
    return None


def levels_of(book: Rulebook, field: ProfileField) -> tuple[str, ...]:
    """Return the levels by which ``field`` may be counted, the finest first."""
    if field.hierarchy is None:
        return ("value",)
    return book.hierarchies[field.hierarchy].levels[field.level or 0 : -1]


def loss_of(request: StatisticsRequest, book: Rulebook) -> Loss:
    """Return what ``request`` costs when it is counted anew. Raises ``ParameterError`` above the rule book's limit."""
    limits = book.parameters.statistics
    epsilon = limits.epsilon_default if request.epsilon is None else request.epsilon
    if not LEAST_EPSILON <= epsilon <= limits.epsilon_max:
        raise ParameterError(
            f"epsilon lies between 0.001 and {limits.epsilon_max / 1_000_000:g}.",
            detail_zh=f"ε 应在 0.001 与 {limits.epsilon_max / 1_000_000:g} 之间。",
            missing=("epsilon",),
        )
    return Loss(epsilon, limits.delta_question if request.mechanism is Mechanism.GAUSSIAN else 0)


def answers(book: Rulebook, base: Canonical, asked: Canonical) -> bool:
    """Say whether ``asked`` is a margin of ``base``: the same pupils, each axis one of its, at its level or above."""
    if (base.territory, base.grades, base.schools) != (asked.territory, asked.grades, asked.schools):
        return False
    if asked.bounds is not None and asked.bounds != base.bounds:
        return False
    known = {(one.column, one.hierarchy): one for one in base.axes}
    for axis in asked.axes:
        mine = known.get((axis.column, axis.hierarchy))
        if mine is None or level_of(book, mine) > level_of(book, axis):
            return False
    return True


def _grades(book: Rulebook, population: Population) -> tuple[str, ...] | None:
    """Return the grades that stages and grades leave, ``None`` for all of them."""
    listed = book.code_lists["grades"]
    stages = {listed.attributes[code]["stage"] for code in listed.labels}
    unknown = (population.grades or frozenset()) - set(listed.labels), (population.stages or frozenset()) - stages
    if any(unknown):
        wrong = tuple(name for name, codes in zip(("grades", "stages"), unknown, strict=True) if codes)
        raise ParameterError(
            f"These are no codes of the code lists: {', '.join(wrong)}.",
            detail_zh=f"以下条件不是有效代码：{'、'.join(wrong)}。",
            missing=wrong,
        )
    left = tuple(
        code
        for code in listed.labels
        if (population.grades is None or code in population.grades)
        and (population.stages is None or listed.attributes[code]["stage"] in population.stages)
    )
    if not left:
        raise ParameterError(
            "No grade lies in these stages: nothing is asked about.",
            detail_zh="所选学段与年级没有交集。",
            missing=("grades",),
        )
    return None if len(left) == len(listed.labels) else left


def _bounds(book: Rulebook, request: StatisticsRequest) -> tuple[int, int]:
    usual = book.parameters.school_years.values()
    low, high = request.bounds or (min(least for least, _ in usual), max(most for _, most in usual))
    if low not in _AGES or high not in _AGES or low >= high:
        raise ParameterError(
            "The bounds of a mean age are two full years from 0 to 30, the smaller first.",
            detail_zh="平均年龄的上下限应为 0 至 30 的整数周岁，且下限小于上限。",
            missing=("bounds",),
        )
    return low, high


def _field(profile: ReleaseProfile, name: str, where: str) -> ProfileField:
    """Return the field of the profile; ``covers`` made sure that it was granted, so that there is one."""
    found = next((field for field in profile.fields if field.name == name), None)
    if found is None:
        raise ParameterError(f"The profile has no field '{name}'.", detail_zh=f"方案中没有“{name}”。", missing=(where,))
    return found


def _no_measure(name: str) -> ParameterError:
    return ParameterError(
        f"'{name}' is a dimension; measures are count, share and the profile's means.",
        detail_zh=f"“{name}”是维度；指标为 count、share 及方案中的均值。",
        missing=("measures",),
    )
