"""The leaf: canonical form, refusals, tags and the clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from gateway.audit.entries import check_fits, encode_entry, index_of, tag_list_of
from gateway.audit.errors import EntryRefusedError, MalformedError
from gateway.audit.leaves import decode_entry
from gateway.audit.merkle import leaf_hash, root_of
from gateway.audit.records import EncodedEntry
from gateway.audit.screening import is_credit_code, looks_personal
from gateway.audit.tags import Tagger, epoch_of, epochs_between
from gateway.ids import AccountId, RecipientId, SubjectRef, UnitCode
from gateway.journal import EntryDraft, JsonValue
from gateway.principals import AccountKind, Principal, Role

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
TAGGER = Tagger.from_root(bytes(32))
OFFICER = Principal(AccountId("st-7"), AccountKind.STAFF, frozenset({Role.EXECUTOR}), UnitCode("140105"), "数据管理员")
ID_NUMBER = "140105" + "20130214" + "001X"  # invented; the check digit is not looked at


def _encode(draft: EntryDraft, *, at: datetime = AT, previous: str = "", occurred: str | None = None) -> EncodedEntry:
    return encode_entry(draft, at=at, rulebook="0" * 64, tagger=TAGGER, previous=previous, occurred=occurred)


def test_entry_is_canonical_json_with_every_member() -> None:
    entry = _encode(
        EntryDraft(
            "release.intent",
            OFFICER,
            facts={"rows": 3, "columns": ["b", "a"], "x": None},
            links={"grant": "g-1", "approver": "st-9"},
            policy="A50-9-level",
        )
    )
    assert entry.body.decode() == (
        '{"actor":{"id":"st-7","kind":"staff","post":"数据管理员","unit":"140105"},"at":"2026-11-23T10:00:00.000000Z",'
        '"facts":{"columns":["b","a"],"rows":3,"x":null},"kind":"release.intent","links":{"approver":"st-9",'
        '"grant":"g-1"},"outcome":"done","policy":"A50-9-level","rulebook":"' + "0" * 64 + '","v":1}'
    )
    assert index_of(decode_entry(entry.body))["link_grant"] == "g-1"
    assert index_of(decode_entry(entry.body))["unit"] == "140105"
    assert decode_entry(entry.body)["kind"] == "release.intent"


@pytest.mark.parametrize(
    "facts",
    [
        {"x": 1.0},
        {"x": [float("nan")]},
        {"x": 2**53},
        {"x": b"bytes"},
        {"x": AT},
        {1: "x"},
        {"x": "\ud800"},
        {"x": ID_NUMBER},
        {"x": f"号码{ID_NUMBER}。"},
        {"x": ["a", {"y": "G" + ID_NUMBER}]},
        {"x": "电话:13812345678"},
        {"x": "138-1234-5678"},
        {"x": "+86 13812345678"},
        {"x": "１３８１２３４５６７８"},
        {"x": 13812345678},
        {"x": 140105201302140012},
        {"140105201302140012": 1},
        {"x": "140105130214001"},
    ],
)
def test_facts_that_are_no_json_or_look_personal_are_refused(facts: dict[str, JsonValue]) -> None:
    with pytest.raises(EntryRefusedError) as caught:
        _encode(EntryDraft("release.intent", None, facts=facts))
    for secret in (ID_NUMBER, "13812345678", "140105"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize(
    "facts",
    [
        {"sha256": "a13812345678" + "f" * 52},
        {"pseudonym": "140105201302140012ab34cd56ef7890"},
        {"bytes": 13812345678, "rows": 18600000000},
        {"document": "晋政函〔2026〕138号"},
        {"at": "2026-11-23T10:00:00.123456Z"},
        {"uuid": "0b6d5ad5-1d0e-4c60-8f3a-138123456789"},
    ],
)
def test_hashes_amounts_and_numbers_of_documents_are_not_personal(facts: dict[str, JsonValue]) -> None:
    assert decode_entry(_encode(EntryDraft("release.intent", None, facts=facts)).body)["facts"] == facts


@pytest.mark.parametrize(
    "draft",
    [
        EntryDraft("release", None),
        EntryDraft("Release.Intent", None),
        EntryDraft("release.intent", None, outcome="Done!"),
        EntryDraft("release.intent", None, links={"pupil": "x"}),
        EntryDraft("release.intent", None, links={"responsible": "处长 13812345678"}),
        EntryDraft("release.intent", None, policy=ID_NUMBER),
        EntryDraft("release.intent", None, subjects=(SubjectRef(ID_NUMBER),)),
        EntryDraft("release.intent", Principal(AccountId("13812345678"), AccountKind.GUARDIAN, frozenset())),
        EntryDraft("release.intent", None, facts={"x": "y" * 65_536}),
    ],
)
def test_a_draft_that_breaks_the_schema_is_refused(draft: EntryDraft) -> None:
    with pytest.raises(EntryRefusedError):
        _encode(draft)
    with pytest.raises(EntryRefusedError):
        check_fits(draft)


def test_a_face_without_the_tag_key_leaves_room_for_what_is_added() -> None:
    with pytest.raises(EntryRefusedError):
        check_fits(EntryDraft("release.intent", None, facts={"x": "y" * 62_000}))
    subjects = tuple(SubjectRef(f"{n:032x}") for n in range(64))
    draft = EntryDraft("release.intent", None, facts={"x": "y" * 61_000}, subjects=subjects)
    check_fits(draft)
    _encode(draft, previous="2026-11-24T00:00:00.000000Z", occurred="2026-11-23T10:00:00.000000Z")


def test_an_organisation_may_receive_though_its_code_looks_like_an_id_number() -> None:
    codes = [c for c in ("91140100700520130K", "12140100405747033X") if looks_personal(c)]
    assert codes == []
    lookalike = next(
        code
        for n in range(1000)
        for check in "0123456789X"
        if looks_personal(code := f"91140119800101{n:03d}{check}") and is_credit_code(code)
    )
    draft = EntryDraft("release.intent", None, links={"recipient": RecipientId(lookalike)})
    assert index_of(decode_entry(_encode(draft).body))["link_recipient"] == lookalike
    with pytest.raises(EntryRefusedError):
        _encode(EntryDraft("release.intent", None, links={"responsible": lookalike}))


def test_subjects_become_tags_and_are_not_in_the_leaf() -> None:
    subject = SubjectRef("ab" * 16)
    entry = _encode(EntryDraft("registry.read", None, subjects=(subject, subject)))
    assert subject.encode() not in entry.body
    tags = tag_list_of(decode_entry(entry.body))
    assert tags is not None
    assert tags.tags == (TAGGER.tag("2026Q4", subject),)
    assert TAGGER.tag("2027Q1", subject) != tags.tags[0]
    assert Tagger.from_root(bytes([1]) * 32).tag("2026Q4", subject) != tags.tags[0]


def test_more_than_64_subjects_leave_the_root_of_the_sorted_tags() -> None:
    subjects = tuple(SubjectRef(f"{n:032x}") for n in range(65))
    few, many = (
        _encode(EntryDraft("a.b", None, subjects=subjects[:64])),
        _encode(EntryDraft("a.b", None, subjects=subjects)),
    )
    assert few.tags is not None
    assert few.tags.listed
    assert many.tags is not None
    assert not many.tags.listed
    told = json.loads(many.body)["tags"]
    root = root_of(leaf_hash(tag) for tag in sorted(TAGGER.tag("2026Q4", subject) for subject in subjects))
    assert told == {"epoch": "2026Q4", "count": 65, "root": root.hex()}


def test_a_clock_that_goes_back_is_recorded_and_not_repaired() -> None:
    later = "2026-11-23T10:00:00.000001Z"
    content = decode_entry(_encode(EntryDraft("a.b", None), previous=later).body)
    assert content["clock_back"] == later
    assert content["at"] == "2026-11-23T10:00:00.000000Z"
    assert "clock_back" not in decode_entry(
        _encode(EntryDraft("a.b", None), previous="2026-11-23T09:00:00.000000Z").body
    )


def test_epochs_are_quarters_of_shanghai() -> None:
    assert epoch_of(datetime(2026, 12, 31, 16, 0, tzinfo=UTC)) == "2027Q1"
    assert epoch_of(datetime(2026, 12, 31, 15, 59, tzinfo=UTC)) == "2026Q4"
    assert epochs_between("2026Q3", "2027Q2") == ["2026Q3", "2026Q4", "2027Q1", "2027Q2"]
    assert epoch_of(AT + timedelta(days=90)) == "2027Q1"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"v":2}', b'{"v": 1}', b'{"v":1,"x":1.5}', b'{"v":1,"x":NaN}', b"\xff"])
def test_a_leaf_in_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_entry(body)
