"""Cases, their evidence, history and holds, as records."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from sqlalchemy import ColumnElement, Row, and_, func, insert, or_, select, update

from gateway.data_keys.service import DataKeys
from gateway.db import connection_of
from gateway.ids import AccountId
from gateway.inspections.records import (
    Case,
    CaseEvent,
    CaseFinding,
    CaseId,
    CaseQuery,
    CaseState,
    Evidence,
    Hold,
    HoldId,
    Subject,
    SubjectKind,
)
from gateway.inspections.store.sealing import CaseTexts
from gateway.inspections.store.tables import (
    inspection_cases,
    inspection_events,
    inspection_evidence,
    inspection_held_entries,
    inspection_holds,
)
from gateway.instants import instant_of, micros_text
from gateway.journal import Tx

_cases = inspection_cases.c


class SqlCases:
    """Implements ``gateway.inspections.ports.CaseStore``. Without ``keys`` it tells what is held back, and no text."""

    def __init__(self, keys: DataKeys | None = None) -> None:
        self._texts = CaseTexts(keys)

    def add(self, tx: Tx, case: Case, event: CaseEvent) -> None:
        """Insert a case with its first event."""
        sealed = {"title_sealed": self._texts.seal(tx, case.id, "title", case.title), **self._order(tx, case)}
        connection_of(tx).execute(insert(inspection_cases).values(title="", order_text="", **_row(case), **sealed))
        self._note(tx, case.id, event)

    def update(self, tx: Tx, before: Case, case: Case, event: CaseEvent) -> bool:
        """Write what changed of a case that is still as ``before``, with its event; say whether it was."""
        was = _row(before)
        values = {name: value for name, value in _row(case).items() if value != was[name]}
        if case.order != before.order:
            values |= {"order_text": "", **self._order(tx, case)}
        done = connection_of(tx).execute(
            update(inspection_cases).where(_cases.id == case.id, _cases.version == before.version).values(**values)
        )
        if done.rowcount == 1:
            self._note(tx, case.id, event)
        return done.rowcount == 1

    def _order(self, tx: Tx, case: Case) -> dict[str, object]:
        return {"order_sealed": self._texts.seal(tx, case.id, "order", case.order)} if case.order else {}

    def _note(self, tx: Tx, case: CaseId, event: CaseEvent) -> None:
        """Append an event to the history of a case."""
        connection, events = connection_of(tx), inspection_events
        last = connection.execute(
            select(func.coalesce(func.max(events.c.sequence), 0)).where(events.c.case_id == case)
        ).scalar_one()
        connection.execute(
            insert(events).values(
                case_id=case,
                sequence=int(last) + 1,
                at=micros_text(event.at),
                account=event.account,
                act=event.act,
                text="",
                text_sealed=self._texts.seal(tx, case, f"event {int(last) + 1}", event.text, event.salt)
                if event.text
                else None,
            )
        )

    def add_evidence(self, tx: Tx, case: CaseId, evidence: Collection[Evidence]) -> None:
        """Insert entries as evidence; the caller left out those that the case has."""
        rows = [
            {
                "case_id": case,
                "seq": one.index,
                "added_at": micros_text(one.added_at),
                "added_by": one.added_by,
                "note": "",
                "note_sealed": self._texts.seal(tx, case, f"note {one.index}", one.note) if one.note else None,
                "receipt": one.receipt,
            }
            for one in evidence
        ]
        if rows:
            connection_of(tx).execute(insert(inspection_evidence), rows)

    def add_hold(self, tx: Tx, hold: Hold) -> None:
        """Insert a hold with its entries."""
        connection = connection_of(tx)
        connection.execute(
            insert(inspection_holds).values(
                id=hold.id,
                case_id=hold.case,
                set_at=micros_text(hold.set_at),
                set_by=hold.set_by,
                until=hold.until.isoformat(),
                reason="",
                reason_sealed=self._texts.seal(tx, hold.case, f"hold {hold.id}", hold.reason),
                lifted_at=None,
            )
        )
        connection.execute(
            insert(inspection_held_entries), [{"hold_id": hold.id, "seq": index} for index in hold.entries]
        )

    def lift_hold(self, tx: Tx, hold: HoldId, at: datetime) -> bool:
        """End a hold early; say whether it had not been lifted before."""
        done = connection_of(tx).execute(
            update(inspection_holds)
            .where(inspection_holds.c.id == hold, inspection_holds.c.lifted_at.is_(None))
            .values(lifted_at=micros_text(at))
        )
        return done.rowcount == 1

    def get(self, tx: Tx, case: CaseId) -> Case | None:
        """Return a case."""
        row = connection_of(tx).execute(select(inspection_cases).where(_cases.id == case)).one_or_none()
        return None if row is None else self._case(tx, row)

    def find(self, tx: Tx, query: CaseQuery) -> list[Case]:
        """Return the cases that fit, newest first."""
        connection = connection_of(tx)
        found = select(inspection_cases).where(*_conditions(query))
        if query.after is not None:
            seen = connection.execute(select(_cases.opened_at).where(_cases.id == query.after)).scalar_one_or_none()
            if seen is None:
                return []
            earlier = and_(_cases.opened_at == seen, _cases.id < query.after)
            found = found.where(or_(_cases.opened_at < seen, earlier))
        found = found.order_by(_cases.opened_at.desc(), _cases.id.desc()).limit(query.limit)
        return [self._case(tx, row) for row in connection.execute(found).all()]

    def evidence(self, tx: Tx, case: CaseId) -> list[Evidence]:
        """Return the evidence of a case in the order of the log."""
        table = inspection_evidence
        query = select(table).where(table.c.case_id == case).order_by(table.c.seq)
        return [
            Evidence(
                int(row.seq),
                instant_of(row.added_at),
                AccountId(row.added_by),
                self._texts.open(tx, case, f"note {row.seq}", row.note_sealed, row.note),
                row.receipt,
            )
            for row in connection_of(tx).execute(query).all()
        ]

    def events(self, tx: Tx, case: CaseId) -> list[CaseEvent]:
        """Return the history of a case, oldest first."""
        table = inspection_events
        query = select(table).where(table.c.case_id == case).order_by(table.c.sequence)
        found = []
        for row in connection_of(tx).execute(query).all():
            salt, text = self._texts.open_salted(tx, case, f"event {row.sequence}", row.text_sealed, row.text)
            account = None if row.account is None else AccountId(row.account)
            found.append(CaseEvent(instant_of(row.at), account, row.act, text, salt))
        return found

    def holds(self, tx: Tx, case: CaseId) -> list[Hold]:
        """Return the holds of a case, oldest first."""
        connection, table = connection_of(tx), inspection_holds
        query = select(table).where(table.c.case_id == case).order_by(table.c.set_at, table.c.id)
        found = []
        for row in connection.execute(query).all():
            held = inspection_held_entries
            entries = connection.execute(select(held.c.seq).where(held.c.hold_id == row.id).order_by(held.c.seq))
            found.append(
                Hold(
                    HoldId(row.id),
                    CaseId(row.case_id),
                    tuple(int(seq) for seq in entries.scalars()),
                    instant_of(row.set_at),
                    AccountId(row.set_by),
                    date.fromisoformat(row.until),
                    self._texts.open(tx, row.case_id, f"hold {row.id}", row.reason_sealed, row.reason),
                    None if row.lifted_at is None else instant_of(row.lifted_at),
                )
            )
        return found

    def held(self, tx: Tx, entries: Collection[int], today: date) -> frozenset[int]:
        """Return those of ``entries`` that a hold keeps back on ``today``."""
        held, holds = inspection_held_entries, inspection_holds
        query = (
            select(held.c.seq)
            .join(holds, holds.c.id == held.c.hold_id)
            .where(held.c.seq.in_(list(entries)), holds.c.lifted_at.is_(None), holds.c.until >= today.isoformat())
        )
        return frozenset(int(seq) for seq in connection_of(tx).execute(query).scalars())

    def past_due(self, tx: Tx, today: date, limit: int) -> list[Case]:
        """Return cases whose order was to be answered before ``today`` and of which that was not recorded."""
        query = (
            select(inspection_cases)
            .where(*_conditions(CaseQuery(overdue_on=today)), _cases.overdue.is_(False))
            .order_by(_cases.due, _cases.id)
            .limit(limit)
        )
        return [self._case(tx, row) for row in connection_of(tx).execute(query).all()]

    def _case(self, tx: Tx, row: Row[tuple[object, ...]]) -> Case:
        return Case(
            id=CaseId(row.id),
            subject=Subject(SubjectKind(row.subject_kind), row.subject),
            source=row.source,
            title=self._texts.open(tx, row.id, "title", row.title_sealed, row.title),
            state=CaseState(row.state),
            opened_at=instant_of(row.opened_at),
            opened_by=AccountId(row.opened_by),
            codes=tuple(row.codes.split()),
            order=self._texts.open(tx, row.id, "order", row.order_sealed, row.order_text),
            ordered_at=None if row.ordered_at is None else instant_of(row.ordered_at),
            due=None if row.due is None else date.fromisoformat(row.due),
            overdue=bool(row.overdue),
            finding=None if row.finding is None else CaseFinding(row.finding),
            closed_at=None if row.closed_at is None else instant_of(row.closed_at),
            version=row.version,
        )


def _conditions(query: CaseQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if query.state is not None:
        conditions.append(_cases.state == query.state.value)
    if query.unclosed:
        conditions.append(_cases.state != CaseState.CLOSED.value)
    if query.overdue_on is not None:
        conditions += [_cases.state == CaseState.ORDERED.value, _cases.due < query.overdue_on.isoformat()]
    if query.subject is not None:
        conditions += [_cases.subject_kind == query.subject.kind.value, _cases.subject == query.subject.code]
    return conditions


def _row(case: Case) -> dict[str, object]:
    return {
        "id": case.id,
        "subject_kind": case.subject.kind.value,
        "subject": case.subject.code,
        "source": case.source,
        "state": case.state.value,
        "opened_at": micros_text(case.opened_at),
        "opened_by": case.opened_by,
        "codes": " ".join(case.codes),
        "ordered_at": None if case.ordered_at is None else micros_text(case.ordered_at),
        "due": None if case.due is None else case.due.isoformat(),
        "overdue": case.overdue,
        "finding": None if case.finding is None else case.finding.value,
        "closed_at": None if case.closed_at is None else micros_text(case.closed_at),
        "version": case.version,
    }
