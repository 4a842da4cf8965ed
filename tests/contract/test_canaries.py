"""Decoy pupils on both databases: two duties, one of many in the registry, and any use is told once."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core_registry.domain.identity_number import problem_of
from core_registry.errors import RegisterRuleError
from core_registry.sample import write_csv
from gateway import bootstrap
from gateway.audit.alerts_records import AlertQuery
from gateway.audit.indexing import SearchIndex
from gateway.audit.store import SqlLogStore
from gateway.bootstrap.alerts import Departments
from gateway.canaries.errors import CanaryStateError, NoCrowdError
from gateway.canaries.records import CanaryId, CanaryState
from gateway.db import DatabaseReader, make_engine
from gateway.errors import ForbiddenError, NotFoundError, ParameterError
from gateway.policies.records import Population
from gateway.policies.scope import IN_SCHOOL, civil_date, reaches, row_filter
from gateway.releases.checks.records import Asked
from gateway.releases.matches.records import Listed, Upload
from tests.factories import house_fixtures
from tests.factories.canaries import (
    CROWD,
    INSIDER,
    INSPECTOR,
    OTHER_SECURITY,
    PROVINCE,
    SECURITY,
    Planted,
    canaries_of,
    import_former,
    known,
    planted,
    registry_rows,
    senior_school,
    shared_row,
    touches,
)
from tests.factories.checks import check, check_grant
from tests.factories.matches import match_grant, rows_of, start
from tests.factories.release_cases import APPROVER, CASES, CONFIRMER, EXECUTOR, RECORDER, approval, submit
from tests.factories.releases import House
from tests.factories.statistics import ask, statistics_grant

ROOT = Path(__file__).resolve().parents[2]
house = house_fixtures.shared_on_both


@pytest.fixture(scope="module")
def decoy(house: House, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """A decoy among the former pupils of a school."""
    with pytest.raises(NoCrowdError):  # a decoy alone would be no decoy
        canaries_of(house).propose(SECURITY, PROVINCE, ["13903510001"])
    import_former(house.services, tmp_path_factory.mktemp("former"))
    return planted(house)


@pytest.mark.rule("A50-11")
def test_one_duty_proposes_and_the_other_confirms(house: House, decoy: Planted) -> None:
    service = canaries_of(house)
    for proposer, wrong in ((SECURITY, (SECURITY, OTHER_SECURITY, EXECUTOR)), (INSPECTOR, (INSPECTOR,))):
        (made,) = service.propose(proposer, PROVINCE, ["13903510002"])
        for one in wrong:
            with pytest.raises(ForbiddenError):
                service.confirm(one, made.canary.id)
        right = INSPECTOR if proposer is SECURITY else SECURITY
        assert service.refuse(right, made.canary.id).canary.state is CanaryState.REFUSED
        for act in (service.confirm, service.refuse, service.withdraw):
            with pytest.raises(CanaryStateError):
                act(right, made.canary.id)
    for read in (service.listed, service.touches):
        with pytest.raises(ForbiddenError):
            read(EXECUTOR)
    with pytest.raises(NotFoundError):
        service.confirm(INSPECTOR, CanaryId("cn-none"))
    kinds = [one["kind"] for one in house.entries("canary.") if one["kind"] != "canary.listed"]
    assert kinds[-4:] == ["canary.proposed", "canary.refused"] * 2


@pytest.mark.parametrize(
    ("unit", "phones"),
    [("999999", ["13903510003"]), ("140000", []), ("140000", ["110"]), ("140000", ["13903510003", "13903510003"])],
)
def test_a_proposal_names_a_unit_and_telephones(house: House, decoy: Planted, unit: str, phones: list[str]) -> None:
    with pytest.raises(ParameterError):
        canaries_of(house).propose(SECURITY, unit, phones)  # type: ignore[arg-type]  # as somebody types it


def test_a_decoy_is_one_of_many_in_the_registry(house: House, decoy: Planted) -> None:
    assert problem_of(str(decoy.person["id_number"])) is None
    assert problem_of(str(decoy.person["member1_id_number"])) is None
    school = senior_school(house.services)["school_code"]
    rows = registry_rows(house, "SELECT * FROM students WHERE school_code = :school AND grade = '33'", school=school)
    former = [row for row in rows if row["state"] == "graduated"]
    own = next(row for row in former if row["subject_ref"] == decoy.subject)
    peers = [row for row in former if row is not own]
    assert len(peers) == CROWD
    for column in own:  # whatever dates or counts a record is what the others have
        if column in {
            "created_at",
            "updated_at",
            "version",
            "key_version",
            "state",
            "number_kind",
            "id_type",
            "entry_month",
            "class_name",
            "grade",
        }:
            assert own[column] in {peer[column] for peer in peers}, column
        assert (own[column] is None) == (peers[0][column] is None), column
    assert own["student_id"][:12] in {peer["student_id"][:12] for peer in peers}
    shared = registry_rows(house, "SELECT * FROM sharing_students WHERE school_code = :school", school=school)
    lines = {row["subject_ref"]: row for row in shared}
    assert lines[own["subject_ref"]]["updated_at"] == lines[peers[0]["subject_ref"]]["updated_at"]
    assert lines[own["subject_ref"]]["id_number_masked"][:4] == "1401"
    # no table of either database counts it, and no membership's number is out of its order
    told = registry_rows(house, "SELECT * FROM outbox WHERE subjects LIKE :one", one=f"%{decoy.subject}%")
    assert {row["kind"] for row in told} <= {"registry.read"}
    assert [
        row["summary"] for row in registry_rows(house, "SELECT * FROM imports") if '"rows": 1,' in row["summary"]
    ] == []
    own_id = own["student_id"]
    assert registry_rows(house, "SELECT * FROM school_memberships WHERE student_id = :own", own=own_id) == []


@pytest.mark.rule("S-5")
def test_a_form_of_former_pupils_adds_and_changes_nobody(house: House, decoy: Planted, tmp_path: Path) -> None:
    office, form = house.services.office, tmp_path / "present.csv"
    assert office is not None
    present = house.source.head(1).with_columns(class_name=pl.lit("88班"))
    write_csv(form, present, house.services.book)
    request = bootstrap.import_request(form, mapping="template", actor="operator", former=True)
    with pytest.raises(RegisterRuleError):
        office.import_run(request)
    # a form that names a decoy is refused like one that names any closed record
    row = pl.DataFrame([decoy.person], schema=dict.fromkeys(decoy.person, pl.String)).with_columns(
        class_name=pl.lit("88班")
    )
    write_csv(form, row, house.services.book)
    done = office.import_run(bootstrap.import_request(form, mapping="template", actor="operator", accept_shrink=True))
    assert (done.rejected, done.finding_counts["record-closed"]) == (1, 1)


def test_nothing_of_a_decoy_lies_in_the_gateway(house: House, decoy: Planted) -> None:
    engine = make_engine(house.settings.gateway_url)
    try:
        raw = engine.raw_connection()
        cursor = raw.cursor()
        cursor.execute("SELECT * FROM canaries")
        rows = cursor.fetchall()
        raw.close()
    finally:
        engine.dispose()
    boxes = [bytes(value) for row in rows for value in row if isinstance(value, bytes | memoryview)]
    assert len({len(box) for box in boxes}) == 1  # proposed, refused or in the registry: one size
    seen = b"".join(boxes) + repr(rows).encode()
    secrets = [decoy.subject, *(str(value) for value in decoy.person.values() if value and len(value) > 5)]
    assert [value for value in secrets if value.encode() in seen] == []
    assert [one for one in house.entries() if decoy.subject in str(one)] == []


@pytest.mark.rule("A50-16")
def test_a_look_a_check_and_a_list_are_told_once_each_and_alert(house: House, decoy: Planted) -> None:
    office, number, name = house.services.office, str(decoy.person["id_number"]), str(decoy.person["name"])
    assert office is not None
    before = touches(house)

    lines = office.find_by_id_number(number, actor=INSIDER, reason="好奇")
    office.student(lines[0].student_id, INSIDER, "好奇")
    assert check(house, check_grant(house.services), Asked(name, number, {"in_school": True})).confirmed == (False,)
    extract = start(house, match_grant(house.services), Upload(people=(Listed(2, name, number),)))
    school = str(decoy.person["school_code"])
    office.find_by_class(school, actor=INSIDER, reason="导出", limit=500)

    found = touches(house)[len(before) :]
    assert sorted((one["touching"], one.get("act")) for one in found) == [
        ("registry.read", "list"), ("registry.read", "lookup"), ("registry.read", "record"),
        ("release.outcome", None), ("release.prepared", None),
    ]  # fmt: skip
    assert {one["account"] for one in found if one["touching"] == "registry.read"} == {INSIDER}
    assert all(one["canaries"] == [decoy.view.canary.id] for one in found)
    assert rows_of(house.content(house.extract(extract.id)))[0]["matched"] != "是"  # the decoy is nobody to a recipient
    log = house.entries()
    assert all(log[one["entry"]]["kind"] == one["touching"] for one in found)
    (whole,) = [log[one["entry"]] for one in found if one.get("act") == "list"]
    assert whole["tags"]["count"] > 64  # read from the list beside the log

    assert house.services.alerts is not None
    raised = house.services.alerts.list(INSPECTOR, AlertQuery(rule="canary-touched")).alerts
    about_insider = [one for one in raised if one.about == INSIDER]
    assert [(one.severity, one.count) for one in about_insider] == [("high", 3)]
    listed = canaries_of(house).touches(SECURITY)
    assert [one.entry for one in listed][: len(found)] == [one["entry"] for one in reversed(found)]


def test_the_own_schools_list_is_daily_business(house: House, decoy: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    office, school = house.services.office, str(decoy.person["school_code"])
    assert office is not None
    before = len(touches(house))
    monkeypatch.setattr(Departments, "unit_of_account", lambda _self, account: school if account == "st-own" else None)
    lines = office.find_by_class(school, actor="st-own", reason="核对", limit=500)
    assert len(touches(house)) == before
    office.student(lines[0].student_id, "st-own", "核对")  # opening somebody is not
    own = next(one for one in lines if office.subject_ref_of(one.student_id) == decoy.subject)
    office.student(own.student_id, "st-own", "核对")
    assert len(touches(house)) == before + 1


def test_releases_statistics_and_dry_runs_neither_hold_nor_touch_one(house: House, decoy: Planted) -> None:
    before, services = len(touches(house)), house.services
    house.content(house.prepared("aid-masked"))
    ask(house, statistics_grant(services), "stage")
    made = submit(services, CASES["aid-masked"])
    ground = approval(civil_date(house.clock()), "778")
    made = services.applications.record_ground(RECORDER, made.id, ground, version=made.version)
    services.applications.confirm_ground(CONFIRMER, made.id, version=made.version)
    assert services.dry_runs is not None
    services.dry_runs.start(APPROVER, made.id)
    assert len(touches(house)) == before
    assert services.sharing is not None
    scope = services.applications.grant(house.grants["aid-masked"]).scope
    with services.sharing.snapshot() as snapshot:
        every = snapshot.tuples(("subject_ref",), row_filter(scope, services.book.divisions))
    assert not every.is_empty()
    assert decoy.subject not in every["subject_ref"].to_list()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_population_that_a_grant_can_name_reaches_a_decoy(house: House, decoy: Planted, data: st.DataObject) -> None:
    row, book = shared_row(house, decoy.subject), house.services.book
    scope = house.services.applications.grant(house.grants["aid-masked"]).scope
    some = {
        part: data.draw(st.none() | st.just(frozenset({str(row[column])})))
        for part, column in (("stages", "stage"), ("grades", "grade"), ("schools", "school_code"))
    }
    authority = str(row["managing_authority"])
    territory = data.draw(st.sampled_from(["140000", authority[:4] + "00", authority, "140105"]))
    narrowed = replace(scope, population=Population(territory, **some))
    assert not reaches(narrowed, row, book.divisions)
    # the same pupil in school would be reached: it is the state alone that keeps a decoy out
    if territory != "140105":
        assert reaches(narrowed, {**row, "state": "active"}, book.divisions)


def test_the_states_of_a_population_are_never_widened() -> None:
    """Decoys are former pupils: as long as releases reach pupils in school alone, none of them reaches a decoy."""
    assert IN_SCHOOL.isdisjoint({"graduated"})
    for file in (ROOT / "gateway").rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)) if "row_filter(" in source else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "row_filter":
                assert not any(keyword.arg == "states" for keyword in node.keywords), file


def test_a_restart_and_a_new_index_tell_nothing_twice(house: House, decoy: Planted) -> None:
    before = touches(house)
    engine = make_engine(house.settings.gateway_url)
    try:
        index = SearchIndex(SqlLogStore(engine), DatabaseReader(engine))
        index.rebuild()
    finally:
        engine.dispose()
    house.reopen()
    assert touches(house) == before
    assert known(house, decoy.view).subject == decoy.subject


def test_a_leaked_text_is_recognized_and_a_withdrawn_decoy_is_quiet(house: House, decoy: Planted) -> None:
    service, office = canaries_of(house), house.services.office
    assert office is not None
    other = planted(house, "13903510009", by=INSPECTOR)
    leaked = f"姓名,证件号\n某某,{other.person['id_number']}\n"
    assert service.recognize(INSPECTOR, leaked) == (other.view.canary.id,)
    assert service.recognize(SECURITY, "姓名,证件号\n") == ()
    house.work()
    assert house.services.alerts is not None
    assert len(house.services.alerts.list(INSPECTOR, AlertQuery(rule="canary-recognized")).alerts) == 1

    assert service.withdraw(SECURITY, other.view.canary.id).canary.state is CanaryState.WITHDRAWN
    before = len(touches(house))
    office.find_by_id_number(str(other.person["id_number"]), actor=INSIDER, reason="好奇")
    assert len(touches(house)) == before
    assert service.recognize(INSPECTOR, leaked) == (other.view.canary.id,)
