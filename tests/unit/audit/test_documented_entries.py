"""The examples of docs/audit-entries.md are entries as the sequencer writes them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.audit.entries import check_draft, index_of
from gateway.audit.leaves import decode_entry
from gateway.audit.records import LINKS
from gateway.journal import EntryDraft

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "audit-entries.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^### (\S+)\n.*?```json\n(.*?)\n```", TEXT, flags=re.MULTILINE | re.DOTALL)


def test_the_kinds_that_the_rooms_write_are_documented() -> None:
    kinds = {kind for kind, _ in EXAMPLES}
    assert {"release.intent", "release.outcome", "release.refused", "audit.read", "audit.exported"} <= kinds
    assert {"log.request_refused", "log.event_refused", "registry.import", "grant.withdrawn"} <= kinds


@pytest.mark.parametrize(("kind", "example"), EXAMPLES, ids=[kind for kind, _ in EXAMPLES])
def test_example_is_a_canonical_entry_that_would_be_taken(kind: str, example: str) -> None:
    content = decode_entry(example.encode())
    assert content["kind"] == kind
    facts, links, policy = content["facts"], content["links"], content["policy"]
    assert isinstance(facts, dict)
    assert isinstance(links, dict)
    assert set(links) <= set(LINKS)
    assert policy is None or isinstance(policy, str)
    named = {key: str(value) for key, value in links.items()}
    policy_set = content.get("policy_set")
    assert (policy is None) == (policy_set is None)
    assert policy_set is None or isinstance(policy_set, str)
    check_draft(EntryDraft(kind, None, str(content["outcome"]), facts, named, policy, policy_set=policy_set))
    assert index_of(content)["kind"] == kind
