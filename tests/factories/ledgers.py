"""What an attacker would make of the files of a house: who stands in which, and in which class."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import create_engine, select, update

from core_registry.db.tables import sharing_students
from gateway.releases.ledger.records import LedgerRelease
from gateway.releases.ledger.service import Ledger
from gateway.releases.records import Extract
from tests.factories.releases import House

ABSENT = None


@dataclass(frozen=True)
class Held:
    """One file: pupil -> class, and the k that was demanded."""

    k: int
    classes: Mapping[str, int]


def ledger_of(house: House) -> Ledger:
    """Return the worker's ledger."""
    return house.preparation().ledger


def line_of(house: House, extract: Extract) -> LedgerRelease:
    """Return the line of an extract."""
    ledger = ledger_of(house)
    (line,) = house.services.releases.reader.read(lambda tx: ledger.lines.lines(tx, {extract.id}))
    return line


def subjects(house: House) -> list[str]:
    """Return every pupil of the sharing view, whatever the state."""
    engine = create_engine(house.settings.registry_url)
    try:
        with engine.connect() as connection:
            return sorted(connection.execute(select(sharing_students.c.subject_ref)).scalars())
    finally:
        engine.dispose()


def held(house: House, extract: Extract, pupils: Iterable[str]) -> Held:
    """Return who stands in an extract, and in which class; it agrees with the content of the file."""
    ledger, line = ledger_of(house), line_of(house, extract)
    table = ledger.rows(line)
    names = list(pupils)
    high, low = ledger.tags(line.group, pl.Series("subject_ref", names))
    places = {pair: name for pair, name in zip(zip(high.tolist(), low.tolist(), strict=True), names, strict=True)}
    pairs = zip(table.high.tolist(), table.low.tolist(), strict=True)
    classes = {places[pair]: number for pair, number in zip(pairs, table.classes.tolist(), strict=True)}
    assert len(classes) == table.rows == line.rows == extract.rows
    return Held(line.k or 1, classes)


def content(house: House, extract: Extract) -> pl.DataFrame:
    """Fetch a CSV as the recipient and return it."""
    return pl.read_csv(io.BytesIO(house.content(extract)), infer_schema=False)


def require_joint(files: list[Held]) -> None:
    """Assert, pupil by pupil, that nobody who holds all ``files`` in this order tells fewer than k apart."""
    for count in range(1, len(files) + 1):
        known = files[:count]
        new, k = known[-1], max(one.k for one in known)
        everybody = {name for one in known for name in one.classes}
        views = {name: tuple(one.classes.get(name, ABSENT) for one in known) for name in everybody}
        same, past = Counter(views.values()), Counter(view[:-1] for view in views.values())
        for name, view in views.items():
            if name in new.classes or same[view] < past[view[:-1]]:
                assert same[view] >= k, (count, same[view])
        for one in known[:-1]:
            missing, added = one.classes.keys() - new.classes.keys(), new.classes.keys() - one.classes.keys()
            assert not missing or len(missing) >= k or not one.classes.keys() & new.classes.keys()
            assert not added or len(added) >= k


def change(house: House, which: Callable[[int], bool], **values: Any) -> int:  # noqa: ANN401  values of columns
    """Change columns of every pupil of the sharing view whose place ``which`` takes; return how many those are."""
    chosen = [name for place, name in enumerate(subjects(house)) if which(place)]
    engine = create_engine(house.settings.registry_url)
    try:
        with engine.begin() as connection:
            for name in chosen:
                there = sharing_students.c.subject_ref == name
                connection.execute(update(sharing_students).where(there).values(**values))
    finally:
        engine.dispose()
    return len(chosen)


def report_of(extract: Extract) -> dict[str, Any]:
    """Return the report of an extract."""
    found: dict[str, Any] = json.loads(extract.report)
    return found
