"""Who may grant an exception from a PRINCIPLE rule (section 1): the level that the rule names, or one above it."""

from __future__ import annotations

from core_registry.domain.facts import SchoolFacts
from core_registry.domain.rules import Party


def granting_units(party: Party, here: SchoolFacts, there: SchoolFacts | None) -> frozenset[str]:
    """Return the division codes of the departments that may grant the exception.

    ``there`` is the receiving school of a transfer: its side opens the case, so its departments decide.
    """
    school = there or here
    province = f"{school.city[:2]}0000"
    match party:
        case Party.CITY:
            return frozenset({school.city, province})
        case Party.COUNTY:
            return frozenset({school.division, school.city, province})
        case Party.PROVINCE:
            return frozenset({province})
        case _:
            return frozenset({school.registry_superior, school.city, province})
