"""A form as a small tree: sheets of titles, paragraphs and tables. It knows neither HTML nor PDF; both writers read it.

Lengths are in millimetres, widths of columns in 24ths of the sheet's text width, widths of blanks in ems.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Literal

GRID = 24
"""Columns of a table add up to this."""


@dataclass(frozen=True, slots=True)
class Words:
    """Printed words of the form itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Blank:
    """A blank with its value, underlined, at least ``ems`` wide. ``name`` says which field of the form it is."""

    name: str
    value: str = field(repr=False)
    ems: int = 4


Piece = Words | Blank
Align = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph of words and blanks; ``indent`` in ems for the first line."""

    pieces: tuple[Piece, ...] = field(repr=False)
    align: Align = "left"
    indent: int = 0
    size: Literal["small", "body", "large"] = "body"


@dataclass(frozen=True, slots=True)
class Title:
    """The heading of a sheet and a line below it."""

    text: str
    below: str = ""


class Tone(StrEnum):
    """What a cell is."""

    LABEL = "label"
    VALUE = "value"
    HEADING = "heading"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: ``texts`` from the top, ``foot`` at the bottom (signatures, dates). ``span`` counts columns."""

    texts: tuple[Text, ...] = field(repr=False)
    tone: Tone = Tone.VALUE
    span: int = 1
    foot: tuple[Text, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Row:
    """A row, at least ``height`` high."""

    cells: tuple[Cell, ...] = field(repr=False)
    height: int = 8


@dataclass(frozen=True, slots=True)
class Table:
    """A table, with lines if ``ruled``. Raises ``ValueError`` for columns or spans that do not add up."""

    columns: tuple[int, ...]
    rows: tuple[Row, ...] = field(repr=False)
    ruled: bool = True

    def __post_init__(self) -> None:
        if sum(self.columns) != GRID or any(sum(c.span for c in row.cells) != len(self.columns) for row in self.rows):
            raise ValueError("the columns or spans of a table do not add up")


@dataclass(frozen=True, slots=True)
class Gap:
    """Free space."""

    height: int


@dataclass(frozen=True, slots=True)
class Code:
    """A QR code of ``payload`` with a line beside it."""

    payload: str = field(repr=False)
    caption: str = ""


Part = Title | Text | Table | Gap | Code


@dataclass(frozen=True, slots=True)
class Sheet:
    """An upright A4 page."""

    parts: tuple[Part, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Spread:
    """An A4 page on its side: stub and certificate, with ``seam`` written down the tear line between them."""

    stub: tuple[Part, ...] = field(repr=False)
    seam: str = field(repr=False)
    certificate: tuple[Part, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Document:
    """A form ready for a writer. ``title`` is the official one and names no person."""

    annex: int
    title: str
    page: Sheet | Spread = field(repr=False)


def words(text: str, align: Align = "left", size: Literal["small", "body", "large"] = "body") -> Text:
    """Return a paragraph of the form's own words."""
    return Text((Words(text),), align, size=size)


def value(name: str, text: str, align: Align = "left") -> Text:
    """Return a paragraph with one value: in a cell it needs no line below it."""
    return Text((Blank(name, text, 0),), align)


def day(name: str, on: date | None) -> tuple[Piece, ...]:
    """Return ``____年__月__日`` with the day in it."""
    year, month, number = ("", "", "") if on is None else (str(on.year), str(on.month), str(on.day))
    return (
        Blank(f"{name}.year", year, 3),
        Words("年"),
        Blank(f"{name}.month", month, 2),
        Words("月"),
        Blank(f"{name}.day", number, 2),
        Words("日"),
    )


def month(name: str, text: str) -> tuple[Piece, ...]:
    """Return ``____年__月`` with a month given as ``YYYY-MM`` in it. Raises ``ValueError`` for another form."""
    year, number = "", ""
    if text:
        year, _, number = text.partition("-")
        number = str(int(number))
    return (Blank(f"{name}.year", year, 3), Words("年"), Blank(f"{name}.month", number, 2), Words("月"))


def choices(name: str, options: tuple[tuple[str, str], ...], chosen: str) -> tuple[Piece, ...]:
    """Return boxes to tick, the chosen one filled. Each option is a code and its words."""
    pieces: list[Piece] = []
    for code, text in options:
        mark = "■" if code == chosen else "□"
        pieces.append(Blank(f"{name}.{code}", f"{mark} {text}", 0))
        pieces.append(Words("　"))
    return tuple(pieces[:-1])


def parts_of(page: Sheet | Spread) -> tuple[Part, ...]:
    """Return all parts of a page, the stub's before the certificate's."""
    return page.parts if isinstance(page, Sheet) else (*page.stub, *page.certificate)


def texts_of(parts: tuple[Part, ...]) -> Iterator[Text]:
    """Return every paragraph, also those in cells, in reading order."""
    for part in parts:
        if isinstance(part, Text):
            yield part
        elif isinstance(part, Table):
            for row in part.rows:
                for cell in row.cells:
                    yield from cell.texts
                    yield from cell.foot


def fields_of(parts: tuple[Part, ...]) -> Iterator[Blank]:
    """Return every blank in reading order."""
    for text in texts_of(parts):
        for piece in text.pieces:
            if isinstance(piece, Blank):
                yield piece
