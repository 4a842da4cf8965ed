"""The roll of a school: names of its pupils and staff, searched for in one pass (Aho-Corasick)."""

from __future__ import annotations

from collections.abc import Iterable


class Roster:
    """Names of three and more characters count wherever they stand, those of two only with context.

    Built once for a school, kept as long as its roll does not change; in processes that hold the office's keys only.
    """

    def __init__(self, names: Iterable[str]) -> None:
        raise NotImplementedError
