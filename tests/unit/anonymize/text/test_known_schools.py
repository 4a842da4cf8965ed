"""The record's school is found by its registered name and the names it goes by; general words are no school."""

from __future__ import annotations

import pytest

from tests.unit.anonymize.text.worded import found


def schools(text: str, school: str) -> list[str]:
    return [part for kind, part in found(text, {"school": school}) if kind == "SCHOOL"]


@pytest.mark.parametrize(
    ("school", "form"),
    [
        ("太原市第五中学校", "太原市第五中学校"),
        ("太原市第五中学校", "太原市第五中学"),
        ("太原市第五中学校", "太原五中"),
        ("太原市第五中学校", "市五中"),
        ("太原市第五中学校", "五中"),
        ("太原市第五中学校", "第五中学"),
        ("太原市第五中学校", "太原五中东校区"),
        ("太原市第五中学校", "太原五中(长风校区)"),
        ("太原市小店区第一实验小学", "小店区第一实验小学"),
        ("太原市小店区第一实验小学", "小店第一实验小学"),
        ("太原市小店区第一实验小学", "实验一小"),
        ("太原市小店区第一实验小学", "太原市␣小店区␣第一实验小学"),
        ("晋中市榆次区第一中学校", "榆次一中"),
        ("清徐县实验小学", "县实验小学"),
        ("清徐县实验小学", "实验小学"),
        ("清徐县第一中学", "县一中"),
        ("山西大学附属中学", "山大附中"),
        ("太谷区胡村镇中心小学", "胡村小学"),
        ("太谷区胡村镇中心小学", "胡村中心校"),
        ("大同市育英中学校", "育英中学"),
        ("大同市育英中学校", "大同育英"),
        ("山西省实验中学", "省实验中学"),
        ("介休市第三职业中学", "介休三职中"),
        ("平遥县东关初级中学", "东关初中"),
        ("太原市阳光幼儿园", "阳光幼儿园"),
    ],
)
def test_each_name_of_a_school(school: str, form: str) -> None:
    assert schools(f"就读于/v {form}/ORG ,/w 成绩/n 良好/a", school) == [form.replace("␣", " ")]


@pytest.mark.parametrize(
    ("school", "text"),
    [
        ("太原市第五中学校", "学习/v 五中全会/nz 精神/n"),
        ("太原市第五中学校", "第/m 五/m 中/f"),
        ("晋中市榆次区第一中学校", "一/m 中午/TIME 没/v 来/v"),
        ("晋中市榆次区第一中学校", "其/r 一/m 中国/LOC"),
        ("太谷区胡村镇中心小学", "中心小学/n 的/u 老师/n"),
        ("太谷区胡村镇中心小学", "该/r 小学/n"),
        ("清徐县实验小学", "初中/n 和/c 小学/n"),
        ("山西大学附属中学", "山西大学/ORG"),
        ("太原市阳光幼儿园", "阳光/n 很好/a"),
        ("大同市实验中学", "实验/n 成功/v"),
    ],
)
def test_words_that_are_no_school(school: str, text: str) -> None:
    assert schools(text, school) == []


def test_a_short_name_counts_with_the_last_division_alone() -> None:
    assert schools("在/p 太谷区小学/ORG", "太谷区胡村镇中心小学") == []
