"""The fast sieve over columns never misses what the exact look at one cell finds."""

from __future__ import annotations

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.anonymize.leakscan import BANK_CARD, identifiers, scan
from gateway.anonymize.masks import SCALARS

PIECE = st.one_of(
    st.text("0123456789０１Xx -()（）+GJL号—\u200b", max_size=24),
    st.from_regex(r"[1-9][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])[0-9]{3}[0-9Xx]", fullmatch=True),
    st.from_regex(r"[GJLgjl][1-9][0-9]{5}2015(0[1-9]|1[0-2])1[0-9][0-9]{3}[0-9X]", fullmatch=True),
    st.from_regex(r"(\+86|0086|86)?[ -]?1[3-9][0-9]-?[0-9]{4}-?[0-9]{4}", fullmatch=True),
    st.from_regex(r"0[1-9][0-9]{1,2}-?[2-9][0-9]{6,7}", fullmatch=True),
    st.from_regex(r"[3-6][0-9]{15,18}", fullmatch=True),
    st.text(max_size=6),
)


@settings(max_examples=300, deadline=None)
@given(cells=st.lists(st.lists(PIECE, max_size=4).map("".join), max_size=6))
@example(cells=["㉑13812345678", "1380000000\u00b2"])
def test_the_scan_of_a_column_finds_what_each_cell_holds(cells: list[str]) -> None:
    expected = {hit for cell in cells for hit in identifiers(cell)}
    found = scan(pl.DataFrame({"c": pl.Series(cells, dtype=pl.String)}))
    kinds = {(str(kind), value) for kind, values in found.by_kind.items() for value in values if kind != "name"}
    assert kinds == {(str(kind), value) for kind, value in expected if kind != BANK_CARD}
    assert sum(f.values for f in found.findings if f.kind == BANK_CARD) == sum(k == BANK_CARD for k, _ in expected)


@settings(max_examples=200, deadline=None)
@given(value=PIECE)
def test_what_a_mask_leaves_is_never_an_identifier(value: str) -> None:
    for mask in SCALARS.values():
        assert identifiers(mask(value)) == []
