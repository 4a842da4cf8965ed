"""The pictures of a release report, as shapes: the page and the console turn them into SVG, the PDF draws them.

Colours stand in the shapes, since a page under the strict content policy has no style attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from gateway.releases.reports.words import percent

WIDTH = 640
INK, SOFT, LINE, BLUE, PALE, RED, TRACK = "#1b2430", "#4d5a6a", "#aab4c0", "#1f5fa8", "#a9c4e4", "#9d2a22", "#e7ebf1"
_LEFT, _RIGHT = 150, 84
_ROOM = WIDTH - _LEFT - _RIGHT


@dataclass(frozen=True, slots=True)
class Rect:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    fill: str


@dataclass(frozen=True, slots=True)
class Stroke:
    """A straight line; ``dashed`` for thresholds."""

    x1: float
    y1: float
    x2: float
    y2: float
    colour: str
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A line of text with its baseline at ``y``; ``size`` in units of the drawing."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"] = "start"
    size: float = 13
    colour: str = INK


Shape = Rect | Stroke | Word


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture of ``WIDTH`` units; ``note`` says how to read it."""

    zh: str
    en: str
    height: float
    shapes: tuple[Shape, ...]
    note: str = ""


def pictures(report: Mapping[str, Any]) -> tuple[Drawing, ...]:
    """Return the pictures of a report as JSON: class sizes, risks, loss and levels, as far as it has them."""
    found: list[Drawing] = []
    if report.get("after"):
        found.append(class_sizes(report["after"]["histogram"], report.get("k_demanded"), report["risk_threshold"]))
        found.append(risks(report.get("before"), report["after"], report["risk_threshold"]))
    lossy = [column for column in report.get("columns", ()) if column.get("loss") is not None]
    if lossy:
        found += [losses(lossy), levels(lossy)]
    return tuple(found)


def class_sizes(bands: Mapping[str, int], k: int | None, threshold: float) -> Drawing:
    """Return the classes by band of their size; red where they are below a demanded ``k``, or riskier than allowed."""
    order = sorted(bands, key=_first)
    most = max([*bands.values(), 1])
    shapes: list[Shape] = []
    for place, band in enumerate(order):
        y, count = place * 28.0, bands[band]
        bad = count > 0 and (_last(band) < k if k is not None else 1 / _last(band) > threshold)
        shapes += _bar(y, band, count / most, f"{count:,}", RED if bad else BLUE)
    unit = "个等价类 classes" if k is None else f"个等价类；小于 {k} 的不得出现 classes; none below {k}"
    return Drawing("等价类规模分布", "Classes by size", len(order) * 28.0, tuple(shapes), f"横条为该规模（人）的{unit}")


def risks(before: Mapping[str, Any] | None, after: Mapping[str, Any], threshold: float) -> Drawing:
    """Return each attacker's chance before (pale) and after (dark), with the threshold of a single record."""
    first_of = dict(_chances(before)) if before else {}
    rows = [(label, first_of.get(label), last) for label, last in _chances(after)]
    shapes: list[Shape] = []
    for place, (label, first, last) in enumerate(rows):
        y = place * 40.0
        shapes.append(Word(_LEFT - 10, y + 20, label, "end"))
        shapes.append(Rect(_LEFT, y + 4, _ROOM, 26, TRACK))
        if first is not None:
            shapes.append(Rect(_LEFT, y + 4, _ROOM * first, 12, PALE))
            shapes.append(Word(_LEFT + _ROOM + 8, y + 14, percent(first), size=11, colour=SOFT))
        shapes.append(Rect(_LEFT, y + 18, max(_ROOM * last, 1), 12, RED if last > threshold else BLUE))
        shapes.append(Word(_LEFT + _ROOM + 8, y + 29, percent(last), size=12))
    x, height = _LEFT + _ROOM * threshold, len(rows) * 40.0
    shapes.append(Stroke(x, 0, x, height, RED, dashed=True))
    shapes.append(Word(x, height + 16, f"阈值 threshold {percent(threshold)}", "middle", 12, RED))
    return Drawing(
        "重识别风险",
        "Risk of re-identification",
        height + 24,
        tuple(shapes),
        "浅色为处理前，深色为处理后；红色高于单条记录阈值 pale: before, dark: after; red: above the threshold",
    )


def _chances(measures: Mapping[str, Any]) -> Sequence[tuple[str, float]]:
    prosecutor, journalist = measures["prosecutor"], measures["journalist"]
    return (
        ("检察官 最高", prosecutor["highest"]),
        ("检察官 平均", prosecutor["average"]),
        ("记者 最高", journalist["highest"]),
        ("记者 平均", journalist["average"]),
        ("营销者", measures["marketer"]),
        ("唯一行占比", measures.get("unique", 0.0)),
    )


def losses(columns: Sequence[Mapping[str, Any]]) -> Drawing:
    """Return the information loss of each column, 0 to 100 percent."""
    shapes: list[Shape] = []
    for place, column in enumerate(columns):
        y = place * 28.0
        shapes.append(Rect(_LEFT, y + 4, _ROOM, 18, TRACK))
        shapes += _bar(y, _short(column["label"]), column["loss"], percent(column["loss"]), BLUE)
    note = "0 为原样，100% 为全部隐去 0: as it is, 100%: nothing left"
    return Drawing("各列信息损失", "Loss by column", len(columns) * 28.0, tuple(shapes), note)


def levels(columns: Sequence[Mapping[str, Any]]) -> Drawing:
    """Return for each column its levels as steps, filled up to the one chosen; with local recoding by share of rows."""
    shapes: list[Shape] = []
    for place, column in enumerate(columns):
        y, height = place * 34.0, max(int(column.get("height") or 1), 1)
        step = _ROOM / height
        shapes.append(Word(_LEFT - 10, y + 20, _short(column["label"]), "end"))
        rows = list((column.get("levels") or {}).values())
        for level in range(height):
            fill = TRACK
            if column["level"] is not None and level <= column["level"]:
                fill = BLUE if level == column["level"] else PALE
            shapes.append(Rect(_LEFT + level * step + 1, y + 6, step - 2, 18, fill))
        if column["level"] is None and rows:
            shapes += _shares(y, rows)
        name = column["level_name"] if column["level"] is not None else f"{len(rows)} 级 levels"
        shapes.append(Word(_LEFT + _ROOM + 8, y + 20, _short(str(name or ""), 10), size=12))
    note = "格数为层级总数，深色为所用级别 steps: levels of the hierarchy; dark: the one chosen"
    return Drawing("各列泛化级别", "Levels chosen", len(columns) * 34.0, tuple(shapes), note)


def svg(drawing: Drawing) -> str:
    """Return a drawing as an SVG element without scripts, styles or outside references."""
    label = escape(f"{drawing.zh} {drawing.en}")
    inside = "".join(_element(shape) for shape in drawing.shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="drawing" viewBox="0 0 {WIDTH} {drawing.height:g}" '
        f'role="img" aria-label="{label}"><title>{label}</title>{inside}</svg>'
    )


def _element(shape: Shape) -> str:
    match shape:
        case Rect(x, y, width, height, fill):
            return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"></rect>'
        case Stroke(x1, y1, x2, y2, colour, dashed):
            dash = ' stroke-dasharray="4 3"' if dashed else ""
            place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
            return f'<line {place} stroke="{colour}" stroke-width="1.2"{dash}></line>'
        case Word(x, y, text, anchor, size, colour):
            return (
                f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}" fill="{colour}">'
                f"{escape(text)}</text>"
            )


def _bar(y: float, label: str, share: float, amount: str, fill: str) -> list[Shape]:
    width = _ROOM * min(max(share, 0.0), 1.0)
    return [
        Word(_LEFT - 10, y + 18, label, "end"),
        Rect(_LEFT, y + 4, max(width, 1.0), 18, fill if share else LINE),
        Word(_LEFT + width + 8 if width < _ROOM - 4 else _LEFT + _ROOM + 8, y + 18, amount),
    ]


def _shares(y: float, rows: Sequence[int]) -> list[Shape]:
    """Return one bar that the levels share by their rows, the coarser the darker."""
    total, x = sum(rows) or 1, float(_LEFT)
    shades = ("#d3e1f2", PALE, "#7ba3d2", "#4b80bd", BLUE, "#16375f")
    shapes: list[Shape] = []
    for place, count in enumerate(rows):
        width = _ROOM * count / total
        shapes.append(Rect(x, y + 6, width, 18, shades[min(place, len(shades) - 1)]))
        x += width
    return shapes


def _first(band: str) -> int:
    return int(band.rstrip("+").split("-")[0])


def _last(band: str) -> float:
    return float("inf") if band.endswith("+") else int(band.rsplit("-", maxsplit=1)[-1])


def _short(text: str, most: int = 9) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
