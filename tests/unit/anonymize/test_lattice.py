"""Keys of classes: equal exactly where the columns are, also beyond 64 bits."""

from __future__ import annotations

import numpy as np

from gateway.anonymize.lattice import combine, densify


def test_a_key_beyond_64_bits_still_tells_rows_apart() -> None:
    rng = np.random.default_rng(3)
    size = 2**31
    columns = [rng.choice(np.array([0, 1, size - 1]), 400) for _ in range(6)]
    classes, count = densify(*combine(columns, [size] * 6, 400))
    expected = {row: i for i, row in enumerate(sorted(set(zip(*(c.tolist() for c in columns), strict=True))))}
    assert count == len(expected)
    assert len(set(zip(classes.tolist(), zip(*(c.tolist() for c in columns), strict=True), strict=True))) == count
    assert int(classes.max()) == count - 1
