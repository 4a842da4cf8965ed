"""A table in, a file that may leave out: read, check, group, search, apply, write, read back, scan, publish.

Nothing is in its place before everything was measured again on what was written. Rows leave in the order of their
values, so that their place says nothing about where they stood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import polars as pl

from gateway.anonymize.decision import Decision, decide
from gateway.anonymize.lattice import COUNT
from gateway.anonymize.tables.dependencies import after_search, before_search, refuse
from gateway.anonymize.tables.errors import Problem, TableFileError, TablePlanError
from gateway.anonymize.tables.leaks import LeakFinding, judge
from gateway.anonymize.tables.leaves import Shelf
from gateway.anonymize.tables.nearness import did_you_mean
from gateway.anonymize.tables.plan import TablePlan, files_of
from gateway.anonymize.tables.prepared import Prepared, outer, prepare
from gateway.anonymize.tables.reading import Source, read_table
from gateway.anonymize.tables.report import TableReport
from gateway.anonymize.tables.telling import Facts, report_of
from gateway.anonymize.tables.writing import (
    check_classes,
    check_place,
    drafts,
    publish,
    suffix_of,
    write_frame,
    write_text,
)
from gateway.anonymize.trial import Progress

TOP = "*"
_ROWS = pl.len().cast(pl.Int64).alias(COUNT)
STAGES = {
    "read": "读取",
    "check": "检查",
    "group": "分组",
    "search": "搜索",
    "measure": "度量",
    "apply": "应用",
    "write": "写出",
    "scan": "扫描",
    "publish": "发布",
}
"""The stages in order, with their Chinese names."""


@dataclass(frozen=True)
class Request:
    """One table to anonymise. ``allowed`` are columns whose dependencies and suspicions the caller answers for."""

    plan: TablePlan
    source: Path
    out: Path
    report: Path
    shelf: Shelf
    allowed: frozenset[str] = frozenset()
    keep_order: bool = False
    delimiter: str | None = None
    pseudonym_key: str | None = field(default=None, repr=False)
    also_read: tuple[Path, ...] = ()
    """Files beside these that must not be overwritten: the plan's own, the key's."""


class Stages:
    """How long each stage took, in milliseconds; ``watch`` is told when one begins."""

    def __init__(self, watch: Callable[[str], None]) -> None:
        self.ms: dict[str, float] = {}
        self._watch = watch

    def begin(self, name: str) -> None:
        """Tell that a stage begins."""
        self._watch(name)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage."""
        self.begin(name)
        begun = perf_counter()
        yield
        self.ms[name] = self.ms.get(name, 0.0) + (perf_counter() - begun) * 1000


def anonymize(
    request: Request,
    *,
    watch: Callable[[str], None] = lambda _: None,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> TableReport:
    """Write ``request.out`` and ``request.report``, and return the report.

    ``watch`` is told the name of each stage as it begins, ``progress`` how far a search is. Raises
    ``TablePlanError``, ``TableFileError``, ``DependencyError``, ``LeakError``, ``ContentError`` or ``SearchError``;
    then neither file was touched.
    """
    stages = Stages(watch)
    suffix = suffix_of(request.out)
    _check_places(request)
    plan = request.plan
    with stages.stage("read"):
        source = read_table(
            request.source, missing=plan.nothing, expected=tuple(plan.columns), delimiter=request.delimiter
        )
    with stages.stage("check"):
        _check_allowed(request, source)
        table = prepare(plan, source, request.shelf, request.pseudonym_key)
        found = refuse(before_search(table.shown), request.allowed)
    with stages.stage("group"):
        tuples = table.leaf.group_by(table.leaf.columns, maintain_order=True).agg(_ROWS)
    decision = _decided(plan, table, tuples, stages, progress, cancelled)
    with stages.stage("apply"):
        keep, labels = decision.judge(table.leaf.select([*table.ladders]))
        labels = labels.rename(outer)
        found += refuse(after_search(table.shown, labels, keep), request.allowed)
        result = _result(plan, table, labels, keep, ordered=not request.keep_order)
    with drafts(request.report, request.out) as (report_draft, out_draft):
        with stages.stage("write"):
            write_frame(result, out_draft, suffix, source.delimiter or ",")
        with stages.stage("scan"):
            written = read_table(out_draft.path, expected=result.columns) if result.width else source
            leaks = _examined(request, table, decision, written)
        with stages.stage("publish"):
            facts = Facts(
                source,
                written,
                request.out.name,
                tuple(found),
                tuple(leaks),
                request.shelf,
                request.pseudonym_key,
                request.keep_order,
            )
            report = report_of(plan, table, decision, facts, stages.ms)
            write_text(report.to_json(), report_draft)
            publish((report_draft, out_draft))
    return report


def _check_places(request: Request) -> None:
    for target in (request.out, request.report):
        check_place(target)
    read = {path.resolve() for path in (request.source, *request.also_read)}
    read |= {(request.shelf.folder / name).resolve() for name in files_of(request.plan)}
    made = [request.out.resolve(), request.report.resolve()]
    if made[0] == made[1] or read.intersection(made):
        raise TableFileError(
            "Output and report are files of their own, none that is read; name another output.",
            detail_zh="输出和报告须为单独的文件，不得与读取的文件相同，请另行命名。",
        )


def _check_allowed(request: Request, source: Source) -> None:
    for name in sorted(request.allowed):
        if name not in source.frame.columns:
            near, near_zh = did_you_mean(name, source.frame.columns)
            raise TablePlanError(
                [
                    Problem(
                        "", f"--allow: the table has no column '{name}'{near}", f"--allow：表中没有列“{name}”{near_zh}"
                    )
                ]
            )


def _decided(
    plan: TablePlan,
    table: Prepared,
    tuples: pl.DataFrame,
    stages: Stages,
    progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> Decision:
    """Return the decision; the search tells its end by its last progress, what comes after is the stage ``measure``."""
    people = None
    if table.people is not None:
        people = table.people.group_by(table.people.columns, maintain_order=True).agg(_ROWS)
    sensitive = [name for name in table.leaf.columns if name not in table.ladders]
    ended: list[float] = []

    def tell(how: Progress) -> None:
        ended.append(perf_counter())
        progress(how)

    stages.begin("search")
    begun = perf_counter()
    decision = decide(
        tuples,
        table.ladders,
        table.models,
        plan.suppression_limit,
        measured=sensitive,
        fixed=table.fixed,
        population=None if people is None else (people, table.ladders),
        threshold=plan.risk_threshold,
        recoding=plan.recoding,
        objective=plan.objective,
        max_checks=plan.max_checks,
        cancelled=cancelled,
        progress=tell,
    )
    stages.ms["search"] = (ended[-1] - begun) * 1000
    stages.ms["measure"] = (perf_counter() - ended[-1]) * 1000
    return decision


def _result(plan: TablePlan, table: Prepared, labels: pl.DataFrame, keep: pl.Series, *, ordered: bool) -> pl.DataFrame:
    """Return the rows that leave, their columns in the order of the table."""
    kept = {name: labels[name] if name in table.fitted else table.values[name].filter(keep) for name in table.columns}
    frame = pl.DataFrame(kept)
    starred = int((~keep).sum()) if plan.suppressed == "star" else 0
    if starred:
        stars = {
            name: pl.repeat(TOP, starred, dtype=pl.String, eager=True)
            if name in table.fitted
            else pl.repeat(None, starred, dtype=frame.schema[name], eager=True)
            for name in table.columns
        }
        frame = pl.concat([frame, pl.DataFrame(stars)])
    return frame.sort(frame.columns, nulls_last=True) if ordered else frame


def _examined(request: Request, table: Prepared, decision: Decision, written: Source) -> list[LeakFinding]:
    """Measure and scan what was written; raises unless it is what was decided and holds no identifier."""
    plan, after = request.plan, decision.after
    starred = decision.choice.suppressed if plan.suppressed == "star" else 0
    expected = {"rows": after.rows, "classes": after.classes, "k": after.k}
    check_classes(written.frame, table.quasi, expected, starred=starred)
    shapes: dict[str, str] = {}
    for name in table.columns:
        column = plan.columns.get(name)
        if column is not None and column.does == "mask" and column.kind is not None:
            shapes[name] = column.kind
        elif column is not None and column.does == "pseudonymize":
            shapes[name] = "pseudonym"
    return judge(written.frame, shapes, request.allowed)
