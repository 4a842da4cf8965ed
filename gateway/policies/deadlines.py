"""By when a step of an application is to be done: working days after it began, its own day not counted (T-1, T-2).

Due dates are computed, never stored: when the notice of a year's holidays is loaded, they follow it (T-7).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from gateway.policies.records import Application, ApplicationState
from gateway.policies.scope import SHANGHAI, civil_date
from rulebook.records import WorkflowDays

WorkingDays = Callable[[date, int], date]
"""Returns the day that lies so many working days after a day."""

STEPS: Final[Mapping[ApplicationState, str]] = {
    ApplicationState.RETURNED: "answer",
    ApplicationState.SUBMITTED: "record",
    ApplicationState.BASIS_RECORDED: "confirm",
    ApplicationState.CONFIRMED: "decide",
}
"""The step that an application waits for, by its state; a draft waits for nobody."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The periods that an authority set, and the calendar by which they are counted."""

    days: WorkflowDays
    after: WorkingDays

    def due(self, application: Application) -> date | None:
        """Return the last day of the present step, ``None`` when nothing is awaited."""
        step = STEPS.get(application.state)
        if step is None:
            return None
        return self.after(civil_date(application.since or application.created_at), self._length(step))

    def overdue(self, application: Application, today: date) -> bool:
        """Say whether the present step should have been done before ``today``."""
        due = self.due(application)
        return due is not None and due < today

    def waiting_since(self, today: date) -> dict[ApplicationState, datetime]:
        """Return for each state the instant before which an overdue step must have begun.

        No working day is shorter than a day, so nothing that is overdue is missed; ``overdue`` then says which are.
        """
        return {
            state: datetime.combine(today - timedelta(days=self._length(step)), time.min, SHANGHAI)
            for state, step in STEPS.items()
        }

    def _length(self, step: str) -> int:
        lengths = {
            "record": self.days.record,
            "confirm": self.days.confirm,
            "decide": self.days.decide,
            "answer": self.days.answer,
        }
        return lengths[step]
