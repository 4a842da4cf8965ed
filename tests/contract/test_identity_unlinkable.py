"""Two relying parties with a presentation of every pupil each find no join better than chance (issue 7, A50-14).

And the same attack does find an issuer that is careless in any one thing: else finding nothing would say nothing.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from functools import partial

import pytest

from gateway.db import read_only
from gateway.identity import issue as issuing
from gateway.identity.holder import make_key
from gateway.identity.issue import Blank
from gateway.identity.issuing.desk import LocalDesk
from gateway.identity.keys import HolderKey, IssuerKey
from gateway.identity.present import present
from gateway.identity.records import StatusReference
from gateway.identity.store import IdentityStore
from gateway.identity.verify import UnverifiedPresentation, status_reference_of
from gateway.ids import SubjectRef
from tests.factories.collusion import Seen, findings
from tests.factories.identity import ISSUER, LIBRARY, House, issuing_of, make_house, pupil
from tests.unit.identity.builders import CLAIMS, LIFE, LIST_URI, NOW, VCT, issuer_key

SHOWN = ("stage", "age_over_14")
PUPILS = (
    pupil(stage="primary", birth_date=date(2018, 3, 1)),
    pupil(stage="junior"),
    pupil(stage="junior", birth_date=date(2013, 3, 1)),
)
"""Three kinds that differ in what is shown; within one, nothing may tell two pupils apart."""
FEW = 60
"""Enough that a careless issuer is found."""


@pytest.fixture
def house(sqlite_tables_url: str) -> Iterator[House]:
    """An issuer with lists of their true size."""
    for made in make_house(sqlite_tables_url):
        made.service = replace(made.service, settings=replace(made.service.settings, shard_size=1 << 17, open_shards=4))
        made.issuing = issuing_of(made.service)
        yield made


def collected(house: House, count: int, rng: random.Random, *, kinds: int = 3) -> tuple[list[Seen], list[Seen]]:
    """Give each pupil a batch of two, one after the other over two hours; return what the two parties saw, shuffled."""
    first: list[Seen] = []
    second: list[Seen] = []
    for number in range(count):
        subject = SubjectRef(f"{number:032x}")
        house.pupils.rows[subject] = dict(PUPILS[number % kinds])
        house.clock.pass_by(seconds=7200 / count)
        wallet = house.wallet(subject, count=2)
        rng.shuffle(wallet.held)  # which of its credentials a wallet shows first is the wallet's own
        for seen, audience in ((first, LIBRARY), (second, "shop.example")):
            text = wallet.present(SHOWN, audience=audience, nonce=f"{rng.random()}", now=house.clock())
            seen.append(Seen(number, text))
    rng.shuffle(first)
    rng.shuffle(second)
    return first, second


def weakened(house: House, **changes: object) -> None:
    """Have the house issue with another source of random bytes or numbers."""
    desk = house.issuing.desk
    assert isinstance(desk, LocalDesk)
    house.issuing = replace(house.issuing, desk=replace(desk, credentials=replace(desk.credentials, **changes)))  # type: ignore[arg-type]


def attributes(first: list[Seen], second: list[Seen]) -> list[str]:
    return [one.attribute for one in findings(first, second, random.Random(5))]


def test_two_relying_parties_find_no_join_better_than_chance(house: House) -> None:
    rng = random.Random(3)
    assert findings(*collected(house, 1000, rng), rng) == []


def test_salts_that_a_batch_shares_are_found(house: House) -> None:
    calls = itertools.count()
    weakened(house, random=lambda size: hashlib.shake_256(str(next(calls) // 2).encode()).digest(size))
    found = attributes(*collected(house, FEW, random.Random(1), kinds=1))
    assert {"salts", "beginnings of salts", "disclosures", "first salt as a number, in order"} <= set(found)


def test_indices_given_out_in_order_are_found(house: House) -> None:
    indices = itertools.count()
    weakened(house, choose=lambda below: 0 if below < 64 else next(indices))
    found = attributes(*collected(house, FEW, random.Random(1), kinds=1))
    assert {"status index, in order", "status index, together"} <= set(found)


def test_indices_that_are_only_near_each_other_are_found(house: House) -> None:
    """A batch that lies somewhere within an eighth of the list: no pair is named, and yet it is known."""
    rng, calls = random.Random(2), itertools.count()
    begin = [0]

    def near(below: int) -> int:
        if below < 64:
            return 0
        if next(calls) % 2 == 0:
            begin[0] = rng.randrange(below)
        return (begin[0] + rng.randrange(below // 8)) % below

    weakened(house, choose=near)
    assert "status index, together" in attributes(*collected(house, 2 * FEW, random.Random(1), kinds=1))


def test_times_to_the_second_are_found(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuing, "hour_of", lambda moment: moment.replace(microsecond=0))
    found = attributes(*collected(house, FEW, random.Random(1), kinds=1))
    assert {"time of issue", "time of issue, in order"} <= set(found)


def by_hand(issue: Callable[[IssuerKey, int], tuple[str, str]]) -> tuple[list[Seen], list[Seen]]:
    """Return what the two parties see of an issuer that the house would not let be."""
    signer, rng = issuer_key(), random.Random(6)
    sides: tuple[list[Seen], list[Seen]] = ([], [])
    for number in range(FEW):
        for side, text in zip(sides, issue(signer, number), strict=True):
            side.append(Seen(number, text))
    for side in sides:
        rng.shuffle(side)
    return sides


def blank_of(signer: IssuerKey, claims: dict[str, str | bool | int]) -> Blank:
    return Blank.of(claims, key=signer, issuer=ISSUER, vct=VCT, now=NOW, life=LIFE)


show = partial(present, disclose=SHOWN, nonce="n", now=NOW)


def test_a_holder_key_that_serves_twice_is_found() -> None:
    rng = random.Random(7)

    def issue(signer: IssuerKey, _number: int) -> tuple[str, str]:
        key, blank = make_key(), blank_of(signer, dict(CLAIMS))
        texts = [blank.filled(HolderKey.of(key), StatusReference(LIST_URI, rng.randrange(1 << 17))) for _ in range(2)]
        return show(texts[0], holder_key=key, audience="a"), show(texts[1], holder_key=key, audience="b")

    assert {"holder key", "holder key as a number, in order"} <= set(attributes(*by_hand(issue)))


def test_a_number_of_digests_that_follows_the_claims_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without decoys the number of digests is the number of claims, of those not shown too."""
    rng = random.Random(8)

    def issue(signer: IssuerKey, number: int) -> tuple[str, str]:
        own = random.Random(number)
        names = [name for name in CLAIMS if name in SHOWN or own.random() < 0.5]
        monkeypatch.setattr(issuing, "DIGESTS", len(names))
        blank = blank_of(signer, {name: CLAIMS[name] for name in names})
        keys = (make_key(), make_key())
        one, two = (blank.filled(HolderKey.of(key), StatusReference(LIST_URI, rng.randrange(1 << 17))) for key in keys)
        return show(one, holder_key=keys[0], audience="a"), show(two, holder_key=keys[1], audience="b")

    assert "number of digests" in {name.split(",")[0] for name in attributes(*by_hand(issue))}


def test_the_issuer_can_link_and_so_can_who_has_its_index(house: House) -> None:
    """What the standard cannot give (docs/wallet.md): the status index leads the issuer to the pupil."""
    (seen, *_), (other, *_) = collected(house, 1, random.Random(9))
    for one in (seen, other):
        reference = status_reference_of(UnverifiedPresentation(one.presentation))
        shard = house.service.settings.shard_of(reference.uri)
        assert shard is not None
        found = read_only(house.engine, partial(IdentityStore().credential_at, shard=shard, index=reference.index))
        assert found is not None
        assert found.subject_ref == f"{0:032x}"
