"""Two relying parties that put together what they saw, to find out which presentations are of one pupil.

They know everything but that: all bytes of both presentations, the specifications, this program. What two
presentations have in common by necessity (the claims shown, the hour of issue) makes a cohort; within it they join
by each attribute in turn. The bounds say what a join that knows nothing would get, so that more is knowledge.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.identity import jws, sd_jwt

HOUR = 3600
NEVER = 1e-7
"""A chance that we take for none: once in ten million runs an attribute cries wolf."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A presentation as a relying party has it; ``pupil`` is what the two want to know and do not."""

    pupil: int
    presentation: str = field(repr=False)
    parts: sd_jwt.Parts = field(init=False, repr=False)
    issued: jws.UnverifiedJws = field(init=False, repr=False)
    binding: jws.UnverifiedJws = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Take the presentation apart."""
        object.__setattr__(self, "parts", sd_jwt.split(self.presentation))
        object.__setattr__(self, "issued", jws.parse(self.parts.issuer_jwt))
        object.__setattr__(self, "binding", jws.parse(self.parts.key_binding))

    @property
    def payload(self) -> Mapping[str, Any]:
        """The issuer's payload."""
        return self.issued.payload

    @property
    def shown(self) -> list[sd_jwt.Disclosure]:
        """The disclosures, in their order."""
        return [sd_jwt.parse_disclosure(encoded) for encoded in self.parts.disclosures]

    @property
    def cohort(self) -> Hashable:
        """What is equal by necessity: the claims shown, and the hours of issue and of expiry."""
        claims = tuple(sorted((str(one.name), str(one.value)) for one in self.shown))
        return claims, self.payload["iat"] // HOUR, self.payload["exp"] // HOUR


def number_of(text: str) -> int:
    """Return base64url text as a number, so that counters and common beginnings are neighbours."""
    return int.from_bytes(jws.decode(text))


NUMBERS: Mapping[str, Callable[[Seen], float]] = {
    "status index": lambda one: one.payload["status"]["status_list"]["idx"],
    "time of issue": lambda one: one.payload["iat"],
    "time of expiry": lambda one: one.payload["exp"],
    "life": lambda one: one.payload["exp"] - one.payload["iat"],
    "length of the issuer's token": lambda one: len(one.parts.issuer_jwt),
    "length of the disclosures": lambda one: sum(map(len, one.parts.disclosures)),
    "length of the presentation": lambda one: len(one.presentation),
    "number of digests": lambda one: len(one.payload["_sd"]),
    "holder key as a number": lambda one: number_of(one.payload["cnf"]["jwk"]["x"]),
    "first salt as a number": lambda one: number_of(one.shown[0].salt[:20]),
    "first digest as a number": lambda one: number_of(one.payload["_sd"][0]),
    "signature as a number": lambda one: int.from_bytes(one.issued.signature),
}
VALUES: Mapping[str, Callable[[Seen], Hashable]] = {
    "header": lambda one: jws.dump(dict(one.issued.header)),
    "members of the payload, in order": lambda one: tuple(one.payload),
    "status list": lambda one: one.payload["status"]["status_list"]["uri"],
    "status list and index": lambda one: jws.dump(one.payload["status"]),
    "time of issue": lambda one: one.payload["iat"],
    "time of expiry": lambda one: one.payload["exp"],
    "holder key": lambda one: jws.dump(one.payload["cnf"]),
    "number of digests": lambda one: len(one.payload["_sd"]),
    "order of the disclosures": lambda one: tuple(one_.name for one_ in one.shown),
    "lengths of the disclosures": lambda one: tuple(map(len, one.parts.disclosures)),
    "lengths of the salts": lambda one: tuple(len(one_.salt) for one_ in one.shown),
    "header of the key binding": lambda one: jws.dump(dict(one.binding.header)),
    "members of the key binding": lambda one: tuple(one.binding.payload),
    "first half of the signature": lambda one: one.issued.signature[:32],
    "places of the shown digests": lambda one: tuple(one.payload["_sd"].index(one_.digest) for one_ in one.shown),
}
SETS: Mapping[str, Callable[[Seen], Sequence[Hashable]]] = {
    "salts": lambda one: [one_.salt for one_ in one.shown],
    "beginnings of salts": lambda one: [one_.salt[:8] for one_ in one.shown],
    "disclosures": lambda one: one.parts.disclosures,
    "digests": lambda one: one.payload["_sd"],
    "beginnings of digests": lambda one: [digest[:8] for digest in one.payload["_sd"]],
}


@dataclass(frozen=True, slots=True)
class Finding:
    """An attribute that joins better than chance, and how unlikely that would be if it knew nothing."""

    attribute: str
    hits: float
    expected: float
    chance: float


def findings(first: Sequence[Seen], second: Sequence[Seen], rng: random.Random) -> list[Finding]:
    """Return what joins the presentations of ``first`` and ``second`` better than chance, the surest first.

    Both hold one presentation of each pupil. An empty list is what unlinkable means here.
    """
    pairs = [*_cohorts(first, second)]
    found: list[Finding] = []
    for name, key in NUMBERS.items():
        found += [_by_rank(f"{name}, in order", pairs, key, rng), _by_trend(f"{name}, together", pairs, key)]
    for name, value in VALUES.items():
        found.append(_by_agreement(name, pairs, lambda one, value=value: (value(one),)))  # type: ignore[misc]
    found += [_by_agreement(name, pairs, members) for name, members in SETS.items()]
    tests = len(found)
    return sorted((one for one in found if one.chance * tests < NEVER), key=lambda one: one.chance)


def _cohorts(first: Sequence[Seen], second: Sequence[Seen]) -> Iterator[tuple[list[Seen], list[Seen]]]:
    """Yield the members of each cohort on both sides, in the same order of pupils."""
    sides: dict[Hashable, dict[int, list[Seen]]] = defaultdict(lambda: defaultdict(list))
    cohort_of = {one.pupil: one.cohort for one in first}
    for one in (*first, *second):
        sides[cohort_of[one.pupil]][one.pupil].append(one)
    for members in sides.values():
        both = [members[pupil] for pupil in sorted(members)]
        yield [one for one, _ in both], [other for _, other in both]


def _by_rank(
    name: str, pairs: Sequence[tuple[list[Seen], list[Seen]]], key: Callable[[Seen], float], rng: random.Random
) -> Finding:
    """Join the n-th of one side to the n-th of the other; ties at random.

    Of a random one-to-one join within K cohorts, the number X of right pairs has factorial moments of at most
    K^k, whatever their sizes; so P(X >= k) <= K^k / k!.
    """
    hits = 0
    for ours, theirs in pairs:
        left = sorted(ours, key=lambda one: (key(one), rng.random()))
        right = sorted(theirs, key=lambda one: (key(one), rng.random()))
        hits += sum(one.pupil == other.pupil for one, other in zip(left, right, strict=True))
    expected = len(pairs)
    chance = min(1.0, math.exp(hits * math.log(expected) - math.lgamma(hits + 1)))
    return Finding(name, hits, expected, chance)


def _by_trend(name: str, pairs: Sequence[tuple[list[Seen], list[Seen]]], key: Callable[[Seen], float]) -> Finding:
    """Correlate the ranks of both sides: for what brings pupils near without naming them.

    Under a random join the sum of products of centred ranks has mean 0 and variance S1 S2 / (n - 1) in a cohort.
    """
    total = variance = 0.0
    for ours, theirs in pairs:
        left, right = _centred([key(one) for one in ours]), _centred([key(one) for one in theirs])
        total += sum(x * y for x, y in zip(left, right, strict=True))
        if len(left) > 1:
            variance += sum(x * x for x in left) * sum(y * y for y in right) / (len(left) - 1)
    z = total / math.sqrt(variance) if variance else 0.0
    return Finding(name, z, 0.0, math.erfc(abs(z) / math.sqrt(2)))


def _by_agreement(
    name: str, pairs: Sequence[tuple[list[Seen], list[Seen]]], members: Callable[[Seen], Sequence[Hashable]]
) -> Finding:
    """Count the pairs that share something, beside the exact mean of that count under a random join.

    The tail is Poisson's: the count is a sum of rare, nearly independent matches, or everybody shares it.
    """
    hits, expected = 0, 0.0
    for ours, theirs in pairs:
        theirs_by: dict[Hashable, set[int]] = defaultdict(set)
        for place, other in enumerate(theirs):
            for member in members(other):
                theirs_by[member].add(place)
        sharing = Counter[int]()
        for place, one in enumerate(ours):
            shared = set[int]().union(*(theirs_by.get(member, ()) for member in members(one)))
            hits += place in shared
            sharing[place] = len(shared)
        expected += sum(sharing.values()) / len(ours)
    return Finding(name, hits, expected, _poisson_tail(hits, expected))


def _centred(values: Sequence[float]) -> list[float]:
    """Return the ranks of ``values`` less their mean; equal ones share the middle of their ranks."""
    places: dict[float, list[int]] = defaultdict(list)
    for place, value in enumerate(sorted(values)):
        places[value].append(place)
    middle = (len(values) - 1) / 2
    return [sum(places[value]) / len(places[value]) - middle for value in values]


def _poisson_tail(least: int, mean: float) -> float:
    """Return the chance that a Poisson count of ``mean`` is ``least`` or more."""
    if least <= mean or mean <= 0:
        return 1.0 if least == 0 or mean > 0 else 0.0
    term = math.exp(-mean + least * math.log(mean) - math.lgamma(least + 1))
    total, count = term, least
    while term > total * 1e-12:
        count += 1
        term *= mean / count
        total += term
    return min(total, 1.0)
