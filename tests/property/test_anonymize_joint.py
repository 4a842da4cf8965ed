"""An attacker who holds all files, by brute force: whatever leaves, and however the pupils change, never below k."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.anonymize.joint import Coming, Earlier, JointView, Numbers, Tags, Verdict

ABSENT = "·absent"


def tag(pupil: int, key: int = 0) -> int:
    """A tag of 128 bits; the high halves of some pupils are equal, as two in a million may be."""
    spread = (pupil * 0x9E3779B97F4A7C15 + key * 0xD1B54A32D192ED03) % 2**64
    return ((spread >> 60) << 64) | spread if pupil % 5 == 0 else (spread << 64) | spread


def tags_of(pupils: list[int], key: int = 0) -> Tags:
    wanted = [tag(pupil, key) for pupil in pupils]
    return (
        np.array([one >> 64 for one in wanted], dtype=np.uint64),
        np.array([one % 2**64 for one in wanted], dtype=np.uint64),
    )


def digests(values: list[str]) -> Numbers:
    return np.array([int.from_bytes(value.encode().ljust(8, b".")[:8], "big") for value in values], dtype=np.uint64)


@dataclass
class File:
    """One file as it left: pupil -> class, pupil -> value of the sensitive column."""

    classes: dict[int, str]
    values: dict[int, str]
    k: int
    l: int  # noqa: E741  the name of the model
    owner: str = ""
    key: int = 0

    def earlier(self) -> Earlier:
        pupils = sorted(self.classes, key=lambda pupil: tag(pupil, self.key))
        return Earlier(
            tags_of(pupils, self.key),
            digests([self.classes[pupil] for pupil in pupils]),
            self.k,
            {"s": digests([self.values[pupil] for pupil in pupils])} if self.l > 1 else {},
            {"s": self.l} if self.l > 1 else {},
        )


def judged(files: list[File], population: list[int], coming: File) -> tuple[Verdict, File]:
    """Judge, and return the file as it may leave."""
    view = JointView([tags_of(population)], [one.earlier() for one in files])
    leaves = np.array([pupil in coming.classes for pupil in population], dtype=np.bool_)
    request = Coming(
        digests([coming.classes.get(pupil, "") for pupil in population]),
        leaves,
        coming.k,
        {"s": digests([coming.values.get(pupil, "") for pupil in population])},
        {"s": coming.l},
    )
    verdict = view.judge(request)
    kept = [pupil for pupil, stays in zip(population, verdict.keep.tolist(), strict=True) if stays]
    again = view.judge(
        Coming(request.classes, verdict.keep, coming.k, request.sensitive, request.demands),
    )
    assert again.withheld == 0, "judging what was kept withholds nothing"
    assert set(kept) <= set(coming.classes)
    released = File(
        {pupil: coming.classes[pupil] for pupil in kept}, {pupil: coming.values[pupil] for pupil in kept},
        coming.k, coming.l, coming.owner, coming.key,
    )  # fmt: skip
    return verdict, released


def seen(files: list[File], pupil: int) -> tuple[str, ...]:
    return tuple(one.classes.get(pupil, ABSENT) for one in files)


def check(before: list[File], new: File, verdict: Verdict) -> None:
    """The attacker: for every pupil who ever stood in a file, all whom the files do not tell from that pupil."""
    files = [*before, new]
    k = max(one.k for one in files)
    l = max(one.l for one in files)  # noqa: E741
    everybody = sorted({pupil for one in files for pupil in one.classes})
    same = Counter(seen(files, pupil) for pupil in everybody)
    past = Counter(seen(before, pupil) for pupil in everybody)
    smallest = None
    for pupil in everybody:
        view = seen(files, pupil)
        candidates = [other for other in everybody if seen(files, other) == view]
        assert len(candidates) == same[view]
        split = len(candidates) < past[view[:-1]]
        if pupil in new.classes:
            assert len(candidates) >= k, "a row of the new file"
            assert len({new.values[other] for other in candidates}) >= l
            smallest = min(smallest or len(candidates), len(candidates))
        elif split:
            assert len(candidates) >= k, "a row of an earlier file that is missing in the new one"
        if split:
            for one in before:
                if pupil in one.classes:
                    assert len({one.values[other] for other in candidates}) >= one.l
    assert verdict.reached == smallest
    assert verdict.k == (k if before else new.k)
    for one, told in zip(before, verdict.differences, strict=True):
        missing, added = one.classes.keys() - new.classes.keys(), new.classes.keys() - one.classes.keys()
        assert (told.missing, told.added) == (len(missing), len(added))
        assert len(added) == 0 or len(added) >= k
        assert len(missing) == 0 or len(missing) >= k or not new.classes.keys() & one.classes.keys()
    for count in Counter(new.classes.values()).values():
        assert count >= new.k, "a class of the new file, for whoever cannot join rows"


def own_classes(pupils: Mapping[int, tuple[str, ...]], columns: tuple[int, ...], cut: int) -> dict[int, str]:
    return {pupil: "".join(values[column][:cut] for column in columns) for pupil, values in pupils.items()}


def alone(classes: dict[int, str], values: dict[int, str], k: int, l: int) -> dict[int, str]:  # noqa: E741
    """What a release without a past would let leave: classes of k rows with l values."""
    sizes = Counter(classes.values())
    held: dict[str, set[str]] = {}
    for pupil, label in classes.items():
        held.setdefault(label, set()).add(values[pupil])
    return {pupil: label for pupil, label in classes.items() if sizes[label] >= k and len(held[label]) >= l}


VALUES = st.tuples(st.sampled_from(["aa", "ab", "ba", "bb"]), st.sampled_from(["x1", "x2"]), st.sampled_from("yn"))


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(VALUES, min_size=1, max_size=40),
    wanted=st.lists(
        st.tuples(
            st.sampled_from([(0,), (1,), (0, 1)]), st.integers(0, 2), st.integers(1, 4), st.integers(1, 2),
            st.sets(st.integers(0, 39), max_size=6), st.sets(st.integers(0, 39), max_size=12),
        ),
        min_size=2, max_size=5,
    ),
)  # fmt: skip
def test_the_attacker_never_gets_below_k_whatever_is_released(
    rows: list[tuple[str, ...]], wanted: list[tuple[tuple[int, ...], int, int, int, set[int], set[int]]]
) -> None:
    files: list[File] = []
    for columns, cut, k, l, gone, turned in wanted:  # noqa: E741
        here = {pupil: row for pupil, row in enumerate(rows) if pupil not in gone}
        values = {pupil: "n" if pupil in turned else row[2] for pupil, row in here.items()}
        classes = alone(own_classes(here, columns, cut), values, k, l)
        verdict, released = judged(files, sorted(here), File(classes, values, k, l))
        check(files, released, verdict)
        files.append(released)


class Releases(RuleBasedStateMachine):
    """Files go to several recipients, two of whom may collude, while pupils come, go and change."""

    GROUPS = {"a": "together", "b": "together", "c": "alone"}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.pupils: dict[int, tuple[str, ...]] = {}
        self.next = 0
        self.held: dict[str, list[File]] = {"together": [], "alone": []}

    @initialize(rows=st.lists(VALUES, min_size=8, max_size=60))
    def enrol(self, rows: list[tuple[str, ...]]) -> None:
        self.come(rows)

    @rule(rows=st.lists(VALUES, max_size=8))
    def come(self, rows: list[tuple[str, ...]]) -> None:
        for row in rows:
            self.pupils[self.next] = row
            self.next += 1

    @rule(share=st.integers(2, 20), offset=st.integers(0, 20))
    def leave(self, share: int, offset: int) -> None:
        for pupil in [one for one in self.pupils if one % share == offset % share]:
            del self.pupils[pupil]

    @rule(pupil=st.integers(0, 80), row=VALUES)
    def change(self, pupil: int, row: tuple[str, ...]) -> None:
        if pupil in self.pupils:
            self.pupils[pupil] = row

    @rule(
        owner=st.sampled_from("abc"), columns=st.sampled_from([(0,), (1,), (0, 1), (1, 0)]), cut=st.integers(0, 2),
        k=st.integers(2, 5), l=st.integers(1, 2), part=st.sampled_from(["", "a", "b"]),
    )  # fmt: skip
    def release(self, owner: str, columns: tuple[int, ...], cut: int, k: int, l: int, part: str) -> None:  # noqa: E741
        here = {pupil: row for pupil, row in self.pupils.items() if row[0].startswith(part)}
        values = {pupil: row[2] for pupil, row in here.items()}
        classes = alone(own_classes(here, columns, cut), values, k, l)
        held = self.held[self.GROUPS[owner]]
        verdict, released = judged(held, sorted(here), File(classes, values, k, l, owner))
        check(held, released, verdict)
        held.append(released)

    @rule(group=st.sampled_from(["together", "alone"]), which=st.integers(0, 9))
    def void(self, group: str, which: int) -> None:
        """A file that nobody fetched: it counts no more."""
        if which < len(self.held[group]):
            del self.held[group][which]

    @invariant()
    def every_file_alone_holds(self) -> None:
        for files in self.held.values():
            for one in files:
                assert all(count >= one.k for count in Counter(one.classes.values()).values())


TestReleases = Releases.TestCase
TestReleases.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
