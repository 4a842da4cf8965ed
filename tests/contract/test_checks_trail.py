"""Checks: what stands in the log, and that nobody who was asked about stands anywhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import UnavailableError
from gateway.policies.errors import ScopeExceededError
from gateway.releases.checks import service as module
from gateway.releases.checks.desk import LocalDesk
from gateway.releases.checks.records import Asked, CheckId, CheckRequest
from gateway.releases.errors import LeaseLostError
from tests.factories import house_fixtures
from tests.factories.checks import (
    ASKER,
    CHECK,
    NOBODY,
    UNKNOWN,
    about_first,
    asked,
    check,
    check_grant,
    checks_of,
    people_of,
)
from tests.factories.release_cases import CHAIN
from tests.factories.releases import House

small = house_fixtures.shared
own = house_fixtures.fresh


@pytest.mark.rule("A50-10")
def test_i3_the_intent_is_durable_before_the_look_up_and_the_outcome_before_the_answer(
    small: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = check_grant(small.services)
    row = people_of(small)[0]
    looked: list[int] = []
    original = LocalDesk._look

    def look(self: LocalDesk, *arguments: Any) -> Any:  # noqa: ANN401  as the original
        looked.append(len([e for e in small.entries("release.intent") if e["links"]["grant"] == grant]))
        return original(self, *arguments)

    monkeypatch.setattr(LocalDesk, "_look", look)
    told = check(small, grant, asked(row), NOBODY)
    assert looked == [1]
    (intent,) = [e for e in small.entries("release.intent") if e["links"]["grant"] == grant]
    (outcome,) = [e for e in small.entries("release.outcome") if e["links"]["grant"] == grant]
    assert intent["facts"] == {
        "check": told.id, "level": "check", "purpose": CHECK.purpose, "claims": ["in_school"], "people": 2,
    }  # fmt: skip
    assert outcome["facts"] == {"check": told.id, "level": "check", "people": 2, "confirmed": 1, "limited": 0}
    assert set(intent["links"]) >= CHAIN
    assert set(outcome["links"]) >= CHAIN
    assert "tags" not in intent


@pytest.mark.rule("A50-10")
def test_who_looked_at_a_pupil_is_found_by_tag_and_an_unknown_person_has_a_tag_of_nobody(small: House) -> None:
    row = people_of(small)[2]
    grant = check_grant(small.services)
    check(small, grant, asked(row), NOBODY)
    outcome = small.entries("release.outcome")[-1]
    tagger = small.services.audit.tagger
    assert tagger is not None
    mine = tagger.tag(outcome["tags"]["epoch"], row["subject_ref"]).hex()
    assert len(outcome["tags"]["tags"]) == 2
    assert mine in outcome["tags"]["tags"]


def test_a_check_is_answered_once_and_about_as_many_people_as_its_intent_says(small: House) -> None:
    row = people_of(small)[0]
    service = checks_of(small.services)
    told = check(small, check_grant(small.services), asked(row))
    with pytest.raises(LeaseLostError):
        service.desk.answer(told.id, CheckRequest((asked(row),)))
    with pytest.raises(LeaseLostError):
        service.desk.answer(CheckId("ck-none"), CheckRequest((asked(row),)))


def test_the_worker_decides_again_and_answers_no_more_than_the_grant_allows(
    small: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A face that was taken over cannot have the worker answer what the grant does not allow (I2)."""
    monkeypatch.setattr(module, "require_question", lambda *_a, **_k: None)
    grant = check_grant(small.services, fields=("in_school",))
    with pytest.raises(ScopeExceededError) as refused:
        checks_of(small.services).check(grant, about_first(small, grade="11"), ASKER)
    assert refused.value.extra["dimension"] == "fields"
    outcome = small.entries("release.outcome")[-1]
    assert (outcome["outcome"], outcome["facts"]["problem"]) == ("error", "ScopeExceededError")


def test_a_check_whose_owner_died_is_closed_as_unknown_after_its_lease(own: House) -> None:
    class Gone:
        def answer(self, *_a: object) -> tuple[bool, ...]:
            raise UnavailableError("gone")

    grant = check_grant(own.services)
    service = replace(checks_of(own.services), desk=Gone())
    with pytest.raises(UnavailableError):
        service.check(grant, about_first(own), ASKER)
    assert not service.close_orphans()
    own.clock.turn(seconds=own.services.book.parameters.lease_seconds + 1)
    assert service.close_orphans()
    assert not service.close_orphans()
    outcome = own.entries("release.outcome")[-1]
    assert outcome["outcome"] == "unknown"
    assert outcome["links"]["grant"] == grant
    assert own.uses_left(grant) == CHECK.uses - 1  # somebody may have looked


def test_old_rows_of_closed_checks_go(own: House) -> None:
    told = check(own, check_grant(own.services), NOBODY)
    service = checks_of(own.services)
    own.clock.turn(days=8)
    service.purge()
    assert service.reader.read(lambda tx: service.checks.get(tx, told.id)) is None


@pytest.mark.rule("A50-8")
def test_i7_no_name_and_no_number_of_those_asked_about_stands_in_any_byte(
    own: House, caplog: pytest.LogCaptureFixture
) -> None:
    rows = people_of(own)[40:44]
    grant = check_grant(own.services)
    check(own, grant, *(asked(row) for row in rows), NOBODY)
    wanted = [str(row["id_number"]).encode() for row in rows] + [UNKNOWN.encode(), NOBODY.name.encode()]
    found = [
        (path.name, value)
        for path in sorted(own.settings.home.rglob("*"))
        if path.is_file() and path.suffix != ".key" and "template" not in path.name
        for value in wanted
        if value in path.read_bytes()
    ]
    assert not found
    assert not [value for value in wanted if value.decode() in caplog.text]


def test_people_have_no_repr() -> None:
    person = Asked("张三丰", UNKNOWN, {"stage": "primary"})
    for one in (person, CheckRequest((person,))):
        assert "张三丰" not in repr(one)
        assert UNKNOWN not in repr(one)
        assert "primary" not in repr(one)
