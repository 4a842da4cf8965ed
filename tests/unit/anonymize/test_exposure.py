"""The measured risk of files without a demanded k, against counts made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.anonymize.exposure import Crowd, Exposure, exposed_plan
from gateway.anonymize.models import Grouped, references
from gateway.anonymize.plan import Plan
from gateway.anonymize.report import grade_of
from gateway.anonymize.risk import measure
from gateway.anonymize.transform import Transformer
from gateway.errors import ParameterError
from tests.unit.anonymize.plans import (
    ANONYMOUS_FIELDS,
    DIVISIONS,
    HIERARCHIES,
    KEY,
    MASKED_FIELDS,
    PSEUDONYMOUS_FIELDS,
    RULEBOOK,
    names,
    profile,
)
from tests.unit.anonymize.pupils import pupils

PSEUDONYMOUS = Plan.of(profile("pseudonymous", PSEUDONYMOUS_FIELDS), names(PSEUDONYMOUS_FIELDS), RULEBOOK)
MASKED = Plan.of(profile("masked", MASKED_FIELDS), names(MASKED_FIELDS), RULEBOOK)


def exposure_of(plan: Plan, rows: pl.DataFrame, everybody: pl.DataFrame | None = None, step: int = 37) -> Exposure:
    transformer = Transformer(plan, HIERARCHIES, DIVISIONS, pseudonym_key=KEY if plan.pseudonymous else None)
    exposure = Exposure(plan, 0.2)
    for batch in rows.iter_slices(step):
        exposure.add(batch, transformer.apply(batch))
    seeing = transformer.seeing()
    assert seeing is not None
    for batch in [] if everybody is None else everybody.iter_slices(step):
        exposure.add_people(batch, seeing.apply(batch))
    return exposure


def sizes(rows: pl.DataFrame, columns: list[str]) -> list[int]:
    return sorted(rows.group_by(columns).len()["len"].to_list())


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 200), more=st.integers(0, 200), seed=st.integers(0, 1000), step=st.integers(1, 90))
def test_the_risk_is_what_counting_gives(rows: int, more: int, seed: int, step: int) -> None:
    everybody = pupils(rows + more, seed)
    source = everybody.head(rows)
    found = exposure_of(PSEUDONYMOUS, source, everybody, step).measured()
    assert found.columns == ("born", "school", "sex")
    seen = everybody.select(
        pl.col("birth_date").dt.strftime("%Y-%m").alias("born"), pl.col("school_code").str.slice(0, 4), "sex"
    )
    keys = ["born", "school_code", "sex"]
    own = seen.head(rows).group_by(keys).agg(f=pl.len())
    both = own.join(seen.group_by(keys).agg(F=pl.len()), on=keys, how="left", nulls_equal=True)
    assert found.after.k == own["f"].min()
    assert found.after.classes == own.height
    assert found.after.prosecutor.average == pytest.approx(own.height / rows)
    assert found.after.journalist.highest == pytest.approx(1 / both["F"].min())  # type: ignore[operator]  # a number
    assert found.after.marketer == pytest.approx((both["f"] / both["F"]).sum() / rows)
    assert found.after.unique == pytest.approx(own.filter(pl.col("f") == 1).height / rows)
    assert found.after.population_unique == pytest.approx(both.filter(pl.col("F") == 1).height / rows)
    assert found.before.classes == source.n_unique(["birth_date", "school_code", "sex"])
    assert found.before.prosecutor.average >= found.after.prosecutor.average


def test_masks_count_as_seen_and_before_them_everybody_is_known_by_name() -> None:
    source = pupils(300)
    found = exposure_of(MASKED, source).measured()
    assert found.columns == ("name", "id", "phone", "address", "sex")
    assert (found.before.k, found.before.unique, found.before.prosecutor.highest) == (1, 1.0, 1.0)
    columns = ["name_masked", "id_number_masked", "phone_masked", "address_masked", "sex"]
    assert found.after.k == sizes(source, columns)[0]
    assert grade_of(MASKED, found.after, 0.2) == 1


def test_the_level_follows_the_measured_risk() -> None:
    same = pl.concat([pupils(1)] * 30).with_columns(subject_ref=pl.int_range(30).cast(pl.String))
    assert grade_of(PSEUDONYMOUS, exposure_of(PSEUDONYMOUS, same).measured().after, 0.05) == 3
    assert grade_of(PSEUDONYMOUS, exposure_of(PSEUDONYMOUS, same.head(19)).measured().after, 0.05) == 2
    assert grade_of(PSEUDONYMOUS, None, 0.05) == 2


def test_whom_a_released_value_rules_out_is_not_read() -> None:
    fields = (*PSEUDONYMOUS_FIELDS, replace(PSEUDONYMOUS_FIELDS[3], name="grade", column="grade"))
    plan = Plan.of(profile("pseudonymous", fields), names(fields), RULEBOOK)
    source = pupils(200).filter(pl.col("grade").is_in(["11", "21"]))
    assert exposure_of(plan, source).narrowed() == {"grades": frozenset({"11", "21"})}
    nameless = source.with_columns(grade=pl.lit(None, dtype=pl.String))
    assert exposure_of(plan, nameless).narrowed() == {}


def test_people_who_do_not_contain_the_rows_are_no_population() -> None:
    source = pupils(50)
    with pytest.raises(ParameterError, match="population"):
        exposure_of(PSEUDONYMOUS, source, source.head(10)).measured()


def test_a_plan_with_k_is_measured_by_its_decision() -> None:
    plan = Plan.of(profile("anonymous", ANONYMOUS_FIELDS, 2), names(ANONYMOUS_FIELDS), RULEBOOK)
    assert exposed_plan(plan) is None
    with pytest.raises(ParameterError):
        Exposure(plan, 0.2)


def test_without_rows_there_is_no_risk() -> None:
    found = exposure_of(PSEUDONYMOUS, pupils(3).clear()).measured()
    assert (found.after.rows, found.after.k, found.after.prosecutor.highest) == (0, 0, 0.0)
    assert Crowd(PSEUDONYMOUS).measured().highest == 0.0


def test_a_column_moved_or_missing_is_another_value() -> None:
    crowd = Crowd(MASKED)
    schema = dict.fromkeys(MASKED.names, pl.String)
    rows = [["a", "b", None, "", "1"], ["b", "a", None, "", "1"], ["a", "b", "", None, "1"], ["a", "b", None, "", "1"]]
    crowd.add(pl.DataFrame(rows, schema=schema, orient="row"))
    found = crowd.measured()
    assert (found.k, found.average, found.unique) == (1, 3 / 4, 2 / 4)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=30))
def test_what_the_worst_class_holds_is_what_counting_gives(cells: list[tuple[int, int, int]]) -> None:
    classes, codes, rows = (np.array(column, dtype=np.int64) for column in zip(*cells, strict=True))
    if not rows.sum():
        return
    grouped = Grouped(classes, 5, rows, (codes,))
    found = measure(grouped, ["s"], references((codes,), rows))
    frame = pl.DataFrame({"c": classes, "s": codes, "n": rows}).filter(pl.col("n") > 0)
    values = frame.group_by(["c", "s"]).agg(pl.col("n").sum())
    of_class = values.group_by("c").agg(pl.len().alias("l"), (pl.col("n").max() / pl.col("n").sum()).alias("top"))
    (reached,) = found.sensitive
    assert reached.distinct_l == of_class["l"].min()
    assert reached.alpha == pytest.approx(of_class["top"].max())
    assert reached.t == pytest.approx(reached.t_released)  # nothing was suppressed
    assert found.population == found.rows
