"""The figures of a dry run as people see them: amounts rounded, and none below the least cell.

The exact figures stay inside; the release's report, which has them, goes to the recipient with the data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.releases.dry_run import DryRun

LEAST_CELL: Final = 10
"""An amount of people below it is not shown, whatever smaller k a profile demands."""
_DIGITS: Final = 2


@dataclass(frozen=True, slots=True)
class Amount:
    """A rounded number of rows; with ``fewer`` it is smaller than ``about`` and not none."""

    about: int
    fewer: bool = False


@dataclass(frozen=True, slots=True)
class Risks:
    """Shares between 0 and 1, three digits: the highest and average risk of a row, and the marketer's."""

    prosecutor_highest: float
    prosecutor_average: float
    journalist_highest: float
    journalist_average: float
    marketer: float
    above_threshold: float
    unique: float = 0.0
    """Share of rows that stand alone with what an attacker can know of them."""
    population_unique: float = 0.0
    """Share of rows that are alone in the whole register, too."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What the smallest class holds of one sensitive column."""

    column: str
    distinct_l: int
    t: float


@dataclass(frozen=True, slots=True)
class Column:
    """How one column would leave."""

    name: str
    label: str
    role: str
    technique: str
    level: int | None
    level_name: str | None
    loss: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What a dry run came to. Members that were not measured at the level are ``None`` or empty."""

    rows_in: Amount
    """Pupils in scope."""
    rows_out: Amount | None
    rows_suppressed: Amount | None
    suppressed_share: float | None
    """At most this share, from the rounded amounts."""
    k_demanded: int | None
    k: int | None
    sensitive: tuple[Reached, ...]
    before: Risks | None
    after: Risks | None
    loss: float | None
    optimal: bool | None
    grade: int | None
    histogram: Mapping[str, int]
    """Band of class sizes -> number of classes that would leave."""
    columns: tuple[Column, ...]
    retention_days: int | None
    risk_threshold: float | None = None
    """Highest acceptable risk of a record, and in which environment: ``public`` or ``controlled``."""
    environment: str | None = None
    risk_columns: tuple[str, ...] = ()
    """What an attacker is taken to know of a person."""
    recoding: str | None = None
    joint_k: int | None = None
    """k over all earlier releases to the recipient and those it may collude with."""
    withheld: Amount | None = None
    """Rows that would be withheld because of earlier releases."""


def rounded(count: int, least: int = LEAST_CELL) -> Amount:
    """Return ``count`` to two significant digits and at least to the nearest ten; below ``least`` only that it is."""
    if 0 < count < least:
        return Amount(least, fewer=True)
    step = max(10, 10 ** (len(str(count)) - _DIGITS))
    return Amount((count + step // 2) // step * step)


def share(part: Amount, whole: Amount) -> float:
    """Return the share of ``part`` in ``whole``, three digits, at most 1; of rounded amounts, so it tells no more."""
    return round(min(1.0, part.about / whole.about), 3) if whole.about and part.about else 0.0


def least_cell(report: Mapping[str, Any]) -> int:
    """Return the least amount that is shown: the demanded k, and never less than ``LEAST_CELL``."""
    return max(LEAST_CELL, report.get("k_demanded") or 0)


def figures_of(run: DryRun) -> Figures | None:
    """Return the figures of a finished dry run for people; ``None`` of one that has none."""
    if not run.report:
        return None
    report: dict[str, Any] = json.loads(run.report)
    least = least_cell(report)
    rows_in = rounded(report["rows_in"], least)
    if report.get("rows_out") is None:
        return Figures(
            rows_in, None, None, None, None, None, (), None, None, None, None, None, {}, (), report["retention_days"]
        )
    suppressed = rounded(report["rows_suppressed"], least)
    after = report["after"]
    joint = report.get("joint_k") or {}
    withheld = joint.get("withheld")
    return Figures(
        rows_in=rows_in,
        rows_out=rounded(report["rows_out"], least),
        rows_suppressed=suppressed,
        suppressed_share=share(suppressed, rows_in),
        k_demanded=report["k_demanded"],
        k=after["k"] if after else None,
        sensitive=tuple(
            Reached(one["column"], one["distinct_l"], _short(one["t"])) for one in (after["sensitive"] if after else ())
        ),
        before=_risks(report["before"], least),
        after=_risks(after, least),
        loss=None if report["loss"] is None else _short(report["loss"]),
        optimal=report["optimal"],
        grade=report["grade"],
        histogram=_bands(after["histogram"], report["k_demanded"], least) if after else {},
        columns=tuple(
            Column(
                one["name"],
                one["label"],
                one["role"],
                one["technique"],
                one["level"],
                one["level_name"],
                None if one["loss"] is None else _short(one["loss"]),
            )
            for one in report["columns"]
        ),
        retention_days=report["retention_days"],
        risk_threshold=report["risk_threshold"],
        environment=report.get("environment"),
        risk_columns=tuple(report.get("risk_columns", ())),
        recoding=report.get("recoding"),
        joint_k=joint.get("reached"),
        withheld=None if withheld is None else rounded(withheld, least),
    )


def _bands(bands: Mapping[str, int], k: int | None, least: int) -> dict[str, int]:
    """Return the class sizes as shown: where no k keeps classes from being small, their numbers are amounts of people.

    A few count as the least cell, so that it shows that there are some and not how many.
    """
    return dict(bands) if k is not None else {band: rounded(count, least).about for band, count in bands.items()}


def _risks(measures: Mapping[str, Any] | None, least: int) -> Risks | None:
    if measures is None:
        return None
    prosecutor, journalist = measures["prosecutor"], measures["journalist"]
    rows = measures["rows"]

    def of_rows(part: float) -> float:
        """Return a share of rows by rounded amounts: three digits of it tell a small number of people."""
        return share(rounded(round(part * rows), least), rounded(rows, least))

    return Risks(
        prosecutor_highest=_short(prosecutor["highest"]),
        prosecutor_average=_short(prosecutor["average"]),
        journalist_highest=_short(journalist["highest"]),
        journalist_average=_short(journalist["average"]),
        marketer=_short(measures["marketer"]),
        above_threshold=of_rows(prosecutor["above"]),
        unique=of_rows(measures.get("unique", 0.0)),
        population_unique=of_rows(measures.get("population_unique", 0.0)),
    )


def _short(value: float) -> float:
    return round(value, 3)
