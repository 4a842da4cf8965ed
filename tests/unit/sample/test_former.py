"""Invented former pupils: valid numbers that were issued to nobody, in the year and class of a peer."""

from __future__ import annotations

from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core_registry.domain.identity_number import problem_of
from core_registry.sample.former import DISSOLVED, FOUNDED, NUMBERLESS_FROM, Peer, former_pupil
from tests.factories.intake_forms import book

PEERS = st.builds(
    Peer,
    st.just("3114010001"),
    st.sampled_from([None, "3班"]),
    st.sampled_from([None, "2021-09"]),
    st.dates(date(1998, 1, 1), date(2009, 12, 31)),
)


@given(PEERS, st.integers(0, 2**32))
def test_the_numbers_hold_and_belong_to_nobody(peer: Peer, seed: int) -> None:
    made = former_pupil(np.random.default_rng(seed), peer, place="山西省太原市小店区", phone="13903510001")
    own, guardian = str(made["id_number"]), str(made["member1_id_number"])
    assert problem_of(own) is None
    assert problem_of(guardian) is None
    assert own[:6] in DISSOLVED
    born = date(int(own[6:10]), int(own[10:12]), int(own[12:14]))
    assert born >= NUMBERLESS_FROM  # no district of that code was there any more
    assert abs((born - peer.birth_date).days) <= 120
    assert guardian[:6] in FOUNDED
    assert 1970 <= int(guardian[6:10]) <= 1979  # numbered long before the district was founded
    assert made["sex"] == ("男" if int(own[16]) % 2 else "女")
    assert (made["class_name"], made["entry_month"]) == (
        peer.class_name,
        None if peer.entry_month is None else peer.entry_month.replace("-", ""),
    )
    assert made["member1_phone"] == "13903510001"


def test_the_districts_are_gone_and_there_as_said() -> None:
    known = book().divisions.by_code
    assert [code for code in DISSOLVED if code in known] == []
    assert [code for code in FOUNDED if code not in known] == []
    assert {code[:4] for code in (*DISSOLVED, *FOUNDED)} == {"1401"}  # what the mask of a number shows
