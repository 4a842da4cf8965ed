"""Generalisation hierarchies: config/hierarchies/*.toml. Each is proven to be a tree over all codes of its list."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from rulebook.columns import SHARING_COLUMNS
from rulebook.records import CodeList, Hierarchy, HierarchyRule, RulebookError
from rulebook.source import Sources, Table

TOP = "*"
_RULES = ("table", "division", "date", "school_date", "prefix", "school")
_COMPUTED = {
    "division": ("county", "city", "province", TOP),
    "date": ("day", "month", "quarter", "year", "3 years", TOP),
    "school": ("school", "type in county", "county", "city", "province", TOP),
}
_FINER = ("village", "township")
"""Levels that may stand before those of a division, finest first."""
SCHOOL_DATE = ("day", "month", "quarter", "semester", "school year", "3 years", "stage", TOP)
"""What the rule ``school_date`` offers, in order; quarter and semester cross, so that one of them is left out."""
STAGES = ("primary", "junior", "senior")
_SHOWN = 3


def read_hierarchies(sources: Sources, code_lists: Mapping[str, CodeList]) -> dict[str, Hierarchy]:
    """Return all hierarchies by name. Raises ``RulebookError``."""
    files = sources.matching("hierarchies", ".toml")
    if not files:
        raise RulebookError("hierarchies", None, "no hierarchy; an empty set is refused / 缺少泛化层级文件")
    found = {}
    for file in files:
        name = file.removeprefix("hierarchies/").removesuffix(".toml")
        found[name] = _read(name, sources.toml(file), code_lists)
    return found


def _read(name: str, root: Table, code_lists: Mapping[str, CodeList]) -> Hierarchy:
    rule = cast(HierarchyRule, root.choice("rule", _RULES))
    levels = root.texts("levels")
    if levels[-1] != TOP or len(levels) == 1:
        root.fail("levels", "the first level is the value itself, the last is '*' / 最后一级应为 *")
    _check_levels(root, rule, levels)
    school_year, bands = _read_school_years(root, levels) if rule == "school_date" else (None, ())
    listed = root.optional_text("code_list") if rule == "table" else None
    if listed is not None and listed not in code_lists:
        root.fail("code_list", f"'{listed}' is not a file of code_lists{_near(listed, code_lists)} / 没有此代码表")
    table = _read_table(root.table("table"), levels, code_lists.get(listed or "")) if rule == "table" else None
    hierarchy = Hierarchy(
        name,
        rule,
        levels,
        table,
        names=_read_names(root, levels),
        code_list=listed,
        school_year=school_year,
        bands=bands,
        companion=_read_companion(root) if rule == "school" else None,
    )
    root.finish()
    return hierarchy


def _check_levels(root: Table, rule: HierarchyRule, levels: tuple[str, ...]) -> None:
    if rule == "prefix":
        _check_prefixes(root, levels)
    elif rule == "school_date":
        _check_school_date(root, levels)
    elif rule == "division":
        finer = levels[: -len(_COMPUTED[rule])]
        if levels[len(finer) :] != _COMPUTED[rule] or finer not in ((), _FINER[1:], _FINER):
            root.fail(
                "levels",
                f"rule 'division' has the levels {', '.join(_COMPUTED[rule])}; "
                f"township, or village and township, may stand before them / 层级与规则不符",
            )
    elif rule in _COMPUTED and levels != _COMPUTED[rule]:
        root.fail("levels", f"rule '{rule}' has the levels {', '.join(_COMPUTED[rule])} / 层级与规则不符")


def _check_prefixes(root: Table, levels: tuple[str, ...]) -> None:
    """Check that the labels of a prefix rule are the numbers of leading characters kept, falling."""
    last = 10_000
    for index, level in enumerate(levels[:-1]):
        if not level.isascii() or not level.isdigit() or not 0 < int(level) < last:
            root.fail(("levels", index), "must be a number of characters, smaller than before / 应为递减的字符数")
        last = int(level)


def _check_school_date(root: Table, levels: tuple[str, ...]) -> None:
    """Check that the levels are offered, in order, begin with a date or month, and do not cross."""
    for index, level in enumerate(levels):
        if level not in SCHOOL_DATE:
            near = _near(level, SCHOOL_DATE)
            root.fail(("levels", index), f"is none of {', '.join(SCHOOL_DATE)}{near} / 没有此级别")
    if list(levels) != sorted(levels, key=SCHOOL_DATE.index) or levels[0] not in ("day", "month"):
        root.fail("levels", f"begin with day or month and go up: {', '.join(SCHOOL_DATE)} / 级别应由细到粗")
    if "quarter" in levels and "semester" in levels:
        root.fail("levels", "a quarter may lie in two semesters; leave one of them out / 季度与学期交叉，只能取其一")


def _read_school_years(root: Table, levels: tuple[str, ...]) -> tuple[int | None, tuple[tuple[int, ...], ...]]:
    """Return the school year of reference and the bands of each stage, where the levels need them."""
    if not {"3 years", "stage"} & set(levels):
        return None, ()
    year = root.integer("school_year", least=2000, most=2100)
    if "stage" not in levels:
        return year, ()
    stages = root.table("bands")
    bands = tuple(tuple(stages.integers(stage, least=1, most=9)) for stage in STAGES)
    stages.finish()
    return year, bands


def _read_names(root: Table, levels: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the Chinese and English name of every level; none where the file gives none."""
    if not root.has("names"):
        return ()
    names = root.table("names")
    if names.keys() != levels:
        names.fail(None, f"name the levels {', '.join(levels)}, in this order / 应依次为各级别命名")
    found = []
    for level in levels:
        both = names.texts(level)
        if len(both) != 2:  # noqa: PLR2004  Chinese and English
            names.fail(level, 'two names: ["中文", "English"] / 应为中文、英文两个名称')
        found.append((both[0], both[1]))
    return tuple(found)


def _read_companion(root: Table) -> str:
    column = root.text("companion")
    if column not in SHARING_COLUMNS:
        root.fail("companion", f"'{column}' is not a column of the sharing view / 共享视图没有此列")
    return column


def _read_table(
    table: Table, levels: tuple[str, ...], listed: CodeList | None
) -> MappingProxyType[str, tuple[str, ...]]:
    """Return leaf -> values at levels 1, 2, … the top included. The file leaves the top out."""
    middle = len(levels) - 2
    found: dict[str, tuple[str, ...]] = {}
    parents: dict[tuple[int, str], tuple[str, ...]] = {}
    for leaf in table.keys():
        if listed is not None and leaf not in listed.labels:
            table.fail(leaf, f"'{leaf}' is not a code of {listed.name}{_meant(leaf, listed)} / 代码表中没有此代码")
        values = table.texts(leaf, empty=True, repeated=True)
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
    if listed is not None and (absent := [code for code in listed.labels if code not in found]):
        shown = ", ".join(f"{code} {listed.labels[code]}" for code in absent[:_SHOWN])
        more = f" and {len(absent) - _SHOWN} more" if len(absent) > _SHOWN else ""
        table.fail(None, f"codes of {listed.name} are missing: {shown}{more}; add a line for each / 缺少代码，请补全")
    return MappingProxyType(found)


def _meant(leaf: str, listed: CodeList) -> str:
    """Return a suggestion for a leaf that is no code: the code whose label it is, or the nearest one."""
    by_label = {label: code for code, label in listed.labels.items()}
    if leaf in by_label:
        return f"; did you mean {by_label[leaf]}?"
    padded = leaf.zfill(max(len(code) for code in listed.labels))
    return f"; did you mean {padded}?" if padded in listed.labels else _near(leaf, listed.labels)


def _near(written: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    likely = difflib.get_close_matches(written, list(known), n=1)
    return f"; did you mean '{likely[0]}'?" if likely else ""
