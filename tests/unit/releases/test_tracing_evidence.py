"""What a leaked file tells of the release that it comes from: marks, runs of rows, and what accident may do."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gateway.ids import ExtractId
from gateway.releases.errors import ContentDamagedError
from gateway.releases.tracing.evidence import Confidence, Evidence, Kind, Leak, evidence
from gateway.releases.tracing.marks import PSEUDONYMS, Marker, digests
from gateway.releases.tracing.shelf import MarkShelf
from gateway.releases.vault import CHUNK

ROWS = 20_000


def table(seed: int, rows: int = ROWS) -> pl.DataFrame:
    """One population of few kinds of rows, in an order of its own for each seed."""
    kinds = np.random.default_rng(1)
    frame = pl.DataFrame(
        {
            "county": kinds.choice(["140105", "140106", "140181"], rows),
            "grade": kinds.choice(["11", "12", "13", "21"], rows),
            "boarding": kinds.random(rows) < 0.3,
        }
    )
    return frame[np.random.default_rng(seed).permutation(rows)]


def marks(frame: pl.DataFrame, columns: Mapping[str, str] | None = None) -> pl.DataFrame:
    """The marks of a frame, through the writer that releases use."""
    sink = io.BytesIO()
    marker = Marker(sink, columns or {name: name for name in frame.columns})
    passed = pl.concat(list(marker.passing(iter([frame[:7000], frame[7000:]]))))
    marker.close()
    assert passed.equals(frame)
    return pl.read_parquet(sink.getvalue())


@pytest.fixture(scope="module")
def released() -> Sequence[pl.DataFrame]:
    return [table(seed) for seed in range(3)]


@pytest.fixture(scope="module")
def kept(released: Sequence[pl.DataFrame]) -> Sequence[pl.DataFrame]:
    return [marks(frame) for frame in released]


def told(leak: pl.DataFrame, kept: Sequence[pl.DataFrame]) -> list[Evidence | None]:
    return [evidence(Leak.of(leak), one) for one in kept]


def named(found: Sequence[Evidence | None]) -> list[int]:
    return [place for place, one in enumerate(found) if one is not None and one.confidence is Confidence.CERTAIN]


def test_the_order_names_one_of_three_equal_populations(
    released: Sequence[pl.DataFrame], kept: Sequence[pl.DataFrame]
) -> None:
    found = told(released[1], kept)
    assert named(found) == [1]
    assert found[1] is not None
    assert (found[1].kind, found[1].share) == (Kind.ORDER, 1.0)


@pytest.mark.parametrize("first", [0, 11_111])
def test_a_part_that_was_cut_out_is_enough(
    first: int, released: Sequence[pl.DataFrame], kept: Sequence[pl.DataFrame]
) -> None:
    assert named(told(released[2][first : first + 60], kept)) == [2]


def test_rows_that_were_lost_or_altered_here_and_there_hide_nothing(
    released: Sequence[pl.DataFrame], kept: Sequence[pl.DataFrame]
) -> None:
    rng = np.random.default_rng(5)
    thinned = released[0].filter(pl.Series(rng.random(ROWS) > 0.02))
    altered = thinned.with_columns(
        pl.when(pl.Series(rng.random(thinned.height) < 0.01)).then(pl.lit("149999")).otherwise("county").alias("county")
    )
    found = told(altered, kept)
    assert named(found) == [0]
    assert found[0] is not None
    assert 0.97 < found[0].share < 1


def test_columns_that_were_dropped_or_put_in_another_order_hide_nothing(
    released: Sequence[pl.DataFrame], kept: Sequence[pl.DataFrame]
) -> None:
    assert named(told(released[1].select("grade", "county"), kept)) == [1]


def test_a_sorted_file_names_nobody_and_excludes_whom_it_does_not_fit(
    released: Sequence[pl.DataFrame], kept: Sequence[pl.DataFrame]
) -> None:
    fewer = marks(table(9, ROWS)[:5000])
    found = told(released[0].sort("county", "grade", "boarding"), [*kept, fewer])
    assert named(found) == []
    assert [one is not None and one.kind for one in found] == [Kind.ROWS, Kind.ROWS, Kind.ROWS, False]


def test_a_file_of_another_order_is_not_laid_at_anybodys_door(kept: Sequence[pl.DataFrame]) -> None:
    for seed in range(100, 140):
        found = told(table(seed), kept)
        assert named(found) == []
        assert all(one is None or one.confidence is Confidence.POSSIBLE for one in found)


def test_a_file_of_other_people_tells_nothing(kept: Sequence[pl.DataFrame]) -> None:
    other = pl.DataFrame({"county": ["110101"] * 50, "grade": ["11"] * 50, "boarding": ["true"] * 50})
    assert told(other, kept) == [None, None, None]
    assert told(pl.DataFrame({"elsewhere": ["1"]}), kept) == [None, None, None]
    assert told(pl.DataFrame({"county": []}, schema={"county": pl.String}), kept) == [None, None, None]


def test_rows_that_are_all_alike_have_no_order() -> None:
    alike = pl.DataFrame({"grade": ["11"] * 400})
    (found,) = told(alike[:300], [marks(alike)])
    assert found is not None
    assert (found.kind, found.confidence) == (Kind.ROWS, Confidence.POSSIBLE)


def test_one_pseudonym_names_its_release() -> None:
    rng = np.random.default_rng(3)
    pseudonyms = [[rng.bytes(16).hex() for _ in range(500)] for _ in range(2)]
    kept = [
        marks(pl.DataFrame({"pseudonym": values, "grade": ["11"] * 500}), {"pseudonym": f"{PSEUDONYMS}pseudonym"})
        for values in pseudonyms
    ]
    leak = pl.DataFrame({"who": [pseudonyms[1][77].upper()], "remark": ["x"]})
    found = told(leak, kept)
    assert found[0] is None
    assert named(found) == [1]
    assert found[1] is not None
    assert found[1].kind is Kind.PSEUDONYMS
    mixed = pl.DataFrame({"pseudonym": [*pseudonyms[0][:30], *pseudonyms[1][:10]]})
    shares = [one.share for one in told(mixed, kept) if one is not None]
    assert shares == [0.75, 0.25]


def test_a_value_is_known_again_however_a_program_writes_it() -> None:
    plain = pl.Series("v", ["2015-03", "12", "true", None, "", "a"])
    written = pl.Series("v", [" 2015-03", "12.0", "TRUE", "", None, "'A "])
    assert digests(plain).tolist() == digests(written).tolist()
    assert digests(plain)[3] == 0
    assert digests(plain.cast(pl.Categorical)).tolist() == digests(plain).tolist()
    assert digests(pl.Series("v", [True, False])).tolist() == digests(pl.Series("v", ["True", "false"])).tolist()


def test_marks_lie_sealed_each_under_a_key_of_its_own(tmp_path: Path) -> None:
    shelf = MarkShelf(tmp_path, bytes(32))
    frame = pl.DataFrame({"grade": [str(number) for number in range(300_000)]})
    for _ in range(2):
        with shelf.marking(ExtractId("ex-1"), {"grade": "grade"}) as marker:
            assert sum(part.height for part in marker.passing(iter([frame]))) == frame.height
    first, second = shelf.held()
    assert first.stat().st_size > 2 * CHUNK
    assert first.read_bytes()[:4096] != second.read_bytes()[:4096]
    assert shelf.read(first).equals(shelf.read(second))
    assert shelf.held() == {first: "ex-1", second: "ex-1"}
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)
    with pytest.raises(ContentDamagedError):
        shelf.read(first)
    with pytest.raises(ContentDamagedError):
        MarkShelf(tmp_path, bytes([1] * 32)).read(second)
    shelf.destroy(first)
    assert list(shelf.held()) == [second]


def test_marks_of_a_file_that_was_not_finished_are_nowhere(tmp_path: Path) -> None:
    shelf = MarkShelf(tmp_path, bytes(32))
    with pytest.raises(RuntimeError), shelf.marking(ExtractId("ex-1"), {"grade": "grade"}):
        raise RuntimeError("the disk is full")
    assert shelf.held() == {}
