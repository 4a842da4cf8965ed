"""An answer as it was asked for: rows of the kept table, by the caller's own fields and levels, with margins.

A question that another one covers is read off that one's table here, so that both say the same.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gateway.anonymize.ladders import TOP
from gateway.errors import ParameterError
from gateway.releases.statistics.content import Content, KeptAxis
from gateway.releases.statistics.dimensions import labels_of
from gateway.releases.statistics.questions import dimension_axis
from gateway.releases.statistics.records import COUNT, SHARE, Dimension, StatisticsRequest
from rulebook.records import ReleaseProfile, Rulebook


@dataclass(frozen=True, slots=True)
class Row:
    """One count. ``key`` has the code for each dimension, ``*`` for all of it; ``levels`` says how fine a code is."""

    key: Mapping[str, str]
    levels: Mapping[str, str]
    labels: Mapping[str, str]
    count: int | None
    share: float | None
    mean: float | None
    half_width: int
    """How far the count is off at most, in 95 of 100 cases."""
    mean_half_width: float | None = None
    """The same of the mean, in years."""

    @property
    def hidden(self) -> bool:
        """Say whether the count is not shown."""
        return self.count is None


@dataclass(frozen=True, slots=True)
class View:
    """The rows of a question: its cells, then their margins, coarsest last."""

    dimensions: tuple[str, ...]
    measures: tuple[str, ...]
    cells: tuple[Row, ...]
    margins: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One dimension: the axis that has it, and the levels of that axis from the asked one upwards."""

    name: str
    axis: int
    level: int


def readable(content: Content, book: Rulebook, profile: ReleaseProfile, dimensions: Sequence[Dimension]) -> bool:
    """Say whether every dimension is a level of an axis of ``content``."""
    return all(_place(content, book, profile, one) is not None for one in dimensions)


def view_of(content: Content, book: Rulebook, profile: ReleaseProfile, request: StatisticsRequest) -> View:
    """Return the rows that ``request`` asks for. Raises ``ParameterError`` when the table does not hold them."""
    asked = []
    for one in {one.field: one for one in request.dimensions}.values():
        found = _place(content, book, profile, one)
        if found is None:
            raise ParameterError(
                f"The answer has no level for '{one.field}'; ask for it by itself.",
                detail_zh=f"该结果没有“{one.field}”的这一层级，请单独提问。",
                missing=("dimensions",),
            )
        asked.append(found)
    names = [{**labels_of(book, axis.column, axis.hierarchy), TOP: "合计"} for axis in content.axes]
    cells: list[Row] = []
    margins: list[Row] = []
    total = _total(content)
    for place, row_levels in _places(content, asked):
        row = _row(content, asked, names, place, row_levels, total, request.measures)
        finest = all(row_levels[one.axis] <= one.level for one in asked)
        (cells if finest else margins).append(row)
    return View(
        tuple(one.name for one in asked),
        tuple(dict.fromkeys(request.measures)),
        tuple(cells),
        tuple(margins),
    )


def csv_of(view: View, mean_name: str | None) -> str:
    """Return the rows as CSV (RFC 4180): code, label and level of each dimension; hidden counts are empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    heads = [part for name in view.dimensions for part in (name, f"{name}_label", f"{name}_level")]
    measures = [COUNT, *([SHARE] if SHARE in view.measures else []), *([mean_name] if mean_name else [])]
    writer.writerow([*heads, *measures, "suppressed", "half_width_95"])
    for row in (*view.cells, *view.margins):
        parts = [part for name in view.dimensions for part in (row.key[name], row.labels[name], row.levels[name])]
        values = {COUNT: row.count, SHARE: row.share, mean_name: row.mean}
        writer.writerow(
            [
                *parts,
                *("" if values[name] is None else values[name] for name in measures),
                int(row.hidden),
                row.half_width,
            ]
        )
    return out.getvalue()


def _place(content: Content, book: Rulebook, profile: ReleaseProfile, dimension: Dimension) -> _Asked | None:
    wanted = dimension_axis(book, profile, dimension)
    for place, axis in enumerate(content.axes):
        if (axis.column, axis.hierarchy) == (wanted.column, wanted.hierarchy) and wanted.level in axis.levels:
            return _Asked(dimension.field, place, axis.levels.index(wanted.level))
    return None


def _places(content: Content, asked: Sequence[_Asked]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield the place of every label that is asked for, and its level on each axis: the finest levels first."""
    lowest: dict[int, int] = {}
    for one in asked:
        lowest[one.axis] = min(one.level, lowest.get(one.axis, one.level))
    spans = []
    for at, axis in enumerate(content.axes):
        first = lowest.get(at, len(axis.levels) - 1)
        spans.append(range(first, len(axis.levels)))
    for levels in sorted(itertools.product(*spans), key=lambda found: (sum(found), found)):
        inner = [
            range(axis.starts[level], axis.starts[level] + len(axis.labels[level]))
            for axis, level in zip(content.axes, levels, strict=True)
        ]
        for place in itertools.product(*inner):
            yield place, levels


def _total(content: Content) -> int | None:
    last = tuple(axis.every - 1 for axis in content.axes)
    found = int(content.counts[last])
    return found if found > 0 else None


def _row(
    content: Content,
    asked: Sequence[_Asked],
    names: Sequence[Mapping[str, str]],
    place: tuple[int, ...],
    levels: tuple[int, ...],
    total: int | None,
    measures: Sequence[str],
) -> Row:
    key, shown_levels, labels = {}, {}, {}
    for one in asked:
        axis = content.axes[one.axis]
        level = max(one.level, levels[one.axis])
        code = _code(axis, place[one.axis], levels[one.axis], level)
        key[one.name], shown_levels[one.name] = code, axis.levels[level]
        labels[one.name] = names[one.axis].get(code, code)
    number = int(content.counts[place])
    count = None if number < 0 else number
    mean = None
    if content.means is not None and count is not None and any(name not in (COUNT, SHARE) for name in measures):
        found = float(content.means[place])
        mean = None if math.isnan(found) else found
    share = round(count / total, 4) if SHARE in measures and count is not None and total is not None else None
    under = [
        axis.sizes[level][at - axis.starts[level]] for axis, at, level in zip(content.axes, place, levels, strict=True)
    ]
    cells = int(np.prod(under, dtype=np.int64))
    off = None if mean is None or not count else content.mean_half_width(cells, count)
    return Row(key, shown_levels, labels, count, share, mean, content.half_width(cells), off)


def _code(axis: KeptAxis, place: int, level: int, wanted: int) -> str:
    at = place - axis.starts[level]
    for step in range(level, wanted):
        at = axis.parents[step][at]
    return axis.labels[wanted][at]
