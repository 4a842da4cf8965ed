"""Changes since an earlier extract, files packed for the recipient, parts and pages; on SQLite and PostgreSQL."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import text

from gateway.anonymize.leakscan import PSEUDONYM_SHAPE
from gateway.db import make_engine
from gateway.errors import ParameterError
from gateway.ids import ExtractId
from gateway.policies.records import Format
from gateway.releases.envelopes import opened
from gateway.releases.errors import (
    BaselineUnusableError,
    ContentDamagedError,
    IncrementRefusedError,
    NoEncryptionKeyError,
    NotPageableError,
)
from gateway.releases.manifest import claims_of
from gateway.releases.records import Extract, ExtractRequest, ExtractState
from tests.factories import house_fixtures
from tests.factories.release_cases import CASES, client, client_of, grant_for
from tests.factories.releases import House

house = house_fixtures.fresh_on_both
shared = house_fixtures.shared
PROFILE = "bus-pseudonymous"


@pytest.fixture
def small(shared: House) -> House:
    """The house of all tests, with a grant for the buses of this one's own."""
    shared.grants = {**shared.grants, PROFILE: grant_for(shared.services, CASES[PROFILE])}
    return shared


def registry(house: House, statement: str, **values: str) -> list[tuple[str, ...]]:
    """Change or read the sharing view, as imports and cases do in the end."""
    engine = make_engine(house.settings.registry_url)
    try:
        with engine.begin() as connection:
            found = connection.execute(text(statement), values)
            return [tuple(row) for row in found] if found.returns_rows else []
    finally:
        engine.dispose()


def subjects(house: House, count: int) -> list[str]:
    found = registry(house, "SELECT subject_ref FROM sharing_students ORDER BY subject_ref")
    return [row[0] for row in found[:count]]


def set_column(house: House, subject: str, column: str, value: str) -> None:
    registry(
        house,
        f"UPDATE sharing_students SET {column} = :value WHERE subject_ref = :subject",
        value=value,
        subject=subject,
    )


def rows(content: bytes) -> pl.DataFrame:
    return pl.read_csv(content, infer_schema=False)


def by_pseudonym(frame: pl.DataFrame) -> dict[str, dict[str, object]]:
    return {str(row["pseudonym"]): row for row in frame.iter_rows(named=True)}


def apply(held: pl.DataFrame, changes: pl.DataFrame) -> dict[str, dict[str, object]]:
    """Do what a recipient does with a file of changes."""
    found = by_pseudonym(held)
    for row in changes.iter_rows(named=True):
        kind = row.pop("change")
        pseudonym = str(row["pseudonym"])
        if kind == "removed":
            assert {name: value for name, value in row.items() if value is not None} == {"pseudonym": pseudonym}
            del found[pseudonym]
        else:
            assert (pseudonym in found) == (kind == "changed")
            found[pseudonym] = row
    return found


@pytest.mark.rule("A50-8")
def test_changes_applied_to_what_was_held_give_what_a_whole_extract_gives(house: House) -> None:
    added, changed, removed, moved = subjects(house, 4)
    authority = registry(house, "SELECT managing_authority FROM sharing_students WHERE subject_ref = :s", s=added)[0][0]
    set_column(house, added, "managing_authority", "410102")
    base = house.prepared(PROFILE)
    held = rows(house.content(base))
    set_column(house, added, "managing_authority", authority)
    set_column(house, changed, "class_name", "九班")
    set_column(house, removed, "managing_authority", "410102")
    first = house.prepared(PROFILE, since=base.id)
    delta = rows(house.content(first))
    assert delta["change"].sort().to_list() == ["added", "changed", "removed"]
    assert delta.columns == ["change", *held.columns]
    claims = claims_of(first.manifest)
    assert (claims["since"], claims["changes"]) == (base.id, {"added": 1, "changed": 1, "removed": 1})
    assert claims["rows"] == 3
    assert json.loads(first.report)["changes"] == {"added": 1, "changed": 1, "removed": 1}
    assert json.loads(first.report)["rows_out"] == held.height
    told, tagger = house.entries("release.prepared")[-1]["tags"], house.services.audit.tagger
    assert tagger is not None
    assert told["tags"] == sorted(tagger.tag(told["epoch"], one).hex() for one in (added, changed, removed))
    now = apply(held, delta)
    # changes since changes: the ledger knows what the recipient holds by now
    set_column(house, moved, "grade", "12")
    set_column(house, changed, "class_name", "十班")
    second = rows(house.content(house.prepared(PROFILE, since=first.id)))
    assert set(second["change"]) <= {"changed"}
    merged = by_pseudonym(pl.DataFrame(list(now.values()), infer_schema_length=None))
    assert apply(pl.DataFrame(list(merged.values()), infer_schema_length=None), second) == by_pseudonym(
        rows(house.content(house.prepared(PROFILE)))
    )


def test_nothing_changed_is_a_file_without_rows(small: House) -> None:
    base = small.prepared(PROFILE, "ndjson")
    small.content(base)
    for kind in ("csv", "ndjson", "parquet"):
        none = small.prepared(PROFILE, kind, since=base.id)
        assert none.rows == 0
        assert claims_of(none.manifest)["changes"] == {"added": 0, "changed": 0, "removed": 0}
        if kind == "parquet":
            assert "change" in pl.read_parquet(io.BytesIO(small.content(none))).columns


@pytest.mark.rule("A50-8")
@pytest.mark.parametrize("profile", ["textbook-anonymous", "research-pseudonymous", "aid-masked"])
def test_changes_need_a_pseudonym_that_stays_the_same(small: House, profile: str) -> None:
    with pytest.raises(IncrementRefusedError) as caught:
        small.start(profile, since=ExtractId("ex-1"))
    assert caught.value.detail_zh
    assert small.entries("release.refused")[-1]["outcome"] == "refused"


def test_only_a_fetched_extract_of_the_same_grant_fields_and_rows_is_compared_with(small: House) -> None:
    never = small.prepared(PROFILE)
    fetched = small.prepared(PROFILE, fields=("pseudonym", "grade"))
    small.content(fetched)
    wrong: list[dict[str, Any]] = [
        {"since": ExtractId("ex-nowhere")},
        {"since": never.id},
        {"since": fetched.id},
        {"since": fetched.id, "fields": ("pseudonym", "grade"), "stages": frozenset({"primary"})},
    ]
    for request in wrong:
        with pytest.raises(BaselineUnusableError) as caught:
            small.start(PROFILE, **request)
        assert caught.value.missing == ("since",)


def test_a_pupil_who_left_the_registry_altogether_cannot_be_named(house: House) -> None:
    base = house.prepared(PROFILE)
    house.content(base)
    registry(house, "DELETE FROM sharing_students WHERE subject_ref = :s", s=subjects(house, 1)[0])
    left = house.uses_left(house.grants[PROFILE])
    extract = house.start(PROFILE, since=base.id)
    house.work()
    extract = house.extract(extract.id)
    assert (extract.state, extract.failure) == (ExtractState.FAILED, "BaselineUnusableError")
    assert house.uses_left(house.grants[PROFILE]) == left  # the use came back


class Keys:
    """Public keys by nobody's name."""

    def always(self, _account: str) -> bool:
        return False

    def __init__(self, jwk: Mapping[str, str] | None) -> None:
        self.jwk = jwk

    def of(self, account: str) -> Mapping[str, str] | None:
        return self.jwk


def prepared_for(house: House, jwk: Mapping[str, str] | None, **request: object) -> Extract:
    releases = replace(house.services.releases, recipient_keys=Keys(jwk))
    wanted = ExtractRequest(Format.CSV, encrypt=True, **request)  # type: ignore[arg-type]  # members of the request
    started = releases.start(house.grants[PROFILE], wanted, client_of(PROFILE))
    house.work()
    found = house.extract(started.id)
    assert found.state is ExtractState.READY, found.failure
    return found


def ec() -> ECKey:
    return ECKey.generate_key("P-256", private=True)


def rsa() -> RSAKey:
    return RSAKey.generate_key(2048, private=True)


@pytest.mark.parametrize("make", [ec, rsa])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_only_the_recipients_key_opens_an_encrypted_file(small: House, make: object, compression: str | None) -> None:
    key = make()  # type: ignore[operator]  # one of the two above
    extract = prepared_for(small, {**key.as_dict(private=False), "kid": "k1", "use": "enc"}, compression=compression)
    content = small.content(extract)
    claims = claims_of(extract.manifest)["file"]
    assert isinstance(claims, dict)
    assert extract.file_name == f"{extract.id}.csv" + (".gz" if compression else "") + ".jwe"
    assert (claims["sha256"], claims["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    assert claims["encryption"] == {"kid": "k1", "alg": key_alg(key), "enc": "A256GCM"}
    plain = b"".join(opened(iter(content.splitlines(keepends=True)), key, extract.id))
    plain = gzip.decompress(plain) if compression else plain
    assert claims["plain"] == {"bytes": len(plain), "sha256": hashlib.sha256(plain).hexdigest()}
    assert rows(plain)["pseudonym"].str.contains(PSEUDONYM_SHAPE).all()
    assert small.entries("release.requested")[-1]["facts"]["encrypted_to"] == "k1"
    with pytest.raises(ContentDamagedError):
        list(opened(iter(content.splitlines(keepends=True)), make(), extract.id))  # type: ignore[operator]
    with pytest.raises(ContentDamagedError):
        list(opened(iter(content.splitlines(keepends=True)), key, ExtractId("ex-other")))


def key_alg(key: ECKey | RSAKey) -> str:
    return "ECDH-ES+A256KW" if isinstance(key, ECKey) else "RSA-OAEP-256"


def test_without_a_key_nothing_is_encrypted_and_nothing_prepared(small: House) -> None:
    left = small.uses_left(small.grants[PROFILE])
    with pytest.raises(NoEncryptionKeyError):
        small.start(PROFILE, encrypt=True)
    assert small.uses_left(small.grants[PROFILE]) == left


def test_a_compressed_file_is_the_plain_one_and_smaller(small: House) -> None:
    extract = small.prepared(PROFILE, "ndjson", compression="gzip")
    content = small.content(extract)
    file = claims_of(extract.manifest)["file"]
    assert isinstance(file, dict)
    plain = gzip.decompress(content)
    assert (extract.file_name, file["compression"]) == (f"{extract.id}.ndjson.gz", "gzip")
    assert file["plain"] == {"bytes": len(plain), "sha256": hashlib.sha256(plain).hexdigest()}
    assert len(content) < len(plain) / 2
    assert len(plain.splitlines()) == extract.rows
    with pytest.raises(ParameterError):
        small.start(PROFILE, "parquet", compression="gzip")


def test_parts_are_the_file_and_stand_in_the_signed_manifest(small: House) -> None:
    extract = small.prepared(PROFILE)
    content = small.content(extract)
    _, parts = small.services.releases.parts(extract.id, client(extract.recipient))
    assert [hashlib.sha256(content[part.first : part.last + 1]).hexdigest() for part in parts] == [
        part.sha256 for part in parts
    ]
    assert (parts[0].first, parts[-1].last) == (0, len(content) - 1)


def pages(house: House, extract: Extract, limit: int) -> Iterator[tuple[bytes, int]]:
    cursor: str | None = None
    while True:
        page = house.services.releases.page(extract.id, client(extract.recipient), cursor, limit)
        yield b"" if page.delivery is None else b"".join(page.delivery.content), page.rows
        cursor = page.after
        if cursor is None:
            return


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_pages_are_the_file_each_with_intent_and_outcome_and_one_use(small: House, kind: str) -> None:
    extract = small.prepared(PROFILE, kind)
    left = small.uses_left(small.grants[PROFILE])
    before = len(small.entries("release.intent"))
    found = list(pages(small, extract, 250))
    assert [count for _, count in found] == [
        *[250] * (extract.rows // 250),
        *([extract.rows % 250] if extract.rows % 250 else []),
    ]
    assert b"".join(piece for piece, _ in found) == small.content(extract)
    intents = small.entries("release.intent")[before:]
    assert len(intents) == len(found) + 1
    assert len(small.entries("release.outcome")) >= len(intents)
    assert small.uses_left(small.grants[PROFILE]) == left


def test_a_cursor_is_good_for_its_extract_alone(small: House) -> None:
    one, other = small.prepared(PROFILE), small.prepared(PROFILE)
    releases, who = small.services.releases, client(one.recipient)
    page = releases.page(one.id, who, None, 10)
    assert page.delivery is not None
    page.delivery.content.close()
    assert page.after is not None
    for extract, cursor in (
        (other.id, page.after),
        (one.id, page.after[:-2] + "AA"),
        (one.id, "x"),
        (one.id, "é" * 32),
    ):
        with pytest.raises(ParameterError):
            releases.page(extract, who, cursor, 10)


@pytest.mark.parametrize(("kind", "compression"), [("parquet", None), ("xlsx", None), ("csv", "gzip")])
def test_what_has_no_lines_has_no_pages(small: House, kind: str, compression: str | None) -> None:
    extract = small.prepared(PROFILE, kind, compression=compression)
    with pytest.raises(NotPageableError):
        small.services.releases.page(extract.id, client(extract.recipient), None, 10)
