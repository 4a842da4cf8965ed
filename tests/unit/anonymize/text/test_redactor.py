"""Free text by the column: what the registry stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from core_registry.sharing import KNOWN_COLUMNS, NOT_REDACTED, TEXT_WITHHELD, Redactor
from gateway.anonymize.text import versions
from gateway.anonymize.text.redaction import redact
from gateway.anonymize.text.redactor import KNOWN, WITHHELD_VERSION, RedactionError, Setup, TextRedactor
from gateway.anonymize.text.roster import Roster
from gateway.anonymize.text.spans import TextType
from gateway.anonymize.withholding import WITHHELD
from gateway.errors import ParameterError
from rulebook.recognition_records import DEFAULT_RECOGNITION, RecognizerRule
from tests.factories.texts import DIVISIONS, Words, engine

REDACT = "gateway.anonymize.text.redactor.redact"
SCHEMA: dict[str, pl.DataType] = {**dict.fromkeys(KNOWN, pl.String()), "guardians": pl.List(pl.String)}


def table(*rows: tuple[str | None, str, str]) -> tuple[pl.Series, pl.DataFrame]:
    """Return texts with school and pupil, and what is known beside them."""
    known = [
        {"school_code": school, "name": name, "guardians": ["李丽"], "school_name": f"{school}小学"}
        for _, school, name in rows
    ]
    return pl.Series("awards", [text for text, _, _ in rows], dtype=pl.String), pl.DataFrame(known, schema=SCHEMA)


def nobody(school: str) -> Sequence[str]:
    return ()


def of_words(monkeypatch: pytest.MonkeyPatch, *words: str, processes: int = 1) -> TextRedactor:
    """Return a redactor whose engine finds given names, in this process."""
    made = engine(Words(dict.fromkeys(words, TextType.PERSON)))
    monkeypatch.setattr(Setup, "engine", lambda self: made)
    return TextRedactor(DIVISIONS, DEFAULT_RECOGNITION, processes=processes, small=0)


def test_it_is_the_redactor_of_the_registry() -> None:
    made: Redactor = TextRedactor(DIVISIONS, DEFAULT_RECOGNITION)
    assert isinstance(made, TextRedactor)
    assert (KNOWN, WITHHELD_VERSION, WITHHELD) == (KNOWN_COLUMNS, NOT_REDACTED, TEXT_WITHHELD)


def test_rows_keep_their_order_and_nulls_stay_null(monkeypatch: pytest.MonkeyPatch) -> None:
    made = of_words(monkeypatch, "王小明", "张三")
    texts, known = table(("王小明与张三", "b", "张三"), (None, "a", "x"), ("", "a", "x"), ("张三与王小明", "b", "张三"))
    done = made.redact(texts, known, nobody)
    assert done.name == "awards"
    assert done.to_list() == ["〔人员1〕与〔学生〕", None, "", "〔学生〕与〔人员1〕"]


def test_equal_texts_of_equal_records_are_redacted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = of_words(monkeypatch, "王小明")
    seen: list[str] = []

    def watched(engine: object, texts: list[str], *more: object) -> object:
        seen.extend(texts)
        return redact(engine, texts, *more)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(REDACT, watched)
    texts, known = table(*[("王小明", "a", "王小明")] * 3, ("王小明", "a", "李四"), ("王小明", "b", "王小明"))
    assert made.redact(texts, known, nobody).to_list() == ["〔学生〕"] * 3 + ["〔人员1〕", "〔学生〕"]
    assert seen == ["王小明"] * 3


def test_a_roll_is_opened_once_for_each_school_with_a_text_in_the_order_of_the_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = of_words(monkeypatch, "王小明")
    given: list[int] = []

    def watched(engine: object, texts: list[str], record: object, roster: Roster | None) -> object:
        given.append(0 if roster is None else len(roster))
        return redact(engine, texts, record, roster)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(REDACT, watched)
    asked: list[str] = []

    def rolls(school: str) -> Sequence[str]:
        asked.append(school)
        return {"b": ["张三丰", "李四光"], "a": []}[school]

    texts, known = table(("一", "b", "甲"), ("二", "a", "甲"), (None, "c", "甲"), ("三", "b", "甲"))
    made.redact(texts, known, rolls)
    assert asked == ["b", "a"]
    assert given == [2, 2, 0]


def test_what_is_known_must_stand_beside_the_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    made = of_words(monkeypatch, "王小明")
    texts, known = table(("王小明", "a", "王小明"))
    for wrong in (known.clear(), known.drop("guardians")):
        with pytest.raises(ParameterError, match="a row for each text"):
            made.redact(texts, wrong, nobody)


def test_without_the_model_every_text_is_withheld_and_that_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = TextRedactor(DIVISIONS, DEFAULT_RECOGNITION, model=tmp_path)
    texts, known = table(("王小明", "a", "王小明"), (None, "a", "王小明"))
    for _ in range(2):
        assert made.redact(texts, known, nobody).to_list() == [WITHHELD, None]
    assert made.version == NOT_REDACTED
    assert made.engine is None
    told = [record for record in caplog.records if "anonymize.text" in record.getMessage()]
    assert len(told) == 1
    assert "ModelUnavailableError" in told[0].getMessage()


def test_a_text_that_cannot_be_read_is_withheld_and_the_others_are_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = of_words(monkeypatch, "王小明")

    def failing(engine: object, texts: list[str], *more: object) -> object:
        if "坏" in texts[0]:
            raise RuntimeError(texts[0])
        return redact(engine, texts, *more)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(REDACT, failing)
    texts, known = table(("王小明好", "a", "张三"), ("王小明坏", "a", "张三"), ("王小明很坏", "a", "张三"))
    assert made.redact(texts, known, nobody).to_list() == ["〔人员1〕好", WITHHELD, WITHHELD]
    assert caplog.text.count("RuntimeError") == 1
    assert "王小明" not in caplog.text


def test_processes_give_what_one_process_gives() -> None:
    alone = TextRedactor(DIVISIONS, DEFAULT_RECOGNITION, processes=1)
    many = TextRedactor(DIVISIONS, DEFAULT_RECOGNITION, processes=2, small=0)
    rows = [
        (f"第{row}次：王小明与欧阳明月、张三丰打架，电话13912345678。", "ab"[row % 2], "王小明") for row in range(9)
    ]
    texts, known = table(*rows)
    rolls = {"a": ["欧阳明月"], "b": ["张三丰"]}.__getitem__
    done = many.redact(texts, known, rolls)
    assert done.to_list() == alone.redact(texts, known, rolls).to_list()
    assert done[0].startswith("第0次：〔学生〕与〔同学1〕、")
    assert done[1].endswith("〔同学1〕打架，电话〔电话〕。")


def test_when_a_process_dies_nothing_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = of_words(monkeypatch, "王小明", processes=2)
    assert made.engine is not None
    # the model goes away after this process has loaded it: what it starts cannot begin
    monkeypatch.setattr(made, "_setup", replace(made._setup, model=tmp_path))
    texts, known = table(("王小明", "a", "王小明"))
    with pytest.raises(RedactionError, match="has died") as died:
        made.redact(texts, known, nobody)
    assert died.value.detail_zh


def test_a_number_of_processes_below_one_is_refused() -> None:
    with pytest.raises(ParameterError):
        TextRedactor(DIVISIONS, DEFAULT_RECOGNITION, processes=0)


def test_the_version_is_short_and_changes_with_rules_lists_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    first = versions.version(DEFAULT_RECOGNITION, DIVISIONS)
    assert len(first) == 12
    assert first == versions.version(DEFAULT_RECOGNITION, DIVISIONS)
    rule = {"x": RecognizerRule("x", least_score=0.3)}
    assert versions.version(replace(DEFAULT_RECOGNITION, recognizers=rule), DIVISIONS) != first
    assert versions.version(replace(DEFAULT_RECOGNITION, style="mask"), DIVISIONS) != first
    assert versions.version(DEFAULT_RECOGNITION, replace(DIVISIONS, townships={"140105": ("刘家堡乡",)})) != first
    # where a rule stands in the file, and one that says nothing, change nothing
    idle = {"x": RecognizerRule("x", line=9)}
    assert versions.version(replace(DEFAULT_RECOGNITION, recognizers=idle), DIVISIONS) == first
    monkeypatch.setattr(versions, "_code", lambda: b"other code")
    assert versions.version(DEFAULT_RECOGNITION, DIVISIONS) != first


def test_the_version_covers_code_lexicons_and_masks() -> None:
    folder = Path(versions.__file__).parent
    names = {name for name, _ in versions._files(folder, "")}
    assert {"model.py", "identifiers/__init__.py", "lexicons/name_pinyin.txt"} <= names
    assert not any(name.endswith(".pyc") for name in names)
