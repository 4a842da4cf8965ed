"""Forms as HTML for print: no script, no external resource, no inline style; works under a strict CSP.

A stand-alone file carries the style sheet in it; a page of the console names the address where it serves the same file.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import assert_never

from core_registry.prints.codes import QUIET, modules
from core_registry.prints.layouts import layout_of
from core_registry.prints.records import Form
from core_registry.prints.tree import (
    Blank,
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
)

STYLESHEET = Path(__file__).with_name("print.css")
"""The one style sheet of the forms; the console serves it as ``static/print.css``."""


def render_html(form: Form, *, href: str | None = None) -> str:
    """Return a whole HTML page with the form.

    ``href`` is the address of ``STYLESHEET``; without it the page stands alone, the sheet in a ``style`` element.
    """
    document = layout_of(form)
    if href is None:
        style = f"<style>\n{STYLESHEET.read_text(encoding='utf-8')}</style>"
    else:
        style = f'<link rel="stylesheet" href="{escape(href)}">'
    return (
        f'<!DOCTYPE html>\n<html lang="zh-CN">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(document.title)}</title>\n{style}\n</head>\n<body>\n{_body(document)}\n</body>\n</html>\n"
    )


def _body(document: Document) -> str:
    match document.page:
        case Sheet(parts):
            inner = f'<section class="upright">\n{_parts(parts)}\n</section>'
        case Spread(stub, seam, certificate):
            inner = (
                f'<section class="lying">\n<div class="stub">\n{_parts(stub)}\n</div>\n'
                f'<div class="seam"><span>{escape(seam)}</span></div>\n'
                f'<div class="certificate">\n{_parts(certificate)}\n</div>\n</section>'
            )
        case _:
            assert_never(document.page)
    return f'<main class="form annex{document.annex}">\n{inner}\n</main>'


def _parts(parts: tuple[Part, ...]) -> str:
    return "\n".join(_part(part) for part in parts)


def _part(part: Part) -> str:
    match part:
        case Title(text, below):
            extra = f'\n<p class="below">{escape(below)}</p>' if below else ""
            return f"<h1>{escape(text)}</h1>{extra}"
        case Text():
            return _text(part)
        case Table():
            return _table(part)
        case Gap(height):
            return f'<div class="gap{height}"></div>'
        case Code(payload, caption):
            return f'<div class="code">{_code(payload)}<span>{escape(caption)}</span></div>'
        case _:
            assert_never(part)


def _text(text: Text) -> str:
    classes: list[str] = [
        name for name, on in ((text.align, text.align != "left"), (text.size, text.size != "body")) if on
    ]
    if text.indent:
        classes.append("indent")
    opening = f'<p class="{" ".join(classes)}">' if classes else "<p>"
    inner = "".join(_blank(piece) if isinstance(piece, Blank) else escape(piece.text) for piece in text.pieces)
    return f"{opening}{inner}</p>"


def _blank(blank: Blank) -> str:
    if not blank.ems:
        return f'<span class="plain">{escape(blank.value)}</span>'
    return f'<span class="blank m{blank.ems}">{escape(blank.value)}</span>'


def _table(table: Table) -> str:
    columns = "".join(f'<col class="g{width}">' for width in table.columns)
    rows = "\n".join(_row(row) for row in table.rows)
    kind = ' class="ruled"' if table.ruled else ""
    return f"<table{kind}>\n<colgroup>{columns}</colgroup>\n<tbody>\n{rows}\n</tbody>\n</table>"


def _row(row: Row) -> str:
    return f'<tr class="h{row.height}">{"".join(_cell(cell, row.height) for cell in row.cells)}</tr>'


def _cell(cell: Cell, height: int) -> str:
    span = f' colspan="{cell.span}"' if cell.span > 1 else ""
    inner = "".join(_text(text) for text in cell.texts)
    if cell.foot:
        foot = "".join(_text(text) for text in cell.foot)
        return f'<td class="high"{span}><div class="stack h{height}"><div>{inner}</div><div>{foot}</div></div></td>'
    kind = f' class="{cell.tone}"' if cell.tone is not Tone.VALUE else ""
    return f"<td{kind}{span}>{inner}</td>"


def _code(payload: str) -> str:
    rows = modules(payload)
    size = len(rows) + 2 * QUIET
    path = "".join(
        f"M{x + QUIET} {y + QUIET}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark
    )
    return (
        f'<svg viewBox="0 0 {size} {size}" role="img" aria-label="QR" shape-rendering="crispEdges">'
        f'<path d="{path}"/></svg>'
    )
