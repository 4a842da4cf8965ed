"""Texts that people write into an application hold no number of a person: what to write instead."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.policies.errors import ApplicationIncompleteError
from gateway.record_texts import holds_number


def require_no_numbers(texts: Mapping[str, str]) -> None:
    """Return when no text holds a number of a person; raise ``ApplicationIncompleteError`` that names those that do."""
    found = tuple(name for name, text in texts.items() if holds_number(text))
    if found:
        raise ApplicationIncompleteError(
            f"Write no telephone, ID number or student number here: {', '.join(found)}. Name a post instead.",
            detail_zh="请不要填写电话、证件号码或学籍号，可写明职务或岗位。",
            rule="A50-8",
            missing=found,
        )
