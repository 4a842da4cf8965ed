"""A program of operations carried out row by row in plain Python: the oracle for back ends.

Written from the words of ``gateway.anonymize.operations`` alone. It shares no code with the product: masks, pseudonyms
and rounding are done here once more, slowly.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

Value = str | int | float | bool | date | None
Row = dict[str, Value]
NOTE = "〔文本未提供〕"
COMPOUND = ("欧阳", "司马", "上官", "诸葛", "夏侯", "东方", "皇甫", "尉迟", "公孙", "慕容", "司徒", "令狐", "端木")
"""Some of the surnames of two characters; inputs of the tests use no others."""


Maps = Mapping[str, Mapping[str, Sequence[Sequence[str | None]]]]
"""Hierarchy → level → pairs of a value and its label; a missing value is ``None``."""


class RefusedError(Exception):
    """The program cannot be carried out on these values."""


def carry_out(
    program: Mapping[str, Any],
    table: Mapping[str, Sequence[Value]],
    *,
    maps: Maps | None = None,
    divisions: Mapping[str, str] | None = None,
    key: str | None = None,
    recode: Sequence[Sequence[Any]] | None = None,
) -> dict[str, list[Value]]:
    """Return the columns of ``program`` (its JSON) over ``table``; raises ``RefusedError``.

    ``recode``: pairs of a tuple of values and its labels, or ``None``
    for a tuple whose rows do not leave.
    """
    count = len(next(iter(table.values()), []))
    rows: list[Row] = []
    for index in range(count):
        row: Row = {}
        for step in program["steps"]:
            if step["op"] == "recode":
                leaf = [text_of(table[source][index]) for source in step["sources"]]
                found = [labels for values, labels in recode or () if list(values) == leaf]
                if len(found) != 1:
                    raise RefusedError("recode")
                if found[0] is None:
                    row = {"·gone": True}
                    break
                row |= dict(zip(step["names"], found[0], strict=True))
            elif step["op"] != "drop":
                value = None if step["op"] == "suppress" else table[step["source"]][index]
                row[step["name"]] = _cell(step, value, maps or {}, divisions or {}, key)
        if "·gone" not in row:
            rows.append(row)
    if program["ordered"]:
        rows.sort(key=lambda row: [_rank(row[name]) for name in program["columns"]])
    return {name: [row[name] for row in rows] for name in program["columns"]}


def text_of(value: Value) -> str | None:
    """Return the text of a value."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return f"{value.year:04}-{value.month:02}-{value.day:02}"
    return str(value)


def _rank(value: Value) -> tuple[bool, Any]:
    return (value is None, b"" if value is None else value.encode() if isinstance(value, str) else value)


def _cell(  # noqa: PLR0911  one return for each operation
    step: Mapping[str, Any],
    value: Value,
    maps: Maps,
    divisions: Mapping[str, str],
    key: str | None,
) -> Value:
    op = step["op"]
    if op == "pseudonymize":
        if key is None or not isinstance(value, str):
            raise RefusedError(op)
        return hmac.new(key.encode("ascii"), value.encode("utf-8"), hashlib.sha256).hexdigest()[:32]
    text = text_of(value)
    if op == "generalize":
        pairs = maps.get(step["hierarchy"], {}).get(str(step["level"]), [])
        found = [label for leaf, label in pairs if leaf == text]
        if len(found) != 1:
            raise RefusedError(op)
        return None if found[0] is None else str(found[0])
    if value is None or text is None:
        return None
    match op:
        case "keep":
            return value
        case "suppress":
            return None
        case "cut":
            return "".join(list(text)[: step["length"]])
        case "round":
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise RefusedError(op)
            if isinstance(value, float):
                return float(math.floor(value / step["unit"] + 0.5) * step["unit"])
            unit = int(step["unit"])
            return math.floor(Fraction(value, unit) + Fraction(1, 2)) * unit
        case "mask":
            masked = mask(step["kind"], text, divisions)
            if step["held"] and not _held(step["kind"], text):
                raise RefusedError(op)
            return text if step["held"] else masked
        case "redact":
            return NOTE if _telling(text) else text
    raise AssertionError(op)


def mask(kind: str, text: str, divisions: Mapping[str, str]) -> str:  # noqa: PLR0911  one return for each kind
    """Return the mask of a text, by the words of the design."""
    bare = "".join(
        c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c)[0] != "C" and not c.isspace()
    )
    match kind:
        case "name":
            shown = bare[:1] if bare[:1].isalpha() else ""
            if len(bare) > 2 and bare[:2] in COMPOUND and not any(mark in bare for mark in "·•・‧∙⋅．."):
                shown = bare[:2]
            return shown + "**"
        case "id_number":
            digits = [c in "0123456789" for c in bare]
            resident = (len(bare) == 15 and all(digits)) or (
                len(bare) == 18 and all(digits[:17]) and bare[17] in "0123456789Xx"
            )
            own = len(bare) == 18 and all(digits[:4]) and bare[4:] == "*" * 14
            return (bare[:4] if resident or own else "****") + "*" * 14
        case "phone":
            number = bare.replace("-", "").replace("(", "").replace(")", "")
            mobile = re.fullmatch(r"(?:\+86|0086|86)?(1[3456789]\d{9})", number, re.ASCII)
            landline = re.fullmatch(r"0[123456789]\d{8,10}", number, re.ASCII)
            if mobile:
                return mobile[1][:3] + "*" * 8
            masked = re.fullmatch(r"\d{3}\*{8}", number, re.ASCII)
            return (number[:3] if landline or masked else "***") + "*" * 8
        case "student_number":
            return "*" * 19
        case "address":
            names = sorted(divisions.values(), key=len, reverse=True)
            return (divisions.get(bare) or next((name for name in names if bare.startswith(name)), "")) + "***"
    return {"email": "***@***", "bank_card": "*" * 16, "date": "****-**-**", "text": NOTE}[kind]


def _held(kind: str, text: str) -> bool:
    """Say whether a text has the shape of a mask."""
    match kind:
        case "name":
            shown = text[:-2]
            return text.endswith("**") and (shown == "" or (len(shown) == 1 and shown.isalpha()) or shown in COMPOUND)
        case "id_number":
            return text == "*" * 18 or re.fullmatch(r"[0-9]{4}\*{14}", text) is not None
        case "phone":
            return text == "*" * 11 or re.fullmatch(r"[0-9]{3}\*{8}", text) is not None
        case "address":
            shown = text[:-3]
            return text.endswith("***") and all("一" <= c <= "鿿" for c in shown) and len(shown) <= 40
    return text == mask(kind, text, {})


def _telling(text: str) -> bool:
    """Say whether a text holds a mobile number or an identity number with a date in it; inputs hold no others."""
    plain = unicodedata.normalize("NFKC", text)
    return any(
        re.search(rf"(?<![0-9A-Za-z]){shape}(?![0-9A-Za-z])", plain)
        for shape in (
            r"1[3-9][0-9]{9}",
            r"[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|1[0-9]|2[0-8])[0-9]{3}[0-9X]",
        )
    )
