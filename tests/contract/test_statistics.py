"""Statistics on SQLite and PostgreSQL: one answer a question, one account a recipient, an entry for all of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from core_registry.sharing import RowFilter
from gateway import inspection
from gateway.ages import age_on
from gateway.anonymize.noise import Loss, Mechanism, composed_loss
from gateway.errors import ForbiddenError, NotFoundError
from gateway.policies.errors import ScopeExceededError
from gateway.policies.records import Level, Population
from gateway.releases.statistics.counting import design_of
from gateway.releases.statistics.errors import AnswerNotFoundError, BudgetSpentError
from gateway.releases.statistics.records import AnswerId, AnswerState
from tests.factories import house_fixtures
from tests.factories.release_cases import APPROVER, CHAIN, EXECUTOR, PROVINCE, STRANGER, client
from tests.factories.releases import House
from tests.factories.statistics import (
    answers_in,
    ask,
    asker,
    limited,
    put,
    question,
    recipient,
    spent,
    statistics_grant,
    statistics_of,
    trail,
)

both = house_fixtures.shared_on_both
own = house_fixtures.shared
fresh = house_fixtures.fresh
SMALL = 300_000


@pytest.mark.rule("A50-8")
def test_the_same_question_has_one_answer_in_whatever_words(both: House) -> None:
    grant = statistics_grant(both.services)
    first = ask(both, grant, "stage", "sex", measures=("count", "share"))
    assert first.fresh
    assert first.view is not None
    cells = {tuple(sorted(row.key.items())): row.count for row in first.view.cells}
    before, uses = spent(both, grant), both.uses_left(grant)
    for words in (
        {"measures": ("share", "count"), "epsilon": 900_000},
        {"measures": ("count",), "mechanism": Mechanism.GAUSSIAN},
        {"territory": PROVINCE},
        {"stages": frozenset({"primary", "junior", "senior"})},
        {"grades": frozenset({"11", "12", "13", "14", "15", "16", "21", "22", "23", "31", "32", "33"})},
    ):
        told = ask(both, grant, "sex", "stage", **words)
        assert told.answer.id == first.answer.id
        assert not told.fresh
        assert told.answer.content == first.answer.content
        assert told.view is not None
        assert {tuple(sorted(row.key.items())): row.count for row in told.view.cells} == cells
    by_grade = ask(both, grant, "grade@stage", "sex")
    assert by_grade.answer.id == first.answer.id
    assert by_grade.view is not None
    assert [row.count for row in by_grade.view.cells] == [row.count for row in first.view.cells]
    both.reopen()
    assert ask(both, grant, "stage", "sex").answer.content == first.answer.content
    assert (spent(both, grant), both.uses_left(grant)) == (before, uses)
    assert before == Loss(400_000)


@pytest.mark.rule("A50-8")
def test_repeated_and_reordered_questions_never_average_the_noise_away(own: House) -> None:
    """Fifty answers, one number each time: their mean is as far off as one answer is."""
    grant = statistics_grant(own.services)
    seen = set()
    for number in range(50):
        order = ("sex", "stage") if number % 2 else ("stage", "sex")
        told = ask(own, grant, *order, epsilon=1_000 * (number + 1))
        assert told.view is not None
        seen.add(tuple(sorted((*sorted(row.key.items()), row.count) for row in told.view.cells)))
    assert len(seen) == 1
    assert answers_in(own, grant) == 1


def test_a_margin_is_read_off_the_table_that_was_answered(own: House) -> None:
    grant = statistics_grant(own.services)
    whole = ask(own, grant, "county@city", "stage", "sex", measures=("count", "mean_age"))
    before = spent(own, grant)
    assert whole.view is not None
    margins = {tuple(sorted(row.key.items())): row for row in whole.view.margins}
    part = ask(own, grant, "stage", measures=("count", "share", "mean_age"))
    assert part.derived
    assert part.answer.id == whole.answer.id
    assert part.view is not None
    for row in part.view.cells:
        same = margins[tuple(sorted({**row.key, "county": "*", "sex": "*"}.items()))]
        assert (row.count, row.mean) == (same.count, same.mean)
    assert ask(own, grant).derived
    assert spent(own, grant) == before
    finer = ask(own, grant, "county", "stage")
    assert finer.fresh  # a finer level is no margin


def test_a_refresh_costs_anew_and_is_the_answer_from_then_on(own: House) -> None:
    grant = statistics_grant(own.services)
    first = ask(own, grant, "sex", epsilon=SMALL)
    uses = own.uses_left(grant)
    second = ask(own, grant, "sex", epsilon=SMALL, refresh=True)
    assert (second.fresh, second.answer.round) == (True, 2)
    assert spent(own, grant) == Loss(2 * SMALL)
    assert own.uses_left(grant) == uses - 1
    assert ask(own, grant, "sex").answer.id == second.answer.id != first.answer.id


def test_a_new_school_year_has_a_budget_of_its_own(fresh: House) -> None:
    grant = statistics_grant(fresh.services, valid_to=(fresh.clock().date() + timedelta(days=400)))
    service = limited(fresh.services, epsilon_year=SMALL)
    put(service, grant, "sex", epsilon=SMALL)
    with pytest.raises(BudgetSpentError):
        put(service, grant, "stage", epsilon=SMALL)
    fresh.clock.turn(days=300)
    told = put(service, grant, "sex", epsilon=SMALL)
    assert told.fresh
    assert told.budget.school_year == told.answer.school_year


@pytest.mark.rule("A50-8")
def test_a_spent_budget_refuses_and_says_what_is_left(both: House) -> None:
    grant = statistics_grant(both.services)
    service = limited(both.services, epsilon_year=500_000)
    put(service, grant, "sex", epsilon=SMALL)
    uses = both.uses_left(grant)
    with pytest.raises(BudgetSpentError) as refused:
        put(service, grant, "stage", epsilon=SMALL)
    assert refused.value.extra["left_epsilon_micro"] == 200_000
    assert refused.value.extra["dimension"] == "budget"
    assert (spent(both, grant), both.uses_left(grant), answers_in(both, grant)) == (Loss(SMALL), uses, 1)
    entry = both.entries("release.refused")[-1]
    assert (entry["facts"]["dimension"], entry["facts"]["rule"]) == ("budget", "A50-8")
    assert put(service, grant, "stage", epsilon=200_000).fresh
    assert put(service, grant, "sex").answer.state is AnswerState.READY


def test_a_delta_is_a_budget_too(own: House) -> None:
    grant = statistics_grant(own.services)
    service = limited(own.services, delta_year=1_500, delta_question=1_000)
    gaussian: dict[str, Any] = {"mechanism": Mechanism.GAUSSIAN, "epsilon": SMALL}
    told = put(service, grant, "sex", **gaussian)
    assert told.answer.loss == Loss(SMALL, 1_000)
    with pytest.raises(BudgetSpentError):
        put(service, grant, "stage", **gaussian)
    assert put(service, grant, "stage", epsilon=SMALL).fresh


@pytest.mark.rule("A50-8")
def test_the_ledger_is_opendps_composition_of_all_that_was_answered(own: House) -> None:
    grant = statistics_grant(own.services)
    told = [
        ask(own, grant, "sex", epsilon=250_000),
        ask(own, grant, "stage", "disability", epsilon=500_000),
        ask(own, grant, "sex", measures=("mean_age",), epsilon=125_000),
        ask(own, grant, "county", "stage", epsilon=SMALL, mechanism=Mechanism.GAUSSIAN),
    ]
    service, record = statistics_of(own.services), own.services.applications.grant(grant)
    epsilon, delta = composed_loss([design_of(service.book, record, one.answer).question for one in told])
    ledger = spent(own, grant)
    assert ledger.epsilon / 1e6 == pytest.approx(epsilon, abs=1e-6)
    assert ledger.epsilon / 1e6 >= epsilon
    assert ledger.delta / 1e12 == pytest.approx(delta)


def test_two_grants_of_one_recipient_share_budget_and_answers(own: House) -> None:
    whose = recipient()
    first, second = (statistics_grant(own.services, whose) for _ in range(2))
    told = ask(own, first, "sex")
    again = ask(own, second, "sex")
    assert again.answer.id == told.answer.id
    assert spent(own, first) == spent(own, second) == told.answer.loss
    narrow = statistics_grant(own.services, whose, fields=("sex",))
    with pytest.raises(ScopeExceededError):
        ask(own, narrow, "stage")


def test_i6_a_narrower_grant_reads_its_margin_and_not_the_table_behind(own: House) -> None:
    whose = recipient()
    wide = statistics_grant(own.services, whose)
    narrow = statistics_grant(own.services, whose, fields=("sex",))
    ask(own, wide, "sex", "disability")
    told = ask(own, narrow, "sex")
    assert told.derived
    assert told.view is not None
    assert {name for row in (*told.view.cells, *told.view.margins) for name in row.key} == {"sex"}


def test_hidden_values_are_kept_nowhere(own: House) -> None:
    """Neither content nor answer holds a count below the least; sensitive ones need twenty."""
    grant = statistics_grant(own.services)
    told = ask(own, grant, "county@city", "disability", "sex", epsilon=1_000_000)
    document = json.loads(told.answer.content)
    assert document["labels_hidden"] > 0
    assert all(one is None or one >= 10 for one in document["counts"])
    assert told.view is not None
    for row in (*told.view.cells, *told.view.margins):
        assert row.count is None or row.count >= (10 if row.levels["disability"] == "*" else 20)


def test_i3_a_statistic_stands_in_the_trail_before_it_is_told(both: House) -> None:
    grant = statistics_grant(both.services)
    told = ask(both, grant, "stage", epsilon=SMALL)
    again = ask(both, grant, "stage")
    entries = trail(both, grant)
    kinds = [one["kind"] for one in entries]
    assert kinds == [f"release.{kind}" for kind in ("requested", "prepared", *2 * ("intent", "outcome"))]
    assert all(set(one["links"]) == CHAIN for one in entries)
    requested = entries[0]["facts"]
    assert (requested["epsilon_micro"], requested["spent_epsilon_micro"]) == (SMALL, SMALL)
    assert requested["limit_epsilon_micro"] == 4_000_000
    assert [one["facts"]["fresh"] for one in entries[2:]] == [True, True, False, False]
    assert {one["facts"]["answer"] for one in entries} == {told.answer.id} == {again.answer.id}
    assert told.view is not None
    shown = {str(row.count) for row in told.view.cells if row.count}
    written = json.dumps([one["facts"] for one in entries if one["kind"] != "release.requested"])
    assert not any(f" {number}," in written for number in shown)
    assert inspection.verify(lambda: both.settings).ok


@pytest.mark.rule("A50-12")
def test_an_ended_grant_answers_nothing_also_from_the_store(own: House) -> None:
    grant = statistics_grant(own.services)
    known = ask(own, grant, "sex").answer.id
    own.services.applications.withdraw_grant(APPROVER, grant, reason="测试撤回。")
    with pytest.raises(ForbiddenError):
        ask(own, grant, "sex")
    with pytest.raises(ForbiddenError):
        statistics_of(own.services).get(grant, known, asker(own.services, grant))
    assert own.entries("release.refused")[-1]["facts"]["level"] == "statistics"


def test_who_may_not_know_of_a_grant_does_not_learn_of_it(own: House) -> None:
    grant = statistics_grant(own.services)
    known = ask(own, grant, "sex").answer.id
    stranger, service = client(STRANGER), statistics_of(own.services)
    for act in (
        lambda: service.ask(grant, question("sex"), stranger),
        lambda: service.estimate(grant, question("sex"), stranger),
        lambda: service.budget(grant, stranger),
        lambda: service.of_grant(grant, stranger),
        lambda: service.get(grant, known, stranger),
    ):
        with pytest.raises(NotFoundError):
            act()
    other = statistics_grant(own.services)
    with pytest.raises(AnswerNotFoundError):
        service.get(other, known, asker(own.services, other))


def test_who_runs_it_for_the_recipient_is_told_no_number(own: House) -> None:
    grant = statistics_grant(own.services)
    told = statistics_of(own.services).ask(grant, question("sex"), EXECUTOR)
    assert told.answer.state is AnswerState.READY
    assert told.view is None
    assert told.content is None
    assert [one["kind"] for one in trail(own, grant)] == [
        "release.requested",
        "release.prepared",
    ]
    assert ask(own, grant, "sex").view is not None


def test_only_pupils_of_the_grant_are_counted(own: House) -> None:
    """With hardly any noise the total is the number of rows that the grant reaches."""
    stages = frozenset({"primary"})
    grant = statistics_grant(own.services, population=Population(PROVINCE, stages=stages))
    service = limited(own.services, epsilon_max=500_000_000, epsilon_year=2_000_000_000, rounding=1)
    told = put(service, grant, "sex", epsilon=400_000_000)
    assert told.view is not None
    sharing = own.services.sharing
    assert sharing is not None
    with sharing.snapshot() as snapshot:
        every = snapshot.count(RowFilter(stages=stages, states=frozenset({"active", "suspended"})))
    assert told.view.margins[-1].count == every


def test_a_mean_is_the_mean(own: House) -> None:
    """With hardly any noise: the mean age on 31 August of all pupils of a stage, by the age the law counts."""
    grant = statistics_grant(own.services)
    service = limited(own.services, epsilon_max=900_000_000, epsilon_year=2_000_000_000, rounding=1)
    told = put(service, grant, "stage", measures=("mean_age",), epsilon=800_000_000)
    assert told.view is not None
    sharing = own.services.sharing
    assert sharing is not None
    with sharing.snapshot() as snapshot:
        rows = snapshot.tuples(["stage", "birth_date"], RowFilter(states=frozenset({"active", "suspended"})))
    day = date(told.answer.school_year, 8, 31)
    low, high = told.answer.question.bounds or (0, 0)
    for row in told.view.cells:
        mine = rows.filter(pl.col("stage") == row.key["stage"])
        ages = [min(max(age_on(born, day), low), high) for born in mine["birth_date"]]
        exact = np.average(ages, weights=mine["n"].to_numpy())
        assert row.mean == pytest.approx(exact, abs=0.011)


def test_the_table_of_a_profile_that_changed_its_level_is_refused(own: House) -> None:
    grant = statistics_grant(own.services)
    service = statistics_of(own.services)
    profile = replace(service.book.profiles["health-statistics"], level=Level.CHECK.value)
    book = replace(service.book, profiles={**service.book.profiles, "health-statistics": profile})
    with pytest.raises(ForbiddenError) as refused:
        put(replace(service, book=book), grant, "sex")
    assert refused.value.extra["dimension"] == "level"


def test_an_estimate_counts_nobody_and_spends_nothing(own: House, monkeypatch: pytest.MonkeyPatch) -> None:
    grant = statistics_grant(own.services)
    service = replace(statistics_of(own.services), counter=None)
    found = service.estimate(grant, question("county@city", "stage", epsilon=SMALL), asker(own.services, grant))
    assert found.cost == Loss(SMALL)
    assert found.known is None
    assert (spent(own, grant), answers_in(own, grant)) == (Loss(0), 0)
    assert trail(own, grant) == []
    told = ask(own, grant, "county@city", "stage", epsilon=SMALL)
    assert told.view is not None
    assert {row.half_width for row in told.view.cells} == {found.design.half_width(1)}
    known = service.estimate(grant, question("stage"), asker(own.services, grant))
    assert (known.cost, known.known) == (Loss(0), told.answer.id)


def test_an_unknown_answer_is_none(own: House) -> None:
    grant = statistics_grant(own.services)
    with pytest.raises(AnswerNotFoundError):
        statistics_of(own.services).get(grant, AnswerId("sa-none"), asker(own.services, grant))
    assert statistics_of(own.services).of_grant(grant, asker(own.services, grant)) == []
