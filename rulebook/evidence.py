"""Kinds of evidence: config/evidence_kinds.toml (section 7 of the rules)."""

from __future__ import annotations

from rulebook.registry_records import EvidenceKind
from rulebook.source import Sources, Table

FILE = "evidence_kinds.toml"
MEDIA_TYPES = frozenset({"application/pdf", "image/png", "image/jpeg"})
"""The files that the program can tell by their first bytes."""
ISSUERS = frozenset(
    {"hospital", "police", "civil-affairs", "housing", "education", "committee", "school", "guardian", "other"}
)


def read_evidence_kinds(sources: Sources) -> dict[str, EvidenceKind]:
    """Return all kinds by code, in the order of the file. Raises ``RulebookError``."""
    root = sources.toml(FILE)
    found: dict[str, EvidenceKind] = {}
    labels: dict[str, str] = {}
    for code, entry in root.entries():
        kind = _read_kind(code, entry)
        for label in (kind.label, kind.label_en):
            if label in labels:
                entry.fail(None, f"'{label}' also names '{labels[label]}'; a form could not tell them apart / 名称重复")
            labels[label] = code
        found[code] = kind
    return found


def _read_kind(code: str, entry: Table) -> EvidenceKind:
    kind = EvidenceKind(
        code=code,
        label=entry.text("label", max_length=60),
        label_en=entry.text("label_en", max_length=60),
        issuers=entry.references("issuers", ISSUERS, f"one of {', '.join(sorted(ISSUERS))}"),
        media_types=entry.references("media_types", MEDIA_TYPES, f"one of {', '.join(sorted(MEDIA_TYPES))}"),
    )
    entry.finish()
    return kind
