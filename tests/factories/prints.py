"""Filled forms for the tests and pictures of the prints; every person, number and school in them is invented."""

from __future__ import annotations

from datetime import date

from core_registry.domain.identity_number import check_character
from core_registry.prints.records import (
    AnnexFive,
    AnnexFour,
    AnnexOne,
    AnnexThree,
    AnnexTwo,
    GuardianPart,
    HolderPart,
    MemberPart,
    Opinion,
    PupilPart,
    StubPart,
)


def id_number(first_17: str) -> str:
    """Return a resident identity number with its check character."""
    return first_17 + check_character(first_17)


CHILD, FATHER, MOTHER = (id_number(n) for n in ("14010620190309123", "14010619880417205", "14010619900722314"))
TEENAGER = id_number("14022520080615321")
CHECK_URL = "https://xueji.example/check?i=3414000003&n=34140000032026000123"

PUPIL = PupilPart("龘思远", "男", f"G{TEENAGER}", TEENAGER, "浑源县示例高级中学", "高中二年级", "3班")
GUARDIAN = GuardianPart("龘建国", "父亲", "13900000001", date(2026, 9, 7))
HOLDER = HolderPart("龘思远", f"G{TEENAGER}", TEENAGER, "男", "山西", "浑源", "2023-09", "2026-07")
STUB = StubPart("杨示例", date(2026, 7, 9), "郝示例", date(2026, 7, 10))
LATER_STUB = StubPart("杨示例", date(2026, 9, 9), "郝示例", date(2026, 9, 10))


def annex_one() -> AnnexOne:
    """Return Annex 1 of a disabled pupil of a minority, every field filled."""
    return AnnexOne(
        name="阿依古丽·买买提", former_name="买小雅", sex="女", nationality="中国", overseas_status="否",
        ethnicity="维吾尔族", id_type="居民身份证", id_number=CHILD, birth_date="20190309",
        residence_address="山西省太原市迎泽区示例街道样板路12号院3号楼2单元501室",
        household_address="山西省太原市迎泽区示例街道样板路12号院3号楼2单元501室", grade="小学一年级", class_name="2班",
        political_status="群众", boarding="否", disabled="是", left_behind="否",
        first_member=MemberPart("买买提·肉孜", "父亲", "是", "维吾尔族", "居民身份证", FATHER, "太原市样板机械厂",
                                "山西省太原市迎泽区示例街道样板路12号院", "13900000002"),
        second_member=MemberPart("古丽娜尔·艾山", "母亲", "是", "维吾尔族", "居民身份证", MOTHER,
                                 "太原市样板小学校医室", "山西省太原市迎泽区示例街道样板路12号院", "0351-0000003"),
        disability_type="听力残疾", special_ed_placement="随班就读", filled_on=date(2026, 9, 1),
    )  # fmt: skip


def annex_two() -> AnnexTwo:
    """Return Annex 2 for a suspension, with every field filled that a form can have at once."""
    return AnnexTwo(
        PUPIL, "suspension", "illness", "因骨折术后需卧床康复，预计休养十八周，超过本学期总课时的三分之一。",
        date(2026, 9, 8), date(2027, 9, 7), 0, date(2027, 9, 8), "高中二年级", "original",
        ("大同市第三人民医院诊断证明书", "住院病历复印件"), GUARDIAN,
        Opinion("情况属实，同意休学，学籍保留。", date(2026, 9, 8)), Opinion("予以核准。", date(2026, 9, 14)),
    )  # fmt: skip


def annex_three() -> AnnexThree:
    """Return Annex 3, filled."""
    return AnnexThree(
        PUPIL, "3", "发生意外伤害，需长期康复治疗，无法继续在校学习。", date(2026, 9, 7), date(2026, 9, 14), 365, 0, 1,
        ("大同市第三人民医院病历",), GUARDIAN, Opinion("情况属实，予以确认。", date(2026, 9, 8)), "浑教备〔2026〕17号",
        date(2026, 9, 14),
    )  # fmt: skip


def annex_four() -> AnnexFour:
    """Return Annex 4, 结业, filled."""
    return AnnexFour(
        "completion", "晋结", "34140000032026000123", HOLDER, "学习期满，未达到规定毕业条件", date(2026, 7, 10), STUB,
        "https://xueji.example/check?i=3414000003&n=34140000032026000123",
    )  # fmt: skip


def annex_five() -> AnnexFive:
    """Return Annex 5, filled."""
    return AnnexFive(
        "34140000032026000123", HOLDER, "2026-07", "三", "14020020260000045", date(2026, 9, 10), LATER_STUB, CHECK_URL
    )
