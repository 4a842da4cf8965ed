"""A text as detectors read it, with the way back to the original: NFKC and no invisible characters."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Normal:
    """A normalised text. ``starts[i]`` and ``ends[i]`` are the original code points that character ``i`` came from."""

    original: str = field(repr=False)
    text: str = field(repr=False)
    starts: tuple[int, ...] = field(repr=False)
    ends: tuple[int, ...] = field(repr=False)

    @classmethod
    def of(cls, original: str) -> Normal:
        """Return the normalised form of any string, lone surrogates included."""
        raise NotImplementedError

    def back(self, start: int, end: int) -> tuple[int, int]:
        """Return the original code points of ``text[start:end]``: all that took part in it, no grapheme cut in two."""
        raise NotImplementedError
