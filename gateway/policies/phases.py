"""Where a grant stands after its end: what was handed out is to be deleted, and certified, before it is closed.

``A50-12``, design 5: deletion certificate due; overdue is an alert, and nothing further is granted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from gateway.ids import ExtractId
from gateway.policies.records import Application, ApplicationState, Grant, GrantPhase, GrantState

_ENDED = {
    GrantState.WITHDRAWN: GrantPhase.WITHDRAWN,
    GrantState.EXPIRED: GrantPhase.EXPIRED,
    GrantState.USED_UP: GrantPhase.USED_UP,
}


@dataclass(frozen=True, slots=True)
class Handed:
    """An extract of a grant, as far as deletion is concerned.

    ``delivered_at`` is the first byte, ``None`` when nothing left; ``delete_by`` the day that its obligations name;
    ``settled`` whether nothing more can leave of it; ``certified`` whether the recipient handed in the certificate.
    """

    extract: ExtractId
    delivered_at: datetime | None
    delete_by: date | None
    settled: bool
    certified: bool

    @property
    def owed(self) -> bool:
        """Whether a deletion certificate is still missing for it."""
        return self.delivered_at is not None and not self.certified


def owed(handed: Iterable[Handed]) -> tuple[Handed, ...]:
    """Return what was delivered and not certified as deleted, the first due first."""
    return tuple(sorted((one for one in handed if one.owed), key=lambda one: (one.delete_by or date.max, one.extract)))


def overdue(handed: Iterable[Handed], today: date) -> tuple[Handed, ...]:
    """Return what should have been certified as deleted before ``today``; the day itself is on time (T-6)."""
    return tuple(one for one in owed(handed) if one.delete_by is not None and one.delete_by < today)


def application_phase(application: Application) -> str:
    """Return where an application stands, as people say it: its state, told apart by round and by how it ended.

    ``lapsed`` shows only where the history was read; in lists such an application is ``withdrawn``.
    """
    if application.state is ApplicationState.SUBMITTED and application.round > 1:
        return "resubmitted"
    if application.state is ApplicationState.WITHDRAWN and application.history[-1:]:
        return "lapsed" if application.history[-1].act == "lapsed" else "withdrawn"
    return application.state.value


def phase_of(grant: Grant, handed: Sequence[Handed], today: date) -> GrantPhase:
    """Return the phase of a grant whose ``state`` is the computed one.

    A deletion that is overdue comes first, also under a grant that lives on. After its end a grant is closed when
    nothing more can leave and nothing is owed.
    """
    if overdue(handed, today):
        return GrantPhase.DELETION_OVERDUE
    if grant.state not in _ENDED:
        return GrantPhase(grant.state.value)
    if not all(one.settled for one in handed):
        return _ENDED[grant.state]
    return GrantPhase.DELETION_DUE if owed(handed) else GrantPhase.CLOSED
