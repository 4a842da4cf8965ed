"""Linkage attacks: whoever holds the whole source table never does better than the report says.

Every combination of released columns is tried, against anonymous files of global and of local recoding, pseudonymous
and masked ones. pycanon confirms k, l and t of every anonymous output here.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.anonymize.decision import Decision
from gateway.anonymize.errors import SearchError
from gateway.anonymize.exposure import Crowd, Exposure
from gateway.anonymize.plan import Plan
from gateway.anonymize.pseudonyms import derive_key, pseudonymize
from gateway.anonymize.report import Report, report_of
from gateway.anonymize.transform import Transformer
from tests.factories.attacker import Attacker, Covers, combinations_of
from tests.factories.judge import agree, confirm
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

CLOSE = 1e-9
QUASI = ("county", "grade", "sex", "ethnicity", "born")


def plan_of(level: str, **changes: object) -> Plan:
    fields = {"anonymous": ANONYMOUS_FIELDS, "pseudonymous": PSEUDONYMOUS_FIELDS, "masked": MASKED_FIELDS}[level]
    k = 2 if level == "anonymous" else None
    made = Plan.of(profile(level, fields, k), names(fields), RULEBOOK)
    return replace(made, **changes)  # type: ignore[arg-type]  # members of the plan


def tuples(plan: Plan, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by(plan.tuple_sources).agg(pl.len().alias("n"))


def chain_of(decision: Decision) -> dict[str, dict[str | None, set[str | None]]]:
    """Return every label that a leaf has on its way up, also with the name of the level behind it."""
    found: dict[str, dict[str | None, set[str | None]]] = {}
    for name, ladder in decision.ladders.items():
        own: dict[str | None, set[str | None]] = {leaf: set() for leaf in ladder.leaves}
        for level, word in enumerate(ladder.level_names):
            for leaf, label in zip(ladder.leaves, ladder.labels(level).to_list(), strict=True):
                own[leaf] |= {label, f"{label} ({word})"}
        found[name] = own
    return found


def released_by(
    plan: Plan, transformer: Transformer, decision: Decision | None, rows: pl.DataFrame
) -> tuple[pl.DataFrame, list[int], Report]:
    """Return what leaves, row by row in the order of ``rows``, the place of each in ``rows``, and the report."""
    numbered = rows.with_row_index("·row")
    parts = [transformer.apply(one.drop("·row"), decision) for one in numbered.iter_slices(1)]
    truth = [place for place, part in enumerate(parts) if part.height]
    out = pl.concat(parts)
    batch = transformer.apply(rows, decision)
    assert batch.sort(batch.columns, nulls_last=True).equals(out.sort(out.columns, nulls_last=True))
    crowd = Crowd(plan)
    crowd.add(out)
    exposed = None
    if plan.k is None:
        exposure = Exposure(plan, 0.2)
        exposure.add(rows, out)
        exposed = exposure.measured()
    report = report_of(
        plan,
        rows_in=rows.height,
        rows_out=out.height,
        decision=decision,
        exposed=exposed,
        beyond=crowd.measured(),
        pseudonym_key_id="id" if plan.pseudonymous else None,
    )
    return out, truth, report


def withstands(attacker: Attacker, columns: tuple[str, ...], report: Report) -> None:
    """Assert that no combination of ``columns`` does better than the report, and that all of them do as well."""
    after = report.after
    assert after is not None
    for known in combinations_of(columns):
        success = attacker.attack(known)
        assert success.highest <= after.prosecutor.highest + CLOSE, known
        assert success.average <= after.prosecutor.average + CLOSE, known
        assert success.journalist <= after.journalist.highest + CLOSE, known
        assert success.marketer <= after.marketer + CLOSE, known


def nothing_helps_beyond(attacker: Attacker, columns: tuple[str, ...], report: Report) -> None:
    """Assert that with the sensitive and the ordinary columns, too, nobody does better than the report says of that."""
    assert report.beyond is not None
    for known in combinations_of(columns):
        success = attacker.attack(known)
        assert success.highest <= report.beyond.highest + CLOSE, known
        assert success.average <= report.beyond.average + CLOSE, known


def same(rows: pl.DataFrame, name: str) -> Mapping[str | None, set[str | None]]:
    return {value: {value} for value in rows[name].cast(pl.String).unique().to_list()}


@settings(max_examples=10, deadline=None)
@given(
    rows=st.integers(20, 120),
    seed=st.integers(0, 10_000),
    k=st.integers(2, 12),
    diverse=st.sampled_from([None, 2]),
    t=st.sampled_from([None, 0.2, 0.5]),
    limit=st.sampled_from([0.0, 0.05, 0.3]),
    recoding=st.sampled_from(["global", "local"]),
)
def test_no_combination_of_columns_beats_the_report_of_an_anonymous_file(
    rows: int,
    seed: int,
    k: int,
    diverse: int | None,
    t: float | None,
    limit: float,
    recoding: Literal["global", "local"],
) -> None:
    source = pupils(rows, seed)
    plan = plan_of("anonymous", k=k, l_diversity=diverse, t_closeness=t, suppression_limit=limit, recoding=recoding)
    transformer = Transformer(plan, HIERARCHIES, DIVISIONS)
    try:
        decision = transformer.choose(tuples(plan, source))
    except SearchError:
        return
    out, truth, report = released_by(plan, transformer, decision, source)
    leaf = source.select(*(pl.col(column.source).cast(pl.String).alias(column.name) for column in plan.columns))
    shown = out.select(pl.all().cast(pl.String))
    covers: Covers = {**chain_of(decision), "left_behind": same(leaf, "left_behind"), "state": same(leaf, "state")}
    attacker = Attacker(leaf, shown, truth, covers)
    withstands(attacker, QUASI, report)
    nothing_helps_beyond(attacker, plan.names, report)
    assert report.after is not None
    assert report.after.prosecutor.highest <= 1 / k + CLOSE or not out.height
    found = confirm(out, QUASI, ["left_behind"], k=k, distinct_l=diverse or 1, t=t, whole=source)
    agree(found, report.to_json()["after"], source, out)  # type: ignore[arg-type]  # an object of JSON


@settings(max_examples=10, deadline=None)
@given(rows=st.integers(5, 120), more=st.integers(0, 120), seed=st.integers(0, 10_000))
def test_the_population_that_the_register_holds_bounds_who_can_be_traced_back(rows: int, more: int, seed: int) -> None:
    everybody = pupils(rows + more, seed)
    source = everybody.head(rows)
    plan = plan_of("anonymous", k=2, suppression_limit=0.2)
    transformer = Transformer(plan, HIERARCHIES, DIVISIONS)
    try:
        decision = transformer.choose(tuples(plan, source), population=tuples(plan, everybody))
    except SearchError:
        return
    out, truth, report = released_by(plan, transformer, decision, source)
    leaf = everybody.select(*(pl.col(column.source).cast(pl.String).alias(column.name) for column in plan.quasi))
    attacker = Attacker(leaf, out.select(QUASI), truth, _everybody(plan, everybody))
    assert report.after is not None
    success = attacker.attack(QUASI)
    assert success.journalist == pytest.approx(report.after.journalist.highest)
    assert success.marketer == pytest.approx(report.after.marketer)
    assert success.highest == pytest.approx(report.after.prosecutor.highest)
    withstands(attacker, QUASI, report)


def _everybody(plan: Plan, rows: pl.DataFrame) -> Covers:
    """Return the ways up of all values of ``rows``, whether they can be released or not."""
    loose = Transformer(replace(plan, suppression_limit=1.0), HIERARCHIES, DIVISIONS)
    return chain_of(loose.choose(tuples(plan, rows)))


@pytest.mark.parametrize("level", ["pseudonymous", "masked"])
@settings(max_examples=10, deadline=None)
@given(rows=st.integers(1, 90), seed=st.integers(0, 10_000))
def test_no_combination_of_columns_beats_the_report_of_a_file_without_k(level: str, rows: int, seed: int) -> None:
    source = pupils(rows, seed)
    plan = plan_of(level)
    transformer = Transformer(plan, HIERARCHIES, DIVISIONS, pseudonym_key=KEY if plan.pseudonymous else None)
    out, truth, report = released_by(plan, transformer, None, source)
    # what leaves is no secret of the recipient's: the attacker does the same to the source
    columns = tuple(name for name in plan.names if name != "pseudonym")
    seen = out.select(pl.col(columns).cast(pl.String))
    attacker = Attacker(seen, seen, truth, {name: same(seen, name) for name in columns})
    withstands(attacker, report.risk_columns, report)
    nothing_helps_beyond(attacker, columns, report)
    assert report.after is not None
    assert attacker.attack(report.risk_columns).highest == pytest.approx(report.after.prosecutor.highest)
    found = confirm(out, report.risk_columns, k=1)
    assert (found.k, found.rows) == (report.after.k, report.after.rows)
    assert report.grade == (1 if level == "masked" else 2 if found.k < 5 else 3)


UNKEYED = (
    lambda value: hashlib.sha256(value.encode()).hexdigest(),
    lambda value: hashlib.sha1(value.encode()).hexdigest(),
    lambda value: hashlib.md5(value.encode()).hexdigest(),
    lambda value: hashlib.blake2b(value.encode(), digest_size=16).hexdigest(),
    lambda value: hashlib.sha3_256(value.encode()).hexdigest(),
    lambda value: value.encode().hex(),
    lambda value: value,
)


@pytest.mark.rule("A50-8")
def test_a_dictionary_of_everybody_without_the_key_opens_no_pseudonym() -> None:
    source = pupils(400)
    key = derive_key(b"r" * 32, "91140000MA0TEST00X", "ap-1", 1, salt=b"s" * 32)
    released = frozenset(pseudonymize(source["subject_ref"], key).to_list())
    assert len(released) == 400
    numbers = [f"14010520150302{n:04}" for n in range(400)]
    known = [*source["subject_ref"].to_list(), *numbers, *(f"G{number}" for number in numbers)]
    guesses = {make(value)[:32] for make in UNKEYED for value in known}
    for guess in ("", "0" * 64, "91140000MA0TEST00X", "ap-1", "xueji-gateway", b"r".hex() * 32):
        guesses |= {hmac.new(guess.encode(), value.encode(), "sha256").hexdigest()[:32] for value in known}
    assert not guesses & released
    # the same root, recipient and project without the salt that is kept apart, and other projects, give other keys
    for other in (
        derive_key(b"r" * 32, "91140000MA0TEST00X", "ap-1", 1),
        derive_key(b"r" * 32, "91140000MA0TEST00X", "ap-2", 1, salt=b"s" * 32),
        derive_key(b"r" * 32, "91140000MA0TEST01X", "ap-1", 1, salt=b"s" * 32),
        derive_key(b"r" * 32, "91140000MA0TEST00X", "ap-1", 2, salt=b"s" * 32),
    ):
        assert not frozenset(pseudonymize(source["subject_ref"], other).to_list()) & released
