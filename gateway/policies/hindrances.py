"""What stands in the way of an application now: everything at once, so that nobody runs from desk to desk."""

from __future__ import annotations

from collections.abc import Callable

from gateway.errors import GatewayError
from gateway.policies.admission import granted_scope, require_complete
from gateway.policies.deciding import Deciding
from gateway.policies.errors import GroundRefusedError
from gateway.policies.records import Application, ApplicationState
from gateway.policies.trail import REFUSALS

_APPLICANTS = (ApplicationState.DRAFT, ApplicationState.RETURNED)
_OFFICERS = (ApplicationState.SUBMITTED, ApplicationState.BASIS_RECORDED, ApplicationState.CONFIRMED)


class Hindrances(Deciding):
    """What a decision, or a submission, would be refused for."""

    def hindrances(self, application: Application) -> tuple[GatewayError, ...]:
        """Return the refusals that the next step would meet now, each with rule, texts and what is missing.

        Whoever asks has read ``application``. Nothing is recorded: nothing was attempted.
        """
        today = self._today()
        checks: list[Callable[[], object]] = []
        if application.state in _APPLICANTS:
            checks = [
                lambda: require_complete(application, self._book, today),
                lambda: self._require_in_force(application.recipient),
            ]
        elif application.state in _OFFICERS:
            checks = [lambda: self._require_unbarred(application.recipient), lambda: self._holds(application)]
        return tuple(error for check in checks if (error := _refusal(check)) is not None)

    def _holds(self, application: Application) -> None:
        """Raise what is wrong with ground and scope as of today."""
        if application.ground is None:
            raise GroundRefusedError(
                "The legal ground has not been recorded yet.",
                detail_zh="尚未登记依据。",
                rule="A50-5",
                missing=("ground",),
            )
        granted_scope(application.scope, self._check_ground(application), self._book, self._today())


def _refusal(check: Callable[[], object]) -> GatewayError | None:
    try:
        check()
    except REFUSALS as error:
        return error
    return None
