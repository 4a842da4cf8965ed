"""The fields of Annex 1 as values of a request, by the field codes of ``config/fields.toml``.

Codes of national lists are texts here: whether a code stands in its list, and the cross checks of section 8, are judged
by the Annex 1 checks (``core_registry.intake``), whose findings reach a rule as ``facts.findings`` (A9-2, A10-2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from core_registry.domain.requests import Request, Value, ValueSpec, ValueType

_TEXT, _DATE, _YES_NO, _GRADE = ValueType.TEXT, ValueType.DATE, ValueType.BOOLEAN, ValueType.GRADE
_CODE_LENGTH = 8
_NUMBERED = frozenset("123456789AB")
"""Types of document with a number; ``Z`` (no document) may go without (Q-11)."""
_DISABLED = ("disability", frozenset({"true"}))
_OPEN_FIELDS = frozenset({"grade", "class_name"})
"""What a record says openly; every other field speaks of a person."""


def _field(
    name: str,
    zh: str,
    en: str,
    kind: ValueType = _TEXT,
    longest: int = _CODE_LENGTH,
    *,
    required: bool = True,
    when: tuple[str, frozenset[str]] | None = None,
) -> ValueSpec:
    return ValueSpec(name, kind, zh, en, required, name not in _OPEN_FIELDS, {}, when, longest)


def _member(number: int, word: str, *, required: bool) -> tuple[ValueSpec, ...]:
    """Return the nine fields of a family member (nos. 18-26, 27-35). Of a second one none is required here (Q-12)."""
    prefix, zh, en = f"member{number}_", f"成员{word}", f"member {number}: "
    numbered = (f"{prefix}id_type", _NUMBERED) if required else None
    return (
        _field(f"{prefix}name", f"{zh}姓名", f"{en}name", longest=36, required=required),
        _field(f"{prefix}relation", f"{zh}关系", f"{en}relation to the pupil", required=required),
        _field(f"{prefix}guardian", f"{zh}是否监护人", f"{en}is a guardian", _YES_NO, required=required),
        _field(f"{prefix}ethnicity", f"{zh}民族", f"{en}ethnic group", required=False),
        _field(f"{prefix}id_type", f"{zh}身份证件类型", f"{en}type of identity document", required=required),
        _field(
            f"{prefix}id_number",
            f"{zh}身份证件号",
            f"{en}identity document number",
            longest=30,
            required=required,
            when=numbered,
        ),
        _field(f"{prefix}employer", f"{zh}工作单位", f"{en}employer", longest=100, required=False),
        _field(
            f"{prefix}household_address",
            f"{zh}户口所在地具体地址",
            f"{en}address of household registration",
            longest=200,
            required=required,
        ),
        _field(f"{prefix}phone", f"{zh}联系电话", f"{en}telephone", longest=20, required=required),
    )


ANNEX1: Mapping[str, ValueSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            _field("name", "姓名", "name", longest=36),
            _field("former_name", "曾用名", "former name", longest=36, required=False),
            _field("sex", "性别", "sex"),
            _field("nationality", "国籍/地区", "nationality or region"),
            _field("overseas_status", "港澳台侨外", "Hong Kong, Macao, Taiwan, overseas Chinese, foreign"),
            _field("ethnicity", "民族", "ethnic group"),
            _field("id_type", "身份证件类型", "type of identity document"),
            _field("id_number", "身份证件号", "identity document number", longest=30, when=("id_type", _NUMBERED)),
            _field("birth_date", "出生日期", "date of birth", _DATE),
            _field("residence_address", "现居住详细地址", "present address", longest=200),
            _field("household_address", "户口所在地具体地址", "address of household registration", longest=200),
            _field("grade", "年级", "grade", _GRADE),
            _field("class_name", "班级", "class", longest=36),
            _field("political_status", "政治面貌", "political status", required=False),
            _field("boarding", "是否寄宿生", "boarder", _YES_NO),
            _field("disability", "是否残疾人", "disabled", _YES_NO),
            _field("left_behind", "是否农村留守儿童", "left-behind child in a rural area", _YES_NO),
            *_member(1, "一", required=True),
            *_member(2, "二", required=False),
            _field("disability_type", "残疾类型", "type of disability", when=_DISABLED),
            _field(
                "special_ed_placement",
                "特教学生就读类型",
                "placement of a pupil in special education",
                when=_DISABLED,
            ),
        )
    }
)
"""Field code -> value, in the order of the form."""

FORM_FINDINGS = frozenset(
    {
        "required-missing",
        "required-by-note",
        "second-member-incomplete",
        "id-required",
        "id-type-pupil",
        "guardian-none",
    }
)
"""Findings that say that the form is not complete (A9-2); the others say that what it states cannot be (A10-2)."""

ENTRY_AGE_FINDING = "age-entry"
"""The check of files at the usual date; a case is judged by the date that holds in its place (A9-1, Q-1)."""


def chosen(codes: Iterable[str], *, required: bool = True) -> tuple[ValueSpec, ...]:
    """Return some fields as they are, or all optional. Raises ``KeyError`` for a code that is no field of Annex 1."""
    specs = (ANNEX1[code] for code in codes)
    return tuple(specs if required else (replace(spec, required=False, when=None) for spec in specs))


def given(request: Request, codes: Iterable[str] = ANNEX1) -> dict[str, Value]:
    """Return the Annex 1 values that the request gives, in the order of the form."""
    return {code: request.values[code] for code in codes if request.values.get(code) is not None}
