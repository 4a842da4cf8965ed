"""Forms as PDF with embedded Chinese type.

The fonts are open (SIL OFL 1.1), come with a package and are subset into the file. The output holds no time and no
random value: the same form gives the same bytes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import assert_never

import pylopdf_fonts_zh_cn as fonts
from fpdf import FPDF

from core_registry.prints.codes import QUIET, modules
from core_registry.prints.errors import UnprintableError
from core_registry.prints.layouts import layout_of
from core_registry.prints.records import Form
from core_registry.prints.tree import (
    GRID,
    Cell,
    Code,
    Document,
    Gap,
    Part,
    Row,
    Sheet,
    Spread,
    Table,
    Text,
    Title,
    Tone,
    Words,
    fields_of,
    parts_of,
    words,
)
from core_registry.prints.typesetting import Line, lines

_POINT = 25.4 / 72
_SIZES = {"small": 9.0, "body": 10.5, "large": 14.0}
_LEADING = {"small": 1.45, "body": 1.45, "large": 2.1}
_TITLE, _BELOW, _SEAM = 17.0, 11.0, 12.0
_UPRIGHT_MARGIN, _LYING_MARGIN, _SEAM_WIDTH = 12.0, 10.0, 16.0
_PAD_X, _PAD_Y = 1.5, 0.8
_CODE = 26.0
_SCALES = (1.0, 0.94, 0.88, 0.82, 0.76)
"""A form that does not fit its page is set smaller, body text down to 8 point."""
_EPOCH = datetime(2026, 2, 10, tzinfo=UTC)
"""The day on which the regulation came into force, in place of a clock."""
_ASCENT = 0.88
"""Of the em, above the baseline: the font's own measure."""


def render_pdf(form: Form) -> bytes:
    """Return the form as a PDF of one page (Annexes 1 to 3 of more, when their texts are very long).

    Raises ``UnprintableError`` for a character without a glyph, rather than print a form with a hole in a name.
    """
    document = layout_of(form)
    writer = _Writer(document)
    try:
        _require_glyphs(document, writer)
        return writer.write()
    finally:
        writer.close()


def _require_glyphs(document: Document, writer: _Writer) -> None:
    found = "".join(blank.value for blank in fields_of(parts_of(document.page)))
    missing = {character for character in found if character not in "\n" and not writer.has(character)}
    if missing:
        raise UnprintableError(
            f"{len(missing)} character(s) of this form have no glyph here; print the HTML page where a font has them.",
            detail_zh=f"表中有{len(missing)}个字不在所带字库内，请在装有相应字库的电脑上打印网页版。",
        )


class _Writer:
    """Lays a document out in millimetres from the top left corner; ``scale`` is the size of everything set in type."""

    def __init__(self, document: Document) -> None:
        self.document = document
        lying = isinstance(document.page, Spread)
        self.pdf = FPDF(orientation="landscape" if lying else "portrait", unit="mm", format="A4")
        self.pdf.set_auto_page_break(auto=False)
        self.pdf.set_title(document.title)
        self.pdf.set_lang("zh-CN")
        self.pdf.set_creation_date(_EPOCH)
        self.pdf.add_font("serif", "", fonts.serif_path())
        self.pdf.add_font("sans", "", fonts.sans_path())
        self.pdf.c_margin = 0
        self.pdf.set_line_width(0.25)
        self.scale = 1.0

    def has(self, character: str) -> bool:
        """Whether the text font has the character."""
        return ord(character) in self.pdf.fonts["serif"].cmap  # type: ignore[union-attr]  # both are TrueType fonts

    def close(self) -> None:
        """Close the font files, which a refused form would leave open."""
        for font in self.pdf.fonts.values():
            font.close()  # type: ignore[union-attr]  # both are TrueType fonts

    def write(self) -> bytes:
        """Return the file."""
        self.pdf.add_page()
        match self.document.page:
            case Sheet(parts):
                self._sheet(parts)
            case Spread(stub, seam, certificate):
                self._spread(stub, seam, certificate)
            case _:
                assert_never(self.document.page)
        return bytes(self.pdf.output())

    def _sheet(self, parts: tuple[Part, ...]) -> None:
        width = self.pdf.w - 2 * _UPRIGHT_MARGIN
        self._fit((parts,), width, self.pdf.h - 2 * _UPRIGHT_MARGIN)
        y = _UPRIGHT_MARGIN
        for part in parts:
            if not isinstance(part, Table):
                y = self._room(y, self._height(part, width))
            y = self._draw(part, _UPRIGHT_MARGIN, y, width)

    def _spread(self, stub: tuple[Part, ...], seam: str, certificate: tuple[Part, ...]) -> None:
        width = (self.pdf.w - 2 * _LYING_MARGIN - _SEAM_WIDTH) / 2
        room = self.pdf.h - 2 * _LYING_MARGIN
        if not self._fit((stub, certificate), width, room):
            raise UnprintableError(
                "The texts are too long for stub and certificate.", detail_zh="内容过长，存根和证书版面容纳不下。"
            )
        right = _LYING_MARGIN + width + _SEAM_WIDTH
        for parts, x in ((stub, _LYING_MARGIN), (certificate, right)):
            y = _LYING_MARGIN
            for part in parts:
                y = self._draw(part, x, y, width)
        self._seam(seam, _LYING_MARGIN + width + _SEAM_WIDTH / 2, room)

    def _fit(self, columns: tuple[tuple[Part, ...], ...], width: float, room: float) -> bool:
        for scale in _SCALES:
            self.scale = scale
            if all(sum(self._height(part, width) for part in parts) <= room for parts in columns):
                return True
        return False

    def _room(self, y: float, height: float) -> float:
        """Return where something of ``height`` begins: here, or at the top of a new page."""
        if y + height <= self.pdf.h - _UPRIGHT_MARGIN + 0.01:
            return y
        self.pdf.add_page()
        return _UPRIGHT_MARGIN

    def _seam(self, seam: str, x: float, room: float) -> None:
        self.pdf.set_dash_pattern(dash=2, gap=1.5)
        self.pdf.line(x, _LYING_MARGIN, x, _LYING_MARGIN + room)
        self.pdf.set_dash_pattern()
        step = min(_SEAM * _POINT * 1.28, room / max(len(seam), 1))
        size = min(_SEAM, step / _POINT / 1.05)
        self.pdf.set_font("serif", size=size)
        y = _LYING_MARGIN + (room - step * len(seam)) / 2
        for character in seam:
            width = self.pdf.get_string_width(character)
            self.pdf.text(x - width / 2, y + step * 0.8, character)
            y += step

    def _height(self, part: Part, width: float) -> float:
        match part:
            case Title(_, below):
                lead = self._title_height(part, width)
                return lead + (_BELOW * _POINT * 1.45 + 1 if below else 0) + 3
            case Text():
                return self._text_height(part, width)
            case Table(columns, rows):
                return sum(self._row_height(row, columns, width) for row in rows)
            case Gap(height):
                return float(height)
            case Code():
                return _CODE
            case _:
                assert_never(part)

    def _draw(self, part: Part, x: float, y: float, width: float) -> float:
        """Draw a part and return where the next begins."""
        match part:
            case Title():
                self._title(part, x, y, width)
            case Text():
                self._text(part, x, y, width)
            case Table():
                return self._table(part, x, y, width)
            case Gap():
                pass
            case Code(payload, caption):
                self._code(payload, caption, x, y, width)
            case _:
                assert_never(part)
        return y + self._height(part, width)

    def _title_lines(self, title: Title, width: float) -> list[Line]:
        self.pdf.set_font("sans", size=_TITLE)
        return lines(words(title.text), _TITLE * _POINT, width, self.pdf.get_string_width)

    def _title_height(self, title: Title, width: float) -> float:
        return len(self._title_lines(title, width)) * _TITLE * _POINT * 1.35

    def _title(self, title: Title, x: float, y: float, width: float) -> None:
        for line in self._title_lines(title, width):
            self._line(line, "center", x, y, width, _TITLE, 1.35)
            y += _TITLE * _POINT * 1.35
        if title.below:
            self.pdf.set_font("serif", size=_BELOW)
            one = lines(words(title.below), _BELOW * _POINT, width, self.pdf.get_string_width)
            self._line(one[0], "center", x, y + 1, width, _BELOW, 1.45)

    def _lines(self, text: Text, width: float) -> tuple[float, list[Line]]:
        size = _SIZES[text.size] * self.scale
        self.pdf.set_font("serif", size=size)
        return size, lines(text, size * _POINT, width, self.pdf.get_string_width)

    def _text_height(self, text: Text, width: float) -> float:
        size, found = self._lines(text, width)
        return len(found) * size * _POINT * _LEADING[text.size]

    def _text(self, text: Text, x: float, y: float, width: float) -> None:
        size, found = self._lines(text, width)
        for line in found:
            self._line(line, text.align, x, y, width, size, _LEADING[text.size])
            y += size * _POINT * _LEADING[text.size]

    def _line(self, line: Line, align: str, x: float, y: float, width: float, size: float, leading: float) -> None:
        em = size * _POINT
        free = width - sum(box.width for box in line)
        x += {"left": 0.0, "center": free / 2, "right": free}[align]
        baseline = y + em * (leading - 1) / 2 + em * _ASCENT
        run, start = "", x
        for box in line:  # neighbours without a rule are set as one text, so that it can be searched and copied
            if box.ruled or not box.text:
                self._run(run, start, baseline)
                if box.text:
                    self.pdf.text(x + (box.width - self.pdf.get_string_width(box.text)) / 2, baseline, box.text)
                if box.ruled:
                    self.pdf.line(x, baseline + em * 0.18, x + box.width, baseline + em * 0.18)
                run, start = "", x + box.width
            else:
                run += box.text
            x += box.width
        self._run(run, start, baseline)

    def _run(self, run: str, x: float, baseline: float) -> None:
        if run.strip():
            self.pdf.text(x, baseline, run)

    def _widths(self, row: Row, columns: tuple[int, ...], width: float) -> list[float]:
        found, place = [], 0
        for cell in row.cells:
            found.append(sum(columns[place : place + cell.span]) * width / GRID)
            place += cell.span
        return found

    def _row_height(self, row: Row, columns: tuple[int, ...], width: float) -> float:
        heights = [
            sum(self._text_height(text, room - 2 * _PAD_X) for text in (*cell.texts, *cell.foot)) + 2 * _PAD_Y
            for cell, room in zip(row.cells, self._widths(row, columns, width), strict=True)
        ]
        return max(float(row.height), *heights)

    def _table(self, table: Table, x: float, y: float, width: float) -> float:
        for row in table.rows:
            height = self._row_height(row, table.columns, width)
            if isinstance(self.document.page, Sheet):
                y = self._room(y, height)
            left = x
            for cell, room in zip(row.cells, self._widths(row, table.columns, width), strict=True):
                self._cell(cell, table.ruled, left, y, room, height)
                left += room
            y += height
        return y

    def _cell(self, cell: Cell, ruled: bool, x: float, y: float, width: float, height: float) -> None:
        if ruled:
            heading = cell.tone is Tone.HEADING
            if heading:
                self.pdf.set_fill_color(236)
            self.pdf.rect(x, y, width, height, style="DF" if heading else "D")
            self.pdf.set_fill_color(0)
        room = width - 2 * _PAD_X
        foot = sum(self._text_height(text, room) for text in cell.foot)
        body = sum(self._text_height(text, room) for text in cell.texts)
        top = y + _PAD_Y if cell.foot else y + (height - body) / 2
        for text in cell.texts:
            self._text(text, x + _PAD_X, top, room)
            top += self._text_height(text, room)
        top = y + height - _PAD_Y - foot
        for text in cell.foot:
            self._text(text, x + _PAD_X, top, room)
            top += self._text_height(text, room)

    def _code(self, payload: str, caption: str, x: float, y: float, width: float) -> None:
        rows = modules(payload)
        unit = _CODE / (len(rows) + 2 * QUIET)
        self.pdf.set_fill_color(0)
        for place, row in enumerate(rows):
            begin: int | None = None
            for column, dark in enumerate((*row, False)):
                if dark and begin is None:
                    begin = column
                elif not dark and begin is not None:
                    self.pdf.rect(
                        x + (begin + QUIET) * unit, y + (place + QUIET) * unit, (column - begin) * unit, unit, style="F"
                    )
                    begin = None
        text = Text((Words(caption),), size="small")
        room = width - _CODE - 3
        self._text(text, x + _CODE + 3, y + (_CODE - self._text_height(text, room)) / 2, room)
