"""The own sets of free text: what is in them, and that nothing of them depends on chance."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from bench.pii import agreement
from bench.pii.generate import POOLS, Generator, templates
from bench.pii.numbers import Numbers
from bench.pii.sentences import Sentence
from bench.pii.sets import divisions, fresh, hand
from gateway.anonymize.text.spans import TextType

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def test_the_hand_written_set_is_as_wide_as_the_issue_asks() -> None:
    sentences = hand()
    assert len(sentences) >= 320
    assert sum(not one.spans for one in sentences) >= 60
    assert sum(one.record is not None for one in sentences) >= 60
    assert len({one.text for one in (*sentences, *fresh())}) == len(sentences) + len(fresh())
    assert {span.type for one in sentences for span in one.spans} == {kind.value for kind in TextType}
    tags = Counter(tag for one in sentences for span in one.spans for tag in span.tags)
    assert min(tags[tag] for tag in ("word", "minority", "rare", "third")) >= 50
    assert all(
        set(one.record) <= {"student", "former_name", "guardians", "school", "address"}
        for one in sentences
        if one.record
    )


@pytest.mark.parametrize(("name", "make"), [("hand", hand), ("fresh", fresh)])
def test_the_adjudicated_set_differs_from_the_passes_only_where_they_differ(
    name: str, make: Callable[[], list[Sentence]]
) -> None:
    first, second = agreement.passes(name)
    adjudicated = {one.id: one for one in make()}
    assert set(adjudicated) == {one.id for one in first}
    for one, other in zip(first, second, strict=True):
        bare = {(span.start, span.end, span.type) for span in one.spans}
        if bare == {(span.start, span.end, span.type) for span in other.spans}:
            final = adjudicated[one.id]
            assert final.text == one.text
            assert {(span.start, span.end, span.type) for span in final.spans} == bare


def test_agreement_is_one_for_equal_passes_and_falls_with_every_difference() -> None:
    first, second = agreement.passes()
    assert agreement.span_f1(first, first) == 1.0
    assert agreement.kappa(first, first) == pytest.approx(1.0)
    assert 0.9 < agreement.span_f1(first, second) < 1.0
    assert 0.9 < agreement.kappa(first, second) < 1.0
    blind = [type(one)(one.id, one.text, ()) for one in first]
    assert agreement.span_f1(first, blind) == 0.0
    assert abs(agreement.kappa(first, blind)) < 1e-9


def test_the_pools_share_no_template() -> None:
    dev, test = ({one.text for one in templates(pool)} for pool in POOLS)
    assert not dev & test
    assert len(dev) + len(test) >= 150


@pytest.mark.parametrize("pool", POOLS)
def test_a_seed_gives_the_same_sentences_and_true_offsets(pool: str) -> None:
    found = Generator(divisions(), pool).sentences(400)
    assert found == Generator(divisions(), pool).sentences(400)
    assert found != Generator(divisions(), pool, seed=1).sentences(400)
    assert {span.type for one in found for span in one.spans} == {kind.value for kind in TextType}
    for one in found:
        ends = [0, *(span.end for span in one.spans)]
        assert all(end <= span.start < span.end <= len(one.text) for end, span in zip(ends, one.spans, strict=False))
        assert "{" not in one.text
        if "none" in one.tags:
            assert not one.spans
        if one.record is not None:
            written = {one.text[span.start : span.end] for span in one.spans if not span.tags & {"typo", "former"}}
            assert written or one.spans


def test_invented_identity_numbers_have_the_check_digit_that_their_tag_says() -> None:
    numbers = Numbers(random.Random(5), ["140105", "110101"])
    for _ in range(300):
        text, tag = numbers.cn_id()
        if tag in {"plain", "invalid", "permit"}:
            total = sum(int(digit) * weight for digit, weight in zip(text[:17], _WEIGHTS, strict=True))
            assert ("10X98765432"[total % 11] == text[17]) is (tag != "invalid")
