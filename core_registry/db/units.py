"""Departments and schools: who manages what (A3-1, A3-2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl
from sqlalchemy import Connection, Engine, bindparam, select, update

from core_registry.db.bulk import select_in, upsert_frame
from core_registry.db.case_tables import school_details
from core_registry.db.engine import reading, writing
from core_registry.db.state import advance
from core_registry.db.tables import departments, schools, sharing_students
from core_registry.db.times import stamp
from core_registry.errors import RegisterRuleError

if TYPE_CHECKING:
    from rulebook.records import Divisions

STAGES = ("primary", "junior", "senior")
_SCHOOL_CODE = re.compile(r"[0-9]{10}")
_COLUMNS = (
    "school_code", "name", "category", "division", "managing_authority", "supervising_dept", "registry_superior",
    "stages", "closed",
)  # fmt: skip


def load_departments(engine: Engine, divisions: Divisions, province: str) -> int:
    """Write an education department for ``province`` and each division below it; return how many there are.

    Names are ``XX教育局`` (``XX省教育厅`` at the top) until an officer gives others. Repeating changes nothing.
    """
    found = [divisions.by_code[code] for code in divisions.territory(province)]
    order = {"province": 0, "city": 1, "county": 2}
    found.sort(key=lambda division: (order[division.level], division.code))  # parents first
    frame = pl.DataFrame(
        {
            "code": [division.code for division in found],
            "name": [division.name + ("教育厅" if division.level == "province" else "教育局") for division in found],
            "level": [division.level for division in found],
            "parent": [division.parent for division in found],
            "zone": [division.zone for division in found],
        },
        schema_overrides={"parent": pl.String},
    )
    with writing(engine) as connection:
        upsert_frame(connection, departments, frame)
    return frame.height


def read_departments(engine: Engine) -> pl.DataFrame:
    """Return the departments: code, name, level, parent, zone; by code."""
    with reading(engine) as connection:
        rows = connection.execute(select(departments).order_by(departments.c.code)).all()
    schema = {"code": pl.String, "name": pl.String, "level": pl.String, "parent": pl.String, "zone": pl.Boolean}
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")


def read_schools(connection: Connection) -> pl.DataFrame:
    """Return the schools: the columns of the table, ``stages`` as list of text, by code."""
    rows = connection.execute(select(*(schools.c[name] for name in _COLUMNS)).order_by(schools.c.school_code)).all()
    schema = {name: pl.Boolean if name == "closed" else pl.String for name in _COLUMNS}
    frame = pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")
    return frame.with_columns(pl.col("stages").str.split(" "))


def school_systems(connection: Connection) -> pl.DataFrame:
    """Return school_code and system of the schools with a system of their own (A20-4)."""
    query = select(school_details.c.school_code, school_details.c.system)
    rows = [tuple(row) for row in connection.execute(query)]
    return pl.DataFrame(rows, schema={"school_code": pl.String, "system": pl.String}, orient="row")


def save_schools(engine: Engine, frame: pl.DataFrame, at: datetime, categories: Mapping[str, str]) -> int:
    """Write ``frame`` into the register of schools and return the number of rows.

    Columns: school_code, name, division, managing_authority, stages (list, or text joined by ``、``, comma or
    blank), and optionally supervising_dept and registry_superior (default: the managing authority), closed.
    ``categories`` maps the first two digits of a code that may hold records to their label (A2-1).
    The sharing view follows in the same transaction: a school's name, division and managing authority stand
    in the rows of its pupils.
    Raises ``RegisterRuleError`` that names the rows; nothing is written then.
    """
    made = _completed(frame)
    with writing(engine) as connection:
        known = set(connection.execute(select(departments.c.code)).scalars())
        _check(made, known, categories)
        before = select_in(
            connection,
            [schools.c.school_code, schools.c.name, schools.c.division, schools.c.managing_authority],
            schools.c.school_code,
            made["school_code"].to_list(),
        )
        upsert_frame(
            connection,
            schools,
            made.with_columns(pl.col("stages").list.join(" "), pl.lit(stamp(at)).alias("updated_at")),
        )
        shared = ["school_code", "name", "division", "managing_authority"]
        moved = (
            made.select(shared)
            .join(before, on=shared, how="anti", nulls_equal=True)
            .join(before.select("school_code"), on="school_code", how="semi")
        )
        if not moved.is_empty():
            connection.execute(
                update(sharing_students)
                .where(sharing_students.c.school_code == bindparam("b_code"))
                .values(
                    school_name=bindparam("b_name"),
                    school_division=bindparam("b_division"),
                    managing_authority=bindparam("b_authority"),
                    updated_at=stamp(at),
                ),
                [
                    {"b_code": code, "b_name": name, "b_division": division, "b_authority": authority}
                    for code, name, division, authority in moved.iter_rows()
                ],
            )
            advance(connection)
    return made.height


def _completed(frame: pl.DataFrame) -> pl.DataFrame:
    lacking = {"school_code", "name", "division", "managing_authority", "stages"} - set(frame.columns)
    if lacking:
        raise RegisterRuleError(
            f"The table of schools lacks the columns {', '.join(sorted(lacking))}.",
            detail_zh=f"学校表缺少列：{'、'.join(sorted(lacking))}。",
            rule="A3-1",
        )
    stages = (
        pl.col("stages")
        if frame.schema["stages"] == pl.List(pl.String)
        else (pl.col("stages").cast(pl.String).str.replace_all("[、,;，；]+", " ").str.strip_chars().str.split(" "))
    )
    own = {name: pl.col(name) if name in frame.columns else pl.lit(None, dtype=pl.String)
           for name in ("supervising_dept", "registry_superior")}  # fmt: skip
    return frame.with_columns(
        stages.alias("stages"),
        *(pl.coalesce(column, "managing_authority").alias(name) for name, column in own.items()),
        pl.col("school_code").cast(pl.String).str.slice(0, 2).alias("category"),
        (pl.col("closed").fill_null(value=False) if "closed" in frame.columns else pl.lit(value=False)).alias("closed"),
    ).select(_COLUMNS)


def _check(frame: pl.DataFrame, known: set[str], categories: Mapping[str, str]) -> None:
    problems: list[str] = []
    seen: set[str] = set()
    for row, school in enumerate(frame.iter_rows(named=True), start=1):
        code = str(school["school_code"])
        if not _SCHOOL_CODE.fullmatch(code):
            problems.append(f"row {row}: the school code has ten digits")
        elif code in seen:
            problems.append(f"row {row}: school {code} occurs twice")
        elif code[:2] not in categories:
            problems.append(f"row {row}: schools of category {code[:2]} hold no student records (A2-1)")
        seen.add(code)
        problems.extend(
            f"row {row}: {column} is no department of the register"
            for column in ("managing_authority", "supervising_dept", "registry_superior")
            if school[column] not in known
        )
        if not school["name"] or not school["division"]:
            problems.append(f"row {row}: name and division are required")
        if not school["stages"] or set(school["stages"]) - set(STAGES):
            problems.append(f"row {row}: stages are {', '.join(STAGES)}")
    if problems:
        raise RegisterRuleError(
            f"{len(problems)} problems in the table of schools: {'; '.join(problems[:10])}.",
            detail_zh=f"学校表有 {len(problems)} 处错误：{'；'.join(problems[:10])}。",
            rule="A3-1",
        )
