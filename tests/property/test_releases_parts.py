"""Parts, pages, envelopes and changes for any content: cut anywhere and put together again, nothing is lost."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from gateway.anonymize.plan import Plan
from gateway.cli.unpacking import PartCheck
from gateway.ids import ExtractId
from gateway.policies.records import Format
from gateway.releases.envelopes import EnvelopeKey, envelopes, opened
from gateway.releases.errors import ContentDamagedError
from gateway.releases.increments import Increment
from gateway.releases.ledger.records import RowTable
from gateway.releases.paging import page_size
from gateway.releases.parts import PartDigests, parts_of

SIZE = 7
EXTRACT = ExtractId("ex-1")
KEY = ECKey.generate_key("P-256", private=True)
PUBLIC = EnvelopeKey.of({**KEY.as_dict(private=False), "kid": "k"})  # type: ignore[dict-item]  # text, all of them


def pieces(content: bytes, cuts: list[int]) -> Iterator[bytes]:
    places = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    for first, last in itertools.pairwise(places):
        yield content[first:last]


@given(st.binary(max_size=60), st.lists(st.integers(0, 60)))
def test_parts_do_not_depend_on_how_the_bytes_came(content: bytes, cuts: list[int]) -> None:
    digests = PartDigests(SIZE)
    for piece in pieces(content, cuts):
        digests.update(piece)
    parts = parts_of(len(content), digests.digests(), SIZE)
    assert b"".join(content[part.first : part.last + 1] for part in parts) == content
    assert [part.sha256 for part in parts] == [
        hashlib.sha256(content[start : start + SIZE]).hexdigest() for start in range(0, len(content), SIZE)
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.binary(min_size=1, max_size=60), st.integers(0, 80), st.integers(0, 59), st.booleans())
def test_a_download_goes_on_at_what_is_right(
    tmp_path: Path, content: bytes, came: int, place: int, damaged: bool
) -> None:
    digests = PartDigests(SIZE)
    digests.update(content)
    listed = [vars_of(part) for part in parts_of(len(content), digests.digests(), SIZE)]
    have = bytearray((content + b"more than there is" * 9)[:came])
    hurt = damaged and place < min(len(have), len(content))
    if hurt:
        have[place] ^= 1
    file = tmp_path / "file.part"
    file.write_bytes(have)
    sound = PartCheck(listed)(file)
    left = file.read_bytes()
    assert len(left) == sound <= len(content)
    whole = sound // SIZE * SIZE if sound < len(content) else sound
    assert left[:whole] == content[:whole]
    if not hurt:
        assert sound == min(came, len(content))


def vars_of(part: object) -> dict[str, object]:
    return {name: getattr(part, name) for name in ("number", "first", "last", "sha256")}


CELLS = st.text(st.sampled_from('ab",\n汉'), max_size=6)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=12), st.integers(1, 5), st.lists(st.integers(0, 90)))
def test_pages_of_csv_never_cut_a_row(table: list[list[str]], limit: int, cuts: list[int]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(table)
    content = text.getvalue().encode()
    found: list[list[str]] = []
    first = 0
    while first < len(content):
        size, count = page_size(pieces(content[first:], cuts), Format.CSV, limit)
        page = content[first : first + size].decode()
        lines = list(csv.reader(io.StringIO(page, newline="")))
        assert len(lines) == count <= limit
        found += lines
        first += size
    assert found == table


@settings(deadline=None, max_examples=40)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5), st.data())
def test_envelopes_in_another_order_or_number_do_not_open(plain: list[bytes], data: st.DataObject) -> None:
    lines = list(envelopes(iter(plain), PUBLIC, EXTRACT, len(plain), "text/csv"))
    assert list(opened(iter(lines), KEY, EXTRACT)) == plain
    wrong = data.draw(st.lists(st.sampled_from(lines), max_size=6))
    if wrong != lines:
        with pytest.raises(ContentDamagedError):
            list(opened(iter(wrong), KEY, EXTRACT))


class _NoPlan:
    columns = ()


ROWS = st.dictionaries(st.integers(0, 30), st.integers(0, 3), max_size=20)


@settings(deadline=None, max_examples=80)
@given(ROWS, ROWS, st.integers(1, 5))
def test_changes_are_what_sets_say_they_are(before: dict[int, int], now: dict[int, int], batch: int) -> None:
    held = sorted(before)
    table = RowTable(
        high=np.array(held, dtype=np.uint64) // 4,
        low=np.array(held, dtype=np.uint64) % 4,
        classes=np.zeros(len(held), dtype=np.uint64),
        content=np.array([before[tag] for tag in held], dtype=np.uint64),
    )
    increment = Increment(cast("Plan", _NoPlan()), table)
    told: dict[int, str] = {}
    order = list(now)
    for first in range(0, len(order), batch):
        tags = np.array(order[first : first + batch], dtype=np.uint64)
        frame = pl.DataFrame({"tag": tags})
        content = np.array([now[int(tag)] for tag in tags], dtype=np.uint64)
        out, these = increment.take(frame, tags // 4, tags % 4, content)
        assert frame.filter(these)["tag"].to_list() == out["tag"].to_list()
        told |= {row["tag"]: row["change"] for row in out.iter_rows(named=True)}
    expected = {tag: "added" for tag in now if tag not in before}
    expected |= {tag: "changed" for tag in now if tag in before and before[tag] != now[tag]}
    assert told == expected
    assert increment.told() == {
        "added": sum(kind == "added" for kind in expected.values()),
        "changed": sum(kind == "changed" for kind in expected.values()),
        "removed": 0,
    }
