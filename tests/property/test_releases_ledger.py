"""Releases at random to several recipients, through the pipeline and the ledger: joint k never falls below k."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from random import Random
from typing import Literal

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from core_registry.sharing import RowFilter
from gateway.anonymize.errors import SearchError
from gateway.anonymize.plan import Plan, PlanColumn
from gateway.anonymize.transform import Transformer
from gateway.ids import ExtractId, GrantId, RecipientId
from gateway.policies.records import Level
from gateway.releases.ledger.chain import chain_of, comparable
from gateway.releases.ledger.errors import JointLimitError
from gateway.releases.ledger.precedents import Precedents
from gateway.releases.ledger.recorder import Recorder, demands_of, digest_make
from gateway.releases.ledger.records import GroupId, History, LedgerRelease, Numbers, RowTable
from gateway.releases.ledger.tags import LedgerKeys
from gateway.releases.pipeline import Reading
from gateway.settings import default_config
from rulebook import Rulebook, load
from tests.factories.ledgers import Held, require_joint

COUNTIES = ("140105", "140106", "140107")
COLUMNS = {
    "county": PlanColumn("county", "school_division", "县区", "quasi", "generalize", "division"),
    "grade": PlanColumn("grade", "grade", "年级", "quasi", "generalize", "grade"),
    "sex": PlanColumn("sex", "sex", "性别", "quasi", "generalize", "sex"),
    "disability": PlanColumn("disability", "disability", "残疾", "sensitive", "keep"),
}
GROUPS = {"a": "pool", "b": "pool", "c": "c"}
LIMIT = 0.5


@cache
def book() -> Rulebook:
    return load(default_config())


@dataclass
class Snapshot:
    """The sharing view of a moment, in memory."""

    rows: pl.DataFrame
    version: str = "1"

    def _taken(self, rows: RowFilter) -> pl.DataFrame:
        found = self.rows
        for column, values in rows.conditions().items():
            found = found.filter(pl.col(column).is_in(sorted(values)))
        return found.sort("subject_ref")

    def count(self, rows: RowFilter) -> int:
        return self._taken(rows).height

    def batches(self, columns: Sequence[str], rows: RowFilter, *, batch_rows: int = 65_536) -> Iterator[pa.RecordBatch]:
        yield from self._taken(rows).select(columns).to_arrow().to_batches(max_chunksize=7)

    def tuples(self, columns: Sequence[str], rows: RowFilter) -> pl.DataFrame:
        return self._taken(rows).group_by(list(columns)).agg(n=pl.len())


@dataclass
class Shelf:
    """The ledger in memory."""

    keys: LedgerKeys = field(default_factory=lambda: LedgerKeys(bytes(range(32))))
    tables: dict[ExtractId, RowTable] = field(default_factory=dict)
    lines: list[LedgerRelease] = field(default_factory=list)

    def group_of(self, recipient: RecipientId) -> GroupId:
        return GroupId(GROUPS[recipient])

    def history(self, recipient: RecipientId) -> History:
        group = self.group_of(recipient)
        return History(group, len(self.lines), tuple(line for line in self.lines if line.group == group))

    def of_grant(self, grant: GrantId) -> Sequence[LedgerRelease]:
        return [line for line in self.lines if line.grant == grant]

    def rows(self, release: LedgerRelease, columns: Collection[str] | None = None) -> RowTable:
        return self.tables[release.extract]

    def tags(self, group: GroupId, subjects: pl.Series) -> tuple[Numbers, Numbers]:
        return self.keys.tags(group, subjects)


ROW = st.tuples(
    st.sampled_from(COUNTIES), st.sampled_from(["11", "12", "21", "31"]), st.sampled_from("12"), st.booleans()
)  # fmt: skip
Asked = tuple[str, frozenset[str], bool, int, int | None, Literal["global", "local"], str | None]
"""Recipient, quasi-identifiers, with the sensitive column or not, k, l, recoding, a stage or all."""
WAYS: list[Literal["global", "local"]] = ["global", "global", "local"]
ASKED = st.tuples(
    st.sampled_from("abc"), st.frozensets(st.sampled_from(["county", "grade", "sex"]), min_size=1), st.booleans(),
    st.integers(2, 5), st.none() | st.just(2), st.sampled_from(WAYS), st.sampled_from([None, None, "primary"]),
)  # fmt: skip
STAGES = {"1": "primary", "2": "junior", "3": "senior"}


class Releases(RuleBasedStateMachine):
    """Pupils come, go and change; recipients ask for columns, stages, k, l and ways of recoding of all kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.pupils: dict[str, tuple[str, str, str, bool]] = {}
        self.made = 0
        self.last: Asked | None = None
        self.shelf = Shelf()
        self.files: dict[str, list[Held]] = defaultdict(list)
        self.chains: dict[tuple[str, str], list[dict[str, int]]] = defaultdict(list)

    @initialize(count=st.integers(60, 160), chance=st.randoms(use_true_random=False))
    def enrol(self, count: int, chance: Random) -> None:
        grades = ["11", "12", "21", "31"]
        self.come(
            [
                (chance.choice(COUNTIES), chance.choice(grades), chance.choice("12"), chance.random() < 0.3)
                for _ in range(count)
            ]
        )

    @rule(rows=st.lists(ROW, max_size=6))
    def come(self, rows: list[tuple[str, str, str, bool]]) -> None:
        for row in rows:
            self.made += 1
            self.pupils[f"{self.made * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"] = row

    @rule(share=st.integers(5, 40))
    def leave(self, share: int) -> None:
        for place, name in enumerate(sorted(self.pupils)):
            if place % share == share - 1:
                del self.pupils[name]

    @rule(place=st.integers(0, 90), row=ROW)
    def change(self, place: int, row: tuple[str, str, str, bool]) -> None:
        names = sorted(self.pupils)
        if place < len(names):
            self.pupils[names[place]] = row

    @rule(group=st.sampled_from(["pool", "c"]))
    def expire(self, group: str) -> None:
        """The last file of a group ended unused."""
        if self.files[group]:
            self.files[group].pop()
            line = [one for one in self.shelf.lines if one.group == group and one.k is not None][-1]
            self.shelf.lines.remove(line)

    @rule(asked=st.lists(ASKED, min_size=1, max_size=3))
    def release(self, asked: list[Asked]) -> None:
        for one in asked:
            self.last = one
            self._release(one)

    @rule(gone=st.integers(10, 60))
    def release_again(self, gone: int) -> None:
        """The same once more, a little later."""
        self.leave(gone)
        if self.last is not None:
            self._release(self.last)

    def _release(self, asked: Asked) -> None:
        recipient, names, sensitive, k, l, recoding, stages = asked  # noqa: E741  named as the model
        columns = tuple(COLUMNS[name] for name in [*sorted(names), *(["disability"] if sensitive else [])])
        plan = Plan(
            level="anonymous", profile="made-up", columns=columns, k=k, l_diversity=l if sensitive else None,
            suppression_limit=0.3, row_cap=10_000, retention_days=30, rulebook_sha256="", recoding=recoding,
        )  # fmt: skip
        group = self.shelf.group_of(RecipientId(recipient))
        history, chain = self.shelf.history(RecipientId(recipient)), chain_of(plan, "made-up", 2026)
        precedents = Precedents(plan, RecipientId(recipient), group, history, chain, LIMIT, self.shelf)
        transformer = Transformer(plan, book().hierarchies, book().divisions)
        wanted = RowFilter(stages=None if stages is None else frozenset({stages}))
        try:
            reading = Reading.begin(
                transformer, self._snapshot(), wanted, cap=10_000, progress=lambda _done, _total: None,
                precedents=precedents,
            )  # fmt: skip
        except (SearchError, JointLimitError):
            return  # nothing left: nothing is given away
        reading.recorder = recorder = Recorder(plan, group, self.shelf)
        file = pl.concat(list(reading.frames()))
        report = reading.report(rows_out=reading.rows_out)
        table = recorder.table()
        new = self._held(group, table, k)
        self._agrees(file, new, names)
        require_joint([*self.files[group], new])
        if sensitive and l:
            self._diverse(group, new, l)
        told = report.joint_k
        assert told is not None
        assert told["reached"] == min(Counter(self._views([*self.files[group], new], new)).values())
        assert report.rows_in == report.rows_out + report.rows_suppressed
        assert reading.decided is not None
        levels = dict(reading.decided.levels)
        if levels and recoding == "global":
            assert all(comparable(levels, before) for before in self.chains[group, chain]), "a crossing choice"
            self.chains[group, chain].append(levels)
        self.files[group].append(new)
        self._put_down(plan, recipient, group, chain, levels, table)

    @invariant()
    def nothing_is_known_of_anybody(self) -> None:
        for files in self.files.values():
            for one in files:
                assert not one.classes or min(Counter(one.classes.values()).values()) >= one.k

    # -- the register, the ledger, the attacker

    def _snapshot(self) -> Snapshot:
        rows = [
            (name, county, grade, STAGES[grade[0]], sex, disabled)
            for name, (county, grade, sex, disabled) in self.pupils.items()
        ]
        names = ["subject_ref", "school_division", "grade", "stage", "sex", "disability"]
        kinds = [pl.String] * 5 + [pl.Boolean]
        return Snapshot(pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row"))

    def _held(self, group: GroupId, table: RowTable, k: int) -> Held:
        names = sorted(self.pupils)
        high, low = self.shelf.tags(group, pl.Series("subject_ref", names, dtype=pl.String))
        found = dict(zip(zip(high.tolist(), low.tolist(), strict=True), names, strict=True))
        pairs = zip(table.high.tolist(), table.low.tolist(), strict=True)
        return Held(k, {found[pair]: number for pair, number in zip(pairs, table.classes.tolist(), strict=True)})

    def _agrees(self, file: pl.DataFrame, new: Held, names: frozenset[str]) -> None:
        """The ledger says of the file what stands in it."""
        assert file.height == len(new.classes)
        sizes = file.group_by(sorted(names)).len()["len"].to_list()
        assert sorted(sizes) == sorted(Counter(new.classes.values()).values())

    def _views(self, files: list[Held], new: Held) -> list[tuple[object, ...]]:
        return [tuple(one.classes.get(name) for one in files) for name in new.classes]

    def _diverse(self, group: GroupId, new: Held, l: int) -> None:  # noqa: E741  the name of the model
        values: dict[tuple[object, ...], set[bool]] = defaultdict(set)
        for name, view in zip(new.classes, self._views([*self.files[group], new], new), strict=True):
            values[view].add(self.pupils[name][3])
        assert all(len(found) >= l for found in values.values())

    def _put_down(
        self, plan: Plan, recipient: str, group: GroupId, chain: str, levels: dict[str, int], table: RowTable
    ) -> None:
        extract = ExtractId(f"ex-{self.made}-{len(self.shelf.tables)}")
        self.shelf.tables[extract] = table
        at = datetime(2026, 11, 30, tzinfo=UTC)
        self.shelf.lines.append(
            LedgerRelease(
                extract, group, RecipientId(recipient), GrantId("gr-1"), "ap-1", "made-up", plan.profile,
                Level.ANONYMOUS, 2026, chain, levels, plan.k, demands_of(plan), table.rows, 0, "", 0,
                digest_make(plan), "1", at, date.max,
            )
        )  # fmt: skip


TestReleases = Releases.TestCase
TestReleases.settings = settings(max_examples=10, stateful_step_count=20, deadline=None)


@pytest.mark.soak
def test_releases_at_random_never_fall_below_k_in_a_long_run() -> None:
    long_run = settings(max_examples=500, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(Releases, settings=long_run)
