"""The sample of a dry run: no row shows what few rows share, whatever the data."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.anonymize.plan import Plan, PlanColumn
from gateway.releases.dry_run import DryRunId
from gateway.releases.dry_run_sample import SAMPLE_ROWS, Sample, Sampler, sample_key, seal, unseal
from gateway.releases.errors import ContentDamagedError

PLAN = Plan(
    level="pseudonymous",
    profile="test",
    columns=(
        PlanColumn("pseudonym", "subject_ref", "假名", "direct", "pseudonymize"),
        PlanColumn("school", "school_code", "学校", "quasi", "keep"),
        PlanColumn("grade", "grade", "年级", "quasi", "keep"),
        PlanColumn("boarding", "boarding", "寄宿", "sensitive", "keep"),
    ),
    k=None,
    l_diversity=None,
    suppression_limit=0.0,
    row_cap=1_000_000,
    retention_days=1,
    rulebook_sha256="0" * 64,
)
Row = tuple[str | None, str, bool | None]
rows_of = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", None]), st.sampled_from("1234"), st.sampled_from([True, False, None])),
    max_size=120,
)


def frames(rows: list[Row], pieces: int) -> list[pl.DataFrame]:
    whole = pl.DataFrame(
        [(f"p{number}", *row) for number, row in enumerate(rows)],
        schema={"pseudonym": pl.String, "school": pl.String, "grade": pl.String, "boarding": pl.Boolean},
        orient="row",
    )
    step = max(1, len(rows) // pieces)
    return [whole[start : start + step] for start in range(0, len(rows), step)]


@settings(deadline=None)
@given(rows_of, st.integers(1, 4), st.integers(2, 12))
def test_what_a_row_shows_is_shared_by_enough(rows: list[Row], pieces: int, least: int) -> None:
    sampler = Sampler(PLAN, least)
    whole = frames(rows, pieces)
    for frame in whole:
        sampler.add(frame)
    found = sampler.sample()
    if len(rows) < least:
        assert found is None
        return
    assert found is not None
    assert found.least == least
    words = {None: None, True: "是", False: "否"}
    plain = [(school, grade, words[boarding]) for school, grade, boarding in rows]
    names = ("school", "grade", "boarding")
    assert 0 < len(found.rows) <= SAMPLE_ROWS
    assert len({row[0] for row in found.rows}) == len(found.rows)  # no pupil twice
    for _pseudonym, *values in found.rows:
        shown = [place for place, name in enumerate(names) if name not in found.hidden]
        assert all(values[place] is None for place, name in enumerate(names) if name in found.hidden)
        assert sum(all(row[place] == values[place] for place in shown) for row in plain) >= least


def test_where_all_are_alike_nothing_is_hidden_and_where_none_are_everything_is() -> None:
    alike, single = Sampler(PLAN, 10), Sampler(PLAN, 10)
    alike.add(frames([("a", "1", True)] * 40, 1)[0])
    single.add(frames([(f"s{n}", f"g{n}", True) for n in range(40)], 1)[0])
    first, second = alike.sample(), single.sample()
    assert first is not None
    assert second is not None
    assert (first.hidden, set(second.hidden)) == ((), {"school", "grade"})
    assert len(first.rows) == len(second.rows) == SAMPLE_ROWS


def test_the_demanded_k_counts_where_it_is_more() -> None:
    sampler = Sampler(PLAN, 10)
    sampler.add(frames([("a", "1", True)] * 9, 1)[0])
    assert sampler.sample() is None
    assert Sampler(PLAN, 10).sample() is None


def test_a_sample_is_sealed_for_one_dry_run_and_one_key() -> None:
    sample = Sample((("grade", "年级"),), (), (("11",), (None,)), 10)
    key, run = sample_key(b"k" * 32), DryRunId("dr-one")
    sealed = seal(sample, key, run)
    assert unseal(sealed, key, run) == sample
    assert "年级".encode() not in sealed
    for wrong in ((sealed, sample_key(b"j" * 32), run), (sealed, key, DryRunId("dr-two")), (sealed[:-1], key, run)):
        with pytest.raises(ContentDamagedError):
            unseal(*wrong)
    assert seal(sample, key, run) != sealed
