"""The record's address is found whole and in parts, in any wording; a town alone is no home."""

from __future__ import annotations

import pytest

from gateway.anonymize.text.known.addresses import Level, parse
from gateway.anonymize.text.known.numerals import numbers, value
from tests.unit.anonymize.text.worded import found

CITY = {"address": "山西省太原市小店区平阳路12号阳光小区3号楼2单元501室"}
VILLAGE = {"address": "太原市清徐县刘家堡乡刘家堡村三组"}


def homes(text: str, record: dict[str, str]) -> list[str]:
    return [part for kind, part in found(text, record) if kind == "ADDRESS"]


@pytest.mark.parametrize(
    "form",
    [
        "山西省太原市小店区平阳路12号阳光小区3号楼2单元501室",
        "太原市小店区平阳路12号阳光小区3号楼2单元501室",
        "山西太原小店平阳路12号阳光小区3号楼2单元501",
        "小店区平阳路12号",
        "平阳路12号",
        "平阳路十二号",
        "平阳路阳光小区",
        "阳光小区",
        "阳光小区3号楼",
        "阳光小区3-2-501",
        "阳光小区三号楼二单元五〇一室",
        "阳光小区3栋2单元501",
        "阳光小区3#2-501",
        "小店区阳光小区5号楼",
        "太原市␣小店区␣平阳路␣12号␣阳光小区␣3号楼",
        "太原市,小店区,平阳路12号",
        "3号楼2单元501室",
        "3-2-501",
        "三号楼二单元五零一室",
        "太原市小店區平陽路12号",
    ],
)
def test_each_wording_of_an_address_in_town(form: str) -> None:
    assert homes(f"家/n 位于/v {form}", CITY) == [form.replace("␣", " ")]


@pytest.mark.parametrize(
    "form",
    [
        "太原市清徐县刘家堡乡刘家堡村三组",
        "清徐县刘家堡乡刘家堡村",
        "刘家堡乡刘家堡村3组",
        "刘家堡村",
        "刘家堡村三组",
        "清徐刘家堡村",
    ],
)
def test_each_wording_of_an_address_in_a_village(form: str) -> None:
    assert homes(f"去/v {form} 家访/v", VILLAGE) == [form]


def test_a_village_by_its_bare_name_counts_after_a_word_of_residence() -> None:
    assert homes("家住/v 刘家堡", VILLAGE) == ["刘家堡"]
    assert homes("路过/v 刘家堡", VILLAGE) == []


@pytest.mark.parametrize(
    "text",
    [
        "太原市/LOC 今天/TIME 有雨/v",
        "小店区/LOC 组织/v 活动/n",
        "山西省太原市小店区/LOC 教育局/n",
        "平阳路/LOC 堵车/v",
        "阳光/n 很好/a",
        "第/m 3/m 单元/n 测试/vn",
        "比分/n 3-2/m",
        "2024年/TIME 5月/TIME",
        "刘家堡乡刘家堡村小学/ORG",
    ],
)
def test_what_is_too_general_alone(text: str) -> None:
    assert homes(text, CITY) + homes(text, VILLAGE) == []


def test_a_town_counts_where_it_is_said_to_be_home() -> None:
    assert homes("现住/v 太原市小店区", CITY) == ["太原市小店区"]


def test_an_address_goes_on_to_the_last_number() -> None:
    assert homes("搬到/v 阳光小区8号楼1单元302室 居住/v", CITY) == ["阳光小区8号楼1单元302室"]


@pytest.mark.parametrize(
    ("registered", "parts", "house"),
    [
        (
            "山西省临汾市尧都区五一东路 锦绣家园3#2-1001",
            ["山西省", "临汾市", "尧都区", "五一东路", "锦绣家园"],
            (3, 2, 1001),
        ),
        ("榆次锦纶路恒大绿洲8号楼", ["榆次", "锦纶路", "恒大绿洲"], (8,)),
        ("大同市平城区铁路家属院18号楼", ["大同市", "平城区", "铁路家属院"], (18,)),
        ("忻州市定襄县宏道镇西温庄村", ["忻州市", "定襄县", "宏道镇", "西温庄村"], ()),
        ("北京市海淀区中关村大街27号", ["北京市", "海淀区", "中关村大街"], (27,)),
        ("", [], ()),
        ("不详", ["不详"], ()),
    ],
)
def test_an_address_is_taken_apart(registered: str, parts: list[str], house: tuple[int, ...]) -> None:
    address = parse(registered)
    assert [part for _, part in address.parts] == parts
    assert address.house == house


def test_levels_lead_from_the_province_to_the_estate() -> None:
    levels = [level for level, _ in parse(CITY["address"]).parts]
    assert levels == [Level.PROVINCE, Level.CITY, Level.COUNTY, Level.ROAD, Level.ESTATE]


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("501", 501),
        ("五〇一", 501),
        ("五百零一", 501),
        ("十二", 12),
        ("三十", 30),
        ("二十一", 21),
        ("一", 1),
        ("一百二十三", 123),
    ],
)
def test_numerals(written: str, number: int) -> None:
    assert value(written) == number
    assert numbers(f"{written}号") == (number,)
