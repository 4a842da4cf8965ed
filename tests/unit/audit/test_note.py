"""Signed notes, verifier keys, checkpoints and cosignatures."""

from __future__ import annotations

import dataclasses

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.checkpoint import Checkpoint, open_checkpoint
from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.note import COSIGNATURE, NoteSigner, SignedNote, VerifierKey, cosignature_time

FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
FOO_NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
LOG = NoteSigner("log.example", Ed25519PrivateKey.from_private_bytes(bytes(32)))
WITNESS = NoteSigner("witness.example", Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32), COSIGNATURE)
CHECKPOINT = Checkpoint("log.example", 7, bytes(range(32)))


@pytest.mark.parametrize(("vkey", "content"), [(FOO, FOO_NOTE), (NEUMANN, NEUMANN_NOTE)])
def test_note_of_the_specification_verifies_and_is_written_alike(vkey: str, content: str) -> None:
    key = VerifierKey.parse(vkey)
    note = SignedNote.parse(content)
    assert note.verify([key]) == (key,)
    assert str(note) == content
    assert str(key) == vkey


def test_an_altered_text_does_not_verify() -> None:
    with pytest.raises(ProofError):
        SignedNote.parse(FOO_NOTE.replace("example message", "example messagf")).verify([VerifierKey.parse(FOO)])


def test_signatures_of_unknown_keys_are_ignored() -> None:
    assert SignedNote.parse(FOO_NOTE).verify([VerifierKey.parse(NEUMANN)]) == ()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n— name\n",
        "text\n\n- name AAAAAAA=\n",
        "text\n\n— name AAAA\n",
        "text\n\n— name AAAAAAB=\n",
        "te\txt\n\n— name AAAAAAA=\n",
        "text\n\n— na+me AAAAAAA=\n",
        FOO_NOTE.rstrip("\n"),
    ],
)
def test_a_malformed_note_is_refused(content: str) -> None:
    with pytest.raises(MalformedError):
        SignedNote.parse(content)


@pytest.mark.parametrize(
    "vkey", ["", "a+b", FOO.replace("530d903a", "530d903b"), FOO[:-4], "n ame+530d903a+AAAA", "n+00000000+", "a+b+c+d"]
)
def test_a_malformed_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(MalformedError):
        VerifierKey.parse(vkey)


def test_the_private_key_is_not_in_the_repr() -> None:
    assert "Private" not in repr(LOG)


def test_checkpoint_is_signed_and_opened() -> None:
    note = str(CHECKPOINT.sign([LOG]))
    assert open_checkpoint(note, [LOG.verifier], origin="log.example") == CHECKPOINT


def test_checkpoint_of_another_log_or_key_is_refused() -> None:
    note = str(CHECKPOINT.sign([LOG]))
    with pytest.raises(ProofError):
        open_checkpoint(note, [LOG.verifier], origin="other.example")
    stranger = NoteSigner("log.example", Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32))
    with pytest.raises(ProofError):
        open_checkpoint(note, [stranger.verifier])


def test_both_keys_sign_during_a_rotation() -> None:
    new = NoteSigner("log.example", Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32))
    note = str(CHECKPOINT.sign([LOG, new]))
    for key in (LOG.verifier, new.verifier):
        assert open_checkpoint(note, [key]) == CHECKPOINT


@pytest.mark.parametrize(
    "text",
    [
        "log.example\n7\n",
        "log.example\n07\n" + "A" * 43 + "=\n",
        "log.example\n-1\n" + "A" * 43 + "=\n",
        "log.example\n7\nAAAA\n",
        "log.example\n7\n" + "A" * 43 + "=",
        "\n7\n" + "A" * 43 + "=\n",
        "log.example\n7\n" + "A" * 42 + "B=\n",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        Checkpoint.parse_text(text)


def test_cosignature_binds_time_and_text() -> None:
    text = CHECKPOINT.text
    signature = WITNESS.cosign(text, 1_795_000_000)
    assert cosignature_time(text, signature, WITNESS.verifier) == 1_795_000_000
    assert SignedNote(text, (signature,)).verify([WITNESS.verifier]) == (WITNESS.verifier,)
    later = dataclasses.replace(signature, value=(1_795_000_001).to_bytes(8, "big") + signature.value[8:])
    with pytest.raises(ProofError):
        cosignature_time(text, later, WITNESS.verifier)
    with pytest.raises(ProofError):
        cosignature_time(CHECKPOINT.text.replace("7", "8"), signature, WITNESS.verifier)


def test_a_log_key_does_not_cosign_and_a_witness_key_does_not_sign() -> None:
    with pytest.raises(MalformedError):
        LOG.cosign(CHECKPOINT.text, 1)
    with pytest.raises(MalformedError):
        WITNESS.sign(CHECKPOINT.text)
