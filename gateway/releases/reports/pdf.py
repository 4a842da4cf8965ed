"""The release report as a PDF with embedded Chinese type (SIL OFL 1.1): the same report gives the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pylopdf_fonts_zh_cn as fonts
from fpdf import FPDF
from fpdf.enums import TableCellFillMode, WrapMode
from fpdf.fonts import FontFace

from gateway.releases.reports.drawings import WIDTH, Drawing, Rect, Stroke, Word
from gateway.releases.reports.view import Fact, Section, Table, view_of

_MARGIN = 15.0
_POINT = 25.4 / 72
_NAVY, _SOFT, _LINE, _HEAD = (22, 55, 95), (77, 90, 106), (170, 180, 192), (243, 245, 248)
_EPOCH = datetime(2026, 2, 10, tzinfo=UTC)
_WIDE = {6: (26, 12, 18, 24, 24, 10), 3: (50, 25, 25), 2: (75, 25), 4: (28, 24, 24, 24)}
"""Widths of the columns of a table, by how many there are, in percent."""


def report_pdf(report: Mapping[str, Any], purposes: Mapping[str, str] | None = None) -> bytes:
    """Return a release report (as JSON) as a PDF; a character without a glyph shows as ``□``."""
    view = view_of(report, purposes)
    pdf = _Paper(view.subtitle)
    try:
        pdf.set_title(view.title)
        pdf.set_creation_date(_moment(report.get("prepared_at")))
        pdf.add_page()
        pdf.head(view.title, view.subtitle)
        pdf.numbers(view.numbers)
        pdf.pictures(view.drawings)
        for section in view.sections:
            pdf.section(section)
        return bytes(pdf.output())
    finally:
        for font in pdf.fonts.values():
            font.close()  # type: ignore[union-attr]  # all fonts are TrueType


class _Paper(FPDF):
    def __init__(self, foot: str) -> None:
        super().__init__(orientation="portrait", unit="mm", format="A4")
        self._foot = foot
        self.set_margins(_MARGIN, _MARGIN)
        self.set_auto_page_break(auto=True, margin=18)
        self.set_lang("zh-CN")
        self.add_font("sans", "", fonts.sans_path())
        self.set_line_width(0.2)
        self.c_margin = 1.2
        self._glyphs = self.fonts["sans"].cmap  # type: ignore[union-attr]  # a TrueType font

    def footer(self) -> None:
        self.set_y(-13)
        self._type(7.5, _SOFT)
        self.cell(0, 5, self.printable(f"{self._foot}    {self.page_no()}"), align="C")

    def printable(self, text: str) -> str:
        """Return ``text`` with ``□`` for what the font does not have."""
        return "".join(one if one in "\n\t" or ord(one) in self._glyphs else "□" for one in text)

    def head(self, title: str, subtitle: str) -> None:
        self._type(18, _NAVY)
        self.cell(0, 10, self.printable(title), new_x="LMARGIN", new_y="NEXT")
        self._type(9, _SOFT)
        self.cell(0, 6, self.printable(subtitle), new_x="LMARGIN", new_y="NEXT")
        self.ln(2)

    def numbers(self, numbers: Sequence[Fact]) -> None:
        width, top = self.epw / len(numbers), self.get_y()
        self.set_draw_color(*_LINE)
        for place, one in enumerate(numbers):
            x = self.l_margin + place * width
            self.rect(x, top, width, 17)
            size = 13.0
            self._type(size, _NAVY)
            while self.get_string_width(one.value) > width - 4 and size > 7:  # noqa: PLR2004  points
                size -= 1
                self._type(size, _NAVY)
            self.set_xy(x + 1, top + 2)
            self.cell(width - 2, 6, self.printable(one.value))
            self._type(7.5, _SOFT)
            self.set_xy(x + 1, top + 8)
            self.cell(width - 2, 4, self.printable(one.zh))
            self.set_xy(x + 1, top + 12)
            self.cell(width - 2, 4, self.printable(one.en))
        self.set_xy(self.l_margin, top + 21)

    def pictures(self, drawings: Sequence[Drawing]) -> None:
        """Set the drawings two by two."""
        width = (self.epw - 8) / 2
        for start in range(0, len(drawings), 2):
            pair = drawings[start : start + 2]
            height = max(one.height for one in pair) * width / WIDTH + 17
            if self.get_y() + height > self.h - 20:
                self.add_page()
            top = self.get_y()
            for place, one in enumerate(pair):
                self._picture(one, self.l_margin + place * (width + 8), top, width / WIDTH)
            self.set_xy(self.l_margin, top + height)

    def _picture(self, drawing: Drawing, x: float, y: float, scale: float) -> None:
        self._type(10, _NAVY)
        self.text(x, y + 4, self.printable(f"{drawing.zh} {drawing.en}"))
        self._type(6, _SOFT)
        self.set_xy(x - self.c_margin, y + 5.5)
        self.multi_cell(WIDTH * scale, 2.8, self.printable(drawing.note), wrapmode=WrapMode.CHAR, align="L")
        y += 13
        for shape in drawing.shapes:
            match shape:
                case Rect(left, top, width, height, fill):
                    self.set_fill_color(*_rgb(fill))
                    self.rect(x + left * scale, y + top * scale, width * scale, height * scale, style="F")
                case Stroke(x1, y1, x2, y2, colour, dashed):
                    self.set_draw_color(*_rgb(colour))
                    if dashed:
                        self.set_dash_pattern(dash=1, gap=0.8)
                    self.line(x + x1 * scale, y + y1 * scale, x + x2 * scale, y + y2 * scale)
                    self.set_dash_pattern()
                case Word(left, base, text, anchor, size, colour):
                    self._type(size * scale / _POINT, _rgb(colour))
                    words = self.printable(text)
                    back = {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * self.get_string_width(words)
                    self.text(x + left * scale - back, y + base * scale, words)

    def section(self, section: Section) -> None:
        if self.get_y() > self.h - 45:
            self.add_page()
        self.ln(3)
        self._type(12, _NAVY)
        self.cell(0, 8, self.printable(f"{section.zh}  {section.en}"), new_x="LMARGIN", new_y="NEXT")
        self.set_draw_color(*_LINE)
        if section.facts:
            self._rows([(f"{fact.zh} {fact.en}", fact.value) for fact in section.facts], (32, 68), heads=None)
        if section.table is not None:
            self._table(section.table)
        self._type(8, _SOFT)
        for remark in section.remarks:
            self.multi_cell(0, 4.5, self.printable(remark), new_x="LMARGIN", new_y="NEXT", wrapmode=WrapMode.CHAR)

    def _table(self, table: Table) -> None:
        heads = [f"{zh} {en}" for zh, en in table.heads]
        self._rows(table.rows, _WIDE[len(heads)], heads=heads, numeric=table.numeric)

    def _rows(
        self,
        rows: Sequence[Sequence[str]],
        widths: Sequence[int],
        *,
        heads: Sequence[str] | None,
        numeric: frozenset[int] = frozenset(),
    ) -> None:
        self._type(8.5, (27, 36, 48))
        self.set_fill_color(255)
        align = tuple("RIGHT" if place in numeric else "LEFT" for place in range(len(widths)))
        with self.table(
            col_widths=tuple(widths),
            text_align=align,
            first_row_as_headings=heads is not None,
            headings_style=FontFace(fill_color=_HEAD, color=_NAVY, emphasis=""),
            cell_fill_mode=TableCellFillMode.NONE,
            line_height=5,
            padding=0.6,
            wrapmode=WrapMode.CHAR,
        ) as table:
            for row in ([heads] if heads is not None else []) + [*rows]:
                line = table.row()
                for cell in row:
                    line.cell(self.printable(cell))

    def _type(self, size: float, colour: tuple[int, int, int]) -> None:
        self.set_font("sans", size=size)
        self.set_text_color(*colour)


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return red, green, blue


def _moment(text: object) -> datetime:
    """Return when the report was made; the day on which the regulation came into force where it does not say."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return _EPOCH
