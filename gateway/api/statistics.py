"""``/v1/grants/{id}/statistics``: counts, shares and means with differential privacy (统计)."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, request, url_for

from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint, content
from gateway.api.models.statistics import AccuracyOut, BudgetOut, StatisticList, StatisticOut, StatisticsIn
from gateway.errors import UnavailableError
from gateway.ids import GrantId
from gateway.releases.statistics.errors import AnswerNotReadyError
from gateway.releases.statistics.records import COMING, COUNT, SHARE, AnswerId, AnswerState, Budget
from gateway.releases.statistics.service import StatisticsService, Told
from gateway.releases.statistics.view import csv_of

blueprint = ApiBlueprint("statistics", __name__, tag="Statistics")

CSV = "text/csv"
Reply = Response | tuple[StatisticOut, int, dict[str, str]]
_RETRY_SECONDS = 2
_COMING = content(
    "It is being counted; look again at Location",
    "application/json",
    {"$ref": "#/components/schemas/StatisticOut"},
    Location="Where the answer will be",
    Retry_After="Seconds",
)


@blueprint.post("/v1/grants/<grant_id>/statistics")
@blueprint.input(StatisticsIn)
@blueprint.output(StatisticOut)
@blueprint.answers({202: _COMING})
def ask_statistics(grant_id: str, json_data: StatisticsIn) -> Reply:
    """Count, with noise, what the grant allows; a new question takes epsilon and a use.

    The same question, in whatever words, has one answer in a school year; it and what can be read off it cost nothing.
    ``202`` with ``Location`` says that it is being counted. With ``Accept: text/csv`` the rows come as CSV.
    """
    return _answered(GrantId(grant_id), _statistics().ask(GrantId(grant_id), json_data.to_record(), principal()))


@blueprint.get("/v1/grants/<grant_id>/statistics")
@blueprint.output(StatisticList)
def list_statistics(grant_id: str) -> StatisticList:
    """List what was asked under a grant, newest first, without the rows."""
    found = _statistics().of_grant(GrantId(grant_id), principal())
    return StatisticList(items=[StatisticOut.of(answer) for answer in found])


@blueprint.get("/v1/grants/<grant_id>/statistics/budget")
@blueprint.output(BudgetOut)
def get_budget(grant_id: str) -> BudgetOut:
    """Show what the recipient of a grant may still spend this school year."""
    return _budget(_statistics().budget(GrantId(grant_id), principal()))


@blueprint.post("/v1/grants/<grant_id>/statistics/accuracy")
@blueprint.input(StatisticsIn)
@blueprint.output(AccuracyOut)
def estimate_accuracy(grant_id: str, json_data: StatisticsIn) -> AccuracyOut:
    """Say what a question would cost and how exact it would be. No pupil is counted for it, and nothing is spent."""
    found = _statistics().estimate(GrantId(grant_id), json_data.to_record(), principal())
    limits = services().book.parameters.statistics
    return AccuracyOut.of(found, _budget(found.budget), limits.least, limits.least_sensitive)


@blueprint.get("/v1/grants/<grant_id>/statistics/<answer_id>")
@blueprint.output(StatisticOut)
@blueprint.answers({202: _COMING})
def get_statistic(grant_id: str, answer_id: str) -> Reply:
    """Show an answer with its rows, to the recipient; each look has its intent and outcome in the audit trail."""
    return _answered(GrantId(grant_id), _statistics().get(GrantId(grant_id), AnswerId(answer_id), principal()))


def _answered(grant: GrantId, told: Told) -> Reply:
    if told.answer.state is AnswerState.FAILED:
        raise AnswerNotReadyError(
            "The counting failed. It stays paid for: ask again, and it is counted without another cost.",
            detail_zh="统计失败。预算已扣，再次提问不另计。",
        )
    if told.answer.state in COMING:
        where = url_for("statistics.get_statistic", grant_id=grant, answer_id=told.answer.id)
        return StatisticOut.told(told), HTTPStatus.ACCEPTED, {"Location": where, "Retry-After": str(_RETRY_SECONDS)}
    if told.view is not None and request.accept_mimetypes.best_match(["application/json", CSV]) == CSV:
        means = [name for name in told.view.measures if name not in (COUNT, SHARE)]
        response = Response(csv_of(told.view, means[0] if means else None), mimetype=CSV)
        response.headers["Xueji-Statistic"] = told.answer.id
        response.headers["Cache-Control"] = "no-store"
        return response
    return StatisticOut.told(told), HTTPStatus.OK, {"Cache-Control": "no-store"}


def _budget(found: Budget) -> BudgetOut:
    limits = services().book.parameters.statistics
    return BudgetOut.of(found, limits.epsilon_default, limits.epsilon_max)


def _statistics() -> StatisticsService:
    found = services().statistics
    if found is None:
        raise UnavailableError("This face answers no statistics.", detail_zh="本端不提供统计。")
    return found
