"""Layouts of workbooks: config/import_mappings/*.toml."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rulebook.records import CodeList, Field, ImportMapping, RulebookError
from rulebook.source import Sources, Table

FOLDER = "import_mappings"
TEMPLATE = "template"


def read_import_mappings(
    sources: Sources, fields: Mapping[str, Field], code_lists: Mapping[str, CodeList]
) -> dict[str, ImportMapping]:
    """Return all layouts by name. Raises ``RulebookError``; ``template`` must be there and hold all of Annex 1."""
    found = {}
    for file in sources.matching(FOLDER, ".toml"):
        name = file.removeprefix(f"{FOLDER}/").removesuffix(".toml")
        found[name] = _read(name, sources.toml(file), fields, code_lists)
    if TEMPLATE not in found:
        raise RulebookError(f"{FOLDER}/{TEMPLATE}.toml", None, "the file is missing; restore it / 缺少模板布局")
    for code, field in fields.items():
        if field.number is not None and code not in found[TEMPLATE].headers:
            raise RulebookError(f"{FOLDER}/{TEMPLATE}.toml", None, f"field '{code}' has no header / 模板缺少此项")
    return found


def _read(name: str, root: Table, fields: Mapping[str, Field], code_lists: Mapping[str, CodeList]) -> ImportMapping:
    mapping = ImportMapping(
        name=name,
        label=root.text("label"),
        verified=root.boolean("verified"),
        sheet=root.optional_text("sheet"),
        title_rows=root.integer("title_rows", least=0, most=20),
        headers=_read_headers(root.table("headers"), fields),
        values=_read_values(root.table("values"), fields, code_lists) if root.has("values") else MappingProxyType({}),
    )
    root.finish()
    return mapping


def _known(table: Table, code: str, fields: Mapping[str, Field]) -> Field:
    if code not in fields:
        table.fail(code, f"'{code}' is not a field of fields.toml / 没有此字段")
    return fields[code]


def _read_headers(table: Table, fields: Mapping[str, Field]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for code in table.keys():
        _known(table, code, fields)
        header = table.text(code)
        if header in found.values():
            table.fail(code, f"header '{header}' stands twice; a column can fill one field only / 表头重复")
        found[code] = header
    if not found:
        table.fail(None, "no header; name at least one / 没有表头")
    return MappingProxyType(found)


def _read_values(
    table: Table, fields: Mapping[str, Field], code_lists: Mapping[str, CodeList]
) -> Mapping[str, Mapping[str, str]]:
    found: dict[str, Mapping[str, str]] = {}
    for code in table.keys():
        field = _known(table, code, fields)
        if field.code_list is None:
            table.fail(code, "the field has no code list, so no value can be translated / 此字段没有代码表")
        inner = table.table(code)
        written: dict[str, str] = {}
        for value in inner.keys():
            target = inner.text(value)
            if target not in code_lists[field.code_list].labels:
                inner.fail(value, f"'{target}' is not a code of {field.code_list} / 不是该代码表中的代码")
            written[value] = target
        if not written:
            table.fail(code, "no value; remove the table / 没有值")
        found[code] = MappingProxyType(written)
    return MappingProxyType(found)
