"""The checks of one file by itself: section 8 of the rules, A10-2, Q-2, Q-11, Q-12. Whole columns, no row loops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date

import polars as pl

from core_registry.domain.archive_texts import PATTERN
from core_registry.domain.rules import enforces
from core_registry.intake import findings, identity_columns
from core_registry.intake.normalization import IDENTITY_FIELDS, Normalizer
from core_registry.intake.reader import TEXT_FACTS
from rulebook.records import Rulebook

RESIDENT = "1"
PASSPORT = "A"
REGIONAL = ("6", "7", "8")
"""Documents of Hong Kong, Macao and Taiwan."""
HOLDS_RESIDENT_NUMBER = ("1", "9", "B")
"""Document types whose own numbers may have the shape of a resident identity number."""
ASTERISKED = ("residence_address", "household_address", "member2_phone")
"""Nos. 10, 11 and 35, marked * in the form (Q-2)."""
OLDEST_EXCESS = 5
"""Years above the usual age of a grade from which an age is not believed."""
AUGUST = 8

Check = Callable[[], Iterable[pl.DataFrame]]


class FileChecks:
    """The checks of one file. ``today`` is the civil date in Asia/Shanghai."""

    def __init__(self, values: pl.DataFrame, book: Rulebook, normalizer: Normalizer, today: date) -> None:
        self._values = values
        self._book = book
        self._annex = normalizer.annex
        self._told = [code for code in TEXT_FACTS if code in values.columns]
        self._today = today
        self._rows = values["row"]
        types = book.code_lists["id_types"].attributes
        self._unnumbered = [code for code, more in types.items() if more.get("number_required") == "0"]
        self._for_pupils = [code for code, more in types.items() if more.get("allowed_for_student_2014_guide") == "1"]

    def run(self) -> pl.DataFrame:
        """Return all findings."""
        checks: Sequence[Check] = (
            self._required,
            self._documents,
            self._pupil_document,
            self._student_number,
            self._against_document,
            self._members,
            self._disability,
            self._age,
            self._texts,
            self._repeated,
        )
        return findings.join(part for check in checks for part in check())

    def _where(self, mask: pl.Series, field: str | None, code: str) -> pl.DataFrame:
        return findings.at(self._rows.filter(mask.fill_null(False)), field, code)

    def _blank(self, field: str) -> pl.Series:
        return self._values[f"blank.{field}"]

    def _required(self) -> Iterable[pl.DataFrame]:
        """★ and * of Annex 1; the second member's only if there is one (Q-12)."""
        second = [code for code in self._annex if code.startswith("member2_")]
        has_second = ~self._values.select(pl.all_horizontal(f"blank.{code}" for code in second)).to_series()
        yield self._where(~has_second, None, "second-member-absent")
        for code in self._annex:
            need = self._book.fields[code].required
            if code in IDENTITY_FIELDS:
                continue  # depends on the type of document
            if need == "always":
                kind = "required-by-note" if code in ASTERISKED else "required-missing"
                yield self._where(self._blank(code), code, kind)
            elif need == "second_member":
                yield self._where(has_second & self._blank(code), code, "second-member-incomplete")
        yield self._where(self._blank("school_code"), "school_code", "required-missing")

    def _documents(self) -> Iterable[pl.DataFrame]:
        """Check each document number by itself (GB 11643, A10-2)."""
        for code in IDENTITY_FIELDS:
            number, kind = self._values[code], self._values[code.replace("number", "type")]
            numbered = kind.is_not_null() & ~kind.is_in(self._unnumbered)
            yield self._where(numbered & self._blank(code), code, "id-required")
            resident = (kind == RESIDENT).fill_null(False)
            yield from self._resident(number.set(~resident, None), code)
            holds = identity_columns.checksum_holds(number)
            abroad = number.str.contains(r"^8[123]").fill_null(False)  # residence permits of Hong Kong, Macao, Taiwan
            misfiled = holds & kind.is_not_null() & ~kind.is_in(HOLDS_RESIDENT_NUMBER) & ~abroad
            yield self._where(misfiled, code, "id-type-resident")
            other = number.is_not_null() & kind.is_not_null() & ~resident
            yield self._where(other & ~number.str.contains(r"^[A-Z0-9()\-]{4,30}$"), code, "id-other-shape")

    def _resident(self, number: pl.Series, code: str) -> Iterable[pl.DataFrame]:
        """Resident identity numbers; nulls are left alone. One reason a number, the first that holds."""
        scientific = number.str.contains(r"^[0-9](?:\.[0-9]+)?E\+?[0-9]+$")
        old = number.str.contains(r"^[0-9]{15}$")
        shaped = number.str.contains(identity_columns.SHAPE)
        holds = identity_columns.checksum_holds(number)
        rounded = shaped & ~holds & number.str.ends_with("000")
        born = identity_columns.birth_dates(number)
        yield self._where(scientific | rounded, code, "number-lost-digits")
        yield self._where(old, code, "id-first-generation")
        yield self._where(~shaped & ~scientific & ~old, code, "id-shape")
        yield self._where(shaped & ~rounded & born.is_null(), code, "id-birth-part")
        yield self._where(shaped & ~rounded & born.is_not_null() & ~holds, code, "id-checksum")
        division = number.str.slice(0, 6)
        distinct = division.filter(holds).unique()
        unknown = [one for one in distinct if one not in self._book.divisions.by_code]
        yield self._where(holds & division.is_in(unknown), code, "id-division")

    def _pupil_document(self) -> Iterable[pl.DataFrame]:
        """Type of document of the pupil, and the pupil without one (Q-11)."""
        kind, nationality, overseas = (self._values[code] for code in ("id_type", "nationality", "overseas_status"))
        yield self._where(~kind.is_in(self._for_pupils), "id_type", "id-type-pupil")
        yield self._where((kind == RESIDENT) & (nationality != "CHN"), "nationality", "nationality-id-type")
        yield self._where(kind.is_in(REGIONAL) & (overseas == "00"), "overseas_status", "overseas-id-type")
        yield self._where((kind == PASSPORT) & (overseas == "00"), "overseas_status", "overseas-passport")
        yield self._where(kind.is_in(self._unnumbered) & self._blank("id_number"), "id_number", "undocumented")

    def _student_number(self) -> Iterable[pl.DataFrame]:
        """Form of the student number, and the identity number inside a ``G`` number (A6-3, Q-11)."""
        student_number, number, kind = (self._values[code] for code in ("student_number", "id_number", "id_type"))
        body = student_number.str.slice(1)
        national = student_number.str.starts_with("G").fill_null(False)
        dated = student_number.str.slice(7, 8).str.to_date("%Y%m%d", strict=False).is_not_null()
        self_coded = student_number.str.contains(r"^J[0-9]{17}[0-9X]$") & dated
        provisional = student_number.str.contains(r"^L[0-9]{14}[0-9A-Z]{4}$") & dated
        formed = (national & identity_columns.checksum_holds(body)) | self_coded | provisional
        yield self._where(
            student_number.is_not_null() & ~formed.fill_null(False), "student_number", "student-number-invalid"
        )
        undocumented = kind.is_in(self._unnumbered)
        yield self._where(national & undocumented, "student_number", "student-number-undocumented")
        differs = national & formed.fill_null(False) & ~undocumented & (body != number)
        yield self._where(differs, "student_number", "student-number-id")
        month = self._values["entry_month"].str.to_date("%Y-%m", strict=False)
        ahead = (self._today.year + 1, self._today.month)
        yield self._where(month > date(*ahead, 1), "entry_month", "entry-month-future")

    def _against_document(self) -> Iterable[pl.DataFrame]:
        """Nos. 3 and 9 against digits 17 and 7-14 of no. 8 (A10-2)."""
        number = self._values["id_number"].set((self._values["id_type"] != RESIDENT).fill_null(True), None)
        number = number.set(~identity_columns.checksum_holds(number), None)  # a wrong number proves nothing
        born, sex = self._values["birth_date"], self._values["sex"]
        yield self._where(born != identity_columns.birth_dates(number), "birth_date", "birth-date-id")
        yield self._where(sex != identity_columns.sexes(number), "sex", "sex-id")
        yield self._where(born > self._today, "birth_date", "birth-date-future")

    def _members(self) -> Iterable[pl.DataFrame]:
        """Guardian rules of section 8."""
        first, second = self._values["member1_guardian"], self._values["member2_guardian"]
        written = ~self._blank("member1_guardian")
        none = written & ~first.fill_null(False) & ~second.fill_null(False)
        yield self._where(none, "member1_guardian", "guardian-none")
        number = self._values["id_number"]
        for code in IDENTITY_FIELDS[1:]:
            yield self._where(self._values[code] == number, code, "member-is-pupil")
        same = self._values["member1_id_number"] == self._values["member2_id_number"]
        yield self._where(same, "member2_id_number", "members-same")
        relations = self._book.code_lists["family_relation"].attributes
        unusual = [code for code, more in relations.items() if more.get("plausible_for_guardian_of_pupil") == "0"]
        for member, guardian in (("member1", first), ("member2", second)):
            relation = self._values[f"{member}_relation"]
            yield self._where(guardian & relation.is_in(unusual), f"{member}_relation", "relation-unusual")

    def _disability(self) -> Iterable[pl.DataFrame]:
        """Nos. 36 and 37 exactly when no. 16 is yes."""
        disabled = self._values["disability"]
        for code in self._annex:
            if self._book.fields[code].required == "disability":
                yield self._where(disabled & self._blank(code), code, "disability-missing")
                yield self._where(~disabled & ~self._blank(code), code, "disability-unexpected")

    def _age(self) -> Iterable[pl.DataFrame]:
        """Full years on 31 August of the school year (Q-1) against the usual ages of the grade (A9-1, A10-2).

        It is the school year of today, from August on the coming one; for a pupil entered ahead, that of the entry.
        """
        present = self._today.year if self._today.month >= AUGUST else self._today.year - 1
        entered = self._values["entry_month"].str.to_date("%Y-%m", strict=False)
        entry_year = entered.dt.year() - (entered.dt.month() < AUGUST).cast(pl.Int32)
        ahead = (entry_year == present + 1).fill_null(value=False)
        year = pl.repeat(present, len(ahead), dtype=pl.Int32, eager=True) + ahead.cast(pl.Int32)
        born, grade = self._values["birth_date"], self._values["grade"]
        reached = (born.dt.month() <= AUGUST).cast(pl.Int32)  # birthday up to 31 August
        age = year - born.dt.year() - 1 + reached
        grades = self._book.code_lists["grades"].attributes
        bands = self._book.parameters.school_years
        least = grade.replace_strict(
            {code: band[0] for code, band in bands.items()}, default=None, return_dtype=pl.Int32
        )
        most = grade.replace_strict(
            {code: band[1] for code, band in bands.items()}, default=None, return_dtype=pl.Int32
        )
        entry = grade.is_in([code for code, more in grades.items() if more.get("year_1_to_12") == "1"])
        alive = born <= self._today
        yield self._where(alive & entry & (age < least), "birth_date", "age-entry")
        yield self._where(alive & ~entry & (age < least), "birth_date", "age-below")
        yield self._where((age > most) & (age <= most + OLDEST_EXCESS), "birth_date", "age-above")
        yield self._where(age > most + OLDEST_EXCESS, "birth_date", "age-implausible")

    @enforces("A45-3", how="check")
    def _texts(self) -> Iterable[pl.DataFrame]:
        """Texts must not bring in what the archive never records (A45-3)."""
        for code in (*self._annex, *self._told):
            if self._values.schema[code] == pl.String:
                yield self._where(self._values[code].str.contains(PATTERN), code, "never-recorded")

    def _repeated(self) -> Iterable[pl.DataFrame]:
        """Duplicates within the file (A6-1, A6-3). Of equal rows the first stands; of differing ones none."""
        content = [*self._annex, "school_code", "student_number", "entry_month", *self._told]
        # The hash only says which rows of one file are equal; it is not kept.
        hashed = self._values.select("row", "id_number", content=pl.struct(content).hash(seed=self._rows.len()))
        twice = hashed.filter(pl.col("id_number").is_not_null() & pl.col("id_number").is_duplicated())
        differing = twice.filter(pl.col("content").n_unique().over("id_number") > 1)
        yield findings.at(differing["row"], "id_number", "duplicate-id")
        yield findings.at(hashed.filter(~pl.col("content").is_first_distinct())["row"], None, "duplicate-row")
        numbers = self._values.select("row", "student_number", "id_number").filter(
            pl.col("student_number").is_not_null()
        )
        clash = numbers.filter(pl.col("id_number").fill_null("").n_unique().over("student_number") > 1)
        yield findings.at(clash["row"], "student_number", "duplicate-student-number")
