"""What a proof of presence must not be: of another entry, another pupil, another quarter, another statement."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.presence import PresenceProof, verify_presence
from gateway.audit.statements import NamedSubject, Opening, SubjectKind
from gateway.journal import EntryDraft
from tests.factories import presence as made
from tests.factories import presence_oracle as oracle

PUPILS = [made.reference(number) for number in range(100)]
PUPIL, STRANGER = PUPILS[7], made.reference(500)


def refused(one: PresenceProof) -> str:
    with pytest.raises((ProofError, MalformedError)) as found:
        verify_presence(one.encode(), made.POLICY)
    with pytest.raises(oracle.RefusedError):
        oracle.verify(one.encode(), made.TRUST)
    return found.value.detail


def test_the_parts_of_two_proofs_do_not_mix() -> None:
    there, gone = made.proof(PUPILS, PUPIL), made.proof(PUPILS, STRANGER)
    fewer, later = made.proof(PUPILS[:80], PUPIL), made.proof(PUPILS, PUPIL, before=4)
    assert "leaf" in refused(replace(there, present=False))
    refused(replace(gone, present=True))
    refused(replace(there, leaves=gone.leaves))
    refused(replace(there, tag=gone.tag))
    refused(replace(there, leaves=fewer.leaves))
    refused(replace(there, entry=fewer.entry))
    refused(replace(there, entry=later.entry, leaves=later.leaves))  # its statement is about another entry
    refused(replace(there, statement=gone.statement))
    refused(replace(there, leaves=()))
    refused(replace(gone, leaves=gone.leaves[:1]))
    refused(replace(gone, leaves=gone.leaves[::-1]))
    refused(replace(gone, leaves=(gone.leaves[0], gone.leaves[0])))


def test_the_opening_opens_one_commitment() -> None:
    one = made.proof(PUPILS, PUPIL)
    assert one.opening is not None
    other = NamedSubject(SubjectKind.STUDENT_NUMBER, "L140105200701010025")
    assert "does not open" in refused(replace(one, opening=Opening(one.opening.salt, other)))
    refused(replace(one, opening=Opening(bytes(32), one.opening.subject)))
    same = NamedSubject(SubjectKind.ID_NUMBER, made.NUMBER.value)
    refused(replace(one, opening=Opening(one.opening.salt, same)))


@pytest.mark.parametrize(
    "facts",
    [{"act": "entry"}, {"entry": 2}, {"entry": True}, {"epoch": "2026Q3"}, {"commitment": "0" * 64}, {"commitment": 1}],
)
def test_a_statement_about_something_else_is_refused(facts: dict[str, Any]) -> None:
    refused(made.proof(PUPILS, PUPIL, **facts))


def test_a_statement_with_another_tag_of_the_quarter_is_refused() -> None:
    log = made.MemoryLog([])
    index = made.released(log, PUPILS[:3])
    tag = made.TAGGER.tag(made.EPOCH, PUPIL)
    opening = Opening(made.SALT, made.NUMBER)
    asked = made.stated(log, index, tag, STRANGER, opening)
    proof = PresenceProof(False, tag, log.proven(index), (), log.proven(asked), opening)
    assert "another tag" in refused(proof)


def test_an_entry_without_tags_shows_nothing_and_a_statement_comes_after() -> None:
    log = made.MemoryLog([])
    tag, opening = made.TAGGER.tag(made.EPOCH, PUPIL), Opening(made.SALT, made.NUMBER)
    silent = log.append(EntryDraft("release.prepared", None, facts={"rows": 3}))
    early = made.stated(log, 2, tag, PUPIL, opening)
    late = made.released(log, PUPILS[:3])
    asked = made.stated(log, silent, tag, PUPIL, opening)
    assert "no tags" in refused(PresenceProof(False, tag, log.proven(silent), (), log.proven(asked), opening))
    assert "before" in refused(PresenceProof(False, tag, log.proven(late), (), log.proven(early), opening))


def test_a_checkpoint_without_its_witness_or_of_another_log_is_refused() -> None:
    one = made.proof(PUPILS, PUPIL)
    note = one.entry.receipt.rpartition("\n\n")[0]
    log_line = one.entry.receipt.rpartition("\n\n")[2].splitlines()[0]
    alone = replace(one.entry, receipt=f"{note}\n\n{log_line}\n")
    assert "quorum" in refused(replace(one, entry=alone))
    refused(replace(one, statement=replace(one.statement, receipt=one.entry.receipt)))


def test_a_receipt_with_more_than_is_verified_is_refused() -> None:
    one = made.proof(PUPILS, PUPIL)
    extra = one.entry.receipt.replace("index 3", "extra AAAA\nindex 3")
    refused(replace(one, entry=replace(one.entry, receipt=extra)))


def test_a_number_shows_in_no_repr() -> None:
    one = made.proof(PUPILS, PUPIL)
    assert made.NUMBER.value not in repr(one)
    assert made.NUMBER.value not in repr(verify_presence(one.encode(), made.POLICY))
