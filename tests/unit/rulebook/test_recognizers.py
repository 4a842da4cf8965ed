"""config/recognizers.yaml is read strictly: every error has its line."""

from __future__ import annotations

import pytest

import rulebook
from rulebook.recognition_records import DEFAULT_RECOGNITION, Recognition
from rulebook.recognizers import FILE, read_recognizers
from rulebook.records import RulebookError
from rulebook.source import Sources
from tests.unit.rulebook.conftest import SHIPPED

TEXT = (SHIPPED / FILE).read_text(encoding="utf-8")


def read(text: str) -> Recognition:
    return read_recognizers(Sources.of({FILE: text.encode()}))


def test_the_shipped_file_says_what_hand_made_rule_books_have() -> None:
    found = read(TEXT)
    assert found.style == "placeholder"
    assert (found.people, found.hiding) == (DEFAULT_RECOGNITION.people, DEFAULT_RECOGNITION.hiding)
    assert all(rule.enabled and not rule.least_score for rule in found.recognizers.values())
    assert {rule.name: rule.line for rule in found.recognizers.values()} == {
        line.split("name: ")[1].rstrip("}"): number
        for number, line in enumerate(TEXT.splitlines(), start=1)
        if line.startswith("  - {name: ")
    }


def test_a_detector_can_be_turned_off_or_asked_for_a_score() -> None:
    found = read(TEXT.replace("{name: known.roll}", "{name: known.roll, enabled: false, least_score: 0.5}"))
    rule = found.recognizers["known.roll"]
    assert (rule.enabled, rule.least_score) == (False, 0.5)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("style: placeholder", "style: stars", "style: must be one of placeholder, mask"),
        ("style: placeholder", "style: yes", "style: must be text"),
        ("style: placeholder", "styl: placeholder", "key 'style' is missing"),
        ("style: placeholder", "style: placeholder\ncolour: red", "unknown key"),
        ("style: placeholder", "style: placeholder\nstyle: mask", "key 'style' stands twice"),
        ("style: placeholder", "style: [}", "YAML syntax"),
        ("style: placeholder", "style: !!python/name:os.system x", "must be text, a number, true or false"),
        ("style: placeholder", "style: &a placeholder", "without anchors"),
        ("style: placeholder", "style: 2026-01-01", "must be text, a number, true or false"),
        ("style: placeholder", "1: x", "a key must be text"),
        ("  student: 学生", "  student: 学生1", "1 to 10 Chinese characters"),
        ("  student: 学生", "  student: 家长", "is the word of student already"),
        ("  student: 学生", "  pupil: 学生", "key 'student' is missing"),
        ("  PERSON: {mask: name}", "  PERSON: {mask: name, placeholder: 人}", "unknown key"),
        ("  PERSON: {mask: name}", "  PERSON: {mask: 1}", "must be text in quotes"),
        ("  PERSON: {mask: name}", "  PEOPLE: {mask: name}", "is no kind of personal data"),
        ("  PERSON: {mask: name}", "  # none", "key 'PERSON' is missing"),
        ("  QQ: {placeholder: QQ号, mask: stars}", "  QQ: {placeholder: QQ号, mask: text}", "must be one of name,"),
        ("  QQ: {placeholder: QQ号, mask: stars}", "  QQ: {placeholder: 电话, mask: stars}", "is the word of"),
        ("numbered: true}", "numbered: 1}", "must be true or false"),
        ("{name: known.roll}", "{name: known.people}", "'known.people' stands twice"),
        ("{name: known.roll}", "{name: Known Roll}", "must be a name like"),
        ("{name: known.roll}", "{name: known.roll, enabled: 1}", "must be true or false"),
        ("{name: known.roll}", "{name: known.roll, least_score: 2}", "must lie between 0 and 1"),
        ("{name: known.roll}", "{name: known.roll, score: 0.5}", "unknown key"),
        ("{name: known.roll}", "known.roll", "must be a table"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(old: str, new: str, problem: str) -> None:
    assert old in TEXT
    with pytest.raises(RulebookError) as refused:
        read(TEXT.replace(old, new, 1))
    assert problem in refused.value.problem
    line = TEXT[: TEXT.index(old)].count("\n") + 1
    missing = "is missing" in problem
    assert refused.value.file == FILE
    assert missing or (refused.value.line is not None and 0 <= refused.value.line - line <= new.count("\n") + 1)


def test_all_detectors_off_is_refused() -> None:
    with pytest.raises(RulebookError, match="all are off"):
        read(TEXT.split("recognizers:\n")[0] + "recognizers:\n  - {name: a, enabled: false}\n")


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n- b\n", "style", "\ta: 1"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(RulebookError):
        read(text)


def test_the_file_is_a_part_of_the_rule_book() -> None:
    book = rulebook.load(SHIPPED)
    assert dict(book.recognition.recognizers) == dict(read(TEXT).recognizers)
