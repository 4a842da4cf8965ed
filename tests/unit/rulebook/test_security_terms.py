"""The security terms: a published text is never altered, a new version comes after."""

from __future__ import annotations

import hashlib

import pytest

from rulebook.loader import load
from rulebook.records import RulebookError
from rulebook.security_terms import FILE, digest_input
from tests.unit.rulebook.conftest import Draft


def version(name: str, effective: str, zh: str = "新条款。", en: str = "New terms.") -> str:
    sha256 = hashlib.sha256(digest_input(name, zh, en)).hexdigest()
    return (
        f'\n[[versions]]\nversion = "{name}"\neffective = {effective}\nsha256 = "{sha256}"\nzh = "{zh}"\nen = "{en}"\n'
    )


def test_the_shipped_terms_hold_and_a_new_version_follows(draft: Draft) -> None:
    draft.append(FILE, version("2027-1", "2027-01-01"))
    first, second = load(draft.directory).security_terms
    assert (first.version, second.version) == ("2026-1", "2027-1")
    assert first.sha256 == hashlib.sha256(digest_input(first.version, first.zh, first.en)).hexdigest()
    assert "销毁" in first.zh
    assert "deletion certificate" in first.en


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (version("2026-1", "2027-01-01"), "stands twice"),
        (version("2027-1", "2026-02-10"), "begins after"),
        (version("2027-1", "2027-01-01").replace("新条款。", "改过的条款。"), "does not match the text"),
        (version("2027-1", "2027-01-01") + "more = 1\n", "unknown key"),
    ],
)
def test_a_broken_version_is_refused(draft: Draft, text: str, reason: str) -> None:
    draft.append(FILE, text)
    with pytest.raises(RulebookError, match=reason):
        load(draft.directory)


def test_an_altered_published_text_is_refused(draft: Draft) -> None:
    draft.change(FILE, "不得识别学生本人", "可以识别学生本人")
    with pytest.raises(RulebookError, match="does not match the text"):
        load(draft.directory)
