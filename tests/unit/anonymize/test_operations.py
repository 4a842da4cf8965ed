"""Programs: the vectors that every back end meets, on the Polars one and on the oracle; serialisation without a key."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, cast, get_args

import polars as pl
import pytest

from gateway.anonymize.backends.frames import FrameBackend, Hooks
from gateway.anonymize.errors import PlanError, TransformError
from gateway.anonymize.masks import ColumnMasks
from gateway.anonymize.operations import Generalize, Keep, Program, Pseudonymize, Recode, Step, compile_plan
from gateway.anonymize.plan import Plan
from gateway.anonymize.pseudonyms import KeyedHash
from gateway.anonymize.transform import Transformer
from tests.unit.anonymize.interpreter import RefusedError, carry_out
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

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "operations.json").read_text(encoding="utf-8"))
CASES: list[dict[str, Any]] = VECTORS["cases"]
TYPES = {"text": pl.String, "int": pl.Int64, "float": pl.Float64, "bool": pl.Boolean, "date": pl.Date}


def table_of(case: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {
        name: [date.fromisoformat(v) if v and column["type"] == "date" else v for v in column["values"]]
        for name, column in case["input"].items()
    }


def hooks_of(case: Mapping[str, Any]) -> Hooks:
    maps, recode = case.get("maps", {}), case.get("recode", [])

    def labels(step: Generalize, values: pl.Series) -> pl.Series:
        known = dict(maps.get(step.hierarchy, {}).get(str(step.level), []))
        if not set(values.to_list()) <= set(known):
            raise TransformError("no label")
        return pl.Series([known[value] for value in values.to_list()], dtype=pl.String)

    def decide(leaf: pl.DataFrame) -> tuple[pl.Series, pl.DataFrame]:
        known = {tuple(values): found for values, found in recode}
        if not set(leaf.rows()) <= set(known):
            raise TransformError("not measured")
        found = [known[row] for row in leaf.rows()]
        kept = [labels for labels in found if labels is not None]
        schema = dict.fromkeys(leaf.columns, pl.String)
        return (
            pl.Series([labels is not None for labels in found], dtype=pl.Boolean),
            pl.DataFrame(kept, schema=schema, orient="row"),
        )

    key = case.get("key")
    return Hooks(
        masks=ColumnMasks(VECTORS["divisions"]),
        labels=labels,
        pseudonyms=None if key is None else KeyedHash(key),
        recode=decide,
    )


def on_polars(case: Mapping[str, Any]) -> dict[str, list[Any]]:
    table = table_of(case)
    frame = pl.DataFrame({n: pl.Series(n, v, dtype=TYPES[case["input"][n]["type"]]) for n, v in table.items()})
    program = Program.from_json(case["program"])
    batches = [frame] if program.ordered or frame.height < 2 else [frame[:1], frame[1:]]
    backend = FrameBackend(program)
    made = pl.concat([backend.run(batch, hooks_of(case)) for batch in batches], how="vertical_relaxed")
    assert tuple(made.columns) == program.columns
    return made.to_dict(as_series=False)


def on_the_oracle(case: Mapping[str, Any]) -> dict[str, list[Any]]:
    return carry_out(
        case["program"],
        table_of(case),
        maps=case.get("maps"),
        divisions=VECTORS["divisions"],
        key=case.get("key"),
        recode=case.get("recode"),
    )


@pytest.mark.parametrize("engine", [on_polars, on_the_oracle])
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_vectors_hold(case: Mapping[str, Any], engine: Callable[[Mapping[str, Any]], dict[str, list[Any]]]) -> None:
    if case.get("error"):
        with pytest.raises((TransformError, RefusedError)):
            engine(case)
        return
    found = engine(case)
    shown = {n: [v.isoformat() if isinstance(v, date) else v for v in column] for n, column in found.items()}
    assert shown == case["output"]


def test_every_operation_has_a_vector() -> None:
    used = {step["op"] for case in CASES for step in case["program"]["steps"]}
    assert used == {kind.__name__.lower() for kind in get_args(Step)}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_program_comes_back_from_its_json(case: Mapping[str, Any]) -> None:
    program = Program.from_json(case["program"])
    assert program.to_json() == case["program"]
    assert Program.from_json(json.loads(json.dumps(program.to_json()))).sha256() == program.sha256()


GOOD = Program((Keep("x", "a"),), ("x",)).to_json()


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {**GOOD, "key": "0" * 64},
        {**GOOD, "ordered": 1},
        {**GOOD, "columns": "x"},
        {**GOOD, "columns": ["y"]},
        {**GOOD, "columns": ["x", "x"]},
        {**GOOD, "steps": {}},
        {**GOOD, "steps": [{"op": "eval", "name": "x", "source": "a"}]},
        {**GOOD, "steps": [{"op": "keep", "name": "x"}]},
        {**GOOD, "steps": [{"op": "keep", "name": "x", "source": 1}]},
        {**GOOD, "steps": [{"op": "keep", "name": "x", "source": "a", "more": 1}]},
        {**GOOD, "steps": [{"op": "cut", "name": "x", "source": "a", "length": 0}]},
        {**GOOD, "steps": [{"op": "cut", "name": "x", "source": "a", "length": True}]},
        {**GOOD, "steps": [{"op": "round", "name": "x", "source": "a", "unit": 0}]},
        {**GOOD, "steps": [{"op": "mask", "name": "x", "source": "a", "kind": "passport", "held": False}]},
        {**GOOD, "steps": [{"op": "recode", "names": ["x"], "sources": ["a", "b"]}]},
        {**GOOD, "steps": [{"op": "keep", "name": "x", "source": "a"}, {"op": "drop", "source": "a"}]},
        {**GOOD, "steps": [{"op": "keep", "name": "x", "source": "a"}, {"op": "keep", "name": "x", "source": "b"}]},
        {**GOOD, "steps": ["keep"]},
    ],
)
def test_what_is_no_program_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        Program.from_json(bad)


def test_missing_columns_and_hooks_are_refused() -> None:
    bare = Hooks(masks=ColumnMasks({}))
    frame = pl.DataFrame({"a": ["x"]})
    for step in (
        Keep("x", "b"),
        Generalize("x", "a", "h", 1),
        Pseudonymize("x", "a"),
    ):
        with pytest.raises(TransformError):
            FrameBackend(Program((step,), ("x",))).run(frame, bare)
    with pytest.raises(TransformError):
        FrameBackend(Program((Recode(("x",), ("a",)),), ("x",))).run(frame, bare)


@pytest.mark.parametrize(
    "answer",
    [
        (pl.Series([True]), pl.DataFrame({"x": ["1"]})),
        (pl.Series([True, False]), pl.DataFrame({"x": ["1", "2"]})),
        (pl.Series([True, None]), pl.DataFrame({"x": ["1"]})),
    ],
)
def test_a_decision_that_does_not_fit_the_batch_releases_nothing(answer: tuple[pl.Series, pl.DataFrame]) -> None:
    backend = FrameBackend(Program((Recode(("x",), ("a",)),), ("x",)))
    with pytest.raises(TransformError, match="does not fit"):
        backend.run(pl.DataFrame({"a": ["1", "2"]}), Hooks(masks=ColumnMasks({}), recode=lambda _: answer))


def test_a_number_too_large_to_be_rounded_is_refused() -> None:
    program = Program.from_json(
        {"steps": [{"op": "round", "name": "x", "source": "a", "unit": 10}], "columns": ["x"], "ordered": False}
    )
    hooks = Hooks(masks=ColumnMasks({}))
    largest = (1 << 63) - 1
    with pytest.raises(TransformError, match="too large"):
        FrameBackend(program).run(pl.DataFrame({"a": [largest]}), hooks)
    assert FrameBackend(program).run(pl.DataFrame({"a": [largest - 5]}), hooks)["x"].to_list() == [largest - 7]


def test_a_plan_compiles_to_its_steps() -> None:
    masked = compile_plan(Plan.of(profile("masked", MASKED_FIELDS), names(MASKED_FIELDS), RULEBOOK))
    assert [step["op"] for step in cast("list[dict[str, Any]]", masked.to_json()["steps"])] == ["mask"] * 4 + ["keep"]
    assert not masked.ordered
    pseudonymous = compile_plan(
        Plan.of(profile("pseudonymous", PSEUDONYMOUS_FIELDS), names(PSEUDONYMOUS_FIELDS), RULEBOOK)
    )
    assert pseudonymous.pseudonymous
    assert pseudonymous.columns == tuple(names(PSEUDONYMOUS_FIELDS))
    anonymous = compile_plan(Plan.of(profile("anonymous", ANONYMOUS_FIELDS, k=10), names(ANONYMOUS_FIELDS), RULEBOOK))
    assert isinstance(anonymous.steps[0], Recode)
    assert anonymous.steps[0].names == ("county", "grade", "sex", "ethnicity", "born")
    assert anonymous.ordered


@pytest.mark.rule("A50-8")
def test_no_key_is_in_a_plan_a_program_a_transformer_or_an_error() -> None:
    plan = Plan.of(profile("pseudonymous", PSEUDONYMOUS_FIELDS), names(PSEUDONYMOUS_FIELDS), RULEBOOK)
    made = Transformer(plan, HIERARCHIES, DIVISIONS, pseudonym_key=KEY)
    texts = [repr(made), repr(made.program), repr(made._backend), repr(made._hooks), repr(made._hooks.pseudonyms)]
    texts += [json.dumps(made.program.to_json()), plan.canonical().decode(), repr(plan), repr(plan.words())]
    batch = pl.DataFrame({name: ["x"] for name in plan.sources})
    for wrong in (batch.drop("subject_ref"), batch.with_columns(subject_ref=pl.lit(None, dtype=pl.String))):
        with pytest.raises(TransformError) as caught:
            made.apply(wrong)
        texts += [str(caught.value), repr(caught.value), repr(caught.value.extra)]
    assert not [text for text in texts if KEY in text]
    for thing in (made, made._hooks, made._hooks.pseudonyms):
        with pytest.raises((TypeError, AttributeError)):
            pickle.dumps(thing)


def test_columns_of_the_vectors_are_of_known_types() -> None:
    kinds: Sequence[str] = sorted({column["type"] for case in CASES for column in case["input"].values()})
    assert set(kinds) == set(TYPES)
