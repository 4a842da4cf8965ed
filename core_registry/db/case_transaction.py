"""One writing transaction of the desk (``core_registry.cases.ports.CaseTransaction``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import Connection, insert, select, update

from core_registry.cases.records import ExceptionGrant
from core_registry.db.bulk import select_in
from core_registry.db.case_codec import Vault
from core_registry.db.case_effects import EffectsWriter, Scene, queue_events
from core_registry.db.case_facts import FactsReader
from core_registry.db.case_rows import CaseRows
from core_registry.db.case_tables import exceptions
from core_registry.db.posts_store import post_of, responsible
from core_registry.db.shown_texts import ShownTexts
from core_registry.db.state import Fact, advance, queue
from core_registry.db.tables import students as students_table
from core_registry.db.times import stamp
from core_registry.domain.cases import Actor, Case, Step
from core_registry.domain.facts import Facts, Post
from core_registry.domain.procedures import Effects
from core_registry.domain.requests import Request
from core_registry.domain.rules import Status, enforces
from core_registry.domain.working_days import civil_date
from core_registry.errors import EvidenceRefusedError, StaleCaseError, StudentNotFoundError


class SqlCaseTransaction:
    """Made by ``SqlCaseStore.writing``; lives as long as its transaction."""

    def __init__(
        self,
        connection: Connection,
        now: datetime,
        rows: CaseRows,
        facts: FactsReader,
        effects: EffectsWriter,
        vault: Vault,
        texts: ShownTexts,
    ) -> None:
        self._connection = connection
        self._now = now
        self._rows = rows
        self._facts = facts
        self._effects = effects
        self._vault = vault
        self._texts = texts
        self._seen: dict[str, Case] = {}

    def facts(
        self,
        request: Request,
        evidence: Sequence[str],
        *,
        case: Case | None = None,
        lock: bool = False,
        account: str | None = None,
    ) -> Facts:
        """Return what is known for judging; ``account`` is that of a guardian who applies (A7-3)."""
        return self._facts.read(
            self._connection, request, evidence, civil_date(self._now), case=case, lock=lock, account=account
        )

    def case(self, case_id: str) -> Case | None:
        """Return a case, opened and locked."""
        return self._remember(self._rows.find(self._connection, case_id))

    def shown(self, case: Case, actor: Actor) -> Case:
        """Return a case as an actor is shown it whose unit has no part in it."""
        holder = select(students_table.c.school_code).where(students_table.c.student_id == case.request.student_id)
        if self._connection.execute(holder).scalar_one_or_none() == actor.unit:
            return case
        return self._texts.case(self._connection, case)

    def by_key(self, account: str, key: str) -> Case | None:
        """Return the case that ``account`` opened under this key."""
        return self._rows.by_key(self._connection, account, key)

    def add(
        self, case: Case, evidence: Sequence[str], key: str | None, effects: Sequence[Effects], actor: Actor
    ) -> Case:
        """Write a new case with steps, evidence, effects and event; return it with persons and subject filled in.

        Raises ``EvidenceRefusedError`` for files of a private case: they would leave a trace (A24-3).
        """
        made = self._with_persons(case, ())
        private = case.procedure.private
        if private and evidence:
            raise EvidenceRefusedError("This procedure takes no files.", detail_zh="本业务不收存材料。", rule="A24-3")
        home, subject_ref = self._pupil(case)
        scene = self._scene(made, actor, subject_ref)
        if private:
            self._effects.apply(scene, effects)
            self._rows.keep_private(self._connection, made, key)
            self._effects.finish(scene)
            return made
        self._effects.apply(scene, effects)
        made = replace(made, request=replace(made.request, student_id=scene.student_id), subject_ref=scene.subject_ref)
        made = self._rows.insert(self._connection, made, evidence, key, scene.commit_number(), home)
        self._effects.finish(scene)
        self._use_exceptions(made)
        queue_events(scene, _acts(made, (), scene))
        return made

    def update(self, case: Case, effects: Sequence[Effects], actor: Actor) -> Case:
        """Write a changed case, effects and event. Raises ``StaleCaseError`` when somebody was faster."""
        before = self._seen.get(case.id) or self.case(case.id)
        if before is None:
            raise StaleCaseError("The case has ended meanwhile.", detail_zh="该业务已办结，请重新查看。")
        made = self._with_persons(case, before.steps)
        _, subject_ref = self._pupil(case)
        scene = self._scene(made, actor, subject_ref)
        if case.procedure.private:
            key = self._rows.key_of_private(self._connection, case.id)
            self._effects.apply(scene, effects)
            self._rows.keep_private(self._connection, made, key)
            self._effects.finish(scene)
            return made
        self._effects.apply(scene, effects)
        made = replace(made, request=replace(made.request, student_id=scene.student_id), subject_ref=scene.subject_ref)
        self._rows.update(self._connection, made, before)
        self._effects.finish(scene)
        queue_events(scene, _acts(made, before.steps, scene))
        return made

    def post_of(self, account: str, unit: str, on: date) -> Post | None:
        """Return the filed post of an account at a unit on a day (A48-2)."""
        return post_of(self._connection, account, unit, on)

    def read(self, actor: Actor, act: str, reason: str, students: Sequence[str]) -> None:
        """Write the event of a reading, with the references of the pupils shown."""
        refs = select_in(self._connection, [students_table.c.subject_ref], students_table.c.student_id, list(students))
        subjects = refs["subject_ref"].to_list()
        facts: dict[str, Fact] = {"act": act, "reason": reason, "found": len(subjects)}
        queue(self._connection, "registry.read", self._now, actor.account, facts, subjects)

    def exception(self, grant: ExceptionGrant) -> None:
        """Write an exception with its event; the reason lies under seal."""
        _, ref = self._subject(grant.student_id)
        sealed = self._vault.close(self._connection, "exceptions", grant.id, {"reason": grant.reason}, grant.at)
        self._connection.execute(
            insert(exceptions).values(
                exception_id=grant.id, rule=grant.rule, kind=grant.kind, student_id=grant.student_id, unit=grant.unit,
                granted_by=grant.granted_by, at=stamp(grant.at), evidence_id=grant.evidence, used_by=grant.used_by,
                **sealed,
            )
        )  # fmt: skip
        facts: dict[str, Fact] = {
            "exception": grant.id, "rule": grant.rule, "kind": grant.kind, "unit": grant.unit,
            "commit": advance(self._connection),
        }  # fmt: skip
        queue(self._connection, "registry.exception", grant.at, grant.granted_by, facts, (ref,))

    def _remember(self, case: Case | None) -> Case | None:
        if case is not None:
            self._seen[case.id] = case
        return case

    def _scene(self, case: Case, actor: Actor, subject_ref: str | None) -> Scene:
        case_id = None if case.procedure.private else case.id
        student_id = case.request.student_id
        return Scene(self._connection, case, actor, self._now, case_id, student_id, subject_ref)

    def _pupil(self, case: Case) -> tuple[str, str | None]:
        """Return the school that holds the record, and the permanent reference of the pupil."""
        if case.request.student_id is None:
            return case.request.school, None
        return self._subject(case.request.student_id)

    def _subject(self, student_id: str) -> tuple[str, str]:
        row = self._connection.execute(
            select(students_table.c.school_code, students_table.c.subject_ref).where(
                students_table.c.student_id == student_id
            )
        ).one_or_none()
        if row is None:
            raise StudentNotFoundError(
                "There is no such student, or you may not know of it.", detail_zh="查无此学生，或您无权查看。"
            )
        return row.school_code, row.subject_ref

    @enforces("A3-3", how="record")
    def _with_persons(self, case: Case, before: Sequence[Step]) -> Case:
        """Return the case with head and registrar of the unit, as filed that day, on every step just done."""
        done = {step.name for step in before if step.decision is not None}
        steps = []
        for step in case.steps:
            if step.decision is None or step.name in done or not step.unit or step.done_on is None:
                steps.append(step)
                continue
            head, registrar = responsible(self._connection, step.unit, step.done_on)
            steps.append(replace(step, head=head, registrar=registrar))
        return replace(case, steps=tuple(steps))

    def _use_exceptions(self, case: Case) -> None:
        """Mark the exceptions that this case used: each serves one request, once."""
        for rule in sorted({result.rule for result in case.results if result.status is Status.EXCEPTED}):
            oldest = (
                select(exceptions.c.exception_id)
                .where(
                    exceptions.c.student_id == case.request.student_id, exceptions.c.kind == case.request.kind,
                    exceptions.c.rule == rule, exceptions.c.used_by.is_(None),
                )
                .order_by(exceptions.c.at)
                .limit(1)
                .scalar_subquery()
            )  # fmt: skip
            self._connection.execute(
                update(exceptions).where(exceptions.c.exception_id == oldest).values(used_by=case.id)
            )


_DISCREET = {"suspension": "A28-3"}
"""Kinds whose steps tell what the public side of the log must not know (the ground of a suspension, A45-4), and the
rule that stands for all of theirs: one event an act, of one shape whatever the steps are."""


@enforces("A45-4", how="code")
def _acts(case: Case, before: Sequence[Step], scene: Scene) -> list[dict[str, Fact]]:
    """Return the facts of what was just done in a case: codes, days and units, never a text."""
    decided = {step.name for step in before if step.decision is not None}
    common: dict[str, Fact] = {
        "case": case.id, "kind": case.request.kind, "school": case.request.school, "status": case.status.value,
        "commit": scene.number,
    }  # fmt: skip
    done = [step for step in case.steps if step.decision is not None and step.name not in decided]
    if done and case.request.kind in _DISCREET:
        last = done[-1]
        return [
            {**common, "step": "", "act": "decide" if before else "open", "decision": last.decision,
             "unit": last.unit or scene.actor.unit, "rule": _DISCREET[case.request.kind],
             "late": any(step.late for step in done)}
        ]  # fmt: skip
    if not done:
        act = "withdraw" if before else "open"
        first = case.steps[0]
        return [
            {**common, "step": "", "act": act, "decision": None, "unit": scene.actor.unit,
             "rule": _DISCREET.get(case.request.kind, first.rule),
             "late": False}
        ]  # fmt: skip
    return [
        {**common, "step": step.name, "act": step.act.value, "decision": step.decision,
         "unit": step.unit or scene.actor.unit, "rule": step.rule, "late": step.late}
        for step in done
    ]  # fmt: skip
