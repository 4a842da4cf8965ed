"""SHA-256 over several texts, so that no two lists of texts have one digest: what is kept of codes and tokens."""

from __future__ import annotations

from hashlib import sha256


def digest_of(*parts: str) -> str:
    """Return the hexadecimal SHA-256 of ``parts``, each behind its length in four bytes."""
    found = sha256()
    for part in parts:
        raw = part.encode()
        found.update(len(raw).to_bytes(4, "big") + raw)
    return found.hexdigest()
