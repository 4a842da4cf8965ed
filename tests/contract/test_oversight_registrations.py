"""Newcomers that a school's own form brings wait for the superior's approval (A10-1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from core_registry.db.case_tables import archive_entries, school_acts, transitions
from core_registry.db.engine import reading
from core_registry.db.registrations import SqlRegistrations
from core_registry.db.tables import sharing_students, students
from core_registry.domain.cases import Actor
from core_registry.errors import RegisterRuleError
from tests.factories.registrydb_rows import AT, PRIMARY, Registry, frame_of, make_registry, meta_of, pupil, silent

SUPERIOR = Actor("st-county", "140105", "registrar")
DAY = AT.date()


def _place(_division: str) -> tuple[str, str]:
    return "140105", "140100"


@pytest.fixture
def registry(database_url: str) -> Iterator[Registry]:
    made = make_registry(database_url)
    yield made
    made.engine.dispose()


def _states(registry: Registry) -> dict[str, int]:
    with reading(registry.engine) as connection:
        rows = connection.execute(select(students.c.state, sharing_students.c.state).select_from(students).join(
            sharing_students, sharing_students.c.subject_ref == students.c.subject_ref))  # fmt: skip
        found = [tuple(row) for row in rows]
    assert all(own == shared for own, shared in found)
    return {state: sum(own == state for own, _ in found) for state in {own for own, _ in found}}


@pytest.mark.rule("A10-1", "S-4")
def test_what_a_school_imports_waits_for_the_superior_and_is_approved_in_one_act(registry: Registry) -> None:
    frame = frame_of([pupil(1), pupil(2)], registry.store)
    meta = meta_of(frame, "ab" * 32)
    registry.store.apply(frame, replace(meta, approved=False), silent)
    assert _states(registry) == {"pre-registered": 2}
    stores = SqlRegistrations(registry.engine, _place)
    act = stores.approve("sa-1", PRIMARY, DAY, SUPERIOR, AT)
    assert (act.pupils, act.unit) == (2, "140105")
    assert _states(registry) == {"active": 2}
    with reading(registry.engine) as connection:
        moves = connection.execute(select(transitions)).all()
        entries = connection.execute(select(archive_entries.c.kind)).scalars().all()
        acts = connection.execute(select(school_acts.c.kind, school_acts.c.pupils)).all()
    assert {(m.before_state, m.after_state, m.actor, m.unit, m.evidence) for m in moves} == {
        ("pre-registered", "active", "st-county", "140105", "ab" * 32)
    }
    assert list(entries) == ["enrolment", "enrolment"]
    assert [tuple(one) for one in acts] == [("registration", 2)]
    with pytest.raises(RegisterRuleError) as refused:  # nobody is left, and nobody is approved twice
        stores.approve("sa-2", PRIMARY, DAY, SUPERIOR, AT)
    assert refused.value.rule == "A10-1"


def test_what_a_department_imports_is_approved_by_it(registry: Registry) -> None:
    frame = frame_of([pupil(3)], registry.store)
    registry.store.apply(frame, meta_of(frame), silent)
    assert _states(registry) == {"active": 1}
