"""A new case: choose the procedure, fill in what it takes, hand in the proofs, try it, submit it.

All of it is one form that carries its own state, so that it works without JavaScript and nothing is stored before the
submission but the files. The submission's key is made with the form: sent twice, it opens one case (A7-1).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from core_registry.errors import RegistryError
from core_registry.office import Actor, Draft, NewEvidence, Procedure, RuleResult, Status, ValueType
from gateway.console import forms
from gateway.console.office.cases import blueprint
from gateway.console.office.reach import actor, desk, schools_for
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import GatewayError, ParameterError
from gateway.policies.decision import Action
from gateway.policies.scope import civil_date
from gateway.problems import Problem

__all__ = ["Proof"]

PREFIX = "v-"
ROWS = 2
"""Files that one sending can bring."""
_KEPT = re.compile(r"([A-Za-z0-9-]{1,64})\|([a-z0-9-]{1,40})")
_MOST_FILES = 20


@dataclass(frozen=True, slots=True)
class Proof:
    """A file that was handed in for this draft: its id and its kind."""

    id: str
    kind: str


@dataclass(frozen=True, slots=True)
class Typed:
    """What the form says. ``values`` are raw."""

    procedure: Procedure
    student_id: str | None
    version: int | None
    key: str
    school: str
    on: str
    applied_on: str
    values: dict[str, str]
    proofs: tuple[Proof, ...]

    def draft(self) -> Draft:
        """Return the draft. Raises ``ParameterError`` for a day that cannot be read."""
        return Draft(
            kind=self.procedure.kind,
            school=self.school,
            on=_day("on", self.on),
            applied_on=_day("applied_on", self.applied_on),
            student_id=self.student_id,
            values=dict(self.values),
            evidence=tuple(proof.id for proof in self.proofs),
            version=self.version,
            key=self.key,
        )


@blueprint.route("/office/cases/new", methods=["GET", "POST"])
def choose() -> ResponseReturnValue:
    """Show the procedures: those for the pupil who was found before, or those that need none."""
    actor(Action.HANDLE_CASES)
    student = forms.text("student_id", longest=64) if request.method == "POST" else ""
    state = forms.text("state", longest=24) if student else ""
    fitting = [
        one
        for one in desk().procedures()
        if (one.subject == "student") == bool(student) and (not one.opens_in or not state or state in one.opens_in)
    ]
    return page(
        "office/case_kinds.html",
        procedures=fitting,
        student_id=student,
        version=forms.text("version", longest=10) if student else "",
    )


@blueprint.post("/office/cases/draft")
def fill() -> ResponseReturnValue:
    """Show the form of a procedure; take files; say what the rules say; open the case: whatever button was pressed."""
    who = actor(Action.HANDLE_CASES)
    typed = _typed()
    wanted = forms.text("act", longest=24)
    results: tuple[RuleResult, ...] | None = None
    if not wanted:
        return _form(typed, None, None)
    try:
        typed = replace(typed, proofs=(*typed.proofs, *_handed_in(typed, who)))
        if wanted == "open":
            case = desk().open(typed.draft(), who)
            notify("case_opened")
            return redirect(url_for("console.cases.show", case_id=case.id))
        if wanted.startswith("except-"):
            _except(typed, wanted.removeprefix("except-"), who)
            notify("exception_granted")
        if wanted != "upload":
            results = desk().explain(typed.draft(), who)
    except (GatewayError, RegistryError) as error:
        return _form(typed, problem_for(error), getattr(error, "results", None))
    return _form(typed, None, results)


def _except(typed: Typed, rule: str, who: Actor) -> None:
    if not typed.proofs:
        raise ParameterError("Hand in the proof of the exception.", detail_zh="请先上传批准例外的依据材料。")
    reason = forms.text("exception_reason", longest=500)
    desk().grant_exception(rule, typed.draft(), who, reason, typed.proofs[-1].id)


def _typed() -> Typed:
    kind = forms.text("kind", longest=64)
    procedure = next((one for one in desk().procedures() if one.kind == kind), None)
    if procedure is None:
        raise ParameterError("There is no such procedure.", detail_zh="没有这种业务。", missing=("kind",))
    today = civil_date(services().now()).isoformat()
    version = forms.text("version", longest=10)
    return Typed(
        procedure=procedure,
        student_id=forms.text("student_id", longest=64) or None,
        version=int(version) if version.isascii() and version.isdigit() else None,
        key=forms.text("key", longest=40) or f"form-{secrets.token_hex(12)}",
        school=forms.text("school", longest=10) or (principal().unit or ""),
        on=forms.text("on", longest=10) or today,
        applied_on=forms.text("applied_on", longest=10) or today,
        values={spec.name: forms.text(PREFIX + spec.name) for spec in procedure.fields},
        proofs=_kept(),
    )


def _kept() -> tuple[Proof, ...]:
    found = [_KEPT.fullmatch(one) for one in request.form.getlist("proof")[:_MOST_FILES]]
    return tuple(Proof(one.group(1), one.group(2)) for one in found if one is not None)


def _handed_in(typed: Typed, who: Actor) -> list[Proof]:
    """Hand in the files of this sending; each row says what the file proves and who issued it."""
    found = []
    for row in range(ROWS):
        file = request.files.get(f"file-{row}")
        if file is None or not file.filename:
            continue
        item = desk().hand_in(
            NewEvidence(
                kind=forms.text(f"proves-{row}", longest=40),
                issuer_kind=forms.text(f"issuer-{row}", longest=20) or "other",
                issuer_level=forms.text(f"level-{row}", longest=10),
                issued_on=forms.optional_day(f"issued-{row}", forms.text(f"issued-{row}", longest=10)),
                media_type=file.mimetype,
                content=file.read(),
                student_id=typed.student_id,
            ),
            who,
        )
        found.append(Proof(item.id, item.kind))
    return [proof for proof in found if proof not in typed.proofs]


def _form(typed: Typed, problem: Problem | None, results: tuple[RuleResult, ...] | None) -> ResponseReturnValue:
    errors = {} if problem is None else _by_name(problem)
    stopping = [result for result in results or () if result.stops]
    return page(
        "office/case_draft.html",
        problem=problem,
        typed=typed,
        procedure=typed.procedure,
        schools=schools_for(Action.HANDLE_CASES),
        errors=errors,
        results=results,
        stopping=stopping,
        exceptions=[result for result in stopping if result.status is Status.EXCEPTION_POSSIBLE],
        kinds=services().book.evidence_kinds,
        grades=services().book.code_lists["grades"].labels,
        lists=_code_lists(typed.procedure),
        rows=range(ROWS),
        department=principal().unit in services().book.divisions.by_code,
    )


def _code_lists(procedure: Procedure) -> dict[str, Mapping[str, str]]:
    """Return the code lists of those values that are fields of Annex 1: value -> code -> label."""
    book = services().book
    found = {}
    for spec in procedure.fields:
        field = book.fields.get(spec.name)
        if spec.kind is ValueType.TEXT and field is not None and field.code_list is not None:
            found[spec.name] = book.code_lists[field.code_list].labels
    return found


def _by_name(problem: Problem) -> dict[str, str]:
    """Return what is wrong with each value, by the value's name."""
    return {
        str(one.get("pointer", "")).rpartition("/")[2]: str(one.get("detail_zh") or "")
        for one in problem.listed.get("errors", [])
    }


def _day(name: str, typed: str) -> date:
    found = forms.optional_day(name, typed)
    if found is None:
        raise ParameterError(f"'{name}' cannot be read: give a date.", detail_zh="请填写日期。", missing=(name,))
    return found
