"""Pupils, a chunk of rows at a time.

A chunk draws from a generator of its own (seed and chunk number); what must not repeat in the whole sample comes
from running numbers per division, cohort and sex, whose counters are all the memory there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from core_registry.sample import names
from core_registry.sample.draw import Bools, Ints, Table, gather
from core_registry.sample.families import FamilyMaker, Seats, dotted_names
from core_registry.sample.numbers import IdentityNumbers, RunningNumbers, day_number, year_of
from core_registry.sample.places import ABOLISHED_BEFORE, Addresses, origins_of
from core_registry.sample.schools import Plan
from core_registry.sample.sentinels import SENTINEL_GUARDIANS, SENTINEL_NAMES, SENTINEL_STREET
from rulebook import Rulebook

CHUNK_ROWS = 20_000
_COHORTS = 16
_SEPTEMBER = 9
_STAGES = ("primary", "junior", "senior")
_SENTINELS = len(SENTINEL_NAMES)

# Shares, all ours: plausible for a register, no statistics of any place.
_NO_POLITICAL_STATUS = 0.1  # left empty, as the form allows
_LATE = 0.03  # a year older than usual
_BOYS = 0.525
_TWINS = 0.006
_SIBLINGS = 0.4  # of pupils in compulsory schooling who are looked over for a pair
_DISABLED = 0.006
_SENT_HOME = 0.08  # of disabled pupils of ordinary schools: taught at home
_FORMER_NAME = 0.02
_TWINS_ALIKE = 0.7  # of the same sex
_LEAST_GAP, _MOST_GAP = 2, 8  # years between siblings
_HERE, _SHANXI, _OUTSIDE = (
    0.87,
    0.92,
    0.99,
)  # identity number of the county, of Shanxi, from outside; then: a unit abolished
_OLD_CODE = 0.7  # of pupils born before their county was re-cut
_FOREIGN_CHINESE = 0.3  # of foreign pupils: of Chinese descent
_SENIOR = 2  # the stage that is not compulsory
_NO_RESIDENT_ID = 0.01
_BOARDING = np.array([[0.04, 0.25, 0.60], [0.20, 0.55, 0.85]])  # town, country by stage
_LEAGUE = np.array([0.0] * 8 + [0.25, 0.35, 0.45, 0.50])  # by year of schooling
_DISABILITIES = {"1": 6.0, "2": 14.0, "3": 6.0, "4": 30.0, "5": 30.0, "6": 8.0, "7": 5.0, "9": 1.0}
_DOCUMENTS = {"6": 18.0, "7": 5.0, "8": 14.0, "9": 6.0, "A": 32.0, "Z": 25.0}
_COUNTRIES = ("USA", "RUS", "KOR", "PAK", "KAZ", "GBR", "CAN", "AUS", "MNG", "VNM", "EGY", "BRA")
_RESIDENT, _HONG_KONG, _MACAO, _TAIWAN, _GREEN_CARD, _PASSPORT, _NONE = range(7)


@dataclass(frozen=True, slots=True)
class Rows:
    """What is decided for the rows of a chunk before anything is written as text. One entry a pupil."""

    school: Ints
    grade: Ints
    class_number: Ints
    stage: Ints
    cohort: Ints
    """Year of the first of September that begins the twelve months of birth."""
    boy: Bools
    document: Ints
    """Position in the types of document, 0 for a resident identity number."""
    owner: Ints
    """Position of the pupil whose family it is: the pupil itself, an older sibling, or the first of twins."""
    twin: Bools
    """Second of twins."""


class PupilMaker:
    """Makes chunks in order, from the first; the counters of numbers go along."""

    def __init__(self, plan: Plan, book: Rulebook, seed: int, today: date) -> None:
        """Prepare the tables. ``today`` decides the school year."""
        self._plan = plan
        self._seed = seed % 2**63
        labels = {name: listed.labels for name, listed in book.code_lists.items()}
        year = today.year if today.month >= _SEPTEMBER else today.year - 1
        grades = book.code_lists["grades"]
        self._grades = pl.Series(list(grades.labels.values()), dtype=pl.String)
        self._grade_stage = np.array([_STAGES.index(facts["stage"]) for facts in grades.attributes.values()])
        self._grade_year = np.array([int(facts["year_1_to_12"]) for facts in grades.attributes.values()])
        entry = year - (self._grade_year - np.array([1, 7, 10])[self._grade_stage])
        self._entry_months = pl.Series([f"{first}09" for first in entry], dtype=pl.String)
        # Six by 31 August: the youngest of a grade turn `least` on that day, the oldest 364 days before.
        least = np.array([book.parameters.school_years[code][0] for code in grades.labels])
        self._cohort = year - least - 1
        self._first_cohort = int(self._cohort.min()) - 1
        firsts = range(self._first_cohort, self._first_cohort + _COHORTS + 1)
        self._cohort_days = np.array([day_number(date(first, _SEPTEMBER, 1)) for first in firsts])
        self._addresses = Addresses(book.divisions)
        self._origins = origins_of(book.divisions)
        self._numbers = IdentityNumbers(self._origins.codes, _COHORTS, seed)
        self._foreign = RunningNumbers(seed + 1)
        self._families = FamilyMaker(book, self._origins, self._addresses, self._numbers, self._foreign, seed)
        schools = plan.schools
        self._school_codes = pl.Series([school.code for school in schools], dtype=pl.String)
        self._school_county = np.array([self._addresses.position(school.county.code) for school in schools])
        self._school_origin = np.array([self._origins.local[school.county.code] for school in schools])
        self._school_rural = np.array([school.rural for school in schools])
        self._school_special = np.array([school.kind.category == "51" for school in schools])
        self._county_names = pl.Series([school.county.name for school in schools], dtype=pl.String)
        self._full_names = pl.Series([school.county.full_name for school in schools], dtype=pl.String)
        former = [self._origins.former.get(school.county.code, np.array([-1])) for school in schools]
        self._school_former = np.array([[positions[0], positions[-1]] for positions in former])
        self._document_draw = Table(list(_DOCUMENTS), list(_DOCUMENTS.values()))
        self._documents = pl.Series([labels["id_types"][code] for code in ("1", *_DOCUMENTS)])
        self._sexes = pl.Series([labels["sex"]["2"], labels["sex"]["1"]])
        self._yes_no = pl.Series([labels["yes_no"]["0"], labels["yes_no"]["1"]])
        countries = ("CHN", "HKG", "MAC", "TWN", *_COUNTRIES)
        self._nationalities = pl.Series([labels["countries"][code] for code in countries])
        self._overseas = pl.Series([labels["overseas_status"][code] for code in ("00", "01", "03", "05", "51", "41")])
        self._ethnic_codes = list(names.ETHNIC_SHARES)
        ethnic = labels["ethnic_groups"]
        self._ethnic = pl.Series([*(ethnic[code] for code in self._ethnic_codes), ethnic["97"]])
        self._political = pl.Series([labels["political_status"]["13"], labels["political_status"]["03"]])
        self._disabilities = Table(
            [labels["disability_types"][code] for code in _DISABILITIES], list(_DISABILITIES.values())
        )
        self._placements = pl.Series([labels["special_ed_placement"][code] for code in ("1", "2", "3")])
        self._classes = pl.Series([f"{number}班" for number in range(100)])
        self._alpha3 = pl.Series(list(_COUNTRIES))
        self._letters = pl.Series(list("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"))

    def chunk(self, start: int, end: int) -> pl.DataFrame:
        """Return the rows ``start`` (a multiple of ``CHUNK_ROWS``) to ``end``. Chunks must be made in order."""
        rng = np.random.default_rng([self._seed, 1 + start // CHUNK_ROWS])
        rows = self._decide(rng, start, end)
        codes, local = self._draw_origins(rng, rows)
        days, serials = self._births(rows, codes)
        owners = np.flatnonzero(rows.owner == np.arange(end - start))
        school = rows.school[owners]
        family = self._families.make(
            rng,
            Seats(
                school_county=self._school_county[school],
                county_name=gather(self._county_names, school),
                origin=codes[owners],
                local=local[owners],
                rural=self._school_rural[school],
                compulsory=rows.stage[owners] < _SENIOR,
                birth_year=year_of(days[owners]),
                document=rows.document[owners],
            ),
        )[pl.Series(np.searchsorted(owners, rows.owner))]
        frame = self._write(rng, rows, family, codes, days, serials)
        return self._with_sentinels(frame) if start == 0 else frame

    def _decide(self, rng: np.random.Generator, start: int, end: int) -> Rows:
        count = end - start
        plan = self._plan
        classes = np.searchsorted(plan.class_ends, np.arange(start, end), side="right")
        school, grade = plan.class_school[classes], plan.class_grade[classes]
        stage = self._grade_stage[grade]
        cohort = self._cohort[grade] - (rng.random(count) < _LATE)
        boy = rng.random(count) < _BOYS
        resident = rng.random(count) >= _NO_RESIDENT_ID
        free = resident.copy()  # may join another's family
        if start == 0:
            resident[:_SENTINELS], free[:_SENTINELS] = True, False
        document = np.where(resident, _RESIDENT, 1 + self._document_draw.draw(rng, count))
        owner = np.arange(count)
        first = np.r_[(classes[1:] == classes[:-1]) & free[1:] & free[:-1] & (rng.random(count - 1) < _TWINS), False]
        first[1:] &= ~first[:-1]
        twin = np.r_[False, first[:-1]]
        owner[twin] -= 1
        cohort[twin] = cohort[np.flatnonzero(twin) - 1]
        boy = np.where(twin & (rng.random(count) < _TWINS_ALIKE), np.r_[False, boy[:-1]], boy)
        candidates = np.flatnonzero(free & ~twin & ~first & (stage < _SENIOR) & (rng.random(count) < _SIBLINGS))
        county = self._school_county[school]
        candidates = candidates[np.lexsort((rng.random(candidates.size), county[candidates]))]
        one, other = candidates[0 : candidates.size - 1 : 2], candidates[1::2]
        older, younger = np.where(cohort[one] <= cohort[other], (one, other), (other, one))
        years = cohort[younger] - cohort[older]
        pair = (county[one] == county[other]) & (years >= _LEAST_GAP) & (years <= _MOST_GAP)
        owner[younger[pair]] = older[pair]
        return Rows(school, grade, plan.class_number[classes], stage, cohort, boy, document, owner, twin)

    def _draw_origins(self, rng: np.random.Generator, rows: Rows) -> tuple[Ints, Bools]:
        """Return the division of each identity number, and whether it is that of the school's county."""
        count = rows.owner.size
        draw = rng.random(count)[rows.owner]
        here = self._school_origin[rows.school]
        elsewhere = rng.choice(self._origins.shanxi, count)[rows.owner]
        outside = self._origins.outside_positions[self._origins.outside.draw(rng, count)][rows.owner]
        codes = np.select([draw < _HERE, draw < _SHANXI, draw < _OUTSIDE], [here, elsewhere, outside], here)
        old = rows.cohort + 1 < ABOLISHED_BEFORE
        former = self._school_former[rows.school, rng.integers(0, 2, count)]
        local = (codes == here) | (rows.document != _RESIDENT)
        codes = np.where(local & old & (former >= 0) & (rng.random(count) < _OLD_CODE), former, codes)
        stray = rng.choice(self._origins.all_former, count)
        codes = np.where((draw >= _OUTSIDE) & old, stray, codes)
        codes = np.where(rows.document == _RESIDENT, codes, here)
        codes[rows.twin] = codes[rows.owner[rows.twin]]
        return codes, local & ((draw < _OUTSIDE) | ~old)

    def _births(self, rows: Rows, codes: Ints) -> tuple[Ints, Ints]:
        """Return birth days and serials of identity numbers; twins have one day and two serials."""
        single = np.flatnonzero(~rows.twin)
        cohorts = rows.cohort[single] - self._first_cohort
        firsts = self._cohort_days[cohorts]
        lengths = self._cohort_days[cohorts + 1] - firsts
        days, serials = np.zeros_like(codes), np.zeros_like(codes)
        days[single], serials[single] = self._numbers.pupils(codes[single], cohorts, firsts, lengths, rows.boy[single])
        owner = rows.owner[rows.twin]
        days[rows.twin] = days[owner]
        serials[rows.twin] = self._numbers.twin_serials(serials[owner], rows.boy[owner])
        return days, serials

    def _write(
        self, rng: np.random.Generator, rows: Rows, family: pl.DataFrame, codes: Ints, days: Ints, serials: Ints
    ) -> pl.DataFrame:
        count = codes.size
        document, boy = rows.document, rows.boy
        abroad = (document == _GREEN_CARD) | (document == _PASSPORT)
        country = rng.integers(0, len(_COUNTRIES), count)
        ethnicity = family["ethnicity"].to_numpy()
        special = self._school_special[rows.school]
        disabled = special | (rng.random(count) < _DISABLED)
        placement = np.where(special, 0, 1 + (rng.random(count) < _SENT_HOME))
        boarding = rng.random(count) < _BOARDING[self._school_rural[rows.school].astype(np.int64), rows.stage]
        league = rng.random(count) < _LEAGUE[self._grade_year[rows.grade] - 1]
        nationality = np.select([abroad, document <= _TAIWAN], [4 + country, document], 0)
        overseas = np.select([abroad, document <= _TAIWAN], [4 + (rng.random(count) < _FOREIGN_CHINESE), document], 0)
        identity = self._numbers.texts(codes, days, serials, boy)
        given = self._given(rng, boy)
        parts = pl.DataFrame(
            {
                "abroad": abroad, "surname": family["surname"], "given": given, "former": self._given(rng, boy),
                "has_former": rng.random(count) < _FORMER_NAME, "document": document, "identity": identity,
                "dotted": dotted_names(rng, self._ethnic_codes, ethnicity, boy),
                "foreign": _pick(boy, names.FOREIGN[0].texts(rng, count), names.FOREIGN[1].texts(rng, count)),
                "running": self._foreign.take(count), "alpha3": gather(self._alpha3, country),
                "letter": gather(self._letters, rng.integers(0, 34, count)), "disabled": disabled,
                "null_political": rng.random(count) < _NO_POLITICAL_STATUS,
            }
        )  # fmt: skip
        number = pl.col("document")
        chinese = pl.concat_str("surname", "given")
        written: dict[str, pl.Expr | pl.Series] = {
            "school_code": gather(self._school_codes, rows.school),
            "student_number": pl.when(number == _RESIDENT)
            .then(pl.concat_str(pl.lit("G"), "identity"))
            .when(number == _NONE)
            .then(pl.concat_str(pl.lit("L"), pl.col("identity").str.slice(0, 17), "letter"))
            .otherwise(pl.concat_str(pl.lit("J"), "identity")),
            "entry_month": gather(self._entry_months, rows.grade),
            "name": pl.when("abroad").then("foreign").otherwise(pl.coalesce("dotted", chinese)),
            "former_name": pl.when(pl.col("has_former") & ~pl.col("abroad") & pl.col("dotted").is_null()).then(
                pl.concat_str("surname", "former")
            ),
            "sex": gather(self._sexes, boy.astype(np.int64)),
            "nationality": gather(self._nationalities, nationality),
            "overseas_status": gather(self._overseas, overseas),
            "ethnicity": gather(self._ethnic, np.where(abroad, len(self._ethnic_codes), ethnicity)),
            "id_type": gather(self._documents, document),
            "id_number": pl.when(number == _RESIDENT)
            .then("identity")
            .when(number == _HONG_KONG)
            .then(pl.concat_str(pl.lit("K"), "running"))
            .when(number == _MACAO)
            .then(pl.concat_str(pl.lit("MA"), "running"))
            .when(number == _TAIWAN)
            .then("running")
            .when(number == _GREEN_CARD)
            .then(pl.concat_str("alpha3", pl.lit("1400"), "running"))
            .when(number == _PASSPORT)
            .then(pl.concat_str(pl.lit("E"), "running")),
            "birth_date": gather(self._numbers.days, days),
            "residence_address": family["residence_address"],
            "household_address": family["household_address"],
            "grade": gather(self._grades, rows.grade),
            "class_name": gather(self._classes, rows.class_number),
            "political_status": pl.when("null_political")
            .then(None)
            .otherwise(gather(self._political, league.astype(np.int64))),
            "boarding": gather(self._yes_no, boarding.astype(np.int64)),
            "disability": gather(self._yes_no, disabled.astype(np.int64)),
            "left_behind": gather(self._yes_no, family["left_behind"].to_numpy().astype(np.int64)),
            **{name: family[name] for name in family.columns if name.startswith("member")},
            "disability_type": pl.when("disabled").then(self._disabilities.texts(rng, count)),
            "special_ed_placement": pl.when("disabled").then(gather(self._placements, placement)),
        }
        return parts.select(**written)

    @staticmethod
    def _given(rng: np.random.Generator, boy: Bools) -> pl.Series:
        return _pick(boy, names.PUPIL_BOYS.texts(rng, boy.size), names.PUPIL_GIRLS.texts(rng, boy.size))

    def _with_sentinels(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the first chunk with the sentinel words in its first rows."""
        head = frame.head(_SENTINELS)
        first = self._full_names[int(self._plan.class_school[0])]
        homes = pl.Series([f"{first}{SENTINEL_STREET}{number}号" for number in range(1, _SENTINELS + 1)])
        uyghur = self._ethnic[self._ethnic_codes.index("05")]
        second = pl.col("member2_name").is_not_null()
        head = head.with_columns(
            name=pl.Series(SENTINEL_NAMES),
            former_name=pl.lit(None, dtype=pl.String),
            ethnicity=pl.Series([self._ethnic[0]] * (_SENTINELS - 1) + [uyghur]),
            residence_address=homes,
            household_address=homes,
            member1_name=pl.Series(SENTINEL_GUARDIANS),
            member1_household_address=homes,
            member2_household_address=pl.when(second).then(homes),
        )
        return pl.concat([head, frame.slice(_SENTINELS)])


def _pick(chosen: Bools, one: pl.Series, other: pl.Series) -> pl.Series:
    return pl.select(pl.when(pl.Series(chosen)).then(one).otherwise(other)).to_series()
