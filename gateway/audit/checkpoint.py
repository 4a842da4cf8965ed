"""C2SP tlog-checkpoint: the signed statement of a log's size and root. Source: c2sp.org/tlog-checkpoint, v1.0.0."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.merkle import HASH_BYTES
from gateway.audit.note import COSIGNATURE, NoteSigner, SignedNote, VerifierKey

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_LINES = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: the origin of the log, the number of leaves and the root over them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text that is signed."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse_text(cls, text: str) -> Checkpoint:
        """Read the text of a checkpoint; raises ``MalformedError``."""
        lines = text.split("\n")
        if len(lines) < _LINES + 1 or lines.pop() or not all(lines):
            raise MalformedError("A checkpoint is origin, size and root, each on its line.")
        origin, size, encoded, *extensions = lines
        if not _SIZE.fullmatch(size):
            raise MalformedError("The size of a checkpoint is a decimal number without leading zeros.")
        try:
            root = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise MalformedError("The root of a checkpoint is not base64.") from None
        if len(root) != HASH_BYTES or base64.b64encode(root).decode() != encoded:
            raise MalformedError("The root of a checkpoint is not 32 bytes in canonical base64.")
        return cls(origin, int(size), root, tuple(extensions))

    def sign(self, signers: Iterable[NoteSigner]) -> SignedNote:
        """Return the signed checkpoint; during a key rotation both keys sign."""
        text = self.text
        return SignedNote(text, tuple(signer.sign(text) for signer in signers))


def open_checkpoint(
    content: str, keys: Iterable[VerifierKey], *, origin: str | None = None, retired: Iterable[VerifierKey] = ()
) -> Checkpoint:
    """Return the checkpoint of a note that one of the log's ``keys`` signed.

    Raises ``MalformedError`` when it is not one, ``ProofError`` when no log key signed it, or only one of ``retired``,
    keys of the log that do not sign this size alone; when a signature is false, or its origin is not ``origin``.
    """
    note = SignedNote.parse(content)
    checkpoint = Checkpoint.parse_text(note.text)
    log_keys = [key for key in keys if key.algorithm != COSIGNATURE]
    if not note.verify(log_keys):
        if note.verify(retired):
            raise ProofError(
                f"Only a key of the log that was replaced before, or came later, signed the checkpoint of size "
                f"{checkpoint.size}.",
                detail_zh=f"规模为 {checkpoint.size} 的检查点未由该规模应当签署的日志密钥签名。",
            )
        raise ProofError("No known key of the log signed this checkpoint.", detail_zh="检查点没有已知日志密钥的签名。")
    if origin is not None and checkpoint.origin != origin:
        raise ProofError("The checkpoint belongs to another log.", detail_zh="检查点属于另一日志。")
    return checkpoint
