"""Pupils: found for a reason, and the whole life of a record as one line of time (S-4, A3-3, A50-4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from core_registry.errors import RegistryError
from core_registry.office import (
    LABELS,
    STATUS_LABELS,
    ArchiveEntry,
    EntryKind,
    History,
    Located,
    Procedure,
    StudentLine,
    ValueSpec,
)
from gateway.console import forms
from gateway.console.case_texts import ENTRIES, ENTRY_FACTS
from gateway.console.entrances import may, own_registry
from gateway.console.office.reach import actor, desk, registry, schools_for, unit_names
from gateway.console.pages import page, principal, problem_for, services
from gateway.errors import GatewayError
from gateway.policies.decision import Action
from gateway.problems import Problem

blueprint = Blueprint("lives", __name__)

_ORDER = {"school": 0, "case": 1, "entry": 2, "state": 3}


@dataclass(frozen=True, slots=True)
class Event:
    """One point of the line: what, on which day; ``facts`` are pairs of a word and a value."""

    on: date
    sort: str
    zh: str
    en: str
    tone: str = "plain"
    facts: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    case_id: str | None = None
    text: str = field(default="", repr=False)


@blueprint.get("/office/pupils")
def find_form() -> ResponseReturnValue:
    """Show the form: document number, name, reason."""
    actor(Action.READ_CASES)
    return _found_page(None, None, None)


@blueprint.post("/office/pupils")
def find() -> ResponseReturnValue:
    """Find a pupil: by number in the own schools, by number and name together in any (A16-2). Recorded in any case."""
    try:
        number, name = forms.text("id_number", longest=40), forms.text("name", longest=80)
        reason = forms.text("reason", longest=200)
        if name:
            located = desk().locate(number, name, actor(Action.HANDLE_CASES), reason)
            return _found_page(None, located, None)
        lines = registry().find_by_id_number(
            number,
            actor=principal().account,
            reason=reason,
            schools=frozenset(schools_for(Action.READ_CASES)),
        )
    except (GatewayError, RegistryError) as error:
        return _found_page(None, None, problem_for(error))
    return _found_page(lines, None, None)


@blueprint.post("/office/history")
def show() -> ResponseReturnValue:
    """Show the life of a record. A form, so that no reason is in a URL; the reading is recorded before."""
    try:
        history = desk().history(
            forms.text("student_id", longest=64),
            actor(Action.READ_CASES),
            forms.text("reason", longest=200),
            frozenset(schools_for(Action.READ_CASES)),
        )
    except (GatewayError, RegistryError) as error:
        return _found_page(None, None, problem_for(error))
    return page(
        "office/history.html",
        history=history,
        events=sorted(_events(history), key=lambda one: (one.on, _ORDER[one.sort])),
        states={state.value: label for state, label in LABELS.items()},
        may_handle=_may_handle(),
    )


def _found_page(
    lines: list[StudentLine] | None, located: Located | None, problem: Problem | None
) -> ResponseReturnValue:
    codes = [one.school_code for one in lines or ()] + ([located.school_code] if located else [])
    return page(
        "office/pupils.html",
        problem=problem,
        lines=lines,
        located=located,
        values=request.form,
        names=unit_names(codes),
        states={state.value: label for state, label in LABELS.items()},
        grades=services().book.code_lists["grades"].labels,
        may_handle=_may_handle(),
    )


def _may_handle() -> bool:
    who = principal()
    return may(services(), who, Action.HANDLE_CASES, own_registry(who), who.unit or "")


def _events(history: History) -> Iterator[Event]:
    """Yield schools, changes of state, archive entries and cases as points of one line."""
    names = unit_names(
        [one.unit for one in history.transitions]
        + [one.school_code for one in history.transitions]
        + [one.school_code for one in history.memberships]
    )
    words = _Words(history)
    for held in history.memberships:
        span = f"{held.since.isoformat()} 至 {held.until.isoformat() if held.until else '今'}"
        name = held.school_name or names[held.school_code]
        yield Event(held.since, "school", f"学籍在{name}", "School", facts=(("起止", span), ("代码", held.school_code)))
    for one in history.transitions:
        before = LABELS[one.before] if one.before else "—"
        people = [("依据", one.ground), ("经办", one.actor), ("单位", names[one.unit])]
        people += [("校长", one.head)] if one.head else []
        people += [("学籍管理员", one.registrar)] if one.registrar else []
        people += [("录入", one.entered_at.date().isoformat()), ("证明材料", f"{len(one.evidence)} 份")]
        word = f"{before} → {LABELS[one.after]}"
        yield Event(one.on, "state", word, "State", "good", tuple(people), one.case_id)
    for entry in history.entries:
        yield _entry(entry, history.texts.get(entry.id, {}), words)
    for case in history.cases:
        yield Event(
            case.request.applied_on,
            "case",
            f"申请{case.procedure.zh}",
            case.procedure.en,
            facts=(("办理结果", STATUS_LABELS[case.status]),),
            case_id=case.id,
        )


def _entry(entry: ArchiveEntry, texts: Mapping[str, object], words: _Words) -> Event:
    word = ENTRIES.get(entry.kind.value)
    told = "；".join(str(value) for value in texts.values() if value not in {None, ""})
    return Event(
        entry.on,
        "entry",
        "归档：" + (word.zh if word else entry.kind.value),
        "Archive: " + (word.en if word else entry.kind.value),
        facts=tuple(words.of(entry, name, value) for name, value in entry.data.items() if value not in {None, ""}),
        case_id=entry.case_id,
        text=told,
    )


class _Words:
    """Names and codes of archive entries in words: as the procedures name them, then those of the archive itself."""

    def __init__(self, history: History) -> None:
        procedures = {one.kind: one for one in desk().procedures()}
        of_case = {case.id: case.procedure for case in history.cases}
        self._of_case = {case_id: _specs([one]) for case_id, one in of_case.items()}
        self._of_kind = {kind: _specs([one]) for kind, one in procedures.items()}
        self._any = _specs(procedures.values())
        self._grades = services().book.code_lists["grades"].labels

    def of(self, entry: ArchiveEntry, name: str, value: str | int | bool | None) -> tuple[str, str]:
        """Return name and value of one fact of an entry in Chinese, as far as there are words for them."""
        tables = [self._of_case.get(entry.case_id or "", {}), self._of_kind.get(entry.kind.value, {}), self._any]
        spec = next((table[name] for table in tables if name in table), None)
        if isinstance(value, bool):
            shown = "是" if value else "否"
        elif entry.kind is EntryKind.GRADE or name == "grade":
            shown = self._grades.get(str(value), str(value))
        else:
            shown = str(value)
        if spec is not None and shown in spec.choices:
            shown = spec.choices[shown][0]
        return ENTRY_FACTS.get(name) or (spec.zh if spec else name), shown


def _specs(procedures: Iterable[Procedure]) -> dict[str, ValueSpec]:
    return {spec.name: spec for one in procedures for spec in one.fields}
