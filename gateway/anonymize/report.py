"""The release report (design 6.7; notes 8): what left, by which technique, what was demanded and what was reached.

The parts that other rooms know (ground, grant, approver, recipient, hashes of the file) stand beside it.
No value of a row and no key is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from gateway.anonymize.decision import Decision
from gateway.anonymize.errors import TransformError
from gateway.anonymize.exposure import Beyond, Exposed
from gateway.anonymize.plan import MASKED_COLUMNS, Plan, PlanColumn
from gateway.anonymize.pseudonyms import PSEUDONYM_DIGITS
from gateway.anonymize.risk import Measures
from gateway.errors import ParameterError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
GradeCode = Literal[1, 2, 3, 4]
REPORT_VERSION = 1


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """How one column left. ``loss`` is its information loss, 0 to 1, where a search chose its level.

    With local recoding rows leave at several levels: ``level`` is then ``None`` and ``levels`` says how many rows at
    each, by the level's name, from the finest up.
    """

    name: str
    label: str
    role: str
    technique: str
    hierarchy: str | None
    level: int | None
    level_name: str | None
    loss: float | None
    source: str = ""
    """Column of the sharing view."""
    height: int | None = None
    """How many levels the column has, level 0 (as it is) included."""
    levels: Mapping[str, int] = field(default_factory=dict)
    parameters: Mapping[str, str | int | float] = field(default_factory=dict)
    """What the technique was told, by name."""


@dataclass(frozen=True, slots=True)
class Demanded:
    """What every class had to hold of one sensitive column; ``None`` was not demanded."""

    column: str
    distinct_l: int | None = None
    entropy_l: float | None = None
    recursive_c: float | None = None
    recursive_l: int | None = None
    t: float | None = None
    t_distance: str | None = None
    """``equal`` or ``hierarchical``."""
    alpha: float | None = None


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
    environment: str = "controlled"
    """Whose threshold it is: ``public``, or ``controlled`` with a recipient bound by a grant."""
    risk_columns: tuple[str, ...] = ()
    """What an attacker is taken to know of a person: the columns that the risk was measured on."""
    demands: tuple[Demanded, ...] = ()
    objective: str = "loss"
    recoding: str = "global"
    parts: int | None = None
    """Of local recoding: how many choices of levels the rows share out among."""
    suppressed_by: Mapping[str, int] = field(default_factory=dict)
    """Reason -> rows: ``class`` (too small, or short of a model), and what withholding across releases took."""
    joint_k: Mapping[str, Json] | None = None
    """Over all earlier releases to this recipient and those it may collude with."""
    differencing: Mapping[str, Json] | None = None
    pseudonym_key_version: int | None = None
    pseudonym_algorithm: str | None = None
    beyond: Beyond | None = None
    """The risk if an attacker also knew all that is no quasi-identifier."""

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
    environment: str = "controlled",
    exposed: Exposed | None = None,
    withheld: Mapping[str, int] | None = None,
    joint_k: Mapping[str, Json] | None = None,
    differencing: Mapping[str, Json] | None = None,
    pseudonym_key_version: int | None = None,
    pseudonym_algorithm: str | None = None,
    beyond: Beyond | None = None,
) -> Report:
    """Return the report of a release that took ``rows_in`` rows and gave ``rows_out``.

    ``exposed`` is the measured risk of a plan that demands no k. ``withheld`` says how many rows each check across
    releases took, by its name; the rest was suppressed with its class.

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
    measured = decision or exposed
    if measured is not None and measured.after.rows != rows_out:
        raise TransformError(
            f"{rows_out} rows left and {measured.after.rows} were measured. Nothing is released.",
            detail_zh=f"输出 {rows_out} 行，与度量的 {measured.after.rows} 行不符，停止提供。",
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
        before=measured.before if measured else None,
        after=measured.after if measured else None,
        grade=grade_of(plan, measured.after if measured else None, risk_threshold),
        risk_threshold=risk_threshold,
        pseudonym_key_id=pseudonym_key_id,
        retention_days=plan.retention_days,
        environment=environment,
        risk_columns=tuple(decision.ladders) if decision else exposed.columns if exposed else (),
        demands=_demands(decision) if decision else (),
        objective=plan.objective,
        recoding=plan.recoding,
        parts=None if decision is None or decision.recoding is None else len(decision.recoding.parts),
        suppressed_by=_reasons(rows_in - rows_out, withheld or {}),
        joint_k=joint_k,
        differencing=differencing,
        pseudonym_key_version=pseudonym_key_version,
        pseudonym_algorithm=pseudonym_algorithm,
        beyond=beyond,
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


def _reasons(suppressed: int, withheld: Mapping[str, int]) -> dict[str, int]:
    """Return the suppressed rows by reason. Raises ``TransformError`` when more were withheld than are missing."""
    classes = suppressed - sum(withheld.values())
    if classes < 0:
        raise TransformError(
            f"{sum(withheld.values())} rows were withheld and only {suppressed} are missing. Nothing is released.",
            detail_zh=f"留下 {sum(withheld.values())} 行，而缺少的只有 {suppressed} 行，停止提供。",
        )
    return {"class": classes, **withheld}


def _demands(decision: Decision) -> tuple[Demanded, ...]:
    return tuple(
        Demanded(
            demand.column,
            demand.distinct_l,
            demand.entropy_l,
            None if demand.recursive is None else demand.recursive[0],
            None if demand.recursive is None else demand.recursive[1],
            demand.t,
            None if demand.t is None else "equal" if demand.t_tree is None else "hierarchical",
            demand.alpha,
        )
        for demand in decision.models.sensitive
    )


def _column(column: PlanColumn, decision: Decision | None) -> ReportColumn:
    level, name, loss, height = column.fixed_level, None, None, None
    levels: dict[str, int] = {}
    if decision is not None and column.name in decision.choice.columns:
        position = decision.choice.columns.index(column.name)
        level = decision.choice.levels[position]
        height = decision.ladders[column.name].height
        words = decision.ladders[column.name].level_names
        levels = _rows_by_level(decision, column.name)
        if decision.recoding is not None and len(decision.recoding.rows_by_level[column.name]) > 1:
            level = None
        else:
            name = words[level]
        loss = decision.choice.losses[position]
    return ReportColumn(
        name=column.name,
        label=column.label,
        role=column.role,
        technique=column.operation,
        hierarchy=column.hierarchy,
        level=level,
        level_name=name,
        loss=loss,
        source=column.source,
        height=height,
        levels=levels,
        parameters=_parameters(column),
    )


def _rows_by_level(decision: Decision, column: str) -> dict[str, int]:
    """Return level -> rows of a local recoding; nothing where one level is for all.

    Nothing, too, after rows were withheld across releases: of which level they were is not kept.
    """
    if decision.recoding is None:
        return {}
    rows = decision.recoding.rows_by_level[column]
    names = decision.ladders[column].level_names
    return {names[level]: count for level, count in rows.items()} if sum(rows.values()) == decision.after.rows else {}


def _parameters(column: PlanColumn) -> dict[str, str | int | float]:
    """Return what the technique was told; of a pseudonym the algorithm, never a key."""
    match column.operation:
        case "cut" if column.length is not None:
            return {"length": column.length}
        case "round" if column.unit is not None:
            return {"unit": column.unit}
        case "mask":
            return {"shape": MASKED_COLUMNS[column.source]}
        case "pseudonymize":
            return {"bits": 4 * PSEUDONYM_DIGITS}
        case _:
            return {}


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
