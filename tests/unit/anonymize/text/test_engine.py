"""The engine: offsets, the rule book's word, what it refuses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import pytest

from gateway.anonymize import text as room
from gateway.anonymize.text import defaults, detect
from gateway.anonymize.text.engine import Engine
from gateway.anonymize.text.errors import ModelUnavailableError
from gateway.anonymize.text.knowledge import known
from gateway.anonymize.text.reading import KnownRecord, Reading
from gateway.anonymize.text.redaction import redact
from gateway.anonymize.text.spans import Source, Span, TextType
from gateway.errors import ConfigurationError, ParameterError
from gateway.settings import default_config
from rulebook.recognition_records import DEFAULT_RECOGNITION, TEXT_TYPES, RecognizerRule
from tests.factories.texts import DIVISIONS, Words, engine

NAMES = Words({"王小明": TextType.PERSON})


def pieces(made: Engine, text: str) -> list[tuple[str, str]]:
    return [(text[one.start : one.end], one.type.value) for one in made.find(made.read(text))]


def ruled(*rules: RecognizerRule) -> MappingProxyType[str, RecognizerRule]:
    return MappingProxyType({rule.name: rule for rule in rules})


def test_offsets_are_code_points_of_the_original() -> None:
    made = engine(NAMES, Words({"13912345678": TextType.PHONE}, "test.phone", Source.IDENTIFIER))
    text = "𬘡\u200b王\u200b小明：１３９１２３４５６７８。"
    assert pieces(made, text) == [("王\u200b小明", "PERSON"), ("１３９１２３４５６７８", "PHONE")]


def test_two_finds_in_one_character_of_the_original_do_not_overlap() -> None:
    made = engine(Words({"(株": TextType.PERSON, "式)": TextType.QQ}, source=Source.IDENTIFIER))
    text = "㈱式会社"
    found = made.find(made.read(text))
    assert all(before.end <= after.start for before, after in pairwise(found))


def test_placeholders_and_masks_are_not_found_again() -> None:
    made = engine(Words({"学生": TextType.PERSON, "王": TextType.PERSON, "山西省太原市": TextType.ADDRESS}))
    assert pieces(made, "〔学生〕〔同学12〕王**住山西省太原市***") == []
    assert pieces(made, "学生王某住山西省太原市") == [("学生", "PERSON"), ("王", "PERSON"), ("山西省太原市", "ADDRESS")]


def test_stars_do_not_protect_what_is_no_mask() -> None:
    made = engine(Words({"王小明": TextType.PERSON, "平阳路12号": TextType.ADDRESS}))
    assert pieces(made, "王小明**住平阳路12号***") == [("王小明", "PERSON"), ("平阳路12号", "ADDRESS")]


def test_the_rule_book_turns_a_detector_off_or_asks_for_a_score() -> None:
    off = replace(DEFAULT_RECOGNITION, recognizers=ruled(RecognizerRule("test.words", enabled=False)))
    assert pieces(engine(NAMES, recognition=off), "王小明") == []
    strict = replace(DEFAULT_RECOGNITION, recognizers=ruled(RecognizerRule("test.words", least_score=0.95)))
    assert pieces(engine(NAMES, recognition=strict), "王小明") == []
    loose = replace(DEFAULT_RECOGNITION, recognizers=ruled(RecognizerRule("test.words", least_score=0.9)))
    assert pieces(engine(NAMES, recognition=loose), "王小明") == [("王小明", "PERSON")]


def test_a_recognizer_that_there_is_not_is_refused_with_its_line() -> None:
    wrong = replace(DEFAULT_RECOGNITION, recognizers=ruled(RecognizerRule("names.modle", line=41)))
    with pytest.raises(ConfigurationError, match=r"recognizers\.yaml:41: there is no recognizer 'names\.modle'"):
        engine(NAMES, recognition=wrong)


def test_the_rule_book_names_the_types_that_the_room_finds() -> None:
    assert set(TEXT_TYPES) == {kind.value for kind in TextType}


@pytest.mark.parametrize("text", [None, b"bytes", 7, ["a"]])
def test_what_is_no_text_is_refused(text: object) -> None:
    with pytest.raises(ParameterError, match="must be a str"):
        detect(text)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    "record",
    [
        "王小明",
        ["王小明"],
        {"name": "王小明"},
        {"student": 7},
        {"guardians": [None, 7]},
        {"roster": "王小明"},
        {"roster": [7]},
    ],
)
def test_a_record_of_another_form_is_refused_without_its_values(record: object) -> None:
    with pytest.raises(ParameterError) as refused:
        detect("王小明", record)  # type: ignore[arg-type]  # that is the point
    assert "王小明" not in f"{refused.value.detail}{refused.value.detail_zh}"
    assert refused.value.detail_zh


def test_a_record_may_say_nothing() -> None:
    assert known(None) == (None, None)
    assert known({}) == (None, None)
    record, roster = known({"student": None, "guardians": [], "roster": []})
    assert record == KnownRecord()
    assert roster is not None
    assert len(roster) == 0
    assert detect("", {"student": "王小明"}) == []


def test_detect_finds_what_the_record_and_the_roster_know() -> None:
    text = "王小明、小明与欧阳明月打架，父亲王大力到校。"
    record = {"student": "王小明", "guardians": ["王大力"], "roster": ["欧阳明月", "张三丰"]}
    found = detect(text, record)
    assert [(text[one.start : one.end], one.type) for one in found] == [
        ("王小明", "PERSON"),
        ("小明", "PERSON"),
        ("欧阳明月", "PERSON"),
        ("王大力", "PERSON"),
    ]
    assert all(isinstance(one, tuple) for one in found)


def test_without_its_model_nothing_is_detected(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError):
        Engine.load(DIVISIONS, DEFAULT_RECOGNITION, model=tmp_path)


def test_detect_fails_closed_when_the_model_is_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    load = Engine.load
    monkeypatch.setattr(Engine, "load", lambda divisions, rules: load(divisions, rules, model=tmp_path))
    monkeypatch.setattr(defaults, "_engines", {})
    with pytest.raises(ModelUnavailableError):
        detect("王小明")


def test_the_default_engine_is_made_once_for_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Engine] = []
    begun = threading.Barrier(4)

    def load(folder: Path) -> Engine:
        made.append(engine(NAMES))
        return made[-1]

    monkeypatch.setattr(defaults, "_engines", {})
    monkeypatch.setattr(defaults, "_load", load)
    got: list[Engine] = []

    def ask() -> None:
        begun.wait(5)
        got.append(room.default_engine())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert got == made * 4


def test_a_broken_rule_book_is_told_with_file_and_line(tmp_path: Path) -> None:
    for path in default_config().rglob("*"):
        if path.is_file():
            target = tmp_path / path.relative_to(default_config())
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    rules = tmp_path / "recognizers.yaml"
    rules.write_text(
        rules.read_text(encoding="utf-8").replace("style: placeholder", "style: stars", 1), encoding="utf-8"
    )
    with pytest.raises(ConfigurationError, match=r"recognizers\.yaml:\d+: style: must be one of placeholder, mask"):
        defaults.engine(tmp_path)


def test_the_shipped_rule_book_names_every_recognizer() -> None:
    made = defaults.engine()
    assert [detector.name for detector in made.detectors] == list(made.marks.recognition.recognizers)


def test_what_shows_only_when_its_neighbour_is_hidden_is_hidden_too() -> None:
    class Shy(Words):
        """Finds 张三 only at the beginning of a text or behind a placeholder."""

        def find(self, reading: Reading) -> Iterator[Span]:
            for span in super().find(reading):
                if span.start == 0 or reading.text.text[span.start - 1] == "〕":
                    yield span

    made = engine(NAMES, Shy({"张三": TextType.PERSON}, "test.shy"))
    (done,) = redact(made, ["王小明张三"])
    assert done.text == "〔人员1〕〔人员2〕"
    assert [(one.start, one.end) for one in done.found] == [(0, 3), (3, 5)]
    assert redact(made, [done.text])[0].text == done.text
