"""Statistics (统计): the budget, the accuracy before asking, questions, and an answer as table and picture."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from gateway.anonymize.noise import MICRO, Mechanism
from gateway.console import choices, figures, forms
from gateway.console.entrances import may
from gateway.console.pages import page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError, ParameterError
from gateway.ids import GrantId
from gateway.policies.decision import Action
from gateway.policies.records import Grant, GrantState, Level
from gateway.policies.resources import grant_resource
from gateway.problems import Problem
from gateway.releases.statistics.questions import dimension_of, levels_of
from gateway.releases.statistics.records import COUNT, SHARE, AnswerId, AxisOf, Dimension, StatisticsRequest
from gateway.releases.statistics.service import Estimate, StatisticsService, Told
from gateway.releases.statistics.view import Row, View
from rulebook.records import Rulebook

blueprint = Blueprint("statistics", __name__)

_MOST_BARS = 24
_LEFT = 150
_ROOM = figures.WIDTH - _LEFT - 96
_STEP = 30


@blueprint.get("/grants/<grant_id>/statistics")
def form(grant_id: str) -> ResponseReturnValue:
    """Show the budget, what was asked before, and the form of a question."""
    return _show(GrantId(grant_id))


@blueprint.post("/grants/<grant_id>/statistics")
def ask(grant_id: str) -> ResponseReturnValue:
    """Show the accuracy of a question, or ask it: a question that was answered before costs nothing."""
    which = GrantId(grant_id)
    try:
        wanted = _request(_grant(which))
        if request.form.get("act") != "ask":
            return _show(which, wanted=wanted, estimate=_statistics().estimate(which, wanted, principal()))
        told = _statistics().ask(which, wanted, principal())
    except NotFoundError:
        raise
    except GatewayError as error:
        return _show(which, problem=problem_for(error))
    return _told(which, told)


@blueprint.get("/grants/<grant_id>/statistics/<answer_id>")
def answer(grant_id: str, answer_id: str) -> ResponseReturnValue:
    """Show an answer to those who may take delivery of it; each look is recorded."""
    which = GrantId(grant_id)
    return _told(which, _statistics().get(which, AnswerId(answer_id), principal()))


def _show(
    which: GrantId,
    *,
    problem: Problem | None = None,
    wanted: StatisticsRequest | None = None,
    estimate: Estimate | None = None,
) -> ResponseReturnValue:
    who, grant, service = principal(), _grant(which), _statistics()
    ready = grant.state in {GrantState.ACTIVE, GrantState.USED_UP}
    book = services().book
    profile = book.profiles[grant.scope.profile]
    granted = [field for field in profile.fields if field.name in grant.scope.fields]
    return page(
        "grant_statistics.html",
        problem=problem,
        grant=grant,
        labels=choices.fields_of(book, grant.scope.profile),
        fields=[(field, levels_of(book, field)) for field in granted if field.operation != "drop"],
        means=[field for field in granted if field.operation == "drop"],
        names={name: dict(zip(one.levels, one.names, strict=False)) for name, one in book.hierarchies.items()},
        wanted=wanted,
        chosen={} if wanted is None else {one.field: one.level or "" for one in wanted.dimensions},
        estimate=estimate,
        budget=service.budget(which, who),
        answers=[(one, _dimensions(one.question.axes, grant)) for one in service.of_grant(which, who)],
        limits=book.parameters.statistics,
        may_execute=ready and may(services(), who, Action.EXECUTE_RELEASE, grant_resource(grant)),
        may_see=may(services(), who, Action.DELIVER_RELEASE, grant_resource(grant)),
    )


def _dimensions(axes: Sequence[AxisOf], grant: Grant) -> tuple[str, ...]:
    """Return by what was counted, in the words of the profile: the field, and its level where there are several."""
    book = services().book
    profile = book.profiles[grant.scope.profile]
    found = []
    for axis in axes:
        asked = ((field, dimension_of(book, field, axis)) for field in profile.fields if field.operation != "drop")
        named = next(((field, one) for field, one in asked if one is not None), None)
        if named is None:  # counted under an earlier version of the profile
            found.append(f"{axis.column}@{axis.level}")
            continue
        field, one = named
        several = field.hierarchy is not None and len(levels_of(book, field)) > 1
        level = _level_name(book, field.hierarchy, one.level) if several else None
        found.append(field.label if level is None else f"{field.label}（{level}）")
    return tuple(found)


def _level_name(book: Rulebook, hierarchy: str | None, level: str | None) -> str | None:
    if hierarchy is None or level is None:
        return None
    known = book.hierarchies[hierarchy]
    return next((zh for one, (zh, _) in zip(known.levels, known.names, strict=False) if one == level), level)


def _told(which: GrantId, told: Told) -> ResponseReturnValue:
    grant = _grant(which)
    labels = choices.fields_of(services().book, grant.scope.profile)
    rows = () if told.view is None else (*told.view.cells, *told.view.margins)
    return page(
        "grant_statistic.html",
        grant=grant,
        told=told,
        labels={**labels, COUNT: "人数", SHARE: "占比"},
        rows=rows,
        drawing=None if told.view is None else _drawing(told.view),
        report=None if told.content is None else told.content.document,
    )


def _request(grant: Grant) -> StatisticsRequest:
    """Return the question of the form; raises ``ParameterError`` for what is none."""
    epsilon = forms.text("epsilon", longest=10)
    try:
        micro = round(float(epsilon) * MICRO) if epsilon else None
    except (ValueError, OverflowError):
        raise ParameterError("Epsilon is a number.", detail_zh="ε 应为数字。", missing=("epsilon",)) from None
    dimensions = tuple(
        Dimension(name, forms.text(f"level-{name}", longest=40) or None)
        for name in grant.scope.fields
        if name in forms.chosen("dimensions")
    )
    unknown = set(forms.chosen("dimensions")) - set(grant.scope.fields)
    mechanism = request.form.get("mechanism", "")
    if unknown or mechanism not in set(Mechanism):
        raise ParameterError("Choose from the form.", detail_zh="请在表单所列项目中选择。", missing=("dimensions",))
    return StatisticsRequest(
        dimensions=dimensions,
        measures=forms.chosen("measures") or (COUNT,),
        epsilon=micro,
        mechanism=Mechanism(mechanism),
        stages=forms.some("stages"),
        grades=forms.some("grades"),
        refresh=forms.ticked("refresh"),
    )


def _drawing(view: View) -> figures.Histogram:
    """Return bars over the first dimension: its cells, or their totals over the others."""
    rows = _along_first(view)
    most = max([row.count or 0 for row in rows] + [1])
    bars = tuple(
        figures.Bar(
            "、".join(row.labels[name] for name in view.dimensions[:1]) or "合计",
            row.count or 0,
            place * _STEP,
            round(_ROOM * (row.count or 0) / most, 1),
        )
        for place, row in enumerate(rows)
    )
    return figures.Histogram(bars, max(len(bars), 1) * _STEP, left=_LEFT)


def _along_first(view: View) -> Sequence[Row]:
    if not view.dimensions:
        return view.cells
    first, others = view.dimensions[0], view.dimensions[1:]
    finest = view.cells[0].levels[first] if view.cells else ""
    every = (*view.cells, *view.margins)
    found = [row for row in every if row.levels[first] == finest and all(row.key[other] == "*" for other in others)]
    return [row for row in found or view.cells if row.count is not None][:_MOST_BARS]


def _grant(which: GrantId) -> Grant:
    grant = services().applications.grant_for(principal(), which)
    if grant.scope.level is not Level.STATISTICS:
        raise NotFoundError("There is no such page.", detail_zh="没有这一页面。")
    return grant


def _statistics() -> StatisticsService:
    found = services().statistics
    if found is None:
        raise NotFoundError("There is no such page.", detail_zh="没有这一页面。")
    return found
