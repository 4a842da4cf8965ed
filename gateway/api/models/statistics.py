"""Statistics as JSON: questions, tables, budgets, accuracy."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.anonymize.noise import MICRO, PICO, Loss, Mechanism
from gateway.api.models.base import Code, Division, Line, Model, SchoolCode, set_of
from gateway.policies.records import Level
from gateway.releases.statistics.records import Answer, Budget, Dimension, StatisticsRequest
from gateway.releases.statistics.service import Estimate, Told
from gateway.releases.statistics.view import Row

_RELATION = "one pupil added or removed; a pupil whose record changes counts twice"
LevelName = Annotated[Line, Field(min_length=1, max_length=40)]
Epsilon = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]


class DimensionIn(Model):
    """A field of the grant by which is counted."""

    field: Code
    level: LevelName | None = None
    """A level of its hierarchy, as ``city``; left out, the finest that the profile allows."""


class StatisticsIn(Model):
    """What is counted. What is left out is the whole of what was granted, or the default."""

    dimensions: Annotated[list[Code | DimensionIn], Field(max_length=6)] = []  # noqa: RUF012  never changed
    """Fields, by name alone or with a level; none is one total."""
    measures: Annotated[list[Code], Field(min_length=1, max_length=6)] = ["count"]  # noqa: RUF012  never changed
    """``count``, ``share`` (of the grand total), and fields of the profile that stand for a mean."""
    epsilon: Epsilon | None = None
    """What the answer may cost; more is more exact. It is no part of the question: asked again with another, the
    answer that is there comes back."""
    mechanism: Mechanism = Mechanism.LAPLACE
    """``gaussian`` costs a delta too."""
    territory: Division | None = None
    stages: Annotated[list[Code], Field(min_length=1, max_length=10)] | None = None
    grades: Annotated[list[Code], Field(min_length=1, max_length=20)] | None = None
    schools: Annotated[list[SchoolCode], Field(min_length=1, max_length=200)] | None = None
    bounds: Annotated[list[Annotated[int, Field(ge=0, le=30)]], Field(min_length=2, max_length=2)] | None = None
    """Least and greatest age of a mean, in full years; who is outside counts as at the bound."""
    purpose: Code | None = None
    """What it is for; it must be the purpose of the grant."""
    refresh: bool = False
    """Count anew what was answered before: costs epsilon and a use again."""

    def to_record(self) -> StatisticsRequest:
        """Return the record."""
        return StatisticsRequest(
            dimensions=tuple(
                Dimension(one) if isinstance(one, str) else Dimension(one.field, one.level) for one in self.dimensions
            ),
            measures=tuple(self.measures),
            epsilon=None if self.epsilon is None else round(self.epsilon * MICRO),
            mechanism=self.mechanism,
            territory=self.territory,
            stages=set_of(self.stages),
            grades=set_of(self.grades),
            schools=set_of(self.schools),
            bounds=None if self.bounds is None else (self.bounds[0], self.bounds[1]),
            purpose=self.purpose,
            refresh=self.refresh,
        )


class CellOut(Model):
    """One count, or that it is not shown."""

    key: dict[str, str]
    """Dimension -> code; ``*`` for all of it."""
    levels: dict[str, str]
    """Dimension -> how fine the code is."""
    labels: dict[str, str]
    """Dimension -> what the code means, in Chinese."""
    count: int | None
    """``null`` where it is too small to be shown, or where a small one would follow from it."""
    suppressed: bool
    share: float | None
    """Of the grand total, where it was asked for."""
    mean: float | None
    """Where a mean was asked for."""
    half_width_95: int
    """The count is off by no more than this in about 95 of 100 cases, by noise and rounding."""
    mean_half_width_95: float | None
    """The same of the mean, in years, taking the count as exact."""

    @staticmethod
    def of(row: Row) -> CellOut:
        """Return the model of a row."""
        return CellOut(
            key=dict(row.key),
            levels=dict(row.levels),
            labels=dict(row.labels),
            count=row.count,
            suppressed=row.hidden,
            share=row.share,
            mean=row.mean,
            half_width_95=row.half_width,
            mean_half_width_95=row.mean_half_width,
        )


class LossOut(Model):
    """A privacy loss: differential privacy with ``epsilon`` and ``delta``."""

    epsilon: float
    delta: float

    @staticmethod
    def of(loss: Loss) -> LossOut:
        """Return the model of a loss."""
        return LossOut(epsilon=loss.epsilon / MICRO, delta=loss.delta / PICO)


class BudgetOut(Model):
    """What a recipient may learn in a school year, over the whole register, under all its grants together."""

    recipient: str
    school_year: int
    """By the year in which it begins."""
    limit: LossOut
    spent: LossOut
    left: LossOut
    epsilon_default: float
    epsilon_max: float
    """Of one question."""

    @staticmethod
    def of(budget: Budget, default: int, most: int) -> BudgetOut:
        """Return the model of a budget; ``default`` and ``most`` are a question's, in millionths."""
        return BudgetOut(
            recipient=budget.recipient,
            school_year=budget.school_year,
            limit=LossOut.of(budget.limit),
            spent=LossOut.of(budget.spent),
            left=LossOut.of(budget.left),
            epsilon_default=default / MICRO,
            epsilon_max=most / MICRO,
        )


class StatisticReportOut(Model):
    """How an answer came about."""

    level: Literal[Level.STATISTICS] = Level.STATISTICS
    neighbouring: str = _RELATION
    """Between which registers the loss is measured."""
    cost: LossOut
    """What the answer cost when it was counted."""
    spent: LossOut
    left: LossOut
    rounding: int
    least: int
    least_sensitive: int
    """Counts below these are not shown."""
    cells: int
    cells_suppressed: int
    margins_suppressed: int
    snapshot: str
    """State of the register that was counted."""
    reference_day: str
    """Ages are those on this day."""
    bounds: list[int] | None


class StatisticOut(Model):
    """An answer as it stands. Rows are told to the recipient alone, once it is ready."""

    id: str
    state: str
    """``queued``, ``counting``, ``ready`` or ``failed``; ask again, or look, while it is one of the first two."""
    school_year: int
    round: int
    """Above 1 after a refresh."""
    asked_at: datetime
    ready_at: datetime | None
    mechanism: str
    epsilon: float
    delta: float
    question_sha256: str
    failure: str
    fresh: bool = False
    """Whether it was counted for this request; else it was there, and cost neither epsilon nor a use."""
    derived: bool = False
    """Whether it was read off a larger table that was answered before."""
    dimensions: list[str] | None = None
    measures: list[str] | None = None
    cells: list[CellOut] | None = None
    margins: list[CellOut] | None = None
    """Totals and coarser levels; they are the sums of the cells, shown or not."""
    report: StatisticReportOut | None = None
    content: str | None = None
    """The kept table as it was signed (JSON); given for the question that it answers."""
    content_sha256: str = ""
    manifest: str | None = None
    """The signed manifest, a compact JWS over ``content_sha256`` and the chain of responsibility."""

    @staticmethod
    def of(answer: Answer) -> StatisticOut:
        """Return the model of an answer, without its rows."""
        return StatisticOut(
            id=answer.id,
            state=answer.state,
            school_year=answer.school_year,
            round=answer.round,
            asked_at=answer.asked_at,
            ready_at=answer.ready_at,
            mechanism=answer.mechanism,
            epsilon=answer.loss.epsilon / MICRO,
            delta=answer.loss.delta / PICO,
            question_sha256=answer.question.sha256(),
            failure=answer.failure,
            content_sha256=answer.sha256,
        )

    @staticmethod
    def told(told: Told) -> StatisticOut:
        """Return the model of what a caller is told."""
        known = StatisticOut.of(told.answer)
        if told.view is None or told.content is None:
            return known.model_copy(update={"fresh": told.fresh, "derived": told.derived})
        document = told.content.document
        report = StatisticReportOut(
            cost=LossOut.of(told.answer.loss),
            spent=LossOut.of(told.budget.spent),
            left=LossOut.of(told.budget.left),
            rounding=document["rounding"],
            least=document["least"],
            least_sensitive=document["least_sensitive"],
            cells=len(told.view.cells),
            cells_suppressed=sum(row.hidden for row in told.view.cells),
            margins_suppressed=sum(row.hidden for row in told.view.margins),
            snapshot=document["snapshot"],
            reference_day=document["reference_day"],
            bounds=document["bounds"],
        )
        return known.model_copy(
            update={
                "fresh": told.fresh,
                "derived": told.derived,
                "dimensions": list(told.view.dimensions),
                "measures": list(told.view.measures),
                "cells": [CellOut.of(row) for row in told.view.cells],
                "margins": [CellOut.of(row) for row in told.view.margins],
                "report": report,
                "content": None if told.derived else told.answer.content,
                "manifest": told.answer.manifest,
            }
        )


class StatisticList(Model):
    """The answers under a grant, newest first, without their rows."""

    items: list[StatisticOut]


class AccuracyOut(Model):
    """What a question would cost and how exact it would be. Nothing was counted for it, and nothing spent."""

    cost: LossOut
    """0 when an answer is there already."""
    known: str | None
    """That answer."""
    covered: bool
    """Whether the budget covers the cost."""
    budget: BudgetOut
    cells: int
    half_width_95: int
    """A cell is off by no more than this in 95 of 100 cases."""
    total_half_width_95: int
    """The same of the grand total."""
    mean_half_width_95_of_100: float | None
    """The same of the mean over a cell of 100 pupils, in years."""
    least: int
    least_sensitive: int
    rounding: int

    @staticmethod
    def of(found: Estimate, budget: BudgetOut, least: int, least_sensitive: int) -> AccuracyOut:
        """Return the model of an estimate."""
        left, cost = found.budget.left, found.cost
        return AccuracyOut(
            cost=LossOut.of(cost),
            known=found.known,
            covered=cost.epsilon <= left.epsilon and cost.delta <= left.delta,
            budget=budget,
            cells=found.design.table.cells,
            half_width_95=found.design.half_width(1),
            total_half_width_95=found.design.half_width(found.design.table.cells),
            mean_half_width_95_of_100=found.design.mean_half_width(100),
            least=least,
            least_sensitive=least_sensitive,
            rounding=found.design.unit,
        )
