"""Columns that give away others are found; columns that merely go along are not."""

from __future__ import annotations

import hashlib
import random

import polars as pl
import pytest

from gateway.anonymize.tables.dependencies import Dependency, Shown, after_search, before_search, refuse
from gateway.anonymize.tables.errors import DependencyError
from tests.unit.anonymize_tables.tables import pupils

DRAW = random.Random(5)
ROWS = 400
AGE = pl.Series([str(DRAW.randint(10, 40)) for _ in range(ROWS)])
SEX = pl.Series([DRAW.choice("MF") for _ in range(ROWS)])
NAME = pl.Series([f"n{DRAW.randint(0, 150)}" for _ in range(ROWS)])


def shown(
    ordinary: dict[str, pl.Series] | None = None,
    sensitive: dict[str, pl.Series] | None = None,
    direct: dict[str, pl.Series] | None = None,
    quasi: dict[str, pl.Series] | None = None,
) -> Shown:
    return Shown(ordinary or {}, sensitive or {}, direct or {}, quasi or {})


def hashed(values: pl.Series) -> pl.Series:
    return pl.Series([hashlib.sha256(text.encode()).hexdigest()[:12] for text in values])


def hidden(told: Shown) -> list[Dependency]:
    """Return what is found when no quasi-identifier tells anything any more."""
    stars = pl.DataFrame({name: ["*"] * len(values) for name, values in told.quasi.items()})
    return [*before_search(told), *after_search(told, stars, pl.Series([True] * stars.height))]


def pairs(found: list[Dependency]) -> set[tuple[str, str, str]]:
    return {(one.column, one.kind, one.of) for one in found}


def test_copies_and_codes_of_an_identifier_are_found() -> None:
    found = hidden(
        shown(
            ordinary={"copy": AGE, "code": hashed(AGE), "who": hashed(NAME)}, direct={"name": NAME}, quasi={"age": AGE}
        )
    )
    assert {("copy", "copy", "age"), ("code", "copy", "age"), ("who", "copy", "name")} <= pairs(found)


def test_a_copy_with_a_few_errors_is_still_a_copy() -> None:
    errors = AGE.to_list()
    errors[7], errors[99] = "17", "23"
    assert ("nearly", "copy", "age") in pairs(hidden(shown({"nearly": pl.Series(errors)}, quasi={"age": AGE})))


def test_a_finer_column_determines_a_coarser_identifier() -> None:
    finer = AGE + "." + pl.Series([str(DRAW.randint(0, 3)) for _ in range(ROWS)])
    assert pairs(hidden(shown({"fine": finer}, quasi={"age": AGE}))) >= {("fine", "determines", "age")}


def test_a_unique_column_is_found_and_a_repeated_one_is_not() -> None:
    unique = pl.Series([f"x{DRAW.random()}" for _ in range(ROWS)])
    assert pairs(before_search(shown({"u": unique, "age": AGE}))) == {("u", "unique", "")}
    assert not before_search(shown({"u": unique.head(10)}))


def test_parts_of_an_identity_number_are_found() -> None:
    table = pupils()
    found = before_search(
        shown(
            ordinary={
                "born": table["born"],
                "month": table["born"].str.slice(0, 7),
                "order": table["id_number"].str.slice(14, 3),
                "school_number": table["student_number"],
                "county": table["county"],
                "sex": table["sex"],
            },
            direct={"id_number": table["id_number"]},
        )
    )
    assert pairs(found) >= {
        ("born", "contained_in", "id_number"),
        ("month", "contained_in", "id_number"),
        ("order", "contained_in", "id_number"),
        ("school_number", "contains", "id_number"),
    }
    assert not {one.column for one in found} & {"county", "sex"}


def test_a_date_is_found_inside_a_number_however_it_is_written() -> None:
    table = pupils(60)
    for form in ("%Y-%m-%d", "%Y/%-m/%-d", "%Y年%-m月%-d日", "%Y%m%d", "%Y.%m.%d", "%Y-%m-%d 00:00:00"):
        born = table["born"].str.to_date().dt.strftime(form)
        found = before_search(shown({"born": born}, direct={"id_number": table["id_number"]}))
        assert pairs(found) == {("born", "contained_in", "id_number")}, form


def test_a_birth_date_inside_a_passed_on_number_is_found() -> None:
    table = pupils()
    found = hidden(shown({"card": table["born"].str.replace_all("-", "") + "0"}, quasi={"born": table["born"]}))
    assert {(one.column, one.of) for one in found} >= {("card", "born")}


def test_independent_columns_are_no_dependency() -> None:
    for seed in range(40):
        draw = random.Random(seed)
        rows = draw.choice([8, 30, 200])
        table = {
            name: pl.Series([draw.choice(letters) for _ in range(rows)])
            for name, letters in {"a": "ab", "b": "abcdefgh", "c": "x" * 50 + "y", "d": "x"}.items()
        }
        quasi = {"q": pl.Series([draw.choice("pqrst") for _ in range(rows)]), "e": pl.Series(["e"] * rows)}
        found = hidden(shown(table, {"s": table["b"]}, {"n": hashed(quasi["q"] + table["b"])}, quasi))
        assert not [one for one in found if one.of in quasi], seed


def test_a_sensitive_column_is_held_against_copies_alone() -> None:
    finer = AGE + pl.Series([DRAW.choice("xyz") for _ in range(ROWS)])
    assert not hidden(shown(sensitive={"s": finer}, quasi={"age": AGE}))
    assert pairs(hidden(shown(sensitive={"s": hashed(AGE)}, quasi={"age": AGE}))) == {("s", "copy", "age")}


def test_what_the_released_label_tells_gives_nothing_away() -> None:
    tens = AGE.str.slice(0, 1)
    told = shown({"tens": tens, "sex": SEX}, quasi={"age": AGE})
    everybody = pl.Series([True] * ROWS)
    for label, harmless in ((AGE, True), (tens + "0s", True), (pl.Series(["*"] * ROWS), False)):
        (found,) = after_search(told, pl.DataFrame({"age": label}), everybody)
        assert (found.column, found.kind, found.of, found.harmless) == ("tens", "determined_by", "age", harmless)


def test_a_copy_of_what_leaves_as_it_is_gives_nothing_away() -> None:
    told = shown({"copy": hashed(AGE)}, quasi={"age": AGE})
    everybody = pl.Series([True] * ROWS)
    for label, harmless in ((AGE, True), (AGE.str.slice(0, 1), False)):
        (found,) = after_search(told, pl.DataFrame({"age": label}), everybody)
        assert (found.kind, found.harmless) == ("copy", harmless)
        assert refuse([found], {"copy"})[0].allowed
        assert harmless is not _refused(found)


def _refused(found: Dependency) -> bool:
    try:
        refuse([found], ())
    except DependencyError:
        return True
    return False


def test_refusal_names_the_columns_and_the_way_out_and_allowance_is_marked() -> None:
    found = [Dependency("a", "copy", "age"), Dependency("b c", "unique", "")]
    with pytest.raises(DependencyError) as caught:
        refuse(found, {"a"})
    assert caught.value.missing == ("b c",)
    assert "--allow 'b c'" in caught.value.detail
    assert "'direct'" in caught.value.detail
    assert caught.value.detail_zh
    assert all(one.allowed for one in refuse(found, {"a", "b c"}))
