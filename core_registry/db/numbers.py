"""Student numbers that the registry makes itself: provisional, or final where a place may assign them (Q-32)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import date
from typing import Literal

import polars as pl

from core_registry.domain.identity_number import check_character, normalize_identity_number, problem_of
from core_registry.domain.student_number import provisional_number
from core_registry.errors import RegisterRuleError

Authority = Literal["national", "local"]
Taken = Callable[[list[str]], set[str]]
"""Returns which of the numbers it is given exist already."""

_BLOCK = 65_536
_ROUNDS = 64
_SERIALS = 999


def missing_numbers(pupils: pl.DataFrame, authority: Authority, taken: Taken) -> pl.Series:
    """Return a free student number for each row of ``pupils``: school_division, birth_date, id_type, id_number.

    ``national``: a provisional ``L`` number, replaced when the national system assigns one. ``local``: ``G`` and the
    resident identity number, or a ``J`` number where there is none. No two rows get the same one. Raises
    ``RegisterRuleError`` for a row without birth date or division, or when no number is free. Source: Q-32, A6-3.
    """
    rows = pupils.select("school_division", "birth_date", "id_type", "id_number").rows()
    places = [_place(division, born) for division, born, _, _ in rows]
    numbers: list[str] = [""] * len(rows)
    if authority == "local":
        own = [_national(id_type, id_number) for _, _, id_type, id_number in rows]
        exists = taken([number for number in own if number])
        numbers = [number if number and number not in exists else "" for number in own]
    waiting = [index for index, number in enumerate(numbers) if not number]
    given = _provisional(places, waiting, taken) if authority == "national" else _self_coded(places, waiting, taken)
    for index, number in given.items():
        numbers[index] = number
    return pl.Series("student_number", numbers, dtype=pl.String)


def _place(division: str | None, born: date | None) -> tuple[str, date]:
    if division is None or born is None:
        raise RegisterRuleError(
            "A student number needs the division of the school and the birth date.",
            detail_zh="生成学籍号需要学校行政区划和出生日期。",
            rule="A6-3",
        )
    return division, born


def _national(id_type: str | None, id_number: str | None) -> str:
    number = normalize_identity_number(id_number or "")
    return f"G{number}" if id_type == "1" and problem_of(number) is None else ""


def _provisional(places: list[tuple[str, date]], waiting: list[int], taken: Taken) -> dict[int, str]:
    given: dict[int, str] = {}
    used: set[str] = set()
    choose = _Choice()
    for _ in range(_ROUNDS):
        candidates = [(index, provisional_number(*places[index], choose)) for index in waiting]
        exists = taken([number for _, number in candidates])
        for index, number in candidates:
            if number not in exists and number not in used:
                used.add(number)
                given[index] = number
        waiting = [index for index in waiting if index not in given]
        if not waiting:
            return given
    raise _none_free()


def _self_coded(places: list[tuple[str, date]], waiting: list[int], taken: Taken) -> dict[int, str]:
    groups: dict[tuple[str, date], list[int]] = {}
    for index in waiting:
        groups.setdefault(places[index], []).append(index)
    given: dict[int, str] = {}
    for (division, born), members in groups.items():
        bodies = [f"{division}{born:%Y%m%d}{serial:03d}" for serial in range(1, _SERIALS + 1)]
        candidates = [f"J{body}{check_character(body)}" for body in bodies]
        exists = taken(candidates)
        free = [number for number in candidates if number not in exists]
        if len(free) < len(members):
            raise _none_free()
        given.update(zip(members, free, strict=False))
    return given


def _none_free() -> RegisterRuleError:
    return RegisterRuleError(
        "No student number is free for a division and birth date; ask the province for national numbers.",
        detail_zh="某行政区划与出生日期组合的学籍号已用尽，请导入国家学籍号。",
        rule="A6-3",
    )


class _Choice:
    """``secrets.choice`` for a hundred thousand characters: random bytes are drawn a block at a time."""

    def __init__(self) -> None:
        self._bytes = iter(b"")

    def __call__(self, alphabet: str) -> str:
        """Return a character of ``alphabet`` (at most 256), each equally likely."""
        limit = 256 - 256 % len(alphabet)  # above it some characters would come more often
        while True:
            for value in self._bytes:
                if value < limit:
                    return alphabet[value % len(alphabet)]
            self._bytes = iter(secrets.token_bytes(_BLOCK))
