"""What the redaction of a text would look like: what is found, why, and what would stand in its place.

The text is one that the caller wrote; nothing of it is kept, and nothing of it is in an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.errors import ParameterError

MAX_BYTES = 100 * 1024
"""Longest text of a preview, in UTF-8."""


@dataclass(frozen=True, slots=True)
class PreviewSpan:
    """A piece that would be hidden. Offsets are code points of the text, the end exclusive; ``rule`` says why."""

    start: int
    end: int
    type: str
    rule: str


@dataclass(frozen=True, slots=True)
class Preview:
    """The text as it would stand in the sharing view, what was hidden in it, and by which version."""

    text: str = field(repr=False)
    spans: tuple[PreviewSpan, ...]
    version: str


class TextPreviews(Protocol):
    """Shows what would be hidden."""

    def ready(self) -> None:
        """Raise ``UnavailableError`` while texts cannot be redacted: they would be withheld as a whole."""

    def preview(self, text: str, known: Mapping[str, object], roster: Sequence[str]) -> Preview:
        """Return the preview of a text about the pupil of whom ``known`` is known (``KNOWN_COLUMNS``, or nothing).

        Raises ``UnavailableError`` as ``ready`` does, ``ParameterError`` for a text above ``MAX_BYTES``.
        """


def check_size(text: str) -> None:
    """Raise ``ParameterError`` for a text that is longer than ``MAX_BYTES``."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise ParameterError("The text is longer than 100 kB.", detail_zh="文本超过 100 kB。")


def pieces(text: str, spans: Sequence[PreviewSpan]) -> list[tuple[str, PreviewSpan | None]]:
    """Return the text cut at its spans, in order: each piece, and the span that it is."""
    found: list[tuple[str, PreviewSpan | None]] = []
    done = 0
    for span in spans:
        if span.start > done:
            found.append((text[done : span.start], None))
        found.append((text[span.start : span.end], span))
        done = span.end
    if done < len(text):
        found.append((text[done:], None))
    return found
