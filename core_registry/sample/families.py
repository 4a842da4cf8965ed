"""Families: who stands on the form beside the pupil. Siblings and twins share one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from core_registry.sample import names
from core_registry.sample.draw import Bools, Ints, Table, gather
from core_registry.sample.numbers import FIRST_YEAR, IdentityNumbers, RunningNumbers, phones
from core_registry.sample.places import Addresses, Origins
from rulebook import Rulebook

_LEFT_BEHIND = 0.22  # of families in the country with a child in compulsory schooling
_FATHER_FIRST = 0.55  # otherwise the mother is the first member
_PATERNAL = 0.7  # of grandparents
_REGISTERED_ELSEWHERE = 0.06  # second members whose household registration is not the child's
_SECOND_GUARDIAN = 0.85
_SAME_PEOPLE = 0.97  # of those who married in
_FROM_HERE, _FROM_OUTSIDE = 0.72, 0.08  # of adults: same county as the child, outside Shanxi
_NO_ETHNICITY, _NO_EMPLOYER = 0.15, 0.3  # left empty, as the form allows
_OLD_CODE = 0.8  # of adults from counties that were re-cut
_FOREIGN_DOCUMENT, _NO_DOCUMENT = 4, 6  # positions in the pupils' types of document
_SINGLE = 0.06
_COUNTRY_WORK = Table(["务农", "外出务工", "个体经营", "运输个体户", "村卫生室", "乡镇企业"], [50, 25, 10, 8, 2, 5])
_TOWN_WORK = Table(
    [
        "个体经营",
        "自由职业",
        "建筑公司",
        "煤业公司",
        "机械厂",
        "人民医院",
        "第一小学",
        "供电公司",
        "物流公司",
        "超市",
        "街道办事处",
    ],
    [24, 14, 9, 9, 6, 5, 4, 4, 9, 10, 6],
)
_PREFIXES = pl.Series(["", "K", "MA", "", "P", "P", ""])  # of document numbers, by position of the type
_LOCAL_EMPLOYERS = pl.Series(["建筑公司", "煤业公司", "机械厂", "人民医院", "第一小学", "供电公司", "物流公司"])


@dataclass(frozen=True, slots=True)
class Seats:
    """Where families come from: one entry a family, taken from its pupil on the form (the oldest child)."""

    school_county: Ints
    """Position among the counties, for local addresses."""
    county_name: pl.Series
    origin: Ints
    """Position of the division of the child's identity number."""
    local: Bools
    """The child's number is of the county of its school, or of a unit that went into it."""
    rural: Bools
    compulsory: Bools
    birth_year: Ints
    document: Ints
    """Position in the pupils' types of document, 0 for a resident identity number."""


class FamilyMaker:
    """Makes families for chunks of pupils; the counters of numbers go along."""

    def __init__(
        self,
        book: Rulebook,
        origins: Origins,
        addresses: Addresses,
        numbers: IdentityNumbers,
        documents: RunningNumbers,
        seed: int,
    ) -> None:
        """Prepare the tables. ``documents`` numbers the documents of pupils as well, so that none meet."""
        self._origins = origins
        self._addresses = addresses
        self._numbers = numbers
        self._phones = RunningNumbers(seed)
        self._passports = documents
        ethnic = book.code_lists["ethnic_groups"].labels
        relation = book.code_lists["family_relation"].labels
        self._ethnic_codes = list(names.ETHNIC_SHARES)
        self._ethnic = Table([ethnic[code] for code in self._ethnic_codes], list(names.ETHNIC_SHARES.values()))
        self._relations = pl.Series([relation[code] for code in ("51", "52", "61", "62", "63", "64")])
        types = book.code_lists["id_types"].labels
        self._types = pl.Series([types[code] for code in ("1", "6", "7", "8", "A", "A", "1")])
        former = np.full(len(origins.codes), -1)
        for county, positions in origins.former.items():
            former[origins.local[county]] = positions[0]
        self._former = former

    def make(self, rng: np.random.Generator, seats: Seats) -> pl.DataFrame:
        """Return one row a family: surname, ethnicity (position), left_behind, addresses, member1_* and member2_*."""
        count = seats.origin.size
        left_behind = seats.rural & seats.compulsory & (rng.random(count) < _LEFT_BEHIND)
        single = ~left_behind & (rng.random(count) < _SINGLE)
        abroad = (seats.document > 0) & (seats.document < _NO_DOCUMENT)
        left_behind &= ~abroad
        ethnicity = np.where(abroad, 0, self._ethnic.draw(rng, count))
        surname = names.SURNAMES.texts(rng, count)
        residence = self._addresses.local(rng, seats.school_county, seats.rural)
        away = self._addresses.elsewhere(rng, gather(self._origins.full_names, seats.origin))
        household = pl.select(pl.when(pl.Series(seats.local | abroad)).then(residence).otherwise(away)).to_series()
        first_man = (rng.random(count) < _FATHER_FIRST) | abroad
        paternal = rng.random(count) < _PATERNAL
        first = self._member(
            rng, seats, grand=left_behind, man=first_man, paternal=paternal, abroad=abroad,
            surname=surname, ethnicity=ethnicity, guardian=np.ones(count, dtype=np.bool_), household=household,
        )  # fmt: skip
        nobody = np.zeros(count, dtype=np.bool_)
        moved = pl.Series(rng.random(count) < _REGISTERED_ELSEWHERE)
        other_home = pl.select(
            pl.when(moved).then(self._addresses.local(rng, seats.school_county, seats.rural)).otherwise(household)
        ).to_series()
        second_man = np.where(left_behind, rng.random(count) < _FATHER_FIRST, ~first_man)
        second = self._member(
            rng, seats, grand=nobody, man=second_man, paternal=paternal, abroad=nobody,
            surname=surname, ethnicity=ethnicity, guardian=rng.random(count) < _SECOND_GUARDIAN, household=other_home,
        )  # fmt: skip
        alone = pl.Series(single)
        frame = pl.DataFrame(
            {
                "surname": surname, "ethnicity": ethnicity, "left_behind": left_behind,
                "residence_address": residence, "household_address": household,
            }
        )  # fmt: skip
        firsts = first.select(pl.all().name.prefix("member1_"))
        absent = second.select(
            pl.when(alone).then(None).otherwise(pl.col(name)).alias(f"member2_{name}") for name in second.columns
        )
        return pl.concat([frame, firsts, absent], how="horizontal")

    def _member(
        self, rng: np.random.Generator, seats: Seats, *, grand: Bools, man: Bools, paternal: Bools, abroad: Bools,
        surname: pl.Series, ethnicity: Ints, guardian: Bools, household: pl.Series,
    ) -> pl.DataFrame:  # fmt: skip
        count = man.size
        gap = np.where(grand, rng.normal(56, 5, count), rng.normal(28, 4, count) + 1.5 * man)
        gap = np.clip(np.rint(gap), np.where(grand, 46, 21), np.where(grand, 68, 45)).astype(np.int64)
        years = np.maximum(seats.birth_year - gap, FIRST_YEAR)
        codes = self._codes(rng, seats.origin)
        days, serials = self._numbers.adults(codes, years, man)
        own_line = np.where(grand, paternal & man, man)
        ethnic = np.where(own_line | (rng.random(count) < _SAME_PEOPLE), ethnicity, 0)
        relation = np.where(grand, np.where(paternal, 2, 4), 0) + ~man
        document = np.where(abroad, seats.document, 0)
        parts = pl.DataFrame(
            {
                "abroad": abroad, "line": own_line, "surname": surname,
                "other": names.SURNAMES.texts(rng, count), "given": self._given(rng, grand, man),
                "dotted": self._dotted(rng, ethnic, man), "foreign": names.FOREIGN[0].texts(rng, count),
                "resident": self._numbers.texts(codes, days, serials, man),
                "prefix": gather(_PREFIXES, document),
                "passport": self._passports.take(count), "null_ethnicity": rng.random(count) < _NO_ETHNICITY,
                "ethnic": self._ethnic.at(ethnic), "null_employer": rng.random(count) < _NO_EMPLOYER,
                "employer": self._employers(rng, seats),
                "chinese_abroad": abroad & (seats.document < _FOREIGN_DOCUMENT),
            }
        )  # fmt: skip
        chinese = pl.concat_str(pl.when("line").then("surname").otherwise("other"), "given")
        outlandish = pl.when("chinese_abroad").then(chinese).otherwise("foreign")
        name = pl.when("abroad").then(outlandish).otherwise(pl.coalesce("dotted", chinese))
        return parts.select(
            name=name,
            relation=gather(self._relations, relation),
            guardian=pl.when(pl.Series(guardian)).then(pl.lit("是")).otherwise(pl.lit("否")),
            ethnicity=pl.when(pl.col("null_ethnicity") | pl.col("abroad")).then(None).otherwise("ethnic"),
            id_type=gather(self._types, document),
            id_number=pl.when("abroad").then(pl.concat_str("prefix", "passport")).otherwise("resident"),
            employer=pl.when("null_employer").then(None).otherwise("employer"),
            household_address=household,
            phone=phones(rng, self._phones, count),
        )

    def _codes(self, rng: np.random.Generator, child: Ints) -> Ints:
        """Return positions of divisions: mostly the child's, some from elsewhere, old codes where there are any."""
        count = child.size
        draw = rng.random(count)
        outside = self._origins.outside_positions[self._origins.outside.draw(rng, count)]
        shanxi = rng.choice(self._origins.shanxi, count)
        codes = np.select([draw < _FROM_HERE, draw < _FROM_HERE + _FROM_OUTSIDE], [child, outside], shanxi)
        former = self._former[codes]
        return np.where((former >= 0) & (rng.random(count) < _OLD_CODE), former, codes)

    @staticmethod
    def _given(rng: np.random.Generator, grand: Bools, man: Bools) -> pl.Series:
        count = man.size
        parts = pl.DataFrame(
            {
                "grand": grand, "man": man,
                "a": names.FATHERS.texts(rng, count), "b": names.MOTHERS.texts(rng, count),
                "c": names.GRANDFATHERS.texts(rng, count), "d": names.GRANDMOTHERS.texts(rng, count),
            }
        )  # fmt: skip
        old = pl.when("man").then("c").otherwise("d")
        young = pl.when("man").then("a").otherwise("b")
        return parts.select(given=pl.when("grand").then(old).otherwise(young))["given"]

    def _dotted(self, rng: np.random.Generator, ethnicity: Ints, man: Bools) -> pl.Series:
        return dotted_names(rng, self._ethnic_codes, ethnicity, man)

    @staticmethod
    def _employers(rng: np.random.Generator, seats: Seats) -> pl.Series:
        count = seats.origin.size
        parts = pl.DataFrame(
            {
                "rural": seats.rural, "county": seats.county_name,
                "country": _COUNTRY_WORK.texts(rng, count), "town": _TOWN_WORK.texts(rng, count),
            }
        )  # fmt: skip
        local = pl.col("town").is_in(_LOCAL_EMPLOYERS.implode())
        town = pl.when(local).then(pl.concat_str("county", "town")).otherwise("town")
        return parts.select(employer=pl.when("rural").then("country").otherwise(town))["employer"]


def dotted_names(rng: np.random.Generator, codes: list[str], ethnicity: Ints, man: Bools) -> pl.Series:
    """Return a name with · for each person of a people that writes names so, ``None`` for the others."""
    found = np.full(ethnicity.size, None, dtype=object)
    for code, (men, women) in names.DOTTED.items():
        for table, chosen in ((men, man), (women, ~man)):
            rows = np.flatnonzero((ethnicity == codes.index(code)) & chosen)
            found[rows] = table.texts(rng, rows.size).to_list()
    return pl.Series(found.tolist(), dtype=pl.String)
