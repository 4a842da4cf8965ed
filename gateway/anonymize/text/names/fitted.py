"""The fitted score of a candidate: the sum of the weights of its features, log odds that it is a name.

The weights are those of ``lexicons/person_weights.txt``; ``python -m bench.pii.fit`` wrote them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from gateway.anonymize.text.lexicons import lexicon
from gateway.anonymize.text.names.features import Features, Kinds
from gateway.anonymize.text.names.scored import Candidate

_BY_HAND = {"sch": 0.25, "plain": 0.5, "other": 0.7}
"""The share of the score by hand: the fit knows school texts best, the hand weights were tried on news as well."""
_MORE = {"sch": 0.2, "plain": 0.4, "other": 0.15}
"""What is added: a name that leaks costs more than a word that is hidden."""
_WORD = {"sch": -0.35, "plain": 1.0, "other": 1.5}
"""What is taken off a whole word: news tells of words forty times as often as of people who are called so.

Below 0 it is added: what the fit says of a word in a school text is too little by this on sentences not fitted on."""
_LEAST = -6.0
"""A candidate whose score by hand is below this is not worth its features: one name in a hundred is."""


_PEOPLES = frozenset({"names.parts", "names.transliterated"})
"""Rules whose score by hand holds if it is higher: they rest on lists of names that the features do not see."""
_SCHOOL = frozenset({"names.given", "names.model"})
"""The same in school texts."""
_NOBODY = Candidate(0, 0, _LEAST, "")


@lru_cache(maxsize=1)
def fitted() -> dict[str, float]:
    """Return the weight of each feature; one that is not in the list weighs nothing."""
    pairs = (line.rsplit(" ", 1) for line in lexicon("person_weights"))
    return {name: float(weight) for name, weight in pairs}


def worth(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return the candidates that may be names, each place once: as what it looks most like."""
    best: dict[tuple[int, int], Candidate] = {}
    for one in candidates:
        known = best.get((one.start, one.end), _NOBODY)
        if one.rule in _PEOPLES or known.rule in _PEOPLES:
            listed = one if one.rule in _PEOPLES else known
            if listed.score > 0:  # What rests on a list of names stays so, whatever else proposes the place.
                best[one.start, one.end] = listed._replace(score=max(one.score, known.score))
                continue
        if one.score > _LEAST and one.score > best.get((one.start, one.end), _NOBODY).score:
            best[one.start, one.end] = one
    return list(best.values())


def rescored(candidate: Candidate, features: Features, fit: dict[str, float]) -> Candidate:
    """Return the candidate with its fitted score."""
    kinds = features.kinds(candidate)
    score = _of_kinds(kinds)
    for name, value in features.real(candidate):
        score += fit[name] * value
    by_hand = _BY_HAND[kinds.register]
    score = by_hand * candidate.score + (1 - by_hand) * score + _MORE[kinds.register]
    if candidate.rule == "names.word":
        score -= _WORD[kinds.register]
    if candidate.rule in _PEOPLES or (candidate.rule in _SCHOOL and kinds.register == "sch"):
        score = max(score, candidate.score)
    return candidate._replace(score=score)


@lru_cache(maxsize=1 << 14)
def _of_kinds(kinds: Kinds) -> float:
    """Return the sum of the weights that depend on kinds alone: the same few thousand come up again and again."""
    fit = fitted()
    return fit["bias"] + sum(fit.get(name, 0.0) for name in kinds.features())
