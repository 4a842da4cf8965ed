"""Identifiers that do not look like one are found, and ordinary codes are not taken for them."""

from __future__ import annotations

import base64
import random
import secrets
import uuid
from collections.abc import Callable
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_registry.sharing import IdentifierKind
from gateway.anonymize.disguises import disguised, disguised_in, split_over_cells
from gateway.anonymize.leakscan import check_character, identifiers, scan
from tests.unit.anonymize.test_leakscan import ID

SPELT = "〇一二三四五六七八九"
PHONE = "13812345678"
KNOWN = (IdentifierKind.ID_NUMBER, ID)
IDS = st.builds(
    lambda area, day, serial: _checked(f"{area}{day:%Y%m%d}{serial:03}"),
    st.integers(110000, 659999),
    st.dates(date(1950, 1, 1), date(2026, 12, 31)),
    st.integers(0, 999),
)


def _checked(body: str) -> str:
    return body + check_character(body)


def spelt(number: str) -> str:
    return "".join(SPELT[int(digit)] if digit.isdigit() else digit for digit in number)


DISGUISES: dict[str, Callable[[str], str]] = {
    "line breaks": lambda value: f"{value[:6]}\r\n{value[6:14]}\n{value[14:]}",
    "full stops": ".".join,
    "commas": "，".join,
    "underscores": lambda value: f"{value[:3]}__{value[3:]}",
    "bars": lambda value: f"{value[:6]} | {value[6:]}",
    "full width, parted": lambda value: "・".join(value.translate(str.maketrans("0123456789", "０１２３４５６７８９"))),
    "backwards": lambda value: value[::-1],
    "hexadecimal": lambda value: value.encode().hex(),
    "HEXADECIMAL": lambda value: value.encode().hex().upper(),
    "Base64": lambda value: base64.b64encode(value.encode()).decode(),
    "Base64 for addresses": lambda value: base64.urlsafe_b64encode(value.encode()).decode().rstrip("="),
    "percent": lambda value: "".join(f"%{byte:02X}" for byte in value.encode()),
    "references": lambda value: "".join(f"&#{ord(one)};" for one in value),
    "hexadecimal references": lambda value: "".join(f"&#x{ord(one):x};" for one in value),
    "numerals": spelt,
}


@pytest.mark.parametrize("name", list(DISGUISES))
def test_an_identity_number_is_found_behind(name: str) -> None:
    hidden = DISGUISES[name](ID)
    assert KNOWN not in identifiers(hidden)
    assert KNOWN in disguised(hidden)
    assert KNOWN in disguised_in(pl.Series(["1班", hidden, None]))
    assert KNOWN in disguised_in(pl.Series([f"号码：{hidden}。"]))


@given(number=IDS, name=st.sampled_from(sorted(DISGUISES)))
def test_every_identity_number_is_found_behind_every_disguise(number: str, name: str) -> None:
    hidden = DISGUISES[name](number)
    found = {*identifiers(hidden), *disguised_in(pl.Series([hidden]))}
    assert (IdentifierKind.ID_NUMBER, number) in found


@pytest.mark.parametrize(
    "hidden", ["138.1234.5678", "138/1234/5678", spelt(PHONE), PHONE.encode().hex(), "138\n12345678"]
)
def test_a_phone_is_found_behind(hidden: str) -> None:
    assert (IdentifierKind.PHONE, PHONE) in disguised_in(pl.Series([hidden]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23 10:00:00",
        "2026-11-23T10:00:00.123456Z",
        "2023-2024 2024-2025",
        "0.12345678901234",
        "-113.2718281828459",
        "1.3812345678e10",
        "192.168.100.200",
        "三年二班",
        "2114000001",
        "山西省太原市小店区***",
        "1401**************",
        "a" * 200,
        "%E4%B8%AD%E6%96%87",
        "&amp;&lt;",
        "MTIz",
        "=?",
        "313",
        "Zg==",
    ],
)
def test_ordinary_values_are_no_disguise(text: str) -> None:
    assert disguised(text) == []
    assert disguised_in(pl.Series([text])) == []


@settings(deadline=None)
@given(st.lists(st.text(max_size=60), max_size=8))
def test_the_look_at_a_column_finds_nothing_else_than_the_look_at_each_value(cells: list[str]) -> None:
    assert set(disguised_in(pl.Series(cells, dtype=pl.String))) <= {hit for cell in cells for hit in disguised(cell)}


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"a": [ID[:6]], "b": [ID[6:14]], "c": [ID[14:]]}),
        pl.DataFrame(
            {"a": [int(ID[:6])], "b": [date.fromisoformat(f"{ID[6:10]}-{ID[10:12]}-{ID[12:14]}")], "c": [ID[14:]]}
        ),
        pl.DataFrame({"x": ["z"], "a": [ID[:9]], "b": [ID[9:]], "y": [None]}),
        pl.DataFrame({"a": [ID[:6]], "b": [ID[6:10]], "c": [ID[10:14]], "d": [ID[14:]]}).cast(pl.Categorical),
    ],
)
def test_a_number_over_neighbouring_cells_is_found(frame: pl.DataFrame) -> None:
    assert split_over_cells(frame) == [KNOWN]


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical])
def test_a_number_is_found_however_it_is_divided(kind: type[pl.DataType]) -> None:
    """One way of dividing is looked for by itself, many together."""
    rows = [[ID[:first], ID[first:second], ID[second:]] for first, second in [(6, 14), (6, 14), (1, 3), (4, 16)]]
    other = [[str(n), "2" * n, "9" * (17 - n)] for n in range(1, 9)]
    for cells in (rows[:1], rows[:2], [*rows, *other], [["1", None, "x"], *rows[:1]]):
        frame = pl.DataFrame(cells, schema=dict.fromkeys("abc", pl.String), orient="row").cast(kind)
        assert split_over_cells(frame) == [KNOWN]


def test_neighbouring_codes_are_no_number() -> None:
    rng = random.Random(3)
    rows = 20_000
    frame = pl.DataFrame(
        {
            "sex": [str(rng.randint(1, 2)) for _ in range(rows)],
            "school": [f"3114{rng.randrange(10**6):06}" for _ in range(rows)],
            "division": [f"14{rng.randrange(10**4):04}" for _ in range(rows)],
            "home": [f"14{rng.randrange(10**4):04}" for _ in range(rows)],
            "grade": [str(rng.randint(11, 33)) for _ in range(rows)],
            "X": ["1X"] * rows,
        }
    )
    assert split_over_cells(frame) == []
    assert split_over_cells(frame.select("X", "home", "school")) == []


def rate(make: Callable[[], str], count: int) -> tuple[int, int]:
    """Return how many values the two looks suspect among ``count`` of those that ``make`` makes."""
    values = pl.Series("p", [make() for _ in range(count)])
    found = scan(values.to_frame())
    return sum(one.values for one in found.findings), len(disguised_in(values))


@pytest.mark.parametrize("count", [20_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_pseudonyms_raise_no_suspicion(count: int) -> None:
    """The measured rate of false suspicions: none in a million, in the forms in which pseudonyms are written."""
    assert rate(lambda: secrets.token_hex(16), count) == (0, 0)
    assert rate(lambda: secrets.token_hex(32), count) == (0, 0)
    assert rate(lambda: base64.b32encode(secrets.token_bytes(16)).decode().rstrip("="), count) == (0, 0)


@pytest.mark.soak
def test_what_other_identifiers_of_a_million_rows_are_suspected_of() -> None:
    """The rates of ``docs/release-report.md``, with room: the registry is asked about these, and knows none of them."""
    count = 1_000_000
    plain, hidden = rate(lambda: secrets.token_urlsafe(16), count)
    assert plain + hidden < 50
    plain, hidden = rate(lambda: str(uuid.uuid4()), count)
    assert plain < 3_000
    assert hidden < 200
    plain, hidden = rate(lambda: f"{secrets.randbelow(10**20):020}", count)
    assert (plain, hidden) == (0, 0)
