"""Invented tables for the tests of the table engine, and one call that anonymises them in a folder."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from gateway.anonymize.tables.execution import Request, anonymize
from gateway.anonymize.tables.leaves import Shelf
from gateway.anonymize.tables.parsing import parse
from gateway.anonymize.tables.report import TableReport
from rulebook.records import Divisions, Hierarchy

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
KEY = "ab" * 32
BOOK: Mapping[str, Hierarchy] = {
    "birth_date": Hierarchy("birth_date", "date", ("day", "month", "quarter", "year", "3 years", "*"), None),
    "sex": Hierarchy("sex", "table", ("value", "*"), {"1": ("*",), "2": ("*",)}),
}


def id_number(born: str, order: int) -> str:
    """Return an invented identity number with a valid check character for a birth date ``YYYY-MM-DD``."""
    body = f"140105{born.replace('-', '')}{order:03}"
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True)) % 11]


def pupils(rows: int = 240) -> pl.DataFrame:
    """Return invented pupils: identity number, student number, birth date, sex, county, flag and score, as text."""
    draw = random.Random(20260101)
    born = [f"20{draw.randint(10, 13)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}" for _ in range(rows)]
    numbers = [id_number(date, draw.randint(0, 999)) for date in born]
    return pl.DataFrame(
        {
            "id_number": numbers,
            "student_number": ["G" + number for number in numbers],
            "born": born,
            "sex": [draw.choice("12") for _ in range(rows)],
            "county": [draw.choice(["140105", "140106", "140107"]) for _ in range(rows)],
            "flag": [draw.choice(["none", "left behind", "disabled", "boarding"]) for _ in range(rows)],
            "score": [str(draw.randint(40, 100)) for _ in range(rows)],
        }
    )


@dataclass
class Desk:
    """A folder with a plan's files; ``run`` anonymises a table there."""

    folder: Path
    made: int = field(default=0, init=False)

    def hierarchy(self, name: str, lines: Sequence[Sequence[str]]) -> str:
        """Write a hierarchy file; return its name."""
        (self.folder / name).write_text("".join(";".join(line) + "\n" for line in lines), encoding="utf-8")
        return name

    def request(self, plan: Mapping[str, Any], table: pl.DataFrame | bytes, **options: object) -> Request:
        """Return the request for a frame (as CSV with ``;``) or the bytes of a file."""
        self.made += 1
        source = self.folder / f"in{self.made}.csv"
        if isinstance(table, bytes):
            source.write_bytes(table)
        else:
            table.write_csv(source, separator=";")
        defaults: dict[str, Any] = {
            "out": self.folder / f"out{self.made}.csv",
            "report": self.folder / f"report{self.made}.json",
            "shelf": Shelf(self.folder, lambda: (BOOK, Divisions({}, {}))),
        }
        defaults.update(options)
        return Request(plan=parse(json.dumps(plan)), source=source, **defaults)

    def run(
        self, plan: Mapping[str, Any], table: pl.DataFrame | bytes, **options: object
    ) -> tuple[TableReport, pl.DataFrame, dict[str, Any]]:
        """Return the report, the written table as text, and the report file."""
        request = self.request(plan, table, **options)
        report = anonymize(request)
        return report, read(request.out), json.loads(request.report.read_text(encoding="utf-8"))

    def leftovers(self) -> list[str]:
        """Return outputs, reports and drafts in the folder."""
        return sorted(path.name for path in self.folder.iterdir() if path.name.startswith(("out", "report", ".")))


def read(path: Path) -> pl.DataFrame:
    """Return a written table, by another reader than the one under test."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    separator = "\t" if path.suffix == ".tsv" else ";"
    return pl.read_csv(path, separator=separator, infer_schema=False)


def k(rows: int) -> dict[str, Any]:
    """Return the model k."""
    return {"kind": "k", "k": rows}
