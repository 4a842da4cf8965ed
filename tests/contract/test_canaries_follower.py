"""The log followed for decoys, on both databases: every kind of use, in every quarter, from a leaf or a list, once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

import gateway.bootstrap  # noqa: F401  the composition root imports every store, so that the metadata knows all tables
from gateway.accounts.store import SqlBookkeeping
from gateway.audit.sequencer import SequencerJournal
from gateway.audit.store import SqlLogStore
from gateway.audit.tags import Tagger
from gateway.canaries.follower import BATCH, CURSOR, TouchFollower
from gateway.canaries.records import Canary, CanaryId, CanaryState, Secret
from gateway.canaries.sealing import SecretBox
from gateway.canaries.store import SqlCanaries
from gateway.db import DatabaseReader, make_engine
from gateway.errors import UnavailableError
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.journal import EntryDraft, JsonValue
from gateway.principals import Principal, Role
from tests.factories.accounts import Clock
from tests.factories.alerts import COUNTY, MONDAY, SCHOOL, officer
from tests.factories.journal import TAG_ROOT, make_journal, trail

BOX = SecretBox.from_root(TAG_ROOT)
WHO = officer("7", Role.REGISTRAR, unit=COUNTY)


class OneSchool:
    """``st-7`` works for the school where the decoys lie."""

    def unit_of_account(self, account: str) -> str | None:
        """Return the unit of an account."""
        return SCHOOL if account == WHO.account else None


@dataclass
class Watch:
    """Decoys, a log and who follows it."""

    engine: Engine
    journal: SequencerJournal
    clock: Clock
    store: SqlCanaries = field(default_factory=SqlCanaries)

    def follower(self) -> TouchFollower:
        """Return a worker's follower."""
        return TouchFollower(
            store=self.store,
            box=BOX,
            log=SqlLogStore(self.engine),
            tagger=Tagger.from_root(TAG_ROOT),
            units=OneSchool(),
            reader=DatabaseReader(self.engine),
            journal=self.journal,
            scratch=SqlBookkeeping(self.engine),
        )

    def decoy(self, state: CanaryState = CanaryState.CONFIRMED, *, planted: bool = True) -> tuple[CanaryId, SubjectRef]:
        """Return a new decoy and its reference."""
        canary, subject = CanaryId(f"cn-{secrets.token_hex(8)}"), SubjectRef(secrets.token_hex(16))
        secret = Secret(UnitCode("140000"), "139", person={"school_code": SCHOOL}, subject=subject if planted else None)
        row = Canary(canary, state, self.clock(), AccountId("st-1"), Role.INSPECTOR, BOX.seal(canary, secret))
        SqlBookkeeping(self.engine).write(lambda tx: self.store.add(tx, row))
        return canary, subject

    def note(self, kind: str, *subjects: SubjectRef, actor: Principal | None = None, **facts: JsonValue) -> int:
        """Append an entry about pupils; return its index."""
        return self.journal.append(EntryDraft(kind, actor, facts=facts, subjects=subjects)).index

    def told(self) -> list[tuple[object, object]]:
        """Follow the log to its end; return entry and decoys of each touch."""
        follower = self.follower()
        while follower.round():
            continue
        return [(one["facts"]["entry"], one["facts"]["canaries"]) for one in trail(self.engine, "canary.touched")]


@pytest.fixture
def watch(tables_url: str) -> Iterator[Watch]:
    engine, clock = make_engine(tables_url), Clock(MONDAY)
    journal = make_journal(engine, now=clock)
    try:
        yield Watch(engine, journal, clock)
    finally:
        journal.close()
        engine.dispose()


def others(count: int) -> tuple[SubjectRef, ...]:
    return tuple(SubjectRef(secrets.token_hex(16)) for _ in range(count))


@pytest.mark.rule("A50-16")
def test_every_kind_of_use_is_told_once(watch: Watch) -> None:
    canary, subject = watch.decoy()
    _, unplanted = watch.decoy(planted=False)
    _, withdrawn = watch.decoy(CanaryState.WITHDRAWN)
    used = [
        watch.note(kind, *others(2), subject)
        for kind in ("registry.case", "registry.read", "identity.issued", "family.activated", "release.outcome",
                     "match.looked", "audit.searched")
    ]  # fmt: skip
    used.append(watch.note("registry.read", subject, *others(80), actor=WHO, act="record"))
    for one in (unplanted, withdrawn, *others(2)):
        watch.note("registry.read", one)
    watch.note("release.ready")
    assert watch.told() == [(index, [canary]) for index in used]
    assert watch.told() == [(index, [canary]) for index in used]  # another worker, after a restart


def test_the_next_quarter_has_other_tags_and_is_watched_as_well(watch: Watch) -> None:
    canary, subject = watch.decoy()
    first = watch.note("registry.read", subject)
    watch.clock.at = datetime(2027, 2, 1, tzinfo=UTC)
    second = watch.note("registry.read", subject)
    assert watch.told() == [(first, [canary]), (second, [canary])]


def test_a_schools_own_list_is_no_touch_and_anybody_elses_is(watch: Watch) -> None:
    canary, subject = watch.decoy()
    watch.note("registry.read", subject, actor=WHO, act="list")
    other = watch.note("registry.read", subject, actor=officer("8", Role.REGISTRAR), act="list")
    looked = watch.note("registry.read", subject, actor=WHO, act="lookup")
    assert watch.told() == [(other, [canary]), (looked, [canary])]


def test_one_entry_that_meets_two_decoys_is_one_touch_with_who_and_links(watch: Watch) -> None:
    pairs = sorted((watch.decoy() for _ in range(2)), key=lambda pair: pair[0])
    links = {"grant": "gr-one", "executor": "cl-one"}
    watch.journal.append(
        EntryDraft("release.outcome", None, "complete", links=links, subjects=tuple(s for _, s in pairs))
    )
    watch.told()
    (entry,) = trail(watch.engine, "canary.touched")
    assert sorted(entry["facts"]["canaries"]) == [canary for canary, _ in pairs]
    assert (entry["facts"]["account"], entry["facts"]["count"], entry["links"]) == ("cl-one", 2, links)
    assert "tags" not in entry


def test_of_two_workers_one_tells(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    _, subject = watch.decoy()
    watch.note("registry.read", subject)
    first, second = watch.follower(), watch.follower()
    watched = TouchFollower._watched

    def overtaken(self: TouchFollower) -> object:
        if self is second:
            first.round()  # the other worker is quicker, between this one's look and its write
        return watched(self)

    monkeypatch.setattr(TouchFollower, "_watched", overtaken)
    assert second.round()
    assert len(watch.told()) == 1


def test_a_long_log_is_read_in_pieces_and_a_new_decoy_is_not_told_of_the_past(watch: Watch) -> None:
    _, subject = watch.decoy(planted=False)
    watch.journal.record_all(lambda _tx: None, [EntryDraft("release.ready", None) for _ in range(BATCH + 3)])
    watch.note("registry.read", subject)
    assert watch.told() == []
    position = DatabaseReader(watch.engine).read(lambda tx: SqlLogStore(watch.engine).cursor(tx, CURSOR))
    assert position == BATCH + 4


def test_a_box_opens_for_its_decoy_alone_and_has_one_size() -> None:
    secret = Secret(UnitCode("140000"), "13903510001", person={"school_code": SCHOOL, "name": "虚构" * 50})
    first, other = CanaryId("cn-a"), CanaryId("cn-b")
    box = BOX.seal(first, secret)
    made = Canary(first, CanaryState.PROPOSED, MONDAY, AccountId("st-1"), Role.INSPECTOR, box)
    assert BOX.open(made) == secret
    assert len(box) == len(BOX.seal(other, Secret(UnitCode("140105"), "1")))
    for wrong in (
        Canary(other, CanaryState.PROPOSED, MONDAY, AccountId("st-1"), Role.INSPECTOR, box),
        Canary(first, CanaryState.PROPOSED, MONDAY, AccountId("st-1"), Role.INSPECTOR, box[:-1] + bytes([box[-1] ^ 1])),
    ):
        with pytest.raises(UnavailableError):
            BOX.open(wrong)
    with pytest.raises(UnavailableError):
        SecretBox.from_root(b"another" * 5).open(made)
    assert "虚构" not in repr(secret)
    with pytest.raises(ValueError, match="too long"):
        BOX.seal(first, Secret(UnitCode("140000"), "1", person={"name": "长" * 2000}))
