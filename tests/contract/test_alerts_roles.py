"""PostgreSQL: the worker's role follows, counts and watches; the office's asks for suppressions; others see neither."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

import gateway.bootstrap  # noqa: F401  every store declares its tables
from gateway.audit.alerts_amounts import Slot, SlotRow
from gateway.audit.alerts_records import AlertId, Mark, Suppression, SuppressionId, SuppressionState
from gateway.audit.log_watch_records import WatchState
from gateway.audit.store import SqlAmounts, SqlLogStore, SqlSuppressions, SqlWatching
from gateway.db import make_engine, migrate
from gateway.ids import AccountId
from gateway.journal import Tx
from gateway.keyring import Face
from gateway.principals import Role
from tests.contract.test_inspections_roles import as_role
from tests.factories.alerts import COUNTY, MONDAY

ASKED = Suppression(
    SuppressionId("su-1"), "scope-breach", "gr-1", COUNTY, Role.DATA_OFFICER, "high", None, AlertId("al-1"), "理由",
    AccountId("st-1"), MONDAY, MONDAY + timedelta(days=9), SuppressionState.WAITING,
)  # fmt: skip
HELD = replace(ASKED, state=SuppressionState.ACTIVE, since=MONDAY, confirmed_by=AccountId("st-2"), version=2)


@pytest.mark.rule("A50-16")
@pytest.mark.postgres
def test_each_face_does_its_part_and_no_more(postgres_url: str) -> None:
    migrate.upgrade(postgres_url)
    owner = make_engine(postgres_url)
    office, worker, outside = (as_role(owner, face) for face in (Face.OFFICE, Face.WORKER, Face.OUTSIDE))
    kept, amounts, watching = SqlSuppressions(), SqlAmounts(), SqlWatching()
    with office.begin() as connection:
        kept.add(Tx(connection), ASKED)
        assert kept.update(Tx(connection), HELD, 1)
    with worker.begin() as connection:
        tx = Tx(connection)
        assert [one.id for one in kept.covering(tx, MONDAY)] == ["su-1"]
        kept.count(tx, HELD.id, 1, 5, Mark(7, MONDAY))
        amounts.put(tx, [("sum", "st-1", [SlotRow(3, "", Slot(1, 5))], [(2, "")])])
        assert amounts.forget(tx, "sum", 4) == 1
        watching.set_watch_state(tx, WatchState(started_at="x", levels=((), (b"\1" * 32,))))
        watching.set_damaged(tx, "2026-11-23T10:00:00Z")
        assert watching.watch_state(tx).levels == ((), (b"\1" * 32,))
    with outside.connect() as connection:
        assert SqlLogStore(outside).witness_state(Tx(connection)).damaged_since == "2026-11-23T10:00:00Z"
    forbidden = [
        (outside, "SELECT * FROM alert_suppressions"),
        (outside, "SELECT * FROM alert_amounts"),
        (outside, "SELECT * FROM log_watch"),
        (outside, "UPDATE log_witness SET damaged_since = ''"),
        (office, "UPDATE log_witness SET damaged_since = ''"),
        (office, "DELETE FROM alert_suppressions"),
        (office, "SELECT * FROM alert_amounts"),
        (worker, "DELETE FROM alert_suppressions"),
    ]
    for engine, statement in forbidden:
        with engine.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(sa.text(statement))
    for engine in (office, worker, outside, owner):
        engine.dispose()
