"""Which suspicions stop a file."""

from __future__ import annotations

import polars as pl
import pytest

from gateway.anonymize.tables.errors import LeakError
from gateway.anonymize.tables.leaks import judge
from tests.unit.anonymize_tables.tables import id_number

PHONES = pl.Series("c", [f"138{number:08}" for number in range(12345678, 12345698)])
NAMES = pl.Series("c", [f"王小{chr(0x4E00 + 7 * number)}" for number in range(40)])


def stopped(values: pl.Series | list[str], allowed: tuple[str, ...] = ()) -> tuple[str, ...]:
    try:
        judge(pl.DataFrame({"c": values}), {}, allowed)
    except LeakError as error:
        return error.missing if error.detail_zh else ()
    return ()


def test_one_proven_identity_number_in_a_text_stops_and_nobody_can_allow_it() -> None:
    text = ["nothing"] * 99 + [f"see {id_number('2012-03-04', 12)}."]
    assert stopped(text) == ("c",)
    assert stopped(text, allowed=("c",)) == ("c",)
    assert stopped([*text[:-1], f"G{id_number('2012-03-04', 12)}"], allowed=("c",)) == ("c",)
    assert stopped([*text[:-1], "１４０１０５２０１２０３０４０１２" + id_number("2012-03-04", 12)[-1]]) == ("c",)


def test_a_number_with_a_wrong_check_character_is_told_and_does_not_stop() -> None:
    number = id_number("2012-03-04", 12)
    wrong = number[:-1] + ("1" if number[-1] != "1" else "2")
    frame = pl.DataFrame({"c": ["nothing", "else", wrong]})
    (found,) = judge(frame, {}, ())
    assert (found.column, found.kind, found.values, found.stops) == ("c", "id_number", 1, False)


def test_a_column_of_phones_or_names_stops_until_it_is_allowed() -> None:
    for values in (PHONES, NAMES):
        assert stopped(values) == ("c",)
        assert stopped(values, allowed=("c",)) == ()
    few = pl.Series("c", ["text"] * 30 + ["13812345678"])
    assert stopped(few) == ()
    counties = pl.Series("c", ["安泽县", "方山县", "石楼县", "古县"] * 20)
    assert stopped(counties) == ()


def test_a_mask_that_is_none_stops() -> None:
    frame = pl.DataFrame({"c": ["王**", "王小明"]})
    with pytest.raises(LeakError, match="1 × unmasked"):
        judge(frame, {"c": "name"}, ("c",))


def test_an_error_shows_no_value() -> None:
    number = id_number("2012-03-04", 12)
    with pytest.raises(LeakError) as caught:
        judge(pl.DataFrame({"c": [number]}), {}, ())
    assert number not in caught.value.detail + caught.value.detail_zh
