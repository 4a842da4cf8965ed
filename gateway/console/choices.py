"""What can be chosen in forms, from the rule book: places, grades, purposes with their release profiles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rulebook import Rulebook
from rulebook.records import Division, ProfileField, Purpose, ReleaseProfile

__all__ = ["Way", "fields_of", "grades", "places", "way", "ways"]


@dataclass(frozen=True, slots=True)
class Way:
    """A purpose with one profile under which data may leave for it."""

    purpose: Purpose
    profile: ReleaseProfile

    @property
    def max_rows(self) -> int:
        """The most rows of one delivery."""
        return min(self.purpose.max_rows, self.profile.row_cap)

    @property
    def fields(self) -> tuple[ProfileField, ...]:
        """The fields of the profile that the purpose allows, in the order of the profile."""
        return tuple(field for field in self.profile.fields if field.name in self.purpose.fields)


def ways(book: Rulebook) -> tuple[Way, ...]:
    """Return every purpose with each of its profiles."""
    return tuple(
        Way(purpose, book.profiles[code])
        for purpose in book.purposes.values()
        for code in sorted(purpose.profiles)
        if book.profiles[code].level in purpose.levels
    )


def way(book: Rulebook, purpose: str, profile: str) -> Way | None:
    """Return one of ``ways``, ``None`` when there is no such one."""
    return next((one for one in ways(book) if (one.purpose.code, one.profile.code) == (purpose, profile)), None)


def places(book: Rulebook) -> list[tuple[Division, list[Division]]]:
    """Return province and cities, each with the counties below it: those whose townships the rule book knows.

    The rule book holds all of China; the townships are those of the province that the system serves.
    """
    divisions = book.divisions
    served = {code for county in divisions.townships for code in divisions.ancestors(county)}
    tops = sorted(code for code in served if divisions.by_code[code].level != "county")
    return [
        (
            divisions.by_code[top],
            sorted(
                (
                    below
                    for below in divisions.by_code.values()
                    if below.parent == top and below.level == "county" and not _only_groups(below)
                ),
                key=lambda one: one.code,
            ),
        )
        for top in tops
    ]


def _only_groups(division: Division) -> bool:
    """Whether a row of GB/T 2260 is no place of its own: 市辖区."""
    return division.name in {"市辖区", "县"}


def grades(book: Rulebook) -> Iterable[tuple[str, str]]:
    """Return grade codes with their names."""
    return book.code_lists["grades"].labels.items()


def fields_of(book: Rulebook, profile: str) -> dict[str, str]:
    """Return the fields of a profile by name with their labels; empty for an unknown profile."""
    found = book.profiles.get(profile)
    return {} if found is None else {field.name: field.label for field in found.fields}
