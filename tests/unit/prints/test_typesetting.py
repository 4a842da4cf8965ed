"""Breaking Chinese paragraphs into lines: what stays together and what does not begin a line."""

from __future__ import annotations

from core_registry.prints.tree import Blank, Text, Words, words
from core_registry.prints.typesetting import Box, lines


def measure(text: str) -> float:
    """Return a width: one for a Chinese character, half for any other."""
    return sum(0.5 if character.isascii() else 1.0 for character in text)


def broken(text: Text, room: float = 6) -> list[str]:
    """Return the lines as texts."""
    return ["".join(box.text for box in line) for line in lines(text, 1.0, room, measure)]


def test_a_line_is_never_wider_than_its_room() -> None:
    text = words("从二〇二三年九月至二〇二六年七月在我校学习，特发给证明。")
    for line in lines(text, 1.0, 6, measure):
        assert sum(box.width for box in line) <= 6


def test_a_mark_does_not_begin_a_line() -> None:
    assert broken(words("一二三四五六，七八")) == ["一二三四五", "六，七八"]


def test_a_number_is_not_torn_unless_it_is_wider_than_the_line() -> None:
    assert broken(words("号码为1234567号")) == ["号码为", "1234567号"]
    assert broken(words("1234567890123456")) == ["123456789012", "3456"]


def test_a_blank_has_its_least_width_and_stays_in_one_piece() -> None:
    text = Text((Words("学生"), Blank("name", "某某", 5), Words("。")))
    first, second = lines(text, 1.0, 6, measure)
    assert first == (Box("学", 1.0), Box("生", 1.0))
    assert second[0] == Box("某某", 5.0, ruled=True)


def test_a_value_longer_than_the_line_is_broken_under_a_continuous_rule() -> None:
    found = lines(Text((Blank("name", "一二三四五六七八", 2),)), 1.0, 6, measure)
    assert ["".join(box.text for box in line) for line in found] == ["一二三四五六", "七八"]
    assert all(box.ruled for line in found for box in line)


def test_the_first_line_is_indented() -> None:
    assert lines(Text((Words("一二三四五"),), indent=2), 1.0, 6, measure)[0][0].width == 2


def test_an_empty_paragraph_has_one_line() -> None:
    assert broken(Text(())) == [""]
