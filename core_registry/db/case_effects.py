"""What a case does to the register, all in the transaction of its act: record, sharing view, history, clocks, events.

Order of locks, so that acts and imports do not wait for each other in a circle: records first, then the commit counter,
then what is only ever added. A correction of a final record writes its entry first: the guard of S-5 asks for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from core_registry.db.case_codec import Vault, dumps
from core_registry.db.case_facts import Setting
from core_registry.db.case_followup import Followup
from core_registry.db.case_tables import archive_entries, case_evidence, evidence, transitions
from core_registry.db.holders import hold
from core_registry.db.posts_store import responsible
from core_registry.db.record_changes import Changed, RecordChanges
from core_registry.db.state import Fact, advance, queue
from core_registry.db.tables import sharing_students, students
from core_registry.db.times import stamp
from core_registry.domain.cases import Actor, Case, CaseStatus
from core_registry.domain.facts import EntryKind
from core_registry.domain.procedures import Effects, NewEntry
from core_registry.domain.requests import Value
from core_registry.domain.rules import enforces
from core_registry.domain.states import CLOSED, Move, StudentState
from core_registry.domain.working_days import civil_date
from core_registry.errors import RegisterChangedError

_NOTED = frozenset({EntryKind.DATA_CHANGE, EntryKind.CORRECTION, EntryKind.NUMBER})
_FINAL_GRADE = "33"
_REOPENED = frozenset({StudentState.TRANSFERRED_OUT, StudentState.GRADUATED})


@dataclass(slots=True)
class Scene:
    """One act: who does what to whom, when. ``case_id`` is ``None`` for a private case, which stands nowhere."""

    connection: Connection
    case: Case
    actor: Actor
    now: datetime
    case_id: str | None
    student_id: str | None = None
    subject_ref: str | None = None
    number: int | None = None
    entries: int = 0
    events: list[tuple[str, dict[str, Fact]]] = field(default_factory=list)
    later: list[Callable[[], None]] = field(default_factory=list)
    """What is only added, once the record is written and its case stands."""

    @property
    def today(self) -> date:
        """The civil day of the act."""
        return civil_date(self.now)

    def commit_number(self) -> int:
        """Return the commit counter of this transaction; it counts at the first call."""
        if self.number is None:
            self.number = advance(self.connection)
        return self.number


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of state: the event's day, the ground (an article), and the school that holds the record then."""

    before: StudentState | None
    after: StudentState
    on: date
    ground: str
    school: str


class EffectsWriter:
    """Carries out effects. ``changes`` rewrites records."""

    def __init__(self, vault: Vault, setting: Setting, changes: RecordChanges) -> None:
        self._vault = vault
        self._followup = Followup(vault, setting)
        self._changes = changes

    def apply(self, scene: Scene, effects: Sequence[Effects]) -> None:
        """Write what the effects change of the record, in order; what is only added waits for ``finish``.

        Raises ``RegisterChangedError`` when the record is not in the state from which it should move,
        ``RegisterRuleError`` for a value that the register does not take.
        """
        for one in effects:
            self._one(scene, one)

    @staticmethod
    def finish(scene: Scene) -> None:
        """Count the commit and add what waited: transitions, entries, clocks, matters, certificates."""
        scene.commit_number()
        while scene.later:
            scene.later.pop(0)()

    def _one(self, scene: Scene, effects: Effects) -> None:
        if effects.new_record is not None:
            self._register(scene, effects)
        if scene.student_id is None:
            if effects.entries or effects.certificates or effects.move is not None:
                raise ValueError(f"'{scene.case.request.kind}' has no record to write to")
            scene.later.append(lambda: self._followup.write(scene, effects))
            return
        before = scene.connection.execute(select(students).where(students.c.student_id == scene.student_id)).one()
        values = _new_values(effects)
        change = self._changes.prepared(scene.connection, before, values, scene.today) if values else None
        noted = _with_changes(effects.entries, change, scene.today if effects.fields else None)
        entries = [self._with_backup(scene, entry) for entry in noted]
        if _final(before):
            scene.later.append(lambda: self._entries(scene, entries))
            scene.later.append(lambda: self._record(scene, effects, change))
        else:
            self._record(scene, effects, change)
            scene.later.append(lambda: self._entries(scene, entries))
        scene.later.append(lambda: self._followup.write(scene, effects, self._entries))

    def _record(self, scene: Scene, effects: Effects, change: Changed | None) -> None:
        if change is not None:
            self._changes.write(scene.connection, change, scene.now, self._day(scene, effects))
        if effects.move is not None:
            self._move(scene, effects, effects.move)
        elif change is None and effects.new_record is None:
            self._touch(scene)
        self._hold(scene, effects)

    def _with_backup(self, scene: Scene, entry: NewEntry) -> NewEntry:
        """Return an entry; a backup takes the whole record as it is before the change, under seal (A19-3)."""
        if entry.kind is not EntryKind.BACKUP:
            return entry
        record = dumps(self._changes.form(scene.connection, str(scene.student_id)))
        return replace(entry, personal={**entry.personal, "record": record})

    @staticmethod
    def _day(scene: Scene, effects: Effects) -> date:
        """Return the day of the event: of the request, but of the act for a change of school and for what is undone.

        A record lies with its old school until the new one has it (A6-2).
        """
        ended = scene.case.status in {CaseStatus.REFUSED, CaseStatus.WITHDRAWN}
        return scene.today if effects.school is not None or ended else scene.case.request.on

    def _register(self, scene: Scene, effects: Effects) -> None:
        """Write a new record, pre-registered: only the superior's approval makes it active (A10-1)."""
        asked = scene.case.request
        scene.student_id, scene.subject_ref = self._changes.new(
            scene.connection, effects.new_record or {}, asked.school, scene.now, asked.on
        )
        made = Transition(None, StudentState.PRE_REGISTERED, asked.on, effects.ground, asked.school)
        scene.later.append(lambda: self._transition(scene, made))

    @enforces("S-3", "S-4", how="record")
    def _move(self, scene: Scene, effects: Effects, move: Move) -> None:
        at = stamp(scene.now)
        row = scene.connection.execute(
            update(students)
            .where(students.c.student_id == scene.student_id, students.c.state == move.before.value)
            .values(state=move.after.value, updated_at=at, version=students.c.version + 1)
            .returning(students.c.school_code)
        ).one_or_none()
        if row is None:
            raise RegisterChangedError(
                "The record was changed meanwhile; look at it again.", detail_zh="该学籍已被他人更新，请重新查看。"
            )
        scene.connection.execute(
            update(sharing_students)
            .where(sharing_students.c.subject_ref == scene.subject_ref)
            .values(state=move.after.value, updated_at=at)
        )
        before, after = StudentState(move.before.value), StudentState(move.after.value)
        made = Transition(before, after, self._day(scene, effects), effects.ground, row.school_code)
        scene.later.append(lambda: self._transition(scene, made))

    @staticmethod
    def _transition(scene: Scene, made: Transition) -> None:
        before = None if made.before is None else made.before.value
        head, registrar = responsible(scene.connection, scene.actor.unit, scene.today)
        proofs = scene.connection.execute(
            select(evidence.c.sha256)
            .join(case_evidence, case_evidence.c.evidence_id == evidence.c.evidence_id)
            .where(case_evidence.c.case_id == scene.case_id)
            .order_by(evidence.c.sha256)
        ).scalars()
        scene.connection.execute(
            insert(transitions).values(
                student_id=scene.student_id, before_state=before, after_state=made.after.value, event_on=made.on,
                entered_at=stamp(scene.now), ground=made.ground, case_id=scene.case_id, school_code=made.school,
                actor=scene.actor.account, unit=scene.actor.unit, head=head, registrar=registrar,
                evidence=" ".join(proofs),
            )
        )  # fmt: skip
        facts: dict[str, Fact] = {
            "from": before, "to": made.after.value, "on": made.on.isoformat(), "ground": made.ground,
            "school_code": made.school, "case": scene.case_id,
        }  # fmt: skip
        scene.events.append(("registry.state", facts))

    @staticmethod
    def _touch(scene: Scene) -> None:
        scene.connection.execute(
            update(students).where(students.c.student_id == scene.student_id).values(version=students.c.version + 1)
        )

    @enforces("A6-2", "A26-1", how="record")
    def _hold(self, scene: Scene, effects: Effects) -> None:
        """Leave the record with exactly one holder: its school, a department, or nobody once it is closed."""
        if effects.move is None and effects.school is None and effects.holder is None:
            return
        row = scene.connection.execute(
            select(students.c.state, students.c.school_code).where(students.c.student_id == scene.student_id)
        ).one()
        closed = StudentState(row.state) in CLOSED
        unit = None if closed else effects.holder or row.school_code
        hold(scene.connection, str(scene.student_id), unit, self._day(scene, effects))

    def _entries(self, scene: Scene, entries: Sequence[NewEntry]) -> None:
        """Add entries to the archive; those of a private case are the school's own (A24-3)."""
        neutral = scene.case_id is None
        account = scene.case.opened_by if neutral else scene.actor.account
        unit = scene.case.request.school if neutral else scene.actor.unit
        for entry in entries:
            scene.entries += 1
            number = scene.commit_number()
            entry_id = f"en-{number:012d}-{scene.entries:03d}-{secrets.token_hex(8)}"
            sealed: dict[str, Any] = {"key_version": None, "sealed": None}
            if entry.personal:
                sealed = self._vault.close(scene.connection, "archive_entries", entry_id, entry.personal, scene.now)
            scene.connection.execute(
                insert(archive_entries).values(
                    entry_id=entry_id, sequence=number, student_id=scene.student_id, kind=entry.kind.value,
                    event_on=entry.on, entered_at=stamp(scene.now), data=dumps(dict(entry.data)),
                    case_id=scene.case_id, supersedes=entry.supersedes, actor=account, unit=unit, **sealed,
                )
            )  # fmt: skip


def queue_events(scene: Scene, further: Sequence[dict[str, Fact]]) -> None:
    """Write the events of an act: changes of state, then the acts of the case; a private case has none (A24-3)."""
    if scene.case_id is None:
        return
    subjects = () if scene.subject_ref is None else (scene.subject_ref,)
    number = scene.commit_number()
    for kind, facts in scene.events:
        queue(scene.connection, kind, scene.now, scene.actor.account, {**facts, "commit": number}, subjects)
    for facts in further:
        queue(scene.connection, "registry.case", scene.now, scene.actor.account, facts, subjects)


def _final(row: Row[Any]) -> bool:
    """Whether a record is final: what may follow is a correction (S-5)."""
    state = StudentState(row.state)
    return state in CLOSED - _REOPENED or (state is StudentState.GRADUATED and row.grade == _FINAL_GRADE)


def _new_values(effects: Effects) -> dict[str, Value]:
    moved = {"school_code": effects.school, "grade": effects.grade, "class_name": effects.class_name}
    return {**effects.fields, **{name: value for name, value in moved.items() if value is not None}}


def _with_changes(entries: Sequence[NewEntry], change: Changed | None, on: date | None) -> tuple[NewEntry, ...]:
    """Return the entries; the one that tells of changed fields keeps old and new values under seal (S-5, A7-2)."""
    if change is None or on is None:
        return tuple(entries)
    told = change.told
    found = [
        replace(entry, personal={**entry.personal, **told}) if entry.kind in _NOTED else entry for entry in entries
    ]
    if not any(entry.kind in _NOTED for entry in entries):
        found.append(NewEntry(EntryKind.DATA_CHANGE, on, {"fields": ",".join(change.fields)}, told))
    return tuple(found)
