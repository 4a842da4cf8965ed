"""What was done to a run of entries is told apart by their hashes alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.alignment import explain
from gateway.audit.findings import Damage
from gateway.audit.merkle import leaf_hash

START = 100
SIGNED = [leaf_hash(bytes([number])) for number in range(60)]
NEVER = [leaf_hash(bytes([number, 1])) for number in range(60)]


def told(found: list[bytes]) -> set[tuple[Damage, int | None]]:
    return {(one.damage, one.index) for one in explain(START, found, SIGNED)}


def test_nothing_is_told_of_a_run_that_is_as_it_was_signed() -> None:
    assert told(list(SIGNED)) == set()


@given(st.sets(st.integers(0, 58), min_size=1, max_size=20))
def test_every_lost_entry_is_named_where_it_was_signed(lost: set[int]) -> None:
    left = [leaf for at, leaf in enumerate(SIGNED) if at not in lost]
    assert told(left) == {(Damage.MISSING, START + at) for at in lost}


@given(st.integers(1, 60))
def test_a_cut_tail_is_one_finding(count: int) -> None:
    assert told(SIGNED[:-count]) == {(Damage.TRUNCATED, START + 60 - count)}


@given(st.sets(st.integers(0, 59), min_size=1, max_size=20))
def test_every_entry_that_was_put_in_is_named_where_it_lies(before: set[int]) -> None:
    found: list[bytes] = []
    expected: set[tuple[Damage, int | None]] = set()
    for at, leaf in enumerate(SIGNED):
        if at in before:
            expected.add((Damage.INSERTED, START + len(found)))
            found.append(NEVER[at])
        found.append(leaf)
    assert told(found) == expected


@given(st.sets(st.integers(0, 59), min_size=1, max_size=20))
def test_every_altered_entry_is_named(altered: set[int]) -> None:
    found = [NEVER[at] if at in altered else leaf for at, leaf in enumerate(SIGNED)]
    assert told(found) == {(Damage.ALTERED, START + at) for at in altered}


@given(st.permutations(range(60)))
def test_a_shuffled_run_is_told_as_moved_and_never_as_sound(order: list[int]) -> None:
    found = told([SIGNED[at] for at in order])
    assert {damage for damage, _ in found} <= {Damage.REORDERED, Damage.INSERTED, Damage.TRUNCATED}
    assert bool(found) == (order != list(range(60)))


def test_a_surplus_behind_the_end_is_unsigned() -> None:
    assert told([*SIGNED, NEVER[0], NEVER[1]]) == {(Damage.UNSIGNED, START + 60)}
