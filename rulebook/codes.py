"""The national code lists: config/code_lists/*.csv with their sources."""

from __future__ import annotations

from types import MappingProxyType

from rulebook.records import CodeList, RulebookError
from rulebook.source import Sources, Table

FOLDER = "code_lists"
NEEDED = frozenset(
    {
        "sex", "countries", "overseas_status", "ethnic_groups", "id_types", "grades", "political_status",
        "family_relation", "disability_types", "special_ed_placement", "school_category", "yes_no",
    }
)  # fmt: skip
"""Lists the programs ask for by name."""


def read_sources(sources: Sources, folder: str) -> dict[str, str]:
    """Return file stem -> ``source (licence)`` for every CSV file of a folder.

    Raises ``RulebookError`` when a file has no entry in ``sources.toml``, or an entry no file.
    """
    name = f"{folder}/sources.toml"
    root = sources.toml(name)
    files = {path.removeprefix(f"{folder}/").removesuffix(".csv") for path in sources.matching(folder, ".csv")}
    found: dict[str, str] = {}
    for stem, entry in root.entries():
        if stem not in files:
            entry.fail(None, f"there is no file {stem}.csv; remove the entry or restore the file / 没有对应的文件")
        found[stem] = _source(entry)
    if missing := sorted(files - found.keys()):
        raise RulebookError(
            f"{folder}/{missing[0]}.csv", None, f"add its source and licence to {name} / 请登记来源与许可"
        )
    return found


def _source(entry: Table) -> str:
    text = f"{entry.text('source')} ({entry.text('licence')})"
    entry.finish()
    return text


def read_code_lists(sources: Sources) -> dict[str, CodeList]:
    """Return all code lists by name. Raises ``RulebookError``."""
    named = read_sources(sources, FOLDER)
    if missing := sorted(NEEDED - named.keys()):
        raise RulebookError(f"{FOLDER}/{missing[0]}.csv", None, "the file is missing; restore it / 缺少此代码表")
    return {name: _read_list(sources, name, source) for name, source in named.items()}


def _read_list(sources: Sources, name: str, source: str) -> CodeList:
    labels: dict[str, str] = {}
    attributes: dict[str, MappingProxyType[str, str]] = {}
    for row in sources.csv(f"{FOLDER}/{name}.csv", ("code", "name")):
        code, label = row.text("code"), row.text("name")
        if code in labels:
            row.fail(f"code '{code}' stands twice; remove one / 代码重复")
        if label in labels.values():
            row.fail(f"label '{label}' stands twice; a form could not tell them apart / 名称重复")
        labels[code] = label
        attributes[code] = MappingProxyType({k: v for k, v in row.cells.items() if k not in ("code", "name")})
    return CodeList(name, source, MappingProxyType(labels), MappingProxyType(attributes))
