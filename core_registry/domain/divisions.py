"""Division codes: what is a district, and whether two places are one for a move of the household (A18-3).

Reading: digits 5 and 6 of a county-level code tell its kind (GB/T 2260): 01-20 districts (市辖区), 21 and up counties,
81 and up county-level cities. Development zones (71-80) are no counties but parts of their city, and are taken as
districts. The units under ``90`` in digits 3 and 4 stand directly under the province: no districts of any city.
"""

from __future__ import annotations

_UNDER_PROVINCE = "90"
_DISTRICTS, _ZONES = range(1, 21), range(71, 81)

Place = tuple[str, str]
"""County and city, as division codes."""


def district(county: str) -> bool:
    """Whether a county-level division is a district of a city."""
    number = int(county[4:6])
    return county[2:4] != _UNDER_PROVINCE and (number in _DISTRICTS or number in _ZONES)


def same_place(one: Place, other: Place) -> bool:
    """Whether the places are one county, or districts of one city: between them nobody moves in the sense of A18-3."""
    if one[0] == other[0]:
        return True
    return one[1] == other[1] and district(one[0]) and district(other[0])
