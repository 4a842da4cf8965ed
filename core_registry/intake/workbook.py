"""The workbooks we write: the template, and the rejected rows with their reasons.

Every cell is written as a string in a text cell (``@``): Excel keeps all digits of an identity number, and a text that
starts with ``=`` stays a text. A workbook is made in memory and put in place at once, readable by its owner only:
no temporary file holds a pupil.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO
from uuid import uuid4

import polars as pl
import xlsxwriter

from core_registry.intake import findings
from core_registry.intake.normalization import YES_NO
from core_registry.intake.reader import REASON_HEADER, Form
from core_registry.intake.records import Finding
from rulebook.records import Field, ImportMapping, Rulebook

TEMPLATE_VERSION = "1"
TEMPLATE_ROWS = 5_000
"""Rows of the template that offer the lists."""
TEMPLATE = "template"
MAX_COMMENTS = 10_000
"""Cells of one workbook that get a comment beside their colour; Excel slows down with more."""

_OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_LISTS_SHEET = "代码表"
_NOTES_SHEET = "填写说明"
_REQUIRED_ZH = {
    "always": "必填",
    "second_member": "有成员二时必填",
    "disability": "残疾学生必填",
    "optional": "选填",
}
_FORMATS = {
    "birth_date": "YYYYMMDD，如 20150317",
    "entry_month": "YYYYMM，如 202109",
    "id_number": "18 位，末位可为 X；必须是文本格式的单元格",
    "member1_id_number": "18 位，末位可为 X；必须是文本格式的单元格",
    "member2_id_number": "18 位，末位可为 X；必须是文本格式的单元格",
    "member1_phone": "11 位手机号，或 区号-号码",
    "member2_phone": "11 位手机号，或 区号-号码",
    "residence_address": "省、市、县（市、区）＋详细地址",
    "household_address": "省、市、县（市、区）＋详细地址",
    "school_code": "10 位学校标识码",
    "student_number": "全国学籍号，没有时留空，不得自编",
}


def write_template(path: Path, book: Rulebook) -> None:
    """Write the template of Annex 1 to ``path``: the form, the explanations, the code lists.

    The title row holds the version, ``TEMPLATE_VERSION`` and the start of the rule book's SHA-256.
    """
    mapping = book.import_mappings[TEMPLATE]
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, _OPTIONS) as workbook:
        text = workbook.add_format({"num_format": "@"})
        bold = workbook.add_format({"bold": True, "font_size": 14})
        needed = workbook.add_format({"bold": True, "bg_color": "#FCE4D6", "border": 1, "text_wrap": True})
        plain = workbook.add_format({"bold": True, "bg_color": "#DDEBF7", "border": 1, "text_wrap": True})
        form = workbook.add_worksheet(mapping.sheet or "学生基本信息采集表")
        ranges = _write_notes(workbook, mapping, book)
        if mapping.title_rows:
            version = f"{TEMPLATE_VERSION}-{book.sha256[:8]}"
            form.write_string(0, 0, f"中小学生学籍信息采集表（附件1）　模板版本 {version}", bold)
        for column, (code, header) in enumerate(mapping.headers.items()):
            field = book.fields[code]
            required = field.required == "always"
            form.set_column(column, column, 22 if "address" in code or "number" in code else 14, text)
            form.write_string(mapping.title_rows, column, header, needed if required else plain)
            if field.code_list is not None:
                form.data_validation(
                    mapping.title_rows + 1,
                    column,
                    mapping.title_rows + TEMPLATE_ROWS,
                    column,
                    {
                        "validate": "list",
                        "source": ranges[field.code_list],
                        "error_type": "warning",  # codes are accepted as well as labels
                        "error_title": "不在列表中",
                        "error_message": "请选择列表中的名称，或填写对应代码。",
                    },
                )
        form.freeze_panes(mapping.title_rows + 1, 0)
    _put(path, buffer)


def _write_notes(workbook: xlsxwriter.Workbook, mapping: ImportMapping, book: Rulebook) -> Mapping[str, str]:
    """Write explanations and code lists; return the range of labels of each list."""
    bold = workbook.add_format({"bold": True})
    notes = workbook.add_worksheet(_NOTES_SHEET)
    for column, (title, width) in enumerate(
        (("序号", 6), ("表头", 28), ("要求", 16), ("填写方式", 60), ("English", 40))
    ):
        notes.set_column(column, column, width)
        notes.write_string(0, column, title, bold)
    for row, (code, header) in enumerate(mapping.headers.items(), 1):
        field = book.fields[code]
        cells = (str(field.number or ""), header, _REQUIRED_ZH[field.required], _how(field), field.label_en)
        for column, cell in enumerate(cells):
            notes.write_string(row, column, cell)
    lists = workbook.add_worksheet(_LISTS_SHEET)
    text = workbook.add_format({"num_format": "@"})
    used = sorted({field.code_list for code in mapping.headers if (field := book.fields[code]).code_list is not None})
    ranges: dict[str, str] = {}
    for index, name in enumerate(used):
        left = 2 * index
        lists.set_column(left, left + 1, 16, text)
        lists.write_string(0, left, "代码", bold)
        lists.write_string(0, left + 1, book.code_lists[name].source or name, bold)
        for row, (code, label) in enumerate(book.code_lists[name].labels.items(), 1):
            lists.write_string(row, left, code, text)
            lists.write_string(row, left + 1, label, text)
        letter = xlsxwriter.utility.xl_col_to_name(left + 1)
        ranges[name] = f"='{_LISTS_SHEET}'!${letter}$2:${letter}${len(book.code_lists[name].labels) + 1}"
    return ranges


def _how(field: Field) -> str:
    if field.code_list == YES_NO:
        return "是 或 否"
    if field.code_list is not None:
        return "填代码或名称，见“代码表”"
    longest = f"文字，不超过 {field.max_length} 字" if field.max_length else "文字"
    return _FORMATS.get(field.code, longest)


def write_errors(target: Path | IO[bytes], form: Form, found: pl.DataFrame, book: Rulebook) -> int:
    """Write the rejected rows of a form in its own layout to a file or stream, and return how many there are.

    Each row has its own values, as read, and the reasons in the last column; offending cells are coloured, with
    the reason as a comment. The file can be corrected and imported in the same layout. ``found`` are the findings
    of the whole form; rows with warnings only are not rejected.
    """
    rejected = form.frame.filter(pl.col("row").is_in(findings.error_rows(found).implode())).select("row", *form.fields)
    by_row: dict[int, list[Finding]] = {}
    for finding in findings.spell(
        found.filter(pl.col("row").is_in(rejected["row"].implode())), book.fields, form.columns
    ):
        by_row.setdefault(finding.row, []).append(finding)
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, _OPTIONS) as workbook:
        text = workbook.add_format({"num_format": "@"})
        head = workbook.add_format({"bold": True, "bg_color": "#DDEBF7", "border": 1, "num_format": "@"})
        wrong = workbook.add_format({"num_format": "@", "bg_color": "#FFC7CE"})
        doubtful = workbook.add_format({"num_format": "@", "bg_color": "#FFEB9C"})
        reason = workbook.add_format({"num_format": "@", "text_wrap": True, "font_color": "#9C0006"})
        sheet = workbook.add_worksheet(form.mapping.sheet or "未导入的行")
        top = form.mapping.title_rows
        if top:
            sheet.write_string(0, 0, "以下各行未导入。请按最后一列的原因修改后，用本文件重新导入。", text)
        sheet.set_column(0, len(form.fields) - 1, 16, text)
        sheet.set_column(len(form.fields), len(form.fields), 80, reason)
        for column, code in enumerate(form.fields):
            sheet.write_string(top, column, form.mapping.headers[code], head)
        sheet.write_string(top, len(form.fields), REASON_HEADER, head)
        comments = 0
        for at, (number, *cells) in enumerate(rejected.iter_rows(), top + 1):
            cell_findings = _by_field(by_row.get(number, []))
            for column, (code, cell) in enumerate(zip(form.fields, cells, strict=True)):
                hits = cell_findings.get(code, ())
                style = wrong if any(hit.severity == "error" for hit in hits) else doubtful if hits else text
                if cell is None:
                    sheet.write_blank(at, column, None, style)
                else:
                    sheet.write_string(at, column, cell, style)
                if hits and comments < MAX_COMMENTS:
                    sheet.write_comment(at, column, "\n".join(hit.message for hit in hits))
                    comments += 1
            sheet.write_string(at, len(form.fields), _reasons(number, by_row.get(number, [])), reason)
        sheet.freeze_panes(top + 1, 0)
    if isinstance(target, Path):
        _put(target, buffer)
    else:
        target.write(buffer.getbuffer())
    return rejected.height


def write_layout(path: Path, frame: pl.DataFrame, mapping: ImportMapping, title: str) -> None:
    """Write rows of texts (columns by field code) in a layout, as a workbook or, by the name's end, as CSV.

    In clear: for an office act only. Title rows, headers and the order of columns are the layout's; a null is an empty
    cell. Raises ``OSError``.
    """
    columns = [code for code in mapping.headers if code in frame.columns]
    buffer = io.BytesIO()
    if path.suffix.lower() == ".csv":
        buffer.write(b"\xef\xbb\xbf")
        for number in range(mapping.title_rows):
            cells = [title if number == 0 else "", *[""] * (len(columns) - 1)]
            buffer.write((",".join(cells) + "\r\n").encode())
        named = frame.select(pl.col(code).alias(mapping.headers[code]) for code in columns)
        named.write_csv(buffer, line_terminator="\r\n")
        _put(path, buffer)
        return
    with xlsxwriter.Workbook(buffer, _OPTIONS) as workbook:
        text = workbook.add_format({"num_format": "@"})
        head = workbook.add_format({"bold": True, "bg_color": "#DDEBF7", "border": 1, "num_format": "@"})
        sheet = workbook.add_worksheet(mapping.sheet or "学籍信息")
        sheet.set_column(0, len(columns) - 1, 18, text)
        if mapping.title_rows:
            sheet.write_string(0, 0, title, head)
        for column, code in enumerate(columns):
            sheet.write_string(mapping.title_rows, column, mapping.headers[code], head)
        for line, row in enumerate(frame.select(columns).iter_rows(), mapping.title_rows + 1):
            for column, value in enumerate(row):
                if value is not None:
                    sheet.write_string(line, column, value, text)
        sheet.freeze_panes(mapping.title_rows + 1, 0)
    _put(path, buffer)


def _by_field(found: list[Finding]) -> Mapping[str, list[Finding]]:
    grouped: dict[str, list[Finding]] = {}
    for finding in found:
        if finding.field is not None:
            grouped.setdefault(finding.field, []).append(finding)
    return grouped


def _reasons(number: int, found: list[Finding]) -> str:
    """Return the reasons of a row, Chinese first; ``number`` is its row in the file that was imported."""
    chinese = "".join(f"{_at(one)}{one.message}[{one.rule}]" for one in found)
    english = " ".join(f"{f'{one.column}: ' if one.column else ''}{one.message_en}" for one in found)
    return f"原文件第 {number} 行：{chinese}\nRow {number}: {english}"


def _at(one: Finding) -> str:
    hint = "" if one.severity == "error" else "（提示）"
    return f"{hint}{one.column} 列：" if one.column else hint


def _put(path: Path, content: io.BytesIO) -> None:
    """Write a file whole or not at all, readable by its owner only."""
    partial = path.with_name(f".{path.name}.{uuid4().hex}.part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content.getbuffer())
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
