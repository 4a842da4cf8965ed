"""Entries that were found, as a file: one row each for a spreadsheet, or the entries themselves as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from gateway.audit.records import LINKS, EntryView
from gateway.journal import JsonValue

_ACTOR: Final = ("id", "kind", "unit", "post", "recipient")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula (CWE-1236)."""


class ListingForm(StrEnum):
    """What the file is."""

    CSV = "csv"
    JSON = "json"


LISTING_TYPES: Final = {ListingForm.CSV: "text/csv", ListingForm.JSON: "application/json"}
"""Media types."""


def listed(entries: Iterable[EntryView], form: ListingForm) -> bytes:
    """Return the entries as a file, in their order.

    JSON is a list of ``index``, ``leaf_hash`` (hexadecimal) and ``content``. CSV is UTF-8 with a mark for
    spreadsheets, a header, and the facts as JSON in one column; a cell that would be a formula begins with ``'``.
    """
    if form is ListingForm.JSON:
        told = [{"index": one.index, "leaf_hash": one.leaf_hash.hex(), "content": dict(one.content)} for one in entries]
        return json.dumps(told, ensure_ascii=False, indent=1).encode()
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    names = ("index", "at", "kind", "outcome", *(f"actor_{name}" for name in _ACTOR), *LINKS)
    writer.writerow((*names, "policy", "facts", "leaf_hash"))
    for one in entries:
        content = one.content
        facts = json.dumps(content["facts"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        told_of = [content[name] for name in ("at", "kind", "outcome")]
        cells = (*told_of, *_members(content["actor"], _ACTOR), *_members(content["links"], LINKS), content["policy"])
        writer.writerow((one.index, *(_cell(cell) for cell in (*cells, facts)), one.leaf_hash.hex()))
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _members(value: JsonValue | Mapping[str, JsonValue], names: Iterable[str]) -> list[JsonValue]:
    return [value.get(name) if isinstance(value, Mapping) else None for name in names]


def _cell(value: JsonValue) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
