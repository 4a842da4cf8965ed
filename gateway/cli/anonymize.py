"""``xueji anonymize``: any table, without the registry. Exits with 0 done, 2 refused, 130 cancelled."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click
from tqdm import tqdm

from gateway import bootstrap, settings
from gateway.anonymize.tables.errors import TableFileError, TablePlanError
from gateway.anonymize.tables.execution import STAGES, Request
from gateway.anonymize.tables.execution import anonymize as carry_out
from gateway.anonymize.tables.leaves import Shelf
from gateway.anonymize.tables.parsing import read_plan
from gateway.anonymize.tables.report import TableReport, plan_schema, report_schema
from gateway.anonymize.trial import Progress
from gateway.errors import GatewayError
from rulebook.records import Divisions, Hierarchy

REFUSED = 2
KEY_VARIABLE = "ANONYMIZE_PSEUDONYM_KEY"


def _print_schema(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is None:
        return
    schema = plan_schema() if value == "plan" else report_schema()
    click.echo(json.dumps(schema, ensure_ascii=False, indent=2))
    context.exit()


@click.command()
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.option("--plan", "plan_file", metavar="PLAN.json", required=True, type=click.Path(path_type=Path))
@click.option("--out", metavar="OUT", required=True, type=click.Path(path_type=Path))
@click.option("--report", "report_file", metavar="REPORT.json", required=True, type=click.Path(path_type=Path))
@click.option("--allow", multiple=True, metavar="COLUMN", help="You answer for this column: it may leave as it is.")
@click.option("--keep-order", is_flag=True, help="Keep the order of the input, for comparisons only.")
@click.option("--delimiter", help="Of the input, one character or 'tab', where it is not found.")
@click.option("--key-file", type=click.Path(path_type=Path), help="Key of the pseudonyms: 64 hexadecimal digits.")
@click.option(
    "--key-env", default=KEY_VARIABLE, show_default=True, help="Environment variable with that key, without a file."
)
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print the report, or the error, as JSON.")
@click.option(
    "--schema",
    type=click.Choice(["plan", "report"]),
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print a JSON Schema and end.",
)
@click.pass_obj
def anonymize(
    home: Path | None,
    source: Path,
    plan_file: Path,
    out: Path,
    report_file: Path,
    allow: tuple[str, ...],
    keep_order: bool,
    delimiter: str | None,
    key_file: Path | None,
    key_env: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Anonymise any table (CSV or Parquet) by a plan (对任意表格匿名化); needs no registry.

    OUT ends in .csv, .tsv, .csv.gz, .csv.zst or .parquet. Guide: docs/anonymize.md.
    """
    try:
        with _terminable():
            plan = read_plan(plan_file)
            request = Request(
                plan=plan,
                source=source,
                out=out,
                report=report_file,
                shelf=Shelf(plan_file.resolve().parent, lambda: _book(home)),
                allowed=frozenset(allow),
                keep_order=keep_order,
                delimiter=_delimiter(delimiter),
                pseudonym_key=_key(key_file, key_env) if plan.pseudonymous else None,
                also_read=(plan_file, *([key_file] if key_file else [])),
            )
            with _bar(hidden=quiet or as_json) as bar:
                report = carry_out(
                    request, watch=lambda stage: _show(bar, stage), progress=lambda how: _show_search(bar, how)
                )
    except GatewayError as error:
        _refuse(error, as_json=as_json)
    if as_json:
        click.echo(report.to_json(), nl=False)
    elif not quiet:
        _tell(report, out, report_file)


def _book(home: Path | None) -> tuple[Mapping[str, Hierarchy], Divisions]:
    book = bootstrap.load_rulebook(settings.from_environment(home=home))
    return book.hierarchies, book.divisions


def _delimiter(given: str | None) -> str | None:
    """Return the delimiter; a tab is hard to type."""
    found = {"tab": "\t", "\\t": "\t"}.get(given or "", given)
    if found is not None and (len(found) != 1 or found in "\"'\r\n"):
        raise click.BadParameter("one character, or 'tab'", param_hint="--delimiter")
    return found


def _key(file: Path | None, variable: str) -> str | None:
    """Return the key of the pseudonyms, ``None`` when there is none. It is neither shown nor logged."""
    if file is None:
        key = os.environ.get(variable)
    else:
        try:
            key = file.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise TableFileError(
                f"The key file {file} cannot be read.", detail_zh=f"密钥文件 {file} 无法读取。"
            ) from error
    return None if key is None else key.strip()


@contextmanager
def _terminable() -> Iterator[None]:
    """Let a request to end (SIGTERM) take the way of Ctrl-C, so that nothing half-written stays."""

    def end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001  as signal calls it
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _bar(*, hidden: bool) -> Iterator[tqdm[Any]]:
    with tqdm(
        total=len(STAGES),
        desc="anonymize",
        bar_format="{desc} {percentage:3.0f}% {bar} {elapsed}{postfix}",
        file=sys.stderr,
        disable=True if hidden else None,
    ) as bar:
        yield bar
        bar.n = len(STAGES)
        bar.set_postfix_str("", refresh=False)
        bar.set_description("完成 done")


def _show(bar: tqdm[Any], stage: str) -> None:
    bar.n = list(STAGES).index(stage)
    bar.set_postfix_str("", refresh=False)
    bar.set_description(f"{STAGES[stage]} {stage}")


def _show_search(bar: tqdm[Any], how: Progress) -> None:
    best = "-" if how.best is None else f"{how.best:.6g}"
    bar.set_postfix_str(f"checks {how.checks}, closed {how.closed:.0%}, best {best}")


def _refuse(error: GatewayError, *, as_json: bool) -> NoReturn:
    if as_json:
        told: dict[str, object] = {
            "error": type(error).__name__,
            "detail": error.detail,
            "detail_zh": error.detail_zh,
            "columns": list(error.missing),
        }
        if isinstance(error, TablePlanError):
            told["problems"] = [
                {"pointer": one.pointer, "detail": one.detail, "detail_zh": one.detail_zh} for one in error.problems
            ]
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        if error.detail_zh:
            click.echo(error.detail_zh, err=True)
        click.echo(error.detail, err=True)
    sys.exit(REFUSED)


def _tell(report: TableReport, out: Path, report_file: Path) -> None:
    levels = ", ".join(f"{name} {level}" for name, level in report.levels.items())
    click.echo(
        f"{out}: {report.rows_out} 行 rows / {report.rows_in}，抑制 suppressed {report.suppressed} "
        f"({report.suppressed_share:.2%})，等价类 classes {report.classes}，k = {report.k}"
    )
    click.echo(f"级别 levels: {levels}")
    proof = "最优 optimal" if report.optimal else f"差距 gap ≤ {report.gap:.6g}"
    click.echo(
        f"信息损失 loss {report.loss:.6f}（{proof}，{report.checks}/{report.nodes} checks，"
        f"搜索 search {report.search_ms:.0f} ms，共 total {report.total_ms:.0f} ms）"
    )
    click.echo(
        f"风险 highest risk: {report.before.prosecutor.highest:.4g} → {report.after.prosecutor.highest:.4g}，"
        f"平均 average: {report.before.prosecutor.average:.4g} → {report.after.prosecutor.average:.4g}"
    )
    for one in report.warnings:
        click.echo(f"注意 note: {one.zh} {one.en}")
    click.echo(f"报告 report: {report_file}")
