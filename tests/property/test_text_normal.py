"""Offsets of normalised texts, for any string."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.anonymize.text.normal import Normal

ODD = (
    "王明a1é·\u0301\u0327\u0302\u200b\u200d\ufe0f\u00ad\ufeff\u202e㈱½ﷺ…１Ａ，ﾊﾟ가\u1100\u1161\u11a8"
    "①²\U0002c621\U000e0100\ud83d\ude00\x00\t\n😀🏽"
)
TEXTS = st.one_of(st.text(), st.text(ODD, max_size=60), st.text(st.characters(codec=None), max_size=40))


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_the_map_is_complete_and_in_order(text: str) -> None:
    read = Normal.of(text)
    starts, ends = list(read.starts), list(read.ends)
    assert len(starts) == len(ends) == len(read.text)
    assert starts == sorted(starts)
    assert ends == sorted(ends)
    assert all(0 <= first < last <= len(text) for first, last in zip(starts, ends, strict=True))
    read.text.encode()


@settings(max_examples=60, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_a_piece_between_others_comes_back_whole(before: str, piece: str, after: str) -> None:
    # borders that compose with nothing
    text = f"{before}甲{piece}乙{after}"
    read = Normal.of(text)
    start = len(Normal.of(before + "甲").text) - 1
    end = len(Normal.of(f"{before}甲{piece}乙").text)
    assert read.text[start] == "甲"
    assert read.text[end - 1] == "乙"
    first, last = read.back(start, end)
    assert text[first] == "甲"
    assert text[first : first + len(piece) + 2] == f"甲{piece}乙"
    assert last >= first + len(piece) + 2  # marks behind belong to it
    assert unicodedata.normalize("NFKC", text[first:last])[0] == "甲"


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs", "Cf", "Cc", "No", "Nd", "Me", "Cn")), max_size=40))
def test_it_is_nfkc_where_nothing_is_dropped(text: str) -> None:
    folded = unicodedata.normalize("NFKC", text)
    if any(
        ord(one) in range(0xE0000, 0xE1000) or one in _DROPPED or unicodedata.category(one)[0] == "M" for one in text
    ):
        return
    assert Normal.of(text).text == folded


_DROPPED = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0" + "".join(map(chr, range(0xFE00, 0xFE10)))
)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="aeouAÅäのはかカハ\u0301\u0327\u0302\u0308\u3099\u309a\u1100\u1161\u11a8가ﾊﾟﾞ", max_size=30))
def test_composition_is_that_of_nfkc(text: str) -> None:
    assert Normal.of(text).text == unicodedata.normalize("NFKC", text)


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_a_normal_text_is_its_own_normal_form(text: str) -> None:
    once = Normal.of(text).text
    again = Normal.of(once)
    assert Normal.of(again.text).text == again.text


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="王小明13，。", min_size=1), st.data())
def test_invisible_characters_change_nothing(text: str, data: st.DataObject) -> None:
    unseen = st.text(alphabet="\u200b\u200e\u202e\u2060\ufeff\u00ad\x00\ufe0f", max_size=3)
    broken = "".join(one + data.draw(unseen) for one in text)
    assert Normal.of(broken).text == Normal.of(text).text
