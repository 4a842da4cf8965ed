"""A place of a text that may be a name, with its score."""

from __future__ import annotations

from typing import NamedTuple


class Candidate(NamedTuple):
    """A possible name and the log odds that it is one: above 0 it is more likely a name than not."""

    start: int
    end: int
    score: float
    rule: str
