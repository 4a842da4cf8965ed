"""What the registry's rules read: table ``[registry]`` of config/parameters.toml (section 10 of the rules)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from rulebook.records import Division, Field
from rulebook.registry_records import PlaceParameters, RegistryParameters
from rulebook.source import Table

STAGES = ("primary", "junior", "senior")
MATTERS = ("dropout", "person-record", "hollow-record", "fraud", "finding", "objection", "special-case")
CERTIFICATES = ("graduation", "completion", "incomplete", "education-proof")
PLACEHOLDERS = ("{issuer}", "{year}", "{serial}")
_MONTH_DAY = re.compile(r"(\d{2})-(\d{2})")
_YEAR = re.compile(r"20\d{2}")
# A leap year, so that 29 February is a day like others.
_ANY_YEAR = 2024
_CERTIFICATE_LENGTH = 60


def read_registry(
    table: Table, fields: Mapping[str, Field], divisions: Mapping[str, Division], class_size: Mapping[str, int]
) -> RegistryParameters:
    """Return what ``[registry]`` says for the rules of the chapters; ``class_size`` of the province is read before.

    Raises ``RulebookError``, also for a number outside the limits the rules set.
    """
    return RegistryParameters(
        entry_age=table.integer("entry_age", least=6, most=7),  # A9-1: never before six
        entry_by=_month_day(table, "entry_by"),
        transfer_days=_transfer_days(table),
        contacts=table.integer("contacts", least=2, most=10),  # A35-1: several are at least two
        semester_end_weeks=table.integer("semester_end_weeks", least=1, most=8),
        objection_days=table.integer("objection_days", least=1, most=30),
        cross_province_days=table.integer("cross_province_days", least=10, most=90),
        strict_last_grade=table.boolean("strict_last_grade"),
        superior_fields=table.references("superior_fields", fields, "a field of fields.toml"),
        gaokao_closing=_read_closing(table.table("gaokao_closing")),
        admission_areas=_read_areas(table.table("admission_areas"), divisions),
        five_four=_read_five_four(table, divisions),
        matter_days=_read_matters(table.table("matter_days")),
        certificate_numbers=_read_numbers(table.table("certificate_numbers")),
        serial_digits=table.integer("serial_digits", least=4, most=10),
        places=_read_places(table.table("places"), divisions, class_size),
    )


def read_class_size(table: Table) -> MappingProxyType[str, int]:
    """Return the standard class size of every stage. Raises ``RulebookError``."""
    found = {stage: _size(table, stage) for stage in STAGES}
    table.finish()
    return MappingProxyType(found)


def _size(table: Table, stage: str) -> int:
    return table.integer(stage, least=1, most=100)


def _transfer_days(table: Table) -> int:
    return table.integer("transfer_days", least=5, most=60)


def _month_day(table: Table, key: str) -> tuple[int, int]:
    text = table.text(key)
    found = _MONTH_DAY.fullmatch(text)
    try:
        day = date(_ANY_YEAR, int(found[1]), int(found[2])) if found else None
    except ValueError:
        day = None
    if day is None:
        table.fail(key, 'must be a month and a day like "08-31" / 应为“08-31”这样的月日')
    return day.month, day.day


def _place(table: Table, code: str, divisions: Mapping[str, Division]) -> None:
    unit = divisions.get(code)
    if unit is None or unit.level == "province":
        table.fail(code, f"'{code}' is not the code of a city or county / 不是市或县（区）的代码")


def _read_closing(table: Table) -> Mapping[int, date]:
    found: dict[int, date] = {}
    for key in table.keys():
        if not _YEAR.fullmatch(key):
            table.fail(key, "must be the year in which a school year begins / 应为学年开始的年份")
        day, year = table.day(key), int(key)
        if not date(year, 9, 1) <= day <= date(year + 1, 6, 6):
            table.fail(key, "must lie in the school year, before the examination / 应在该学年内、高考之前")
        found[year] = day
    return MappingProxyType(found)


def _read_areas(table: Table, divisions: Mapping[str, Division]) -> Mapping[str, str]:
    found = {}
    for code in table.keys():
        _place(table, code, divisions)
        found[code] = table.text(code, max_length=60)
    return MappingProxyType(found)


def _read_five_four(table: Table, divisions: Mapping[str, Division]) -> frozenset[str]:
    codes = table.texts("five_four", empty=True)
    for index, code in enumerate(codes):
        if code not in divisions:
            table.fail(("five_four", index), f"'{code}' is not the code of a division / 不是行政区划代码")
    return frozenset(codes)


def _read_matters(table: Table) -> Mapping[str, int]:
    found = {kind: table.integer(kind, least=1, most=250) for kind in MATTERS}
    table.finish()
    return MappingProxyType(found)


def _read_numbers(table: Table) -> Mapping[str, str]:
    """Return the patterns. What stands around the placeholders tells the kinds apart, so no two numbers are alike."""
    found: dict[str, str] = {}
    words: dict[str, str] = {}
    for kind in CERTIFICATES:
        pattern = table.text(kind, max_length=_CERTIFICATE_LENGTH - 20)
        rest = pattern
        for placeholder in PLACEHOLDERS:
            if pattern.count(placeholder) != 1:
                table.fail(kind, f"must hold {placeholder} exactly once / 应恰好含一次 {placeholder}")
            rest = rest.replace(placeholder, "")
        if re.search(r"[{}\d]", rest):
            table.fail(kind, "digits and other placeholders are not possible here / 不能含数字或其他占位符")
        if rest in words:
            table.fail(
                kind, f"reads like the numbers of '{words[rest]}'; change the words / 与另一类证书的编号不可区分"
            )
        words[rest] = kind
        found[kind] = pattern
    table.finish()
    return MappingProxyType(found)


def _read_places(
    table: Table, divisions: Mapping[str, Division], class_size: Mapping[str, int]
) -> Mapping[str, PlaceParameters]:
    found = {}
    for code in table.keys():
        _place(table, code, divisions)
        own = table.table(code)
        if not own.keys():
            table.fail(code, "sets nothing; remove it / 没有设定任何值，请删除")
        sizes: dict[str, int] = {}
        if own.has("class_size"):
            listed = own.table("class_size")
            sizes = {stage: _size(listed, stage) for stage in class_size if listed.has(stage)}
            listed.finish()
        found[code] = PlaceParameters(
            transfer_days=_transfer_days(own) if own.has("transfer_days") else None,
            entry_by=_month_day(own, "entry_by") if own.has("entry_by") else None,
            class_size=MappingProxyType(sizes),
        )
        own.finish()
    return MappingProxyType(found)
