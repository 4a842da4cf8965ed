"""The release report (design 6.7; notes 8): what left, by which technique, what was demanded and what was reached.

The parts that other rooms know (ground, grant, approver, recipient, hashes of the file) stand beside it.
No value of a row and no key is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from gateway.anonymize.errors import TransformError
from gateway.anonymize.plan import Plan, PlanColumn
from gateway.anonymize.risk import Measures
from gateway.anonymize.transform import Decision
from gateway.errors import ParameterError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
GradeCode = Literal[1, 2, 3, 4]
REPORT_VERSION = 1


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """How one column left. ``loss`` is its information loss, 0 to 1, where a search chose its level."""

    name: str
    label: str
    role: str
    technique: str
    hierarchy: str | None
    level: int | None
    level_name: str | None
    loss: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """The part of the release report that is about the data."""

    version: int
    level: str
    profile: str
    plan_sha256: str
    rulebook_sha256: str
    columns: tuple[ReportColumn, ...]
    rows_in: int
    rows_out: int
    rows_suppressed: int
    suppression_limit: float
    k_demanded: int | None
    l_demanded: int | None
    t_demanded: float | None
    loss: float | None
    optimal: bool | None
    """Whether the loss is proven to be the least; ``gap`` bounds how much less there could be."""
    gap: float | None
    search_checks: int | None
    search_nodes: int | None
    before: Measures | None
    after: Measures | None
    grade: GradeCode
    """GB/T 42460 level by the configured threshold: 1 direct identifiers, 2 risk above it, 3 risk acceptable."""
    risk_threshold: float
    pseudonym_key_id: str | None
    retention_days: int

    def to_json(self) -> dict[str, Json]:
        """Return the report as values of JSON, in the order of the fields."""
        return {key: _json(value) for key, value in asdict(self).items()}


def report_of(
    plan: Plan,
    *,
    rows_in: int,
    rows_out: int,
    decision: Decision | None = None,
    pseudonym_key_id: str | None = None,
    risk_threshold: float = 0.2,
) -> Report:
    """Return the report of a release that took ``rows_in`` rows and gave ``rows_out``.

    Raises ``TransformError`` when the rows do not add up with what was measured: then the file is not the
    one that the decision was about. Raises ``ParameterError`` for a threshold outside 0 to 1.
    """
    if not 0 < risk_threshold <= 1:
        raise ParameterError("The risk threshold is a share above 0, at most 1.")
    expected = decision.after.rows if decision else rows_in
    total = decision.choice.rows if decision else rows_in
    if rows_in != total or rows_out != expected:
        raise TransformError(
            f"{rows_in} rows came in and {rows_out} left; {total} and {expected} were measured. Nothing is released.",
            detail_zh=f"读入 {rows_in} 行、输出 {rows_out} 行，与度量的 {total}、{expected} 行不符，停止提供。",
        )
    choice = decision.choice if decision else None
    return Report(
        version=REPORT_VERSION,
        level=plan.level,
        profile=plan.profile,
        plan_sha256=plan.sha256(),
        rulebook_sha256=plan.rulebook_sha256,
        columns=tuple(_column(column, decision) for column in plan.columns),
        rows_in=rows_in,
        rows_out=rows_out,
        rows_suppressed=rows_in - rows_out,
        suppression_limit=plan.suppression_limit,
        k_demanded=plan.k,
        l_demanded=plan.l_diversity if plan.sensitive else None,
        t_demanded=plan.t_closeness if plan.sensitive else None,
        loss=choice.loss if choice else None,
        optimal=choice.optimal if choice else None,
        gap=choice.gap if choice else None,
        search_checks=choice.checks if choice else None,
        search_nodes=choice.nodes if choice else None,
        before=decision.before if decision else None,
        after=decision.after if decision else None,
        grade=grade_of(plan, decision.after if decision else None, risk_threshold),
        risk_threshold=risk_threshold,
        pseudonym_key_id=pseudonym_key_id,
        retention_days=plan.retention_days,
    )


def grade_of(plan: Plan, after: Measures | None, threshold: float) -> GradeCode:
    """Return the level of GB/T 42460-2023 by the configured ``threshold`` of the highest risk of a record.

    A masked identifier still points at a person: level 1. Rows whose risk was not measured count as above the
    threshold: level 2. Level 4 is for aggregates only, which no plan of rows reaches.
    """
    if any(column.operation == "mask" for column in plan.columns):
        return 1
    if after is None or after.prosecutor.highest > threshold:
        return 2
    return 3


def _column(column: PlanColumn, decision: Decision | None) -> ReportColumn:
    level, name, loss = column.fixed_level, None, None
    if decision is not None and column.name in decision.choice.columns:
        position = decision.choice.columns.index(column.name)
        level = decision.choice.levels[position]
        name = decision.ladders[column.name].level_names[level]
        loss = decision.choice.losses[position]
    return ReportColumn(column.name, column.label, column.role, column.operation, column.hierarchy, level, name, loss)


def _json(value: object) -> Json:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(key): _json(item) for key, item in value.items()}
        case list() | tuple():
            return [_json(item) for item in value]
        case _:
            raise TypeError(f"{type(value).__name__} has no form in JSON")
