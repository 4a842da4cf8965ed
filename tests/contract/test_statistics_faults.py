"""What a crash, a failure or a missing worker leaves of a statistic: the budget spent once, one answer at most."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from gateway.anonymize.noise import Loss
from gateway.releases.statistics import counting as counting_module
from gateway.releases.statistics.errors import AnswerNotReadyError
from gateway.releases.statistics.records import AnswerState
from tests.factories import house_fixtures
from tests.factories.releases import House
from tests.factories.statistics import (
    answers_in,
    ask,
    asker,
    limited,
    put,
    spent,
    statistics_grant,
    statistics_of,
)

own = house_fixtures.shared
fresh = house_fixtures.fresh
SMALL = 300_000


class _KilledError(BaseException):
    """As a process that is killed: nobody catches it."""


def test_a_crash_between_payment_and_answer_leaves_the_budget_spent_and_the_worker_finishes(
    fresh: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = statistics_grant(fresh.services)

    def killed(*_a: object, **_k: object) -> None:
        raise _KilledError

    with monkeypatch.context() as patch:
        patch.setattr(counting_module, "content_text", killed)  # the noise is drawn, nothing is stored
        with pytest.raises(_KilledError):
            ask(fresh, grant, "sex", epsilon=SMALL)
    fresh.reopen()
    assert spent(fresh, grant) == Loss(SMALL)
    waiting = limited(fresh.services)
    told = put(waiting, grant, "sex")
    assert (told.answer.state, told.view) == (AnswerState.COUNTING, None)  # another holds the lease
    fresh.clock.turn(seconds=600)
    fresh.work()
    done = ask(fresh, grant, "sex")
    assert done.answer.id == told.answer.id
    assert done.view is not None
    assert spent(fresh, grant) == Loss(SMALL)
    assert fresh.uses_left(grant) == 11


def test_a_counting_that_fails_stays_paid_for_and_is_done_when_asked_again(
    own: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = statistics_grant(own.services)

    def broken(*_a: object, **_k: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(counting_module, "content_text", broken)
        told = ask(own, grant, "sex", epsilon=SMALL)
    assert (told.answer.state, told.answer.failure, told.view) == (AnswerState.FAILED, "UnexpectedError", None)
    assert own.entries("release.failed")[-1]["facts"]["answer"] == told.answer.id
    again = ask(own, grant, "sex", epsilon=SMALL)
    assert (again.answer.id, again.answer.state) == (told.answer.id, AnswerState.READY)
    assert spent(own, grant) == Loss(SMALL)


def test_a_log_that_cannot_be_written_pays_and_tells_nothing(own: House) -> None:
    grant = statistics_grant(own.services)
    service = statistics_of(own.services)

    class Gone:
        def __getattr__(self, name: str) -> Any:  # noqa: ANN401  as the journal
            return getattr(service.journal, name)

        def record(self, *_a: object) -> None:
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        put(replace(service, journal=Gone()), grant, "sex")  # type: ignore[arg-type]
    assert spent(own, grant) == Loss(0)
    assert answers_in(own, grant) == 0


def test_what_was_told_before_the_worker_came_is_polled(own: House) -> None:
    """As on a face without the register: queued, and ready once the worker has counted."""
    grant = statistics_grant(own.services)
    outside = replace(limited(own.services), counter=None)
    told = put(outside, grant, "sex")
    assert (told.answer.state, told.view) == (AnswerState.QUEUED, None)
    again = put(outside, grant, "sex", refresh=True)
    assert again.answer.id == told.answer.id  # a count that is under way is not paid for twice
    own.work()
    ready = outside.get(grant, told.answer.id, asker(own.services, grant))
    assert ready.view is not None
    with suppress(AnswerNotReadyError):
        assert put(outside, grant, "sex").answer.id == told.answer.id
