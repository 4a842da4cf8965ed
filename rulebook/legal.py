"""Laws and regulations that may be a ground: config/legal_bases.toml."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final, cast, get_args

from rulebook.columns import LEVELS
from rulebook.records import LegalBasis, LegalKind, Purpose
from rulebook.source import Sources, Table

LEGAL_KINDS: Final[tuple[str, ...]] = get_args(LegalKind)
"""法律法规: all that Art. 50 takes without a government's approval (``Q-3``)."""
LOWER_RANK: Final = ("departmental_rule", "government_rule", "notice")
"""部门规章, 地方政府规章, 规范性文件和通知: no ground; they go through a government's approval (``Q-3``)."""
_NOTICE: Final = re.compile(r"(?:通知|意见|通告|公告|函|纪要|方案|计划|要点)[）)》]?$")


def is_notice(title: str) -> bool:
    """Whether a title is that of a notice or an opinion, whatever kind is claimed for it: never a law (``Q-3``)."""
    return _NOTICE.search(title.strip()) is not None


def read_legal_bases(sources: Sources, purposes: Mapping[str, Purpose]) -> dict[str, LegalBasis]:
    """Return all legal bases by code. Raises ``RulebookError``, also when a held text does not match its hash."""
    return {code: _read(code, entry, purposes) for code, entry in sources.toml("legal_bases.toml").entries()}


def _read(code: str, entry: Table, purposes: Mapping[str, Purpose]) -> LegalBasis:
    served = entry.references("purposes", purposes, "a purpose of purposes.toml")
    fields = frozenset().union(*(purposes[name].fields for name in served))
    levels = frozenset().union(*(purposes[name].levels for name in served))
    text, sha256 = _read_text(entry)
    title = entry.text("title")
    basis = LegalBasis(
        code=code,
        title=title,
        kind=_read_kind(entry, title),
        article=entry.text("article"),
        text=text,
        text_sha256=sha256,
        effective=entry.day("effective"),
        purposes=served,
        levels=entry.references("levels", levels, f"a level of these purposes (of {', '.join(LEVELS)})"),
        fields=entry.references("fields", fields, "a field of these purposes"),
        recipients=entry.text("recipients"),
        repealed=entry.day("repealed") if entry.has("repealed") else None,
    )
    if basis.repealed is not None and basis.repealed <= basis.effective:
        entry.fail("repealed", "lies before the law took effect / 废止日期不得早于施行日期")
    entry.finish()
    return basis


def _read_kind(entry: Table, title: str) -> LegalKind:
    kind = entry.text("kind")
    if kind in LOWER_RANK:
        entry.fail(
            "kind",
            "a rule or a notice is no law or regulation; remove the entry and use the approval of a people's government"
            " / 规章、规范性文件和通知不是法律法规，请删除本条，改用县级以上人民政府批准（Q-3）",
        )
    if is_notice(title):
        entry.fail("title", "is that of a notice, not of a law or regulation / 通知、意见等不是法律法规（Q-3）")
    return cast("LegalKind", entry.choice("kind", LEGAL_KINDS))


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
