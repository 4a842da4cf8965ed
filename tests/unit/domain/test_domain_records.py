"""Student numbers, phones, states, addresses, and records that keep silent."""

from __future__ import annotations

from dataclasses import fields
from datetime import date

import pytest

from core_registry.domain.addresses import AddressParser, short_name
from core_registry.domain.phone_numbers import is_phone, normalize_phone
from core_registry.domain.records import Member, School, Student
from core_registry.domain.states import CLOSED, LABELS, ON_ROLL, Stage, StudentState
from core_registry.domain.student_number import (
    RANDOM_ALPHABET,
    StudentNumberError,
    StudentNumberKind,
    kind_of,
    normalize_student_number,
    provisional_number,
)
from tests.factories.intake_forms import book


@pytest.fixture(scope="module")
def parser() -> AddressParser:
    return AddressParser(book().divisions.by_code.values())


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("山西省太原市小店区坞城街道1号", "140105"),
        ("山西 太原　小店 坞城路", "140105"),
        ("太原市小店区", "140105"),
        ("阳泉市城区某街", "140302"),
        ("晋城城区北街", "140502"),
        ("山西省介休市", "140781"),
        ("北京市东城区", "110101"),
        ("北京市市辖区东城区", "110101"),
        ("内蒙古呼伦贝尔莫力达瓦达斡尔族自治旗", "150722"),
        ("吉林市昌邑区", "220202"),
        ("甘肃省嘉峪关市某路", "620200"),
        ("太原市阳曲路3号", "140100"),  # a street with the name of a county
        ("山西省大同市大同县", "140200"),  # abolished
        ("山西省城区", "140000"),  # stands in two cities
    ],
)
def test_longest_chain_of_names_decides(parser: AddressParser, address: str, code: str) -> None:
    found = parser.parse(address)
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize("address", ["城区", "小店区坞城街道", "朝阳区", "大同县", "", "某某路1号", "HONG KONG"])
def test_a_county_alone_decides_nothing(parser: AddressParser, address: str) -> None:
    assert parser.parse(address) is None


def test_every_division_is_found_by_its_full_name(parser: AddressParser) -> None:
    divisions = book().divisions
    hidden = {"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"}
    for code, division in divisions.by_code.items():
        chain = [divisions.by_code[one] for one in reversed(divisions.ancestors(code))]
        written = "".join(one.name for one in chain if one.name not in hidden or one.code == code)
        found = parser.parse(f"{written}某街1号")
        if division.name not in hidden:
            assert found is not None, written
            assert found.code == code, written


def test_short_names_drop_kind_and_peoples() -> None:
    assert short_name("恩施土家族苗族自治州") == "恩施"
    assert short_name("新疆维吾尔自治区") == "新疆"
    assert short_name("城区") is None


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("１３９ 0000 0001", "13900000001"),
        ("+86-139-0000-0001", "13900000001"),
        ("(0351) 7654321", "03517654321"),
        ("0351－7654321", "0351-7654321"),
        ("0351-7654321-8", "0351-7654321-8"),
    ],
)
def test_phone_is_normal_and_accepted(written: str, normal: str) -> None:
    assert normalize_phone(written) == normal
    assert normalize_phone(normal) == normal
    assert is_phone(normal)


@pytest.mark.parametrize("text", ["", "1390000000", "23900000001", "139000000012", "abc", "=1+1", "12345678"])
def test_other_texts_are_no_phones(text: str) -> None:
    assert not is_phone(normalize_phone(text))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("G140105201503170028", StudentNumberKind.NATIONAL),
        ("J140105201503170019", StudentNumberKind.SELF_CODED),
        ("L14010520150317A0Z9", StudentNumberKind.PROVISIONAL),
    ],
)
def test_kinds_of_student_numbers(text: str, kind: StudentNumberKind) -> None:
    assert kind_of(normalize_student_number(f" {text.lower()} ")) is kind


@pytest.mark.parametrize(
    "text",
    ["", "G140105201503170010", "X140105201503170028", "J140105201513170019", "L14010520150230A0Z9", "G14010520150317"],
)
def test_malformed_student_numbers_are_refused_without_quoting_them(text: str) -> None:
    with pytest.raises(StudentNumberError) as caught:
        kind_of(text)
    assert not any(part in str(caught.value) for part in ("1401", "2015"))


def test_provisional_number_is_well_formed_for_any_choice() -> None:
    for choose in (min, max):
        number = provisional_number("140105", date(2015, 3, 17), choose)
        assert kind_of(number) is StudentNumberKind.PROVISIONAL
        assert number.startswith("L14010520150317")
    assert not set("IO") & set(RANDOM_ALPHABET)
    with pytest.raises(ValueError, match="six digits"):
        provisional_number("14010", date(2015, 3, 17), min)


def test_every_state_has_a_label_and_none_is_both_closed_and_on_the_roll() -> None:
    assert set(LABELS) == set(StudentState)
    assert not CLOSED & ON_ROLL


def test_records_show_no_person() -> None:
    personal = {
        "name",
        "id_number",
        "student_number",
        "birth_date",
        "phone",
        "household_address",
        "members",
        "disability",
    }
    for record in (Student, Member):
        assert not [one.name for one in fields(record) if one.name in personal and one.repr]


def test_school_knows_its_category_and_stages_their_duty() -> None:
    school = School("2114000001", "虚构小学", "140105", "140105", frozenset({Stage.PRIMARY}))
    assert school.category == "21"
    assert [stage.compulsory for stage in Stage] == [True, True, False]
