"""Import of an Annex 1 workbook into the registry, against reading the same workbook with calamine alone.

Ours is what a registrar's import does: guards of the upload, reading in a child process, validation of every row, keys,
comparison with the register, encryption, index, sharing view, error workbook, one durable transaction on SQLite. The
other side is ``to_python`` of python-calamine, which gives rows of Python values and stops there.
Called by ``python -m bench``; ``workbook``, ``land`` and ``read`` are processes of their own.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from python_calamine import CalamineWorkbook

import rulebook
from bench.measure import answer, job

SEED = 20261123


def workbook(path: Path, rows: int) -> None:
    """Write a form of ``rows`` generated pupils in our template."""
    from core_registry.sample import generate, write_workbook  # noqa: PLC0415  the reader needs none of it
    from gateway.settings import default_config  # noqa: PLC0415

    with job() as cost:
        book = rulebook.load(default_config())
        sample = generate(rows, SEED, book, today=datetime.now(UTC).date())
        write_workbook(path, pl.concat(sample.batches()), book)
    answer(cost, bytes=path.stat().st_size)


def land(path: Path, home: Path, rows: int) -> None:
    """Make an empty register below ``home`` with the schools of the form, and import the form into it."""
    from core_registry.sample import generate  # noqa: PLC0415  the reader needs none of it
    from gateway import bootstrap, keyring  # noqa: PLC0415
    from gateway.keyring import Face  # noqa: PLC0415
    from gateway.settings import from_environment  # noqa: PLC0415

    settings = from_environment({}, home=home)
    book = bootstrap.load_rulebook(settings)
    keyring.create(settings.keys)
    bootstrap.prepare_databases(settings, book)
    process = bootstrap.open_process(settings, Face.ALL, with_worker=False)
    try:
        office = process.services.office
        if office is None:
            raise RuntimeError("the face 'all' has an office")
        office.import_schools(generate(rows, SEED, book, today=datetime.now(UTC).date()).schools)
        request = bootstrap.import_request(path, mapping="template", actor="bench")
        with job() as cost:
            done = office.import_run(request, errors_to=home / "errors.xlsx")
        answer(cost, rows=done.rows, new=done.new, rejected=done.rejected)
    finally:
        process.close()


def read(path: Path) -> None:
    """Read the first sheet with calamine alone."""
    with job() as cost:
        rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    answer(cost, rows=len(rows))


def main() -> None:
    """Run one part: ``workbook FILE ROWS``, ``land FILE HOME ROWS`` or ``read FILE``."""
    part, path, *more = sys.argv[1:]
    if part == "workbook":
        workbook(Path(path), int(more[0]))
    elif part == "land":
        land(Path(path), Path(more[0]), int(more[1]))
    else:
        read(Path(path))


if __name__ == "__main__":
    main()
