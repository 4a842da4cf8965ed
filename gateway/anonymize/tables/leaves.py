"""From the values of a column to the leaves of its ladder, whatever way the plan gives the hierarchy.

This is the caller's own table on the caller's own machine: an error may show values of quasi-identifiers, with the
row and what to add. Values of sensitive columns are shown nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from gateway.anonymize.errors import HierarchyError, UnknownLeafError
from gateway.anonymize.hierarchies import ladder_of
from gateway.anonymize.ladder_files import ladder_from_csv
from gateway.anonymize.ladder_rules import interval_ladder, prefixes_ladder
from gateway.anonymize.ladders import TOP, Ladder
from gateway.anonymize.tables.errors import Problem, TablePlanError
from gateway.anonymize.tables.nearness import did_you_mean, nearest, plain
from gateway.anonymize.tables.plan import Bands, Dated, FromFile, HierarchyForm, Inline, Interval, Prefix
from rulebook.records import Divisions, Hierarchy

_SHOWN = 3
_TRIED = 2_000
_STABLE = r"^[!-~一-鿿](?: ?[!-~一-鿿])*$"
"""Texts that are their own plain form: no character of theirs has look-alikes."""


@dataclass(frozen=True)
class Shelf:
    """Where hierarchies come from: files beside the plan, and those of the rule book by name, loaded when asked for."""

    folder: Path
    book: Callable[[], tuple[Mapping[str, Hierarchy], Divisions]] = field(repr=False)


@dataclass(frozen=True)
class Fitted:
    """A column on its ladder: ``leaves`` are its values as the ladder knows them.

    ``merged`` counts values that were written differently from a leaf only in characters that one hardly sees.
    """

    ladder: Ladder = field(repr=False)
    leaves: pl.Series = field(repr=False)
    merged: int
    missing: int


def fit(values: pl.Series, form: HierarchyForm | None, shelf: Shelf, place: str, *, secret: bool = False) -> Fitted:
    """Return the text column ``values`` on the ladder of ``form``; value or ``*`` without one.

    ``place`` is the JSON pointer of the hierarchy in the plan. With ``secret`` no value is shown in an error. Raises
    ``TablePlanError`` when there is no such hierarchy, it is no tree, or lacks values of the column.
    """
    alike = alike_merged(values)
    try:
        ladder = _ladder(alike, form, shelf, place)
    except UnknownLeafError as error:
        raise _does_not_fit(alike, form, shelf, place, secret=secret) from error
    except HierarchyError as error:
        raise TablePlanError([Problem(place, error.detail, error.detail_zh or error.detail)]) from error
    if alike.null_count():
        ladder = ladder.with_missing()
    unknown = ladder.missing(alike).drop_nulls()
    if len(unknown):
        alike = _matched(alike, unknown, ladder)
        unknown = ladder.missing(alike).drop_nulls()
    if len(unknown):
        raise _unknown(alike, unknown, ladder, form, place, secret=secret)
    merged = _differences(values, alike)
    return Fitted(ladder, alike.rename(values.name), merged, alike.null_count())


def alike_merged(values: pl.Series) -> pl.Series:
    """Return the text column with look-alikes (``plain`` is equal) made one: the commonest, then the first in order.

    Two ways to write one value are one value to whoever reads it: as two, they would make classes look smaller and
    their sensitive values more diverse than they are.
    """
    distinct = values.unique().drop_nulls()
    odd = distinct.filter(~distinct.str.contains(_STABLE))
    if odd.is_empty():
        return values
    forms = pl.DataFrame({"value": odd, "plain": [plain(text) for text in odd.to_list()]})
    others = distinct.filter(distinct.is_in(forms["plain"].implode())).to_frame("value")
    known = pl.concat([forms, others.with_columns(plain="value")]).unique("value")
    groups = known.filter(pl.len().over("plain") > 1)
    if groups.is_empty():
        return values
    counts = values.to_frame("value").join(groups, on="value").group_by("value", "plain").len()
    chosen = (
        counts.sort(["len", "value"], descending=[True, False])
        .group_by("plain", maintain_order=True)
        .agg(pl.col("value").first().alias("chosen"))
    )
    mapping = groups.join(chosen, on="plain").filter(pl.col("value") != pl.col("chosen"))
    return values.replace(mapping["value"], mapping["chosen"])


def _matched(values: pl.Series, unknown: pl.Series, ladder: Ladder) -> pl.Series:
    """Return ``values`` with unknown ones replaced by the one leaf that looks like them, where there is one."""
    leaves: dict[str, str | None] = {}
    for leaf in ladder.leaves.column.drop_nulls().to_list():
        form = plain(leaf)
        leaves[form] = None if form in leaves else leaf
    pairs = [(text, leaf) for text in unknown.to_list() if (leaf := leaves.get(plain(text))) is not None]
    if not pairs:
        return values
    return values.replace([text for text, _ in pairs], [leaf for _, leaf in pairs])


def _differences(before: pl.Series, after: pl.Series) -> int:
    return int((before != after).sum())


def _ladder(  # noqa: PLR0911  one return for each form
    values: pl.Series, form: HierarchyForm | None, shelf: Shelf, place: str
) -> Ladder:
    name = str(values.name)
    match form:
        case None:
            return _value_or_top(name, values)
        case str():
            return _named(form, values, shelf, place)
        case FromFile():
            return ladder_from_csv(_file(form.file, shelf, place), form.file, separator=form.separator)
        case Inline():
            return _inline(name, form)
        case Interval(interval=Bands() as bands):
            return interval_ladder(name, values, bands.widths, origin=bands.origin)
        case Interval(interval=list() as widths):
            return interval_ladder(name, values, widths)
        case Prefix():
            return prefixes_ladder(name, values, form.prefix)
        case Dated():
            rule = Hierarchy(name, "date", ("day", *form.date, TOP), None)
            return ladder_of(rule, Divisions({}, {}), values)
    raise AssertionError(form)


def _value_or_top(name: str, values: pl.Series) -> Ladder:
    leaves = values.unique().sort(nulls_last=True)
    return Ladder.of_columns(name, ("value", TOP), [leaves, pl.repeat(TOP, len(leaves), dtype=pl.String, eager=True)])


def _named(form: str, values: pl.Series, shelf: Shelf, place: str) -> Ladder:
    path = shelf.folder / form
    if path.is_file():
        return ladder_from_csv(path, form)
    if "." in form or "/" in form:
        return ladder_from_csv(_file(form, shelf, place), form)
    hierarchies, divisions = shelf.book()
    if form not in hierarchies:
        near, near_zh = did_you_mean(form, [*hierarchies, *_files(shelf)])
        known = ", ".join(sorted(hierarchies))
        raise TablePlanError(
            [
                Problem(
                    place,
                    f"'{form}' is neither a file in {shelf.folder} nor a hierarchy of the rule book{near} ({known})",
                    f"“{form}”既不是 {shelf.folder} 中的文件，也不是规则库中的层级{near_zh}（可用：{known}）",
                )
            ]
        )
    return ladder_of(hierarchies[form], divisions, values)


def _file(name: str, shelf: Shelf, place: str) -> Path:
    path = shelf.folder / name
    if path.is_file():
        return path
    near, near_zh = did_you_mean(name, _files(shelf))
    raise TablePlanError([Problem(place, f"there is no file {path}{near}", f"没有文件 {path}{near_zh}")])


def _files(shelf: Shelf) -> list[str]:
    return sorted(path.name for path in shelf.folder.glob("*") if path.is_file())


def _inline(name: str, form: Inline) -> Ladder:
    height = len(form.levels)
    chains: dict[str | None, tuple[str, ...]] = {}
    for leaf, labels in form.table.items():
        topless = len(labels) == height - 2 and form.levels[-1] == TOP
        chains[leaf] = (*labels, TOP) if topless else tuple(labels)
    return Ladder.of(name, form.levels, chains)


def _does_not_fit(
    values: pl.Series, form: HierarchyForm | None, shelf: Shelf, place: str, *, secret: bool
) -> TablePlanError:
    """Return the error for values that a computed hierarchy cannot take; finds some of them by trying."""
    bad: list[str] = []
    for text in values.unique().drop_nulls().sort().head(_TRIED).to_list():
        try:
            _ladder(pl.Series(values.name, [text], dtype=pl.String), form, shelf, place)
        except UnknownLeafError:
            bad.append(text)
        if len(bad) == _SHOWN:
            break
    shown = "" if secret or not bad else " " + "; ".join(f"'{text}' ({_where(values, text)})" for text in bad)
    shown_zh = "" if secret or not bad else "：" + "；".join(f"“{text}”（{_where_zh(values, text)}）" for text in bad)
    return TablePlanError(
        [
            Problem(
                place,
                f"the column '{values.name}' holds values that do not fit this hierarchy{':' * bool(shown)}{shown}; "
                "correct them, list them under 'missing', or give a hierarchy file",
                f"列“{values.name}”中有不符合此层级的取值{shown_zh}；请更正、列入 missing，或改用层级文件",
            )
        ]
    )


def _unknown(
    values: pl.Series, unknown: pl.Series, ladder: Ladder, form: HierarchyForm | None, place: str, *, secret: bool
) -> TablePlanError:
    """Return the error for values that a table of the caller lacks, with what to add for the first of them."""
    rows = int(values.is_in(unknown.implode()).sum())
    known = ladder.leaves.column.drop_nulls().to_list()
    first = [text for text in values.filter(values.is_in(unknown.implode())).unique(maintain_order=True).head(_SHOWN)]
    told, told_zh = [], []
    for text in first:
        if secret:
            told.append(_where(values, text))
            told_zh.append(_where_zh(values, text))
            continue
        near = nearest(text, known)
        told.append(f"'{text}' ({_where(values, text)}{f', nearest there: {near!r}' if near is not None else ''})")
        told_zh.append(f"“{text}”（{_where_zh(values, text)}{f'，最接近：“{near}”' if near is not None else ''}）")
    line = ";".join([first[0], *["…"] * (ladder.height - 2), TOP]) if not secret and ladder.height > 1 else ""
    remedy = f"; add a line like '{line}'" if line and isinstance(form, str) else "; add them there"
    return TablePlanError(
        [
            Problem(
                place,
                f"the hierarchy '{ladder.name}' lacks {len(unknown)} values of the column '{values.name}' "
                f"({rows} rows): {', '.join(told)}{remedy}, or list a text that means 'no value' under 'missing'",
                f"层级“{ladder.name}”缺少列“{values.name}”的 {len(unknown)} 个取值（{rows} 行）：{'、'.join(told_zh)}；"
                "请补充到层级中，或将表示“无”的文本列入 missing",
            )
        ]
    )


def _where(values: pl.Series, text: str) -> str:
    return f"row {_first(values, text)}"


def _where_zh(values: pl.Series, text: str) -> str:
    return f"第 {_first(values, text)} 行"


def _first(values: pl.Series, text: str) -> int:
    """Return the number of the first data row with ``text``, from 1."""
    return int((values == text).arg_max() or 0) + 1
