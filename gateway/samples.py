"""Generated pupils as files, and the import of forms with progress: what the shell and the demo share."""

from __future__ import annotations

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
) -> Written:
    """Write ``schools.csv`` and forms of at most ``form_rows`` pupils; ``source`` takes all rows as Parquet."""
    directory.mkdir(parents=True, exist_ok=True)
    sample = bootstrap.generate_pupils(count, seed, book, today=today)
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
    """Return schools from a CSV as ``write`` makes it; all columns text, ``stages`` a list."""
    frame = pl.read_csv(file, infer_schema=False)
    if "stages" not in frame.columns:
        raise ConfigurationError(
            "The file of schools lacks the column 'stages' (as primary|junior).",
            detail_zh="学校文件缺少 stages 列（如 primary|junior）。",
        )
    return frame.with_columns(pl.col("stages").str.split("|"))


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
) -> bootstrap.ImportSummary:
    """Import one form as the operator of the host, with a progress bar for each stage; return the summary."""
    office = process.services.office
    if office is None:
        raise ConfigurationError("This face has no registry.", detail_zh="本端没有学籍库。")
    request = bootstrap.import_request(
        file, mapping=mapping, actor="operator", school=school, accept_shrink=accept_shrink
    )
    bars: dict[str, ProgressBar] = {}

    def progress(stage: str, done: int, total: int) -> None:
        if stage not in bars:
            bars[stage] = bar(_STAGES.get(stage, stage), total)
        bars[stage].update(done - bars[stage].n)

    try:
        if preview:
            return office.import_preview(request, progress)
        return office.import_run(request, progress, errors)
    finally:
        for one in bars.values():
            one.close()


def summary_lines(summary: bootstrap.ImportSummary) -> list[str]:
    """Return an import's summary in words: counts, then the findings by kind. No value of a row is in it."""
    lines = [
        f"共 {summary.rows} 行 rows · 新增 new {summary.new} · 变更 changed {summary.changed} · "
        f"未变 unchanged {summary.unchanged} · 退回 rejected {summary.rejected} · 提示 warnings {summary.warnings}"
    ]
    if summary.repeated:
        lines.append("同一内容已导入，未作任何更改。 The same content was imported before: nothing changed.")
    lines += [f"  {code}: {count}" for code, count in sorted(summary.finding_counts.items())]
    lines += [f"  第 {one.row} 行 row: {one.message} {one.message_en} ({one.rule})" for one in summary.findings[:20]]
    return lines
