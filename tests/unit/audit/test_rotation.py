"""The chain of a log's keys: who signs which size, what follows and what does not."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.entries import encode_entry
from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.following import LogKeys
from gateway.audit.note import NoteSigner
from gateway.audit.policy import TrustPolicy
from gateway.audit.rotation import KIND, KeyChain, Rotation, is_rotation, read_rotation, rotation_facts, statement
from gateway.audit.tags import Tagger
from gateway.errors import GatewayError
from gateway.journal import EntryDraft

ORIGIN = "log.example"
SIGNERS = [NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in range(6)]
KEYS = [one.verifier for one in SIGNERS]
UNTIL = "2026-12-23T10:00:00.000000Z"


def entry(old: NoteSigner, new: NoteSigner) -> bytes:
    draft = EntryDraft(KIND, None, facts=rotation_facts(old, new, UNTIL))
    at = datetime(2026, 11, 23, tzinfo=UTC)
    return encode_entry(draft, at=at, rulebook="0" * 64, tagger=Tagger.from_root(bytes(32))).body


BODY = entry(SIGNERS[0], SIGNERS[1])


def test_an_entry_of_a_change_is_read_and_others_are_not() -> None:
    assert read_rotation(7, BODY) == Rotation(7, KEYS[0], KEYS[1], UNTIL)
    assert is_rotation(BODY)
    told = b'{"facts":{"kind":"log.key_rotated"},"kind":"x.y"}'
    assert not is_rotation(told)
    with pytest.raises(MalformedError):
        read_rotation(0, b'{"v":1}')


def test_a_statement_is_no_checkpoint() -> None:
    with pytest.raises(MalformedError):
        Checkpoint.parse_text(statement(KEYS[0], KEYS[1], UNTIL))


def test_a_key_follows_another_one_of_its_own_log() -> None:
    with pytest.raises(ProofError):
        read_rotation(0, entry(SIGNERS[0], SIGNERS[0]))
    with pytest.raises(ProofError):
        read_rotation(0, entry(SIGNERS[0], NoteSigner("other.example", SIGNERS[1].key)))


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_no_entry_with_one_byte_changed_brings_another_key(at: int, flip: int) -> None:
    changed = bytearray(BODY)
    changed[at] ^= flip
    try:
        read = read_rotation(7, bytes(changed))
    except GatewayError:
        return
    assert read == Rotation(7, KEYS[0], KEYS[1], UNTIL)  # a member that nobody signed: who did it, the rule book


@given(st.lists(st.integers(0, 60), min_size=1, max_size=5, unique=True).map(sorted), st.integers(0, 5), st.randoms())
def test_any_trusted_key_leads_to_all_whatever_the_order(
    places: list[int], trusted: int, chance: random.Random
) -> None:
    chain = [Rotation(index, KEYS[n], KEYS[n + 1], UNTIL) for n, index in enumerate(places)]
    shuffled = chance.sample(chain, len(chain))
    found = KeyChain((KEYS[trusted],)).followed(shuffled)
    if trusted > len(chain):
        assert found.rotations == ()  # a stranger is led nowhere
        return
    assert found.rotations == tuple(chain)
    for size in range(62):
        signed = sum(index < size for index in places)
        assert found.at(size) == (KEYS[signed],)
        assert found.retired_at(size, [KEYS[signed]]) is None
        if signed:
            assert found.retired_at(size, [KEYS[0]]) is not None


@pytest.mark.parametrize(("size", "told"), [(7, []), (8, [7])])
def test_a_change_beside_the_log_must_be_its_entry_unless_it_came_later(size: int, told: list[int]) -> None:
    found: list[int | None] = []
    LogKeys(TrustPolicy((KEYS[0],)), lambda _damage, index, _: found.append(index), [(7, BODY)]).finish(size, None)
    assert found == told


def test_a_change_that_branches_off_is_refused() -> None:
    chain = KeyChain((KEYS[0],), (Rotation(5, KEYS[0], KEYS[1], UNTIL), Rotation(9, KEYS[1], KEYS[2], UNTIL)))
    for other in (
        Rotation(7, KEYS[0], KEYS[3], UNTIL),
        Rotation(12, KEYS[0], KEYS[3], UNTIL),
        Rotation(9, KEYS[1], KEYS[3], UNTIL),
        Rotation(3, KEYS[3], KEYS[4], UNTIL),
    ):
        with pytest.raises(ProofError):
            chain.with_rotation(other)
    assert chain.with_rotation(chain.rotations[0]) == chain
    assert chain.keys == (KEYS[0], KEYS[1], KEYS[2])
