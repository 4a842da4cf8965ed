"""What must be so after every step of a random history, read from the tables by SQL (S-1 to S-5, A34, A24, A45).

The moves of section 4 are written down here a second time, from the regulation and not from the program.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, LargeBinary, RowMapping, Table, func, select, text

from core_registry.db.case_tables import archive_entries, case_steps, cases, sealed_cases, transitions
from core_registry.db.engine import reading
from core_registry.db.tables import metadata, outbox, school_memberships, sharing_students, students
from tests.factories.histories import STATED, World
from tests.factories.history_recipes import NEVER_TOLD, Pupil

_SENIOR_ONLY = {"withdrawn", "completed", "incomplete", "admission-cancelled"}
_ALL_STAGES = {
    "pre-registered": {"active", "late-entry"},
    "late-entry": {"active"},
    "active": {"suspended", "transfer-pending", "abroad", "graduated"},
    "suspended": {"active", "suspended"},
    "transfer-pending": {"active", "transferred-out"},
    "transferred-out": {"active"},
    "abroad": {"active"},
    "graduated": {"pre-registered"},
}
_SENIOR = {
    "pre-registered": {"admission-cancelled"},
    "late-entry": {"admission-cancelled"},
    "active": {"withdrawn", "completed", "incomplete", "admission-cancelled"},
    "suspended": {"withdrawn"},
    "withdrawn": {"incomplete"},
}
STATES = frozenset(_ALL_STAGES) | _SENIOR_ONLY | {"deceased"}
_UNHELD = _SENIOR_ONLY | {"transferred-out", "graduated", "deceased"}
"""Nobody has to hold these: the record is final, or lies in another province, or waits for the next stage."""
_FORM = ("sealed", "id_key", "name_key", "number_key", "grade", "class_name", "birth_date", "school_code")
_GROUND = re.compile(r"A?[0-9]{1,2}(-[0-9]{1,2})?")
_SECRET = re.compile(rf"\b(demerit|probation|illness|force-majeure|infectious|A28-5)\b|{STATED}")
"""Kinds of sanctions and reasons of suspensions: never in what is shared or logged (A45-4)."""
_WORDS = re.compile("|".join(NEVER_TOLD))
_NEUTRAL = {"before", "after", "why"}


def allowed(before: str, after: str, grade: str) -> bool:
    """Whether section 4 has this change of state for a record in ``grade``."""
    if after == "deceased":
        return before != "deceased"
    senior = grade >= "30"
    if before == "graduated" and senior:
        return False
    return after in _ALL_STAGES.get(before, set()) or (senior and after in _SENIOR.get(before, set()))


def final(state: str, grade: str) -> bool:
    """Whether a record is final (section 4)."""
    return state in _SENIOR_ONLY | {"deceased"} or (state == "graduated" and grade >= "30")


@dataclass
class Watch:
    """Looks at the tables of one world and remembers what it saw."""

    world: World
    seen: dict[str, RowMapping] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict, repr=False)
    corrections: Counter[str] = field(default_factory=Counter)
    opened: dict[bytes, str] = field(default_factory=dict, repr=False)
    last_transition: int = 0
    commits: int = 0
    private: set[str] = field(default_factory=set)
    """Ids, keys and notes of private cases: nothing of them may stand in clear, and nothing at all once they end."""
    versions: dict[str, int] = field(default_factory=dict)

    def pupils(self) -> list[Pupil]:
        """Return every record, opened."""
        with reading(self.world.engine) as connection:
            rows = connection.execute(select(students)).all()
            return [_pupil(row, self._record(connection, row._mapping)) for row in rows]

    def look(self) -> None:
        """Check states, transitions, holders, numbers and final records; after every act."""
        with reading(self.world.engine) as connection:
            rows = {row.student_id: row._mapping for row in connection.execute(select(students))}
            corrected = Counter(
                connection.execute(
                    select(archive_entries.c.student_id).where(archive_entries.c.kind == "correction")
                ).scalars()
            )
            self._transitions(connection, rows)
            self._records(connection, rows, corrected)
            self._holders(connection, rows)
            self._sharing(connection, rows)
            self._cases(connection)
            commits = connection.execute(text("SELECT commits FROM register_state")).scalar_one()
            newest = connection.execute(select(func.max(archive_entries.c.sequence))).scalar_one() or 0
        assert commits >= self.commits, "the commit counter went back"
        assert newest <= commits
        self.seen, self.corrections, self.commits = rows, corrected, commits

    def _transitions(self, connection: Connection, rows: Mapping[str, RowMapping]) -> None:
        """S-3, S-4, A34: each new line is a move of section 4, follows the one before, and has its grounds."""
        query = select(transitions).where(transitions.c.transition_id > self.last_transition)
        moved: dict[str, str] = {}
        for line in connection.execute(query.order_by(transitions.c.transition_id)).all():
            self.last_transition = line.transition_id
            old = self.seen.get(line.student_id)
            if old is None and line.student_id not in moved:
                assert (line.before_state, line.after_state) == (None, "pre-registered"), "A10-1"
            else:
                known = old or rows[line.student_id]
                now, grade = moved.get(line.student_id) or known["state"], known["grade"]
                assert line.before_state == now, "S-3: a change follows the one before"
                assert allowed(line.before_state, line.after_state, grade), (
                    f"S-3: {line.before_state} > {line.after_state} in {grade}"
                )
            moved[line.student_id] = line.after_state
            assert all((line.event_on, line.entered_at, line.actor, line.unit)), "S-4"
            assert _GROUND.fullmatch(line.ground), f"S-4: the ground is an article, not {line.ground!r}"
            approved = line.case_id is not None and connection.execute(
                select(func.count()).select_from(case_steps)
                .where(case_steps.c.case_id == line.case_id, case_steps.c.decision.is_not(None))
            ).scalar_one()  # fmt: skip
            assert line.evidence or approved, "S-4: evidence or an approving case"
        for student_id, row in rows.items():
            before = self.seen.get(student_id)
            expected = moved.get(student_id) or (None if before is None else before["state"])
            if expected is not None:
                assert row["state"] == expected, "S-3: no state without its line in the history"
            assert not (row["grade"] < "30" and row["state"] in _SENIOR_ONLY), "A34-1, A38-2"
            assert row["state"] in STATES

    def _records(self, connection: Connection, rows: Mapping[str, RowMapping], corrected: Counter[str]) -> None:
        """S-1, S-2, S-5: one record a person, one number a record, nothing of a final record changed but corrected."""
        persons: Counter[str] = Counter()
        for student_id, row in rows.items():
            clear = self._record(connection, row)
            if clear["id_number"] and not final(row["state"], row["grade"]):
                persons[clear["id_number"]] += 1
            number, before = clear["student_number"], self.numbers.get(student_id)
            assert number
            if before is not None and number != before:
                assert (before[0], number[0]) in {("L", "G"), ("L", "J")}, "A6-3: a student number never changes"
            self.numbers[student_id] = number
            assert row["number_kind"] == number[0]
            old = self.seen.get(student_id)
            if old is None:
                continue
            assert row["subject_ref"] == old["subject_ref"], "S-2"
            assert row["version"] >= old["version"]
            if final(old["state"], old["grade"]) and corrected[student_id] == self.corrections[student_id]:
                changed = [name for name in _FORM if row[name] != old[name]]
                assert not changed, f"S-5: {changed} of a final record changed without a correction"
        assert len(set(self.numbers.values())) == len(self.numbers), "S-2: one number, one record"
        assert all(count == 1 for count in persons.values()), "S-1: one person, one record"

    @staticmethod
    def _holders(connection: Connection, rows: Mapping[str, RowMapping]) -> None:
        """A6-2: exactly one holder of a record that is not closed; a school where the record names it."""
        query = select(school_memberships).where(school_memberships.c.to_date.is_(None))
        schools = {row.student_id: row.school_code for row in connection.execute(query)}
        units = Counter(connection.execute(text("SELECT student_id FROM holders WHERE to_date IS NULL")).scalars())
        for student_id, row in rows.items():
            held = (student_id in schools) + units[student_id]
            if row["state"] in _UNHELD:
                assert held <= 1, "A6-2"
            else:
                assert held == 1, f"A6-2: {held} holders of a record that is {row['state']}"
            if student_id in schools:
                assert schools[student_id] == row["school_code"], "A6-2"
            if row["state"] == "abroad":
                assert units[student_id] == 1, "A26-1"
        backwards = "SELECT count(*) FROM school_memberships WHERE to_date < from_date"
        assert not connection.execute(text(backwards)).scalar_one(), "A4-1"

    def _sharing(self, connection: Connection, rows: Mapping[str, RowMapping]) -> None:
        """The sharing view says what the record says, and no reason of anything (A45-4)."""
        shared = {row.subject_ref: row for row in connection.execute(select(sharing_students))}
        assert len(shared) == len(rows)
        for row in rows.values():
            line = shared[row["subject_ref"]]
            for name in ("state", "grade", "class_name", "school_code", "birth_date", "entry_month"):
                assert getattr(line, name) == row[name], f"sharing: {name}"
            whole = " ".join(str(value) for value in line)
            assert not _SECRET.search(whole), "A45-4"
            assert line.stage == ("senior" if row["grade"] >= "30" else line.stage)
            assert line.stage != "senior" or row["grade"] >= "30"

    def _cases(self, connection: Connection) -> None:
        """Nothing is half-written: steps, status, versions and waiting marks of every case fit together."""
        steps: dict[str, list[Any]] = {}
        for step in connection.execute(select(case_steps).order_by(case_steps.c.case_id, case_steps.c.position)):
            steps.setdefault(step.case_id, []).append(step)
        found = connection.execute(select(cases)).all()
        assert {case.case_id for case in found} == set(steps)
        for case in found:
            own = steps[case.case_id]
            decisions = [step.decision for step in own]
            waiting = [step for step in own if step.waiting]
            match case.status:
                case "completed":
                    assert set(decisions) == {"agree"}
                case "refused":
                    assert decisions.count("refuse") == 1
                case "open":
                    turn = min(step.turn for step in own if step.decision is None)
                    assert [s.name for s in waiting] == [s.name for s in own if s.decision is None and s.turn == turn]
                    assert "refuse" not in decisions
            assert case.status == "open" or not waiting
            assert (case.closed_on is None) == (case.status == "open")
            assert case.version >= self.versions.get(case.case_id, 1)
            self.versions[case.case_id] = case.version
            for step in own:
                assert (step.decision is None) == (step.done_on is None) == (step.done_by is None)
                assert step.decision is None or step.reached_on is not None
                assert step.decision is None or step.party == "guardian" or (step.head and step.registrar), "A3-3"

    def scan(self) -> None:
        """A24-2, A24-3, A45-3, A45-4: read every table whole, sealed columns opened, and the outbox."""
        with reading(self.world.engine) as connection:
            open_private = set(connection.execute(select(sealed_cases.c.case_id)).scalars())
            for table in metadata.sorted_tables:
                for clear, sealed in self._texts(connection, table):
                    assert not _WORDS.search(f"{clear} {sealed}"), f"A45-3: {table.name}"
                    if table is not sealed_cases:
                        left = [one for one in self.private if one in clear or one in sealed]
                        assert not left, f"A24-3: {table.name} holds a trace"
                    assert STATED not in clear, f"A45-4: {table.name} holds a reason in clear"
            assert open_private <= self.private
            kinds = set(connection.execute(select(cases.c.kind).distinct()).scalars())
            assert "grade-determination" not in kinds, "A24-3"
            for row in connection.execute(select(archive_entries).where(archive_entries.c.kind == "grade")):
                assert set(json.loads(row.data)) == _NEUTRAL, "A24-3: every grade entry has one form"
                assert row.sealed is None, "A24-3"
            for event in connection.execute(select(outbox)):
                facts = {name: value for name, value in json.loads(event.facts).items() if name != "kind"}
                told = json.dumps(facts, ensure_ascii=False)
                # The kind of a case may stand in the log, what kind of sanction or suspension it is may not.
                assert not _SECRET.search(told), f"A45-4: {told}"

    def _texts(self, connection: Connection, table: Table) -> Iterator[tuple[str, str]]:
        blobs = [column.name for column in table.c if isinstance(column.type, LargeBinary)]
        keys = [column.name for column in table.primary_key]
        for row in connection.execute(select(table)).mappings():
            clear = "\x1f".join(str(value) for name, value in row.items() if name not in blobs)
            yield clear, self._sealed(connection, table, row, blobs, keys)

    def _sealed(self, connection: Connection, table: Table, row: RowMapping, blobs: list[str], keys: list[str]) -> str:
        if table.name in {"evidence", "data_keys"} or not blobs or row[blobs[0]] is None:
            return ""
        blob = row[blobs[0]]
        if blob not in self.opened:
            row_id = "/".join(str(row[name]) for name in keys)
            content = self.world.vault.open(connection, table.name, row_id, row["key_version"], blob)
            self.opened[blob] = json.dumps(content, ensure_ascii=False, default=str)
        return self.opened[blob]

    def _record(self, connection: Connection, row: RowMapping) -> dict[str, Any]:
        clear: dict[str, Any] = json.loads(self._sealed(connection, students, row, ["sealed"], ["student_id"]))
        return clear

    def counts(self) -> Counter[str]:
        """Return the rows of every table."""
        with reading(self.world.engine) as connection:
            return Counter(
                {
                    table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                    for table in metadata.sorted_tables
                }
            )

    def just_corrected(self, student_id: str) -> bool:
        """Whether the last commit of the register was a correction of this record."""
        query = select(func.max(archive_entries.c.sequence)).where(
            archive_entries.c.student_id == student_id, archive_entries.c.kind.in_(("correction", "number"))
        )
        with reading(self.world.engine) as connection:
            last = connection.execute(query).scalar_one()
            return bool(last == connection.execute(text("SELECT commits FROM register_state")).scalar_one())

    def mark(self) -> tuple[int, ...]:
        """Return a mark of all that is written: equal marks, nothing written between."""
        tables = (
            "cases", "case_steps", "transitions", "archive_entries", "outbox", "clocks", "matters", "certificates",
            "school_memberships", "holders", "sealed_cases", "case_evidence", "exceptions", "students",
        )  # fmt: skip
        counts = ", ".join(f"(SELECT count(*) FROM {name})" for name in tables)
        versioned = ("students", "cases", "sealed_cases", "matters")
        sums = ", ".join(f"(SELECT coalesce(sum(version), 0) FROM {name})" for name in versioned)
        with reading(self.world.engine) as connection:
            return tuple(connection.execute(text(f"SELECT {counts}, {sums}, commits FROM register_state")).one())


def _pupil(row: Any, clear: Mapping[str, Any]) -> Pupil:  # noqa: ANN401  a row
    return Pupil(
        row.student_id, row.state, row.school_code, row.grade, row.version, clear["name"] or "",
        clear["id_number"] or "", bool(row.disability), row.special_ed_placement, clear["student_number"],
    )  # fmt: skip
