"""Trust policies (tlog-policy) and receipts (tlog-proof)."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.merkle import inclusion_proof, leaf_hash, nodes_of, root_of
from gateway.audit.note import COSIGNATURE, NoteSigner
from gateway.audit.policy import parse_policy
from gateway.audit.receipts import TlogProof, make_receipt

LOG = NoteSigner("log.example", Ed25519PrivateKey.from_private_bytes(bytes(32)))
WITNESSES = [NoteSigner(f"w{n}", Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32), COSIGNATURE) for n in (1, 2, 3)]
LINES = [f"log {LOG.verifier}", *(f"witness W{n} {w.verifier}" for n, w in enumerate(WITNESSES, start=1))]
TEXT = "\n".join(["# who is trusted", *LINES, "", "group both 2 W1 W2 W3", " quorum\tboth "]) + "\n"
BODIES = [f"entry {n}".encode() for n in range(7)]
LEAVES = [leaf_hash(body) for body in BODIES]


def _note(cosigners: list[NoteSigner]) -> str:
    note = Checkpoint("log.example", 7, root_of(LEAVES)).sign([LOG])
    return str(note.with_signatures(w.cosign(note.text, 1_795_000_000) for w in cosigners))


def test_quorum_counts_distinct_witnesses() -> None:
    policy = parse_policy(TEXT)
    assert policy.open(_note(WITNESSES[:2])).size == 7
    for cosigners in ([], WITNESSES[:1], [WITNESSES[0], WITNESSES[0]]):
        with pytest.raises(ProofError):
            policy.open(_note(cosigners))


def test_policy_reads_back_from_its_text() -> None:
    policy = parse_policy(TEXT)
    assert parse_policy(policy.text()) == policy


def test_groups_nest_and_know_all_and_any() -> None:
    text = "\n".join([*LINES, "group one any W1 W2", "group two all one W3", "quorum two"])
    policy = parse_policy(text)
    assert policy.satisfied_by([WITNESSES[1].verifier, WITNESSES[2].verifier])
    assert not policy.satisfied_by([WITNESSES[0].verifier, WITNESSES[1].verifier])


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["quorum both"],
        ["quorum none", "quorum none"],
        ["group g 3 W1 W2", "quorum g"],
        ["group g 0 W1", "quorum g"],
        ["group g any", "quorum g"],
        ["group g all W1 W9", "quorum g"],
        ["group none any W1", "quorum none"],
        ["group W1 any W2", "quorum W1"],
        [f"witness W4 {WITNESSES[0].verifier}", "quorum none"],
        [f"log {LOG.verifier}", "quorum none"],
        [f"log {WITNESSES[0].verifier}", "quorum none"],
        [f"witness W4 {LOG.verifier}", "quorum none"],
        ["trust everybody", "quorum none"],
    ],
)
def test_a_policy_that_says_something_else_is_refused(lines: list[str]) -> None:
    with pytest.raises(MalformedError):
        parse_policy("\n".join([*LINES, *lines]))


def test_receipt_verifies_offline_and_for_its_entry_only() -> None:
    policy = parse_policy(TEXT)
    for index, body in enumerate(BODIES):
        text = make_receipt(index, inclusion_proof(nodes_of(LEAVES), index, 7), _note(WITNESSES))
        proof = TlogProof.parse(text)
        assert str(proof) == text
        assert proof.verify(body, policy).size == 7
        with pytest.raises(ProofError):
            proof.verify(body + b"x", policy)


def test_extra_data_of_a_receipt_is_read_over() -> None:
    text = make_receipt(0, [], _note(WITNESSES)).replace("index 0", "extra AAAA\nindex 0")
    assert TlogProof.parse(text).index == 0


@pytest.mark.parametrize("text", ["", "c2sp.org/tlog-proof@v1\n\nx", "c2sp.org/tlog-proof@v1\nindex 01\n\nx",
                                  "c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\nx", "other\nindex 1\n\nx"])  # fmt: skip
def test_a_malformed_receipt_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        TlogProof.parse(text)
