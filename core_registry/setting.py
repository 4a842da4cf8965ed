"""The rule book as the registry's rules need it: days, terms, policies and places as domain values.

Everything is computed once, by ``Setting.of``; after that each call is a look-up, without input or output.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import TypeVar

from chinese_calendar import constants

from core_registry.domain.facts import Policy
from core_registry.domain.terms import SchoolCalendar, SchoolSystem, Semester
from core_registry.domain.working_days import Measure, Period, WorkCalendar
from rulebook import Divisions, EvidenceKind, RegistryParameters, Rulebook, TermDates

_Held = TypeVar("_Held")
_NATIONAL_DAY = (10, 1)
"""Every yearly notice frees it, so a source that knows it knows the notice of that year."""


def work_calendar(book: Rulebook) -> WorkCalendar:
    """Return the working days of all years with a published notice (T-2, T-7).

    The rule book's own days win: a year whose notice it holds is taken from it alone, any other from the library
    ``chinese_calendar``, with single days of the rule book put over it.
    """
    own = {day: not moved.off for day, moved in book.calendar.items()}
    held = _years(own)
    library = {**dict.fromkeys(constants.holidays, False), **dict.fromkeys(constants.workdays, True)}
    days = {day: worked for day, worked in library.items() if day.year not in held}
    return WorkCalendar(MappingProxyType({**days, **own}), held | _years(library))


def _years(days: Mapping[date, bool]) -> frozenset[int]:
    return frozenset(day.year for day, worked in days.items() if not worked and (day.month, day.day) == _NATIONAL_DAY)


def school_calendar(book: Rulebook, city: str) -> SchoolCalendar:
    """Return the semesters of a city; those of the province where the city has none of its own (Q-13)."""
    terms = book.school_terms.get(city) or book.school_terms[_province(book)]
    return _semesters(terms)


def _semesters(terms: Iterable[TermDates]) -> SchoolCalendar:
    return SchoolCalendar(tuple(Semester(term.school_year, term.number, term.start, term.end) for term in terms))


def _province(book: Rulebook) -> str:
    return next(code for code in book.school_terms if book.divisions.by_code[code].level == "province")


def policy(book: Rulebook, division: str) -> Policy:
    """Return the parameters as they hold in a division: the county's own, else its city's, else the province's.

    A division that the rule book does not know has those of the province.
    """
    rules = book.registry
    transfer_days, entry_by = rules.transfer_days, rules.entry_by
    class_size = dict(book.parameters.class_size)
    for code in reversed(book.divisions.ancestors(division)):
        own = rules.places.get(code)
        if own is None:
            continue
        transfer_days = transfer_days if own.transfer_days is None else own.transfer_days
        entry_by = own.entry_by or entry_by
        class_size.update(own.class_size)
    return Policy(
        class_size=MappingProxyType(class_size),
        entry_age=rules.entry_age,
        entry_age_month=entry_by[0],
        entry_age_day=entry_by[1],
        transfer_days=transfer_days,
        contacts=rules.contacts,
        semester_end_weeks=rules.semester_end_weeks,
        objection_days=rules.objection_days,
        cross_province_days=rules.cross_province_days,
        gaokao_closing=rules.gaokao_closing,
        strict_last_grade=rules.strict_last_grade,
        superior_fields=rules.superior_fields,
        admission_areas=rules.admission_areas,
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """What the rule book says to the rules, in every place. Made by ``Setting.of``."""

    calendar: WorkCalendar
    evidence_kinds: Mapping[str, EvidenceKind]
    _rules: RegistryParameters = field(repr=False)
    _divisions: Divisions = field(repr=False)
    _terms: Mapping[str, SchoolCalendar] = field(repr=False)
    """City with terms of its own -> its semesters; the province's under the empty code."""
    _policies: Mapping[str, Policy] = field(repr=False)
    """Place with parameters of its own -> the policy there; the province's under the empty code."""

    @classmethod
    def of(cls, book: Rulebook) -> Setting:
        """Return the setting of a rule book."""
        province = _province(book)
        terms = {code: _semesters(days) for code, days in book.school_terms.items()}
        policies = {code: policy(book, code) for code in book.registry.places}
        return cls(
            calendar=work_calendar(book),
            evidence_kinds=book.evidence_kinds,
            _rules=book.registry,
            _divisions=book.divisions,
            _terms=MappingProxyType({**terms, "": terms[province]}),
            _policies=MappingProxyType({**policies, "": policy(book, province)}),
        )

    def terms(self, division: str) -> SchoolCalendar:
        """Return the semesters of the city of a division; the province's for any other place (Q-13)."""
        return self._nearest(self._terms, division)

    def policy(self, division: str) -> Policy:
        """Return the parameters as they hold in a division (section 10 of the rules)."""
        return self._nearest(self._policies, division)

    def place(self, code: str) -> tuple[str, str] | None:
        """Return county and city of a division code, ``None`` for a code that is no division.

        A city or province stands for its own county and city.
        """
        division = self._divisions.by_code.get(code)
        if division is None:
            return None
        return (code, division.parent) if division.level == "county" and division.parent else (code, code)

    def places(self, codes: Iterable[str]) -> Mapping[str, tuple[str, str]]:
        """Return division code -> (county, city) of those ``codes`` that are divisions."""
        found = {code: self.place(code) for code in codes}
        return {code: place for code, place in found.items() if place is not None}

    def area(self, division: str) -> str:
        """Return the 招生区域 of a division, empty where it is the whole city (A20-2)."""
        return next(
            (
                self._rules.admission_areas[c]
                for c in self._divisions.ancestors(division)
                if c in self._rules.admission_areas
            ),
            "",
        )

    def system(self, division: str) -> SchoolSystem:
        """Return how schools of a division divide the nine years unless their own entry says otherwise (A20-4)."""
        five_four = any(code in self._rules.five_four for code in self._divisions.ancestors(division))
        return SchoolSystem.FIVE_FOUR if five_four else SchoolSystem.SIX_THREE

    def matter_period(self, kind: str) -> Period:
        """Return the time in which the owner ends a matter of this kind. Raises ``KeyError`` for an unknown kind."""
        return Period(self._rules.matter_days[kind], Measure.WORKING_DAYS)

    def certificate_number(self, kind: str, *, issuer: str, year: int, serial: int) -> str:
        """Return the number of a certificate; unlike for any other kind, issuer, year or serial (A43-3).

        Raises ``KeyError`` for an unknown kind.
        """
        padded = f"{serial:0{self._rules.serial_digits}d}"
        return self._rules.certificate_numbers[kind].format(issuer=issuer, year=f"{year:04d}", serial=padded)

    def _nearest(self, held: Mapping[str, _Held], division: str) -> _Held:
        return next((held[code] for code in self._divisions.ancestors(division) if code in held), held[""])
