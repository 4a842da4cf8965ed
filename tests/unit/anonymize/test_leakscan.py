"""The leak scan: everything planted is found, nothing harmless is."""

from __future__ import annotations

import hashlib
from datetime import date

import polars as pl
import pytest

from core_registry.sharing import IdentifierKind
from gateway.anonymize.errors import TransformError
from gateway.anonymize.leakscan import BANK_CARD, expected_shapes, identifiers, scan
from gateway.anonymize.plan import Plan
from gateway.errors import ParameterError
from tests.unit.anonymize.plans import MASKED_FIELDS, PSEUDONYMOUS_FIELDS, RULEBOOK, names, profile
from tests.unit.anonymize.pupils import pupils

BODY = "14010520150302001"
ID = (
    BODY
    + "10X98765432"[
        sum(int(d) * w for d, w in zip(BODY, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
    ]
)
CARD = "6222021234567890128"
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (ID, "id_number", ID),
        (f"证件号{ID}号", "id_number", ID),
        (ID.translate(FULL_WIDTH), "id_number", ID),
        (f"{ID[:6]} {ID[6:14]} {ID[14:]}", "id_number", ID),
        (f"{ID[:6]}—{ID[6:14]}–{ID[14:]}", "id_number", ID),
        (f"{ID[:9]}\u200b{ID[9:]}", "id_number", ID),
        (BODY + ("0" if ID[-1] != "0" else "1"), "id_number", None),
        (f"学籍号G{ID}。", "student_number", f"G{ID}"),
        (f"G{ID}", "id_number", ID),
        (f"j{ID}", "student_number", f"J{ID}"),
        ("L14010520150302A1B2", "student_number", "L14010520150302A1B2"),
        ("140105850302001", "id_number", None),
        ("电话13812345678，", "phone", "13812345678"),
        ("+86 138-1234-5678", "phone", "13812345678"),
        ("008613812345678", "phone", "13812345678"),
        ("0351-7234567", "phone", "03517234567"),
        ("（0351）7234567", "phone", "03517234567"),
        ("010 62345678", "phone", "01062345678"),
        (CARD, BANK_CARD, CARD),
        ("卡号6222 0212 3456 7890 128", BANK_CARD, CARD),
        ("②13812345678", "phone", "13812345678"),
        ("𝟏𝟑𝟖𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖", "phone", "13812345678"),
    ],
)
def test_an_identifier_is_found_wherever_it_stands(text: str, kind: str, value: str | None) -> None:
    found = identifiers(text)
    in_frame = {finding.kind for finding in scan(pl.DataFrame({"c": [None, text, "无"]})).findings}
    assert kind in {k for k, _ in found}
    assert kind in in_frame
    assert value is None or (kind, value) in found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2114000001",
        "2015-03-02",
        "2026-11-23T10:00:00Z",
        "140105",
        "1401**************",
        "138********",
        "第12345678号",
        "110101209902300021",  # 30 February, and another check character
        f"a{ID}",
        f"{ID}0",
        "213812345678",
        "12345678901",
        "6222021234567890129",
        "f13812345678abcdef0123456789abcd",
        "晋教〔2026〕1号",
    ],
)
def test_what_is_no_identifier_is_not_suspected(text: str) -> None:
    assert identifiers(text) == []
    assert scan(pl.DataFrame({"c": [text]})).clean


def test_a_hundred_thousand_pseudonyms_raise_no_suspicion() -> None:
    # 128 bits in hexadecimal hold phone-like runs now and then; none stands alone.
    column = pl.Series("p", [hashlib.sha256(str(i).encode()).hexdigest()[:32] for i in range(100_000)])
    assert scan(column.to_frame()).clean
    mixed = pl.concat([column, pl.Series("p", ["x"])])
    assert column.str.contains("1[3-9][0-9]{9}").any()
    assert scan(mixed.to_frame()).clean


def test_numbers_in_number_columns_are_looked_at() -> None:
    frame = pl.DataFrame({"i": [13812345678, 5], "f": [13812345678.0, float("nan")], "small": [1, 2]})
    found = scan(frame)
    assert [(f.column, f.kind) for f in found.findings] == [("i", "phone"), ("f", "phone")]
    assert found.by_kind == {IdentifierKind.PHONE: ("13812345678",)}


def test_dates_and_flags_are_passed_over_and_unknown_types_stop_the_scan() -> None:
    assert scan(pl.DataFrame({"d": [date(2015, 3, 2)], "b": [True], "n": [None]})).clean
    for odd in (pl.Series("c", [["13812345678"]]), pl.Series("c", [{"a": "13812345678"}]), pl.Series("c", [b"1"])):
        with pytest.raises(TransformError, match="cannot look"):
            scan(odd.to_frame())
    assert not scan(pl.DataFrame({"c": pl.Series(["13812345678"], dtype=pl.Categorical)})).clean


def test_whole_names_are_suspected_and_masked_ones_are_not() -> None:
    found = scan(pl.DataFrame({"n": ["王小明", "欧阳小明", "买买提·艾力", "王**", "汉族", "active", "太原市第一小学"]}))
    assert found.by_kind == {IdentifierKind.NAME: ("买买提·艾力", "欧阳小明", "王小明")}


def test_values_never_show_in_the_repr() -> None:
    found = scan(pl.DataFrame({"n": ["王小明", ID]}))
    assert len(found.findings) == 2
    assert "王小明" not in repr(found)
    assert ID not in repr(found)


def test_a_column_that_should_be_masked_is_checked_cell_by_cell() -> None:
    rows = pupils(20)
    shapes = {"name_masked": "name", "id_number_masked": "id_number", "subject_ref": "pseudonym"}
    assert scan(rows, shapes).clean
    for column, bad in [
        ("name_masked", "王小明"),
        ("id_number_masked", "14010*************"),
        ("subject_ref", "AB" * 16),
    ]:
        spoiled = rows.with_columns(
            pl.when(pl.int_range(pl.len()) == 7).then(pl.lit(bad)).otherwise(column).alias(column)
        )
        assert scan(spoiled, shapes).unmasked == {column: 1}
        assert not scan(spoiled, shapes).clean


def test_the_plan_says_what_each_column_must_look_like() -> None:
    masked = Plan.of(profile("masked", MASKED_FIELDS), names(MASKED_FIELDS), RULEBOOK)
    pseudonymous = Plan.of(profile("pseudonymous", PSEUDONYMOUS_FIELDS), names(PSEUDONYMOUS_FIELDS), RULEBOOK)
    assert expected_shapes(masked) == {"name": "name", "id": "id_number", "phone": "phone", "address": "address"}
    assert expected_shapes(pseudonymous) == {"pseudonym": "pseudonym"}


def test_a_check_of_nothing_is_refused() -> None:
    frame = pl.DataFrame({"c": ["x"]})
    with pytest.raises(ParameterError, match="no column"):
        scan(frame, {"name": "name"})
    with pytest.raises(ParameterError, match="no mask"):
        scan(frame, {"c": "passport"})


def test_one_identifier_among_many_rows_is_found() -> None:
    rows = [f"{i:06}-abc" for i in range(30_000)]
    rows[29_999] = f"见{ID}"
    assert scan(pl.DataFrame({"c": rows})).by_kind == {IdentifierKind.ID_NUMBER: (ID,)}
    few = ["甲"] * 30_000
    few[17] = "G" + ID
    assert scan(pl.DataFrame({"c": few})).by_kind[IdentifierKind.STUDENT_NUMBER] == (f"G{ID}",)
