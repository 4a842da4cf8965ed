"""A dry run measures what the release then reports, shows no few and keeps no more than it needs."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import text

from gateway import bootstrap
from gateway.anonymize.errors import SearchError
from gateway.anonymize.masks import MASK_SHAPES
from gateway.db import make_engine
from gateway.errors import ConflictError, ForbiddenError, NotFoundError
from gateway.ids import GrantId
from gateway.keyring import Face
from gateway.policies.errors import ApplicationIncompleteError, ScopeExceededError, StaleVersionError, WrongStateError
from gateway.policies.records import Application
from gateway.policies.scope import civil_date
from gateway.principals import Principal, Role
from gateway.releases.dry_run import DryRun, DryRunState
from gateway.releases.dry_run_figures import figures_of
from gateway.releases.dry_run_holdings import Holdings
from gateway.releases.dry_run_service import DryRunService
from gateway.releases.dry_run_store import DryRunStore
from gateway.releases.errors import ContentDamagedError
from tests.factories import house_fixtures
from tests.factories.release_cases import (
    APPROVER,
    CASES,
    CONFIRMER,
    EXECUTOR,
    INSPECTOR,
    RECORDER,
    REGISTRAR,
    applicant,
    approval,
    client,
    officer,
    submit,
)
from tests.factories.releases import House, make_house, opened

ROWS = ("textbook-anonymous", "bus-pseudonymous", "aid-masked")
BESIDE = {
    "extract", "grant", "application", "ground", "ground_kind", "basis_recorder", "basis_confirmer", "approver",
    "approver_unit", "approver_post", "approved_at", "executor", "recipient", "recipient_name", "responsible",
    "purpose", "population", "delete_by", "prepared_at", "sha256", "bytes", "file_name", "format",
    "personal_information", "policy_set", "software", "leak_scan",
}  # fmt: skip
"""Members of a release report that are not about the data."""


house = house_fixtures.fresh_on_both
small = house_fixtures.shared  # for the tests that leave the clock alone; each has its own application


def dry_runs(house: House) -> DryRunService:
    found = house.services.dry_runs
    assert found is not None
    return found


def confirmed(house: House, case: str, **changes: Any) -> Application:  # noqa: ANN401  members of the scope
    """Take an application to where it waits for the decision."""
    applications, made = house.services.applications, submit(house.services, CASES[case], **changes)
    made = applications.record_ground(
        RECORDER, made.id, approval(civil_date(house.clock()), "777"), version=made.version
    )
    return applications.confirm_ground(CONFIRMER, made.id, version=made.version)


def tried(house: House, application: Application, who: Principal = APPROVER) -> DryRun:
    """Run a dry run to its end."""
    run = dry_runs(house).start(who, application.id)
    house.work()
    return dry_runs(house).get(who, run.id)


def approve(house: House, application: Application, dry_run: str | None = None) -> GrantId:
    done = house.services.applications.decide(
        APPROVER, application.id, "approve", version=application.version, dry_run=dry_run
    )
    assert done.grant_id is not None
    return done.grant_id


def test_the_figures_are_those_of_the_release_on_the_same_snapshot(house: House) -> None:
    for case in ROWS:
        compare(house, case)


def compare(house: House, case: str) -> None:
    """Try out, decide, extract, and compare every figure."""
    application = confirmed(house, case)
    run = tried(house, application)
    assert run.state is DryRunState.DONE, run.failure
    grant = approve(house, application, run.id)
    extract = house.prepared(case, grant=grant)
    report = json.loads(extract.report)
    assert report["snapshot"] == run.snapshot
    measured = json.loads(run.report)
    figures = {name: value for name, value in report.items() if name not in {*BESIDE, "snapshot", "pseudonym_key_id"}}
    assert measured.pop("pseudonym_key_id") is None  # the key of a dry run is thrown away
    assert figures == measured
    assert figures["rows_out"] == extract.rows > 0
    assert figures["plan_sha256"] == run.plan_sha256
    if case == "textbook-anonymous":
        assert figures["after"]["k"] >= 10
        assert figures["loss"] is not None
    seen = dry_runs(house).decided_upon(grant)
    assert seen is not None
    assert seen.id == run.id


def test_a_change_of_the_registry_moves_the_snapshot(small: House) -> None:
    application = confirmed(small, "bus-pseudonymous")
    first = tried(small, application)
    engine = make_engine(small.settings.registry_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE register_state SET commits = commits + 1"))
    engine.dispose()
    second = tried(small, application)
    assert int(second.snapshot) == int(first.snapshot) + 1
    assert (second.plan_sha256, second.scope_sha256) == (first.plan_sha256, first.scope_sha256)


def test_nothing_leaves_and_every_step_is_an_entry(small: House) -> None:
    application = confirmed(small, "textbook-anonymous")
    released = len(small.entries("release."))
    files = set(small.settings.files.iterdir())
    run = tried(small, application)
    assert set(small.settings.files.iterdir()) == files
    dry_runs(small).sample(APPROVER, run)
    assert len(small.entries("release.")) == released
    entries = [entry for entry in small.entries("dry_run.") if entry["facts"]["dry_run"] == run.id]
    assert [entry["kind"] for entry in entries] == ["dry_run.requested", "dry_run.done", "dry_run.read"]
    requested, done, read = entries
    for entry in entries:
        assert entry["links"]["application"] == application.id
        assert entry["links"]["ground"] == application.ground_id
        assert entry["links"]["basis_confirmer"] == CONFIRMER.account
        assert entry["facts"]["dry_run"] == run.id
    assert (requested["actor"]["id"], requested["policy"]) == (APPROVER.account, "dry-run-in-territory")
    assert done["facts"]["snapshot"] == run.snapshot
    assert done["facts"]["rows"] % 10 == 0
    assert read["facts"]["rows"] == 10


@pytest.mark.parametrize("case", [*ROWS, "research-pseudonymous"])
def test_the_rows_of_a_sample_are_shared_by_enough_and_hold_nothing_clear(small: House, case: str) -> None:
    run = tried(small, confirmed(small, case))
    found = dry_runs(small).sample(APPROVER, run)
    assert found is not None
    assert len(found.rows) == 10
    names = [name for name, _label in found.columns]
    assert set(names) == set(CASES[case].fields)
    frame = pl.DataFrame(found.rows, schema=names, orient="row")
    flat = {value for row in found.rows for value in row if value is not None}
    assert not flat & set(small.clear_values("name", "id_number", "student_number", "member1_phone"))
    profile = small.services.book.profiles[CASES[case].profile]
    by_name = {field.name: field for field in profile.fields}
    for name in names:
        if by_name[name].operation == "mask":
            kind = name.removesuffix("_masked").removeprefix("guardian_")
            assert frame[name].str.contains(MASK_SHAPES[kind]).all(), name
    if case == "research-pseudonymous":
        assert "birth_month" in found.hidden  # with all of its columns nearly every pupil stands alone
        assert frame["pseudonym"].n_unique() == 10


def test_the_sample_is_of_rows_that_leave_and_each_is_like_at_least_k_others(small: House) -> None:
    """An independent count: the released file itself, over the columns that the sample shows."""
    application = confirmed(small, "research-pseudonymous")
    run = tried(small, application)
    found = dry_runs(small).sample(APPROVER, run)
    assert found is not None
    extract = small.prepared("research-pseudonymous", "ndjson", grant=approve(small, application))
    released = pl.read_ndjson(small.content(extract), infer_schema_length=None).with_columns(
        pl.when(pl.col(pl.Boolean)).then(pl.lit("是")).otherwise(pl.lit("否")).name.keep()
    )
    shown = [name for name, _ in found.columns if name not in {*found.hidden, "pseudonym"}]
    assert shown
    for row in found.rows:
        values = dict(zip([name for name, _ in found.columns], row, strict=True))
        like = released.filter(pl.all_horizontal(pl.col(name).eq_missing(values[name]) for name in shown))
        assert like.height >= found.least == 10
        assert values["pseudonym"] not in set(released["pseudonym"])  # of another key


def test_pseudonyms_of_two_dry_runs_have_nothing_in_common(small: House) -> None:
    application = confirmed(small, "bus-pseudonymous")
    seen = []
    for _ in range(2):
        found = dry_runs(small).sample(APPROVER, tried(small, application))
        assert found is not None
        place = [name for name, _ in found.columns].index("pseudonym")
        seen.append({row[place] for row in found.rows})
    assert not seen[0] & seen[1]


def test_few_pupils_give_no_sample_and_no_exact_figure(small: House) -> None:
    first = submit(small.services, CASES["bus-pseudonymous"]).scope.population
    school, grade, _ = small.source.group_by("school_code", "grade").len().filter(pl.col("len") < 10).row(0)
    codes = {label: code for code, label in small.services.book.code_lists["grades"].labels.items()}
    few = replace(first, schools=frozenset({school}), grades=frozenset({codes[grade]}))
    run = tried(small, confirmed(small, "bus-pseudonymous", population=few))
    figures = figures_of(run)
    assert figures is not None
    assert (figures.rows_in.about, figures.rows_in.fewer) == (10, True)
    assert dry_runs(small).sample(APPROVER, run) is None
    assert small.entries("dry_run.done")[-1]["facts"]["rows"] is None


def test_only_officers_of_the_territory_try_out_and_look(small: House) -> None:
    application = confirmed(small, "bus-pseudonymous")
    run = tried(small, application, RECORDER)
    mine = applicant(CASES["bus-pseudonymous"].recipient)
    for nobody in (mine, EXECUTOR, INSPECTOR):
        with pytest.raises(ForbiddenError):
            dry_runs(small).start(nobody, application.id)
        assert small.entries("application.refused_act")[-1]["facts"]["act"] == "dry_run"
        with pytest.raises(ForbiddenError):
            dry_runs(small).get(nobody, run.id)
        with pytest.raises(ForbiddenError):
            dry_runs(small).sample(nobody, run)
    for stranger in (
        REGISTRAR,
        client(CASES["aid-masked"].recipient),
        officer("far", Role.DATA_OFFICER, unit="140200"),
    ):
        with pytest.raises(NotFoundError):
            dry_runs(small).get(stranger, run.id)
        with pytest.raises(NotFoundError):
            dry_runs(small).latest(stranger, application.id)
    assert not [e for e in small.entries("dry_run.read") if e["facts"]["dry_run"] == run.id]


def test_before_a_ground_it_measures_purpose_and_profile_and_after_it_the_ground_too(small: House) -> None:
    applications = small.services.applications
    made = submit(small.services, CASES["bus-pseudonymous"])
    run = tried(small, made)
    assert (run.state, run.ground) == (DryRunState.DONE, None)
    ground = replace(
        approval(civil_date(small.clock()), "778"), fields=frozenset({"grade", "pseudonym", "school_name", "stage"})
    )
    made = applications.record_ground(RECORDER, made.id, ground, version=made.version)
    assert not dry_runs(small).current(run)
    narrower = tried(small, made)
    assert narrower.scope.fields == ("grade", "pseudonym", "school_name", "stage")
    assert narrower.ground == made.ground_id
    assert narrower.plan_sha256 != run.plan_sha256


def test_a_narrowed_scope_is_tried_out_and_a_wider_one_is_refused(small: House) -> None:
    application = confirmed(small, "bus-pseudonymous")
    scope = application.scope
    less = replace(scope, fields=("grade", "pseudonym", "stage"))
    run = dry_runs(small).start(APPROVER, application.id, narrowed=less)
    with pytest.raises(ConflictError):  # one at a time
        dry_runs(small).start(APPROVER, application.id)
    assert dry_runs(small).start(APPROVER, application.id, narrowed=less) == run
    requested = [e for e in small.entries("dry_run.requested") if e["links"]["application"] == application.id]
    assert [entry["facts"]["narrowed"] for entry in requested] == [True]
    small.work()
    with pytest.raises(ScopeExceededError):
        dry_runs(small).start(APPROVER, application.id, narrowed=replace(scope, fields=(*scope.fields, "disability")))
    applications = small.services.applications
    with pytest.raises(StaleVersionError):
        applications.decide(APPROVER, application.id, "approve", version=application.version, dry_run=run.id)
    done = applications.decide(
        APPROVER, application.id, "narrow", version=application.version, reason="缩小。", narrowed=less, dry_run=run.id
    )
    assert done.grant_id is not None


def test_a_decision_names_the_dry_run_that_the_approver_saw(small: House) -> None:
    application = confirmed(small, "aid-masked")
    run = tried(small, application)
    grant = approve(small, application, run.id)
    entry = small.entries("application.approved")[-1]
    assert entry["facts"]["dry_run"] == {
        "id": run.id,
        "snapshot": run.snapshot,
        "plan_sha256": run.plan_sha256,
        "scope_sha256": run.scope_sha256,
    }
    shown = small.services.applications.get(APPROVER, application.id)
    assert any(run.id in event.comment and run.snapshot in event.comment for event in shown.history)
    assert dry_runs(small).get(APPROVER, run.id).grant == grant


def test_a_dry_run_of_something_else_carries_no_decision(small: House) -> None:
    application, other = confirmed(small, "bus-pseudonymous"), confirmed(small, "aid-masked")
    foreign = tried(small, other)
    decide = small.services.applications.decide
    for wrong in (foreign.id, "dr-none"):
        with pytest.raises(NotFoundError):
            decide(APPROVER, application.id, "approve", version=application.version, dry_run=wrong)
    waiting = dry_runs(small).start(APPROVER, application.id)
    with pytest.raises(StaleVersionError):
        decide(APPROVER, application.id, "approve", version=application.version, dry_run=waiting.id)
    assert small.services.applications.get(APPROVER, application.id).grant_id is None


def test_where_a_dry_run_is_obligatory_rows_are_not_granted_without_one(
    small: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = replace(small.services.book, parameters=replace(small.services.book.parameters, dry_run_required=True))
    monkeypatch.setattr(small.services.applications, "_book", book)
    application = confirmed(small, "bus-pseudonymous")
    with pytest.raises(ApplicationIncompleteError) as refused:
        approve(small, application)
    assert refused.value.missing == ("dry_run",)
    approve(small, application, tried(small, application).id)
    check = confirmed(small, "identity-check")
    approve(small, check)  # no rows leave at this level


def test_the_rows_go_with_the_decision_and_grow_old(house: House) -> None:
    first, second = confirmed(house, "textbook-anonymous"), confirmed(house, "aid-masked")
    runs = [tried(house, one) for one in (first, second)]
    assert all(run.sample for run in runs)
    approve(house, first)
    run = dry_runs(house).get(APPROVER, runs[0].id)
    assert run.sample == b""
    assert dry_runs(house).sample(APPROVER, runs[0]) is None  # not from an old copy of the row either
    assert figures_of(run) is not None
    assert not dry_runs(house).sweep()
    house.clock.turn(days=house.services.book.parameters.dry_run_sample_days)
    assert not dry_runs(house).sweep()
    house.clock.turn(minutes=1)
    assert dry_runs(house).sample(APPROVER, runs[1]) is None
    assert dry_runs(house).sweep()
    assert dry_runs(house).get(APPROVER, runs[1].id).sample == b""
    assert house.entries("dry_run.cleared")[-1]["facts"] == {"dry_run": runs[1].id, "reason": "old"}


def test_a_new_dry_run_destroys_the_rows_of_the_one_before(small: House) -> None:
    application = confirmed(small, "aid-masked")
    first = tried(small, application)
    tried(small, application)
    assert dry_runs(small).get(APPROVER, first.id).sample == b""


def test_an_altered_sample_does_not_open_nor_one_of_another_run(small: House) -> None:
    application = confirmed(small, "aid-masked")
    run = tried(small, application)
    for sealed in (run.sample[:-1] + bytes([run.sample[-1] ^ 1]), run.sample[:5]):
        with pytest.raises(ContentDamagedError):
            dry_runs(small).sample(APPROVER, replace(run, sample=sealed))
    with pytest.raises(ContentDamagedError):
        dry_runs(small).sample(APPROVER, replace(run, id=type(run.id)("dr-other")))
    assert b"****" not in run.sample  # of an identity number; two stars stand in random bytes now and then
    assert not [e for e in small.entries("dry_run.read") if e["facts"]["dry_run"] == run.id]


def test_after_the_decision_nothing_is_tried_out(small: House) -> None:
    application = confirmed(small, "bus-pseudonymous")
    approve(small, application)
    with pytest.raises(WrongStateError):
        dry_runs(small).start(APPROVER, application.id)
    with pytest.raises(NotFoundError):
        dry_runs(small).latest(APPROVER, application.id)


def test_a_level_without_rows_tells_whom_the_grant_would_reach(small: House) -> None:
    run = tried(small, confirmed(small, "identity-check"))
    figures = figures_of(run)
    assert figures is not None
    assert figures.rows_in.about > 500
    assert figures.rows_out is None
    assert (run.plan_sha256, run.sample) == ("", b"")


def test_what_would_stop_the_release_stops_the_dry_run(small: House) -> None:
    application = confirmed(small, "bus-pseudonymous", row_cap=100)
    run = tried(small, application)
    assert (run.state, run.failure, run.rule) == (DryRunState.FAILED, "TooManyRowsError", "A50-9")
    assert (run.report, run.sample) == ("", b"")
    entry = small.entries("dry_run.failed")[-1]
    assert (entry["outcome"], entry["facts"]["problem"]) == ("failed", "TooManyRowsError")
    assert "900" not in json.dumps(entry["facts"])
    with pytest.raises(StaleVersionError):
        approve(small, application, run.id)


def test_a_search_without_result_and_an_unexpected_error_end_it_too(
    small: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = confirmed(small, "textbook-anonymous")

    def no_levels(*_arguments: object, **_named: object) -> None:
        raise SearchError("No levels meet the plan.")

    monkeypatch.setattr("gateway.anonymize.transform.Transformer.choose", no_levels)
    run = tried(small, application)
    assert (run.state, run.failure) == (DryRunState.FAILED, "SearchError")

    def broken(*_arguments: object, **_named: object) -> None:
        raise RuntimeError("王小明 1401")

    monkeypatch.setattr("gateway.anonymize.transform.Transformer.choose", broken)
    run = dry_runs(small).start(APPROVER, application.id)
    small.work(calm=False)
    assert dry_runs(small).get(APPROVER, run.id).failure == "UnexpectedError"
    assert "王小明" not in json.dumps(small.entries("dry_run."), ensure_ascii=False)


def test_a_worker_that_was_killed_is_followed_by_another(house: House) -> None:
    application = confirmed(house, "bus-pseudonymous")
    run = dry_runs(house).start(APPROVER, application.id)
    store, scratch = DryRunStore(), house.preparation().bench.scratch
    lease = house.services.book.parameters.lease_seconds
    dead = scratch.write(lambda tx: store.claim(tx, "dead", house.clock(), house.clock() + timedelta(seconds=lease)))
    assert dead is not None
    house.work()
    assert dry_runs(house).get(APPROVER, run.id).state is DryRunState.RUNNING  # its lease is not over
    house.clock.turn(seconds=lease + 1)
    house.work()
    done = dry_runs(house).get(APPROVER, run.id)
    assert done.state is DryRunState.DONE
    assert not scratch.write(lambda tx: store.finish(tx, replace(dead, state=DryRunState.FAILED), "dead"))
    assert not scratch.write(lambda tx: store.progress(tx, run.id, "dead", 1, 2, house.clock()))
    assert dry_runs(house).get(APPROVER, run.id) == done
    assert len(house.entries("dry_run.done")) == 1


def test_the_office_asks_and_the_worker_of_another_process_measures(tmp_path: Path, postgres_server: str) -> None:
    for house in opened(make_house(tmp_path, server=postgres_server)):
        application = confirmed(house, "bus-pseudonymous")
        assert house.process.worker is not None
        house.process.worker.start()
        office = bootstrap.open_process(house.settings, Face.OFFICE, now=house.clock)
        outside = bootstrap.open_process(house.settings, Face.OUTSIDE, now=house.clock)
        try:
            asked = office.services.dry_runs
            assert asked is not None
            run = asked.start(APPROVER, application.id)
            for _ in range(600):
                run = asked.get(APPROVER, run.id)
                if run.over:
                    break
                time.sleep(0.1)
            assert run.state is DryRunState.DONE
            assert asked.sample(APPROVER, run) is not None
            assert outside.services.dry_runs is None  # it has neither the key nor the right
            done = office.services.applications.decide(
                APPROVER, application.id, "approve", version=application.version, dry_run=run.id
            )
            assert done.grant_id is not None
            assert asked.decided_upon(done.grant_id) is not None
            kinds = [entry["kind"] for entry in house.entries("dry_run.")]
            assert kinds == ["dry_run.requested", "dry_run.done", "dry_run.read"]
        finally:
            office.close()
            outside.close()


def test_what_the_recipient_holds_is_told_with_what_it_makes_possible(house: House) -> None:
    extract = house.ready()
    bus = CASES["bus-pseudonymous"]
    application = confirmed(house, "bus-pseudonymous")
    nothing = Holdings.from_json(tried(house, application).holdings)
    assert (nothing.items, nothing.warnings) == ((), ())  # prepared, and not delivered
    house.content(extract)
    held = Holdings.from_json(tried(house, application).holdings)
    (item,) = held.items
    assert (item.grant, item.level, item.deliveries, item.undeleted) == (extract.grant, "pseudonymous", 1, 1)
    assert set(item.fields) == set(bus.fields)
    assert item.overlaps
    assert "学校标识码" in item.joined_by
    assert held.warnings == ("overlap", "not_deleted")
    fewer = confirmed(house, "bus-pseudonymous", fields=("grade", "school_code"))
    combined = Holdings.from_json(tried(house, fewer).holdings)
    assert "combination" in combined.warnings
    assert "班级" in combined.items[0].added
    assert "班级" in combined.together
    house.certify(extract)
    after = Holdings.from_json(tried(house, application).holdings)
    assert (after.items[0].undeleted, after.items[0].overlaps, after.warnings) == (0, False, ())
