"""What more than one group of the invariants' tests looks through."""

from __future__ import annotations

from gateway import inspection
from gateway.audit.findings import VerifyReport
from gateway.releases.gate import StandingGate
from tests.factories.releases import House


def standing_gate(house: House) -> StandingGate:
    """Return the gate through which an answer about one pupil passes."""
    gate = house.services.identity.gate
    assert isinstance(gate, StandingGate)
    return gate


def report_of(house: House, *, witnessed: tuple[str, ...] = ()) -> VerifyReport:
    """Return what the inspector's own verification of the log finds."""
    return inspection.verify(lambda: house.settings, witnessed=witnessed)
