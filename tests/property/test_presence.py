"""Presence and absence against a plain set, and proofs of which any byte was changed; two verifiers agree."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.membership import TagLeaf, check_shown, shown
from gateway.audit.merkle import inclusion_proof, leaf_hash, nodes_of, root_of
from gateway.audit.presence import verify_presence
from gateway.audit.rolls import PackedTags, ascending, nodes_over, tags_root
from gateway.audit.tagged import EntryTags
from tests.factories import presence as made
from tests.factories import presence_oracle as oracle

near = st.integers(0, 400).map(lambda number: number.to_bytes(16, "big"))
"""Tags close together, so that neighbours touch."""
sets = st.sets(near, max_size=80).map(lambda found: tuple(sorted(found)))


def of(tags: tuple[bytes, ...]) -> EntryTags:
    return EntryTags("2026Q4", len(tags), root=tags_root(tags))


def holds(tags: EntryTags, tag: bytes, present: bool, leaves: tuple[TagLeaf, ...]) -> bool:
    try:
        check_shown(tags, tag, present, leaves)
    except ProofError:
        return False
    return True


@given(sets, near)
@example((), bytes(16))
@example((bytes(16),), bytes(16))
@example((b"\1" * 16,), bytes(16))
@example((bytes(16),), b"\1" * 16)
@settings(max_examples=200, deadline=None)
def test_what_is_shown_is_what_a_set_says_and_the_opposite_is_refused(tags: tuple[bytes, ...], tag: bytes) -> None:
    present, leaves = shown(PackedTags(b"".join(tags)), tag, tags_root(tags))
    assert present == (tag in set(tags))
    assert holds(of(tags), tag, present, leaves)
    assert not holds(of(tags), tag, not present, leaves)
    listed = EntryTags("2026Q4", len(tags), tags)
    assert (holds(listed, tag, present, ()), holds(listed, tag, not present, ())) == (True, False)


@given(st.sets(near, min_size=1, max_size=8).map(lambda found: tuple(sorted(found))), st.data())
@settings(max_examples=40, deadline=None)
def test_no_choice_of_true_leaves_shows_what_is_not_so(tags: tuple[bytes, ...], data: st.DataObject) -> None:
    """Whatever leaves of the tree an adversary hands over, each with its true path: nothing false follows."""
    nodes = nodes_of([leaf_hash(tag) for tag in tags])
    every = [TagLeaf(at, tag, tuple(inclusion_proof(nodes, at, len(tags)))) for at, tag in enumerate(tags)]
    there, gone = data.draw(st.sampled_from(tags)), data.draw(near.filter(lambda tag: tag not in tags))
    for count in range(4):
        for leaves in combinations(every, count):
            assert not holds(of(tags), there, False, leaves)
            assert not holds(of(tags), gone, True, leaves)
            assert not holds(of(tags), there, False, leaves[::-1])


@given(sets, near, st.data())
@settings(max_examples=100, deadline=None)
def test_a_leaf_at_another_place_or_in_a_tree_of_another_size_is_refused(
    tags: tuple[bytes, ...], tag: bytes, data: st.DataObject
) -> None:
    present, leaves = shown(tags, tag, tags_root(tags))
    told = of(tags)
    other = data.draw(st.integers(0, 200).filter(lambda count: count != len(tags)))
    if leaves and not (len(tags) > 1 and other > 1):
        assert not holds(EntryTags(told.epoch, other, root=told.root), tag, present, leaves)
    for at, leaf in enumerate(leaves):
        moved = TagLeaf(leaf.index + 1, leaf.tag, leaf.path)
        assert not holds(told, tag, present, (*leaves[:at], moved, *leaves[at + 1 :]))


def test_an_inner_node_is_no_tag_and_no_leaf_stands_twice() -> None:
    tags = tuple(number.to_bytes(16, "big") for number in range(10, 14))
    node = leaf_hash(tags[0]) + leaf_hash(tags[1])
    nodes = nodes_of([leaf_hash(tag) for tag in tags])
    forged = TagLeaf(0, node, (nodes(1, 1),))
    assert not holds(EntryTags("2026Q4", 2, root=tags_root(tags)), node, True, (forged,))
    first = TagLeaf(0, tags[0], tuple(inclusion_proof(nodes, 0, 4)))
    assert not holds(of(tags), tags[0], False, (first, first))
    double = (tags[0], tags[0], tags[1])
    assert not ascending(double)
    assert not ascending(tags[::-1])
    assert all(map(ascending, ((), tags[:1], tags)))


@given(st.integers(0, 1300))
@example(256)
@example(257)
@example(512)
@settings(max_examples=20, deadline=None)
def test_the_tree_over_packed_tags_is_that_of_the_rfc(count: int) -> None:
    tags = [number.to_bytes(16, "big") for number in range(count)]
    plain = [leaf_hash(tag) for tag in tags]
    assert tags_root(PackedTags(b"".join(tags))) == root_of(plain)
    if count:
        nodes, simple = nodes_over(tags), nodes_of(plain)
        for at in {0, count // 2, count - 1}:
            assert inclusion_proof(nodes, at, count) == inclusion_proof(simple, at, count)


PUPILS = [made.reference(number) for number in range(100)]
CASES = {
    "present": made.proof(PUPILS, PUPILS[7]),
    "absent": made.proof(PUPILS, made.reference(500)),
    "listed": made.proof(PUPILS[:5], PUPILS[3]),
    "nobody": made.proof([], PUPILS[3]),
}


def refused(content: bytes) -> bool:
    """Say whether ours refuses a file; the second verifier must agree."""
    try:
        verify_presence(content, made.POLICY)
        ours = False
    except (MalformedError, ProofError):
        ours = True
    try:
        oracle.verify(content, made.TRUST)
        theirs = False
    except oracle.RefusedError:
        theirs = True
    assert ours == theirs, "the two verifiers do not agree"
    return ours


@pytest.mark.rule("A50-10")
@pytest.mark.parametrize("name", CASES)
def test_both_verifiers_take_the_proof(name: str) -> None:
    verdict = verify_presence(CASES[name].encode(), made.POLICY)
    second = oracle.verify(CASES[name].encode(), made.TRUST)
    assert (verdict.present, verdict.index, verdict.asked) == (name in {"present", "listed"}, 3, 4)
    assert verdict.subject == made.NUMBER
    assert (second["claim"] == "present", second["entry"], second["tag"]) == (
        verdict.present, verdict.index, verdict.tag,
    )  # fmt: skip
    assert verify_presence(CASES[name].encode(opened=False), made.POLICY).subject is None
    assert oracle.verify(CASES[name].encode(opened=False), made.TRUST)["subject"] is None


@given(st.sampled_from(sorted(CASES)), st.data())
@settings(max_examples=250, deadline=None)
def test_a_proof_with_a_changed_byte_is_refused(name: str, data: st.DataObject) -> None:
    content = bytearray(CASES[name].encode())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    assert refused(bytes(content))


@pytest.mark.soak
@pytest.mark.parametrize("name", CASES)
def test_every_changed_byte_is_refused(name: str) -> None:
    content = CASES[name].encode()
    for at in range(len(content)):
        for flip in (1, 2, 32, 128):
            assert refused(content[:at] + bytes([content[at] ^ flip]) + content[at + 1 :]), (at, flip)


@given(st.sampled_from(sorted(CASES)), st.data())
@settings(max_examples=60, deadline=None)
def test_a_proof_that_was_cut_or_grew_is_refused(name: str, data: st.DataObject) -> None:
    content = CASES[name].encode()
    at = data.draw(st.integers(0, len(content) - 1))
    assert refused(content[:at])
    assert refused(content[:at] + data.draw(st.binary(min_size=1, max_size=3)) + content[at:])
