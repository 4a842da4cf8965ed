"""Parts of the ledger: sealed rows, tags, chains of levels, digests, and what groups of recipients are."""

from __future__ import annotations

import hmac
import secrets
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.anonymize.ladders import Ladder
from gateway.anonymize.pseudonyms import framed
from gateway.errors import ParameterError
from gateway.ids import ExtractId, GrantId, RecipientId
from gateway.policies.records import Level
from gateway.releases.ledger.chain import above, coarsest, comparable, frozen, last_day, school_year
from gateway.releases.ledger.errors import LedgerDamagedError
from gateway.releases.ledger.recorder import class_numbers, content_numbers, demanded_values, value_numbers
from gateway.releases.ledger.records import GroupId, LedgerRelease, RowTable
from gateway.releases.ledger.shelf import RowShelf, Shelved
from gateway.releases.ledger.tags import LedgerKeys
from rulebook.records import ModelDemand

KEYS = LedgerKeys(bytes(range(32)))
GROUP = GroupId("91140000MA0TEHB001")


def table(rows: int, **sensitive: int) -> RowTable:
    chance = np.random.default_rng(rows)

    def some() -> np.ndarray:
        return chance.integers(1, 2**63, rows, dtype=np.uint64)

    return RowTable(np.sort(some()), some(), some(), some(), {name: some() for name in sensitive})


def release(shelved: Shelved, rows: int, extract: str = "ex-1", **changes: object) -> LedgerRelease:
    at = datetime(2026, 11, 30, tzinfo=UTC)
    values: dict[str, object] = {
        "extract": ExtractId(extract), "group": GROUP, "recipient": RecipientId(GROUP), "grant": GrantId("gr-1"),
        "application": "ap-1", "purpose": "p", "profile": "x", "level": Level.ANONYMOUS, "school_year": 2026,
        "chain": "c", "levels": {}, "k": 5, "demands": {}, "rows": rows, "withheld": 0, "sha256": shelved.sha256,
        "size": shelved.size, "digest": "", "snapshot": "1", "created_at": at, "keep_until": date(2033, 8, 31),
        "wrapped_key": shelved.wrapped_key, **changes,
    }  # fmt: skip
    return LedgerRelease(**values)  # type: ignore[arg-type]  # named above


@pytest.mark.parametrize("rows", [0, 1, 1000, 150_000])
def test_sealed_rows_read_back_whole_or_in_part(tmp_path: Path, rows: int) -> None:
    shelf, made = RowShelf(tmp_path, KEYS.of_files()), table(rows, disability=1, left_behind=1)
    line = release(shelf.write(ExtractId("ex-1"), made), rows)
    found = shelf.read(line)
    for name in ("high", "low", "classes", "content"):
        assert np.array_equal(getattr(found, name), getattr(made, name))
    assert set(found.sensitive) == {"disability", "left_behind"}
    part = shelf.read(line, ["left_behind"])
    assert np.array_equal(part.sensitive["left_behind"], made.sensitive["left_behind"])
    assert (set(part.sensitive), part.content.size) == ({"left_behind"}, 0)


def test_rows_of_another_release_or_another_key_do_not_open(tmp_path: Path) -> None:
    shelf = RowShelf(tmp_path, KEYS.of_files())
    first, second = shelf.write(ExtractId("ex-1"), table(10)), shelf.write(ExtractId("ex-2"), table(10))
    whole = release(first, 10)
    assert shelf.read(whole).rows == 10
    for wrong in (
        release(second, 10),
        release(first, 10, "ex-2"),
        release(first, 11),
        release(first, 10, size=first.size - 8),
        release(first, 10, wrapped_key=b""),
    ):
        with pytest.raises(LedgerDamagedError):
            shelf.read(wrong)
    with pytest.raises(LedgerDamagedError):
        RowShelf(tmp_path, secrets.token_bytes(32)).read(whole)
    # the file of one put in the place of the other
    there = shelf.path(ExtractId("ex-2"), second.wrapped_key)
    shelf.path(whole.extract, first.wrapped_key).write_bytes(there.read_bytes())
    with pytest.raises(LedgerDamagedError):
        shelf.read(whole)


def test_a_tag_is_of_one_pupil_in_one_group_and_no_pseudonym() -> None:
    refs = pl.Series("subject_ref", [f"{one:032x}" for one in range(50)])
    high, low = KEYS.tags(GROUP, refs)
    again = KEYS.tags(GROUP, refs.reverse())
    assert np.array_equal(high, again[0][::-1])
    assert np.array_equal(low, again[1][::-1])
    assert len(set(high.tolist())) == len(set(low.tolist())) == 50
    other, _ = KEYS.tags(GroupId("group:x"), refs)
    assert not set(other.tolist()) & set(high.tolist())
    # HMAC-SHA256 of the reference, cut to 128 bits, by the standard library
    info = framed([b"xueji-gateway ledger row tags v1", GROUP.encode()])
    key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(bytes(range(32))).hex()
    expected = hmac.new(key.encode(), refs[0].encode(), sha256).hexdigest()
    assert f"{high[0]:016x}{low[0]:016x}" == expected[:32]
    assert KEYS.of_files() != bytes(range(32))
    assert "root" not in repr(KEYS)
    with pytest.raises(ParameterError):
        KEYS.tags(GROUP, pl.Series("subject_ref", ["x", None]))
    with pytest.raises(ParameterError):
        LedgerKeys(b"short")


@pytest.mark.parametrize(
    ("day", "year"), [("2026-08-31", 2025), ("2026-09-01", 2026), ("2027-01-01", 2026), ("2024-02-29", 2023)]
)
def test_a_school_year_begins_in_september(day: str, year: int) -> None:
    assert school_year(date.fromisoformat(day)) == year
    assert school_year(last_day(year)) == year
    assert school_year(date.fromordinal(last_day(year).toordinal() + 1)) == year + 1


def test_a_chain_is_in_order_from_the_finest_up() -> None:
    shelved = Shelved(0, "", b"")
    lines = [
        release(shelved, 0, levels={"a": 2, "b": 1}),
        release(shelved, 0, levels={"a": 1, "b": 1}),
        release(shelved, 0, levels={"a": 2, "b": 1}),
        release(shelved, 0, levels={"a": 0, "b": 0}, chain="other"),
        release(shelved, 0, levels={}),
    ]
    chain = frozen(lines, "c", ["a", "b"])
    assert chain == ({"a": 1, "b": 1}, {"a": 2, "b": 1})
    assert coarsest(chain) == {"a": 2, "b": 1}
    assert frozen([], "c", ["a", "b"]) == ()
    assert comparable({"a": 1, "b": 1}, {"a": 2, "b": 1})
    assert not comparable({"a": 1, "b": 2}, {"a": 2, "b": 1})


def test_a_ladder_above_a_floor_keeps_labels_and_shares() -> None:
    ladder = Ladder.of("l", ("0", "1", "2"), {"a": ("x", "*"), "b": ("x", "*"), "c": ("y", "*")})
    cut = above({"q": ladder, "r": ladder}, {"q": 1})
    assert cut["r"] is ladder
    assert cut["q"].height == 2
    values = pl.Series("q", ["c", "a"])
    assert cut["q"].generalize(values, 0).to_list() == ladder.generalize(values, 1).to_list() == ["y", "x"]
    assert cut["q"].rungs[0].shares.tolist() == ladder.rungs[1].shares.tolist()


def test_digests_tell_rows_apart_and_nothing_else() -> None:
    frame = pl.DataFrame({"a": ["1", "11", None, "1"], "b": ["12", "2", "-", "12"], "p": ["x", "y", "z", "w"]})
    found = content_numbers(frame, ["a", "b"]).tolist()
    assert found[0] == found[3]
    assert len(set(found)) == 3
    assert found[0] == 1223198508888070878  # of "1:12:12": it must stay, the ledger holds it for years
    values = value_numbers(pl.Series("v", [True, None, False, True])).tolist()
    assert values[0] == values[3]
    assert len(set(values)) == 3
    assert 0 not in values
    numbers, leaves = class_numbers(pl.Series("class", [-5, None, 0, 7], dtype=pl.Int64))
    assert leaves.tolist() == [True, False, True, True]
    assert numbers.tolist() == [2**64 - 5, 0, 1, 7]


@pytest.mark.parametrize(
    ("demand", "least"),
    [
        (ModelDemand("s"), 1),
        (ModelDemand("s", distinct_l=3), 3),
        (ModelDemand("s", entropy_l=2.0), 2),
        (ModelDemand("s", entropy_l=2.1), 3),
        (ModelDemand("s", recursive=(2.0, 4)), 4),
        (ModelDemand("s", alpha=0.5), 2),
        (ModelDemand("s", alpha=0.3, distinct_l=2), 4),
        (ModelDemand("s", t=0.1), 1),
    ],
)
def test_every_kind_of_diversity_asks_for_so_many_values(demand: ModelDemand, least: int) -> None:
    assert demanded_values(demand) == least
