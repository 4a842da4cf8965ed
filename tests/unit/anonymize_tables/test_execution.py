"""A table in, a file out: what leaves, what is measured on it, and what is refused with nothing touched."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest

from gateway.anonymize.errors import SearchError
from gateway.anonymize.tables import execution
from gateway.anonymize.tables.errors import ContentError, DependencyError, LeakError, TableFileError, TablePlanError
from gateway.anonymize.tables.execution import STAGES, anonymize
from gateway.anonymize.tables.reading import read_table
from gateway.anonymize.tables.report import report_schema
from gateway.anonymize.tables.writing import write_frame
from gateway.errors import GatewayError
from tests.factories.judge import agree, confirm
from tests.unit.anonymize_tables.tables import KEY, Desk, k, pupils, read

QUASI: dict[str, Any] = {
    "born": {"role": "quasi", "hierarchy": "birth_date"},
    "sex": {"role": "quasi", "hierarchy": "sex"},
    "county": {"role": "quasi", "hierarchy": {"prefix": [4]}},
}
PLAN: dict[str, Any] = {
    "columns": {
        **QUASI,
        "id_number": {"role": "direct"},
        "student_number": {"role": "direct"},
        "flag": {"role": "sensitive"},
    },
    "models": [k(4), {"kind": "distinct-l", "column": "flag", "l": 2}],
    "suppression_limit": 0.05,
}
NAMES = ["born", "sex", "county"]


def test_what_leaves_meets_the_demands_by_an_independent_judge(desk: Desk) -> None:
    report, written, told = desk.run(PLAN, pupils())
    found = confirm(written, NAMES, ["flag"], k=4, distinct_l=2)
    agree(found, told["after"], pupils(), written)
    assert written.columns == ["born", "sex", "county", "flag", "score"]
    assert report.rows_out == written.height == report.rows_in - report.suppressed
    assert report.classes == written.group_by(NAMES).len().height
    assert told["levels"] == report.levels
    assert set(told) >= {"loss", "suppressed", "levels", "classes", "k", "search_ms", "total_ms", "warnings"}


def test_the_report_is_of_its_schema_whatever_the_plan(desk: Desk) -> None:
    validator = jsonschema.Draft202012Validator(report_schema())
    masked: dict[str, Any] = {
        "columns": {
            **QUASI,
            "id_number": {"role": "direct", "operation": "mask", "kind": "id_number"},
            "student_number": {"role": "direct", "operation": "pseudonymize"},
            "flag": {"role": "sensitive"},
            "score": {"operation": "round", "to": 10},
        },
        "suppressed": "star",
        "recoding": "local",
    }
    for plan in (PLAN, PLAN | masked, PLAN | {"objective": "entropy", "max_checks": 1}):
        _, _, told = desk.run(plan, pupils(), pseudonym_key=KEY)
        validator.validate(told)


def test_rows_leave_in_the_order_of_their_values_unless_asked(desk: Desk) -> None:
    report, written, _ = desk.run(PLAN, pupils())
    assert written.rows() == sorted(written.rows())
    assert report.order == "by value"
    turned, other, _ = desk.run(PLAN, pupils().reverse())
    assert other.equals(written)
    assert turned.output.sha256 == report.output.sha256
    kept, in_order, _ = desk.run(PLAN, pupils(), keep_order=True)
    assert in_order.sort(in_order.columns).equals(written)
    assert not in_order.equals(written)
    assert kept.order == "as in the input"
    assert any("order of the input" in one.en for one in kept.warnings)


def test_the_same_request_gives_the_same_bytes(desk: Desk) -> None:
    for name in ("out.csv", "out.csv.gz", "out.csv.zst", "out.parquet"):
        first, second = desk.folder / ("1" + name), desk.folder / ("2" + name)
        for place in (first, second):
            anonymize(desk.request(PLAN, pupils(), out=place))
        assert first.read_bytes() == second.read_bytes()


def test_suppressed_rows_are_gone_or_stars(desk: Desk) -> None:
    columns = {name: QUASI[name] | {"level": 0} for name in ("sex", "county")} | {
        "born": QUASI["born"] | {"level": 2},
        "id_number": {"role": "direct"},
        "student_number": {"role": "direct"},
    }
    plan = PLAN | {"columns": columns, "models": [k(3)], "suppression_limit": 0.9}
    gone, without, _ = desk.run(plan, pupils())
    stars, with_stars, told = desk.run(plan | {"suppressed": "star"}, pupils())
    assert 0 < gone.suppressed == stars.suppressed
    assert without.height == 240 - gone.suppressed
    assert with_stars.height == 240 == told["rows_out"]
    starred = with_stars.filter(pl.all_horizontal(pl.col(NAMES) == "*"))
    assert starred.height == gone.suppressed
    assert starred.drop(NAMES).null_count().row(0) == (starred.height,) * 2
    rest = with_stars.filter(~pl.all_horizontal(pl.col(NAMES) == "*"))
    assert rest.equals(without)


@pytest.mark.parametrize("name", ["o.csv", "o.tsv", "o.csv.gz", "o.csv.zst", "o.parquet", "O.CSV"])
def test_the_ending_says_what_is_written(desk: Desk, name: str) -> None:
    report = anonymize(desk.request(PLAN, pupils(), out=desk.folder / name))
    again = read_table(desk.folder / name)
    assert again.sha256 == report.output.sha256
    assert again.frame.height == report.rows_out
    assert report.output.format == ("parquet" if name.endswith("parquet") else "csv")


def test_types_of_parquet_stay_and_whole_floats_meet_their_hierarchy(desk: Desk) -> None:
    desk.hierarchy("age.csv", [(str(age), "*") for age in range(100)])
    frame = pl.DataFrame(
        {"age": [30.0, 30.0, None, None] * 10, "n": [1, 2, 3, 4] * 10, "day": [None] * 40},
        schema_overrides={"day": pl.Date},
    )
    source = desk.folder / "in.parquet"
    frame.write_parquet(source)
    plan = {"columns": {"age": {"role": "quasi", "hierarchy": "age.csv"}}, "models": [k(20)]}
    request = desk.request(plan, b"")
    report = anonymize(replace(request, source=source, out=desk.folder / "o.parquet"))
    written = read(desk.folder / "o.parquet")
    assert written.schema == {"age": pl.String, "n": pl.Int64, "day": pl.Date}
    assert written["age"].value_counts(sort=True).rows() in ([("30", 20), (None, 20)], [(None, 20), ("30", 20)])
    assert report.k == 20
    assert any("no value" in one.en for one in report.warnings)


def test_a_column_may_have_any_name(desk: Desk) -> None:
    names = ["n", "·class", "@n", "people", "a/b~c"]
    frame = pl.DataFrame({name: ["x", "y"] * 8 for name in names})
    columns = {name: {"role": "quasi"} for name in names[:-1]} | {names[-1]: {"role": "sensitive"}}
    report, written, _ = desk.run({"columns": columns, "models": [k(8)]}, frame)
    assert written.columns == names
    assert set(report.levels) == set(names[:-1])


def test_a_wide_sensitive_column_is_measured_where_something_is_demanded_of_it(desk: Desk) -> None:
    frame = pl.DataFrame({"q": ["a", "b"] * 600, "s": [str(row) for row in range(1200)]})
    plan = {"columns": {"q": {"role": "quasi"}, "s": {"role": "sensitive"}}, "models": [k(2)]}
    free, _, _ = desk.run(plan, frame)
    assert free.after.sensitive == ()
    asked, _, _ = desk.run(plan | {"models": [k(2), {"kind": "distinct-l", "column": "s", "l": 600}]}, frame)
    assert [one.distinct_l for one in asked.after.sensitive] == [600]


def test_a_population_gives_the_risks_of_outsiders(desk: Desk) -> None:
    people = pl.concat([pupils(), pupils().with_columns(born=pl.lit("2012-01-01"))])
    people.write_csv(desk.folder / "everybody.csv")
    alone, _, _ = desk.run(PLAN, pupils())
    held, _, told = desk.run(PLAN | {"population": "everybody.csv"}, pupils())
    assert held.population
    assert not alone.population
    assert held.after.marketer < alone.after.marketer
    assert told["after"]["population"] > told["after"]["rows"]
    missing = people.drop("sex")
    missing.write_csv(desk.folder / "everybody.csv")
    with pytest.raises(TablePlanError, match="/population: the population has no column sex"):
        desk.run(PLAN | {"population": "everybody.csv"}, pupils())


def test_delta_presence_is_measured(desk: Desk) -> None:
    pl.concat([pupils()] * 4).write_csv(desk.folder / "everybody.csv")
    model = {"kind": "delta-presence", "low": 0.0, "high": 0.25, "population": "everybody.csv"}
    _, _, told = desk.run(PLAN | {"models": [k(4), model]}, pupils())
    assert told["models"][1]["reached"] == pytest.approx(0.25)


def test_look_alikes_make_no_class_and_no_diversity(desk: Desk) -> None:
    frame = pl.DataFrame({"q": ["Ａ", "A", "A", "B", "B", "B"] * 4, "s": ["flu", "flu\u200b", "flu"] * 8})
    plan = {
        "columns": {"q": {"role": "quasi"}, "s": {"role": "sensitive"}},
        "models": [k(2), {"kind": "distinct-l", "column": "s", "l": 2}],
    }
    with pytest.raises(SearchError):
        desk.run(plan, frame)
    report, written, _ = desk.run(plan | {"models": [k(2)]}, frame)
    assert written["q"].unique().sort().to_list() == ["A", "B"]
    assert written["s"].unique().to_list() == ["flu"]
    assert {column.name: column.merged for column in report.columns} == {"q": 4, "s": 8}


def test_operations_change_what_is_measured(desk: Desk) -> None:
    columns = PLAN["columns"] | {
        "id_number": {"role": "direct", "operation": "pseudonymize"},
        "student_number": {"role": "direct", "operation": "mask", "kind": "student_number"},
        "flag": {"role": "sensitive", "operation": "cut", "length": 1},
        "score": {"role": "sensitive", "operation": "round", "to": 50},
    }
    models = [k(4), {"kind": "distinct-l", "column": "score", "l": 2}]
    report, written, told = desk.run(PLAN | {"columns": columns, "models": models}, pupils(), pseudonym_key=KEY)
    assert set(written["score"]) <= {"50", "100"}
    assert set(written["flag"]) <= {"n", "l", "d", "b"}
    assert written["id_number"].str.contains("^[0-9a-f]{32}$").all()
    assert set(written["student_number"]) == {"*" * 19}
    assert report.level == "masked"
    assert told["pseudonym_key_id"]
    assert KEY not in json.dumps(told)
    assert next(one for one in report.models if one.kind == "distinct-l").reached == 2


# -- refusals: nothing is touched


def _untouched(desk: Desk, plan: dict[str, Any], table: pl.DataFrame | bytes, **options: object) -> GatewayError:
    out, report = desk.folder / "out0.csv", desk.folder / "report0.json"
    out.write_text("before", encoding="utf-8")
    report.write_text("before", encoding="utf-8")
    with pytest.raises(GatewayError) as caught:
        anonymize(desk.request(plan, table, out=out, report=report, **options))
    assert (out.read_text(encoding="utf-8"), report.read_text(encoding="utf-8")) == ("before", "before")
    assert desk.leftovers() == ["out0.csv", "report0.json"]
    assert caught.value.detail_zh
    return caught.value


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (
            {"columns": {**QUASI, "bron": {"role": "direct"}}, "models": [k(2)]},
            TablePlanError,
            "/columns/bron: .* did you mean 'born'",
        ),
        ({"models": [k(1000)]}, TablePlanError, "/models/0/k: the table has 240 rows"),
        (
            {"columns": QUASI | {"sex": {"role": "quasi", "level": 7}}, "models": [k(2)]},
            TablePlanError,
            "/columns/sex/level: .* 0 to 1",
        ),
        ({"columns": QUASI, "models": [k(2)]}, DependencyError, "'id_number' has a different value"),
        ({"models": [k(200)], "columns": PLAN["columns"] | {"sex": QUASI["sex"] | {"level": 0}}}, SearchError, "k"),
        (
            {"columns": PLAN["columns"] | {"flag": {"operation": "round", "to": 5}}, "models": [k(2)]},
            TablePlanError,
            "no numbers",
        ),
        (
            {"columns": PLAN["columns"] | {"id_number": {"role": "direct", "operation": "pseudonymize"}}},
            TablePlanError,
            "needs a key",
        ),
    ],
)
def test_a_plan_that_does_not_fit_touches_nothing(
    desk: Desk, change: dict[str, Any], error: type[GatewayError], says: str
) -> None:
    found = _untouched(desk, PLAN | change, pupils())
    assert isinstance(found, error)
    with pytest.raises(error, match=says):
        raise found


@pytest.mark.parametrize(
    "table",
    [b"", b"a;b\n1;2;3\n", b"a;a\n1;2\n", b"a;b\n", b"PAR1 no parquet", b"\xff\xff\xff"],
)
def test_a_broken_table_touches_nothing(desk: Desk, table: bytes) -> None:
    assert isinstance(_untouched(desk, PLAN, table), TableFileError)


def test_an_identity_number_in_a_text_stops_the_file(desk: Desk) -> None:
    table = pupils().with_columns(note=pl.when(pl.int_range(240) == 7).then("id_number").otherwise(pl.lit("fine")))
    found = _untouched(desk, PLAN, table)
    assert isinstance(found, LeakError)
    assert found.missing == ("note",)


def test_an_unknown_allowance_is_refused_and_a_known_one_is_in_the_report(desk: Desk) -> None:
    plan = PLAN | {"columns": {name: value for name, value in PLAN["columns"].items()}}
    table = pupils().with_columns(card=pl.int_range(240).cast(pl.String))
    assert "did you mean 'card'" in _untouched(desk, plan, table, allowed=frozenset({"cart"})).detail
    assert "'card'" in _untouched(desk, plan, table).detail
    report, written, _ = desk.run(plan, table, allowed=frozenset({"card"}))
    assert "card" in written.columns
    assert [(one.column, one.kind, one.allowed) for one in report.dependencies] == [("card", "unique", True)]
    assert any("Allowed" in one.en for one in report.warnings)


def test_places_that_cannot_be_written_are_refused_before_any_work(desk: Desk) -> None:
    for options in (
        {"out": desk.folder / "o.xlsx"},
        {"out": desk.folder / "none" / "o.csv"},
        {"out": desk.folder},
        {"out": desk.folder / "same.csv", "report": desk.folder / "same.csv"},
        {"out": desk.folder / "in1.csv"},
        {"out": desk.folder / "plan.csv", "also_read": (desk.folder / "plan.csv",)},
        {"report": desk.folder / "birth_date"},
    ):
        desk.made = 0
        with pytest.raises(TableFileError) as caught:
            anonymize(desk.request(PLAN, pupils(), **options))
        assert caught.value.detail_zh
    assert read(desk.folder / "in1.csv").equals(pupils())


def test_a_full_disk_leaves_what_was_there(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("gateway.anonymize.tables.writing.os.fsync", full)
    assert "no room" in _untouched(desk, PLAN, pupils()).detail


def test_a_file_that_is_not_what_was_decided_is_destroyed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "write_frame", lambda frame, *rest: write_frame(frame.slice(1), *rest))
    assert isinstance(_untouched(desk, PLAN, pupils()), ContentError)


def test_an_interruption_in_any_stage_leaves_nothing(desk: Desk) -> None:
    for stage in STAGES:

        def interrupt(begun: str, at: str = stage) -> None:
            if begun == at:
                raise KeyboardInterrupt

        if stage == "measure":
            continue  # the search tells its own progress
        with pytest.raises(KeyboardInterrupt):
            anonymize(desk.request(PLAN, pupils()), watch=interrupt)
        assert desk.leftovers() == []


def test_a_cancelled_search_leaves_nothing(desk: Desk) -> None:
    with pytest.raises(SearchError, match="cancelled"):
        anonymize(desk.request(PLAN, pupils()), cancelled=lambda: True)
    assert desk.leftovers() == []


# -- tables at the edge


def test_all_equal_all_unique_and_single_rows(desk: Desk) -> None:
    plan = {"columns": {"q": {"role": "quasi"}}, "models": [k(2)]}
    equal, _, _ = desk.run(plan, pl.DataFrame({"q": ["a"] * 9}))
    assert (equal.loss, equal.levels, equal.k) == (0.0, {"q": 0}, 9)
    unique, written, _ = desk.run(plan, pl.DataFrame({"q": [str(number) for number in range(50)]}))
    assert (unique.loss, unique.levels, unique.k) == (1.0, {"q": 1}, 50)
    assert set(written["q"]) == {"*"}
    outlier, _, _ = desk.run(plan | {"suppression_limit": 0.1}, pl.DataFrame({"q": ["a"] * 9 + ["b"]}))
    assert (outlier.suppressed, outlier.k) == (1, 9)
    alone, _, _ = desk.run(plan | {"models": [k(1)]}, pl.DataFrame({"q": ["a"]}))
    assert any("stand alone" in one.en for one in alone.warnings)


def test_nulls_and_mixed_types(desk: Desk) -> None:
    frame = pl.DataFrame({"q": ["1", "x", "2.5", None, "true"] * 6, "s": ["a", None, "b"] * 10})
    plan = {
        "columns": {"q": {"role": "quasi"}, "s": {"role": "sensitive"}},
        "models": [k(6), {"kind": "distinct-l", "column": "s", "l": 2}],
    }
    report, written, _ = desk.run(plan, frame)
    assert report.levels == {"q": 0}
    confirm(written, ["q"], ["s"], k=6, distinct_l=2)
    assert written.null_count().row(0) == (6, 10)


def test_what_means_no_value_is_the_plans_to_say(desk: Desk) -> None:
    plan = {"columns": {"q": {"role": "quasi"}, "p": {"role": "quasi"}}, "models": [k(2)]}
    frame = pl.DataFrame({"q": ["NA", "?", "", "x"] * 3, "p": ["a"] * 12})
    for missing, count in ((["", "NA", "?"], 9), (["NA"], 6), ([], 3)):
        report, _, _ = desk.run(plan | {"missing": missing}, frame)
        assert next(one for one in report.columns if one.name == "q").missing == count


def test_an_empty_column_is_a_value_like_any_other(desk: Desk, tmp_path: Path) -> None:
    frame = pl.DataFrame({"q": [None, None], "p": ["a", "a"]}, schema_overrides={"q": pl.String})
    report, _, _ = desk.run({"columns": {"q": {"role": "quasi"}, "p": {"role": "quasi"}}, "models": [k(2)]}, frame)
    assert report.classes == 1
