"""A chain read from entries: whole, still under way, and broken in every way that a gap has a name for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from gateway.audit.chain import Gap, State, Step, anchor, read_chain
from gateway.audit.listing import ListingForm, listed
from gateway.audit.records import EntryView
from gateway.console import chains
from gateway.errors import NotFoundError
from gateway.instants import micros_text

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OF_APPLICATION = {"application": "ap-a", "recipient": "91140100MA0GXXXX0L", "responsible": "李主任"}
OF_GROUND = {**OF_APPLICATION, "ground": "ba-g", "basis_recorder": "st-7"}
OF_GRANT = {**OF_GROUND, "basis_confirmer": "st-8", "approver": "st-9", "grant": "gr-g"}
OF_EXTRACT = {**OF_GRANT, "executor": "cl-2", "extract": "ex-e"}


@dataclass
class Log:
    """Entries in memory, found as the service finds them."""

    entries: list[EntryView] = field(default_factory=list)
    at: datetime = NOW - timedelta(days=1)

    def add(self, kind: str, actor: str | None, links: Mapping[str, str], outcome: str = "done", **facts: Any) -> None:  # noqa: ANN401  facts
        self.at += timedelta(minutes=1)
        who = None if actor is None else {"id": actor, "kind": "staff", "post": "科员", "unit": "140105"}
        content: dict[str, Any] = {"v": 1, "kind": kind, "at": micros_text(self.at), "actor": who, "outcome": outcome,
                   "facts": facts, "links": dict(links), "policy": None}  # fmt: skip
        self.entries.append(EntryView(len(self.entries), b"\0" * 32, content))

    def without(self, *kinds: str) -> Log:
        return Log([one for one in self.entries if one.content["kind"] not in kinds], self.at)

    def changed(self, kind: str, **members: Any) -> Log:  # noqa: ANN401  members of an entry
        def change(one: EntryView) -> EntryView:
            content = {**one.content, **members} if one.content["kind"] == kind else one.content
            return EntryView(one.index, one.leaf_hash, content)

        return Log([change(one) for one in self.entries], self.at)

    def find(self, kinds: Sequence[str], links: Mapping[str, str], limit: int) -> list[EntryView]:
        return [
            one
            for one in reversed(self.entries)
            if (not kinds or one.content["kind"] in kinds)
            and all(one.content["links"].get(name) == value for name, value in links.items())  # type: ignore[union-attr]  # JSON
        ][:limit]

    def gaps(self, identifier: str = "ex-e", now: datetime = NOW) -> dict[Step, Gap | None]:
        return {node.step: node.gap for node in read_chain(identifier, self.find, now).gaps}


@pytest.fixture
def log() -> Log:
    made = Log()
    made.add("application.submitted", "st-21", OF_APPLICATION)
    made.add("ground.recorded", "st-7", {**OF_GROUND, "ground": "ba-old"}, ground_label="被退回的依据")
    made.add("ground.recorded", "st-7", OF_GROUND, ground_label="太原市人民政府 并政函〔2026〕18号")
    made.add("ground.confirmed", "st-8", {**OF_GROUND, "basis_confirmer": "st-8"})
    made.add("application.approved", "st-9", OF_GRANT, ground_label="太原市人民政府 并政函〔2026〕18号")
    made.add("release.requested", "cl-2", OF_EXTRACT)
    made.add("release.prepared", None, OF_EXTRACT, sha256="3c" * 32, rows=4310)
    for delivery in ("dl-1", "dl-2"):
        made.add("release.intent", "cl-2", OF_EXTRACT, delivery=delivery, sha256="3c" * 32, rows=4310)
        made.add("release.outcome", "cl-2", OF_EXTRACT, "complete", delivery=delivery, bytes=7)
    return made


def test_a_whole_chain_has_an_entry_for_each_step(log: Log) -> None:
    chain = read_chain("ex-e", log.find, NOW)
    assert chain.whole
    assert [node.step for node in chain.nodes] == list(Step)
    told = {node.step: (node.value, None if node.entry is None else node.entry.index) for node in chain.nodes}
    assert told == {
        Step.GROUND: ("ba-g", 2),
        Step.RECORDED: ("st-7", 2),
        Step.CONFIRMED: ("st-8", 3),
        Step.APPROVED: ("st-9", 4),
        Step.EXECUTED: ("cl-2", 5),
        Step.RECIPIENT: ("91140100MA0GXXXX0L", 4),
        Step.RESPONSIBLE: ("李主任", 4),
        Step.FILE: ("3c" * 32, 6),
        Step.ROWS: ("4310", 6),
        Step.PROOF: ("10", 10),
    }
    assert [(pair.intent.index, pair.outcome and pair.outcome.index) for pair in chain.deliveries] == [(9, 10), (7, 8)]


def test_what_is_still_to_come_is_no_gap(log: Log) -> None:
    young = Log(log.entries[:1], log.at)
    chain = read_chain("ap-a", young.find, NOW)
    assert chain.whole
    assert {node.state for node in chain.nodes[:5]} == {State.AHEAD}
    granted = read_chain("gr-g", Log(log.entries[:5], log.at).find, NOW)
    assert granted.whole
    assert [node.state for node in granted.nodes[:5]] == [State.DONE] * 4 + [State.AHEAD]


def test_under_separation_two_the_decision_confirms(log: Log) -> None:
    links = {**OF_GRANT, "basis_confirmer": "st-9"}
    alone = log.without("ground.confirmed").changed(
        "application.approved", facts={"confirmed_in_same_act": True}, links=links
    )
    for kind in ("release.requested", "release.prepared", "release.intent", "release.outcome"):
        alone = alone.changed(kind, links={**OF_EXTRACT, "basis_confirmer": "st-9"})
    assert alone.gaps() == {}


@pytest.mark.parametrize(
    ("kind", "steps"),
    [
        ("ground.recorded", {Step.GROUND, Step.RECORDED}),
        ("ground.confirmed", {Step.CONFIRMED}),
        ("release.requested", {Step.EXECUTED}),
        ("release.prepared", {Step.FILE, Step.ROWS}),
        ("release.intent", {Step.PROOF}),
    ],
)
def test_a_step_without_its_entry_is_a_gap(log: Log, kind: str, steps: set[Step]) -> None:
    assert log.without(kind).gaps() == dict.fromkeys(steps, Gap.NO_ENTRY)


def test_a_release_without_a_decision_is_broken_there(log: Log) -> None:
    gaps = log.without("application.approved", "application.submitted").gaps()
    assert gaps == dict.fromkeys((Step.APPROVED, Step.RECIPIENT, Step.RESPONSIBLE), Gap.NO_ENTRY)


def test_whoever_acted_must_be_whom_the_chain_names(log: Log) -> None:
    stranger = {"id": "st-99", "kind": "staff"}
    assert log.changed("ground.confirmed", actor=stranger).gaps() == {Step.CONFIRMED: Gap.OTHER_PERSON}
    assert log.changed("application.approved", actor=None).gaps() == {Step.APPROVED: Gap.OTHER_PERSON}
    assert log.changed("release.requested", actor=stranger).gaps() == {Step.EXECUTED: Gap.OTHER_PERSON}


def test_one_person_cannot_do_what_two_must(log: Log) -> None:
    both = log
    for kind, links in (("application.approved", OF_GRANT), ("release.requested", OF_EXTRACT),
                        ("release.prepared", OF_EXTRACT), ("release.intent", OF_EXTRACT),
                        ("release.outcome", OF_EXTRACT)):  # fmt: skip
        both = both.changed(kind, links={**links, "approver": "st-7"})
    both = both.changed("application.approved", actor={"id": "st-7", "kind": "staff"})
    assert both.gaps() == {Step.APPROVED: Gap.SAME_PERSON}


def test_entries_that_tell_different_things_are_a_gap(log: Log) -> None:
    other = log.changed("release.intent", links={**OF_EXTRACT, "recipient": "91140100MA0GYYYY0M"})
    assert other.gaps() == {Step.RECIPIENT: Gap.CONTRADICTED}
    swapped = log.changed("release.prepared", facts={"sha256": "4d" * 32, "rows": 4310})
    assert swapped.gaps() == {Step.FILE: Gap.CONTRADICTED}


def test_a_delivery_without_its_end_is_a_gap_when_it_is_not_under_way(log: Log) -> None:
    begun = log.without("release.outcome")
    assert begun.gaps() == {Step.PROOF: Gap.NO_OUTCOME}
    assert begun.gaps(now=begun.at) == {}


@pytest.mark.parametrize("identifier", ["ex-none", "gr-none", "ap-none", "st-7", "ex-", "ex", ""])
def test_what_no_entry_tells_of_is_not_found(log: Log, identifier: str) -> None:
    with pytest.raises(NotFoundError):
        read_chain(identifier, log.find, NOW)


def test_an_id_says_what_it_is_of() -> None:
    assert [anchor(one) for one in ("ap-x", "gr-x", "ex-x")] == ["application", "grant", "extract"]


# drawn, and listed


def test_the_drawing_has_a_box_for_each_step_in_order_and_none_overlap(log: Log) -> None:
    picture = chains.drawn(read_chain("ex-e", log.without("ground.confirmed").find, NOW))
    places = [box.y for box in picture.boxes]
    assert {later - earlier for earlier, later in pairwise(places)} == {picture.box_height + picture.gap}
    assert places[-1] + picture.box_height < picture.height
    assert [box.node.step for box in picture.boxes if box.broken] == [Step.CONFIRMED]
    values = {box.node.step: box.value for box in picture.boxes}
    assert values[Step.ROWS] == "4,310"
    assert values[Step.FILE] == "3c" * 8 + "…"


def test_a_long_text_is_cut_to_the_box(log: Log) -> None:
    long = log.changed("application.approved", facts={"ground_label": "人民政府" * 20})
    ground = chains.drawn(read_chain("ex-e", long.find, NOW)).boxes[0]
    assert len(ground.value) <= 26
    assert ground.value.endswith("…")


def test_a_listing_cell_is_no_formula(log: Log) -> None:
    bad = log.changed("application.submitted", links={**OF_APPLICATION, "responsible": "=1+1"})
    told = listed(bad.entries[:1], ListingForm.CSV).decode("utf-8-sig")
    assert ",'=1+1," in told
    assert told.count("\r\n") == 2
