"""What leaves is what the manifest says, in every format and at every level with rows."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from typing import Any, cast

import openpyxl
import polars as pl
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from core_registry.sharing import RowFilter
from gateway.anonymize.masks import MASK_SHAPES
from gateway.anonymize.plan import MASKED_COLUMNS
from gateway.keyring import Key
from gateway.releases.errors import ContentDamagedError
from gateway.releases.manifest import verify_manifest
from gateway.releases.parts import PART_BYTES
from gateway.releases.records import Extract
from gateway.releases.uses import plan_of
from tests.factories.release_cases import CASES, CHAIN
from tests.factories.releases import House, make_house, opened

LEVELS = ("textbook-anonymous", "bus-pseudonymous", "aid-masked")
FORMATS = ("csv", "ndjson", "parquet", "xlsx")
ON_POSTGRES = (("textbook-anonymous", "parquet"), ("bus-pseudonymous", "csv"), ("aid-masked", "xlsx"))


class Prepared:
    """A house and one extract of each kind, prepared in one go."""

    def __init__(self, house: House, kinds: tuple[tuple[str, str], ...]) -> None:
        self.house = house
        started = {kind: house.start(*kind).id for kind in kinds}
        house.work(rounds=len(kinds) + 10)
        self.extracts: dict[tuple[str, str], Extract] = {kind: house.extract(one) for kind, one in started.items()}
        self._contents: dict[tuple[str, str], bytes] = {}

    def content(self, kind: tuple[str, str]) -> bytes:
        """Return the content, delivered once."""
        if kind not in self._contents:
            self._contents[kind] = self.house.content(self.extracts[kind])
        return self._contents[kind]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    kinds = tuple((profile, kind) for profile in LEVELS for kind in FORMATS)
    for house in opened(make_house(tmp_path_factory.mktemp("sqlite"))):
        yield Prepared(house, (*kinds, ("research-pseudonymous", "parquet")))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Prepared]:
    for house in opened(make_house(tmp_path_factory.mktemp("postgres"), server=postgres_server)):
        yield Prepared(house, ON_POSTGRES)


ALL = [
    *(("small", profile, kind) for profile in LEVELS for kind in FORMATS),
    ("small", "research-pseudonymous", "parquet"),
    *(("large", *kind) for kind in ON_POSTGRES),
]


def rows_of(kind: str, content: bytes) -> list[dict[str, Any]]:
    """Read a file with other libraries than those that wrote it, as far as there are any."""
    match kind:
        case "csv":
            return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
        case "ndjson":
            return [json.loads(line) for line in content.decode().splitlines()]
        case "parquet":
            return cast("list[dict[str, Any]]", pq.read_table(io.BytesIO(content)).to_pylist())
        case _:
            sheet = openpyxl.load_workbook(io.BytesIO(content), read_only=True).worksheets[0]
            header, *body = [[cell.value for cell in row] for row in sheet.iter_rows()]
            return [dict(zip(map(str, header), row, strict=True)) for row in body]


def subject_refs(house: House) -> list[str]:
    """Return every subject_ref in the order in which the sharing view is read."""
    assert house.services.sharing is not None
    with house.services.sharing.snapshot() as snapshot:
        batches = snapshot.batches(["subject_ref"], RowFilter())
        return [str(ref) for batch in batches for ref in batch["subject_ref"].to_pylist()]


def grant_key(house: House) -> ec.EllipticCurvePublicKey:
    key = house.services.keyring.verifying(Key.GRANT)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


@pytest.fixture
def case(request: pytest.FixtureRequest) -> tuple[Prepared, str, str]:
    where, profile, kind = request.param
    return request.getfixturevalue(where), profile, kind


@pytest.mark.parametrize("case", ALL, indirect=True, ids="-".join)
def test_the_content_is_what_the_manifest_says(case: tuple[Prepared, str, str]) -> None:
    prepared, profile, kind = case
    extract = prepared.extracts[profile, kind]
    assert extract.state == "ready", extract.failure
    content = prepared.content((profile, kind))
    claims = verify_manifest(extract.manifest, grant_key(prepared.house))
    file = cast("dict[str, Any]", claims["file"])
    assert file == {
        "name": extract.file_name,
        "format": kind,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "parts": {"bytes": PART_BYTES, "sha256": [
            hashlib.sha256(content[start : start + PART_BYTES]).hexdigest()
            for start in range(0, len(content), PART_BYTES)
        ]},
    }  # fmt: skip
    rows = rows_of(kind, content)
    assert len(rows) == claims["rows"] == extract.rows > 0
    assert list(rows[0]) == claims["fields"]
    assert set(cast("list[str]", claims["fields"])) == set(CASES[profile].fields)
    assert claims["level"] == CASES[profile].level
    assert claims["report_sha256"] == hashlib.sha256(extract.report.encode()).hexdigest()
    assert claims["obligations_sha256"] == hashlib.sha256(extract.obligations.encode()).hexdigest()
    assert set(claims) >= CHAIN
    assert claims["personal_information"] is (profile != "textbook-anonymous")


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_changed_byte_of_the_manifest_does_not_verify(small: Prepared, part: int) -> None:
    extract = small.extracts["aid-masked", "csv"]
    pieces = extract.manifest.split(".")
    middle = len(pieces[part]) // 2
    swapped = "A" if pieces[part][middle] != "A" else "B"
    pieces[part] = pieces[part][:middle] + swapped + pieces[part][middle + 1 :]
    with pytest.raises(ContentDamagedError):
        verify_manifest(".".join(pieces), grant_key(small.house))


def test_a_manifest_of_another_key_does_not_verify(small: Prepared) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(ContentDamagedError):
        verify_manifest(small.extracts["aid-masked", "csv"].manifest, stranger)


def test_a_grant_is_no_manifest(small: Prepared) -> None:
    grant = small.house.services.applications.grant(small.house.grants["aid-masked"])
    with pytest.raises(ContentDamagedError):
        verify_manifest(grant.jws, grant_key(small.house))


@pytest.mark.parametrize("where", ["small", "large"])
def test_anonymous_rows_are_k_anonymous_by_an_independent_count(where: str, request: pytest.FixtureRequest) -> None:
    prepared: Prepared = request.getfixturevalue(where)
    rows = rows_of("parquet", prepared.content(("textbook-anonymous", "parquet")))
    classes: dict[tuple[Any, ...], int] = {}
    for row in rows:
        key = tuple(row[name] for name in ("county", "stage", "grade", "sex", "ethnicity", "boarding"))
        classes[key] = classes.get(key, 0) + 1
    assert min(classes.values()) >= 10
    extract = prepared.extracts["textbook-anonymous", "parquet"]
    suppressed = cast("int", verify_manifest(extract.manifest, grant_key(prepared.house))["suppressed"])
    assert suppressed <= 0.02 * (suppressed + len(rows))


def test_all_formats_of_one_extract_hold_the_same_rows(small: Prepared) -> None:
    def text(value: object) -> str:
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    for profile in LEVELS:
        seen = set()
        for kind in FORMATS:
            rows = rows_of(kind, small.content((profile, kind)))
            if profile == "textbook-anonymous":  # how far it is generalised, is the same: the data are
                rows = [dict(sorted(row.items())) for row in rows]
            plain = sorted(tuple(text(row[name]).removeprefix("'") for name in sorted(row)) for row in rows)
            seen.add(hashlib.sha256(repr(plain).encode()).hexdigest())
        assert len(seen) == 1, profile


def test_masked_columns_hold_masks_and_nothing_else(small: Prepared) -> None:
    frame = pl.DataFrame(rows_of("ndjson", small.content(("aid-masked", "ndjson"))))
    masked = [name for name in frame.columns if name in MASKED_COLUMNS]
    assert len(masked) == 5
    for name in masked:
        values = frame[name].drop_nulls()
        assert values.len() > 0
        assert values.str.contains(MASK_SHAPES[MASKED_COLUMNS[name]]).all(), name


def _ranks(order: list[str], other: list[str]) -> float:
    """Return Spearman's rank correlation of two orders of the same things."""
    place = {value: number for number, value in enumerate(other)}
    count = len(order)
    squares = sum((number - place[value]) ** 2 for number, value in enumerate(order))
    return 1 - 6 * squares / (count * (count * count - 1))


def test_the_order_of_rows_tells_nothing(small: Prepared) -> None:
    house = small.house
    first, second = (
        [row["pseudonym"] for row in rows_of(kind, small.content(("bus-pseudonymous", kind)))]
        for kind in ("csv", "parquet")
    )
    grant = house.services.applications.grant(house.grants["bus-pseudonymous"])
    extract = small.extracts["bus-pseudonymous", "csv"]
    key = house.preparation().keys.for_extract(extract, grant, plan_of(house.services.book, grant, extract.request))
    assert key is not None
    refs = subject_refs(house)
    in_order = key(pl.Series(refs)).to_list()
    assert set(first) == set(second) <= set(in_order)  # a longitudinal project: the same pseudonyms
    in_order = [value for value in in_order if value in set(first)]
    assert len(set(first)) == len(first) > 500
    for one, other in ((first, second), (first, in_order), (second, in_order), (first, sorted(first))):
        assert abs(_ranks(one, other)) < 0.25


def test_pseudonyms_of_two_recipients_have_nothing_in_common(small: Prepared) -> None:
    bus = {row["pseudonym"] for row in rows_of("parquet", small.content(("bus-pseudonymous", "parquet")))}
    research = {row["pseudonym"] for row in rows_of("parquet", small.content(("research-pseudonymous", "parquet")))}
    assert len(bus) > 500
    assert len(research) > 500
    assert not bus & research


def test_no_birth_date_and_no_subject_ref_leave(small: Prepared) -> None:
    refs = set(subject_refs(small.house))
    for profile, kind in small.extracts:
        for row in rows_of(kind, small.content((profile, kind))):
            assert not refs & set(map(str, row.values()))
    months = {
        str(row["birth_month"]) for row in rows_of("parquet", small.content(("research-pseudonymous", "parquet")))
    }
    assert {len(month) for month in months} == {len("2015-03")}


def test_ranges_make_up_the_whole_and_each_has_its_own_intent_and_outcome(small: Prepared) -> None:
    house, extract = small.house, small.extracts["bus-pseudonymous", "ndjson"]
    whole = small.content(("bus-pseudonymous", "ndjson"))
    before = len(house.entries("release."))
    third = extract.size // 3
    ranges = [(0, third - 1), (third, 2 * third - 1), (2 * third, None)]
    pieces = []
    for first, last in ranges:
        delivery = house.deliver(extract, first, last)
        piece = b"".join(delivery.content)
        assert len(piece) == delivery.last - delivery.first + 1
        pieces.append(piece)
    assert b"".join(pieces) == whole
    added = house.entries("release.")[before:]
    assert [entry["kind"] for entry in added] == ["release.intent", "release.outcome"] * 3
    for (first, _last), piece, intent, outcome in zip(ranges, pieces, added[::2], added[1::2], strict=True):
        assert intent["facts"]["first_byte"] == first
        assert intent["facts"]["delivery"] == outcome["facts"]["delivery"]
        assert outcome["outcome"] == "complete"
        assert outcome["facts"]["bytes"] == len(piece)
        assert outcome["facts"]["sha256"] == hashlib.sha256(piece).hexdigest()


def test_the_obligations_name_the_day_by_which_all_is_destroyed(small: Prepared) -> None:
    for extract in small.extracts.values():
        duties = json.loads(extract.obligations)
        assert duties["delete_by"] == json.loads(extract.report)["delete_by"]
        assert {duty["code"] for duty in duties["duties"]} >= {"purpose-only", "delete-and-certify"}
