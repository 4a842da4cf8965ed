"""Cases as retention sees them: closed ones whose key stands; and texts from before, put under seal."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Select, func, literal, select, tuple_, update

from gateway.data_keys.matters import Cursor, Matter
from gateway.data_keys.periods import civil_day, end_of_day
from gateway.data_keys.service import DataKeys
from gateway.db import connection_of
from gateway.db.data_keys import data_keys
from gateway.inspections.records import SubjectKind
from gateway.inspections.store.sealing import CASE_TEXTS, CaseTexts
from gateway.inspections.store.tables import (
    inspection_cases,
    inspection_events,
    inspection_evidence,
    inspection_holds,
)
from gateway.instants import instant_of, micros_text
from gateway.journal import Tx

_cases = inspection_cases.c


class CaseShelf:
    """Implements ``gateway.data_keys.matters.Shelf``: a case's retention counts from the day it was closed.

    The rows stay for good: what was done and found is the record. Its texts go with the key.
    """

    keyed = True

    def ended(self, tx: Tx, last: date, after: Cursor | None, limit: int) -> list[Matter]:
        """Return closed cases whose texts can be read, by instant of the end and id."""
        query = self._standing(
            select(_cases.id, _cases.opened_at, _cases.closed_at, _cases.subject, _cases.subject_kind)
        )
        query = query.where(_cases.closed_at < micros_text(end_of_day(last)))
        if after is not None:
            query = query.where(tuple_(_cases.closed_at, _cases.id) > tuple_(literal(after[0]), literal(after[1])))
        rows = connection_of(tx).execute(query.order_by(_cases.closed_at, _cases.id).limit(limit)).all()
        return [
            Matter(
                CASE_TEXTS,
                row.id,
                civil_day(instant_of(row.opened_at)),
                civil_day(instant_of(row.closed_at)),
                case=row.id,
                unit=row.subject if row.subject_kind == SubjectKind.UNIT else "",
                order=row.closed_at,
            )
            for row in rows
        ]

    def amount(self, tx: Tx) -> int:
        """Return how many cases have texts that can be read."""
        query = self._standing(select(func.count()).select_from(inspection_cases))
        return int(connection_of(tx).execute(query).scalar_one())

    def remove(self, tx: Tx, matter: Matter) -> bool:  # noqa: ARG002  a protocol
        """Remove nothing: rows of cases are kept."""
        return False

    def _standing(self, query: Select[Any]) -> Select[Any]:
        return query.join(data_keys, data_keys.c.matter == _cases.id).where(
            data_keys.c.data_class == CASE_TEXTS, data_keys.c.destroyed_at.is_(None)
        )


class CaseAdoption:
    """Puts texts of cases from before ADR 45 under seal."""

    def __init__(self, keys: DataKeys) -> None:
        self._texts = CaseTexts(keys)

    def waiting(self, tx: Tx, limit: int) -> list[str]:
        """Return cases that hold a text in clear; a case of before always has its title in clear."""
        query = select(_cases.id).where(_cases.title_sealed.is_(None)).order_by(_cases.id).limit(limit)
        return list(connection_of(tx).execute(query).scalars())

    def adopt(self, tx: Tx, case: str) -> bool:
        """Seal the texts of a case; false when that was done."""
        connection = connection_of(tx)
        here = _cases.id == case
        row = connection.execute(select(inspection_cases).where(here, _cases.title_sealed.is_(None))).one_or_none()
        if row is None:
            return False
        events, evidence, holds = inspection_events, inspection_evidence, inspection_holds
        for event in connection.execute(select(events).where(events.c.case_id == case, events.c.text != "")).all():
            # without a salt: the log of before has the plain hash of this text
            sealed = self._texts.seal(tx, case, f"event {event.sequence}", event.text, bytes(32))
            at = (events.c.case_id == case) & (events.c.sequence == event.sequence)
            connection.execute(update(events).where(at).values(text="", text_sealed=sealed))
        for one in connection.execute(select(evidence).where(evidence.c.case_id == case, evidence.c.note != "")).all():
            sealed = self._texts.seal(tx, case, f"note {one.seq}", one.note)
            at = (evidence.c.case_id == case) & (evidence.c.seq == one.seq)
            connection.execute(update(evidence).where(at).values(note="", note_sealed=sealed))
        for hold in connection.execute(select(holds).where(holds.c.case_id == case, holds.c.reason != "")).all():
            sealed = self._texts.seal(tx, case, f"hold {hold.id}", hold.reason)
            connection.execute(update(holds).where(holds.c.id == hold.id).values(reason="", reason_sealed=sealed))
        values: dict[str, object] = {"title": "", "title_sealed": self._texts.seal(tx, case, "title", row.title)}
        if row.order_text:
            values |= {"order_text": "", "order_sealed": self._texts.seal(tx, case, "order", row.order_text)}
        connection.execute(update(inspection_cases).where(here).values(values))
        return True
