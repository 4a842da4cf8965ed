"""A table made ready for a plan: columns checked against it, operations carried out, quasi-identifiers on ladders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from gateway.anonymize.backends.frames import FrameBackend, Hooks
from gateway.anonymize.errors import TransformError
from gateway.anonymize.ladders import Ladder
from gateway.anonymize.masks import ColumnMasks
from gateway.anonymize.models import Models, Presence, SensitiveDemand
from gateway.anonymize.operations import Cut, Keep, Mask, Program, Pseudonymize, Round, Step, Suppress
from gateway.anonymize.pseudonyms import pseudonymize
from gateway.anonymize.tables.dependencies import Shown
from gateway.anonymize.tables.errors import Problem, TablePlanError
from gateway.anonymize.tables.leaves import Fitted, Shelf, alike_merged, fit
from gateway.anonymize.tables.nearness import did_you_mean
from gateway.anonymize.tables.parsing import pointer
from gateway.anonymize.tables.plan import (
    Alpha,
    DistinctL,
    EntropyL,
    KAnonymity,
    RecursiveCL,
    TableColumn,
    TablePlan,
    TEqual,
    THierarchical,
)
from gateway.anonymize.tables.reading import Source, as_text, read_table

_MARK = "@"
"""Stands before every name inside the engine, whose own columns (``n``) no table may take."""

_NARROW = 1_000
"""A sensitive column of which nothing is demanded is measured up to so many values: beyond, each row would be a tuple
of its own, and the search slow for a figure that nobody asked for."""


@dataclass(frozen=True)
class Prepared:
    """What the engine works on. Names inside ``leaf``, ``ladders``, ``fixed``, ``models`` and ``people`` are marked."""

    values: Mapping[str, pl.Series] = field(repr=False)
    """Columns that leave, but for quasi-identifiers, as they leave, in the order of the table."""
    leaf: pl.DataFrame = field(repr=False)
    """Quasi-identifiers as leaves and sensitive values as text, row by row."""
    fitted: Mapping[str, Fitted] = field(repr=False)
    ladders: Mapping[str, Ladder] = field(repr=False)
    fixed: Mapping[str, int]
    models: Models
    people: pl.DataFrame | None = field(repr=False)
    """Quasi-identifiers of the population as leaves, row by row."""
    shown: Shown = field(repr=False)
    columns: tuple[str, ...]
    """Names of the columns that leave, in order."""
    merged: Mapping[str, int]
    """Sensitive column -> values written in two ways that were made one."""

    @property
    def quasi(self) -> list[str]:
        """Return the quasi-identifiers."""
        return [*self.fitted]


def inner(name: str) -> str:
    """Return a column's name inside the engine."""
    return _MARK + name


def outer(name: str) -> str:
    """Return a column's own name."""
    return name.removeprefix(_MARK)


def prepare(plan: TablePlan, source: Source, shelf: Shelf, key: str | None) -> Prepared:
    """Return ``source`` made ready for ``plan``. ``key`` is that of the pseudonyms, 64 hexadecimal digits.

    Raises ``TablePlanError`` when the table lacks a column or has fewer rows than k, a hierarchy does not fit, a
    number is none, or a key is missing.
    """
    frame = source.frame
    _check_names(plan, frame.columns)
    _check_rows(plan, frame.height)
    if plan.pseudonymous and key is None:
        raise TablePlanError(
            [
                Problem(
                    "/columns",
                    "a pseudonym needs a key: 64 hexadecimal digits (openssl rand -hex 32) in a file (--key-file) or "
                    "an environment variable (--key-env)",
                    "假名需要密钥：64 位十六进制（openssl rand -hex 32），"
                    "以文件（--key-file）或环境变量（--key-env）给出",
                )
            ]
        )
    columns = {name: plan.columns.get(name, TableColumn()) for name in frame.columns}
    people = _population(plan, shelf)
    fitted = {
        name: _fitted(name, column, frame[name], people, shelf)
        for name, column in columns.items()
        if column.role == "quasi"
    }
    values = _operated(columns, frame, shelf, key)
    trees = _trees(plan, values, shelf)
    alike = {name: alike_merged(as_text(values[name])) for name in values if columns[name].role == "sensitive"}
    merged = {name: int((text != as_text(values[name])).sum()) for name, text in alike.items()}
    values |= {name: alike[name] for name, count in merged.items() if count}
    demanded = {getattr(model, "column", None) for model in plan.models}
    sensitive = {name: text for name, text in alike.items() if name in demanded or text.n_unique() <= _NARROW}
    sensitive |= {name: one.leaves for name, one in trees.items()}
    rows = frame.height
    leaf = {inner(name): one.leaves.head(rows) for name, one in fitted.items()}
    return Prepared(
        values=values,
        leaf=pl.DataFrame(leaf | {inner(name): text for name, text in sensitive.items()}),
        fitted=fitted,
        ladders={inner(name): one.ladder for name, one in fitted.items()},
        fixed=_fixed(plan, fitted),
        models=_models(plan, {name: one.ladder for name, one in trees.items()}),
        people=None
        if people is None
        else pl.DataFrame({inner(name): one.leaves.slice(rows) for name, one in fitted.items()}),
        shown=_shown(columns, frame, values, {name: leaf[inner(name)] for name in fitted}),
        columns=tuple(name for name, column in columns.items() if column.does != "drop"),
        merged={name: count for name, count in merged.items() if count},
    )


def _check_names(plan: TablePlan, names: Sequence[str]) -> None:
    problems = []
    for name in plan.columns:
        if name not in names:
            near, near_zh = did_you_mean(name, names)
            listed = ", ".join(f"'{one}'" for one in names)
            problems.append(
                Problem(
                    pointer("columns", name),
                    f"the table has no column '{name}'{near} (it has {listed})",
                    f"表中没有列“{name}”{near_zh}（表中有：{listed}）",
                )
            )
    if problems:
        raise TablePlanError(problems)


def _check_rows(plan: TablePlan, rows: int) -> None:
    for position, model in enumerate(plan.models):
        if isinstance(model, KAnonymity) and model.k > rows:
            raise TablePlanError(
                [
                    Problem(
                        pointer("models", position, "k"),
                        f"the table has {rows} rows, so no class can have {model.k}; "
                        f"k is at most {rows}, and far less to be of use",
                        f"表只有 {rows} 行，任何等价类都不可能有 {model.k} 行；k 最多为 {rows}",
                    )
                ]
            )


def _population(plan: TablePlan, shelf: Shelf) -> pl.DataFrame | None:
    if plan.population_file is None:
        return None
    names = plan.named("quasi")
    found = read_table(shelf.folder / plan.population_file, missing=plan.nothing, expected=names).frame
    missing = [name for name in names if name not in found.columns]
    if missing:
        where = pointer("models", plan.models.index(plan.presence), "population") if plan.presence else "/population"
        listed = ", ".join(missing)
        raise TablePlanError(
            [
                Problem(
                    where,
                    f"the population has no column {listed}; it needs every quasi-identifier",
                    f"总体缺少列 {listed}",
                )
            ]
        )
    return found.select(names)


def _fitted(name: str, column: TableColumn, values: pl.Series, people: pl.DataFrame | None, shelf: Shelf) -> Fitted:
    """Return the column on its ladder; the population's values stand behind those of the table."""
    text = as_text(values)
    if people is not None:
        text = pl.concat([text, as_text(people[name])])
    return fit(text, column.hierarchy, shelf, pointer("columns", name, "hierarchy"))


def _fixed(plan: TablePlan, fitted: Mapping[str, Fitted]) -> dict[str, int]:
    found = {}
    for name, one in fitted.items():
        level = plan.columns[name].level
        if level is None:
            continue
        if level >= one.ladder.height:
            top = one.ladder.height - 1
            raise TablePlanError(
                [
                    Problem(
                        pointer("columns", name, "level"),
                        f"the hierarchy '{one.ladder.name}' has the levels 0 to {top}",
                        f"层级“{one.ladder.name}”只有 0 至 {top} 级",
                    )
                ]
            )
        found[inner(name)] = level
    return found


# -- operations


def _operated(
    columns: Mapping[str, TableColumn], frame: pl.DataFrame, shelf: Shelf, key: str | None
) -> dict[str, pl.Series]:
    """Return the columns that leave, but for quasi-identifiers, as they leave."""
    found = {}
    steps: list[Step] = []
    for name, column in columns.items():
        if column.role == "quasi" or column.does == "drop":
            continue
        as_text(frame[name])  # refuses what is no single value
        values = _numbers(name, frame[name]) if column.does == "round" else frame[name]
        if column.does == "pseudonymize":
            values = as_text(values)
            _check_present(name, values)
        found[name] = values
        steps.append(_step(name, column))
    if not steps:
        return {}
    masks = ColumnMasks({})
    if any(column.kind == "address" for column in columns.values()):
        masks = ColumnMasks.of(shelf.book()[1])
    hooks = Hooks(masks, pseudonyms=None if key is None else lambda values: pseudonymize(values, key))
    program = Program(tuple(steps), tuple(found))
    try:
        made = FrameBackend(program).run(pl.DataFrame(found), hooks)
    except TransformError as error:
        raise TablePlanError([Problem("/columns", error.detail, error.detail_zh or error.detail)]) from error
    return {name: made[name] for name in found}


def _step(name: str, column: TableColumn) -> Step:
    match column.does:
        case "mask" if column.kind is not None:
            return Mask(name, name, column.kind)
        case "cut" if column.length is not None:
            return Cut(name, name, column.length)
        case "round" if column.to is not None:
            return Round(name, name, column.to)
        case "suppress":
            return Suppress(name, name)
        case "pseudonymize":
            return Pseudonymize(name, name)
        case _:
            return Keep(name, name)


def _numbers(name: str, values: pl.Series) -> pl.Series:
    if values.dtype.is_integer():
        return values
    text = as_text(values).str.strip_chars()
    whole = text.cast(pl.Int64, strict=False)
    found = whole if whole.null_count() == text.null_count() else text.cast(pl.Float64, strict=False)
    odd = text.is_not_null() & found.is_null()
    if odd.any():
        row = int(odd.arg_max() or 0) + 1
        raise TablePlanError(
            [
                Problem(
                    pointer("columns", name, "operation"),
                    f"{int(odd.sum())} values are no numbers and cannot be rounded, the first in row {row}; correct "
                    "them, or list a text that means 'no value' under 'missing'",
                    f"有 {int(odd.sum())} 个取值不是数值，无法取整，首个在第 {row} 行；请更正，或列入 missing",
                )
            ]
        )
    return found


def _check_present(name: str, values: pl.Series) -> None:
    if values.null_count():
        row = int(values.is_null().arg_max() or 0) + 1
        raise TablePlanError(
            [
                Problem(
                    pointer("columns", name),
                    f"{values.null_count()} rows have no value to make a pseudonym of, the first is row {row}",
                    f"有 {values.null_count()} 行没有可生成假名的取值，首个在第 {row} 行",
                )
            ]
        )


# -- models


def _trees(plan: TablePlan, values: Mapping[str, pl.Series], shelf: Shelf) -> dict[str, Fitted]:
    return {
        model.column: fit(
            as_text(values[model.column]),
            model.hierarchy,
            shelf,
            pointer("models", position, "hierarchy"),
            secret=True,
        )
        for position, model in enumerate(plan.models)
        if isinstance(model, THierarchical)
    }


def _models(plan: TablePlan, trees: Mapping[str, Ladder]) -> Models:
    demands: dict[str, dict[str, object]] = {}
    for model in plan.models:
        match model:
            case DistinctL():
                demands.setdefault(model.column, {})["distinct_l"] = model.l
            case EntropyL():
                demands.setdefault(model.column, {})["entropy_l"] = model.l
            case RecursiveCL():
                demands.setdefault(model.column, {})["recursive"] = (model.c, model.l)
            case TEqual():
                demands.setdefault(model.column, {})["t"] = model.t
            case THierarchical():
                demands.setdefault(model.column, {}).update(t=model.t, t_tree=trees[model.column])
            case Alpha():
                demands.setdefault(model.column, {})["alpha"] = model.alpha
    sensitive = tuple(
        SensitiveDemand(inner(column), **members)  # type: ignore[arg-type]  # members by name, each of its own type
        for column, members in demands.items()
    )
    presence = plan.presence
    return Models(plan.k, sensitive, None if presence is None else Presence(presence.low, presence.high))


# -- what a dependency check compares


def _shown(
    columns: Mapping[str, TableColumn],
    frame: pl.DataFrame,
    values: Mapping[str, pl.Series],
    quasi: Mapping[str, pl.Series],
) -> Shown:
    clear = {name: column for name, column in columns.items() if column.does in {"keep", "cut", "round"}}
    return Shown(
        ordinary={name: as_text(values[name]) for name, column in clear.items() if column.role == "ordinary"},
        sensitive={name: as_text(values[name]) for name, column in clear.items() if column.role == "sensitive"},
        direct={
            name: as_text(frame[name])
            for name, column in columns.items()
            if column.role == "direct" and not (frame[name].dtype.is_nested() or frame[name].dtype == pl.Binary)
        },
        quasi=quasi,
    )
