"""The catalogue of fields: config/fields.toml (Annex 1 and registry facts)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

from rulebook.columns import MASKS, SHARING_COLUMNS
from rulebook.records import CodeList, Field, FieldClass, RulebookError
from rulebook.source import Sources, Table

FILE = "fields.toml"
ANNEX_ITEMS = 37
_REQUIRED = ("always", "second_member", "disability", "optional")


def read_fields(sources: Sources, code_lists: Mapping[str, CodeList]) -> dict[str, Field]:
    """Return all fields by code, in the order of the file.

    Raises ``RulebookError`` also when an item of Annex 1 is missing, a header could mean two fields, or a column of
    the sharing view belongs to none: nothing is released that was not classified.
    """
    root = sources.toml(FILE)
    found: dict[str, Field] = {}
    headers: dict[str, str] = {}
    for code, entry in root.entries():
        field = _read_field(code, entry, code_lists)
        for header in (field.label, *field.headers):
            if header in headers:
                entry.fail(None, f"header '{header}' also means '{headers[header]}'; keep one / 表头名称重复")
            headers[header] = code
        found[code] = field
    _check_numbers(root, found)
    held = {column for field in found.values() for column in field.sharing}
    if unclassified := sorted(SHARING_COLUMNS - held):
        problem = f"column '{unclassified[0]}' of the sharing view belongs to no field / 共享视图的列没有分类"
        raise RulebookError(FILE, None, problem)
    return found


def _read_field(code: str, entry: Table, code_lists: Mapping[str, CodeList]) -> Field:
    number = entry.optional_integer("number", least=1, most=ANNEX_ITEMS)
    code_list = entry.optional_text("code_list")
    if code_list is not None and code_list not in code_lists:
        entry.fail("code_list", f"'{code_list}' is not a file of config/code_lists / 没有此代码表")
    cls = FieldClass(entry.choice("class", tuple(FieldClass)))
    sharing = entry.texts("sharing", empty=True)
    for index, column in enumerate(sharing):
        if column not in SHARING_COLUMNS:
            entry.fail(("sharing", index), f"'{column}' is not a column of the sharing view / 共享视图没有此列")
    if cls is FieldClass.NEVER and sharing:
        entry.fail("sharing", "a field of class 'never' has no form in the sharing view / 不得共享的字段")
    if cls in {FieldClass.DIRECT, FieldClass.NEVER} and not entry.has("mask"):
        entry.fail(None, f"class '{cls}' needs a mask: how it is shown, if ever / 此类信息项必须指定掩码")
    if cls is FieldClass.DIRECT and code in sharing:
        entry.fail("sharing", "a direct identifier is shared in a desensitised form only / 直接标识符不得原样共享")
    field = Field(
        code=code,
        number=number,
        label=entry.text("label"),
        label_en=entry.text("label_en"),
        code_list=code_list,
        required=cast(
            Literal["always", "second_member", "disability", "optional"], entry.choice("required", _REQUIRED)
        ),
        cls=cls,
        sharing=sharing,
        max_length=entry.optional_integer("max_length", least=1, most=10_000),
        headers=entry.texts("headers") if entry.has("headers") else (),
        mask=entry.choice("mask", MASKS) if entry.has("mask") else None,
    )
    entry.finish()
    return field


def _check_numbers(root: Table, fields: Mapping[str, Field]) -> None:
    holders: dict[int, str] = {}
    for code, field in fields.items():
        if field.number is None:
            continue
        if field.number in holders:
            root.fail((code, "number"), f"item {field.number} is '{holders[field.number]}' already / 序号重复")
        holders[field.number] = code
    for number in range(1, ANNEX_ITEMS + 1):
        if number not in holders:
            raise RulebookError(FILE, None, f"item {number} of Annex 1 is missing; add it / 缺少附件1第 {number} 项")
