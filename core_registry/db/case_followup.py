"""What follows from an act beside the record: clocks, matters, certificates."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, and_, insert, select, update

from core_registry.db.case_codec import Vault
from core_registry.db.case_facts import Setting
from core_registry.db.case_tables import certificate_counters, certificates, clocks, matters
from core_registry.db.tables import students
from core_registry.db.times import stamp
from core_registry.domain.certificates import OWN_NUMBER
from core_registry.domain.facts import EntryKind
from core_registry.domain.procedures import Effects, NewCertificate, NewEntry
from core_registry.domain.rules import enforces
from core_registry.domain.states import StudentState
from core_registry.errors import RegisterRuleError

if TYPE_CHECKING:
    from core_registry.db.case_effects import Scene

_RUNNING = ("running", "overdue")
_ANY_KIND = "all"
Enter = Callable[["Scene", Sequence[NewEntry]], None]
"""Adds entries to the archive."""


class Followup:
    """Writes clocks, matters and certificates."""

    def __init__(self, vault: Vault, setting: Setting) -> None:
        self._vault = vault
        self._setting = setting

    def write(self, scene: Scene, effects: Effects, enter: Enter | None = None) -> None:
        """Stop the clocks that are met, start new ones, open matters, number certificates, take a stamp."""
        self._clocks(scene, effects)
        self._matters(scene, effects)
        for certificate in effects.certificates:
            number = self._issue(scene, certificate)
            if enter is not None:
                enter(scene, (_entry(certificate, number),))
        if effects.stamped is not None:
            self._stamp(scene, effects.stamped)

    def _clocks(self, scene: Scene, effects: Effects) -> None:
        connection, today = scene.connection, scene.today
        for name in effects.met:
            _stop(connection, _running(scene, name), today)
        for new in effects.deadlines:
            # One that runs is replaced: another period holds now.
            connection.execute(update(clocks).where(_running(scene, new.name)).values(state="cancelled"))
            due = self._setting.calendar.after(new.event, new.period)
            connection.execute(
                insert(clocks).values(
                    name=new.name, rule=new.rule, unit=new.unit, student_id=scene.student_id, case_id=scene.case_id,
                    event_on=new.event, number=new.period.number, measure=new.period.measure.value, due_on=due.day,
                    provisional=due.provisional, state="running",
                )
            )  # fmt: skip
        if effects.move is not None and effects.move.after.value == StudentState.DECEASED.value:
            # Nothing is expected of the pupil any more.
            connection.execute(
                update(clocks)
                .where(clocks.c.student_id == scene.student_id, clocks.c.state.in_(_RUNNING))
                .values(state="cancelled")
            )

    def _matters(self, scene: Scene, effects: Effects) -> None:
        for new in effects.matters:
            period = self._setting.matter_period(new.kind)
            scene.connection.execute(
                insert(matters).values(
                    matter_id=f"ma-{secrets.token_hex(16)}", kind=new.kind, code=new.code, rule=new.rule,
                    student_id=scene.student_id, school_code=scene.case.request.school, owner=new.owner,
                    opened_on=new.on, opened_at=stamp(scene.now), opened_by=scene.actor.account,
                    due_on=self._setting.calendar.after(new.on, period).day, state="open", version=1,
                )
            )  # fmt: skip

    @enforces("A43-3", how="record")
    def _issue(self, scene: Scene, new: NewCertificate) -> str:
        """Write a certificate under the next number; the serial is the next of the issuer's year, whatever the kind."""
        serial = _next_serial(scene.connection, new.issuer, new.on.year)
        number = self._setting.certificate_number(new.kind, issuer=new.issuer, year=new.on.year, serial=serial)
        name_key = scene.connection.execute(
            select(students.c.name_key).where(students.c.student_id == scene.student_id)
        ).scalar_one()
        sealed: dict[str, Any] = self._vault.close(
            scene.connection, "certificates", f"{new.issuer}/{number}", dict(new.data), scene.now
        )
        scene.connection.execute(
            insert(certificates).values(
                issuer=new.issuer, number=number, kind=new.kind, student_id=scene.student_id, case_id=scene.case_id,
                issued_on=new.on, effective_on=new.on if new.effective else None, original=new.original,
                name_key=name_key, **sealed,
            )
        )  # fmt: skip
        return number

    @enforces("A43-2", how="record")
    def _stamp(self, scene: Scene, number: str) -> None:
        """Make a certificate effective: the one that this case numbered, or the one with the number."""
        own = certificates.c.case_id == scene.case_id if number == OWN_NUMBER else certificates.c.number == number
        done = scene.connection.execute(
            update(certificates)
            .where(
                own,
                certificates.c.student_id == scene.student_id,
                certificates.c.effective_on.is_(None),
                certificates.c.void_on.is_(None),
            )
            .values(effective_on=scene.today, stamped_by=scene.actor.account)
        )
        if done.rowcount != 1:
            raise RegisterRuleError(
                "There is no certificate that waits for this stamp.", detail_zh="没有待验印的证书。", rule="A43-2"
            )


def _entry(new: NewCertificate, number: str) -> NewEntry:
    data = {"kind": new.kind, "issuer": new.issuer, "number": number, "original": new.original}
    return NewEntry(EntryKind.CERTIFICATE, new.on, data)


def _next_serial(connection: Connection, issuer: str, year: int) -> int:
    """Return the serial after the last one; the counter's row is locked until the commit."""
    row = and_(
        certificate_counters.c.issuer == issuer,
        certificate_counters.c.kind == _ANY_KIND,
        certificate_counters.c.year == year,
    )
    last: int | None = connection.execute(
        update(certificate_counters)
        .where(row)
        .values(last=certificate_counters.c.last + 1)
        .returning(certificate_counters.c.last)
    ).scalar_one_or_none()
    if last is not None:
        return last
    connection.execute(insert(certificate_counters).values(issuer=issuer, kind=_ANY_KIND, year=year, last=1))
    return 1


def _running(scene: Scene, name: str) -> ColumnElement[bool]:
    whose = clocks.c.case_id == scene.case_id if scene.student_id is None else clocks.c.student_id == scene.student_id
    return and_(whose, clocks.c.name == name, clocks.c.state.in_(_RUNNING))


def _stop(connection: Connection, which: ColumnElement[bool], on: date) -> None:
    connection.execute(update(clocks).where(which, clocks.c.due_on >= on).values(state="met", met_on=on))
    connection.execute(update(clocks).where(which, clocks.c.due_on < on).values(state="late", met_on=on))
