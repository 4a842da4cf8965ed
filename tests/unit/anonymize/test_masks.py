"""Masks by example."""

import itertools

import polars as pl
import pytest

from core_registry.sharing import Masker
from gateway.anonymize import plain_texts
from gateway.anonymize.masks import (
    COMPOUND_SURNAMES,
    ColumnMasks,
    MaskKind,
    mask_address,
    mask_id_number,
    mask_name,
    mask_phone,
)
from gateway.errors import ParameterError

ID = "140105" + "20150302" + "0017"


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("王小明", "王**"),
        ("王明", "王**"),
        ("欧阳小明", "欧阳**"),
        ("司马光", "司马**"),
        ("欧阳", "欧**"),
        ("买买提·艾力", "买**"),
        ("欧阳·艾力", "欧**"),
        ("阿依古丽•买买提", "阿**"),
        (" 王 小 明 ", "王**"),
        ("欧\u3000阳小明", "欧阳**"),
        ("𬘡某", "𬘡**"),
        ("John Smith", "J**"),
        ("13800000000", "**"),
        ("**", "**"),
        ("", "**"),
        ("\u200b", "**"),
    ],
)
def test_a_name_keeps_its_surname(name: str, masked: str) -> None:
    assert mask_name(name) == masked


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        (ID, "1401" + "*" * 14),
        (ID[:-1] + "x", "1401" + "*" * 14),
        ("１４０１０５２０１５０３０２００１７", "1401" + "*" * 14),
        ("140105150302001", "1401" + "*" * 14),
        (ID[:-1], "*" * 18),
        (ID + "0", "*" * 18),
        ("E12345678", "*" * 18),
        ("123456789", "*" * 18),
        ("", "*" * 18),
    ],
)
def test_an_id_number_keeps_four_digits_only_if_it_is_a_resident_one(number: str, masked: str) -> None:
    assert mask_id_number(number) == masked


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("13812345678", "138********"),
        ("+86 138-1234-5678", "138********"),
        ("008613812345678", "138********"),
        ("0351-7234567", "035********"),
        ("(0351)7234567", "035********"),
        ("110", "***********"),
        (ID, "***********"),
        ("妈妈的电话", "***********"),
    ],
)
def test_a_phone_keeps_three_digits(phone: str, masked: str) -> None:
    assert mask_phone(phone) == masked


def test_street_and_house_never_pass_as_an_address() -> None:
    names = {"140105": "山西省太原市小店区"}
    assert mask_address("140105", names) == "山西省太原市小店区***"
    assert mask_address("山西省太原市小店区学府街1号", names) == "山西省太原市小店区***"
    assert mask_address("山西省太原市小店区学府街1号***", names) == "山西省太原市小店区***"
    assert mask_address("学府街1号", names) == "***"
    assert mask_address("小店区学府街1号", names) == "***"


def test_numbers_in_a_column_are_masked_as_their_text() -> None:
    masks = ColumnMasks({})
    assert masks.mask("phone", pl.Series([13812345678, None])).to_list() == ["138********", None]
    assert masks.mask("id_number", pl.Series([1.401052015030200e17])).to_list() == ["*" * 18]


def test_an_unknown_kind_of_mask_is_refused() -> None:
    with pytest.raises(ParameterError, match="no mask"):
        ColumnMasks({}).mask("passport", pl.Series(["a"]))  # type: ignore[arg-type]  # the point of the test


def test_the_column_masks_are_the_masker_of_the_registry() -> None:
    masker: Masker = ColumnMasks({})
    assert masker.mask("name", pl.Series(["王小明"])).to_list() == ["王**"]


def test_compound_surnames_have_two_characters_and_no_common_first_one() -> None:
    assert {len(name) for name in COMPOUND_SURNAMES} == {2}
    assert not {name[0] for name in COMPOUND_SURNAMES} & set("王李张刘陈杨赵黄周吴徐孙胡朱林郭梁罗郑谢")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (
            "name",
            [
                "王小明",
                None,
                "欧阳小明",
                "欧阳",
                "王·李",
                "éé王",
                "a王b",
                "ééé",
                "\u9fff某",
                "\ua000某",
                "𬘡某",
                "",
                "司马光",
            ],
        ),
        (
            "id_number",
            [ID, None, ID[:-1] + "X", ID[:-1] + "x", ID[:-1] + "y", ID[:17] + "X" * 2, "12身" + ID[:13], "E12345678"],
        ),
        (
            "phone",
            [
                "13812345678",
                None,
                "12812345678",
                "03511234567",
                "00123456789",
                "1381234567８",
                "0351-1234567",
                "x" * 11,
            ],
        ),
    ],
)
def test_a_column_of_mixed_values_is_masked_like_its_cells(kind: MaskKind, values: list[str | None]) -> None:
    masks = ColumnMasks({})
    for series in (pl.Series("q", values), pl.Series("q", values).drop_nulls().reverse(), pl.Series("q", values[:1])):
        expected = [None if value is None else masks.cell(kind, value) for value in series.to_list()]
        assert masks.mask(kind, series).to_list() == expected
        assert masks.mask(kind, series).name == "q"


def test_the_first_three_of_eleven_digits_tell_the_mask_of_a_phone_number() -> None:
    phones = [f"{start:03}00000000" for start in range(1_000)]
    assert ColumnMasks({}).mask("phone", pl.Series(phones)).to_list() == [mask_phone(phone) for phone in phones]


@pytest.mark.parametrize(
    "names", [{"140105": "山西省太原市小店区", "140100": "山西省太原市"}, {"1401": "14区", "x": "乙"}]
)
def test_a_column_of_division_codes_and_other_things_is_masked_like_its_cells(names: dict[str, str]) -> None:
    masks = ColumnMasks(names)
    values = [
        "140105",
        None,
        "999999",
        "000000",
        "E12345",
        "14区",
        "1401",
        "１４０１０５",
        "山西省太原市某街",
        "",
        "14 105",
        "x",
    ]
    column = masks.mask("address", pl.Series("a", values))
    assert column.to_list() == [None if value is None else masks.cell("address", value) for value in values]
    assert masks.mask("address", pl.Series("a", values[:1])).to_list() == [masks.cell("address", values[0] or "")]


def test_names_of_all_lengths_are_masked_like_cells_over_the_edges_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_texts, "_BLOCK", 7)
    parts = ["王", "欧", "阳", "司", "马", "a", "\0", "é", "𬘡", "·"]
    values = ["".join(made) for length in range(4) for made in itertools.product(parts, repeat=length)]
    values += ["欧阳小明", "欧阳小明明", "王小明明明明", "司马\0\0\0", "小欧阳"]
    masks = ColumnMasks({})
    assert masks.mask("name", pl.Series(values)).to_list() == [masks.cell("name", value) for value in values]
    numbers = [f"{one:011}" for one in range(13_800_000_000, 13_800_000_030)] + [
        "1380000000:",
        "1380000000/",
        "13\xff00000000",
    ]
    assert masks.mask("phone", pl.Series(numbers)).to_list() == [masks.cell("phone", value) for value in numbers]
