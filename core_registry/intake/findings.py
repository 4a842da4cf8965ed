"""The catalogue of findings: code, severity, rule and wording. No wording ever holds a value of the row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from core_registry.intake.records import Finding
from rulebook.records import Field

SCHEMA = pl.Schema({"row": pl.UInt32(), "field": pl.String(), "code": pl.String()})
"""Findings as columns: row number of the sheet from 1, field code or null, finding code."""


@dataclass(frozen=True, slots=True)
class FindingKind:
    """One kind of finding; ``{label}`` stands for the field's label in each language."""

    severity: Literal["error", "warning"]
    rule: str
    message: str
    message_en: str


def _error(rule: str, message: str, message_en: str) -> FindingKind:
    return FindingKind("error", rule, message, message_en)


def _warning(rule: str, message: str, message_en: str) -> FindingKind:
    return FindingKind("warning", rule, message, message_en)


KINDS: Mapping[str, FindingKind] = {
    # the file and its cells
    "merged-cell": _error(
        "A4-1", "{label}是合并单元格，请取消合并后逐格填写。", "{label} is in a merged cell: unmerge and fill each."
    ),
    "formula-cell": _error(
        "A4-1",
        "{label}是公式，系统不计算公式，请填写文字。",
        "{label} is a formula; none is evaluated: type text.",
    ),
    "formula-text": _error(
        "A4-1",
        "{label}以 = + - @ 等公式字符开头，请改为普通文字。",
        "{label} starts like a formula (= + - @): write plain text.",
    ),
    "ragged-row": _error(
        "A4-1",
        "此行的列数多于表头，多半是文字中的分隔符未加引号。",
        "The row has more cells than the header: quote texts that hold the separator.",
    ),
    "number-lost-digits": _error(
        "A4-1",
        "{label}被 Excel 转成了数值或科学记数，末尾数字已丢失；请把该列设为文本格式后重新填写。",
        "{label} was turned into a number and lost its last digits: format the column as text (@) and type it again.",
    ),
    "not-text": _error(
        "A4-1", "{label}的单元格类型不对，请用文本格式填写。", "{label} has a wrong cell type: use a text cell."
    ),
    # single fields
    "required-missing": _error("A9-2", "{label}为必填项。", "{label} is required."),
    "required-by-note": _error("Q-2", "{label}为必填项（表中 * 项）。", "{label} is required (marked * in the form)."),
    "second-member-incomplete": _error(
        "Q-12", "填写了成员二，{label}即为必填项。", "A second member is given, so {label} is required."
    ),
    "second-member-absent": _warning(
        "Q-12", "没有成员二，请在学校留存原因（单亲、孤儿等）。", "No second member: keep the reason at school."
    ),
    "too-long": _error("A4-1", "{label}超过规定长度。", "{label} is longer than allowed."),
    "never-recorded": _error(
        "A45-3",
        "{label}含有学籍档案不予记载的内容，请删去。",
        "{label} holds something that the archive never records: take it out.",
    ),
    "name-characters": _error(
        "A4-1",
        "{label}只能含文字、间隔号（·）、空格，不能含数字或符号。",
        "{label} may hold letters, the middle dot and spaces only, no digits or symbols.",
    ),
    "code-unknown": _error(
        "A4-1", "{label}不在代码表中，请填代码或标准名称（见“填写说明”）。", "{label} is not in its code list."
    ),
    "birth-date-invalid": _error(
        "A4-1", "{label}不是有效日期，请按 YYYYMMDD 填写。", "{label} is no valid date: write YYYYMMDD."
    ),
    "birth-date-future": _error("A10-2", "{label}晚于今天。", "{label} lies in the future."),
    "entry-month-invalid": _error(
        "A4-1", "{label}不是有效年月，请按 YYYYMM 填写。", "{label} is no valid month: write YYYYMM."
    ),
    "entry-month-future": _error("A10-2", "{label}晚于一年之后。", "{label} is more than a year ahead."),
    "phone-invalid": _error(
        "A4-1", "{label}应为 11 位手机号或“区号-号码”。", "{label} is no 11-digit mobile or area-number."
    ),
    "address-division": _warning(
        "A4-1",
        "{label}未能识别到县（市、区），请按“省市县＋详细地址”填写。",
        "{label} names no known county: write province, city, county, then the rest.",
    ),
    # identity documents
    "id-required": _error("A9-2", "{label}为必填项（证件类型不是“其他”）。", "{label} is required for this document."),
    "id-type-pupil": _error(
        "A9-2", "{label}不能用于学生登记。", "{label}: this document type is not accepted for a pupil."
    ),
    "id-first-generation": _error(
        "A10-2", "{label}是 15 位旧号码，请填 18 位号码。", "{label} is an old 15-digit number: give all 18."
    ),
    "id-shape": _error(
        "A10-2", "{label}应为 17 位数字加 1 位数字或 X。", "{label} must be 17 digits and a digit or X."
    ),
    "id-birth-part": _error("A10-2", "{label}中的出生日期不存在。", "{label} holds an impossible birth date."),
    "id-checksum": _error("A10-2", "{label}的校验码不正确。", "{label} has a wrong check character (GB 11643)."),
    "id-division": _warning(
        "A10-2",
        "{label}的地区代码不在现行区划中（可能已撤并），请核对。",
        "{label} starts with a division that is not in force; it may have been abolished.",
    ),
    "id-other-shape": _error(
        "A10-2", "{label}应为 4 至 30 位字母、数字、括号或短横线。", "{label} must be 4 to 30 letters, digits, () or -."
    ),
    "id-type-resident": _error(
        "A10-2",
        "{label}是居民身份证号，证件类型应填“居民身份证”。",
        "{label} is a resident identity number: the document type must say so.",
    ),
    "undocumented": _warning(
        "Q-11",
        "没有身份证件，须附学校在读证明，取得证件后补录。",
        "No document: a school proof is needed meanwhile.",
    ),
    "student-number-invalid": _error("A6-3", "{label}不符合规则（G、J、L 加 18 位）。", "{label} is not well formed."),
    "student-number-id": _error(
        "A6-3", "{label}与身份证件号不一致。", "{label} does not contain the identity number given."
    ),
    "student-number-undocumented": _error(
        "Q-11", "没有身份证件的学生不能使用 G 字头学籍号。", "A pupil without a document has no G student number."
    ),
    "student-number-changed": _error(
        "A6-3",
        "{label}与学籍库中的不一致；学籍号终身不变，请核对或留空。",
        "{label} differs from the register's, which never changes: correct it or leave it empty.",
    ),
    "student-number-of-another": _error(
        "A6-3",
        "{label}已属于学籍库中的另一学生，请核对或留空。",
        "{label} belongs to another pupil of the register: correct it or leave it empty.",
    ),
    # cross checks of section 8
    "birth-date-id": _error("A10-2", "{label}与身份证件号不一致。", "{label} differs from the identity number."),
    "sex-id": _error("A10-2", "{label}与身份证件号不一致。", "{label} differs from the identity number."),
    "nationality-id-type": _error(
        "A10-2", "持居民身份证的，{label}应为中国。", "{label} must be CHN with a resident identity card."
    ),
    "overseas-id-type": _error(
        "A10-2",
        "持港澳台或境外永久居住证件的，{label}不能为“否”。",
        "{label} cannot be 'no' with a document of Hong Kong, Macao or Taiwan.",
    ),
    "overseas-passport": _warning(
        "A10-2", "持护照的，{label}通常不为“否”，请核对。", "{label} is normally not 'no' with a passport."
    ),
    "guardian-none": _error("A9-2", "至少应有一名成员是监护人。", "At least one member must be a guardian."),
    "member-is-pupil": _error(
        "A10-2", "{label}与学生本人的证件号相同。", "{label} is the pupil's own document number."
    ),
    "members-same": _error("A10-2", "两名成员的证件号相同。", "Both members have one document number."),
    "relation-unusual": _warning("A10-2", "{label}不像是学生的监护人，请核对。", "{label} is unusual for a guardian."),
    "disability-missing": _error("A9-4", "是残疾学生，{label}为必填项。", "{label} is required for a disabled pupil."),
    "disability-unexpected": _error(
        "A9-4", "不是残疾学生，{label}应为空。", "{label} must be empty: the pupil is not disabled."
    ),
    "age-entry": _error(
        "A9-1", "入学当年 8 月 31 日未满规定年龄。", "Below the entry age on 31 August of the entry year."
    ),
    "age-below": _error("A10-2", "年龄小于该年级的最低年龄，请核对。", "Younger than the least age of the grade."),
    "age-above": _warning("A10-2", "年龄大于该年级的通常年龄，请核对。", "Older than usual for the grade."),
    "age-implausible": _error(
        "A10-2", "年龄超过该年级通常年龄五岁以上，请核对。", "More than five years older than usual for the grade."
    ),
    # the school
    "school-unknown": _error("A2-1", "{label}不在学校名册中。", "{label} is not a school of the register."),
    "school-not-allowed": _error("A3-2", "您无权为该校导入。", "You may not import for this school."),
    "school-closed": _error("A8-2", "该校已撤销，不能保有学籍。", "The school is closed and can hold no record."),
    "grade-stage": _error("A2-1", "{label}与该校学段不符。", "{label} is not of a stage that the school runs."),
    # duplicates
    "duplicate-row": _error("A6-1", "与前面的行完全相同。", "The row repeats an earlier one."),
    "duplicate-id": _error(
        "A6-1", "同一证件号在本文件中对应不同内容的多行。", "One document number stands in rows that differ."
    ),
    "duplicate-student-number": _error("A6-3", "同一学籍号在本文件中出现多次。", "One student number stands twice."),
    "duplicate-suspected": _error(
        "A6-1",
        "疑似重复：姓名、出生日期、监护人证件与另一学生相同，须由学籍主管部门判定。",
        "Suspected duplicate (same name, birth date and guardian's document): held for decision.",
    ),
    "id-of-another": _error(
        "A6-1", "{label}已登记在另一姓名之下，请核对。", "{label} is registered under another name."
    ),
    "held-elsewhere": _error(
        "A6-2",
        "该生学籍在其他学校，须办理转学，不能导入。",
        "Another school holds the record: it moves by a transfer, not by an import.",
    ),
    "record-closed": _error(
        "S-5", "该生学籍已终结或转出，不能由导入更改。", "The record is closed; an import cannot change it."
    ),
}
"""Every finding by its stable code."""

ERRORS = frozenset(code for code, kind in KINDS.items() if kind.severity == "error")
_WHOLE_ROW = ("此行", "The row")


def none() -> pl.DataFrame:
    """Return a frame without findings."""
    return pl.DataFrame(schema=SCHEMA)


def at(rows: pl.Series, field: str | None, code: str) -> pl.DataFrame:
    """Return one finding of ``code`` for each row number. Raises ``KeyError`` for a code not in the catalogue."""
    KINDS[code]
    if not len(rows):
        return none()
    return pl.DataFrame(
        {
            "row": rows.cast(pl.UInt32),
            "field": pl.repeat(field, len(rows), dtype=pl.String, eager=True),
            "code": pl.repeat(code, len(rows), dtype=pl.String, eager=True),
        }
    )


def join(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return all findings in order of row, each once."""
    found = [part for part in parts if len(part)]
    return pl.concat(found).unique(maintain_order=True).sort("row", maintain_order=True) if found else none()


def error_rows(findings: pl.DataFrame) -> pl.Series:
    """Return the distinct numbers of rows that have an error."""
    return findings.filter(pl.col("code").is_in(list(ERRORS)))["row"].unique()


def spell(findings: pl.DataFrame, fields: Mapping[str, Field], columns: Mapping[str, str]) -> list[Finding]:
    """Return the findings in words, in the frame's order. ``columns``: field code -> letters of its column."""
    spelled = []
    for row, code_of_field, code in findings.select("row", "field", "code").iter_rows():
        kind, known = KINDS[code], fields.get(code_of_field) if code_of_field else None
        label, label_en = (known.label, known.label_en) if known else _WHOLE_ROW
        spelled.append(
            Finding(
                row=row,
                field=code_of_field,
                severity=kind.severity,
                code=code,
                rule=kind.rule,
                message=kind.message.format(label=label),
                message_en=kind.message_en.format(label=label_en[:1].upper() + label_en[1:]),
                column=columns.get(code_of_field, "") if code_of_field else "",
            )
        )
    return spelled
