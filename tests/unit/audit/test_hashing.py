"""Many hashes at once are those of hashlib, whatever the size of the list."""

from __future__ import annotations

import hashlib
import hmac
import random

import numpy as np
import pytest

from gateway.audit.hashing import hmac_rows, leaf_rows, root_over, sha256_rows
from gateway.audit.merkle import leaf_hash, root_of
from gateway.audit.rolls import PackedTags, tags_root
from gateway.audit.tag_forms import TAG_BYTES

DICE = random.Random(46)
KEY = DICE.randbytes(32)


@pytest.mark.parametrize("width", [1, 16, 17, 55, 56, 64, 96, 200])
@pytest.mark.parametrize("count", [1, 2, 257])
def test_rows_have_the_hashes_of_hashlib(count: int, width: int) -> None:
    rows = np.frombuffer(DICE.randbytes(count * width), dtype=np.uint8).reshape(count, width)
    texts = [row.tobytes() for row in rows]
    assert [row.tobytes() for row in sha256_rows(rows)] == [hashlib.sha256(text).digest() for text in texts]
    assert [row.tobytes() for row in hmac_rows(KEY, rows)] == [hmac.digest(KEY, text, "sha256") for text in texts]
    assert [row.tobytes() for row in leaf_rows(rows)] == [leaf_hash(text) for text in texts]


@pytest.mark.parametrize("level", [0, 1, 8, 10])
def test_the_root_over_a_power_of_two(level: int) -> None:
    rows = np.frombuffer(DICE.randbytes(32 << level), dtype=np.uint8).reshape(-1, 32)
    assert root_over(leaf_rows(rows)) == root_of(leaf_hash(row.tobytes()) for row in rows)


@pytest.mark.parametrize("count", [0, 1, 32_767, 32_768, 32_769, 70_000])
def test_the_root_of_a_list_of_any_length(count: int) -> None:
    tags = [DICE.randbytes(TAG_BYTES) for _ in range(count)]
    assert tags_root(PackedTags(b"".join(tags))) == root_of(leaf_hash(tag) for tag in tags)
