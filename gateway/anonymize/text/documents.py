"""Texts, files and columns of tables on their way through ``xueji redact``: read, redacted, told what was hidden."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.anonymize.tables.errors import TableFileError
from gateway.anonymize.text.knowledge import known
from gateway.anonymize.text.redaction import Redacted, redact
from gateway.anonymize.text.workbooks import Sheet

if TYPE_CHECKING:
    from gateway.anonymize.text.engine import Engine
    from rulebook.recognition_records import TextStyle

_ENCODINGS = ("utf-8-sig", "gb18030")
_ASCII = 0x7F
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns hold texts, and which what is known of the record in the same row."""

    texts: tuple[str, ...]
    student: str | None = None
    former_name: str | None = None
    guardians: tuple[str, ...] = ()
    school: str | None = None
    addresses: tuple[str, ...] = ()

    def records(self, sheet: Sheet, height: int) -> list[dict[str, object]]:
        """Return for each row what its other columns say of the pupil. Raises ``TableFileError``."""
        parts: dict[str, tuple[str, ...]] = {
            "student": (self.student,) if self.student else (),
            "former_name": (self.former_name,) if self.former_name else (),
            "guardians": self.guardians,
            "school": (self.school,) if self.school else (),
            "address": self.addresses,
        }
        read = {key: [sheet.column(name) for name in names] for key, names in parts.items() if names}
        return [{key: [column[row] for column in found] for key, found in read.items()} for row in range(height)]


@dataclass(frozen=True, slots=True)
class Cell:
    """One redacted text and where it stands: ``row`` counts from 1 below the header, 0 when it is no table."""

    row: int
    column: str
    redacted: Redacted = field(repr=False)


def decoded(content: bytes, name: str) -> tuple[str, str]:
    """Return a text and its encoding: UTF-8, GB18030 or UTF-16 with a mark. Raises ``TableFileError``."""
    if content.startswith(_UTF16):
        tries: Sequence[str] = ("utf-16",)
    else:
        tries = _ENCODINGS
    for encoding in tries:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            if encoding == "utf-8-sig" and _mostly_utf8(content):
                break
            continue
        return text, "utf-8" if encoding == "utf-8-sig" and not content.startswith(b"\xef\xbb\xbf") else encoding
    raise TableFileError(
        f"{name} is no text in UTF-8, GB18030 or UTF-16.",
        detail_zh=f"{name} 不是 UTF-8、GB18030 或 UTF-16 文本。",
    )


def _mostly_utf8(content: bytes) -> bool:
    """Return whether it is UTF-8 with something broken: read as GB18030 it would be other characters, names and all."""
    high = sum(byte > _ASCII for byte in content)
    whole = content.decode("utf-8", errors="ignore")
    return sum(len(character.encode()) for character in whole if not character.isascii()) * 2 > high


def read_record(path: Path) -> dict[str, object]:
    """Return the record in a JSON file, with ``roster`` if it has one. Raises ``TableFileError``."""
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise TableFileError(
            f"The record in {path.name} cannot be read as JSON.", detail_zh=f"{path.name} 无法按 JSON 读取。"
        ) from error
    if not isinstance(found, dict):
        raise TableFileError(
            f"The record in {path.name} must be a JSON object.", detail_zh=f"{path.name} 应为一个 JSON 对象。"
        )
    return found


def redact_sheet(
    engine: Engine,
    sheet: Sheet,
    columns: Columns,
    given: Mapping[str, object],
    style: TextStyle | None,
    advance: Callable[[], object],
) -> tuple[dict[str, list[str | None]], list[Cell]]:
    """Return the redacted columns and every text; the texts of a row are those of one record.

    ``given`` is what is known of all rows (the roster, perhaps the school); a row's own columns add to it.
    """
    texts = {name: sheet.column(name) for name in columns.texts}
    height = len(next(iter(texts.values())))
    made: dict[str, list[str | None]] = {name: [None] * height for name in columns.texts}
    cells: list[Cell] = []
    for row, own in enumerate(columns.records(sheet, height)):
        filled = [(name, text) for name in columns.texts if (text := texts[name][row]) is not None]
        if filled:
            record, roster = known({**given, **own} or None)
            done = redact(engine, [text for _, text in filled], record, roster, style)
            for (name, _), one in zip(filled, done, strict=True):
                made[name][row] = one.text
                cells.append(Cell(row + 1, name, one))
        advance()
    return made, cells


def told(cell: Cell, *, show: bool, offsets_only: bool = False) -> dict[str, Any]:
    """Return a redacted text for a program: what was found where, by which rule, and what stands there now.

    The clear text of a find is in it only with ``show``.
    """
    one = cell.redacted
    found = []
    for item, label in zip(one.found, one.labels, strict=True):
        entry: dict[str, Any] = {
            "start": item.start,
            "end": item.end,
            "type": item.type.value,
            "source": item.source.value,
            "rule": item.rule,
            "score": round(item.score, 4),
            "label": label,
        }
        if show:
            entry["text"] = one.original[item.start : item.end]
        found.append(entry)
    place: dict[str, Any] = {"row": cell.row, "column": cell.column} if cell.row else {}
    return {**place, "found": found} if offsets_only else {**place, "text": one.text, "found": found}
