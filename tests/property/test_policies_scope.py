"""I6 on random scopes, and round trips of what is stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policies.admission import granted_scope
from gateway.policies.codec import decode_ground, decode_scope, encode_ground, encode_scope
from gateway.policies.errors import ScopeExceededError
from gateway.policies.grounds import ceiling, normalize_document_number
from gateway.policies.records import Level, Population, Scope
from gateway.policies.scope import (
    Ceiling,
    UseRequest,
    covers,
    difference,
    exceeded,
    intersect,
    narrow,
    profile_ceiling,
    purpose_ceiling,
    row_filter,
)
from rulebook.records import Divisions
from tests.factories import policies as make

BOOK = make.rule_book()
PLACES = ("140000", "140100", "140105", "140106", "140171", "140200", "140212")
# the divisions of the test: small, so that a thousand intersections take a second
DIVISIONS = Divisions(MappingProxyType({code: BOOK.divisions.by_code[code] for code in PLACES}), MappingProxyType({}))
FIELDS = ("county", "stage", "grade", "sex", "ethnicity", "birth_date", "boarding", "state", "name_masked")
START = date(2026, 1, 1)

days = st.integers(0, 400).map(lambda n: START + timedelta(days=n))
field_sets = st.sets(st.sampled_from(FIELDS), min_size=1).map(lambda chosen: tuple(sorted(chosen)))
conditions = st.none() | st.frozensets(st.sampled_from(("01", "02", "03")), min_size=1)
populations = st.builds(Population, st.sampled_from(PLACES), conditions, conditions, conditions)


@st.composite
def scopes(draw: st.DrawFn) -> Scope:
    """Draw a scope of the right shape."""
    first = draw(days)
    return Scope(
        purpose=draw(st.sampled_from(("textbook-order", "research"))),
        profile=draw(st.sampled_from(("textbook-anonymous", "research-pseudonymous"))),
        level=draw(st.sampled_from((Level.ANONYMOUS, Level.PSEUDONYMOUS))),
        fields=draw(field_sets),
        population=draw(populations),
        valid_from=first,
        valid_to=first + timedelta(days=draw(st.integers(0, 900))),
        uses=draw(st.integers(1, 30)),
        row_cap=draw(st.integers(1, 6_000_000)),
    )


def ceilings() -> st.SearchStrategy[Ceiling]:
    """Draw a ceiling that bounds any of the dimensions."""
    return st.builds(
        Ceiling,
        name=st.just("drawn"),
        levels=st.none() | st.frozensets(st.sampled_from([level.value for level in Level])),
        fields=st.none() | st.frozensets(st.sampled_from(FIELDS)),
        territories=st.none() | st.sampled_from(PLACES).map(DIVISIONS.territory),
        valid_from=st.none() | days,
        valid_to=st.none() | days,
        max_days=st.none() | st.integers(0, 400),
        uses=st.none() | st.integers(0, 30),
        rows=st.none() | st.integers(0, 6_000_000),
    )


@given(scopes(), st.lists(ceilings(), max_size=4))
def test_i6_an_intersection_is_within_the_application_and_every_ceiling(scope: Scope, limits: list[Ceiling]) -> None:
    try:
        granted = intersect(scope, limits, DIVISIONS)
    except ScopeExceededError:
        return
    assert difference(granted, scope, DIVISIONS) == ()
    assert all(exceeded(granted, limit) == () for limit in limits)
    assert intersect(granted, limits, DIVISIONS) == granted


@given(scopes(), st.lists(ceilings(), max_size=4))
def test_i6_an_intersection_loses_nothing_that_every_ceiling_allows(scope: Scope, limits: list[Ceiling]) -> None:
    if all(exceeded(scope, limit) == () for limit in limits):
        assert intersect(scope, limits, DIVISIONS) == scope


@st.composite
def consistent(draw: st.DrawFn) -> Scope:
    """Draw a scope whose purpose, profile and level agree, so that most draws can be granted."""
    scope = draw(scopes())
    fields = tuple(sorted({"stage", *scope.fields} - {"name_masked"}))
    return replace(scope, purpose="textbook-order", profile="textbook-anonymous", level=Level.ANONYMOUS, fields=fields)


@given(consistent(), st.integers(0, 2), st.none() | st.frozensets(st.sampled_from(FIELDS)), days, st.data())
def test_i6_released_is_within_grant_within_application_and_ceilings(
    scope: Scope, above: int, named: frozenset[str] | None, valid_to: date, data: st.DataObject
) -> None:
    chain = BOOK.divisions.ancestors(scope.population.territory)
    government = chain[min(above, len(chain) - 1)]
    fields = None if named is None else named | {"stage"}
    ground = make.approval(division=government, dated=START, valid_to=valid_to, fields=fields)
    over = scope.valid_from > valid_to
    if over:
        with pytest.raises(ScopeExceededError):
            granted_scope(scope, ground, BOOK, START)
        return
    granted = granted_scope(scope, ground, BOOK, START)
    limits = (
        purpose_ceiling(BOOK.purposes[scope.purpose]),
        profile_ceiling(BOOK.profiles[scope.profile]),
        ceiling(ground, BOOK),
    )
    assert difference(granted, scope, BOOK.divisions) == ()
    assert all(exceeded(granted, limit) == () for limit in limits)
    reached = row_filter(granted, BOOK.divisions).authorities
    assert reached is not None
    assert reached <= BOOK.divisions.territory(government) & BOOK.divisions.territory(scope.population.territory)

    grant = make.grant(scope=granted, uses_left=granted.uses)
    places = sorted(reached & set(PLACES))
    use = UseRequest(
        recipient=grant.recipient,
        purpose=granted.purpose,
        profile=granted.profile,
        level=granted.level,
        fields=tuple(data.draw(st.sets(st.sampled_from(granted.fields), min_size=1))),
        on=data.draw(st.dates(granted.valid_from, granted.valid_to)),
        rows=data.draw(st.integers(0, granted.row_cap)),
        population=replace(granted.population, territory=data.draw(st.sampled_from(places))),
    )
    covers(grant, use, BOOK.divisions)
    beyond = data.draw(
        st.sampled_from(
            [
                replace(use, fields=(*use.fields, "name_masked")),
                replace(use, rows=granted.row_cap + 1),
                replace(use, on=granted.valid_to + timedelta(days=1)),
                replace(use, on=granted.valid_from - timedelta(days=1)),
                replace(use, uses=granted.uses + 1),
                replace(use, recipient=make.OTHER_RECIPIENT),
                replace(use, level=Level.PSEUDONYMOUS),
                replace(use, population=replace(granted.population, territory="999999")),
            ]
        )
    )
    with pytest.raises(ScopeExceededError):
        covers(grant, beyond, BOOK.divisions)


@given(consistent(), consistent(), st.booleans())
def test_i6_a_narrowing_never_widens(scope: Scope, other: Scope, nested: bool) -> None:
    wanted = replace(intersect(scope, [], DIVISIONS), uses=1, row_cap=1) if nested else other
    beyond = difference(wanted, scope, DIVISIONS)
    if beyond:
        with pytest.raises(ScopeExceededError) as refusal:
            narrow(scope, wanted, DIVISIONS)
        assert refusal.value.missing == beyond
    else:
        assert narrow(scope, wanted, DIVISIONS) == wanted


@given(scopes())
def test_a_scope_is_within_itself_and_survives_its_encoding(scope: Scope) -> None:
    assert difference(scope, scope, DIVISIONS) == ()
    assert decode_scope(encode_scope(scope)) == scope


@given(st.frozensets(st.sampled_from(FIELDS)) | st.none(), days, st.text(max_size=40))
def test_a_ground_survives_its_encoding(fields: frozenset[str] | None, dated: date, text: str) -> None:
    for ground in (make.statute(), make.approval(fields=fields, dated=dated, scope_text=text)):
        assert decode_ground(encode_ground(ground)) == ground


@given(st.text(max_size=60))
def test_normalising_a_document_number_is_total_and_idempotent(text: str) -> None:
    once = normalize_document_number(text)
    assert normalize_document_number(once) == once
