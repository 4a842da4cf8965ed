"""What a caller knows of a pupil, from a plain mapping: the record and the roll of the school."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from gateway.anonymize.text.reading import KnownRecord
from gateway.anonymize.text.roster import Roster
from gateway.errors import ParameterError

ROSTER: Final = "roster"


def known(record: Mapping[str, object] | None) -> tuple[KnownRecord | None, Roster | None]:
    """Return record and roll of a plain mapping, ``None`` for what it does not have.

    Raises ``ParameterError`` for anything but a mapping, for another key, and for a value that is no text.
    """
    if record is None:
        return None, None
    if not isinstance(record, Mapping):
        raise ParameterError(
            f"The record must be a mapping, not {type(record).__name__}.", detail_zh="学籍信息必须是键值对。"
        )
    names = record.get(ROSTER)
    parts = {key: value for key, value in record.items() if key != ROSTER}
    return (KnownRecord.of(parts) if parts else None), (None if names is None else _roster(_names(names)))


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise ParameterError("'roster' must be a list of names.", detail_zh="roster 必须是姓名列表。")
    if not all(isinstance(name, str) for name in value):
        raise ParameterError("'roster' must hold texts only.", detail_zh="roster 只能包含文本。")
    return tuple(value)


@lru_cache(maxsize=4)
def _roster(names: tuple[str, ...]) -> Roster:
    """Return the roll, kept for the next text of the same school."""
    return Roster(names)
