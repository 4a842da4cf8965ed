"""The quick way to the canonical form gives the bytes of RFC 8785, and takes nothing else for canonical."""

from __future__ import annotations

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.errors import MalformedError
from gateway.audit.leaves import canonical, decode_entry

# every plane, control characters, what JSON escapes, and characters that UTF-16 sorts otherwise than code points do
ODD = st.sampled_from('\x00\x1f\x7f"\\/\u2028\uffff\ue000𝄞😀')
TEXTS = st.text(st.characters(codec="utf-8") | ODD, max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=6))
def test_what_is_written_is_the_canonical_form_and_is_read_again(content: dict[str, object]) -> None:
    entry = {**content, "v": 1}
    body = canonical(entry)  # type: ignore[arg-type]  # JSON, whatever it holds
    assert body == rfc8785.dumps(entry)  # type: ignore[arg-type]
    assert decode_entry(body) == entry


@given(st.dictionaries(TEXTS, VALUES, max_size=4), st.sampled_from([
    {"ensure_ascii": True}, {"indent": 1}, {"separators": (", ", ": ")}, {"sort_keys": False},
]))  # fmt: skip
def test_another_form_is_taken_only_when_it_is_the_same_bytes(
    content: dict[str, object], form: dict[str, object]
) -> None:
    entry = {"v": 1, **content, "v2": [1, {"b": 1, "a": 2}]}
    options: dict[str, object] = {"ensure_ascii": False, "separators": (",", ":"), "sort_keys": True, **form}
    body = json.dumps(entry, **options).encode()  # type: ignore[arg-type]
    if body == rfc8785.dumps(entry):  # type: ignore[arg-type]
        decode_entry(body)
    else:
        with pytest.raises(MalformedError):
            decode_entry(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"v":1,"x":9007199254740993}',
        b'{"v":1,"x":-9007199254740993}',
        b'{"v":1,"x":[12345678901234567890]}',
        b'{"v":1,"x":-0}',
        b'{"v":1,"x":01}',
        b'{"v":1,"x":"\\u00e9"}',
        b'{"v":1,"x":"\\ud800"}',
        b'{"v":1,"v":1}',
        b'{"x":1,"v":1}',
        b' {"v":1}',
        b'{"v":1} ',
        b'{"v":1}\n',
        b'{"v":1}{"v":1}',
        b'{"v":1,"x":1e3}',
        b"\xef\xbb\xbf{\"v\":1}",
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_leaf_that_is_not_canonical_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_entry(body)
