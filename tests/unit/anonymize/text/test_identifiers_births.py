"""Birth dates in text. All people are invented."""

from __future__ import annotations

import pytest

from tests.unit.anonymize.text.marked import expected, found, plain

CASES = (
    "出生日期：{BIRTH_DATE:2012年3月4日}",
    "出生日期{BIRTH_DATE:2012-03-04}",
    "出生日期为{BIRTH_DATE:2012/3/4}",
    "出生年月日：{BIRTH_DATE:2012.3.4}",
    "出生日期：{BIRTH_DATE:20120304}",
    "出生于{BIRTH_DATE:2012年03月04日}",
    "生于{BIRTH_DATE:2012年3月4日}",
    "生日是{BIRTH_DATE:2012年3月4日}",
    "生日：{BIRTH_DATE:2012年3月4号}",
    "生日:\n{BIRTH_DATE:2012-03-04}",
    "王小明，男，{BIRTH_DATE:2012年3月4日}出生",
    "{BIRTH_DATE:2012年3月4日}生，汉族",
    "{BIRTH_DATE:2012年3月4日}生于太原",
    "{BIRTH_DATE:2012.03.04}生",
    "{BIRTH_DATE:2012-03-04}出生",
    "{BIRTH_DATE:20120304}出生",
    "于{BIRTH_DATE:2012年3月4日}在太原市妇幼保健院出生",
    "{BIRTH_DATE:2012年3月4日}上午8时出生",
    "{BIRTH_DATE:2012 年 3 月 4 日}出生",
    "{BIRTH_DATE:２０１２年３月４日}出生",
    "{BIRTH_DATE:2012年3月4日}（农历二月十二）出生",
    "出生（{BIRTH_DATE:2012年3月4日}）",
    "生日（公历）：{BIRTH_DATE:2012年3月4日}",
    "生于农历{BIRTH_DATE:二〇一二年二月十二}",
    "{BIRTH_DATE:二〇一二年三月四日}出生",
    "{BIRTH_DATE:二零一二年三月十四日}出生",
    "{BIRTH_DATE:二○一二年十二月二十四日}生",
    "{BIRTH_DATE:一九八五年腊月廿三}出生",
    "{BIRTH_DATE:贰零壹贰年叁月肆日}出生",
    "{BIRTH_DATE:12年3月4日}出生",
    "生日是{BIRTH_DATE:12.3.4}",
    "诞生于{BIRTH_DATE:2012年3月4日}",
    "{BIRTH_DATE:2012年3月4日}是她的生日",
    "DOB: {BIRTH_DATE:2012-03-04}",
    "birth date {BIRTH_DATE:04/03/2012}",
    "born on {BIRTH_DATE:March 4, 2012}",
    '{"birth_date": "{BIRTH_DATE:2012-03-04}"}',
    "出生日期{BIRTH_DATE:2012年3月4日}，入学日期2019年9月1日",
    "2019年9月1日入学，{BIRTH_DATE:2012年3月4日}出生",
    "<td>出生日期</td><td>{BIRTH_DATE:2012-03-04}</td>",
    # none
    "2012年3月4日",
    "2012年3月4日学生全部到校",
    "他于2012年3月4日生病住院",
    "2012年3月4日生效",
    "该生于2025年3月12日在家中烫伤",
    "学生于2025年3月12日转入",
    "2012年3月4日发生打架",
    "生日宴会定于2012年3月4日举行",
    "出生于2012年3月",
    "生日是3月4日",
    "出生地太原，2019年9月1日入学",
    "学生2012年3月4日报到",
    "新生2012年9月1日报到",
    "毕业生2012年7月1日离校",
    "****-**-**出生",
    "《出生医学证明》2012年3月4日签发",
)


@pytest.mark.parametrize("marked", CASES, ids=range(len(CASES)))
def test_birth_dates_are_found_whole_and_nothing_else(marked: str) -> None:
    assert found(plain(marked)) == expected(marked)
