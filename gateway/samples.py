"""Generated pupils as files, and the import of forms with progress: what the shell and the demo share."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, Protocol

import polars as pl
import pyarrow.parquet as pq

from gateway import bootstrap
from gateway.errors import ConfigurationError
from rulebook import Rulebook


class ProgressBar(Protocol):
    """A progress bar (``tqdm``). ``n`` is how far it is."""

    n: float

    def update(self, step: float) -> object:
        """Move by ``step``."""

    def close(self) -> None:
        """Leave the bar as it is."""


Bar = Callable[[str, int], ProgressBar]
"""Makes a progress bar from a label and a total."""
SHOWN = 20
"""Findings that a summary spells out."""
_CLOSED = {"": False, "false": False, "0": False, "否": False, "true": True, "1": True, "是": True}
_STAGES = {"read": "读取 read", "check": "校验 check", "write": "写入 write"}


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: rows, schools and the files, forms in order."""

    pupils: int
    schools: int
    schools_file: Path
    forms: tuple[Path, ...]


def write(
    directory: Path,
    *,
    count: int,
    seed: int,
    kind: str,
    book: Rulebook,
    today: date,
    tick: Callable[[int], object],
    form_rows: int = 100_000,
    source: Path | None = None,
    texts: float = 0.0,
) -> Written:
    """Write ``schools.csv`` and forms of at most ``form_rows`` pupils; ``source`` takes all rows as Parquet.

    ``texts`` is the share of pupils with an award, and of those with a remark.
    """
    directory.mkdir(parents=True, exist_ok=True)
    sample = bootstrap.generate_pupils(count, seed, book, today=today, texts=texts)
    schools = sample.schools
    schools_file = directory / "schools.csv"
    schools.with_columns(pl.col("stages").list.join("|")).write_csv(schools_file)
    forms: list[Path] = []
    held: list[pl.DataFrame] = []
    table: pq.ParquetWriter | None = None

    def flush() -> None:
        frame = pl.concat(held)
        held.clear()
        path = directory / f"annex1-{len(forms) + 1:03d}.{kind}"
        if kind == "parquet":
            frame.write_parquet(path)
        else:
            form: Literal["xlsx", "csv"] = "xlsx" if kind == "xlsx" else "csv"
            bootstrap.write_pupils(path, frame, book, form)
        forms.append(path)

    try:
        for batch in sample.batches():
            if source is not None:
                rows = batch.to_arrow(compat_level=pl.CompatLevel.oldest())
                table = table or pq.ParquetWriter(source, rows.schema)
                table.write_table(rows)
            held.append(batch)
            tick(batch.height)
            if sum(frame.height for frame in held) >= form_rows:
                flush()
        if held:
            flush()
    finally:
        if table is not None:
            table.close()
    return Written(count, schools.height, schools_file, tuple(forms))


def read_schools(file: Path) -> pl.DataFrame:
    """Return schools from a CSV as ``write`` makes it, or as Excel saves one (BOM, GBK).

    All columns are text, but ``stages`` (a list) and ``closed`` (bool). Raises ``ConfigurationError`` when it is no
    such file, with the row where one is to blame.
    """
    content = file.read_bytes()
    try:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("gb18030")
        frame = pl.read_csv(io.StringIO(text), infer_schema=False)
    except (UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise ConfigurationError(
            "The file of schools is no CSV in UTF-8 or GB18030: save the table as CSV.",
            detail_zh="学校文件不是 UTF-8 或 GB18030 编码的 CSV，请把表格另存为 CSV。",
        ) from error
    if "stages" not in frame.columns:
        raise ConfigurationError(
            "The file of schools lacks the column 'stages' (as primary|junior).",
            detail_zh="学校文件缺少 stages 列（如 primary|junior）。",
        )
    if "closed" in frame.columns:
        closed = frame["closed"].str.strip_chars().str.to_lowercase().fill_null("")
        known = closed.replace_strict(_CLOSED, default=None, return_dtype=pl.Boolean)
        if known.has_nulls():
            row = known.is_null().arg_true()[0] + 2
            raise ConfigurationError(
                f"Row {row} of the file of schools: 'closed' is true or false.",
                detail_zh=f"学校文件第 {row} 行：closed 应为 true 或 false。",
            )
        frame = frame.with_columns(known.alias("closed"))
    return frame.with_columns(pl.col("stages").fill_null("").str.split("|"))


def import_file(
    process: bootstrap.Process,
    file: Path,
    *,
    bar: Bar,
    mapping: str = "template",
    school: str | None = None,
    errors: Path | None = None,
    preview: bool = False,
    accept_shrink: bool = False,
    former: bool = False,
) -> bootstrap.ImportSummary:
    """Import one form as the operator of the host, with a progress bar for each stage; return the summary.

    Rejected rows go to ``errors``, by default to ``errors_beside(file)``. Raises ``ConfigurationError`` when
    ``errors`` is the form itself or lies in no directory, and what ``RegistryOffice.import_run`` raises.
    """
    office = process.services.office
    if office is None:
        raise ConfigurationError("This face has no registry.", detail_zh="本端没有学籍库。")
    target = errors or errors_beside(file)
    if target.exists() and target.samefile(file):
        raise ConfigurationError(
            "The workbook with the rejected rows would replace the form: give --errors another name.",
            detail_zh="退回行的工作簿会覆盖原表，请为 --errors 另取文件名。",
        )
    if not target.parent.is_dir() or target.is_dir():
        raise ConfigurationError(
            "--errors names no file in an existing directory.", detail_zh="--errors 应为已有目录中的文件名。"
        )
    request = bootstrap.import_request(
        file, mapping=mapping, actor="operator", school=school, accept_shrink=accept_shrink, former=former
    )
    bars: dict[str, ProgressBar] = {}

    def progress(stage: str, done: int, total: int) -> None:
        if stage not in bars:
            for ended in bars.values():
                ended.close()  # else one bar draws over the other
            bars[stage] = bar(_STAGES.get(stage, stage), total)
        bars[stage].update(done - bars[stage].n)

    try:
        if preview:
            return office.import_preview(request, progress)
        return office.import_run(request, progress, target)
    finally:
        for one in bars.values():
            one.close()


def errors_beside(file: Path) -> Path:
    """Return where the rejected rows of a form go by default: ``form-errors.xlsx`` beside it, a name that is free."""
    names = (
        f"{file.stem}-errors{number}.xlsx"
        for number in itertools.chain([""], (f"-{count}" for count in itertools.count(2)))
    )
    return next(path for path in map(file.with_name, names) if not path.exists())


def summary_lines(summary: bootstrap.ImportSummary, errors: Path | None = None) -> list[str]:
    """Return an import's summary in words: counts, then the first findings, errors before warnings.

    ``errors`` is where the rejected rows went. No value of a row is in it.
    """
    lines = [
        f"共 {summary.rows} 行 rows · 新增 new {summary.new} · 变更 changed {summary.changed} · "
        f"未变 unchanged {summary.unchanged} · 退回 rejected {summary.rejected} · 提示 warnings {summary.warnings}"
    ]
    if summary.repeated:
        lines.append("同一内容已导入，未作任何更改。 The same content was imported before: nothing changed.")
    lines += [f"  {code}: {count}" for code, count in sorted(summary.finding_counts.items())]
    if summary.rejected:
        where = errors or "--errors，未指定时为原表旁的 *-errors.xlsx; by default *-errors.xlsx beside the form"
        lines.append(f"导入时退回的行及原因写入 on import, rejected rows go with their reasons to: {where}")
    if summary.shrink:
        lines.append(f"变动或缺失过多的学校 schools beyond the shrink guard: {'、'.join(summary.shrink)}")
    shown = sorted(summary.findings, key=lambda one: one.severity != "error")[:SHOWN]
    lines += [f"  {one.place} {one.place_en}: {one.message} {one.message_en} ({one.rule})" for one in shown]
    more = summary.rejected + summary.warnings - len({one.row for one in shown})
    if more > 0:
        lines.append(f"  …… 另有约 {more} 行 about {more} more rows")
    return lines
