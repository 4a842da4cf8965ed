"""``policy_set`` of an entry: there beside a policy, absent from older entries, carried through the queue."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway.audit.entries import check_draft, encode_entry
from gateway.audit.errors import EntryRefusedError
from gateway.audit.leaves import decode_entry
from gateway.audit.requests import decode_draft, encode_draft
from gateway.journal import EntryDraft
from tests.unit.audit.test_entries import AT, TAGGER

SET = "5e" * 32
DRAFT = EntryDraft("application.edited", None, policy="apply-for-own-recipient", policy_set=SET)


def test_the_member_is_in_the_leaf_and_only_when_the_draft_has_it() -> None:
    with_set = decode_entry(encode_entry(DRAFT, at=AT, rulebook="0" * 64, tagger=TAGGER).body)
    without = decode_entry(encode_entry(replace(DRAFT, policy_set=None), at=AT, rulebook="0" * 64, tagger=TAGGER).body)
    assert with_set == {**without, "policy_set": SET}
    assert "policy_set" not in without
    assert without["v"] == 1


@pytest.mark.parametrize("wrong", ["", "5e", SET.upper(), SET + "0", "13912345678", "g" * 64])
def test_what_is_no_sha256_is_refused(wrong: str) -> None:
    with pytest.raises(EntryRefusedError) as refused:
        check_draft(replace(DRAFT, policy_set=wrong))
    assert refused.value.missing == ("policy_set",)


def test_a_queued_request_keeps_it_and_an_older_one_has_none() -> None:
    text = encode_draft(DRAFT, "2026-11-23T10:00:00.000000Z")
    assert decode_draft(text)[0].policy_set == SET
    told = json.loads(text)
    del told["policy_set"]
    assert decode_draft(json.dumps(told))[0].policy_set is None
