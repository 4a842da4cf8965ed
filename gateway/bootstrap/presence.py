"""Pupils in the audit trail, wired: who an inspector means, and proofs of presence and absence."""

from __future__ import annotations

import secrets

from core_registry.db.pupil_finder import SqlPupilFinder
from gateway.audit.proving import ProofDesk
from gateway.audit.pupils import PupilDesk
from gateway.audit.service import AuditService
from gateway.audit.statements import SALT_BYTES
from gateway.bootstrap.parts import Parts
from gateway.keyring import Key


def pupil_desk(parts: Parts) -> PupilDesk | None:
    """Return who says which pupil an inspector means; ``None`` on a face without the registry."""
    if parts.registry is None or not parts.keyring.has(Key.REGISTRY_INDEX):
        return None
    return PupilDesk(SqlPupilFinder(parts.registry, parts.keyring.secret(Key.REGISTRY_INDEX)), parts.journal)


def proof_desk(audit: AuditService, pupils: PupilDesk | None) -> ProofDesk | None:
    """Return who issues proofs; ``None`` on a face without the tag root or the registry."""
    if pupils is None or audit.tagger is None:
        return None
    return ProofDesk(audit, pupils, audit.tagger, lambda: secrets.token_bytes(SALT_BYTES))
