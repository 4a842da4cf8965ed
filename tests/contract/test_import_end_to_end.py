"""The import as a registrar lives it, on both databases: sample, preview, import, correction, guard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from sqlalchemy import func, select

from core_registry.db.engine import reading
from core_registry.db.tables import guardian_links, guardians, sharing_students
from core_registry.errors import ShrinkGuardError
from core_registry.intake.reader import REASON_HEADER
from core_registry.intake.records import ImportRequest
from core_registry.sample import generate, write_workbook
from tests.factories.intake_forms import book
from tests.factories.intake_register import Register, open_register, prepare

PUPILS, SEED = 600, 3
TODAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def sample() -> tuple[pl.DataFrame, pl.DataFrame]:
    made = generate(PUPILS, SEED, book(), today=TODAY)
    return made.schools, pl.concat(list(made.batches()))


@pytest.fixture
def pupils(sample: tuple[pl.DataFrame, pl.DataFrame]) -> pl.DataFrame:
    return sample[1]


@pytest.fixture
def register(database_url: str, sample: tuple[pl.DataFrame, pl.DataFrame]) -> Iterator[Register]:
    prepare(database_url, sample[0])
    with open_register(database_url) as opened:
        yield opened


def form(directory: Path, pupils: pl.DataFrame, name: str = "form.xlsx") -> ImportRequest:
    path = directory / name
    write_workbook(path, pupils, book())
    return ImportRequest(path, name, "template", "officer")


def references(register: Register) -> dict[str, str]:
    return dict(register.values("student_id", "subject_ref").iter_rows())


def rows_of(register: Register, table: object) -> int:
    with reading(register.engine) as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]  # a table


def test_a_form_lands_once_and_only_what_changed_lands_again(
    register: Register, pupils: pl.DataFrame, tmp_path: Path
) -> None:
    request = form(tmp_path, pupils)
    preview = register.service.preview(request)
    assert (preview.rows, preview.new, preview.rejected, preview.import_id) == (PUPILS, PUPILS, 0, None)
    assert (register.count(), register.landed(), register.events("registry.import")) == (0, 0, [])

    done = register.service.run(request)
    assert (done.new, done.rejected, done.warnings) == (PUPILS, 0, preview.warnings)
    assert register.count() == PUPILS == rows_of(register, sharing_students)
    (event,) = register.events("registry.import")
    assert (event.facts["new"], event.facts["rows"], event.subjects) == (PUPILS, PUPILS, ())
    before = references(register)

    again = register.service.run(request)
    assert (again.unchanged, again.repeated, again.import_id) == (PUPILS, True, None)
    assert (register.landed(), len(register.events("registry.import"))) == (1, 1)

    moved = pl.int_range(pl.len()) < 7  # seven pupils go to another class
    changed = pupils.with_columns(pl.when(moved).then(pl.lit("9班")).otherwise("class_name").alias("class_name"))
    stamps = register.values("student_id", "updated_at", "sealed")
    partly = register.service.run(form(tmp_path, changed, "changed.xlsx"))
    assert (partly.new, partly.changed, partly.unchanged) == (0, 7, PUPILS - 7)
    assert references(register) == before
    touched = stamps.join(register.values("student_id", "updated_at", "sealed"), on=stamps.columns, how="anti")
    assert touched.height == 7
    assert register.values("class_name")["class_name"].to_list().count("9班") == 7
    assert len(register.events("registry.import")) == 2


def test_siblings_share_their_guardians_and_twins_are_two_pupils_of_one_class(
    register: Register, pupils: pl.DataFrame, tmp_path: Path
) -> None:
    twins = pupils.filter(
        pl.struct("member1_id_number", "birth_date").is_duplicated() & pl.col("member1_id_number").is_not_null()
    )
    assert twins.height >= 2
    in_one_class = twins.group_by("member1_id_number").agg(
        pl.struct("school_code", "grade", "class_name").n_unique().alias("classes"), pl.len()
    )
    assert set(in_one_class["classes"]) == {1}
    assert register.service.run(form(tmp_path, pupils)).new == PUPILS
    numbers = pl.concat([pupils["member1_id_number"], pupils["member2_id_number"]]).drop_nulls()
    without = sum(
        pupils.filter(pl.col(f"member{n}_name").is_not_null() & pl.col(f"member{n}_id_number").is_null()).height
        for n in (1, 2)
    )
    assert numbers.n_unique() < len(numbers)  # there are siblings
    assert rows_of(register, guardian_links) == len(numbers) + without
    assert rows_of(register, guardians) == numbers.n_unique() + without


def test_bad_rows_come_back_as_text_with_reasons_and_land_when_corrected(
    register: Register, pupils: pl.DataFrame, tmp_path: Path
) -> None:
    bad = {3: ("sex", "不详"), 40: ("id_number", "1.40105E+17"), 41: ("class_name", ""), 500: ("name", "=cmd|'/C'!A0")}
    spoiled = pupils
    for index, (column, value) in bad.items():
        here = pl.int_range(pl.len()) == index
        spoiled = spoiled.with_columns(pl.when(here).then(pl.lit(value)).otherwise(column).alias(column))
    errors = tmp_path / "errors.xlsx"
    summary = register.service.run(form(tmp_path, spoiled), errors_to=errors)
    assert (summary.new, summary.rejected) == (PUPILS - 4, 4)
    header = [code for code in book().import_mappings["template"].headers if code in pupils.columns]
    places = {(one.row, one.field, one.column) for one in summary.findings if one.severity == "error"}
    assert {(index + 3, column) for index, (column, _) in bad.items()} <= {(row, column) for row, column, _ in places}
    assert all(letters == openpyxl.utils.get_column_letter(header.index(code or "") + 1) for _, code, letters in places)

    workbook = openpyxl.load_workbook(errors)
    sheet = workbook.worksheets[0]
    assert sheet.cell(2, len(header) + 1).value == REASON_HEADER
    for at, (index, (column, _)) in enumerate(sorted(bad.items()), 3):
        cells = [sheet.cell(at, place + 1) for place in range(len(header))]
        assert [cell.value or "" for cell in cells] == [value or "" for value in spoiled.select(header).row(index)]
        assert {cell.data_type for cell in cells if cell.value} == {"s"}
        assert f"原文件第 {index + 3} 行" in str(sheet.cell(at, len(header) + 1).value)
        cells[header.index(column)].value = pupils[column][index]
    workbook.save(errors)

    corrected = register.service.run(ImportRequest(errors, errors.name, "template", "officer"))
    assert (corrected.new, corrected.rejected) == (4, 0), corrected.findings
    assert register.count() == PUPILS
    assert register.service.run(form(tmp_path, pupils)).unchanged == PUPILS


def test_a_file_that_leaves_out_a_school_half_is_guarded_until_accepted(
    register: Register, pupils: pl.DataFrame, tmp_path: Path
) -> None:
    register.service.run(form(tmp_path, pupils))
    school = pupils["school_code"][0]
    of_school = pl.col("school_code") == school
    half = pupils.filter(~of_school | (pl.int_range(pl.len()).over("school_code") % 2 == 0))
    half = half.with_columns(pl.when(of_school).then(pl.lit("9班")).otherwise("class_name").alias("class_name"))
    request = form(tmp_path, half, "half.xlsx")
    before = register.values("student_id", "sealed", "class_name", "updated_at")
    with pytest.raises(ShrinkGuardError) as refused:
        register.service.run(request, errors_to=tmp_path / "errors.xlsx")
    assert school in refused.value.detail_zh
    assert not (tmp_path / "errors.xlsx").exists()
    assert register.values("student_id", "sealed", "class_name", "updated_at").equals(before)
    accepted = register.service.run(
        ImportRequest(request.path, request.file_name, request.mapping, request.actor, accept_shrink=True)
    )
    assert (accepted.shrink, accepted.absent) == ((school,), PUPILS - half.height)
    assert accepted.changed == half.filter(of_school).height
    assert register.count() == PUPILS  # an import takes no pupil away
