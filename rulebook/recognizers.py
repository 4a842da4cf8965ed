"""Free text: config/recognizers.yaml, in the form that people know from Presidio's configuration."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final, cast, get_args

from rulebook.recognition_records import (
    PERSON_ROLES,
    TEXT_MASKS,
    TEXT_TYPES,
    Hiding,
    Recognition,
    RecognizerRule,
    TextStyle,
)
from rulebook.source import Sources, Table

FILE: Final = "recognizers.yaml"
_NAME = re.compile(r"[a-z][a-z_]*(?:\.[a-z][a-z0-9_]*)*")
_WORD = re.compile(r"(?:QQ)?[一-鿿]{1,10}")


def read_recognizers(sources: Sources) -> Recognition:
    """Return what the file says of free text.

    Raises ``RulebookError`` with the line for an unknown key or kind, a kind or role that is missing, a detector that
    is named twice, a placeholder that two things share, a mask that does not exist. Whether there is a detector of a
    name only the gateway knows; it checks that when it starts.
    """
    from rulebook.yaml_source import yaml_table  # noqa: PLC0415  a parser for one file

    root = yaml_table(sources, FILE)
    style = cast(TextStyle, root.choice("style", get_args(TextStyle)))
    words: dict[str, str] = {}
    people = _read_people(root.table("people"), words)
    hiding = _read_types(root.table("types"), words, people)
    recognizers = _read_rules(root)
    root.finish()
    return Recognition(
        style, MappingProxyType(people), MappingProxyType(hiding), MappingProxyType({r.name: r for r in recognizers})
    )


def _word(table: Table, key: str, words: dict[str, str]) -> str:
    """Return the word of a placeholder; no two things have one word, and one with a digit would look numbered."""
    word = table.text(key)
    if not _WORD.fullmatch(word):
        table.fail(key, "must be 1 to 10 Chinese characters / 占位词应为 1 至 10 个汉字")
    if word in words:
        table.fail(key, f"'{word}' is the word of {words[word]} already / 占位词重复")
    words[word] = key
    return word


def _read_people(table: Table, words: dict[str, str]) -> dict[str, str]:
    found = {role: _word(table, role, words) for role in PERSON_ROLES}
    table.finish()
    return found


def _read_types(table: Table, words: dict[str, str], people: dict[str, str]) -> dict[str, Hiding]:
    for key in table.keys():
        if key not in TEXT_TYPES:
            table.fail(key, f"is no kind of personal data; known are {', '.join(TEXT_TYPES)} / 未知的类型")
    found = {}
    for kind in TEXT_TYPES:
        entry = table.table(kind)
        mask = entry.choice("mask", TEXT_MASKS)
        if kind == "PERSON":  # its words stand under 'people'
            found[kind] = Hiding(mask, people["other"], numbered=True)
        else:
            numbered = entry.boolean("numbered") if entry.has("numbered") else False
            found[kind] = Hiding(mask, _word(entry, "placeholder", words), numbered)
        entry.finish()
    table.finish()
    return found


def _read_rules(root: Table) -> list[RecognizerRule]:
    found: list[RecognizerRule] = []
    for entry in root.tables("recognizers"):
        name = entry.text("name", max_length=80)
        if not _NAME.fullmatch(name):
            entry.fail("name", "must be a name like identifiers.phone / 名称格式不正确")
        if any(name == other.name for other in found):
            entry.fail("name", f"'{name}' stands twice; remove one / 重复的识别器")
        enabled = entry.boolean("enabled") if entry.has("enabled") else True
        least = entry.share("least_score") if entry.has("least_score") else 0.0
        entry.finish()
        found.append(RecognizerRule(name, enabled, least, entry.document.line((*entry.path, "name"))))
    if not any(rule.enabled for rule in found):
        root.fail("recognizers", "all are off: then nothing would be hidden / 不得全部停用")
    return found
