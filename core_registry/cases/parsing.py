"""Raw values of a form or of JSON into the typed values of a request; an error names the value, never what it holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from core_registry.domain.procedures import Procedure
from core_registry.domain.requests import Value, ValueSpec, ValueType
from core_registry.domain.terms import YEAR_OF_GRADE
from core_registry.errors import ValuesError

_SCHOOL, _DIVISION = re.compile(r"[0-9]{10}"), re.compile(r"[0-9]{6}")
_YES, _NO = frozenset({"true", "yes", "1", "on", "是"}), frozenset({"false", "no", "0", "off", "否"})
_LARGEST = 10**9
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
"""Periods are counted from days; beyond these years a calendar would run out."""


def parse_values(procedure: Procedure, raw: Mapping[str, object]) -> dict[str, Value]:
    """Return the values of ``raw`` that ``procedure`` takes.

    Raises ``ValuesError``, which lists every value that is unknown, missing, too long or of another type.
    """
    specs = {spec.name: spec for spec in procedure.fields}
    problems: dict[str, tuple[str, str]] = {
        name[:60]: ("没有这个栏目", "there is no such value") for name in raw if name not in specs
    }
    values: dict[str, Value] = {}
    for name, spec in specs.items():
        given = raw.get(name)
        if given is None or (isinstance(given, str) and not given.strip()):
            continue
        try:
            values[name] = _parse(spec, given)
        except ValueError as error:
            zh, en = error.args
            problems[name] = (f"{spec.zh}：{zh}", en)
    for name, spec in specs.items():
        if name not in values and name not in problems and _required(spec, values):
            problems[name] = (f"{spec.zh}：必填", "is required")
    if problems:
        raise ValuesError(problems)
    return values


def _required(spec: ValueSpec, values: Mapping[str, Value]) -> bool:
    if not spec.required:
        return False
    if spec.when is None:
        return True
    other, among = spec.when
    given = values.get(other)
    return (str(given).lower() if isinstance(given, bool) else given) in among


def _parse(spec: ValueSpec, given: object) -> Value:
    match spec.kind:
        case ValueType.BOOLEAN:
            return _boolean(given)
        case ValueType.INTEGER:
            return _integer(given)
        case ValueType.DATE:
            return _day(given)
        case _:
            return _text(spec, given)


def _boolean(given: object) -> bool:
    text = str(given).strip().lower()
    if text in _YES or text in _NO:
        return text in _YES
    raise ValueError("请填“是”或“否”", "must be true or false")


def _integer(given: object) -> int:
    try:
        number = int(str(given).strip()) if not isinstance(given, bool | float) else None
    except ValueError:
        number = None
    if number is None or not 0 <= number <= _LARGEST:
        raise ValueError("请填整数", "must be a whole number from 0")
    return number


def _day(given: object) -> date:
    try:
        found = given if isinstance(given, date) else date.fromisoformat(str(given).strip())
    except ValueError:
        raise ValueError("日期格式应为 2026-09-01", "must be a date like 2026-09-01") from None
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise ValueError(f"年份应为 {_FIRST_YEAR} 至 {_LAST_YEAR}", f"must lie in {_FIRST_YEAR} to {_LAST_YEAR}")
    return found


def _text(spec: ValueSpec, given: object) -> str:
    if not isinstance(given, str):
        raise ValueError("应为文字", "must be a text")  # noqa: TRY004  one error for every unfit value
    text = given.strip()
    if len(text) > spec.longest or not text.isprintable():
        raise ValueError(f"不超过 {spec.longest} 字，且不含控制字符", f"at most {spec.longest} printable characters")
    if spec.kind is ValueType.CHOICE and text not in spec.choices:
        zh = "、".join(label for label, _ in spec.choices.values())
        raise ValueError(f"只能是：{zh}", f"must be one of {', '.join(spec.choices)}")
    if spec.kind is ValueType.SCHOOL and not _SCHOOL.fullmatch(text):
        raise ValueError("应为 10 位学校标识码", "must be a school code of ten digits")
    if spec.kind is ValueType.DIVISION and not _DIVISION.fullmatch(text):
        raise ValueError("应为 6 位行政区划代码", "must be a division code of six digits")
    if spec.kind is ValueType.GRADE and text not in YEAR_OF_GRADE:
        raise ValueError("没有这个年级代码", "must be a grade code")
    return text
