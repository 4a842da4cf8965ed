"""Laws and regulations that may be a ground: config/legal_bases.toml."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Literal, cast

from rulebook.columns import LEVELS
from rulebook.records import LegalBasis, Purpose
from rulebook.source import Sources, Table

# A rule of lower rank (部门规章, 通知) is no ground; it goes through a government approval.
_KINDS = ("law", "administrative_regulation", "local_regulation")


def read_legal_bases(sources: Sources, purposes: Mapping[str, Purpose]) -> dict[str, LegalBasis]:
    """Return all legal bases by code. Raises ``RulebookError``, also when a held text does not match its hash."""
    return {code: _read(code, entry, purposes) for code, entry in sources.toml("legal_bases.toml").entries()}


def _read(code: str, entry: Table, purposes: Mapping[str, Purpose]) -> LegalBasis:
    served = entry.references("purposes", purposes, "a purpose of purposes.toml")
    fields = frozenset().union(*(purposes[name].fields for name in served))
    levels = frozenset().union(*(purposes[name].levels for name in served))
    text, sha256 = _read_text(entry)
    basis = LegalBasis(
        code=code,
        title=entry.text("title"),
        kind=cast(Literal["law", "administrative_regulation", "local_regulation"], entry.choice("kind", _KINDS)),
        article=entry.text("article"),
        text=text,
        text_sha256=sha256,
        effective=entry.day("effective"),
        purposes=served,
        levels=entry.references("levels", levels, f"a level of these purposes (of {', '.join(LEVELS)})"),
        fields=entry.references("fields", fields, "a field of these purposes"),
        recipients=entry.text("recipients"),
    )
    entry.finish()
    return basis


def _read_text(entry: Table) -> tuple[str | None, str | None]:
    text = entry.text("text", max_length=20_000) if entry.has("text") else None
    sha256 = entry.optional_text("text_sha256")
    if text is None:
        if sha256 is not None:
            entry.fail("text_sha256", "a hash without the text; add the text or remove the hash / 有校验值而无条文")
        return None, None
    true = hashlib.sha256(text.encode()).hexdigest()
    if sha256 is None:
        entry.fail(
            "text", f'a text needs its hash; check it word by word, then add text_sha256 = "{true}" / 缺少校验值'
        )
    if sha256 != true:
        entry.fail("text_sha256", "does not match the text: one of both was altered / 条文与校验值不符")
    return text, sha256
