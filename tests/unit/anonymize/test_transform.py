"""Transformations: exactly the plan's columns, measured classes only, and errors instead of clear data."""

from __future__ import annotations

import hmac
import pickle
from dataclasses import replace

import polars as pl
import pytest

from gateway.anonymize.decision import Decision
from gateway.anonymize.errors import PlanError, SearchError, TransformError, UnknownLeafError
from gateway.anonymize.plan import Plan
from gateway.anonymize.report import report_of
from gateway.anonymize.transform import Transformer
from rulebook.records import ProfileField
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

ROWS = pupils(6_000)


def plan_of(level: str, fields: tuple[ProfileField, ...], **limits: float) -> Plan:
    return Plan.of(profile(level, fields, **limits), names(fields), RULEBOOK)  # type: ignore[arg-type]  # k, l_diversity, limit


ANONYMOUS = plan_of("anonymous", ANONYMOUS_FIELDS, k=10, l_diversity=2, limit=0.05)
PSEUDONYMOUS = plan_of("pseudonymous", PSEUDONYMOUS_FIELDS)
MASKED = plan_of("masked", MASKED_FIELDS)


def transformer(plan: Plan) -> Transformer:
    return Transformer(plan, HIERARCHIES, DIVISIONS, pseudonym_key=KEY if plan.pseudonymous else None)


def tuples(rows: pl.DataFrame, plan: Plan = ANONYMOUS) -> pl.DataFrame:
    return rows.group_by(plan.tuple_sources).agg(n=pl.len())


def released(rows: pl.DataFrame, plan: Plan, decision: Decision, batch: int = 700) -> pl.DataFrame:
    return pl.concat(transformer(plan).apply(part, decision) for part in rows.iter_slices(batch))


@pytest.fixture(scope="module")
def decision() -> Decision:
    return transformer(ANONYMOUS).choose(tuples(ROWS))


def test_an_anonymous_release_meets_k_and_l_and_the_limit(decision: Decision) -> None:
    out = released(ROWS, ANONYMOUS, decision)
    quasi = [column.name for column in ANONYMOUS.quasi]
    classes = out.group_by(quasi).agg(n=pl.len(), kinds=pl.col("left_behind").n_unique())
    assert tuple(out.columns) == ANONYMOUS.names
    assert classes["n"].min() == decision.after.k >= 10
    assert classes["kinds"].min() == decision.after.sensitive[0].distinct_l >= 2
    assert ROWS.height - out.height == decision.choice.suppressed <= 0.05 * ROWS.height
    assert classes.height == decision.after.classes
    assert decision.before.k < 10
    assert decision.choice.optimal


def test_no_row_loses_anything_but_detail(decision: Decision) -> None:
    # What leaves of a row is what the ladders say of it: compare as multisets, row by row, with a slow second way.
    out = released(ROWS, ANONYMOUS, decision)
    levels = decision.choice.by_column
    county = {
        code: [code, code[:4] + "00", "140000", "*"][levels["county"]] for code in ROWS["school_division"].unique()
    }
    sent = out["county"].value_counts().sort("county")
    source = ROWS["school_division"].replace_strict(county).value_counts().sort("school_division")
    joined = source.join(sent, left_on="school_division", right_on="county")
    assert (joined["count"] >= joined["count_right"]).all()
    assert sum(joined["count"].to_list()) - sum(joined["count_right"].to_list()) == decision.choice.suppressed


def test_the_order_of_anonymous_rows_says_nothing_about_the_source(decision: Decision) -> None:
    once = transformer(ANONYMOUS).apply(ROWS, decision)
    again = transformer(ANONYMOUS).apply(ROWS.reverse(), decision)
    assert once.equals(again)


def test_the_journalist_risk_is_against_the_population(decision: Decision) -> None:
    crowd = pl.concat([ROWS, pupils(12_000, seed=8)])
    found = transformer(ANONYMOUS).choose(tuples(ROWS), population=tuples(crowd))
    assert found.choice.levels == decision.choice.levels
    assert found.after.prosecutor == decision.after.prosecutor
    assert found.after.journalist.highest < decision.after.journalist.highest
    assert found.after.marketer < decision.after.marketer


def test_a_row_that_was_not_measured_stops_the_batch(decision: Decision) -> None:
    stranger = ROWS.head(1).with_columns(birth_date=pl.date(1990, 1, 1))
    with pytest.raises((TransformError, UnknownLeafError)):
        transformer(ANONYMOUS).apply(stranger, decision)


def test_a_class_that_was_not_measured_stops_the_batch(decision: Decision) -> None:
    few = transformer(replace(ANONYMOUS, k=2, l_diversity=None, suppression_limit=1.0)).choose(tuples(ROWS.head(40)))
    known = ROWS.filter(pl.col("birth_date").is_in(ROWS["birth_date"].head(40).implode()))
    assert few.choice.rows == 40
    with pytest.raises((TransformError, UnknownLeafError)):
        transformer(ANONYMOUS).apply(known, few)


def test_no_levels_for_an_impossible_demand() -> None:
    plan = replace(ANONYMOUS, k=5000, suppression_limit=0.0)
    with pytest.raises(SearchError):
        transformer(plan).choose(tuples(ROWS.head(1000)))


def test_pseudonyms_are_keyed_and_the_reference_does_not_leave() -> None:
    out = transformer(PSEUDONYMOUS).apply(ROWS.head(50))
    refs = ROWS["subject_ref"].head(50).to_list()
    assert tuple(out.columns) == PSEUDONYMOUS.names
    assert out["pseudonym"].to_list() == [hmac.digest(KEY.encode(), r.encode(), "sha256").hex()[:32] for r in refs]
    assert not set(refs) & set(out["pseudonym"])
    assert out["born"].to_list() == [str(d)[:7] for d in ROWS["birth_date"].head(50)]
    assert out["school"].to_list() == [code[:4] for code in ROWS["school_code"].head(50)]
    assert out["boarding"].dtype == pl.Boolean


def test_the_key_shows_nowhere() -> None:
    made = transformer(PSEUDONYMOUS)
    assert KEY not in repr(made)
    assert KEY.encode() not in PSEUDONYMOUS.canonical()
    assert KEY.encode() not in pickle.dumps(PSEUDONYMOUS)


def test_a_masked_case_list_passes_masks_only() -> None:
    out = transformer(MASKED).apply(ROWS.head(10))
    assert tuple(out.columns) == MASKED.names
    for column, clear in [
        ("name_masked", "王小明"),
        ("id_number_masked", "140105201503020017"),
        ("phone_masked", "13812345678"),
        ("address_masked", "山西省太原市小店区学府街1号"),
    ]:
        bad = ROWS.head(10).with_columns(
            pl.when(pl.int_range(pl.len()) == 3).then(pl.lit(clear)).otherwise(column).alias(column)
        )
        with pytest.raises(TransformError) as caught:
            transformer(MASKED).apply(bad)
        assert clear not in str(caught.value) + caught.value.detail_zh


def test_missing_columns_missing_decisions_and_missing_references_are_errors(decision: Decision) -> None:
    with pytest.raises(TransformError, match="sex"):
        transformer(MASKED).apply(ROWS.drop("sex"))
    with pytest.raises(TransformError, match="sex"):
        transformer(ANONYMOUS).choose(tuples(ROWS).drop("sex"))
    with pytest.raises(TransformError, match="decision"):
        transformer(ANONYMOUS).apply(ROWS)
    with pytest.raises(TransformError, match="decision"):
        transformer(MASKED).apply(ROWS, decision)
    with pytest.raises(TransformError, match="subject_ref"):
        transformer(PSEUDONYMOUS).apply(ROWS.head(2).with_columns(subject_ref=pl.lit(None, dtype=pl.String)))


def test_a_transformer_needs_its_hierarchies_and_its_key() -> None:
    with pytest.raises(PlanError, match="no hierarchy"):
        Transformer(ANONYMOUS, {}, DIVISIONS)
    with pytest.raises(PlanError, match="key"):
        Transformer(PSEUDONYMOUS, HIERARCHIES, DIVISIONS)
    with pytest.raises(PlanError, match="key"):
        Transformer(ANONYMOUS, HIERARCHIES, DIVISIONS, pseudonym_key=KEY)
    with pytest.raises(PlanError, match="no k"):
        transformer(MASKED).models()


def test_an_empty_batch_has_the_columns_of_the_plan(decision: Decision) -> None:
    assert transformer(ANONYMOUS).apply(ROWS.clear(), decision).columns == list(ANONYMOUS.names)
    assert transformer(PSEUDONYMOUS).apply(ROWS.clear()).columns == list(PSEUDONYMOUS.names)


def test_the_report_says_what_was_demanded_and_reached(decision: Decision) -> None:
    out = ROWS.height - decision.choice.suppressed
    found = report_of(ANONYMOUS, rows_in=ROWS.height, rows_out=out, decision=decision).to_json()
    assert (found["k_demanded"], found["l_demanded"]) == (10, 2)
    assert found["rows_suppressed"] == decision.choice.suppressed
    assert found["plan_sha256"] == ANONYMOUS.sha256()
    assert found["grade"] == 3
    columns = found["columns"]
    assert isinstance(columns, list)
    first = columns[0]
    assert isinstance(first, dict)
    assert first["level"] == decision.choice.levels[0]
    assert first["level_name"] == HIERARCHIES["division"].levels[decision.choice.levels[0]]
    after = found["after"]
    assert isinstance(after, dict)
    histogram = after["histogram"]
    assert isinstance(histogram, dict)
    assert sum(v for v in histogram.values() if isinstance(v, int)) == decision.after.classes
    assert histogram["1"] == histogram["2-4"] == histogram["5-9"] == 0


def test_a_report_about_other_rows_is_refused(decision: Decision) -> None:
    with pytest.raises(TransformError, match="measured"):
        report_of(ANONYMOUS, rows_in=ROWS.height, rows_out=ROWS.height, decision=decision)
    with pytest.raises(TransformError):
        report_of(MASKED, rows_in=10, rows_out=9)


def test_the_grade_follows_the_technique_and_the_threshold(decision: Decision) -> None:
    out = ROWS.height - decision.choice.suppressed
    strict = report_of(ANONYMOUS, rows_in=ROWS.height, rows_out=out, decision=decision, risk_threshold=0.01)
    assert strict.grade == 2
    assert report_of(MASKED, rows_in=10, rows_out=10).grade == 1
    assert report_of(PSEUDONYMOUS, rows_in=10, rows_out=10, pseudonym_key_id="k").grade == 2


def test_rows_that_are_not_to_be_kept_do_not_leave(decision: Decision) -> None:
    batch = ROWS.head(500)
    keep = pl.Series([index % 3 == 0 for index in range(batch.height)])
    for plan, made in ((ANONYMOUS, decision), (PSEUDONYMOUS, None)):
        found = transformer(plan).apply(batch, made, keep)
        assert found.equals(transformer(plan).apply(batch.filter(keep), made))
        assert found.height < transformer(plan).apply(batch, made).height
    assert transformer(PSEUDONYMOUS).apply(batch, None, keep & False).height == 0


@pytest.mark.parametrize("keep", [[True], [True, None], [1, 0], ["a", "b"]])
def test_which_rows_are_kept_is_said_of_every_row(keep: list[object]) -> None:
    with pytest.raises(TransformError, match="every row"):
        transformer(PSEUDONYMOUS).apply(ROWS.head(2), None, pl.Series(keep))
