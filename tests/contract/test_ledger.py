"""Releases to one recipient, one after the other: the ledger, joint k and frozen levels; on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import polars as pl
import pytest

from gateway.policies.records import Format, Level
from gateway.policies.scope import civil_date
from gateway.releases.dry_run_figures import figures_of
from gateway.releases.ledger.errors import JointLimitError, LedgerDamagedError, YearlyReleasesError
from gateway.releases.ledger.records import History
from gateway.releases.ledger.service import Ledger
from gateway.releases.ledger.shelf import FOLDER
from gateway.releases.records import Extract, ExtractRequest, ExtractState
from tests.factories import house_fixtures
from tests.factories.ledgers import change, content, held, ledger_of, line_of, report_of, require_joint, subjects
from tests.factories.release_cases import (
    APPROVER,
    BOOKS,
    BUS,
    CASES,
    CONFIRMER,
    RECORDER,
    approval,
    client,
    grant_for,
    submit,
)
from tests.factories.releases import House

house = house_fixtures.fresh_on_both
small = house_fixtures.fresh

BOOKS_PROFILE = "textbook-anonymous"


def failed(house: House, profile: str = BOOKS_PROFILE, **request: object) -> Extract:
    extract = house.start(profile, **request)  # type: ignore[arg-type]  # members of the request
    house.work()
    extract = house.extract(extract.id)
    assert extract.state is ExtractState.FAILED
    return extract


@pytest.mark.rule("A50-8")
def test_releases_to_one_recipient_never_tell_fewer_than_k_apart(house: House) -> None:
    pupils = subjects(house)
    first = house.prepared(BOOKS_PROFILE)
    told = report_of(first)["joint_k"]
    assert (told["demanded"], told["earlier_releases"], told["withheld"], told["chain_place"]) == (10, 0, 0, "first")
    house.clock.turn(seconds=1)
    again = house.prepared(BOOKS_PROFILE)
    told = report_of(again)["joint_k"]
    assert (told["earlier_releases"], told["withheld"], told["chain_place"]) == (1, 0, "again")
    names = content(house, first).columns
    assert content(house, again).sort(names).equals(content(house, first).sort(names))
    house.clock.turn(seconds=1)
    assert change(house, lambda place: place % 90 == 7, state="graduated") == 10
    changed = house.prepared(BOOKS_PROFILE)
    report = report_of(changed)
    told = report["joint_k"]
    assert told["withheld"] == report["suppressed_by"]["joint"] > 0
    assert told["reached"] >= 10
    assert report["rows_suppressed"] == report["suppressed_by"]["class"] + told["withheld"]
    files = [held(house, one, pupils) for one in (first, again, changed)]
    require_joint(files)
    frame = content(house, changed)
    assert sorted(Counter(files[-1].classes.values()).values()) == sorted(
        frame.group_by([name for name in frame.columns if name != "state"]).len()["len"].to_list()
    )
    differences = report["differencing"]
    assert [one["extract"] for one in differences["compared"]] == [first.id, again.id]
    counts = [number for one in differences["compared"] for number in (one["missing"], one["added"])]
    assert all(number == 0 or number >= 10 for number in counts)
    assert differences["smallest"] >= 10
    entry = house.entries("release.prepared")[-1]["facts"]["joint_k"]
    assert (entry["earlier_releases"], entry["withheld"]) == (2, told["withheld"])


def test_other_fields_and_other_pupils_are_judged_together_with_what_was_given(house: House) -> None:
    pupils = subjects(house)
    made = [
        house.prepared(BOOKS_PROFILE, fields=("county", "grade", "sex")),
        house.prepared(BOOKS_PROFILE, fields=("grade", "boarding"), stages=frozenset({"primary"})),
        house.prepared(BOOKS_PROFILE, fields=("county", "stage", "sex")),
    ]
    require_joint([held(house, one, pupils) for one in made])
    assert len({line_of(house, one).chain for one in made}) == 3


def test_what_ended_unused_counts_no_more_and_what_was_fetched_counts_for_good(house: House) -> None:
    ledger = ledger_of(house)
    unused, fetched = house.prepared(BOOKS_PROFILE), house.prepared(BOOKS_PROFILE)
    house.content(fetched)
    counted = {release.extract for release in ledger.history(BOOKS).releases}
    assert counted == {unused.id, fetched.id}  # one that may be fetched counts, too
    house.certify(unused)
    house.certify(fetched)
    assert {release.extract for release in ledger.history(BOOKS).releases} == {fetched.id}
    assert house.extract(fetched.id).state is ExtractState.DELETED
    path = ledger.shelf.path(unused.id, line_of(house, unused).wrapped_key)
    assert path.exists()
    assert ledger.sweep()
    assert not path.exists()
    assert ledger.rows(line_of(house, fetched)).rows == fetched.rows


def test_a_ledger_that_lost_its_rows_releases_nothing(house: House) -> None:
    first = house.prepared(BOOKS_PROFILE)
    line = line_of(house, first)
    path = ledger_of(house).shelf.path(first.id, line.wrapped_key)
    sealed = path.read_bytes()
    left = house.uses_left(first.grant)
    for damage in (b"", sealed[:-1], sealed[:40] + bytes([sealed[40] ^ 1]) + sealed[41:], None):
        if damage is None:
            path.unlink()
        else:
            path.write_bytes(damage)
        extract = failed(house)
        assert extract.failure == LedgerDamagedError.__name__
        with pytest.raises(LedgerDamagedError):
            house.deliver(extract)
    assert house.uses_left(first.grant) == left
    assert house.entries("release.failed")[-1]["facts"]["problem"] == "LedgerDamagedError"
    path.write_bytes(sealed)
    assert report_of(house.prepared(BOOKS_PROFILE))["joint_k"]["earlier_releases"] == 1
    house.prepared("bus-pseudonymous")  # rows without k do not hang on it


def test_two_workers_who_finish_at_once_do_not_miss_each_other(house: House) -> None:
    preparation = house.preparation()
    ledger = preparation.ledger
    other = house.prepared(BOOKS_PROFILE)  # while the next one is under way, another worker finishes this one
    stale = replace(ledger.history(BOOKS), version=0, releases=())
    house.clock.turn(seconds=1)
    tried: list[int] = []

    class Late(Ledger):
        """Does not see the other release at first."""

        def history(self, recipient: object) -> History:
            tried.append(1)
            return stale if len(tried) == 1 else ledger.history(BOOKS)

    late = Late(**{name: getattr(ledger, name) for name in Ledger.__dataclass_fields__})
    extract = house.start(BOOKS_PROFILE)
    assert replace(preparation, ledger=late).run_next()
    made = house.extract(extract.id)
    assert made.state is ExtractState.READY
    assert len(tried) == 2
    assert report_of(made)["joint_k"]["earlier_releases"] == 1
    assert [one.extract for one in ledger.history(BOOKS).releases] == [other.id, made.id]
    assert len(house.entries("release.prepared")) == 3  # with that of the template
    assert ledger.sweep()  # the rows of the first try
    assert not ledger.sweep()
    assert len(list((house.settings.files / FOLDER).iterdir())) == 3


def test_groups_that_may_collude_are_judged_as_one(small: House) -> None:
    preparation = small.preparation()
    ledger = preparation.ledger
    rules = replace(ledger.rules, together={"pool": frozenset({BOOKS, BUS})})
    together = replace(ledger, rules=rules)
    assert together.group_of(BOOKS) == together.group_of(BUS) == "group:pool"
    assert str(ledger.group_of(BUS)) == BUS
    case = replace(CASES[BOOKS_PROFILE], recipient=BUS)
    grant = grant_for(small.services, case)
    pupils = subjects(small)
    own = replace(preparation, ledger=together)

    def made(profile: str, **request: object) -> Extract:
        extract = small.start(profile, **request)  # type: ignore[arg-type]  # members of the request
        assert own.run_next()
        return small.extract(extract.id)

    before = small.prepared(BOOKS_PROFILE, fields=("county", "sex"))  # before there was a group
    first = made(BOOKS_PROFILE, fields=("grade", "sex"))
    request = small.start(BOOKS_PROFILE, fields=("county", "stage"))
    assert own.run_next()
    second = small.extract(request.id)
    asked = small.services.releases.start(grant, ExtractRequest(Format.CSV, fields=("boarding", "county")), client(BUS))
    assert own.run_next()
    third = small.extract(asked.id)
    assert [one.state for one in (first, second, third)] == [ExtractState.READY] * 3
    told = report_of(third)
    assert told["joint_k"]["earlier_releases"] == 3
    assert told["differencing"]["compared"] == []  # what others hold is not told
    require_joint([held(small, one, pupils) for one in (before, first, second, third)])


def test_more_is_withheld_than_the_limit_so_nothing_leaves(small: House) -> None:
    preparation = small.preparation()
    strict = replace(preparation.ledger, rules=replace(preparation.ledger.rules, withheld_share=0.0))
    first = small.prepared(BOOKS_PROFILE)
    change(small, lambda place: place % 90 == 7, state="graduated")
    extract = small.start(BOOKS_PROFILE)
    assert replace(preparation, ledger=strict).run_next()
    extract = small.extract(extract.id)
    assert (extract.state, extract.failure) == (ExtractState.FAILED, JointLimitError.__name__)
    with pytest.raises(JointLimitError) as error:
        small.deliver(extract)
    assert "earlier extract" in error.value.detail
    assert [one.extract for one in strict.history(BOOKS).releases] == [first.id]


def test_a_year_has_so_many_releases_and_no_more(small: House) -> None:
    preparation = small.preparation()
    one = replace(preparation.ledger, rules=replace(preparation.ledger.rules, yearly_releases=1))
    small.prepared(BOOKS_PROFILE)
    extract = small.start(BOOKS_PROFILE)
    left = small.uses_left(extract.grant)
    assert replace(preparation, ledger=one).run_next()
    extract = small.extract(extract.id)
    assert (extract.state, extract.failure) == (ExtractState.FAILED, YearlyReleasesError.__name__)
    assert small.uses_left(extract.grant) == left + 1
    assert small.entries("release.refused")[-1]["facts"]["dimension"] == "releases"
    with pytest.raises(YearlyReleasesError):
        small.deliver(extract)


def test_rows_without_k_are_put_down_and_told_of(small: House) -> None:
    line = line_of(small, small.ready())
    table = ledger_of(small).rows(line)
    assert (line.k, line.level, line.rows) == (None, Level.PSEUDONYMOUS, small.ready().rows)
    assert set(table.classes.tolist()) == {0}
    assert len(set(table.content.tolist())) > 1
    again = line_of(small, small.prepared("bus-pseudonymous"))
    later = ledger_of(small).rows(again)
    assert again.digest == line.digest
    assert (later.high.tolist(), later.content.tolist()) == (table.high.tolist(), table.content.tolist())
    assert change(small, lambda place: place == 3, class_name="九班") == 1
    third = ledger_of(small).rows(line_of(small, small.prepared("bus-pseudonymous")))
    assert int((third.content != later.content).sum()) == 1
    grant = grant_for(small.services, replace(CASES[BOOKS_PROFILE], recipient=BUS))
    asked = small.services.releases.start(grant, ExtractRequest(Format.CSV), client(BUS))
    small.work()
    told = report_of(small.extract(asked.id))["joint_k"]
    assert (told["identified_releases"], told["earlier_releases"]) == (3, 0)


def test_no_identifier_and_no_pseudonym_lies_in_the_ledger(small: House) -> None:
    made = small.prepared("bus-pseudonymous")
    line, ledger = line_of(small, made), ledger_of(small)
    table = ledger.rows(line)
    tags = {f"{high:016x}{low:016x}" for high, low in zip(table.high.tolist(), table.low.tolist(), strict=True)}
    assert len(tags) == line.rows
    pseudonyms = set(content(small, made)["pseudonym"].to_list())
    assert not tags & pseudonyms
    assert not tags & set(subjects(small))
    assert not {f"{one:016x}" for one in table.content.tolist()} & {tag[:16] for tag in tags}
    sealed = ledger.shelf.path(made.id, line.wrapped_key).read_bytes()
    assert not any(name.encode() in sealed for name in list(pseudonyms)[:20])
    high, _ = ledger.tags(ledger.group_of(BOOKS), pl.Series("subject_ref", subjects(small)))
    assert not set(high.tolist()) & set(table.high.tolist())


def test_the_dry_run_heeds_earlier_releases_as_the_release_does_and_puts_nothing_down(small: House) -> None:
    ledger = ledger_of(small)
    first = small.prepared(BOOKS_PROFILE)
    change(small, lambda place: place % 90 == 7, state="graduated")
    services = small.services
    made = submit(services, CASES[BOOKS_PROFILE])
    number = approval(civil_date(small.clock()), "778")
    made = services.applications.record_ground(RECORDER, made.id, number, version=made.version)
    made = services.applications.confirm_ground(CONFIRMER, made.id, version=made.version)
    assert services.dry_runs is not None
    run = services.dry_runs.start(APPROVER, made.id)
    small.work()
    run = services.dry_runs.get(APPROVER, run.id)
    tried = json.loads(run.report)
    assert [one.extract for one in ledger.history(BOOKS).releases] == [first.id]
    assert ledger.history(BOOKS).version == 1
    done = services.applications.decide(APPROVER, made.id, "approve", version=made.version, dry_run=run.id)
    report = report_of(small.prepared(BOOKS_PROFILE, grant=done.grant_id))
    for member in ("joint_k", "differencing", "suppressed_by", "rows_out", "after", "loss", "columns"):
        assert report[member] == tried[member], member
    assert report["joint_k"]["withheld"] > 0
    figures = figures_of(run)
    assert figures is not None
    assert figures.joint_k == report["joint_k"]["reached"]
