"""``xueji redact``: hide people, numbers, places in texts. Exits with 0 done, 2 refused, 3 no model, 130 cancelled."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import click

from gateway import settings
from gateway.cli.shared import progress_bar
from gateway.errors import GatewayError, ParameterError

if TYPE_CHECKING:
    from gateway.anonymize.text.documents import Cell, Columns
    from gateway.anonymize.text.engine import Engine
    from rulebook.recognition_records import TextStyle

REFUSED = 2
NO_MODEL = 3
STANDARD = "-"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is the same for all inputs of one call."""

    given: dict[str, object]
    style: TextStyle | None
    explain: bool
    show: bool
    as_json: bool
    force: bool
    out: Path | None


@click.command()
@click.argument("sources", metavar="[FILE]...", nargs=-1)
@click.option("--column", "columns", multiple=True, metavar="NAME", help="Column of a table with texts; repeatable.")
@click.option("--sheet", metavar="NAME", help="Sheet of a workbook (default: the first).")
@click.option("--student-column", metavar="NAME", help="Column with the pupil's name, if there is one.")
@click.option("--former-name-column", metavar="NAME", help="Column with the pupil's former name.")
@click.option("--guardian-column", "guardian_columns", multiple=True, metavar="NAME", help="Guardians; repeatable.")
@click.option("--school-column", metavar="NAME", help="Column with the name of the school.")
@click.option("--address-column", "address_columns", multiple=True, metavar="NAME", help="Addresses; repeatable.")
@click.option(
    "--record",
    "record_file",
    metavar="FILE.json",
    type=click.Path(path_type=Path),
    help="What is known: student, former_name, guardians, school, address, roster.",
)
@click.option(
    "--roster",
    "roster_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Names of the school's roll, one on each line.",
)
@click.option(
    "--style", type=click.Choice(["placeholder", "mask"]), help="〔学生〕 or 王** (default: the rule book's)."
)
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="Where the result of one file goes.")
@click.option("--force", is_flag=True, help="Overwrite a result that exists.")
@click.option("--explain", is_flag=True, help="Say on the error stream what was hidden, and why.")
@click.option("--show", is_flag=True, help="Let --explain and --json show the clear text of what was hidden.")
@click.option("--json", "as_json", is_flag=True, help="Print offsets, types and rules as JSON.")
@click.pass_obj
def redact(
    home: Path | None,
    sources: tuple[str, ...],
    columns: tuple[str, ...],
    sheet: str | None,
    student_column: str | None,
    former_name_column: str | None,
    guardian_columns: tuple[str, ...],
    school_column: str | None,
    address_columns: tuple[str, ...],
    record_file: Path | None,
    roster_file: Path | None,
    style: str | None,
    out: Path | None,
    force: bool,
    explain: bool,
    show: bool,
    as_json: bool,
) -> None:
    """Hide people, numbers and places in Chinese text (自由文本脱敏).

    Without FILE, from standard input to standard output. The result of a file lies beside it as NAME.redacted.EXT; of
    a table (.csv, .parquet, .xlsx, .xls) --column says where the texts are. Guide: docs/text.md.
    """
    from gateway.anonymize.text.documents import Columns, read_record  # noqa: PLC0415  other commands do without
    from gateway.anonymize.text.errors import ModelUnavailableError  # noqa: PLC0415

    try:
        given: dict[str, object] = read_record(record_file) if record_file else {}
        if roster_file:
            given["roster"] = _roster(roster_file)
        asked = _Asked(given, cast("TextStyle | None", style), explain, show, as_json, force, out)
        of_row = Columns(columns, student_column, former_name_column, guardian_columns, school_column, address_columns)
        paths = [Path(source) for source in sources if source != STANDARD]
        _check(asked, of_row, sources, paths)
        engine = _engine(home)
        if not paths:
            _from_standard_input(engine, asked)
        for path in paths:
            _file(engine, path, of_row, sheet, asked)
    except ModelUnavailableError as error:
        _refuse(error, NO_MODEL, as_json=as_json)
    except GatewayError as error:
        _refuse(error, REFUSED, as_json=as_json)


def _engine(home: Path | None) -> Engine:
    from gateway.anonymize.text.defaults import engine  # noqa: PLC0415  brings the model

    return engine(settings.from_environment(home=home).config)


def _roster(path: Path) -> list[str]:
    from gateway.anonymize.text.documents import decoded  # noqa: PLC0415

    text, _ = decoded(_read(path), path.name)
    return [name for line in text.splitlines() if (name := line.strip())]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ParameterError(
            f"{path} cannot be read: {error.strerror}.", detail_zh=f"{path} 无法读取：{error.strerror}。"
        ) from error


def _check(asked: _Asked, columns: Columns, sources: Sequence[str], paths: Sequence[Path]) -> None:
    """Refuse what contradicts itself before anything is read."""
    from gateway.anonymize.text.workbooks import is_table  # noqa: PLC0415

    if STANDARD in sources and len(sources) > 1:
        raise ParameterError("Standard input stands alone.", detail_zh="标准输入不能与文件一起使用。")
    if asked.out and len(paths) != 1:
        raise ParameterError("--out is for one file.", detail_zh="--out 只能用于一个文件。")
    if asked.show and not (asked.explain or asked.as_json):
        raise ParameterError(
            "--show goes with --explain or --json.", detail_zh="--show 须与 --explain 或 --json 合用。"
        )
    if len(set(paths)) != len(paths):
        raise ParameterError("A file is named twice.", detail_zh="文件重复。")
    for path in paths:
        if is_table(path) and not columns.texts:
            raise ParameterError(
                f"{path.name} is a table: name the column with the texts by --column.",
                detail_zh=f"{path.name} 是表格：请用 --column 指明文本所在的列。",
            )
        if not is_table(path) and columns.texts:
            raise ParameterError(
                f"{path.name} is no table; --column is for .csv, .parquet, .xlsx and .xls.",
                detail_zh=f"{path.name} 不是表格；--column 用于 .csv、.parquet、.xlsx 和 .xls。",
            )
        target = _target(path, asked)
        if target.exists() and (not asked.force or target.samefile(path)):
            raise ParameterError(
                f"{target} exists; --force overwrites it, but never the input.",
                detail_zh=f"{target} 已存在；--force 可覆盖，但不会覆盖输入文件。",
            )


def _target(path: Path, asked: _Asked) -> Path:
    if asked.out:
        return asked.out
    ending = "".join(path.suffixes[-2:]) if path.suffix in {".gz", ".zst"} else path.suffix
    stem = path.name.removesuffix(ending)
    if ending.lower() in {".xls", ".xlsm", ".xlsb", ".ods"}:
        ending = ".xlsx"  # the one form that is written
    return path.with_name(f"{stem}.redacted{ending}")


def _from_standard_input(engine: Engine, asked: _Asked) -> None:
    from gateway.anonymize.text.documents import decoded  # noqa: PLC0415

    text, encoding = decoded(sys.stdin.buffer.read(), "standard input")
    cell = _redacted(engine, text, asked)
    if asked.as_json:
        _print_json([_told(cell, asked)])
    else:
        sys.stdout.buffer.write(cell.redacted.text.encode(encoding))
        sys.stdout.buffer.flush()
    _explain([cell], asked, STANDARD)


def _redacted(engine: Engine, text: str, asked: _Asked) -> Cell:
    from gateway.anonymize.text.documents import Cell  # noqa: PLC0415
    from gateway.anonymize.text.knowledge import known  # noqa: PLC0415
    from gateway.anonymize.text.redaction import redact as hide  # noqa: PLC0415

    record, roster = known(asked.given or None)
    return Cell(0, "", hide(engine, [text], record, roster, asked.style)[0])


def _file(engine: Engine, path: Path, columns: Columns, sheet: str | None, asked: _Asked) -> None:
    from gateway.anonymize.text.documents import decoded, redact_sheet  # noqa: PLC0415
    from gateway.anonymize.text.workbooks import is_table, read_sheet, write_bytes  # noqa: PLC0415

    target = _target(path, asked)
    if is_table(path):
        table = read_sheet(path, sheet)
        height = len(table.column(columns.texts[0]))
        with progress_bar(path.name, height) as bar:
            made, cells = redact_sheet(engine, table, columns, asked.given, asked.style, lambda: bar.update(1))
        table.write(target, made)
    else:
        text, encoding = decoded(_read(path), path.name)
        cells = [_redacted(engine, text, asked)]
        write_bytes(target, cells[0].redacted.text.encode(encoding))
    if asked.as_json:
        _print_json([{"file": str(path), "out": str(target), **_told(one, asked)} for one in cells])
    else:
        hidden = sum(len(one.redacted.found) for one in cells)
        click.echo(f"{target}: {len(cells)} 条文本 texts, 遮盖 {hidden} 处 hidden")
    _explain(cells, asked, path.name)


def _told(cell: Cell, asked: _Asked) -> dict[str, Any]:
    from gateway.anonymize.text.documents import told  # noqa: PLC0415

    return told(cell, show=asked.show)


def _print_json(entries: Iterable[dict[str, Any]]) -> None:
    for entry in entries:
        click.echo(json.dumps(entry, ensure_ascii=False))


def _explain(cells: Sequence[Cell], asked: _Asked, name: str) -> None:
    """Say what was hidden: place, kind, rule, what stands there now; the clear text only when asked."""
    if not asked.explain:
        return
    rules: Counter[tuple[str, str]] = Counter()
    for cell in cells:
        place = f"{name} 第 {cell.row} 行 row {cell.column}" if cell.row else name
        for one, label in zip(cell.redacted.found, cell.redacted.labels, strict=True):
            rules[one.type.value, one.rule] += 1
            clear = f"  «{cell.redacted.original[one.start : one.end]}»" if asked.show else ""
            click.echo(f"{place} [{one.start},{one.end}) {one.type.value} {one.rule} → {label}{clear}", err=True)
    for (kind, rule), count in sorted(rules.items()):
        click.echo(f"合计 total {kind} {rule}: {count}", err=True)


def _refuse(error: GatewayError, status: int, *, as_json: bool) -> NoReturn:
    if as_json:
        told = {"error": type(error).__name__, "detail": error.detail, "detail_zh": error.detail_zh}
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        if error.detail_zh:
            click.echo(error.detail_zh, err=True)
        click.echo(error.detail, err=True)
    sys.exit(status)
