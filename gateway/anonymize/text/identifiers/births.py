"""Birth dates: a full date with a word of birth beside it. Any other date is nobody's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.anonymize.text.identifiers.detector import span
from gateway.anonymize.text.identifiers.page import Page
from gateway.anonymize.text.spans import Span, TextType

_SIEVE = re.compile("出生|生日|生于|生辰|诞|降生|出世|生年|[日号0-9)]\\s?生|birth|born|dob|b\\.", re.IGNORECASE)
_CN = "〇零○0一二三四五六七八九壹贰叁肆伍陆柒捌玖"
_YEAR = rf"(?:(?:19|20)[0-9]{{2}}|[0-9]{{2}}(?=\s?[年.\-/、])|[{_CN}]{{4}}|[{_CN}]{{2}}(?=年))"
_MONTH = r"(?:1[0-2]|0?[1-9]|闰?(?:[一二三四五六七八九正冬腊壹贰叁肆伍陆柒捌玖]|[十拾][一二壹贰]?))"
_DAY = (
    r"(?:3[01]|[12][0-9]|0?[1-9]|初[一二三四五六七八九十]|[廿卄][一二三四五六七八九]?|[卅][一]?"
    r"|[二三贰叁]?[十拾][一二三四五六七八九壹贰叁肆伍陆柒捌玖]?|[一二三四五六七八九壹贰叁肆伍陆柒捌玖])"
)
_SEP = r"\s{0,2}+[年月.\-/、,·\u2010-\u2015]\s{0,2}+"
_MONTH_NAMES = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
_DATE = re.compile(
    rf"(?<![0-9{_CN}])(?:{_YEAR}{_SEP}{_MONTH}{_SEP}{_DAY}(?![0-9])(?:\s?[日号])?"
    r"|(?:19|20)[0-9]{2}\s?(?:0[1-9]|1[0-2])\s?(?:0[1-9]|[12][0-9]|3[01])(?![0-9])"
    r"|[0-9]{1,2}[./\-][0-9]{1,2}[./\-](?:19|20)[0-9]{2}(?![0-9])"
    rf"|(?:{_MONTH_NAMES})\.?\s[0-9]{{1,2}}(?:st|nd|rd|th)?,?\s?(?:19|20)[0-9]{{2}}(?![0-9])"
    rf"|[0-9]{{1,2}}(?:st|nd|rd|th)?\s(?:{_MONTH_NAMES})\.?,?\s(?:19|20)[0-9]{{2}}(?![0-9]))",
    re.IGNORECASE,
)
# 生于 in 该生于…, 学生于… is a pupil and a preposition, no birth.
_BEFORE = re.compile(
    r"(?:出\s?生(?:年月日|年月|日期|时间|日|于|在)?|生\s?日(?:期)?|(?<![该学考师新招])生于|生年月日|生辰(?:八字)?|(?:诞|降)生(?:于|日)?|诞辰|出世(?:于)?"
    r"|birth[\s_\-]?(?:day|date)?|date[\s_]of[\s_]birth|born(?:\s(?:on|in))?|dob)"
    r"(?:[\s:=,()\[\"'|是为即的在于该生约\-—]|公历|农历|阳历|阴历|新历|旧历|国历|日期|登记|应|<[^<>\n]{0,30}+>){0,10}+\Z",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"\s?(?:\([^()\n]{1,14}\))?[\s,(]{0,2}+(?:[上下中正]午|凌晨|早上|清晨|晚上|夜里|傍晚)?(?:[0-9]{1,2}[时点:](?:[0-9]{1,2}分?|半|许)?)?"
    r"(?:[于在][\u4e00-\u9fff]{1,14}?)?"
    r"(?:出\s?生|诞生|降生|出世|生日(?![会宴聚派蛋礼快])|(?:[是为系][你我他她]?的?)?(?:公历|农历)?生日(?![会宴聚派蛋礼快])|生人|生(?![病效产活气成态长意源怕动日命理物机肖者还平前子字涯硬疑事词育存]))"
)
_REACH = 60


def find_births(page: Page) -> Iterator[Span]:
    """Yield full dates that the words beside them call a birthday; the date alone."""
    text = page.text
    if _SIEVE.search(text) is None:
        return
    for found in _DATE.finditer(text):
        start, end = found.span()
        if _BEFORE.search(text, max(0, start - _REACH), start):
            yield span(start, end, TextType.BIRTH_DATE, 0.95, "word before")
        elif _AFTER.match(text, end):
            yield span(start, end, TextType.BIRTH_DATE, 0.9, "word after")
