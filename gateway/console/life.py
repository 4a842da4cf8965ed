"""The line on which an application, and the grant that it becomes, move: what is done, what is now, what is ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from gateway.policies.phases import application_phase
from gateway.policies.queries import GrantLifeView
from gateway.policies.records import Application, ApplicationState, GrantPhase

Tone = Literal["done", "now", "ahead", "bad"]

_WORDS: Final = (
    ("drafted", "起草", "Draft"),
    ("submitted", "提交", "Submitted"),
    ("ground_recorded", "登记依据", "Ground"),
    ("ground_confirmed", "确认依据", "Confirmed"),
    ("decided", "决定", "Decided"),
    ("used", "使用", "In use"),
    ("deleted", "销毁", "Deletion"),
    ("closed", "办结", "Closed"),
)
_ACTS: Final = {
    "submitted": "submitted",
    "resubmitted": "submitted",
    "ground_recorded": "ground_recorded",
    "ground_confirmed": "ground_confirmed",
    "approved": "decided",
    "narrowed": "decided",
    "refused": "decided",
}
_AT: Final = {
    ApplicationState.DRAFT: 0,
    ApplicationState.RETURNED: 1,
    ApplicationState.SUBMITTED: 2,
    ApplicationState.BASIS_RECORDED: 3,
    ApplicationState.CONFIRMED: 4,
    ApplicationState.GRANTED: 5,
}
_USE, _DELETION, _END = 5, 6, len(_WORDS)
_PHASES: Final = {
    GrantPhase.ACTIVE: _USE,
    GrantPhase.SUSPENDED: _USE,
    GrantPhase.WITHDRAWN: _USE,
    GrantPhase.EXPIRED: _USE,
    GrantPhase.USED_UP: _USE,
    GrantPhase.DELETION_DUE: _DELETION,
    GrantPhase.DELETION_OVERDUE: _DELETION,
    GrantPhase.CLOSED: _END,
}
_TROUBLE: Final = frozenset({GrantPhase.SUSPENDED, GrantPhase.WITHDRAWN, GrantPhase.DELETION_OVERDUE})


@dataclass(frozen=True, slots=True)
class Step:
    """One station of the line; ``at`` is when it was reached the last time."""

    zh: str
    en: str
    tone: Tone
    at: datetime | None = None


def line(application: Application, life: GrantLifeView | None) -> tuple[Step, ...]:
    """Return the stations of an application read with its history; ``life`` is that of its grant."""
    reached = {"drafted": application.created_at}
    for event in application.history:
        if event.act in _ACTS:
            reached[_ACTS[event.act]] = event.at
    if application.ground_confirmer is not None and "decided" in reached:
        reached.setdefault("ground_confirmed", reached["decided"])  # confirmed in the act of the decision
    if application.grant_id is not None and life is not None:
        now, stopped = _PHASES[life.phase], life.phase in _TROUBLE
    else:
        now, stopped = _stop(application, reached)
    steps = []
    for index, (key, zh, en) in enumerate(_WORDS):
        tone: Tone = "done" if index < now and (key in reached or index >= _USE) else "ahead"
        if index == now:
            tone = "bad" if stopped else "now"
        steps.append(Step(zh, en, tone, reached.get(key) if index <= now else None))
    return tuple(steps)


def phase_word(application: Application, life: GrantLifeView | None) -> str:
    """Return the phase of the grant where there is one, else that of the application."""
    return life.phase.value if application.grant_id is not None and life is not None else application_phase(application)


def _stop(application: Application, reached: dict[str, datetime]) -> tuple[int, bool]:
    """Return the station at which an application stands, and whether it stopped there."""
    if application.state is ApplicationState.REFUSED:
        return 4, True
    if application.state is ApplicationState.WITHDRAWN:
        done: Sequence[int] = [index for index, (key, _zh, _en) in enumerate(_WORDS) if key in reached]
        return max(done), True
    return _AT[application.state], application.state is ApplicationState.RETURNED
