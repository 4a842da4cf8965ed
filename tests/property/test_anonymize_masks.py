"""Masks: total, idempotent, of one length, equal for cell and column, and nothing beyond the rule shows."""

from __future__ import annotations

import re
import unicodedata
from typing import get_args

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.anonymize.masks import MASK_SHAPES, SCALARS, ColumnMasks, MaskKind, mask_address

KINDS: tuple[MaskKind, ...] = get_args(MaskKind)
FULL_NAMES = {"140105": "山西省太原市小店区", "140100": "山西省太原市", "140000": "山西省"}
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
SHOWN_DIGITS = {"name": 0, "id_number": 4, "phone": 3, "student_number": 0}
LENGTHS = {"name": {2, 3, 4}, "id_number": {18}, "phone": {11}, "student_number": {19}}


@pytest.mark.parametrize("kind", KINDS)
@given(value=PLAIN)
def test_a_mask_is_idempotent_and_of_fixed_length(kind: MaskKind, value: str) -> None:
    masked = SCALARS[kind](value)
    assert SCALARS[kind](masked) == masked
    assert len(masked) in LENGTHS[kind]
    assert masked.endswith("**")


@pytest.mark.parametrize("kind", KINDS)
@given(value=PLAIN)
def test_a_mask_shows_no_more_than_its_rule(kind: MaskKind, value: str) -> None:
    shown = SCALARS[kind](value).replace("*", "")
    assert sum(c.isdigit() for c in shown) <= SHOWN_DIGITS[kind]
    if kind == "name":
        assert len(shown) <= 2
        assert shown == "" or shown.isalpha()
    else:
        assert re.fullmatch("[0-9]*", shown)
    bare = re.sub(r"[\s()+-]", "", unicodedata.normalize("NFKC", value))
    assert shown in bare or any(unicodedata.category(c)[0] == "C" for c in bare)


@pytest.mark.parametrize("kind", KINDS)
@given(value=PLAIN)
def test_every_mask_has_the_shape_that_the_leak_scan_asks_for(kind: MaskKind, value: str) -> None:
    assert pl.Series([SCALARS[kind](value)]).str.contains(MASK_SHAPES[kind]).all()


@pytest.mark.parametrize("kind", KINDS)
@given(values=st.lists(st.none() | PLAIN, max_size=12))
def test_a_column_is_masked_cell_by_cell(kind: MaskKind, values: list[str | None]) -> None:
    column = ColumnMasks(FULL_NAMES).mask(kind, pl.Series("c", values, dtype=pl.String))
    assert column.name == "c"
    assert column.to_list() == [None if v is None else SCALARS[kind](v) for v in values]


@given(values=st.lists(st.none() | st.sampled_from([*FULL_NAMES, *FULL_NAMES.values()]) | st.text(), max_size=12))
def test_an_address_comes_out_as_a_known_division_or_not_at_all(values: list[str | None]) -> None:
    column = ColumnMasks(FULL_NAMES).mask_address(pl.Series("a", values, dtype=pl.String)).to_list()
    allowed = {"***", *(name + "***" for name in FULL_NAMES.values())}
    assert column == [None if v is None else mask_address(v, FULL_NAMES) for v in values]
    assert {v for v in column if v is not None} <= allowed
    assert column == ColumnMasks(FULL_NAMES).mask_address(pl.Series("a", column, dtype=pl.String)).to_list()
