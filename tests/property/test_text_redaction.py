"""What holds for every text: no crash, exact offsets, nothing certain uncovered, redacting twice is once."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.anonymize.text import default_engine, detect
from gateway.anonymize.text.knowledge import known
from gateway.anonymize.text.redaction import redact
from gateway.anonymize.text.resolve import certain, resolve
from gateway.anonymize.text.spans import Source, Span, TextType
from tests.factories.texts import Words, engine

RECORD: dict[str, object] = {
    "student": "王小明",
    "guardians": ["李丽"],
    "school": "太原市第一小学",
    "address": "太原市小店区平阳路12号",
}
PIECES = (
    "王小明",
    "小明",
    "李丽",
    "张伟",
    "阿依古丽·买买提",
    "欧阳明月",
    "同学",
    "老师",
    "母亲",
    "家住",
    "与",
    "打架",
    "，",
    "。",
    "\n",
    "山西省太原市小店区平阳路12号3单元",
    "太原市第一小学",
    "榆次一中",
    "140105201203154321",
    "G140105201203154321",
    "13912345678",
    "１３９",
    "一三九",
    "a@b.cn",
    "微信号wx_123456",
    "晋A12345",
    "2012年3月15日出生",
    "〔学生〕",
    "〔同学1〕",
    "〔",
    "〕",
    "王**",
    "139********",
    "***",
    "*",
    "\u200b",
    "\u202e",
    "\u2066",
    "\ufeff",
    "\x00",
    "\x1b",
    "\ud83d",
    "\udc00",
    "👨‍👩‍👧",
    "𬘡",
    "é",
    "ﷺ",
    "㈱",
    "①",
    "<b>",
    "&nbsp;",
    '{"a":"',
    '"}',
    "\\u738b",
    " ",
    "\u3000",
    "ｱ",
    "Ω",
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=40)
BAD = (
    "",
    " ",
    "\n",
    "王",
    "1",
    "*",
    "〔",
    "\ud83d",
    "\udfff",
    "\x00",
    "\u200b" * 50,
    "\u202e王小明\u202c",
    "e\u0301" * 40,
    "𬘡" * 30,
    "一" * 500,
    "1" * 500,
    "a" * 500,
    "王" * 500,
    "〔" * 300,
    "*" * 500,
    "<p>王小明</p>" * 20,
    "省市县区" * 100,
    json.dumps({"name": "王小明", "tel": "13912345678"}),
    json.dumps({"name": "王小明"}, ensure_ascii=False),
    "王\u0300小明",
    "\ud83d\ude00王小明",
    "👨‍👩‍👧王小明",
    "ﷺ" * 20,
    "㈱王小明㈱",
    "１４０１０５２０１２０３１５４３２１",
    "1 4 0 1 0 5 2 0 1 2" * 20,
)
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check(text: str, record: dict[str, object] | None) -> None:
    found = detect(text, record)
    assert found == sorted(found)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert all(before.end <= after.start for before, after in pairwise(found))
    assert all(one.type in TextType.__members__ for one in found)


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_bad_input_is_read_with_exact_offsets_and_redacted_once(text: str) -> None:
    for record in (None, RECORD):
        check(text, record)
        hidden(text, record, "placeholder")
        hidden(text, record, "mask")


@QUICK
@given(text=TEXTS, with_record=st.booleans())
def test_any_text_is_read_with_exact_offsets(text: str, with_record: bool) -> None:
    check(text, RECORD if with_record else None)


def hidden(text: str, record: dict[str, object] | None, style: Literal["placeholder", "mask"]) -> str:
    """Return a text redacted, having looked that it is redacted for good and nothing else was touched."""
    made = default_engine()
    (done,) = redact(made, [text], known(record)[0], None, style)
    kept, at = [], 0
    for one in done.found:
        kept.append(text[at : one.start])
        at = one.end
    kept.append(text[at:])
    place = 0
    for number, piece in enumerate(kept):
        assert done.text[place : place + len(piece)] == piece
        place += len(piece) + (len(done.labels[number]) if number < len(done.labels) else 0)
    assert place == len(done.text)
    (again,) = redact(made, [done.text], known(record)[0], None, style)
    assert again.text == done.text
    return done.text


@QUICK
@given(text=TEXTS, with_record=st.booleans(), style=st.sampled_from(["placeholder", "mask"]))
@example(text="欧阳明月住山西省太原市小店区。", with_record=False, style="mask")
@example(text="王小明\u200b王小明小明", with_record=True, style="mask")
def test_redacting_twice_is_redacting_once(text: str, with_record: bool, style: Literal["placeholder", "mask"]) -> None:
    hidden(text, RECORD if with_record else None, style)


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=3))
def test_redacting_the_texts_of_a_record_twice_is_redacting_them_once(texts: list[str]) -> None:
    of = Words(dict.fromkeys(("王小明", "小明", "张伟", "李丽", "阿依古丽·买买提"), TextType.PERSON))
    made = engine(of, Words({"榆次一中": TextType.SCHOOL}, "test.schools", Source.PLACE))
    once = [one.text for one in redact(made, texts)]
    assert [one.text for one in redact(made, once)] == once
    assert not any(name in text for name in ("王小明", "张伟", "榆次一中") for text in once)


@st.composite
def overlapping(draw: st.DrawFn) -> tuple[str, list[Span]]:
    text = draw(st.text(alphabet="王小明家住平阳路第一学。，· 1", min_size=1, max_size=24))
    spans = []
    for _ in range(draw(st.integers(0, 9))):
        start = draw(st.integers(0, len(text) - 1))
        spans.append(
            Span(
                start,
                draw(st.integers(start + 1, len(text))),
                draw(st.sampled_from(TextType)),
                draw(st.sampled_from(Source)),
                draw(st.sampled_from([0.5, 0.9])),
                "test",
            )
        )
    return text, spans


_CUT_BY_A_PLACE_THAT_GIVES_WAY = [
    Span(2, 4, TextType.SCHOOL, Source.PLACE, 0.5, "test"),
    Span(3, 4, TextType.PERSON, Source.RECORD, 0.5, "test"),
    Span(0, 3, TextType.ADDRESS, Source.RECORD, 0.5, "test"),
]
_IN_A_PLACE_THAT_GIVES_WAY = [
    Span(0, 8, TextType.PERSON, Source.ROSTER, 0.5, "test"),
    Span(0, 8, TextType.ADDRESS, Source.PLACE, 0.5, "test"),
    Span(0, 7, TextType.PERSON, Source.RECORD, 0.5, "test"),
]


@settings(max_examples=150, deadline=None)
@example(given_=("王小明家住平阳路", _IN_A_PLACE_THAT_GIVES_WAY), order=random.Random(1))
@example(given_=("平阳路学", _CUT_BY_A_PLACE_THAT_GIVES_WAY), order=random.Random(1))
@given(given_=overlapping(), order=st.randoms(use_true_random=False))
def test_overlaps_are_resolved_and_nothing_certain_is_uncovered(
    given_: tuple[str, list[Span]], order: random.Random
) -> None:
    text, spans = given_
    found = resolve(spans, text)
    shuffled = list(spans)
    order.shuffle(shuffled)
    assert resolve(shuffled, text) == found
    assert all(before.end <= after.start for before, after in pairwise(found))
    covered = {place for span in found for place in range(span.start, span.end)}
    told = {place for span in spans if certain(span) for place in range(span.start, span.end) if text[place].isalnum()}
    assert told <= covered
    assert covered <= {place for span in spans for place in range(span.start, span.end)}


@settings(max_examples=80, deadline=None)
@given(given_=overlapping(), at=st.integers(0, 20), length=st.integers(1, 5))
def test_nothing_is_found_where_something_is_hidden_already(
    given_: tuple[str, list[Span]], at: int, length: int
) -> None:
    text, spans = given_
    zone = (min(at, len(text) - 1), min(at + length, len(text)))
    for span in resolve(spans, text, [zone] if zone[0] < zone[1] else []):
        assert span.end <= zone[0] or zone[1] <= span.start or zone[0] >= zone[1]


@pytest.mark.soak
def test_a_megabyte_is_read() -> None:
    sentence = "王小明同学家住山西省太原市小店区平阳路12号，母亲李丽电话13912345678，与欧阳明月在榆次一中打架。\n"
    for text in (sentence * (1_000_000 // len(sentence)), "一" * 1_000_000, "1" * 1_000_000, "王" * 300_000):
        check(text, RECORD)
