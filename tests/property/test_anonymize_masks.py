"""Masks: total, idempotent, of one length, equal for cell and column, and nothing beyond the rule shows."""

from __future__ import annotations

import re
import unicodedata
from typing import get_args

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.anonymize.leakscan import scan
from gateway.anonymize.masks import COMPOUND_SURNAMES, MASK_SHAPES, ColumnMasks, MaskKind, Span, mask_address
from tests.unit.anonymize.interpreter import COMPOUND, mask

KINDS: tuple[MaskKind, ...] = get_args(MaskKind)
FULL_NAMES = {"140105": "山西省太原市小店区", "140100": "山西省太原市", "140000": "山西省"}
MASKS = ColumnMasks(FULL_NAMES)
DIGITS = "0123456789０１２３４５６７８９"
PLAIN = st.one_of(
    st.text(),
    st.text("欧阳司马王李小明·•**０1 \u3000\u200b龘𬘡A.é"),
    st.text(DIGITS + "Xx*-+ ()", max_size=24),
    st.from_regex(r"[1-9][0-9]{16}[0-9Xx]", fullmatch=True),
    st.from_regex(r"[GJL][0-9]{17}[0-9X]", fullmatch=True),
    st.from_regex(r"(\+86|0086)?1[3-9][0-9]{9}", fullmatch=True),
    st.from_regex(r"0[1-9][0-9]{1,2}-?[0-9]{7,8}", fullmatch=True),
)
SHOWN_DIGITS = {"id_number": 4, "phone": 3}
LENGTHS = {
    "name": {2, 3, 4},
    "id_number": {18},
    "phone": {11},
    "student_number": {19},
    "address": {3, *(len(name) + 3 for name in FULL_NAMES.values())},
    "email": {7},
    "bank_card": {16},
    "date": {10},
    "text": {7},
}
CONSTANT = {"student_number": "*" * 19, "email": "***@***", "bank_card": "*" * 16, "date": "****-**-**"}


@pytest.mark.rule("A50-8")
@pytest.mark.parametrize("kind", KINDS)
@given(value=PLAIN)
def test_a_mask_is_idempotent_and_its_length_tells_nothing(kind: MaskKind, value: str) -> None:
    masked = MASKS.cell(kind, value)
    assert MASKS.cell(kind, masked) == masked
    assert len(masked) in LENGTHS[kind]


@pytest.mark.rule("A50-8")
@pytest.mark.parametrize("kind", KINDS)
@given(value=PLAIN)
def test_a_mask_shows_no_more_than_its_rule(kind: MaskKind, value: str) -> None:
    masked = MASKS.cell(kind, value)
    shown = masked.rstrip("*")
    bare = re.sub(r"[\s()+-]", "", unicodedata.normalize("NFKC", value))
    odd = any(unicodedata.category(c)[0] == "C" for c in bare)
    if kind in CONSTANT:
        assert masked == CONSTANT[kind]
    elif kind == "text":
        assert masked == "〔文本未提供〕"
    elif kind == "address":
        assert shown == "" or shown in FULL_NAMES.values()
    elif kind == "name":
        assert len(shown) <= 1 or shown in COMPOUND or len(shown) == 2 == len(re.findall(r"[一-鿿]", shown))
        assert shown == "" or shown.isalpha()
        assert shown in bare or odd
    else:
        assert re.fullmatch(f"[0-9]{{0,{SHOWN_DIGITS[kind]}}}", shown)
        assert shown in bare or odd


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)  # the first value of a kind makes its table
@given(value=PLAIN)
def test_every_mask_has_the_shape_that_the_leak_scan_asks_for(kind: MaskKind, value: str) -> None:
    assert pl.Series([MASKS.cell(kind, value)]).str.contains(MASK_SHAPES[kind]).all()


@pytest.mark.rule("A50-8")
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)  # the first value of a kind makes its table
@given(values=st.lists(PLAIN, min_size=1, max_size=8))
def test_what_is_masked_passes_the_leak_scan(kind: MaskKind, values: list[str]) -> None:
    masked = pl.DataFrame({"c": MASKS.mask(kind, pl.Series(values, dtype=pl.String))})
    assert scan(masked).clean
    assert scan(masked, {"c": kind}).clean


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)  # the first value of a kind makes its table
@given(values=st.lists(st.none() | PLAIN, max_size=12))
def test_a_column_is_masked_cell_by_cell(kind: MaskKind, values: list[str | None]) -> None:
    column = MASKS.mask(kind, pl.Series("c", values, dtype=pl.String))
    assert column.name == "c"
    assert column.to_list() == [None if v is None else MASKS.cell(kind, v) for v in values]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)  # the first value of a kind makes its table
@given(before=st.text(max_size=5), value=PLAIN.filter(bool), after=st.text(max_size=5))
def test_a_value_in_a_text_is_masked_like_a_cell(kind: MaskKind, before: str, value: str, after: str) -> None:
    span = Span(len(before), len(before) + len(value), kind)
    assert MASKS.text(before + value + after, [span]) == before + MASKS.cell(kind, value) + after
    assert MASKS.text(before + value + after, [span, span]) == before + MASKS.cell(kind, value) + after


@given(text=st.text(min_size=1, max_size=30), data=st.data())
def test_overlapping_spans_of_a_text_show_no_more_than_the_rest_of_it(text: str, data: st.DataObject) -> None:
    place = st.integers(0, len(text) - 1).flatmap(
        lambda start: st.tuples(st.just(start), st.integers(start + 1, len(text)))
    )
    spans = [
        Span(a, b, kind) for (a, b), kind in data.draw(st.lists(st.tuples(place, st.sampled_from(KINDS)), max_size=5))
    ]
    hidden = {index for span in spans for index in range(span.start, span.end)}
    masked = MASKS.text(text, spans)
    rest = "".join(c for index, c in enumerate(text) if index not in hidden)
    kept = iter(masked)
    assert all(c in kept for c in rest)  # what no span covers stands in the result, in order
    assert len(masked) <= len(rest) + sum(max(LENGTHS[span.kind]) for span in spans) + 7 * len(spans)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(value=st.text("王李小明John ·0123456789Xx*-+()　１２３４５６７８９０", max_size=20) | PLAIN)
def test_the_oracle_masks_alike(kind: MaskKind, value: str) -> None:
    start = "".join(unicodedata.normalize("NFKC", value).split())[:2]
    assume(kind != "name" or start not in COMPOUND_SURNAMES or start in COMPOUND)  # the oracle knows a few of them
    assert MASKS.cell(kind, value) == mask(kind, value, FULL_NAMES)


ADDRESSES = st.sampled_from([*FULL_NAMES, *FULL_NAMES.values(), *(f"{name}学府街1号" for name in FULL_NAMES.values())])


@given(values=st.lists(st.none() | ADDRESSES | st.text(), max_size=12))
def test_an_address_comes_out_as_a_known_division_or_not_at_all(values: list[str | None]) -> None:
    column = ColumnMasks(FULL_NAMES).mask_address(pl.Series("a", values, dtype=pl.String)).to_list()
    allowed = {"***", *(name + "***" for name in FULL_NAMES.values())}
    assert column == [None if v is None else mask_address(v, FULL_NAMES) for v in values]
    assert {v for v in column if v is not None} <= allowed
    assert column == ColumnMasks(FULL_NAMES).mask_address(pl.Series("a", column, dtype=pl.String)).to_list()
