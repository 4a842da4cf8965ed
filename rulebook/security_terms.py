"""The security terms that a recipient accepts with an application: config/terms/security_terms.toml."""

from __future__ import annotations

import hashlib

from rulebook.records import SecurityTerms
from rulebook.source import Sources, Table

FILE = "terms/security_terms.toml"


def read_security_terms(sources: Sources) -> tuple[SecurityTerms, ...]:
    """Return every version, the first effective one first.

    Raises ``RulebookError``, also when a version stands twice, when two begin on one day, or when a text does not
    match its hash: what a recipient accepted, and a grant names by its hash, is never altered, but followed by a
    new version.
    """
    root = sources.toml(FILE)
    found: list[SecurityTerms] = []
    for entry in root.tables("versions"):
        terms = _read(entry)
        if any(terms.version == other.version for other in found):
            entry.fail("version", f"'{terms.version}' stands twice; number the new version / 版本号重复")
        if found and terms.effective <= found[-1].effective:
            entry.fail("effective", "each version begins after the one above it / 生效日期应晚于上一版本")
        found.append(terms)
    if not found:
        root.fail("versions", "no version; an application could not be submitted / 缺少安全条款")
    root.finish()
    return tuple(found)


def digest_input(version: str, zh: str, en: str) -> bytes:
    """Return the bytes of which ``sha256`` is taken: version, Chinese and English, a blank line between them."""
    return f"{version}\n\n{zh}\n\n{en}\n".encode()


def _read(entry: Table) -> SecurityTerms:
    version, zh, en = entry.text("version", max_length=40), entry.text("zh"), entry.text("en")
    true = hashlib.sha256(digest_input(version, zh, en)).hexdigest()
    if entry.text("sha256") != true:
        entry.fail(
            "sha256",
            f'does not match the text. A text that was accepted stays; for a new version write sha256 = "{true}" '
            "/ 校验值与条款不符，已接受的条款不得改动，请另立新版本",
        )
    terms = SecurityTerms(version, entry.day("effective"), zh, en, true)
    entry.finish()
    return terms
