"""Which suspicions of the leak scan stop a file: there is no registry here to ask whether a number is anybody's.

A number that carries its own proof (an identity number with its check character, a card number with its check digit)
stops it, and so does a column that mostly holds telephone numbers, old identity numbers or names. A single number
without a proof is told and does not stop it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from core_registry.sharing import IdentifierKind
from gateway.anonymize.leakscan import BANK_CARD, Suspicions, check_character, scan
from gateway.anonymize.tables.errors import LeakError
from gateway.anonymize.tables.reading import as_text

_MOSTLY = 0.5
_NAMES = 0.8
_FEWEST = 20
_FEWEST_NUMBERS = 5
_OWN = 0.3
"""From this share of different values on, a column of names may be one of people, below it is one of places."""


@dataclass(frozen=True, slots=True)
class LeakFinding:
    """So many different values of a column look like one kind of identifier. ``stops`` unless ``allowed``.

    What is proven to be an identity number, or should be masked and is not, nobody can allow.
    """

    column: str
    kind: str
    values: int
    stops: bool
    allowed: bool


def judge(frame: pl.DataFrame, shapes: Mapping[str, str], allowed: Collection[str]) -> list[LeakFinding]:
    """Return what the leak scan finds in ``frame``, a written file that was read back.

    ``shapes`` are masks, or ``pseudonym``, that columns must look like. Raises ``LeakError`` when anything stops the
    file in a column that is not ``allowed``; it tells columns, kinds and numbers, never a value.
    """
    found = list(_findings(frame, scan(frame, shapes), allowed))
    stopped = [one for one in found if one.stops and not one.allowed]
    if not stopped:
        return found
    told = "; ".join(f"'{one.column}': {one.values} × {one.kind}" for one in stopped)
    raise LeakError(
        f"The leak scan stopped the file, it is destroyed: {told}. Give the column the role 'direct' (dropped, or with "
        "a mask or pseudonym). If these are no identifiers, '--allow COLUMN' lets them pass, but for numbers with a "
        "valid check character.",
        detail_zh=f"泄漏扫描阻止了输出，文件已销毁：{told}。请将该列设为 direct（删去、掩码或假名）；"
        "如确认不是标识符，可用 --allow 列名 放行，校验码有效的号码除外。",
        missing=tuple(dict.fromkeys(one.column for one in stopped)),
    )


def _findings(frame: pl.DataFrame, suspicions: Suspicions, allowed: Collection[str]) -> Iterator[LeakFinding]:
    for column, values in suspicions.unmasked.items():
        yield LeakFinding(column, "unmasked", values, stops=True, allowed=False)
    for one in suspicions.findings:
        distinct = as_text(frame[one.column]).drop_nulls().unique()
        share = one.values / max(len(distinct), 1)
        match one.kind:
            case IdentifierKind.ID_NUMBER | IdentifierKind.STUDENT_NUMBER:
                if _proven(distinct, suspicions.by_kind[IdentifierKind(one.kind)]):
                    yield LeakFinding(one.column, str(one.kind), one.values, stops=True, allowed=False)
                    continue
                stops = share >= _MOSTLY
            case IdentifierKind.NAME:
                own = len(distinct) >= max(_FEWEST, _OWN * frame.height)
                stops = own and share >= _NAMES
            case kind:
                stops = kind == BANK_CARD or (share >= _MOSTLY and one.values >= _FEWEST_NUMBERS)
        yield LeakFinding(one.column, str(one.kind), one.values, stops, one.column in allowed)


def _proven(distinct: pl.Series, numbers: Collection[str]) -> bool:
    """Say whether one of ``numbers`` with a valid check character stands in ``distinct`` as it is written there."""
    valid = [number for number in numbers if _valid(number)]
    if not valid:
        return False
    plain = distinct.str.normalize("NFKC").str.replace_all("[^0-9A-Za-z]", "").str.to_uppercase()
    return bool(plain.str.contains_any(valid).any())


def _valid(number: str) -> bool:
    digits = number[-18:]
    return len(digits) == 18 and digits[:17].isdigit() and check_character(digits[:17]) == digits[17]  # noqa: PLR2004
