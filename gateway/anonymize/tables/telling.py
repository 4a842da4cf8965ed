"""From what was decided and measured to the report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from gateway.anonymize.decision import Decision
from gateway.anonymize.pseudonyms import key_id
from gateway.anonymize.risk import Measures, SensitiveReached
from gateway.anonymize.tables.csv_form import sha256_of
from gateway.anonymize.tables.dependencies import Dependency
from gateway.anonymize.tables.leaks import LeakFinding
from gateway.anonymize.tables.leaves import Shelf
from gateway.anonymize.tables.plan import (
    Alpha,
    DeltaPresence,
    DistinctL,
    EntropyL,
    KAnonymity,
    Model,
    TableColumn,
    TablePlan,
    TEqual,
    THierarchical,
    files_of,
)
from gateway.anonymize.tables.prepared import Prepared, inner, outer
from gateway.anonymize.tables.reading import Source
from gateway.anonymize.tables.report import (
    REPORT_VERSION,
    ColumnTold,
    FileTold,
    ModelTold,
    PartTold,
    TableReport,
    Warned,
    software,
)

_MANY_SUPPRESSED = 0.05
_LEAST_K = 2


@dataclass(frozen=True)
class Facts:
    """What the run saw beside the decision."""

    source: Source
    written: Source
    out: str
    dependencies: tuple[Dependency, ...]
    leaks: tuple[LeakFinding, ...]
    shelf: Shelf
    key: str | None = field(repr=False)
    keep_order: bool


def report_of(
    plan: TablePlan, table: Prepared, decision: Decision, facts: Facts, stages: Mapping[str, float]
) -> TableReport:
    """Return the report of a table that was written and measured again."""
    choice, after = decision.choice, decision.after
    losses = {outer(name): loss for name, loss in zip(choice.columns, choice.losses, strict=True)}
    starred = choice.suppressed if plan.suppressed == "star" else 0
    return TableReport(
        version=REPORT_VERSION,
        software=software(),
        level=_level(plan),
        rows_in=choice.rows,
        rows_out=after.rows + starred,
        suppressed=choice.suppressed,
        suppressed_share=choice.suppressed / choice.rows,
        suppression_limit=plan.suppression_limit,
        suppressed_rows=plan.suppressed,
        objective=plan.objective,
        recoding=plan.recoding,
        loss=choice.loss,
        objective_value=choice.loss if math.isnan(choice.value) else choice.value,
        loss_by_column=losses,
        levels={outer(name): level for name, level in choice.by_column.items()},
        rows_by_level=_rows_by_level(decision),
        parts=_parts(decision),
        optimal=choice.optimal,
        gap=choice.gap,
        checks=choice.checks,
        nodes=choice.nodes,
        k=after.k,
        k_demanded=plan.k,
        classes=after.classes,
        histogram=after.histogram,
        models=tuple(_model(model, decision) for model in plan.models),
        t_reference="whole table, suppressed rows included",
        columns=tuple(_column(name, plan, table, decision, losses) for name in facts.source.frame.columns),
        before=_named(decision.before),
        after=_named(after),
        population=plan.population_file is not None,
        dependencies=facts.dependencies,
        leak_scan=facts.leaks,
        verified=True,
        order="as in the input" if facts.keep_order else "by value",
        input=_file(facts.source, facts.source.path.name),
        output=_file(facts.written, facts.out),
        plan_sha256=plan.sha256(),
        files_sha256=_files(plan, facts.shelf),
        pseudonym_key_id=key_id(facts.key) if plan.pseudonymous and facts.key else None,
        search_ms=round(stages["search"] + (stages["measure"] if plan.recoding == "local" else 0.0), 3),
        total_ms=round(sum(stages.values()), 3),
        stages_ms={name: round(ms, 3) for name, ms in stages.items()},
        warnings=tuple(_warnings(plan, table, decision, facts)),
    )


def _named(measures: Measures) -> Measures:
    """Return what was measured under the columns' own names."""
    return replace(measures, sensitive=tuple(replace(one, column=outer(one.column)) for one in measures.sensitive))


def _level(plan: TablePlan) -> Literal["anonymous", "pseudonymous", "masked"]:
    done = {column.does for column in plan.columns.values()}
    if "mask" in done:
        return "masked"
    return "pseudonymous" if "pseudonymize" in done else "anonymous"


def _rows_by_level(decision: Decision) -> dict[str, dict[str, int]]:
    if decision.recoding is None:
        rows = decision.after.rows
        return {outer(name): {str(level): rows} for name, level in decision.choice.by_column.items()}
    by_column = decision.recoding.rows_by_level
    return {outer(name): {str(level): rows for level, rows in levels.items()} for name, levels in by_column.items()}


def _parts(decision: Decision) -> tuple[PartTold, ...]:
    if decision.recoding is None:
        return ()
    names = [outer(name) for name in decision.recoding.columns]
    return tuple(
        PartTold(dict(zip(names, part.levels, strict=True)), part.rows) for part in decision.recoding.parts if part.rows
    )


def _file(source: Source, name: str) -> FileTold:
    return FileTold(
        name, source.sha256, source.size, source.kind, source.delimiter, source.encoding, source.compression
    )


def _column(name: str, plan: TablePlan, table: Prepared, decision: Decision, losses: Mapping[str, float]) -> ColumnTold:
    column = plan.columns.get(name, TableColumn())
    fitted = table.fitted.get(name)
    if fitted is None:
        missing = table.values[name].null_count() if name in table.values else 0
        return ColumnTold(
            name, column.role, column.does, None, None, None, None, None, missing, table.merged.get(name, 0)
        )
    level = decision.choice.by_column[inner(name)]
    return ColumnTold(
        name,
        "quasi",
        "generalize",
        Path(fitted.ladder.name).name if column.hierarchy is not None else None,
        level,
        fitted.ladder.level_names[level],
        fitted.ladder.height,
        losses[name],
        fitted.missing,
        fitted.merged,
    )


def _model(model: Model, decision: Decision) -> ModelTold:
    column = getattr(model, "column", None)
    demanded = {
        name: value
        for name, value in model.model_dump().items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    reached = next((one for one in decision.after.sensitive if outer(one.column) == column), None)
    return ModelTold(model.kind, column, demanded, _reached(model, decision, reached), met=True)


def _reached(model: Model, decision: Decision, reached: SensitiveReached | None) -> float | None:
    """Return the worst class in the unit of the demand, ``None`` where it has no one number."""
    if isinstance(model, KAnonymity):
        return float(decision.after.k)
    if isinstance(model, DeltaPresence):
        return _highest_presence(decision)
    found: float | None = None
    if reached is not None:
        match model:
            case DistinctL():
                found = float(reached.distinct_l)
            case EntropyL():
                found = reached.entropy_l
            case TEqual():
                found = reached.t
            case THierarchical():
                found = reached.t_tree
            case Alpha():
                found = reached.alpha
            case _:
                pass
    return found


def _highest_presence(decision: Decision) -> float | None:
    """Return the largest share of the people of a class whose rows left."""
    if decision.population is None:
        return None
    sizes = decision.table.grouped(()).sizes()
    sizes[~decision.table.allowed] = 0
    held = sizes > 0
    return float((sizes[held] / decision.population[held]).max())


def _files(plan: TablePlan, shelf: Shelf) -> dict[str, str]:
    """Return the hash of each file that the plan names."""
    paths = [shelf.folder / name for name in sorted(files_of(plan))]
    return {path.name: sha256_of(path) for path in paths if path.is_file()}


def _warnings(plan: TablePlan, table: Prepared, decision: Decision, facts: Facts) -> Iterator[Warned]:
    choice = decision.choice
    if facts.keep_order:
        yield Warned(
            "Rows stand in the order of the input: whoever knows where a person stood there finds the row again. "
            "For comparisons only.",
            "输出行保持输入顺序：知道某人在原表位置者可找回该行。仅供比较，不得对外提供。",
        )
    if plan.k < _LEAST_K:
        yield Warned("No k of 2 or more is demanded: a row may stand alone.", "未要求 k≥2：可能存在单独一行的等价类。")
    if choice.suppressed and choice.suppressed / choice.rows > _MANY_SUPPRESSED:
        yield Warned(
            f"{choice.suppressed} of {choice.rows} rows are suppressed; what is left may no longer stand for the "
            "whole. A lower suppression_limit generalises more instead.",
            f"{choice.rows} 行中有 {choice.suppressed} 行被抑制，余下的可能不再代表整体；可降低 suppression_limit。",
        )
    if not choice.optimal and plan.recoding == "global":
        yield Warned(
            f"The search was ended early: the result is at most {choice.gap:.6g} from the best.",
            f"搜索提前结束：结果与最优的差距不超过 {choice.gap:.6g}。",
        )
    if plan.suppressed == "star" and 0 < choice.suppressed < plan.k:
        yield Warned(
            f"{choice.suppressed} rows stand as '*': fewer than k. They are the unusual ones, and that shows.",
            f"有 {choice.suppressed} 行以 * 表示，少于 k；这些行的特殊性因此可见。",
        )
    missing = [name for name, one in table.fitted.items() if one.missing]
    if missing:
        yield Warned(
            f"Rows without a value in {', '.join(missing)}: 'no value' is a value of its own up to the top level.",
            f"列 {'、'.join(missing)} 有缺失值：缺失值在最高级之前自成一值。",
        )
    merged = [name for name, one in table.fitted.items() if one.merged] + [*table.merged]
    if merged:
        yield Warned(
            f"Values of {', '.join(merged)} that differ only in characters one hardly sees were made one.",
            f"列 {'、'.join(merged)} 中仅有不易看见的字符差别的取值已合并。",
        )
    if plan.pseudonymous:
        yield Warned(
            "A pseudonym leaves: whoever holds the key, or knows one row of a person, knows all of that person's rows. "
            "k counts rows, not people. The result stays personal information (PIPL art. 73).",
            "输出含假名：持有密钥者，或知道某人一行者，可得其全部行；k 按行计而非按人计。"
            "结果仍属个人信息（个人信息保护法第七十三条）。",
        )
    if _level(plan) == "masked":
        yield Warned(
            "A mask leaves beside the classes: it tells more than they do. The result stays personal information "
            "(PIPL art. 73).",
            "输出含掩码列，其信息超出等价类；结果仍属个人信息（个人信息保护法第七十三条）。",
        )
    yield from _passed_on(table, facts)


def _passed_on(table: Prepared, facts: Facts) -> Iterator[Warned]:
    """Yield what to know about columns that leave as they are."""
    clear = [*table.shown.ordinary]
    if clear:
        yield Warned(
            f"Passed on as they are: {', '.join(clear)}. k protects against who knows the quasi-identifiers; whoever "
            "knows one of these knows more.",
            f"原样输出的列：{'、'.join(clear)}。k 只防御知道准标识符的人；知道这些列的人知道得更多。",
        )
    for one in facts.dependencies:
        if one.harmless:
            continue
        en, zh = one.words()
        yield Warned(f"Allowed by the caller: {en}.", f"经调用者允许：{zh}。")
    for leak in facts.leaks:
        yield Warned(
            f"The leak scan found {leak.values} values of '{leak.column}' that look like {leak.kind}.",
            f"泄漏扫描发现列“{leak.column}”有 {leak.values} 个取值形似 {leak.kind}。",
        )
