"""Matters in the registry database: opened, given to somebody, ordered, escalated, closed. Their texts lie under seal.

A matter has an owner and an end; what was written is never taken out again. Each act leaves an event without any text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, or_, select, update

from core_registry.db.case_codec import Vault
from core_registry.db.case_tables import matters
from core_registry.db.engine import reading, writing
from core_registry.db.school_rows import PlaceOf, read_school
from core_registry.db.sealing import DataKeys, RegistryKeys
from core_registry.db.shown_texts import ShownTexts
from core_registry.db.state import Fact, queue
from core_registry.db.tables import students
from core_registry.db.times import stamp
from core_registry.domain.cases import Actor
from core_registry.domain.facts import SchoolFacts
from core_registry.domain.rules import declared
from core_registry.errors import CaseNotFoundError, StaleCaseError
from core_registry.oversight.records import Matter, NewFinding
from core_registry.sharing import Redactor

EVENT = "registry.matter"
_TABLE = "matters"
declared("A49-2", f"{__name__}:SqlMatters", "owner and end of every matter")


class SqlMatters:
    """Matters with their sealed texts."""

    def __init__(self, engine: Engine, keys: RegistryKeys, place: PlaceOf, redactor: Redactor | None = None) -> None:
        self._engine = engine
        data_keys = DataKeys(engine, keys)
        self._vault = Vault(data_keys)
        self._texts = ShownTexts(data_keys, redactor)
        self._place = place

    def school(self, code: str) -> SchoolFacts:
        """Return a school. Raises ``RegisterRuleError`` for an unknown one."""
        with reading(self._engine) as connection:
            return read_school(connection, code, self._place)

    def open(self, matter_id: str, finding: NewFinding, on: date, actor: Actor, now: datetime) -> Matter:
        """Write a new matter and its event."""
        made = Matter(
            matter_id, finding.kind, finding.code, finding.rule, finding.student_id, finding.school_code, finding.owner,
            on, actor.account, finding.due, "open", None, None, None, None, 1, order=finding.text,
        )  # fmt: skip
        with writing(self._engine) as connection:
            sealed = self._sealed(connection, made, now)
            connection.execute(
                insert(matters).values(
                    matter_id=made.id, kind=made.kind, code=made.code, rule=made.rule, student_id=made.student_id,
                    school_code=made.school_code, owner=made.owner, opened_on=on, opened_at=stamp(now),
                    opened_by=actor.account, due_on=made.due, state="open", version=1, **sealed,
                )
            )  # fmt: skip
            _tell(connection, "open", made, actor, now)
        return made

    def get(self, matter_id: str) -> Matter | None:
        """Return a matter, opened."""
        with reading(self._engine) as connection:
            row = connection.execute(select(matters).where(matters.c.matter_id == matter_id)).one_or_none()
            return None if row is None else self._matter(connection, row)

    def shown(self, matter: Matter) -> Matter:
        """Return a matter with its texts redacted, for a unit that has no part in it."""
        with reading(self._engine) as connection:
            return self._texts.matter(connection, matter)

    def change(self, before: Matter, after: Matter, act: str, actor: Actor, now: datetime) -> Matter:
        """Write ``after`` in place of ``before``, with its event.

        Raises ``StaleCaseError`` when somebody changed it since, ``CaseNotFoundError`` when it is gone.
        """
        made = replace(after, version=before.version + 1)
        with writing(self._engine) as connection:
            sealed = self._sealed(connection, made, now)
            done = connection.execute(
                update(matters)
                .where(matters.c.matter_id == before.id, matters.c.version == before.version)
                .values(
                    code=made.code, rule=made.rule, owner=made.owner, due_on=made.due, state=made.state,
                    escalated_to=made.escalated_to, closed_on=made.closed_on, closed_by=made.closed_by,
                    assignee=made.assignee, version=made.version, **sealed,
                )
            )  # fmt: skip
            if not done.rowcount:
                raise StaleCaseError(
                    "The matter was changed meanwhile; look at it again.",
                    detail_zh="该事项已被他人更新，请重新查看后再办理。",
                )
            _tell(connection, act, made, actor, now)
        return made

    def listed(
        self,
        units: Sequence[str] | None,
        schools: Sequence[str] | None,
        state: str | None,
        kind: str | None,
        after: str,
        limit: int,
    ) -> list[Matter]:
        """Return matters that a unit owns or was given, or of a school in reach; by id. Texts stay under seal."""
        query = select(matters).where(matters.c.matter_id > after)
        if units is not None or schools is not None:
            mine = [matters.c.owner.in_(units or ()), matters.c.escalated_to.in_(units or ())]
            query = query.where(or_(*mine, matters.c.school_code.in_(schools or ())))
        if state is not None:
            query = query.where(matters.c.state == state)
        if kind is not None:
            query = query.where(matters.c.kind == kind)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(matters.c.matter_id).limit(limit)).all()
        return [_plain(row) for row in rows]

    def _sealed(self, connection: Connection, matter: Matter, now: datetime) -> dict[str, Any]:
        texts = {"notes": [list(note) for note in matter.notes], "order": matter.order, "result": matter.result}
        return self._vault.close(connection, _TABLE, matter.id, texts, now)

    def _matter(self, connection: Connection, row: Row[Any]) -> Matter:
        found = _plain(row)
        if row.sealed is None:
            return found
        texts = self._vault.open(connection, _TABLE, row.matter_id, row.key_version, row.sealed)
        notes = tuple((at, account, text) for at, account, text in texts["notes"])
        return replace(found, order=texts["order"], result=texts["result"], notes=notes)


def _plain(row: Row[Any]) -> Matter:
    return Matter(
        row.matter_id, row.kind, row.code, row.rule, row.student_id, row.school_code, row.owner, row.opened_on,
        row.opened_by, row.due_on, row.state, row.escalated_to, row.assignee, row.closed_on, row.closed_by, row.version,
    )  # fmt: skip


def _tell(connection: Connection, act: str, matter: Matter, actor: Actor, now: datetime) -> None:
    subjects: tuple[str, ...] = ()
    if matter.student_id is not None:
        found = connection.execute(
            select(students.c.subject_ref).where(students.c.student_id == matter.student_id)
        ).scalar_one_or_none()
        if found is None:
            raise CaseNotFoundError(
                "There is no such record, or you may not know of it.", detail_zh="查无此学籍，或您无权查看。"
            )
        subjects = (found,)
    facts: dict[str, Fact] = {
        "act": act, "kind": matter.kind, "code": matter.code, "rule": matter.rule, "matter": matter.id,
        "owner": matter.owner, "state": matter.state, "unit": actor.unit,
        "due": None if matter.due is None else matter.due.isoformat(),
    }  # fmt: skip
    queue(connection, EVENT, now, actor.account, facts, subjects)
