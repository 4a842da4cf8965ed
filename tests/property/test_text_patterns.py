"""Identifiers: random numbers in random forms are covered, and no text makes a pattern work more than in proportion."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.anonymize.leakscan import check_character, plausible_date
from gateway.anonymize.text.identifiers.facts import born, id_checks, luhn
from gateway.anonymize.text.lexicons import lexicon
from gateway.anonymize.text.normal import Normal
from tests.unit.anonymize.text.marked import DETECTORS, found, reading, spans

PROVINCES = "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65".split()
DIGITS = "0123456789"
CHINESE = ("〇一二三四五六七八九", "零幺二三四五六七八九", "零壹贰叁肆伍陆柒捌玖")
BEFORE = ("", "他的", "王小明，", "（", "1.", "初一3班", "2024年9月1日，", "\n", "三年级二班 ", "🎒", "第2组 ")
AFTER = ("", "。", "，请核对", "）", "、", "的家长", "\n", " 王小明", ", 5班", "（妈妈）")


def _digits(count: int) -> st.SearchStrategy[str]:
    return st.text(DIGITS, min_size=count, max_size=count)


@st.composite
def identity_numbers(draw: st.DrawFn) -> str:
    born_on = draw(st.dates(date(1930, 1, 1), date(2025, 12, 31)))
    body = draw(st.sampled_from(PROVINCES)) + draw(_digits(4)) + f"{born_on:%Y%m%d}" + draw(_digits(3))
    right = check_character(body)
    return body + (right if draw(st.booleans()) else draw(st.sampled_from(DIGITS + "X")))


@st.composite
def forms(draw: st.DrawFn, number: str, shapes: tuple[tuple[int, ...], ...]) -> str:  # noqa: PLR0911  one a form
    """Return ``number`` as people, keyboards and copiers write it."""
    kind = draw(st.sampled_from(("plain", "wide", "grouped", "chinese", "alike", "unseen", "broken")))
    if kind == "wide":
        return "".join(chr(ord(one) + 0xFEE0) for one in number)
    if kind == "grouped":
        mark = draw(st.sampled_from((" ", "-", "—", "－", ".", "·", "\u3000", " - ", "_")))
        pieces, at = [], 0
        for size in draw(st.sampled_from(shapes)):
            pieces.append(number[at : at + size])
            at += size
        return mark.join([*pieces, number[at:]]) if number[at:] else mark.join(pieces)
    if kind == "chinese":
        written = draw(st.sampled_from(CHINESE))
        return "".join(written[int(one)] if one.isdigit() else one for one in number)
    if kind == "alike":
        places = [i for i, one in enumerate(number) if one in "01"][:3]
        swapped = draw(st.sets(st.sampled_from(places))) if places else set()
        letters = {"0": draw(st.sampled_from("oO")), "1": draw(st.sampled_from("lI|"))}
        return "".join(letters[one] if i in swapped else one for i, one in enumerate(number))
    place = draw(st.integers(3, len(number) - 3))
    if kind == "unseen":
        return number[:place] + draw(st.sampled_from("\u200b\u200d\u2060\ufeff\u00ad\u202d\ufe0f")) + number[place:]
    if kind == "broken":
        return number[:place] + draw(st.sampled_from(("\n", "\r\n", "-\n"))) + number[place:]
    return number


def covered(text: str, start: int, end: int) -> bool:
    """Return whether one span covers ``text[start:end]``."""
    normal = Normal.of(text)
    places = [normal.back(span.start, span.end) for span in spans(text)]
    return any(first <= start and last >= end for first, last in places)


def check(number: str, label: str, before: str, after: str) -> None:
    start = len(before) + len(label)
    assert covered(before + label + number + after, start, start + len(number))


@given(
    st.data(),
    st.sampled_from(("", "身份证号", "身份证：", "证件号码为")),
    st.sampled_from(BEFORE),
    st.sampled_from(AFTER),
)
def test_identity_numbers_are_covered(data: st.DataObject, label: str, before: str, after: str) -> None:
    written = data.draw(forms(data.draw(identity_numbers()), ((6, 8, 4), (6, 4, 4, 4), (4, 4, 4, 4, 2))))
    check(written, label, before, after)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(("", "学籍号", "学籍号：")), st.sampled_from(BEFORE), st.sampled_from(AFTER))
def test_student_numbers_are_covered(data: st.DataObject, label: str, before: str, after: str) -> None:
    letter = data.draw(st.sampled_from("GJLgj"))
    check(letter + data.draw(forms(data.draw(identity_numbers()), ((6, 8, 4),))), label, before, after)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(("", "电话", "手机：", "tel:")), st.sampled_from(BEFORE), st.sampled_from(AFTER))
def test_mobile_numbers_are_covered(data: st.DataObject, label: str, before: str, after: str) -> None:
    number = "1" + data.draw(st.sampled_from("3456789")) + data.draw(_digits(9))
    written = data.draw(forms(number, ((3, 4, 4), (3, 8), (7, 4), (3, 3, 5), (4, 3, 4))))
    country = data.draw(st.sampled_from(("", "", "+86", "+86 ", "0086", "86-")))
    check(country + written, label, before, after)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(("", "电话", "座机：")), st.sampled_from(BEFORE), st.sampled_from(AFTER))
def test_fixed_lines_are_covered(data: st.DataObject, label: str, before: str, after: str) -> None:
    area = data.draw(st.sampled_from(lexicon("area_codes")))
    number = data.draw(st.sampled_from("2345678")) + data.draw(_digits(7 if len(area) == 3 else 6))
    mark = data.draw(st.sampled_from(("-", "", " ", "—", "－")))
    written = data.draw(st.sampled_from((f"{area}{mark}{number}", f"({area}){number}", f"（{area}）{number}")))
    check(written, label, before, after)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(("", "卡号", "银行卡号：")), st.sampled_from(BEFORE), st.sampled_from(AFTER))
def test_cards_are_covered(data: st.DataObject, label: str, before: str, after: str) -> None:
    body = data.draw(st.sampled_from(("6222", "6217", "6228", "4367", "5187"))) + data.draw(_digits(11))
    if body.startswith("62") and data.draw(st.booleans()):
        body += data.draw(_digits(3))
    number = next(body + one for one in DIGITS if luhn(body + one))
    check(data.draw(forms(number, ((4, 4, 4, 4),))), label, before, after)


@settings(max_examples=60, deadline=None)
@given(identity_numbers())
def test_check_digits_are_those_of_the_leak_scan(number: str) -> None:
    assert id_checks(number) == (number[-1] == check_character(number[:-1]))


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.dates(date(1890, 1, 1)).map(lambda day: f"{day:%Y%m%d}"), st.text(DIGITS + "X", max_size=9)))
@example("19000229")
@example("20000229")
def test_birth_days_are_those_of_the_leak_scan(digits: str) -> None:
    assert born(digits) == (len(digits) == 8 and plausible_date(digits) and digits <= "20399999")


MASKS = {"CN_ID": "1401" + "*" * 14, "STUDENT_NO": "*" * 19, "PHONE": "138" + "*" * 8, "BANK_CARD": "*" * 16}


@settings(max_examples=40, deadline=None)
@given(st.data(), st.booleans())
def test_what_is_hidden_stays_hidden(data: st.DataObject, placeholder: bool) -> None:
    numbers = [data.draw(identity_numbers()), "1" + data.draw(st.sampled_from("35789")) + data.draw(_digits(9))]
    marks = st.sampled_from(
        ("，", "；电话", "身份证", "。", "、", " ", "\n", "（微信）", "生日2012年3月4日，", "QQ123456，")
    )
    text = "".join(data.draw(marks) + data.draw(st.sampled_from(numbers)) for _ in range(3))

    def hide(kind: str) -> str:
        return "〔号码1〕" if placeholder else MASKS.get(kind, "****")

    hidden = _replaced(text, hide)
    assert _replaced(hidden, hide) == hidden


def _replaced(text: str, hide: Callable[[str], str]) -> str:
    at, pieces = 0, []
    for kind, value in found(text):
        start = text.index(value, at)
        pieces += [text[at:start], hide(kind)]
        at = start + len(value)
    return "".join(pieces) + text[at:]


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(), st.text(alphabet="0123456789 -.|lOG一三九@a*x微信号:年月日生晋A\n\u200b１", max_size=80)))
def test_any_text_gives_spans_inside_it(text: str) -> None:
    read = reading(text)
    for detector in DETECTORS:
        for span in detector.find(read):
            first, last = read.text.back(span.start, span.end)
            assert 0 <= first < last <= len(text)
            assert not set(text) & set(span.rule) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_., 15")


HOSTILE = (
    "1", "1234567890", "13", "1 ", "1-", "1.", "1,", "86 ", "+86", "0351-", "(1", "一", "一2", "一、", "1l", "O0", "|1",
    "@", "a@", "a@b.", "@a", "a", "a.", "a1", "*", "1*", "138****", " ", "\n", "\t\n", "微信", "微信：a", "qq", "QQ1",
    "身份证", "电话1", "电话", "订单号1", "出生", "出生2012", "2012年3月4日", "2012.1.", "出生:::::", "年", "(农历",
    "2012年3月4日在中中中中中中中", "2012年3月4日(", "晋", "晋A", "晋A1 ", "E1", "E12345678", "<td>", '{"a":"1",',
    "0351-7018012转", "A1 2 3 ", "G1401", "\x00", "1\u200b", "wxid_", "A123456(", "ab at ", "ab#qq.", "G", "v:",
    "V：a-", "140105201203041232 ", "140105201203041232", "13812345678 ", "1381234567 8",
    "1 4 0 1 0 5 1 9 8 0 0 1 0 1 1 2 3 4 ",
    "6222 0204 ", "QQ：1 ",
    "\u0301", "\ud83d", "😀", "١", "㈱", "a\u0301", "出生<", "出生<a", "微信号是为叫", "转1 ",
)  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE, ids=range(len(HOSTILE)))
def test_work_grows_with_the_length_and_no_faster(piece: str) -> None:
    _assert_linear(piece)


@pytest.mark.parametrize("seed", range(6))
def test_work_on_mixed_signs_grows_with_the_length_and_no_faster(seed: int) -> None:
    signs = "0123456789 -.,lO|一三九@aG电话微信：晋*x(转年月日生\n出qQ#号是证"
    _assert_linear("".join(random.Random(seed).choices(signs, k=500)))


SHORT, LONG = 1_500, 12_000
FACTOR = 3.0
"""Eight times the length may cost 24 times as much: quadratic work would cost 64 times."""
UNNOTICED = 0.4
"""Seconds of processor time that are never too much."""


def _assert_linear(piece: str) -> None:
    long, bound = _work(piece, LONG), UNNOTICED
    for _ in range(3):  # what costs too much does so each time; a pause of the interpreter, which collects, does not
        if long <= bound:
            return
        bound = max(bound, *(FACTOR * LONG / SHORT * _work(piece, SHORT) for _ in range(3)))
        long = min(long, _work(piece, LONG))
    assert long <= bound


def _work(piece: str, length: int) -> float:
    text = (piece * (length // len(piece) + 1))[:length]
    before = time.process_time()
    read = reading(text)
    for detector in DETECTORS:
        list(detector.find(read))
    return time.process_time() - before


@pytest.mark.soak
@pytest.mark.parametrize(
    "piece", ["", "1", "王", "a", " ", "13812345678，", "<td>1</td>", '{"a": "140105201203041232"}', "\x00", "😀一"]
)
def test_a_megabyte_is_read(piece: str) -> None:
    assert isinstance(found((piece * 1_000_000)[:1_000_000]), list)
