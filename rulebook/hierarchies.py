"""Generalisation hierarchies: config/hierarchies/*.toml."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal, cast

from rulebook.records import Hierarchy, RulebookError
from rulebook.source import Sources, Table

TOP = "*"
_RULES = ("table", "division", "date", "prefix")
_COMPUTED = {
    "division": ("county", "city", "province", TOP),
    "date": ("day", "month", "quarter", "year", "3 years", TOP),
}


def read_hierarchies(sources: Sources) -> dict[str, Hierarchy]:
    """Return all hierarchies by name. Raises ``RulebookError``."""
    files = sources.matching("hierarchies", ".toml")
    if not files:
        raise RulebookError("hierarchies", None, "no hierarchy; an empty set is refused / 缺少泛化层级文件")
    found = {}
    for file in files:
        name = file.removeprefix("hierarchies/").removesuffix(".toml")
        found[name] = _read(name, sources.toml(file))
    return found


def _read(name: str, root: Table) -> Hierarchy:
    rule = cast(Literal["table", "division", "date", "prefix"], root.choice("rule", _RULES))
    levels = root.texts("levels")
    if levels[-1] != TOP or len(levels) == 1:
        root.fail("levels", "the first level is the value itself, the last is '*' / 最后一级应为 *")
    if rule in _COMPUTED and levels != _COMPUTED[rule]:
        root.fail("levels", f"rule '{rule}' has the levels {', '.join(_COMPUTED[rule])} / 层级与规则不符")
    if rule == "prefix":
        _check_prefixes(root, levels)
    table = _read_table(root.table("table"), levels) if rule == "table" else None
    root.finish()
    return Hierarchy(name, rule, levels, table)


def _check_prefixes(root: Table, levels: tuple[str, ...]) -> None:
    """Check that the labels of a prefix rule are the numbers of leading characters kept, falling."""
    last = 10_000
    for index, level in enumerate(levels[:-1]):
        if not level.isascii() or not level.isdigit() or not 0 < int(level) < last:
            root.fail(("levels", index), "must be a number of characters, smaller than before / 应为递减的字符数")
        last = int(level)


def _read_table(table: Table, levels: tuple[str, ...]) -> MappingProxyType[str, tuple[str, ...]]:
    """Return leaf -> values at levels 1, 2, … the top included. The file leaves the top out."""
    middle = len(levels) - 2
    found: dict[str, tuple[str, ...]] = {}
    parents: dict[tuple[int, str], tuple[str, ...]] = {}
    for leaf in table.keys():
        values = table.texts(leaf, empty=True)
        if len(values) != middle:
            table.fail(leaf, f"{len(values)} values, the levels between need {middle} / 值的个数与层级数不符")
        for index, value in enumerate(values):
            # Levels must nest, else a coarser level could tell apart what a finer one had joined.
            above = values[index + 1 :]
            if parents.setdefault((index, value), above) != above:
                table.fail(leaf, f"'{value}' lies under two different values above it / 上级值不唯一")
        found[leaf] = (*values, TOP)
    if not found:
        table.fail(None, "the table is empty; name every value / 表不能为空")
    return MappingProxyType(found)
