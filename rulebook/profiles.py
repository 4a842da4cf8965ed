"""Release profiles: config/release_profiles.toml. A profile that would give too much does not load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

from rulebook.columns import LEVELS, MASKED_COLUMNS, SHARING_COLUMNS, TEXT_COLUMNS
from rulebook.records import Hierarchy, Operation, ProfileField, ReleaseProfile
from rulebook.source import Sources, Table

FILE = "release_profiles.toml"
_ROLES = ("direct", "quasi", "sensitive", "ordinary")
_OPERATIONS = ("keep", "mask", "cut", "generalize", "pseudonymize", "drop")
_LEAST_K = 2
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
        fields.append(field)
    profile = ReleaseProfile(
        code=code,
        label=entry.text("label"),
        label_en=entry.text("label_en"),
        level=level,
        fields=tuple(fields),
        k=entry.optional_integer("k", least=_LEAST_K, most=10_000),
        l_diversity=entry.optional_integer("l_diversity", least=2, most=100),
        suppression_limit=entry.share("suppression_limit"),
        row_cap=entry.integer("row_cap", least=1, most=100_000_000),
        retention_days=entry.integer("retention_days", least=1, most=3_650),
    )
    if level == "anonymous" and profile.k is None:
        entry.fail(None, "level 'anonymous' needs k, the least size of a class / 匿名级别必须给出 k")
    if level != "anonymous" and (profile.k is not None or profile.l_diversity is not None):
        entry.fail(None, f"k and l_diversity are measured at level 'anonymous' only, not '{level}' / 仅匿名级别可设 k")
    if level == "pseudonymous" and not any(field.operation == "pseudonymize" for field in fields):
        entry.fail("fields", "level 'pseudonymous' needs a pseudonym of subject_ref / 去标识级别必须含假名列")
    entry.finish()
    return profile


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
    )
    if (operation == "generalize") != (field.hierarchy is not None):
        item.fail("operation", "a hierarchy belongs to 'generalize', and to nothing else / 泛化必须且仅能指定层级文件")
    if (operation == "cut") != (field.length is not None):
        item.fail("operation", "a length belongs to 'cut', and to nothing else / 截取必须且仅能指定长度")
    if field.hierarchy is not None:
        hierarchy = hierarchies.get(field.hierarchy)
        if hierarchy is None:
            item.fail("hierarchy", f"'{field.hierarchy}' is not a file of config/hierarchies / 没有此层级文件")
        if field.level is not None and field.level >= len(hierarchy.levels):
            item.fail("level", f"hierarchy '{hierarchy.name}' ends at level {len(hierarchy.levels) - 1} / 层级超出范围")
    elif field.level is not None:
        item.fail("level", "a level belongs to 'generalize' only / 仅泛化可设层级")
    item.finish()
    return field


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
    if operation == "drop" and level != "check":
        item.fail("operation", "a dropped field has no place in a file; remove it / 请删除此字段")
    if column == "birth_date":
        _check_birth_date(item, level, field)
    if level == "anonymous":
        _check_anonymous(item, field)


def _check_birth_date(item: Table, level: str, field: ProfileField) -> None:
    if level in ("check", "anonymous"):
        if field.operation not in ("drop", "generalize"):
            item.fail("operation", f"a birth date is not given at level '{level}' / 此级别不得提供出生日期")
        return
    whole = field.operation == "keep"
    long = field.operation == "cut" and (field.length or 0) > _YEAR_MONTH
    fine = field.operation == "generalize" and not field.level  # a search could choose level 0
    if whole or long or fine:
        item.fail("operation", "a full birth date never leaves in rows; generalise it / 不得提供完整出生日期")


def _check_anonymous(item: Table, field: ProfileField) -> None:
    if field.role == "direct":
        item.fail("role", "an anonymous release has no identifier / 匿名结果不含标识符")
    if field.column in TEXT_COLUMNS:
        item.fail("column", "free text has no place in an anonymous release / 匿名结果不含自由文本")
    if field.role == "quasi" and field.operation != "generalize":
        item.fail("operation", "a quasi-identifier is generalised, so that the search can reach k / 准标识符必须泛化")
