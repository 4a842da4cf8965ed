"""Normal text and the way back."""

from __future__ import annotations

import re
import unicodedata

import pytest

from gateway.anonymize.text import normal
from gateway.anonymize.text.normal import Normal


def back(text: str, piece: str) -> str:
    """Return what of ``text`` the normal text ``piece`` came from."""
    read = Normal.of(text)
    start = read.text.index(piece)
    first, last = read.back(start, start + len(piece))
    return text[first:last]


@pytest.mark.parametrize(
    ("original", "text"),
    [
        ("", ""),
        ("王小明，男。", "王小明,男。"),
        ("１３８　１２３４", "138 1234"),
        ("ＡＢｃ：（）！", "ABc:()!"),
        ("㈱½℃…", "(株)1⁄2°C..."),
        ("ﷺ", "صلى الله عليه وسلم"),
        ("ﬁ", "fi"),
        ("e\u0301", "é"),
        ("ﾊﾟ", "パ"),
        ("\u1112\u1161\u11ab", "한"),
        ("가\u11a8", "각"),
        ("凞\uf9d1", "凞六"),
        ("𬘡", "𬘡"),
        ("丽\U0002f800", "丽丽"),
        ("138\u200b1234", "1381234"),
        ("\ufeff王\u00ad小\u200e明\u2060", "王小明"),
        ("王\ufe00小\U000e0100明", "王小明"),
        ("a\x00b\x07c\x1bd", "abcd"),
        ("a\tb\r\nc", "a\tb\r\nc"),
        ("1\ufe0f\u20e33\ufe0f\u20e3", "13"),
        ("王\u0302小1\u0336", "王小1"),
        ("١٢٣۴५", "12345"),
        ("𝟏𝟑𝟖", "138"),
        ("①138", "①138"),
        ("m²⑫", "m²⑫"),
        ("①③⑧①②③", "138123"),
        ("\ud83d", "\ufffd"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("\ud83d\ude00", "😀"),
        ("\ud871\ude21明", "\U0002c621明"),
        ("\u0301", "\u0301"),
        ("\u200b", ""),
        ("e\u200b\u0301", "é"),
    ],
    ids=range(33),
)
def test_normal_form(original: str, text: str) -> None:
    read = Normal.of(original)
    assert read.text == text
    assert read.original == original
    assert len(read.starts) == len(read.ends) == len(text)
    read.text.encode()  # a lone half would refuse


@pytest.mark.parametrize(
    ("original", "piece", "came_from"),
    [
        ("他叫王\u200b小\u200b明，", "王小明", "王\u200b小\u200b明"),
        ("他叫\u200b王小明\u200b，", "王小明", "王小明"),
        ("他叫王小明\ufe00，", "王小明", "王小明\ufe00"),
        ("他叫王小明\U000e0101的", "王小明", "王小明\U000e0101"),
        ("他叫王小明\u0302的", "王小明", "王小明\u0302"),
        ("电话１３８1234５６７８。", "13812345678", "１３８1234５６７８"),
        ("电话1️⃣3️⃣8️⃣。", "138", "1️⃣3️⃣8️⃣"),
        ("……王小明……", "王小明", "王小明"),
        ("㈱王小明½", "王小明", "王小明"),
        ("㈱", "株", "㈱"),
        ("½", "⁄", "½"),
        ("Jose\u0301说", "José", "Jose\u0301"),
        ("Jose\u0301说", "é", "e\u0301"),
        ("😀王𬘡明😀", "王𬘡明", "王𬘡明"),
        ("\ud83d王小明\ude00", "王小明", "王小明"),
        ("\ud83d\ude00王小明", "王小明", "王小明"),
        ("x\ud871\ude21明", "\U0002c621明", "\ud871\ude21明"),
        ("\u202e王小明\u202c", "王小明", "王小明"),
        ("王小明\u200d\u200b", "王小明", "王小明\u200d"),
        ("ﾊﾟ王", "パ", "ﾊﾟ"),
    ],
    ids=range(20),
)
def test_way_back(original: str, piece: str, came_from: str) -> None:
    assert back(original, piece) == came_from


def test_a_place_outside_the_text_is_refused() -> None:
    read = Normal.of("王小明")
    for start, end in [(0, 0), (2, 1), (-1, 2), (0, 4)]:
        with pytest.raises(ValueError, match="no text"):
            read.back(start, end)


def test_nothing_of_the_text_is_in_the_repr() -> None:
    assert "王" not in repr(Normal.of("王小明１"))


def test_plain_characters_are_those_that_nothing_happens_to() -> None:
    plain = re.compile(f"[{normal._PLAIN}]")
    every = "".join(map(chr, range(0x110000)))
    for found in plain.finditer(every):
        fact = normal._fact(found[0])
        assert fact.part == 0, hex(ord(found[0]))
        assert fact.form == found[0]
    assert unicodedata.is_normalized("NFKC", "".join(plain.findall(every)))


def test_a_heap_of_marks_is_taken_apart() -> None:
    # NFKC alone sorts them in quadratic time: 10 seconds for 100,000 of them
    heap = "e" + "\u0301\u0316" * 50_000
    read = Normal.of(heap)
    assert read.back(0, len(read.text)) == (0, len(heap))


@pytest.mark.parametrize("piece", ["王小明，", "½", "\u202e", "①", "\ud83d\ude00", "e\u0301", "1\u200b", "……"])
def test_a_long_text_has_its_way_back(piece: str) -> None:
    text = piece * 20_000 + "王小明"
    read = Normal.of(text)
    assert read.back(len(read.text) - 3, len(read.text)) == (len(text) - 3, len(text))
