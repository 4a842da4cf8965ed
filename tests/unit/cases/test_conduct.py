"""Chapter 8: awards, sanctions, their end, and expulsion."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from core_registry.domain.archive_texts import says_what_is_never_recorded
from core_registry.domain.cases import CaseStatus, act
from core_registry.domain.chapters import attendance, conduct, resumption, suspension, withdrawal
from core_registry.domain.explaining import explain
from core_registry.domain.facts import Archive, ArchiveEntry, EntryKind, Facts
from core_registry.domain.procedures import PROCEDURES, NewEntry
from core_registry.domain.regulation import REGULATION
from core_registry.domain.requests import Request, Value
from core_registry.domain.rules import Status
from core_registry.domain.sanctions import sanctions_in_force
from core_registry.domain.states import SeniorMove, SeniorState, Stage, StudentState
from core_registry.errors import CaseRefusedError, RegisterRuleError
from tests.factories.cases import CITY, COUNTY, archive, asked, entry, facts, paper, pupil, registrar, school, stopping
from tests.factories.suspensions import NOW, opened

MINE = (attendance, conduct, resumption, suspension, withdrawal)
DECISION = (paper("sanction-decision", "school"),)
TEXT = "因参与斗殴，经校务会研究决定"


def _kept(new: NewEntry) -> ArchiveEntry:
    return replace(entry(new.kind, new.on), data=new.data)


def _sanction(known: Facts, **changes: Value) -> Request:
    values: dict[str, Value] = {"sanction": "demerit", "from": date(2026, 9, 7), "text": TEXT}
    return replace(asked("sanction", known), values={**values, **changes})


# --- awards


@pytest.mark.rule("A44-1", "T-5")
@pytest.mark.parametrize("level", ["school", "county", "city", "province", "state"])
def test_an_award_of_the_school_or_above_is_recorded(level: str) -> None:
    known = facts(evidence=(paper("award-proof", "school"),))
    request = asked(
        "award", known, level=level, awarded_on=date(2026, 9, 10), title="三好学生", given_by="某校"
    )  # fmt: skip
    change = opened(request, known)
    assert change.case.status is CaseStatus.COMPLETED
    (new,) = change.effects[0].entries
    assert (new.kind, dict(new.data)) == (EntryKind.AWARD, {"level": level})
    assert new.personal == {"title": "三好学生", "given_by": "某校"}


@pytest.mark.rule("A44-1")
@pytest.mark.parametrize(("level", "on"), [("class", date(2026, 9, 10)), ("school", date(2026, 9, 11))])
def test_an_award_of_a_class_or_of_tomorrow_is_refused(level: str, on: date) -> None:
    known = facts(evidence=(paper("award-proof", "school"),))
    assert stopping(asked("award", known, level=level, awarded_on=on), known) == {"A44-1": Status.FAILED}


# --- sanctions


@pytest.mark.rule("A45-1")
@pytest.mark.parametrize("kind", ["demerit", "probation"])
@pytest.mark.parametrize("stage", [Stage.JUNIOR, Stage.SENIOR])
def test_demerit_and_above_are_recorded_with_the_text_under_seal(kind: str, stage: Stage) -> None:
    known = facts(stage, evidence=DECISION)
    change = opened(_sanction(known, sanction=kind, until=date(2027, 3, 7)), known)
    (new,) = change.effects[0].entries
    assert dict(new.data) == {"kind": kind, "from": "2026-09-07", "until": "2027-03-07"}
    assert new.personal == {"text": TEXT}


@pytest.mark.rule("A45-1", "A45-2")
@pytest.mark.parametrize("kind", ["warning", "serious-warning", "education", "expulsion", ""])
def test_what_lies_below_demerit_is_no_value(kind: str) -> None:
    known = facts(Stage.SENIOR, evidence=DECISION)
    assert {"A45-1", "A45-2"} <= set(stopping(_sanction(known, sanction=kind), known))
    spec = next(one for one in conduct.SANCTION.fields if one.name == "sanction")
    assert set(spec.choices) == {"demerit", "probation"}


@pytest.mark.rule("A45-2")
@pytest.mark.parametrize("text", ["给予警告处分", "曾受严重警告", "实施教育惩戒"])
def test_a_warning_does_not_come_in_by_the_text(text: str) -> None:
    known = facts(Stage.SENIOR, evidence=DECISION)
    assert stopping(_sanction(known, text=text), known) == {"A45-2": Status.FAILED}


@pytest.mark.rule("A45-4")
@pytest.mark.parametrize(
    ("since", "until", "stops"),
    [
        (date(2026, 9, 10), date(2026, 9, 10), False),
        (date(2026, 9, 10), date(2026, 9, 9), True),
        (date(2026, 9, 11), None, True),
        (date(2026, 9, 10), None, False),
    ],
)
def test_a_sanction_has_a_start_and_does_not_end_before_it(since: date, until: date | None, stops: bool) -> None:
    known = facts(Stage.SENIOR, evidence=DECISION)
    assert ("A45-4" in stopping(_sanction(known, **{"from": since, "until": until}), known)) is stops


@pytest.mark.rule("A45-4", "A20-6")
def test_a_recorded_sanction_is_in_force_until_its_recorded_end() -> None:
    known = facts(Stage.SENIOR, evidence=DECISION)
    kept = _kept(opened(_sanction(known), known).effects[0].entries[0])
    known = replace(known, archive=archive(kept))
    assert sanctions_in_force(known.archive, known.today) == (kept,)
    request = asked("sanction-end", known, of=kept.id, ended_on=date(2026, 9, 10), how="revoked")
    ended = _kept(opened(request, known).effects[0].entries[0])
    assert sanctions_in_force(Archive((kept, ended)), date(2026, 9, 11)) == ()


@pytest.mark.rule("A45-4")
def test_only_a_sanction_of_this_archive_ends_and_only_once() -> None:
    kept = replace(entry(EntryKind.SANCTION, date(2026, 9, 7)), data={"kind": "demerit", "from": "2026-09-07"})
    known = facts(Stage.SENIOR, evidence=DECISION, archive=archive(kept))
    for of, on in (("en-none", date(2026, 9, 10)), (kept.id, date(2026, 9, 6)), (kept.id, date(2026, 9, 11))):
        assert stopping(asked("sanction-end", known, of=of, ended_on=on), known) == {"A45-4": Status.FAILED}
    gone = entry(EntryKind.SANCTION_END, date(2026, 9, 8), of=kept.id)
    known = replace(known, archive=archive(kept, gone))
    request = asked("sanction-end", known, of=kept.id, ended_on=date(2026, 9, 10))
    assert stopping(request, known) == {"A45-4": Status.FAILED}


@pytest.mark.rule("A45-4")
def test_texts_of_sanctions_and_suspensions_stay_out_of_answers_and_representations() -> None:
    known = facts(Stage.SENIOR)
    for kind, name in (("sanction", "text"), ("expulsion", "text"), ("suspension", "reason"), ("withdrawal", "reason")):
        request = replace(asked(kind, known), values={name: TEXT})
        assert TEXT not in repr(explain(request, known))
        assert TEXT not in repr(request)
        spec = next(one for one in PROCEDURES[kind].fields if one.name == name)
        assert spec.personal
        with pytest.raises(CaseRefusedError) as refused:
            opened(request, known)
        assert TEXT not in f"{refused.value.detail}{refused.value.detail_zh}"


@pytest.mark.rule("A45-4")
def test_what_a_sanction_leaves_is_an_entry_and_no_trace_in_the_state() -> None:
    known = facts(Stage.SENIOR, evidence=DECISION)
    (effects,) = opened(_sanction(known), known).effects
    assert (effects.move, effects.ground, effects.fields, effects.matters) == (None, "", {}, ())


# --- expulsion


@pytest.mark.rule("A34-2")
@pytest.mark.parametrize("stage", [Stage.PRIMARY, Stage.JUNIOR])
def test_no_pupil_of_the_compulsory_stage_is_expelled(stage: Stage) -> None:
    known = facts(stage, evidence=DECISION)
    request = asked("expulsion", known, decided_on=date(2026, 9, 9), text=TEXT)
    assert stopping(request, known) == {"A34-2": Status.FAILED}
    with pytest.raises(CaseRefusedError):
        opened(request, known)


@pytest.mark.rule("A45-1", "A41-2")
def test_an_expulsion_ends_as_incomplete_after_the_superiors_review() -> None:
    known = facts(Stage.SENIOR, evidence=DECISION, school=school(Stage.SENIOR, registry_superior=CITY))
    begun = opened(asked("expulsion", known, decided_on=date(2026, 9, 9), text=TEXT), known)
    assert (begun.case.status, begun.effects) == (CaseStatus.OPEN, ())
    with pytest.raises(RegisterRuleError):
        act(begun.case, "review", "agree", registrar(COUNTY), known, NOW, begun.case.version)
    (effects,) = act(begun.case, "review", "agree", registrar(CITY), known, NOW, begun.case.version).effects
    assert effects.move == SeniorMove(SeniorState.ACTIVE, SeniorState.INCOMPLETE)
    assert effects.ground == "A41-2"
    assert effects.entries[0].data["kind"] == "expulsion"


@pytest.mark.rule("A45-1")
def test_an_expulsion_needs_the_decision() -> None:
    known = facts(Stage.SENIOR, evidence=(paper("other"),))
    assert stopping(asked("expulsion", known, decided_on=date(2026, 9, 9)), known) == {"A45-1": Status.FAILED}


@pytest.mark.rule("A7-1")
@pytest.mark.parametrize(
    "kind", ["award", "sanction", "sanction-end", "expulsion", "suspension", "resumption", "death"]
)
def test_nothing_is_changed_without_evidence(kind: str) -> None:
    state = StudentState.SUSPENDED if kind == "resumption" else StudentState.ACTIVE
    known = facts(Stage.SENIOR, student=pupil(Stage.SENIOR, state=state))
    assert "A7-1" in stopping(asked(kind, known), known)


# --- what is never recorded


@pytest.mark.rule("A45-3", "A24-2")
def test_the_words_of_these_procedures_and_of_the_catalogue_say_nothing_that_is_never_recorded() -> None:
    words = [text for one in REGULATION.values() for text in (one.zh, one.en)]
    for procedure in PROCEDURES.values():
        if procedure.effects.__module__ not in {module.__name__ for module in MINE}:
            continue
        words += [procedure.zh, procedure.en, procedure.kind]
        for spec in procedure.fields:
            words += [spec.name, spec.zh, spec.en, *(text for pair in spec.choices.values() for text in pair)]
    assert len(words) > 200
    assert not any(says_what_is_never_recorded(text) for text in words)


@pytest.mark.rule("A45-3")
@pytest.mark.parametrize(("kind", "name"), [("award", "title"), ("sanction", "text"), ("expulsion", "text")])
def test_no_text_of_this_chapter_brings_it_into_the_archive(kind: str, name: str) -> None:
    known = facts(Stage.SENIOR)
    request = replace(asked(kind, known), values={name: "在\u4e13\u95e8\u5b66\u6821期间"})
    assert stopping(request, known)["A45-3"] is Status.FAILED
