"""The dimensions of a scope (A50-9): each one beyond is refused, and named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.errors import ParameterError
from gateway.ids import UnitCode
from gateway.policies.errors import GrantEndedError, ScopeExceededError
from gateway.policies.records import GrantState, Level, Population
from gateway.policies.scope import (
    IN_SCHOOL,
    Ceiling,
    UseRequest,
    check_shape,
    civil_date,
    covers,
    current_state,
    exceeded,
    intersect,
    narrow,
    profile_ceiling,
    purpose_ceiling,
    row_filter,
    territory_within,
    violations,
)
from tests.factories import policies as make

DIVISIONS = make.rule_book().divisions
GRANT = make.grant(
    scope=make.scope(population=Population(make.CITY, grades=frozenset({"01", "02"})), row_cap=500), uses_left=1
)
WITHIN = UseRequest(
    recipient=make.RECIPIENT,
    purpose="textbook-order",
    profile="textbook-anonymous",
    level=Level.ANONYMOUS,
    fields=("county", "grade", "stage"),
    on=date(2026, 6, 30),
    rows=500,
)


def test_a_use_at_every_limit_is_covered() -> None:
    covers(GRANT, WITHIN, DIVISIONS)
    covers(GRANT, replace(WITHIN, on=date(2026, 3, 1), rows=0, fields=("stage",)), DIVISIONS)


@pytest.mark.parametrize(
    ("changes", "dimension"),
    [
        ({"fields": ("county", "grade", "sex", "stage")}, "fields"),
        ({"rows": 501}, "rows"),
        ({"uses": 2}, "uses"),
        ({"on": date(2026, 7, 1)}, "period"),
        ({"on": date(2026, 2, 28)}, "period"),
        ({"recipient": make.OTHER_RECIPIENT}, "recipient"),
        ({"level": Level.PSEUDONYMOUS}, "level"),
        ({"purpose": "research"}, "purpose"),
        ({"profile": "research-pseudonymous"}, "profile"),
        ({"fields": ()}, "fields"),
        ({"uses": 0}, "uses"),
        ({"rows": -1}, "rows"),
        ({"population": Population("140000", grades=frozenset({"01"}))}, "territory"),
        ({"population": Population(make.OTHER_CITY, grades=frozenset({"01"}))}, "territory"),
        ({"population": Population("999999", grades=frozenset({"01"}))}, "territory"),
        ({"population": Population(make.CITY, grades=frozenset({"01", "03"}))}, "grades"),
        ({"population": Population(make.CITY)}, "grades"),
        ({"population": Population(make.CITY, grades=frozenset())}, "grades"),
    ],
)
def test_boundary_29_one_beyond_in_any_dimension_is_refused(changes: dict[str, object], dimension: str) -> None:
    with pytest.raises(ScopeExceededError) as refusal:
        covers(GRANT, replace(WITHIN, **changes), DIVISIONS)  # type: ignore[arg-type]  # tests name the members
    assert refusal.value.missing == (dimension,)
    assert refusal.value.extra["dimension"] == dimension
    assert refusal.value.rule == "A50-9"
    assert refusal.value.detail_zh


def test_every_dimension_that_is_exceeded_is_an_error_of_its_own() -> None:
    request = replace(WITHIN, rows=501, on=date(2026, 7, 1))
    found = violations(GRANT, request, DIVISIONS)
    assert [error.extra["dimension"] for error in found] == ["period", "rows"]
    with pytest.raises(ScopeExceededError) as refusal:
        covers(GRANT, request, DIVISIONS)
    assert refusal.value.missing == ("period", "rows")


@pytest.mark.parametrize("state", [GrantState.SUSPENDED, GrantState.WITHDRAWN])
def test_an_ended_grant_covers_nothing(state: GrantState) -> None:
    with pytest.raises(GrantEndedError) as refusal:
        covers(replace(GRANT, state=state), WITHIN, DIVISIONS)
    assert refusal.value.rule == "A50-12"


def test_a_smaller_population_within_the_grant_is_covered() -> None:
    covers(GRANT, replace(WITHIN, population=Population(make.COUNTY, grades=frozenset({"01"}))), DIVISIONS)
    schools = Population(make.COUNTY, grades=frozenset({"01"}), schools=frozenset({"2114000001"}))
    covers(GRANT, replace(WITHIN, population=schools), DIVISIONS)


@pytest.mark.parametrize(
    ("at", "uses_left", "state"),
    [
        (datetime(2026, 6, 30, 15, 59, tzinfo=UTC), 1, GrantState.ACTIVE),
        (datetime(2026, 6, 30, 16, 0, tzinfo=UTC), 1, GrantState.EXPIRED),
        (datetime(2026, 6, 30, 15, 59, tzinfo=UTC), 0, GrantState.USED_UP),
        (datetime(2026, 6, 30, 16, 0, tzinfo=UTC), 0, GrantState.EXPIRED),
    ],
)
def test_expiry_is_by_the_civil_day_in_shanghai(at: datetime, uses_left: int, state: GrantState) -> None:
    assert current_state(replace(GRANT, uses_left=uses_left), at) is state
    withdrawn = replace(GRANT, state=GrantState.WITHDRAWN)
    assert current_state(withdrawn, at) is GrantState.WITHDRAWN


def test_a_time_without_a_zone_has_no_civil_date() -> None:
    with pytest.raises(ParameterError):
        civil_date(datetime(2026, 1, 1))  # noqa: DTZ001  the naive time is the point


def test_the_row_filter_is_the_territory_and_the_conditions() -> None:
    rows = row_filter(GRANT.scope, DIVISIONS)
    assert rows.authorities == DIVISIONS.territory(make.CITY)
    assert rows.authorities is not None
    assert make.ZONE in rows.authorities
    assert "140000" not in rows.authorities
    assert rows.grades == frozenset({"01", "02"})
    assert rows.states == IN_SCHOOL
    assert (rows.stages, rows.schools) == (None, None)
    assert row_filter(make.scope(population=Population("999999")), DIVISIONS).authorities == frozenset()


@pytest.mark.parametrize(
    ("unit", "territory", "within"),
    [
        ("140100", "140100", True),
        ("140100", "140105", True),
        ("140000", "140171", True),
        ("140105", "140100", False),
        ("140200", "140105", False),
        ("140100", "999999", False),
        ("140100", "", False),
        ("2114000001", "2114000001", True),
        ("2114000001", "140105", False),
        ("140105", "2114000001", False),
        ("", "", False),
        (None, "140105", False),
    ],
)
def test_a_unit_reaches_itself_and_what_lies_below(unit: str | None, territory: str, within: bool) -> None:
    code = None if unit is None else UnitCode(unit)
    assert territory_within(DIVISIONS, code, territory) is within


def test_the_ceilings_of_the_rule_book_bound_their_dimensions() -> None:
    book = make.rule_book()
    scope = make.scope(
        level=Level.MASKED,
        fields=("county", "name_masked"),
        uses=11,
        row_cap=5_000_001,
        valid_to=date(2026, 3, 1) + timedelta(days=180),
    )
    by_purpose = exceeded(scope, purpose_ceiling(book.purposes["textbook-order"]))
    assert by_purpose == ("level", "fields", "period", "uses", "rows")
    by_profile = exceeded(scope, profile_ceiling(book.profiles["textbook-anonymous"]))
    assert by_profile == ("level", "fields", "rows")
    assert exceeded(make.scope(), purpose_ceiling(book.purposes["textbook-order"])) == ()


def test_an_intersection_cuts_fields_period_uses_rows_and_territory() -> None:
    limit = Ceiling(
        name="test",
        fields=frozenset({"stage"}),
        territories=DIVISIONS.territory(make.COUNTY),
        valid_from=date(2026, 3, 10),
        max_days=5,
        uses=1,
        rows=10,
    )
    cut = intersect(make.scope(), [limit], DIVISIONS)
    assert cut.fields == ("stage",)
    assert cut.population.territory == make.COUNTY
    assert (cut.valid_from, cut.valid_to) == (date(2026, 3, 10), date(2026, 3, 14))
    assert (cut.uses, cut.row_cap) == (1, 10)


@pytest.mark.parametrize(
    ("limit", "dimension"),
    [
        (Ceiling("t", purposes=frozenset({"research"})), "purpose"),
        (Ceiling("t", profiles=frozenset()), "profile"),
        (Ceiling("t", levels=frozenset({"masked"})), "level"),
        (Ceiling("t", fields=frozenset()), "fields"),
        (Ceiling("t", territories=frozenset()), "territory"),
        (Ceiling("t", territories=frozenset({"140105", "140106"})), "territory"),
        (Ceiling("t", valid_from=date(2026, 7, 1)), "period"),
        (Ceiling("t", valid_to=date(2026, 2, 28)), "period"),
        (Ceiling("t", max_days=0), "period"),
        (Ceiling("t", uses=0), "uses"),
        (Ceiling("t", rows=0), "rows"),
    ],
)
def test_an_intersection_with_nothing_left_is_refused(limit: Ceiling, dimension: str) -> None:
    with pytest.raises(ScopeExceededError) as refusal:
        intersect(make.scope(), [limit], DIVISIONS)
    assert refusal.value.missing == (dimension,)


@pytest.mark.parametrize(
    ("changes", "dimension"),
    [
        ({"fields": ()}, "fields"),
        ({"fields": ("stage", "stage")}, "fields"),
        ({"valid_to": date(2026, 2, 28)}, "period"),
        ({"uses": 0}, "uses"),
        ({"row_cap": 0}, "rows"),
        ({"population": Population(make.CITY, stages=frozenset())}, "stages"),
        ({"population": Population(make.CITY, schools=frozenset())}, "schools"),
    ],
)
def test_a_scope_that_asks_for_nothing_is_refused(changes: dict[str, object], dimension: str) -> None:
    with pytest.raises(ScopeExceededError) as refusal:
        check_shape(make.scope(**changes))
    assert refusal.value.missing == (dimension,)


def test_a_narrowing_that_is_empty_is_refused() -> None:
    with pytest.raises(ScopeExceededError):
        narrow(make.scope(), make.scope(fields=()), DIVISIONS)
