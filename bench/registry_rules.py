"""The registry's rules at size: work list and explain in a county, a school's acts, the nightly pass over all records.

``county`` imports generated forms into one county and adds work: steps of cases, clocks, matters. ``desk`` measures
what officers wait for there. ``records`` fills record and sharing rows alone, without anything behind their seals, so
that a million take a minute; ``night`` makes the pass over them and ``scan`` counts them, both once, each in a process
of its own. Called by ``python -m bench``.
"""

from __future__ import annotations

import os
import secrets
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from sqlalchemy import Engine, func, insert, select

from bench.measure import answer, job
from core_registry.db.bulk import insert_frame
from core_registry.db.case_tables import case_steps, cases, clocks, matters, posts
from core_registry.db.engine import make_engine, reading, writing
from core_registry.db.state import advance
from core_registry.db.tables import sharing_students, students
from core_registry.office import Actor, Draft
from core_registry.sample import generate, write_csv
from gateway import bootstrap, keyring
from gateway.keyring import Face
from gateway.settings import Settings, from_environment

SEED = 20261123
COUNTY = "140105"
NOW = datetime(2026, 10, 13, 2, 0, tzinfo=UTC)
TODAY = date(2026, 10, 13)
_LATE = TODAY - timedelta(days=1)
_BATCH = 50_000
_CALLS = 200
_AT = "2026-09-01T00:00:00Z"


def _home(home: Path) -> Settings:
    settings = from_environment({}, home=home)
    book = bootstrap.load_rulebook(settings)
    keyring.create(settings.keys)
    bootstrap.prepare_databases(settings, book)
    return settings


def county(home: Path, rows: int) -> None:
    """Make a home with one county of ``rows`` pupils and its work."""
    settings = _home(home)
    book = bootstrap.load_rulebook(settings)
    process = bootstrap.open_process(settings, Face.ALL, with_worker=False)
    try:
        office = process.services.office
        if office is None:
            raise RuntimeError("the face 'all' has an office")
        sample = generate(rows, SEED, book, today=TODAY)
        here = [pl.lit(COUNTY).alias(name) for name in ("division", "managing_authority")]
        office.import_schools(sample.schools.with_columns(here))
        form = home / "form.csv"
        write_csv(form, pl.concat(sample.batches()), book)
        done = office.import_run(bootstrap.import_request(form, mapping="template", actor="bench"))
        form.unlink()
    finally:
        process.close()
    engine = make_engine(settings.registry_url)
    try:
        _work(engine)
    finally:
        engine.dispose()
    answer({"seconds": 0, "cpu": 0}, rows=done.new)


def _work(engine: Engine) -> None:
    """Add what waits: 2,000 steps of cases, 2,000 clocks and 500 matters for the county; posts for all units."""
    with reading(engine) as connection:
        found = connection.execute(select(students.c.student_id, students.c.school_code).limit(2_000)).all()
        units = list(connection.execute(select(students.c.school_code).distinct()).scalars())
    with writing(engine) as connection:
        counter = advance(connection)
        serials = [f"ca-{secrets.token_hex(10)}" for _ in found]
        dues = [TODAY + timedelta(days=number % 30 - 5) for number in range(len(found))]
        connection.execute(
            insert(cases),
            [
                {"case_id": case_id, "sequence": counter * 1_000_000 + number, "kind": "suspension",
                 "student_id": row.student_id, "school_code": row.school_code, "home_school": row.school_code,
                 "status": "open", "version": 1, "event_on": TODAY, "applied_on": TODAY, "opened_by": "st-bench",
                 "opened_at": _AT, "changed_by": "st-bench", "changed_at": _AT, "results": "[]", "key_version": 1,
                 "sealed": b"-"}
                for number, (case_id, row) in enumerate(zip(serials, found, strict=True))
            ],
        )  # fmt: skip
        connection.execute(
            insert(case_steps),
            [
                {"case_id": case_id, "position": 2, "name": "superior", "party": "registry-superior", "act": "review",
                 "act_zh": "", "turn": 2, "rule": "A28-3", "unit": COUNTY, "days": 10, "reached_on": TODAY,
                 "due_on": due, "provisional": False, "late": False, "waiting": True}
                for case_id, due in zip(serials, dues, strict=True)
            ],
        )  # fmt: skip
        connection.execute(
            insert(clocks),
            [
                {"name": "withdrawal-objection", "rule": "A36-2", "unit": COUNTY, "student_id": row.student_id,
                 "event_on": TODAY, "number": 10, "measure": "working_days", "due_on": due, "provisional": False,
                 "state": "running"}
                for row, due in zip(found, dues, strict=True)
            ],
        )  # fmt: skip
        connection.execute(
            insert(matters),
            [
                {"matter_id": f"ma-{secrets.token_hex(10)}", "kind": "dropout", "code": "", "rule": "A14-1",
                 "student_id": row.student_id, "school_code": row.school_code, "owner": COUNTY, "opened_on": TODAY,
                 "opened_at": _AT, "opened_by": "st-bench", "due_on": due, "state": "open", "version": 1}
                for row, due in list(zip(found, dues, strict=True))[:500]
            ],
        )  # fmt: skip
        connection.execute(
            insert(posts),
            [
                {"account": f"st-{unit}", "unit": unit, "post": "registrar", "since": date(2024, 9, 1),
                 "on_establishment": True, "trained_on": date(2024, 8, 1), "filed_on": date(2024, 8, 1),
                 "filed_with": COUNTY, "entered_at": _AT, "entered_by": "st-bench"}
                for unit in (*units, COUNTY)
            ],
        )  # fmt: skip


def desk(home: Path) -> None:
    """Measure work list, explain, and the acts of the largest school; print medians in milliseconds, and seconds."""
    settings = from_environment({}, home=home)
    process = bootstrap.open_process(settings, Face.ALL, with_worker=False, now=lambda: NOW)
    engine = make_engine(settings.registry_url)
    try:
        with reading(engine) as connection:
            school, pupils = connection.execute(
                select(students.c.school_code, func.count().label("pupils"))
                .group_by(students.c.school_code)
                .order_by(func.count().desc())
                .limit(1)
            ).one()
            ids = list(
                connection.execute(
                    select(students.c.student_id).where(students.c.school_code == school).limit(_CALLS)
                ).scalars()
            )
        cases_desk, oversight = bootstrap.desk_of(process), bootstrap.oversight_of(process)
        officer, registrar = Actor(f"st-{COUNTY}", COUNTY, "registrar"), Actor(f"st-{school}", school, "registrar")
        values = {"ground": "illness", "from": "2026-10-13", "until": "2027-07-01", "hours_lost": 200,
                  "hours_total": 400, "reason": "住院治疗"}  # fmt: skip
        drafts = [Draft("suspension", school, TODAY, TODAY, student_id, values) for student_id in ids]
        with job() as cost:
            work = _median(lambda _number: cases_desk.work(officer, limit=50), _CALLS)
            explain = _median(lambda number: cases_desk.explain(drafts[number % len(drafts)], registrar), _CALLS)
            verify = _once(lambda: oversight.verify_term(school, {}, registrar))
            promote = _once(lambda: oversight.promote(school, 2026, registrar))
        answer(cost, work=work, explain=explain, verify=verify, promote=promote, pupils=pupils)
    finally:
        engine.dispose()
        process.close()


def _median(call: Callable[[int], object], times: int) -> float:
    found = []
    for number in range(times):
        start = time.perf_counter()
        call(number)
        found.append((time.perf_counter() - start) * 1000)
    return statistics.median(found)


def _once(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def records(home: Path, rows: int) -> None:
    """Make a home with ``rows`` records of as many pupils, one in a hundred of whom did not come; and their clocks."""
    settings = _home(home)
    book = bootstrap.load_rulebook(settings)
    process = bootstrap.open_process(settings, Face.ALL, with_worker=False)
    try:
        office = process.services.office
        if office is None:
            raise RuntimeError("the face 'all' has an office")
        office.import_schools(generate(rows, SEED, book, today=TODAY).schools)
        schools = office.schools().select("school_code", "managing_authority", "stages")
    finally:
        process.close()
    engine = make_engine(settings.registry_url)
    draw = np.random.default_rng(SEED)
    grade = schools["stages"].list.first().replace_strict({"primary": "11", "junior": "21", "senior": "31"})
    try:
        for start in range(0, rows, _BATCH):
            count = min(_BATCH, rows - start)
            at = draw.integers(0, schools.height, count)
            late = draw.random(count) < 0.01
            frame = pl.DataFrame(
                {
                    "student_id": [f"{start + number:012x}{secrets.token_hex(10)}" for number in range(count)],
                    "subject_ref": [secrets.token_hex(16) for _ in range(count)],
                    "school_code": schools["school_code"].gather(at),
                    "managing_authority": schools["managing_authority"].gather(at),
                    "grade": grade.gather(at),
                    "state": pl.Series(late).replace_strict(
                        {True: "pre-registered", False: "active"}, return_dtype=pl.String
                    ),
                }
            )
            _fill(engine, frame)
    finally:
        engine.dispose()
    answer({"seconds": 0, "cpu": 0}, rows=rows)


def _fill(engine: Engine, frame: pl.DataFrame) -> None:
    keys = [secrets.token_hex(16) for _ in range(frame.height)]
    with writing(engine) as connection:
        insert_frame(
            connection,
            students,
            frame.select(
                "student_id", "subject_ref", "school_code", "state", "grade",
                pl.Series("name_key", keys), pl.Series("number_key", keys), pl.lit("L").alias("number_kind"),
                pl.lit("0" * 64).alias("content_key"), pl.lit(1, dtype=pl.Int64).alias("key_version"),
                pl.Series("sealed", [secrets.token_bytes(600)] * frame.height, dtype=pl.Binary),
                pl.lit(_AT).alias("created_at"), pl.lit(_AT).alias("updated_at"),
            ),
        )  # fmt: skip
        shared = frame.select(
            "subject_ref", "school_code", "managing_authority", "state", "grade", pl.lit(_AT).alias("updated_at")
        )
        insert_frame(connection, sharing_students, shared.sort("subject_ref"))
        insert_frame(
            connection,
            clocks,
            frame.gather_every(50).select(
                pl.lit("archive").alias("name"), pl.lit("A9-3").alias("rule"), pl.col("school_code").alias("unit"),
                "student_id", pl.lit(date(2026, 8, 12)).alias("event_on"), pl.lit(2, dtype=pl.Int64).alias("number"),
                pl.lit("months").alias("measure"), pl.lit(_LATE).alias("due_on"),
                pl.lit(value=False).alias("provisional"), pl.lit("running").alias("state"),
            ),
        )  # fmt: skip
        advance(connection)


def night(home: Path) -> None:
    """Make the pass once; print what it cost and did."""
    process = bootstrap.open_process(from_environment({}, home=home), Face.ALL, with_worker=False, now=lambda: NOW)
    try:
        with job() as cost:
            done = bootstrap.oversight_of(process).run_clocks()
    finally:
        process.close()
    answer(cost, overdue=done.overdue, units=done.units, no_shows=done.no_shows, proposals=done.proposals)


def scan(home: Path) -> None:
    """Count the records whose state is pre-registered, as a plain scan of the table of records does it."""
    engine = make_engine(from_environment({}, home=home).registry_url)
    try:
        with job() as cost, reading(engine) as connection:
            count = connection.execute(
                select(func.count()).select_from(students).where(students.c.state == "pre-registered")
            ).scalar_one()
    finally:
        engine.dispose()
    # a few thousand records are counted within one tick of the clock of CPU time
    answer({**cost, "cpu": max(cost["cpu"], 1 / os.sysconf("SC_CLK_TCK"))}, count=count)


def main() -> None:
    """Run one part: ``county HOME ROWS``, ``desk HOME``, ``records HOME ROWS``, ``night HOME`` or ``scan HOME``."""
    part, home, *more = sys.argv[1:]
    match part:
        case "county":
            county(Path(home), int(more[0]))
        case "records":
            records(Path(home), int(more[0]))
        case "desk":
            desk(Path(home))
        case "night":
            night(Path(home))
        case _:
            scan(Path(home))


if __name__ == "__main__":
    main()
