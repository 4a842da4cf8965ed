"""Matches (比对回填): the list comes back by row number with granted fields only, and is destroyed; both databases."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from python_calamine import CalamineWorkbook

from gateway.anonymize.errors import PlanError
from gateway.errors import ForbiddenError, GatewayError, NotFoundError
from gateway.ids import GrantId
from gateway.keyring import Key
from gateway.policies.errors import ScopeExceededError
from gateway.policies.records import Format, Population
from gateway.policies.scope import Use, civil_date, errand
from gateway.principals import Principal, Role
from gateway.releases.errors import BadListError
from gateway.releases.manifest import verify_manifest
from gateway.releases.matches.records import UNCONFIRMED, YES, Listed, MatchRequest, Upload
from gateway.releases.records import ExtractRequest, ExtractState
from tests.factories import house_fixtures
from tests.factories.checks import ASKER, UNKNOWN, check_grant, people_of
from tests.factories.matches import (
    CSV,
    HEADER,
    MATCH,
    MATCHER,
    destroyed,
    files_of_lists,
    first_of,
    listed,
    match_grant,
    matches_of,
    rows_of,
    start,
    workbook,
)
from tests.factories.release_cases import APPROVER, CHAIN, EXECUTOR, INSPECTOR, STRANGER, applicant, client, officer
from tests.factories.releases import House

house = house_fixtures.shared_on_both
small = house_fixtures.shared
own = house_fixtures.fresh


@pytest.mark.rule("A50-9", "A50-10")
def test_a_list_of_excel_comes_back_by_row_number_with_granted_fields_and_is_destroyed(house: House) -> None:
    rows = people_of(house)[:4]
    grant = match_grant(house.services)
    cells: list[list[object]] = [[n, row["name"], row["id_number"]] for n, row in enumerate(rows)]
    cells.insert(2, [9, "郑无此", UNKNOWN])
    cells.insert(3, [9, "郑无此", rows[3]["id_number"]])
    cells.pop()  # the number of the last one stands with another name
    extract = start(house, grant, Upload(workbook(cells, HEADER, titles=1)), "xlsx")
    assert extract.state is ExtractState.QUEUED
    (held,) = files_of_lists(house)
    assert rows[0]["id_number"].encode() not in held.read_bytes()
    assert house.uses_left(grant) == MATCH.uses - 1
    house.work()
    extract = house.extract(extract.id)
    assert extract.state is ExtractState.READY, extract.failure
    content = house.content(extract)
    header, *body = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    assert header == ["row", "matched", "school_name", "stage", "grade", "boarding"]
    assert [line[:2] for line in body] == [
        ["3", YES], ["4", YES], ["5", UNCONFIRMED], ["6", UNCONFIRMED], ["7", YES],
    ]  # fmt: skip
    assert body[0][2:5] == [rows[0]["school_name"], rows[0]["stage"], rows[0]["grade"]]
    assert body[2][2:] == body[3][2:] == ["", "", "", ""]
    # the list is gone, and that is an entry
    assert files_of_lists(house) == []
    (entry,) = destroyed(house, extract.id)
    assert (entry["facts"]["list_rows"], entry["facts"]["reason"]) == (5, "matched")
    assert len(entry["facts"]["sealed_sha256"]) == 64
    assert set(entry["links"]) >= CHAIN | {"extract"}
    kinds = [e["kind"] for e in house.entries() if e["links"].get("extract") == extract.id]
    assert kinds == [
        "release.requested", "release.preparing", "release.prepared", "match.list_destroyed", "release.intent",
        "release.outcome",
    ]  # fmt: skip
    # the papers of every extract
    assert extract.level == "match"
    report = json.loads(extract.report)
    assert (report["rows_out"], report["matched_rows"], report["level"]) == (5, 3, "match")
    key = house.services.keyring.verifying(Key.GRANT)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    claims = verify_manifest(extract.manifest, key)
    assert claims["fields"] == header
    assert (claims["level"], claims["rows"]) == ("match", 5)


@pytest.mark.parametrize("kind", [one.value for one in Format])
def test_every_format_gives_the_same_rows(small: House, kind: str) -> None:
    rows = people_of(small)[:3]
    extract = start(small, match_grant(small.services), Upload(people=listed(rows)), kind, fields=("grade",))
    small.work()
    content = small.content(small.extract(extract.id))
    match kind:
        case "csv":
            frame = pl.read_csv(content, infer_schema=False)
        case "ndjson":
            frame = pl.read_ndjson(content).cast(pl.String)
        case "parquet":
            frame = pl.read_parquet(io.BytesIO(content)).cast(pl.String)
        case _:
            header, *body = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
            frame = pl.DataFrame(body, schema=[str(name) for name in header], orient="row")
    assert frame.rows() == [(str(n), YES, row["grade"]) for n, row in enumerate(rows, 2)]


def _of(rows: list[dict[str, Any]], authorities: frozenset[str]) -> list[dict[str, Any]]:
    return [row for row in rows if row["managing_authority"] in authorities]


@pytest.mark.rule("A50-6")
def test_unknown_out_of_scope_and_otherwise_named_look_alike(small: House) -> None:
    rows = people_of(small)
    territory = small.services.book.divisions.territory
    cities = [f"{number:06d}" for number in range(140100, 141200, 100)]
    city = next(c for c in cities if {"primary", "junior"} <= {r["stage"] for r in _of(rows, territory(c))})
    grant = match_grant(small.services, population=Population(city, stages=frozenset({"primary"})))
    here, other = [r for r in _of(rows, territory(city)) if r["stage"] == "primary"][:2]
    older = next(r for r in _of(rows, territory(city)) if r["stage"] == "junior")
    there = next(r for r in rows if r["managing_authority"] not in territory(city) and r["stage"] == "primary")
    people = [here, there, older, {**other, "name": "郑无此"}, {"name": "郑无此", "id_number": UNKNOWN}]
    extract = start(small, grant, Upload(people=listed(people)), "ndjson")
    small.work()
    lines = [json.loads(line) for line in small.content(small.extract(extract.id)).splitlines()]
    assert [line["matched"] for line in lines] == [YES, *[UNCONFIRMED] * 4]
    shapes = {json.dumps({**line, "row": 0}, ensure_ascii=False) for line in lines[1:]}
    assert len(shapes) == 1


def test_student_number_and_phone_must_agree_where_they_are_given(small: House) -> None:
    known = {row["id_number"]: row for row in small.source.rows(named=True)}
    row = next(r for r in people_of(small) if known[r["id_number"]]["member1_phone"])
    clear = known[row["id_number"]]
    cases = {
        (clear["student_number"], clear["member1_phone"]): YES,
        (clear["student_number"], None): YES,
        (None, clear["member2_phone"] or clear["member1_phone"]): YES,
        ("G" + UNKNOWN, None): UNCONFIRMED,
        (None, "13900000000"): UNCONFIRMED,
        (clear["student_number"], "13900000000"): UNCONFIRMED,
    }
    small.clock.turn(days=1)  # a new day: the guesses of other tests play no part here
    grant = match_grant(small.services, uses=MATCH.uses)
    for (student_number, phone), wanted in cases.items():
        one = Listed(2, row["name"], row["id_number"], student_number, phone)
        extract = start(small, grant, Upload(people=(one,)))
        small.work()
        assert rows_of(small.content(small.extract(extract.id)))[0]["matched"] == wanted, (student_number, phone)


# -- limits


Prepared = tuple[GrantId, MatchRequest, Upload, Principal]


def _field(house: House) -> Prepared:
    return match_grant(house.services, fields=("grade",)), replace(CSV, fields=("stage",)), first_of(house), MATCHER


def _row(house: House) -> Prepared:
    return match_grant(house.services, row_cap=2), CSV, first_of(house, 3), MATCHER


def _use(house: House) -> Prepared:
    grant = match_grant(house.services, uses=1)
    start(house, grant, first_of(house))
    return grant, CSV, first_of(house), MATCHER


def _purpose(house: House) -> Prepared:
    return match_grant(house.services), replace(CSV, purpose="research"), first_of(house), MATCHER


def _level(house: House) -> Prepared:
    return check_grant(house.services), CSV, first_of(house), ASKER


def _expired(house: House) -> Prepared:
    grant = match_grant(house.services, valid_to=civil_date(house.clock()))
    house.clock.turn(days=2)
    return grant, CSV, first_of(house), MATCHER


def _withdrawn(house: House) -> Prepared:
    grant = match_grant(house.services)
    house.services.applications.withdraw_grant(APPROVER, grant, reason="测试")
    return grant, CSV, first_of(house), MATCHER


def _mandate(house: House) -> Prepared:
    grant = match_grant(house.services)
    return grant, CSV, first_of(house), replace(MATCHER, mandate=frozenset({errand(grant, Use.EXTRACT)}))


def _by(who: Principal) -> Callable[[House], Prepared]:
    return lambda house: (match_grant(house.services), CSV, first_of(house), who)


BEYOND: Mapping[str, tuple[Callable[[House], Prepared], type[GatewayError], str | None]] = {
    "field": (_field, ScopeExceededError, "fields"),
    "row": (_row, ScopeExceededError, "rows"),
    "use": (_use, ScopeExceededError, "uses"),
    "purpose": (_purpose, ScopeExceededError, "purpose"),
    "level": (_level, ScopeExceededError, "level"),
    "expired": (_expired, ForbiddenError, None),
    "withdrawn": (_withdrawn, ForbiddenError, None),
    "mandate of another use": (_mandate, ForbiddenError, None),
    "applicant": (_by(applicant(MATCH.recipient)), ForbiddenError, None),
    "client without the role": (_by(client(MATCH.recipient, Role.APPLICANT)), ForbiddenError, None),
    "executor of another city": (_by(officer("far", Role.EXECUTOR, unit="140200")), ForbiddenError, None),
    "inspector": (_by(INSPECTOR), ForbiddenError, None),
    "stranger": (_by(client(STRANGER)), NotFoundError, None),
    "bad list": (lambda house: (match_grant(house.services), CSV, Upload(b"nonsense"), MATCHER), BadListError, None),
}


@pytest.mark.rule("A50-9", "A50-13")
@pytest.mark.parametrize("case", BEYOND)
def test_what_goes_beyond_a_grant_is_refused_and_recorded_and_nothing_of_the_list_is_kept(
    small: House, case: str
) -> None:
    prepare, kind, dimension = BEYOND[case]
    grant, request, upload, who = prepare(small)
    before, files = small.uses_left(grant), files_of_lists(small)
    with pytest.raises(kind) as refused:
        matches_of(small.services).start(grant, request, upload, who)
    if dimension is not None:
        assert refused.value.extra["dimension"] == dimension
    assert small.uses_left(grant) == before
    assert files_of_lists(small) == files
    entry = small.entries("release.refused")[-1]
    assert (entry["outcome"], entry["links"]["grant"], entry["actor"]["id"]) == ("refused", grant, who.account)
    assert entry["facts"]["dimension"] == dimension


def test_an_executor_of_the_territory_hands_in_the_list_for_the_recipient_who_fetches_the_answer(small: House) -> None:
    grant = match_grant(small.services)
    extract = matches_of(small.services).start(grant, CSV, first_of(small), EXECUTOR)
    small.work()
    with pytest.raises(ForbiddenError):
        small.services.releases.deliver(extract.id, EXECUTOR)
    assert rows_of(small.content(small.extract(extract.id)))[0]["matched"] == YES


def test_a_grant_of_matches_gives_no_extract_and_no_list_is_asked_of_others(small: House) -> None:
    grant = match_grant(small.services)
    with pytest.raises(PlanError):
        small.services.releases.start(grant, ExtractRequest(Format.CSV), MATCHER)
    assert small.uses_left(grant) == MATCH.uses


@pytest.mark.rule("A50-9")
def test_many_workers_on_the_last_uses_take_no_more_lists_than_are_left(house: House) -> None:
    grant = match_grant(house.services, uses=3)
    before = len(files_of_lists(house))

    def hand_in(number: int) -> bool:
        try:
            start(house, grant, Upload(people=listed([people_of(house)[number]])))
        except (ScopeExceededError, ForbiddenError):
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(hand_in, range(50, 60))) == 3
    assert house.uses_left(grant) == 0
    assert len(files_of_lists(house)) == before + 3
    house.work()
    assert files_of_lists(house) == []


# -- guesses


@pytest.mark.rule("A50-9")
def test_guesses_by_lists_count_with_those_by_checks_and_then_nobody_is_looked_up(own: House) -> None:
    row = people_of(own)[0]
    limit = own.services.book.parameters.guess_limit
    grant = match_grant(own.services, uses=limit + 1)
    for name in [f"郑{c}" for c in "甲乙丙丁戊己庚"[:limit]] + [row["name"]]:
        extract = start(own, grant, Upload(people=(Listed(2, name, row["id_number"]),)))
        own.work()
        assert rows_of(own.content(own.extract(extract.id)))[0]["matched"] == UNCONFIRMED
    prepared = [e["facts"] for e in own.entries("release.prepared") if e["links"]["grant"] == grant]
    assert [facts["limited_rows"] for facts in prepared] == [*[0] * limit, 1]
