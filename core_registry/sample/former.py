"""An invented former pupil whose document numbers nobody can hold: what a decoy record is made of.

The rows of the generator are likely strangers; a decoy must be no stranger at all. So the pupil's number carries the
code of a district that was dissolved years before the pupil's birth, and the guardian's that of a district which was
founded when people of that age had long been given their numbers: both are valid (GB 11643), neither was ever issued.
The telephone is given by the caller, who owns it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from core_registry.domain.identity_number import check_character
from core_registry.sample import names
from core_registry.sample.draw import Table
from core_registry.sample.places import street_address

DISSOLVED: Final = ("140102", "140103", "140104", "140112", "140113")
"""Five districts of Taiyuan that were dissolved in 1997 (国函〔1997〕33号): nobody born later was numbered there."""
NUMBERLESS_FROM: Final = date(1998, 1, 1)
"""From when on nobody was born into one of them."""
FOUNDED: Final = ("140106", "140107", "140108", "140109", "140110")
"""The districts that took their place in 1997: nobody born in the 1970s was numbered there."""
_GUARDIAN_FIRST: Final = date(1970, 1, 1)
_GUARDIAN_DAYS: Final = 9 * 365
_DAYS_APART: Final = 120
"""A pupil is born within so many days of the peer whose year this is."""
_SINGLE_CHILD_FATHER: Final = 0.4


@dataclass(frozen=True, slots=True)
class Peer:
    """Whose year and class a former pupil shares: what a list shows in clear."""

    school_code: str
    class_name: str | None
    entry_month: str | None
    """``YYYY-MM``."""
    birth_date: date


def former_pupil(rng: np.random.Generator, peer: Peer, *, place: str, phone: str) -> dict[str, str | None]:
    """Return one row of Annex 1 as a form has it, by field code: somebody who was in the class of ``peer``.

    ``place`` is the full name of the county where the family lives, ``phone`` the guardian's number.
    """
    boy = bool(rng.random() < 0.5)  # noqa: PLR2004
    apart = timedelta(days=int(rng.integers(-_DAYS_APART, _DAYS_APART + 1)))
    born = max(peer.birth_date + apart, NUMBERLESS_FROM)
    number = _number(rng, DISSOLVED, born, man=boy)
    father = bool(rng.random() < _SINGLE_CHILD_FATHER)
    surname = _one(rng, names.SURNAMES)
    guardian = (surname if father else _one(rng, names.SURNAMES)) + _one(
        rng, names.FATHERS if father else names.MOTHERS
    )
    parent_born = _GUARDIAN_FIRST + timedelta(days=int(rng.integers(0, _GUARDIAN_DAYS)))
    home = street_address(rng, place)
    row: dict[str, str | None] = {
        "school_code": peer.school_code,
        "student_number": f"G{number}",
        "entry_month": None if peer.entry_month is None else peer.entry_month.replace("-", ""),
        "name": surname + _one(rng, names.PUPIL_BOYS if boy else names.PUPIL_GIRLS),
        "former_name": None,
        "sex": "男" if boy else "女",
        "nationality": "中国",
        "overseas_status": "否",
        "ethnicity": "汉族",
        "id_type": "居民身份证",
        "id_number": number,
        "birth_date": f"{born:%Y%m%d}",
        "residence_address": home,
        "household_address": home,
        "grade": "高中三年级",
        "class_name": peer.class_name,
        "political_status": "共青团员" if rng.random() < 0.5 else "群众",  # noqa: PLR2004
        "boarding": "是" if rng.random() < 0.5 else "否",  # noqa: PLR2004
        "disability": "否",
        "left_behind": "否",
        "member1_name": guardian,
        "member1_relation": "父亲" if father else "母亲",
        "member1_guardian": "是",
        "member1_ethnicity": "汉族",
        "member1_id_type": "居民身份证",
        "member1_id_number": _number(rng, FOUNDED, parent_born, man=father),
        "member1_employer": None,
        "member1_household_address": home,
        "member1_phone": phone,
        "disability_type": None,
        "special_ed_placement": None,
    }
    second = ("name", "relation", "guardian", "ethnicity", "id_type", "id_number", "employer", "household_address")
    return {**row, **{f"member2_{part}": None for part in (*second, "phone")}}


def _one(rng: np.random.Generator, table: Table) -> str:
    return str(table.texts(rng, 1)[0])


def _number(rng: np.random.Generator, codes: tuple[str, ...], born: date, *, man: bool) -> str:
    order = int(rng.integers(1, 490)) * 2 + (1 if man else 0)
    body = f"{codes[int(rng.integers(len(codes)))]}{born:%Y%m%d}{order:03d}"
    return body + check_character(body)
