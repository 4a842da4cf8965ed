"""I1 and I6: without a grant nothing leaves, and no more than the grant says."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core_registry.sharing import RowFilter
from gateway.errors import ForbiddenError, GatewayError, NotFoundError
from gateway.ids import GrantId
from gateway.policies.errors import ScopeExceededError
from gateway.policies.records import Format, Level
from gateway.policies.scope import civil_date
from gateway.releases.records import ExtractRequest, ExtractState
from tests.factories.invariants import standing_gate
from tests.factories.release_cases import (
    APPROVER,
    CASES,
    EXECUTOR,
    LIBRARY,
    STRANGER,
    client,
    client_of,
    grant_for,
    submit,
)
from tests.factories.releases import House, make_house, opened

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield from opened(make_house(tmp_path))


def frame_of(content: bytes) -> pl.DataFrame:
    return pl.read_csv(io.BytesIO(content), infer_schema=False)


# --- I1: no basis, no release (the routes are in test_routes.py) -----------------------------------------------------


@pytest.mark.rule("A50-5")
def test_i1_without_a_grant_nothing_is_prepared(house: House) -> None:
    with pytest.raises(NotFoundError):
        house.services.releases.start(GrantId("gr-none"), ExtractRequest(Format.CSV), client_of("bus-pseudonymous"))
    assert len(house.services.releases.newest(EXECUTOR)) == 1  # that of the template


@pytest.mark.rule("A50-5")
def test_i1_an_application_without_a_decision_has_no_grant(house: House) -> None:
    made = submit(house.services, CASES["bus-pseudonymous"])
    assert made.grant_id is None
    with pytest.raises(GatewayError):
        house.services.applications.decide(APPROVER, made.id, "approve", version=made.version, reason="无依据")
    assert house.services.applications.get(APPROVER, made.id).grant_id is None


def test_i1_an_answer_about_a_person_needs_a_standing_grant_before_anything_is_looked_up(house: House) -> None:
    looked: list[str] = []
    gate = standing_gate(house)
    stranger = client(STRANGER)
    with pytest.raises(ForbiddenError):
        gate.answer(
            STRANGER, stranger, "identity-verification", frozenset({"stage"}), lambda _: looked.append("stranger")
        )
    party = client_of("identity-check")
    with pytest.raises(GatewayError):
        gate.answer(LIBRARY, party, "identity-verification", frozenset({"ethnicity"}), lambda _: looked.append("field"))
    with pytest.raises(ForbiddenError):
        gate.answer(LIBRARY, party, "research", frozenset({"stage"}), lambda _: looked.append("purpose"))
    assert looked == []
    assert len(house.entries("release.refused")) == 3
    gate.answer(LIBRARY, party, "identity-verification", frozenset({"stage"}), lambda _: looked.append("granted"))
    assert looked == ["granted"]


def test_i1_pupil_rows_and_sealed_files_are_opened_in_one_room_only() -> None:
    """Whoever reads the sharing view in bulk, or opens a prepared file, is the releases' room (or the root)."""
    openers: dict[str, set[str]] = {"vault": set(), "snapshot": set()}
    for path in sorted((ROOT / "gateway").rglob("*.py")):
        name = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "gateway.releases.vault":
                openers["vault"].add(name)
            if isinstance(node, ast.Attribute) and node.attr in {"batches", "tuples", "snapshot"}:
                target = node.value
                of_sharing = isinstance(target, ast.Attribute) and target.attr == "sharing"
                if of_sharing or (isinstance(target, ast.Name) and target.id in {"snapshot", "sharing"}):
                    openers["snapshot"].add(name)
    openers["vault"].discard("gateway/console/office/uploads.py")  # seals a registrar's own upload with the same tool
    assert openers["vault"] == {
        f"gateway/releases/{name}.py"
        for name in (
            "ledger/shelf", "matches/matching", "matches/shelf", "packing", "preparation", "service", "tracing/shelf",
        )
    }  # fmt: skip
    assert openers["snapshot"] == {
        f"gateway/releases/{name}.py"
        for name in (
            "dry_run_service", "dry_run_work", "increments", "ledger/precedents", "pipeline", "population",
            "preparation", "statistics/content", "statistics/counting",
        )
    }  # fmt: skip


# --- I6: minimum -----------------------------------------------------------------------------------------------------


@pytest.mark.rule("A50-8", "A50-9")
def test_i6_what_leaves_lies_within_the_grant_in_fields_rows_and_level(house: House) -> None:
    assert house.services.sharing is not None
    with house.services.sharing.snapshot() as snapshot:
        wide = pl.concat(
            [
                pl.DataFrame(pl.from_arrow(batch))
                for batch in snapshot.batches(["managing_authority", "school_code", "grade"], RowFilter())
            ]
        )
    territory = str(wide["managing_authority"].mode().sort()[0])
    inside = wide.filter(pl.col("managing_authority") == territory)
    grades = frozenset(inside["grade"].value_counts(sort=True)["grade"].head(2).to_list())
    case = CASES["bus-pseudonymous"]
    fields = ("grade", "pseudonym", "school_code")
    from gateway.policies.records import Population

    grant = grant_for(house.services, case, fields=fields, population=Population(territory, grades=grades))
    extract = house.prepared("bus-pseudonymous", grant=grant)
    frame = frame_of(house.content(extract))
    assert set(frame.columns) == set(fields)
    expected = inside.filter(pl.col("grade").is_in(list(grades)))
    assert 0 < frame.height <= expected.height < wide.height
    assert set(frame["grade"].to_list()) <= grades
    assert set(frame["school_code"].to_list()) <= set(inside["school_code"].to_list())
    narrower = house.prepared("bus-pseudonymous", grant=grant, fields=("grade",), grades=frozenset([min(grades)]))
    assert frame_of(house.content(narrower)).columns == ["grade"]
    assert set(frame_of(house.content(narrower))["grade"].to_list()) == {min(grades)}


@pytest.mark.rule("A50-9", "A50-13")
@pytest.mark.parametrize(
    ("request_", "dimension"),
    [
        ({"fields": ("name_masked", "left_behind")}, "fields"),
        ({"fields": ()}, "fields"),
        ({"grades": frozenset({"11"})}, "grades"),
        ({"grades": frozenset()}, "grades"),
        ({"stages": frozenset()}, "stages"),
        ({"schools": frozenset()}, "schools"),
    ],
    ids=str,
)
def test_i6_a_request_beyond_the_grant_is_refused_and_takes_no_use(
    house: House, request_: dict[str, Any], dimension: str
) -> None:
    grant = house.grants["aid-masked"]
    left = house.services.applications.grant(grant).uses_left
    with pytest.raises(ScopeExceededError) as refused:
        house.start("aid-masked", **request_)
    assert refused.value.extra["dimension"] == dimension
    assert house.services.applications.grant(grant).uses_left == left
    assert house.entries("release.refused")[-1]["facts"]["dimension"] == dimension


@pytest.mark.rule("A50-12")
def test_i6_outside_its_period_a_grant_gives_nothing(house: House) -> None:
    grant = house.services.applications.grant(house.grants["bus-pseudonymous"])
    house.clock.turn(days=(grant.scope.valid_to - civil_date(house.clock())).days)
    house.start("bus-pseudonymous")  # the last day is a day of it
    house.clock.turn(days=1)
    with pytest.raises(GatewayError):
        house.start("bus-pseudonymous")
    house.work()  # what was asked for in time is not prepared after
    newest = house.services.releases.newest(EXECUTOR)[0]
    assert newest.state is ExtractState.FAILED


@pytest.mark.rule("A50-9")
def test_i6_nobody_draws_more_uses_than_were_granted_whoever_is_first(house: House) -> None:
    import threading

    grant = grant_for(house.services, CASES["bus-pseudonymous"], uses=3)
    done: list[str] = []

    def draw() -> None:
        try:
            house.start("bus-pseudonymous", grant=grant)
            done.append("started")
        except GatewayError as error:
            done.append(type(error).__name__)

    threads = [threading.Thread(target=draw) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done.count("started") == 3
    assert len(done) == 8
    assert house.services.applications.grant(grant).uses_left == 0


def test_i6_the_levels_of_grants_and_files_are_the_same(house: House) -> None:
    for name, case in CASES.items():
        if case.level is Level.CHECK:
            continue
        assert house.services.book.profiles[case.profile].level == case.level, name
