"""The weights of the name rules: fitted from a seed, on frames that no measured set shares."""

from __future__ import annotations

import numpy as np

from bench.pii.fit import Examples, examples, fit, sentences
from bench.pii.generate import templates
from gateway.anonymize.text.names.fitted import fitted


def test_the_shipped_weights_are_read_and_hold_the_numbers() -> None:
    weights = fitted()
    assert {"bias", "hand", "odds", "odds_least", "before", "behind", "border", "border_end", "breaks"} <= set(weights)
    assert weights["hand"] > 0
    assert all(np.isfinite(weight) for weight in weights.values())


def test_no_frame_that_is_fitted_on_is_measured() -> None:
    measured = {one.text for one in templates("test")}
    assert not measured & {one.text for one in templates("train")}
    assert not measured & {one.text for one in templates("dev")}


def test_the_same_seed_gives_the_same_sentences() -> None:
    frames = templates("train")[:5]
    first, again = (sentences(frames, seed=7, filled=2) for _ in range(2))
    assert [one.text for one in first] == [one.text for one in again]
    assert {one.text for one in sentences(frames, seed=8, filled=2)} != {one.text for one in first}


def test_candidates_of_a_sentence_are_told_as_names_or_none() -> None:
    data = examples(sentences(templates("train")[:8], seed=7, filled=3))
    assert 0 < data.truth.sum() < len(data.truth)
    assert data.rows.max() < len(data.truth)
    assert data.columns.max() < len(data.names)


def test_a_feature_of_names_alone_gains_weight() -> None:
    names = ["bias", "hand", "x"]
    rows, columns = np.repeat(np.arange(40), 3), np.tile(np.arange(3), 40)
    truth = (np.arange(40) % 2).astype(np.float64)
    values = np.stack([np.ones(40), np.zeros(40), truth], axis=1).ravel().astype(np.float64)
    weights = fit(Examples(rows, columns, values, truth, names), ridge=0.1)
    assert weights[2] > 1
    assert weights[0] < 0
