"""The keys of pseudonyms: only the worker has their root."""

from __future__ import annotations

from gateway.bootstrap.parts import GrantDesk, Parts
from gateway.bootstrap.retention import pseudonym_holds
from gateway.keyring import Key
from gateway.policies.service import random_id
from gateway.releases.pseudonym_keys.service import PseudonymKeys
from gateway.releases.pseudonym_keys.store import SqlPseudonymKeys
from gateway.releases.store import ExtractStore


def pseudonym_keys(parts: Parts, grants: GrantDesk, extracts: ExtractStore) -> PseudonymKeys:
    """Return who makes, opens and destroys the keys of pseudonyms."""
    return PseudonymKeys(
        rows=SqlPseudonymKeys(),
        grants=grants,
        extracts=extracts,
        journal=parts.journal,
        reader=parts.reader,
        root=parts.keyring.secret(Key.PSEUDONYM_ROOT),
        algorithm=parts.book.parameters.pseudonym_algorithm,
        now=parts.now,
        new_id=random_id,
        held=pseudonym_holds(parts),
    )
