"""Release profiles: config/release_profiles.toml. A profile that would give too much does not load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, cast

from rulebook.columns import (
    CASE_LIST_ROWS,
    COUNTABLE_COLUMNS,
    LEVELS,
    MASKED_COLUMNS,
    NUMBER_COLUMNS,
    SHARING_COLUMNS,
    TEXT_COLUMNS,
)
from rulebook.records import Hierarchy, ModelDemand, Objective, Operation, ProfileField, Recoding, ReleaseProfile
from rulebook.source import Sources, Table

FILE = "release_profiles.toml"
_ROLES = ("direct", "quasi", "sensitive", "ordinary")
_OPERATIONS = ("keep", "mask", "cut", "round", "generalize", "pseudonymize", "redact", "suppress", "drop")
_OBJECTIVES = ("loss", "discernibility", "entropy")
_RECODINGS = ("global", "local")
_MODELS = ("distinct_l", "entropy_l", "recursive", "t", "alpha")
_LEAST_K = 2
_MOST_L = 100
_TOO_FINE = ("day", "month", "quarter", "*")
_YEAR_MONTH = 7  # YYYY-MM: what ``cut`` may leave of a birth date beside masks


def read_profiles(sources: Sources, hierarchies: Mapping[str, Hierarchy]) -> dict[str, ReleaseProfile]:
    """Return all profiles by code. Raises ``RulebookError``, also for a profile that breaks a rule of its level."""
    return {code: _read(code, entry, hierarchies) for code, entry in sources.toml(FILE).entries()}


def _read(code: str, entry: Table, hierarchies: Mapping[str, Hierarchy]) -> ReleaseProfile:
    level = entry.choice("level", LEVELS)
    fields: list[ProfileField] = []
    for item in entry.tables("fields"):
        field = _read_field(item, hierarchies)
        if any(field.name == other.name for other in fields):
            item.fail("name", f"'{field.name}' stands twice; remove one / 字段重复")
        _check_level(item, level, field)
        if level == "statistics" and field.hierarchy is not None and field.level is not None:
            _check_finest(item, hierarchies[field.hierarchy].levels[field.level])
        fields.append(field)
    profile = ReleaseProfile(
        code=code,
        label=entry.text("label"),
        label_en=entry.text("label_en"),
        level=level,
        fields=tuple(fields),
        k=entry.optional_integer("k", least=_LEAST_K, most=10_000),
        l_diversity=entry.optional_integer("l_diversity", least=2, most=_MOST_L),
        suppression_limit=entry.share("suppression_limit"),
        row_cap=entry.integer("row_cap", least=1, most=100_000_000),
        retention_days=entry.integer("retention_days", least=1, most=3_650),
        t_closeness=entry.optional_number("t_closeness", least=0, most=1),
        objective=cast(Objective, entry.choice("objective", _OBJECTIVES)) if entry.has("objective") else "loss",
        recoding=cast(Recoding, entry.choice("recoding", _RECODINGS)) if entry.has("recoding") else "global",
        demands=_read_demands(entry, fields, hierarchies),
        longitudinal=entry.has("longitudinal") and entry.boolean("longitudinal"),
    )
    if level == "anonymous" and profile.k is None:
        entry.fail(None, "level 'anonymous' needs k, the least size of a class / 匿名级别必须给出 k")
    if level != "anonymous" and (profile.k is not None or profile.l_diversity is not None):
        entry.fail(None, f"k and l_diversity are measured at level 'anonymous' only, not '{level}' / 仅匿名级别可设 k")
    if level != "anonymous" and (key := _measured(entry)):
        entry.fail(key, f"belongs to level 'anonymous', not to '{level}': nothing is measured there / 仅限匿名级别")
    if profile.t_closeness is not None and any(demand.t_tree is not None for demand in profile.demands):
        entry.fail("t_closeness", "is of equal distances; leave it out beside a tree for t / 与 t_tree 不能并用")
    if level == "masked" and profile.row_cap > CASE_LIST_ROWS:
        entry.fail("row_cap", f"level 'masked' is for case lists, {CASE_LIST_ROWS} rows at most / 脱敏仅限个案名单")
    if profile.longitudinal and level != "pseudonymous":
        entry.fail("longitudinal", "only pseudonyms can stay the same; level 'pseudonymous' has them / 仅限去标识级别")
    if level == "pseudonymous" and not any(field.operation == "pseudonymize" for field in fields):
        entry.fail("fields", "level 'pseudonymous' needs a pseudonym of subject_ref / 去标识级别必须含假名列")
    entry.finish()
    return profile


def _measured(entry: Table) -> str | None:
    """Return the first key that says what is measured or searched, beyond k and l; ``None`` when there is none."""
    return next((key for key in ("t_closeness", "objective", "recoding", "demands") if entry.has(key)), None)


def _read_demands(
    entry: Table, fields: list[ProfileField], hierarchies: Mapping[str, Hierarchy]
) -> tuple[ModelDemand, ...]:
    if not entry.has("demands"):
        return ()
    sensitive = {field.name for field in fields if field.role == "sensitive"}
    found: dict[str, ModelDemand] = {}
    for item in entry.tables("demands"):
        demand = _read_demand(item, hierarchies)
        if demand.column not in sensitive:
            item.fail("column", f"'{demand.column}' is not a sensitive field of this profile / 不是本方案的敏感字段")
        if demand.column in found:
            item.fail("column", f"'{demand.column}' stands twice; write one demand for it / 字段重复")
        found[demand.column] = demand
    return tuple(found.values())


def _read_demand(item: Table, hierarchies: Mapping[str, Hierarchy]) -> ModelDemand:
    demand = ModelDemand(
        column=item.text("column"),
        distinct_l=item.optional_integer("distinct_l", least=2, most=_MOST_L),
        entropy_l=item.optional_number("entropy_l", least=1, most=_MOST_L),
        recursive=_read_recursive(item),
        t=item.optional_number("t", least=0, most=1),
        t_tree=item.optional_text("t_tree"),
        alpha=item.optional_number("alpha", least=0, most=1),
    )
    if not any(item.has(key) for key in _MODELS):
        item.fail(None, f"demands nothing; give one of {', '.join(_MODELS)} / 未提出任何要求")
    if demand.alpha is not None and not demand.alpha:
        item.fail("alpha", "must be above 0: no class can hold less than none of a value / 应大于 0")
    if demand.t_tree is not None and demand.t is None:
        item.fail("t_tree", "a tree belongs to t; give t too / 树形距离须同时给出 t")
    if demand.t_tree is not None and demand.t_tree not in hierarchies:
        item.fail("t_tree", f"'{demand.t_tree}' is not a file of config/hierarchies / 没有此层级文件")
    item.finish()
    return demand


def _read_recursive(item: Table) -> tuple[float, int] | None:
    if not item.has("recursive"):
        return None
    pair = item.table("recursive")
    c = pair.optional_number("c", least=0, most=1_000_000)
    if not c:
        pair.fail("c" if pair.has("c") else None, "recursive (c, l) needs c above 0 / 须给出大于 0 的 c")
    size = pair.integer("l", least=2, most=_MOST_L)
    pair.finish()
    return c, size


def _read_field(item: Table, hierarchies: Mapping[str, Hierarchy]) -> ProfileField:
    column = item.text("column")
    if column not in SHARING_COLUMNS:
        item.fail("column", f"'{column}' is not a column of the sharing view / 共享视图没有此列")
    operation = cast(Operation, item.choice("operation", _OPERATIONS))
    field = ProfileField(
        name=item.text("name"),
        column=column,
        label=item.text("label"),
        role=cast(Literal["direct", "quasi", "sensitive", "ordinary"], item.choice("role", _ROLES)),
        operation=operation,
        hierarchy=item.optional_text("hierarchy"),
        level=item.optional_integer("level", least=0, most=20),
        length=item.optional_integer("length", least=1, most=100),
        unit=item.optional_integer("unit", least=2, most=1_000_000_000),
    )
    if (operation == "generalize") != (field.hierarchy is not None):
        item.fail("operation", "a hierarchy belongs to 'generalize', and to nothing else / 泛化必须且仅能指定层级文件")
    if (operation == "cut") != (field.length is not None):
        item.fail("operation", "a length belongs to 'cut', and to nothing else / 截取必须且仅能指定长度")
    if (operation == "round") != (field.unit is not None):
        item.fail("operation", "a unit belongs to 'round', and to nothing else / 取整必须且仅能指定单位")
    if operation == "round" and column not in NUMBER_COLUMNS:
        item.fail("operation", f"'{column}' holds no numbers, so it cannot be rounded / 该列不是数值，不能取整")
    if (operation == "redact") != (column in TEXT_COLUMNS) and operation not in ("drop", "suppress"):
        item.fail("operation", "free text leaves by 'redact', and nothing else does / 自由文本且仅自由文本须用 redact")
    if field.hierarchy is not None:
        field = _with_hierarchy(item, field, hierarchies.get(field.hierarchy))
    elif field.level is not None:
        item.fail("level", "a level belongs to 'generalize' only / 仅泛化可设层级")
    item.finish()
    return field


def _with_hierarchy(item: Table, field: ProfileField, hierarchy: Hierarchy | None) -> ProfileField:
    """Return ``field`` with what its hierarchy says: the words of a fixed level, and a second column to stand on."""
    if hierarchy is None:
        item.fail("hierarchy", f"'{field.hierarchy}' is not a file of config/hierarchies / 没有此层级文件")
    if field.level is not None:
        if field.level >= len(hierarchy.levels):
            item.fail("level", f"hierarchy '{hierarchy.name}' ends at level {len(hierarchy.levels) - 1} / 层级超出范围")
        field = replace(field, level_words=hierarchy.words(field.level))
    if hierarchy.companion is None:
        return field
    if field.column != "school_code":
        item.fail("hierarchy", f"'{hierarchy.name}' is for school_code / 此层级仅用于学校标识码")
    return replace(field, column=f"{field.column}@{hierarchy.companion}")


def _check_level(item: Table, level: str, field: ProfileField) -> None:
    """Refuse what a level must never give (design 5 and 6)."""
    column, operation = field.column, field.operation
    if column == "subject_ref" and (operation != "pseudonymize" or level not in ("pseudonymous", "match")):
        item.fail("operation", "subject_ref leaves as a pseudonym at level 'pseudonymous' only / 只能以假名离开")
    if operation == "pseudonymize" and column != "subject_ref":
        item.fail("operation", "a pseudonym is made of subject_ref only / 假名只能由 subject_ref 生成")
    if column in MASKED_COLUMNS and (level != "masked" or operation != "mask"):
        item.fail("column", "a masked identifier leaves at level 'masked' by operation 'mask' only / 仅限脱敏级别")
    if column not in MASKED_COLUMNS and operation == "mask":
        item.fail("operation", "'mask' is for the *_masked columns / 掩码仅用于掩码列")
    if "@" in column and level not in ("anonymous", "pseudonymous"):
        item.fail("hierarchy", "a school with its county is for 'anonymous' and 'pseudonymous' / 仅限匿名、去标识级别")
    if level == "statistics":
        _check_statistics(item, field)
    if operation == "drop" and level not in ("check", "statistics"):
        item.fail("operation", "a dropped field has no place in a file; remove it / 请删除此字段")
    if column == "birth_date":
        _check_birth_date(item, level, field)
    if level == "anonymous":
        _check_anonymous(item, field)


def _check_birth_date(item: Table, level: str, field: ProfileField) -> None:
    if level in ("check", "anonymous", "statistics"):
        if field.operation not in ("drop", "generalize"):
            item.fail("operation", f"a birth date is not given at level '{level}' / 此级别不得提供出生日期")
        return
    whole = field.operation == "keep"
    long = field.operation == "cut" and (field.length or 0) > _YEAR_MONTH
    fine = field.operation == "generalize" and not field.level  # a search could choose level 0
    if whole or long or fine:
        item.fail("operation", "a full birth date never leaves in rows; generalise it / 不得提供完整出生日期")


def _check_statistics(item: Table, field: ProfileField) -> None:
    """Refuse what cannot be counted by: whose values are no public list, or point at a person."""
    if field.operation == "drop":
        if field.column != "birth_date":
            item.fail("operation", "'drop' stands for a mean, and only the age has one / drop 表示均值，目前仅限年龄")
        return
    if field.role == "direct" or field.column not in COUNTABLE_COLUMNS:
        item.fail("column", "its values are no public code list, so it cannot be counted by / 没有公开代码表，不能统计")
    if field.operation not in ("keep", "generalize"):
        item.fail("operation", "statistics count by 'keep' or 'generalize' / 统计仅限 keep 或 generalize")
    if field.operation == "generalize" and field.level is None:
        item.fail("level", "needs the finest level by which may be counted / 须给出可统计的最细层级")


def _check_finest(item: Table, name: str) -> None:
    if name in _TOO_FINE:
        item.fail("level", f"'{name}' is no level to count by; take one between / 不得按该层级统计")


def _check_anonymous(item: Table, field: ProfileField) -> None:
    if field.role == "direct":
        item.fail("role", "an anonymous release has no identifier / 匿名结果不含标识符")
    if field.column in TEXT_COLUMNS:
        item.fail("column", "free text has no place in an anonymous release / 匿名结果不含自由文本")
    if field.role == "quasi" and field.operation != "generalize":
        item.fail("operation", "a quasi-identifier is generalised, so that the search can reach k / 准标识符必须泛化")
