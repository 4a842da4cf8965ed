"""The school's roll: three characters count freely, two with context; it shows no names."""

from __future__ import annotations

import random
import time

import pytest

from gateway.anonymize.text.known import detectors
from gateway.anonymize.text.model import WordModel
from gateway.anonymize.text.normal import Normal
from gateway.anonymize.text.reading import Reading
from gateway.anonymize.text.roster import Roster
from tests.unit.anonymize.text.innocent import PROSE, SENTENCES
from tests.unit.anonymize.text.worded import found, people

ROLL = Roster(["张子涵", "李想", "王明", "高兴", "欧阳思远", "阿依古丽·买买提", "赵雪", "X", "", "12345", "Anna"])
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN = (
    "子梓思雨欣宇佳俊浩文晓建志诗若书艺梦雅嘉沐奕锦泽玉海春秀国美涵轩萱怡悦琪晨睿诺妍颖璐倩婷雪莹明涛强伟芳娜静敏军磊"
)


@pytest.mark.parametrize(
    ("worded", "names"),
    [
        ("张子涵/PER 请假/v", ["张子涵"]),
        ("张子涵/n:0.3 请假/v", ["张子涵"]),
        ("张␣子涵/n 请假/v", ["张 子涵"]),
        ("張子涵/PER 请假/v", ["張子涵"]),
        ("欧阳思远/PER 和/c 阿依古丽·买买提/PER", ["欧阳思远", "阿依古丽·买买提"]),
        ("阿依古丽买买提/PER 来/v", ["阿依古丽买买提"]),
        ("王明/PER 请假/v", ["王明"]),
        ("李想/v 同学/n 请假/v", ["李想"]),
        ("学生/n 赵雪/n", ["赵雪"]),
        ("高兴/a 同学/n", ["高兴"]),
        ("李想/n:0.4 说/v 没有/v", ["李想"]),
    ],
)
def test_names_of_the_roll(worded: str, names: list[str]) -> None:
    assert people(worded, roster=ROLL) == names


@pytest.mark.parametrize(
    "worded",
    [
        "他/r 很/d 高兴/a",
        "小王/n 明天/TIME 来/v",
        "他/r 理/n 李想/v 要/v",
        "张子涵路/LOC 堵车/v",
        "王明亮/PER 请假/v",
        "理想/n 同学/n",
    ],
)
def test_what_is_no_name_of_the_roll(worded: str) -> None:
    assert people(worded, roster=ROLL) == []


def test_nothing_is_found_without_a_roll() -> None:
    assert people("张子涵/PER 请假/v") == []


def test_the_record_and_the_roll_agree_on_a_place() -> None:
    assert found("张子涵/PER 请假/v", {"student": "张子涵"}, ROLL) == [("PERSON", "张子涵")]


def test_a_roll_shows_no_names_and_keeps_what_is_a_name() -> None:
    assert repr(ROLL) == "Roster(7 names)"
    assert len(ROLL) == 7
    assert not hasattr(ROLL, "__dict__")


def test_an_empty_roll_finds_nothing() -> None:
    assert list(Roster([]).find("张子涵请假")) == []
    assert list(Roster(["", "  ", "A", "王"]).find("王")) == []


def _roll(size: int) -> Roster:
    chance = random.Random(2771)  # invented names, no secret
    names: set[str] = set()
    while len(names) < size:
        names.add(chance.choice(SURNAMES) + "".join(chance.choices(GIVEN, k=chance.choice((1, 2, 2, 2, 2)))))
    return Roster(names)


def test_a_roll_of_2771_names_finds_nothing_in_innocent_prose() -> None:
    roll, cut = _roll(2771), WordModel.load().cut
    (detector,) = (detector for detector in detectors() if detector.name == "known.roll")
    assert len(roll) == 2771
    for sentence in SENTENCES:
        assert not list(detector.find(Reading(Normal.of(sentence), cut, roster=roll)))


def test_a_large_roll_is_built_and_searched_fast() -> None:
    best = float("inf")
    for _ in range(3):  # the collector may run in one of them
        began = time.process_time()
        roll = _roll(3000)
        list(roll.find(PROSE * 20))
        best = min(best, time.process_time() - began)
    assert best < 2  # some 0.05 s alone; the bound holds on a busy machine


def test_a_long_text_of_one_surname_and_odd_characters() -> None:
    text = "王" * 5000 + "🙂张子涵\ue000" + "明" * 5000
    assert [(entry.start, entry.size) for entry in ROLL.find(text)] == [(5001, 3)]
