"""Checks (核验): what is confirmed, and one answer, one cost, for all that is not; on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from gateway.db import make_engine
from gateway.policies.records import Population
from gateway.policies.scope import civil_date
from gateway.releases.checks.desk import LocalDesk
from gateway.releases.checks.records import Asked, CheckRequest
from gateway.releases.checks.schedule import QUANTUM_SECONDS
from tests.factories import house_fixtures
from tests.factories.checks import ASKER, CHECK, NOBODY, UNKNOWN, Waits, asked, check, check_grant, checks_of, people_of
from tests.factories.release_cases import CHAIN, PROVINCE
from tests.factories.releases import House, make_house

house = house_fixtures.shared_on_both
small = house_fixtures.shared
own = house_fixtures.fresh


@pytest.mark.rule("A50-9")
def test_a_check_confirms_what_is_so_and_takes_a_use_for_each_person(house: House) -> None:
    first, second = people_of(house)[:2]
    grant = check_grant(house.services)
    told = check(
        house,
        grant,
        asked(first, in_school=True, stage=first["stage"], grade=first["grade"], school_code=first["school_code"]),
        asked(second, boarding=first["boarding"] is not second["boarding"] and not second["boarding"]),
        NOBODY,
    )
    assert told.confirmed[0]
    assert not told.confirmed[2]
    assert house.uses_left(grant) == CHECK.uses - 3


def test_each_kind_of_claim_is_compared_and_every_claim_must_hold(small: House) -> None:
    row = people_of(small)[3]
    grant = check_grant(small.services)
    age = (civil_date(small.clock()) - row["birth_date"]).days / 365.25
    right: dict[str, Any] = {
        "in_school": True,
        "stage": row["stage"],
        "grade": row["grade"],
        "school_code": row["school_code"],
        "county": row["school_division"],
        "boarding": row["boarding"],
        "age_over_14": age >= 14,
    }
    wrong: dict[str, Any] = {
        "in_school": False,
        "stage": "senior" if row["stage"] != "senior" else "primary",
        "grade": "33" if row["grade"] != "33" else "11",
        "school_code": "2199999999",
        "county": "140105" if row["school_division"] != "140105" else "140106",
        "boarding": not row["boarding"],
        "age_over_14": age < 14,
    }
    assert check(small, grant, asked(row, **right)).confirmed == (True,)
    for name, value in wrong.items():
        small.clock.turn(days=1)  # a new day, so that the guess limit plays no part here
        assert check(small, grant, asked(row, **{**right, name: value})).confirmed == (False,), name


@pytest.mark.parametrize(
    "spelled",
    [lambda r: {**r, "id_number": f" {r['id_number'].lower()} "}, lambda r: {**r, "name": f"{r['name']}　"}],
)
def test_blanks_and_case_do_not_matter(small: House, spelled: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    row = people_of(small)[5]
    assert check(small, check_grant(small.services), asked(spelled(row))).confirmed == (True,)


def _cases(house: House) -> dict[str, Asked]:
    rows = people_of(house)
    senior = next(row for row in rows if row["stage"] == "senior")
    first = next(row for row in rows if row["stage"] == "primary")
    return {
        "unknown": NOBODY,
        "wrong name": Asked("郑无此", first["id_number"], {"in_school": True}),
        "wrong number": Asked(first["name"], UNKNOWN, {"in_school": True}),
        "out of the granted stage": asked(senior),
        "wrong claim": asked(first, in_school=False),
    }


def test_whoever_is_not_confirmed_costs_the_same_work_and_gets_the_same_answer(own: House) -> None:
    """The same statements with the same number of parameters, the same steps, an entry of the same size (I7)."""
    grant = check_grant(own.services, population=_primary())
    seen: dict[str, tuple[Any, ...]] = {}
    for name, person in _cases(own).items():
        statements: list[tuple[str, str]] = []

        def note(_c: object, _u: object, statement: str, parameters: object, *_more: object) -> None:
            if any(table in statement for table in LOOKED_AT):
                statements.append((statement, _shape(parameters)))  # noqa: B023  read within the turn

        with _watched(own, note):
            told = check(own, grant, person)
        assert told.confirmed == (False,), name
        entry = own.entries("release.outcome")[-1]
        assert len(entry["tags"]["tags"]) == 1
        size = len(json.dumps({**entry, "at": ""}))
        seen[name] = (tuple(statements), size, sorted(entry["facts"]))
        own.clock.turn(days=1)
    first = seen.pop("unknown")
    assert len(first[0]) > 4, "the watch saw the statements"
    for name, one in seen.items():
        assert one == first, name


LOOKED_AT = ("students", "guardian", "register_state", "release_checks", "release_guesses", "grants")
"""Tables that a look-up touches; the log writes as many tiles as its size wants."""


def _primary() -> Population:
    return Population(PROVINCE, stages=frozenset({"primary"}))


def _shape(parameters: object) -> str:
    """Return what parameters look like without their values: names or places, and lengths of lists."""
    if isinstance(parameters, dict):
        return ",".join(f"{key}:{_shape(value)}" for key, value in sorted(parameters.items()))
    if isinstance(parameters, str) and parameters.startswith("["):
        return f"list{len(json.loads(parameters))}"
    if isinstance(parameters, Sequence) and not isinstance(parameters, str | bytes):
        return f"({','.join(_shape(value) for value in parameters)})"
    return type(parameters).__name__


class _watched:  # noqa: N801  reads as a statement
    """Watches every statement of the engines of a house."""

    def __init__(self, house: House, note: Callable[..., None]) -> None:
        desk = checks_of(house.services).desk
        assert isinstance(desk, LocalDesk)
        self._engines = [
            desk.matcher._engine,  # type: ignore[attr-defined]  # the real one
            desk.pupils._engine,  # type: ignore[attr-defined]  # the real one
            desk.scratch._engine,  # type: ignore[attr-defined]  # the real one
        ]
        self._note = note

    def __enter__(self) -> None:
        for engine in self._engines:
            event.listen(engine, "before_cursor_execute", self._note)

    def __exit__(self, *_error: object) -> None:
        for engine in self._engines:
            event.remove(engine, "before_cursor_execute", self._note)


@pytest.mark.rule("A50-15")
def test_a_record_that_ended_is_not_confirmed_at_once(own: House) -> None:
    row = people_of(own)[0]
    grant = check_grant(own.services)
    assert check(own, grant, asked(row)).confirmed == (True,)
    engine = make_engine(own.settings.registry_url)
    with engine.begin() as connection:
        subject = connection.execute(
            text("UPDATE sharing_students SET state = 'withdrawn' WHERE subject_ref = :s"), {"s": row["subject_ref"]}
        )
        assert subject.rowcount == 1
    engine.dispose()
    assert check(own, grant, asked(row)).confirmed == (False,)


@pytest.mark.rule("A50-6")
def test_a_pupil_of_another_territory_is_not_confirmed(small: House) -> None:
    rows = people_of(small)
    grant = check_grant(small.services, population=Population("140200"))
    inside = small.services.book.divisions.territory("140200")
    here = next(row for row in rows if row["managing_authority"] in inside)
    there = next(row for row in rows if row["managing_authority"] not in inside)
    assert check(small, grant, asked(here), asked(there)).confirmed == (True, False)


def test_answers_leave_at_whole_multiples_of_the_quantum(small: House) -> None:
    waits = Waits()
    begun = waits.at
    checks_of(small.services, waits).check(check_grant(small.services), CheckRequest((NOBODY,)), ASKER)
    (slept,) = waits.slept
    assert 0 < slept <= QUANTUM_SECONDS
    spent = waits.at - begun
    assert abs(spent / QUANTUM_SECONDS - round(spent / QUANTUM_SECONDS)) < 0.02


@pytest.mark.rule("A50-9")
@pytest.mark.parametrize("who", ["known", "unknown"])
def test_after_so_many_guesses_nobody_is_looked_up_any_more_also_not_who_is_unknown(house: House, who: str) -> None:
    row = people_of(house)[7 if who == "known" else 8]
    limit = house.services.book.parameters.guess_limit
    number = row["id_number"] if who == "known" else UNKNOWN[:-4] + "0005"
    grant = check_grant(house.services)
    house.clock.turn(days=1)
    for one in "甲乙丙丁戊己庚"[:limit]:
        assert check(house, grant, Asked(f"郑{one}", number, {"in_school": True})).confirmed == (False,)
    assert not [e for e in house.entries("release.guess_limited") if e["links"]["grant"] == grant]
    right = Asked(row["name"], number, {"in_school": True})
    assert check(house, grant, right).confirmed == (False,)  # the right name now
    (entry,) = [e for e in house.entries("release.guess_limited") if e["links"]["grant"] == grant]
    assert entry["facts"]["people"] == 1
    assert entry["facts"]["limit"] == limit
    assert "tags" not in entry
    assert set(entry["links"]) >= CHAIN
    house.clock.turn(days=1)  # a new day, new guesses
    assert check(house, grant, right).confirmed == (who == "known",)


def test_what_was_confirmed_is_no_guess(small: House) -> None:
    row = people_of(small)[0]
    grant = check_grant(small.services)
    for _ in range(small.services.book.parameters.guess_limit + 3):
        assert check(small, grant, asked(row)).confirmed == (True,)


def test_the_counts_name_nobody_and_go_after_the_day(own: House) -> None:
    check(own, check_grant(own.services), NOBODY)
    engine = make_engine(own.settings.gateway_url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT key, tries FROM release_guesses")).all()
    assert [row.tries for row in rows] == [1]
    assert UNKNOWN not in rows[0].key
    own.clock.turn(days=1)
    checks_of(own.services).purge()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM release_guesses")).scalar_one() == 0
    engine.dispose()


@pytest.mark.postgres
def test_guesses_at_the_same_time_do_not_pass_the_limit_together(tmp_path: Path, postgres_server: str) -> None:
    house = make_house(tmp_path, server=postgres_server)
    row = people_of(house)[0]
    grant = check_grant(house.services)
    limit = house.services.book.parameters.guess_limit
    names = [f"郑{c}" for c in "甲乙丙丁戊己庚辛壬癸"]

    def guess(name: str) -> None:
        check(house, grant, Asked(name, row["id_number"], {"in_school": True}))

    try:
        with ThreadPoolExecutor(5) as pool:
            list(pool.map(guess, names))
        outcomes = [e["facts"] for e in house.entries("release.outcome") if e["links"].get("grant") == grant]
    finally:
        house.close()
    assert len(outcomes) == len(names)
    assert sum(facts["limited"] for facts in outcomes) == len(names) - limit
