"""Annotated sentences: as records, as JSON lines, and as readable markup.

Markup: ``〖PERSON|王小明〗`` encloses a span, ``〖PERSON:word,third|高兴〗`` gives it tags besides.
One line of a markup file is ``id [@record] [tags] :: text``; tags are joined by commas; a tab is written as
backslash and t.

JSON lines, for any set that is kept elsewhere: ``{"text": "...", "spans": [[start, end, "PERSON"], ...]}``, offsets in
code points with the end exclusive; ``id``, ``tags``, ``record`` are optional, and a span may have its tags as a fourth
item (a list).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SPAN = re.compile(r"〖([A-Z_]+)(?::([a-z_,-]+))?\|([^〖〗]+)〗")
_LINE = re.compile(r"(?P<id>\S+)(?: @(?P<record>\S+))?(?: (?P<tags>[a-z0-9_,-]+))? :: (?P<text>.*)")

Record = Mapping[str, object]
"""What the registry knows: ``student``, ``guardians``, ``school``, ``address``, ``former_name``; each optional."""


class SentenceError(ValueError):
    """A line of a set cannot be read; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Gold:
    """A true span: code points, end exclusive, its type, and tags that say what is special about it."""

    start: int
    end: int
    type: str
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text with its true spans, and the record it stands in, if any."""

    id: str
    text: str
    spans: tuple[Gold, ...]
    tags: frozenset[str] = frozenset()
    record: Record | None = field(default=None)
    group: str = ""
    """What sentences have in common that go wrong together: their template. Empty: the sentence stands for itself."""


def parse_markup(marked: str) -> tuple[str, tuple[Gold, ...]]:
    """Return the bare text and its spans; raises ``SentenceError`` for brackets that fit nothing."""
    parts: list[str] = []
    spans: list[Gold] = []
    length = position = 0
    for match in _SPAN.finditer(marked):
        before = marked[position : match.start()]
        kind, tags, inner = match.groups()
        parts += (before, inner)
        start = length + len(before)
        length = start + len(inner)
        spans.append(Gold(start, length, kind, _tags(tags)))
        position = match.end()
    parts.append(marked[position:])
    text = "".join(parts)
    if "〖" in text or "〗" in text:
        raise SentenceError(f"markup that is not closed or not known: {marked[:60]}")
    return text, tuple(spans)


def write_markup(text: str, spans: Iterable[Gold]) -> str:
    """Return the readable form of a text with spans that do not overlap."""
    parts: list[str] = []
    position = 0
    for span in sorted(spans, key=lambda one: one.start):
        tags = f":{','.join(sorted(span.tags))}" if span.tags else ""
        parts += (text[position : span.start], f"〖{span.type}{tags}|{text[span.start : span.end]}〗")
        position = span.end
    return "".join((*parts, text[position:]))


def read_markup(path: Path, records: Mapping[str, Record]) -> list[Sentence]:
    """Return the sentences of a markup file; empty lines and lines that begin with ``#`` are skipped.

    Raises ``SentenceError`` for a line of another form, an id that is used twice, or an unknown record.
    """
    found: dict[str, Sentence] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None or match["id"] in found:
            raise SentenceError(f"{path.name}, line {number}: no form of a sentence, or its id is used twice")
        name = match["record"]
        if name is not None and name not in records:
            raise SentenceError(f"{path.name}, line {number}: unknown record {name}")
        text, spans = parse_markup(match["text"].replace("\\t", "\t"))
        record = None if name is None else records[name]
        found[match["id"]] = Sentence(match["id"], text, spans, _tags(match["tags"]), record)
    return list(found.values())


def read_lines(path: Path) -> list[Sentence]:
    """Return the sentences of a file of JSON lines; raises ``SentenceError`` with the number of a bad line."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
            spans = tuple(Gold(s[0], s[1], s[2], frozenset(s[3]) if len(s) > 3 else frozenset()) for s in one["spans"])
            sentence = Sentence(
                str(one.get("id", number)), one["text"], spans, frozenset(one.get("tags", ())), one.get("record")
            )
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise SentenceError(f"{path.name}, line {number}: {type(error).__name__}") from error
        if any(not 0 <= span.start < span.end <= len(sentence.text) for span in spans):
            raise SentenceError(f"{path.name}, line {number}: a span lies outside of its text")
        found.append(sentence)
    return found


def write_lines(path: Path, sentences: Iterable[Sentence]) -> None:
    """Write sentences as JSON lines."""
    with path.open("w", encoding="utf-8") as file:
        for one in sentences:
            spans = [[span.start, span.end, span.type, sorted(span.tags)] for span in one.spans]
            line = {
                "id": one.id, "text": one.text, "spans": spans, "tags": sorted(one.tags), "record": one.record
            }  # fmt: skip
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _tags(joined: str | None) -> frozenset[str]:
    return frozenset(joined.split(",")) if joined else frozenset()
