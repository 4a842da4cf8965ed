"""Every row of the sample passes every check of the import, in every layout and kind of file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

import rulebook
from core_registry.intake import findings
from core_registry.intake.checks import FileChecks
from core_registry.intake.normalization import Normalizer
from core_registry.intake.reader import read_form
from core_registry.sample import generate, write_csv, write_workbook

CONFIG = Path(__file__).resolve().parents[2] / "config"
EXPECTED_WARNINGS = {"id-division", "second-member-absent", "undocumented"}


@pytest.mark.parametrize(("kind", "mapping", "count"), [("csv", "template", 12_000), ("xlsx", "national", 1_000)])
@pytest.mark.parametrize("today", [date(2026, 9, 1), date(2027, 7, 31)])
def test_no_row_of_the_sample_is_rejected(tmp_path: Path, kind: str, mapping: str, count: int, today: date) -> None:
    book = rulebook.load(CONFIG)
    sample = generate(count, 17, book, today=today)
    path = tmp_path / f"form.{kind}"
    write = write_csv if kind == "csv" else write_workbook
    write(path, pl.concat(list(sample.batches())), book, mapping)
    normalizer = Normalizer(book)
    form = read_form(path, book.import_mappings[mapping], book)
    values, unreadable = normalizer.normalize(form, None)
    found = findings.join([unreadable, FileChecks(values, book, normalizer, today).run()])
    assert form.frame.height == values.height == count
    assert len(findings.error_rows(found)) == 0
    assert set(found["code"]) <= EXPECTED_WARNINGS
