"""C2SP tlog-proof: an inclusion proof and its checkpoint as one text that verifies offline."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.errors import MalformedError
from gateway.audit.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from gateway.audit.note import SignedNote
from gateway.audit.policy import TrustPolicy
from gateway.audit.rotation import ProvenRotation, decode_proven, encode_proven

HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
_MAX_HASHES = 63


@dataclass(frozen=True, slots=True)
class TlogProof:
    """Index, inclusion proof from the leaf upwards, and the signed checkpoint."""

    index: int
    proof: tuple[bytes, ...]
    checkpoint: str
    rotations: tuple[ProvenRotation, ...] = ()
    """What changed the log's key below the checkpoint: whoever trusts an older key follows it to the one that signed.

    It stands in the extra data, which nothing vouches for: each change proves itself.
    """

    def __str__(self) -> str:
        """Return the proof as a file."""
        hashes = "".join(f"{base64.b64encode(node).decode()}\n" for node in self.proof)
        extra = f"extra {encode_proven(self.rotations)}\n" if self.rotations else ""
        return f"{HEADER}\n{extra}index {self.index}\n{hashes}\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> TlogProof:
        """Read a proof file; extra data that are not ours are read over. Raises ``MalformedError``."""
        head, separator, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if not separator or lines.pop(0) != HEADER:
            raise MalformedError(f"A proof begins with {HEADER}.")
        rotations: tuple[ProvenRotation, ...] = ()
        if lines and lines[0].startswith("extra "):
            extra = lines.pop(0).removeprefix("extra ")
            _base64(extra)
            rotations = decode_proven(extra)
        match = _INDEX.fullmatch(lines.pop(0)) if lines else None
        if match is None or len(lines) > _MAX_HASHES:
            raise MalformedError("A proof says 'index' and a number, then at most 63 hashes.")
        hashes = tuple(_base64(line) for line in lines)
        if any(len(node) != HASH_BYTES for node in hashes):
            raise MalformedError("A hash of the proof has not 32 bytes.")
        return cls(int(match[1]), hashes, checkpoint, rotations)

    def verify(self, body: bytes, policy: TrustPolicy) -> Checkpoint:
        """Return the checkpoint when it is trusted and holds ``body`` at the index; raise ``ProofError`` if not.

        Changes of the log's key count when the checkpoint holds them and they lead on from a trusted key.
        """
        told = Checkpoint.parse_text(SignedNote.parse(self.checkpoint).text)
        changed = [one.read(told.size, told.root) for one in self.rotations]
        checkpoint = policy.following(changed).open(self.checkpoint)  # steps 2 and 3 of the specification
        verify_inclusion(leaf_hash(body), self.index, checkpoint.size, self.proof, checkpoint.root)  # steps 1 and 4
        return checkpoint


def make_receipt(index: int, proof: Sequence[bytes], checkpoint: str, rotations: Sequence[ProvenRotation] = ()) -> str:
    """Return the receipt of an entry as text; ``rotations`` changed the log's key below the checkpoint."""
    return str(TlogProof(index, tuple(proof), checkpoint, tuple(rotations)))


def _base64(text: str) -> bytes:
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError("A line of the proof is not base64.") from None
    if base64.b64encode(decoded).decode() != text:
        raise MalformedError("A line of the proof is not canonical base64.")
    return decoded
