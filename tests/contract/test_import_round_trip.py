"""Whatever stands in a row: it lands or comes back in the error workbook unchanged, and corrected it lands."""

from __future__ import annotations

import tempfile
from pathlib import Path

import openpyxl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories.intake_forms import book, pupil, table, write_csv
from tests.factories.intake_register import fresh_register

CODES = list(book().import_mappings["template"].headers)
cell_texts = st.one_of(
    st.sampled_from(
        ["", "=1+1", "+1", "@x", "-", "1.40105E+17", "２０１６", "'x", "http://x", "null", "#N/A", "无", "　"]
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=40),
)
spoiled = st.dictionaries(st.sampled_from([code for code in CODES if code != "school_code"]), cell_texts, max_size=4)


@settings(max_examples=20, deadline=None)
@given(st.lists(spoiled, min_size=1, max_size=4))
def test_every_row_lands_or_comes_back_as_it_was(changes: list[dict[str, str]]) -> None:
    rows = [{**pupil(index), **change} for index, change in enumerate(changes)]
    with tempfile.TemporaryDirectory() as directory, fresh_register(Path(directory)) as register:
        path, errors = Path(directory) / "f.csv", Path(directory) / "e.xlsx"
        summary = register.run(write_csv(path, table(rows)), errors)
        assert summary.rows == summary.new + summary.rejected == len(rows)
        assert register.count() == summary.new
        assert errors.exists() == bool(summary.rejected)
        if not summary.rejected:
            return
        sheet = openpyxl.load_workbook(errors).active
        back = [[cell.value or "" for cell in row[:-1]] for row in sheet.iter_rows(min_row=3)]
        written = [[row[code] for code in CODES] for row in rows]
        assert all(row in written for row in back)
        assert len(back) == summary.rejected


@settings(max_examples=4, deadline=None)
@given(st.lists(spoiled, min_size=1, max_size=3))
def test_a_corrected_workbook_lands_and_twice_changes_nothing(changes: list[dict[str, str]]) -> None:
    rows = [{**pupil(index), **change} for index, change in enumerate(changes)]
    with tempfile.TemporaryDirectory() as directory, fresh_register(Path(directory)) as register:
        path, errors = Path(directory) / "f.csv", Path(directory) / "e.xlsx"
        first = register.run(write_csv(path, table(rows)), errors)
        write_csv(path, table([pupil(index) for index in range(len(rows))]))
        register.run(path)
        landed = register.students()
        again = register.run(path, actor="another")
        assert (again.new, again.changed) == (0, 0)
        assert register.students() == landed
        assert len(landed) >= first.new
