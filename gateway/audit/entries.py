"""Audit entries on their way into the log: what may be in one, and its leaf (``gateway.audit.leaves``).

``docs/audit-entries.md`` has the schema and an example of each kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast

from gateway.audit.errors import EntryRefusedError
from gateway.audit.leaves import VERSION, canonical
from gateway.audit.records import LINKS, EncodedEntry, TagList
from gateway.audit.rolls import Roll
from gateway.audit.screening import is_credit_code, looks_personal
from gateway.audit.tags import Tagger, check_subjects, epoch_of, tags_root
from gateway.audit.tiles import MAX_ENTRY_BYTES
from gateway.instants import micros_text
from gateway.journal import EntryDraft, JsonValue
from gateway.principals import Principal

_KIND = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+")
_OUTCOME = re.compile(r"[a-z][a-z_]{0,31}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_INT = 2**53 - 1  # RFC 8785 writes numbers as IEEE 754 doubles do
_MAX_DEPTH = 8
_ADDED_BYTES = 4096
"""Room for time, rule book, occurred, clock_back and 64 listed tags."""
_COUNTED = ("bytes", "rows", "size", "count")
"""Integers under names that end so are amounts: eleven digits of bytes are no telephone number."""


def _refuse(what: str, where: str) -> EntryRefusedError:
    return EntryRefusedError(
        f"The audit entry was refused: '{where}' {what}.",
        detail_zh=f"审计条目被拒绝：“{where}”含有不允许的内容。",
        missing=(where,),
    )


def _screen_text(text: str, where: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _refuse("is not valid Unicode", where) from None
    found = looks_personal(text)
    if found:
        raise _refuse(f"looks like personal data ({found})", where)


def _screen_int(value: int, where: str) -> None:
    if abs(value) > _MAX_INT:
        raise _refuse("is an integer beyond 2^53", where)
    found = looks_personal(str(value), phones=not where.endswith(_COUNTED))
    if found:
        raise _refuse(f"looks like personal data ({found})", where)


def _screen(value: object, where: str, depth: int = 0) -> None:
    """Refuse floats, unknown types and what looks personal, with the place and never the value."""
    if depth > _MAX_DEPTH:
        raise _refuse("is nested too deeply", where)
    match value:
        case None | bool():
            return
        case int():
            _screen_int(value, where)
        case str():
            _screen_text(value, where)
        case list() | tuple():
            for item in value:
                _screen(item, where, depth + 1)
        case Mapping():
            for key, item in value.items():
                if not isinstance(key, str):
                    raise _refuse("has a key that is no text", where)
                if looks_personal(key):  # the place is told without the key, which is the leak itself
                    raise _refuse("has a key that looks like personal data", where)
                _screen(item, f"{where}.{key}", depth + 1)
        case _:
            raise _refuse(f"is a {type(value).__name__}, not JSON without floats", where)


def check_draft(draft: EntryDraft) -> None:
    """Return when ``draft`` may be written; raise ``EntryRefusedError``, naming the member, when not."""
    if not _KIND.fullmatch(draft.kind):
        raise _refuse("is not a dotted kind", "kind")
    if not _OUTCOME.fullmatch(draft.outcome):
        raise _refuse("is not an outcome", "outcome")
    _screen(draft.facts, "facts")
    for key, value in draft.links.items():
        if key not in LINKS:
            raise EntryRefusedError(f"'{key}' is no link; the links are {', '.join(LINKS)}.", missing=("links",))
        if not isinstance(value, str):
            raise _refuse("is no text", f"links.{key}")
        if not (key == "recipient" and is_credit_code(value)):
            _screen_text(value, f"links.{key}")
    _screen(draft.policy, "policy")
    if draft.policy_set is not None and not _SHA256.fullmatch(draft.policy_set):
        raise _refuse("is not a SHA-256", "policy_set")
    if draft.actor is not None:
        actor = draft.actor
        for name, value in (("account", actor.account), ("post", actor.post), ("unit", actor.unit or "")):
            _screen_text(value, f"actor.{name}")
        if actor.recipient is not None and not is_credit_code(actor.recipient):
            _screen_text(actor.recipient, "actor.recipient")


def _actor(actor: Principal | None) -> dict[str, JsonValue] | None:
    if actor is None:
        return None
    told: dict[str, JsonValue] = {"id": actor.account, "kind": actor.kind.value}
    if actor.unit is not None:
        told["unit"] = actor.unit
    if actor.post:
        told["post"] = actor.post
    if actor.recipient is not None:
        told["recipient"] = actor.recipient
    return told


def _tags(tags: TagList) -> dict[str, JsonValue]:
    if tags.listed:
        return {"epoch": tags.epoch, "tags": [tag.hex() for tag in tags.tags]}
    root = tags_root(tags.tags) if tags.root is None else tags.root
    return {"epoch": tags.epoch, "count": len(tags.tags), "root": root.hex()}


def encode_entry(
    draft: EntryDraft,
    *,
    at: datetime,
    rulebook: str,
    tagger: Tagger,
    previous: str = "",
    occurred: str | None = None,
    checked: bool = False,
) -> EncodedEntry:
    """Return the leaf of ``draft``.

    ``at`` is the sequencer's clock, UTC; ``previous`` the time of the entry before: a clock that went back
    is recorded as ``clock_back``, not repaired. ``occurred`` is when the fact happened, if it came through a
    queue. ``rulebook`` is the SHA-256 of the rule book in force. ``checked`` says
    that ``check_draft`` has passed this very draft. Raises ``EntryRefusedError``.
    """
    if not checked:
        check_draft(draft)
    content = _content(draft, micros_text(at), rulebook)
    if occurred is not None:
        content["occurred"] = occurred
    if previous and micros_text(at) < previous:
        content["clock_back"] = previous
    concerned = draft.subjects or isinstance(draft.subjects, Roll)  # a roll with nobody on it says just that
    tags = tagger.tags(epoch_of(at), draft.subjects) if concerned else None
    if tags is not None:
        content["tags"] = _tags(tags)
    body = canonical(content)
    _check_length(len(body))
    return EncodedEntry(body, tags)


def check_fits(draft: EntryDraft) -> None:
    """Return when ``draft`` may be written and fits a leaf whatever is added; for faces without the tag key."""
    check_draft(draft)
    check_subjects(draft.subjects)
    _check_length(len(canonical(_content(draft, "", ""))) + _ADDED_BYTES)


def _content(draft: EntryDraft, at: str, rulebook: str) -> dict[str, JsonValue]:
    content: dict[str, JsonValue] = {
        "v": VERSION,
        "kind": draft.kind,
        "at": at,
        "actor": _actor(draft.actor),
        "outcome": draft.outcome,
        "facts": _plain(draft.facts),
        "links": dict(draft.links),
        "policy": draft.policy,
        "rulebook": rulebook,
    }
    if draft.policy_set is not None:
        content["policy_set"] = draft.policy_set
    return content


def _plain(value: object) -> JsonValue:
    """Return ``value``, which was screened, in the types that JSON knows."""
    match value:
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case str():
            return str(value)
        case _:
            return cast("JsonValue", value)


def _check_length(length: int) -> None:
    if length > MAX_ENTRY_BYTES:
        raise EntryRefusedError(
            f"The audit entry has {length} bytes; {MAX_ENTRY_BYTES} fit.",
            detail_zh=f"审计条目过长：{length} 字节，上限 {MAX_ENTRY_BYTES} 字节。",
        )


def index_of(content: Mapping[str, JsonValue]) -> dict[str, str | None]:
    """Return the columns of the search index for an entry: everything in it comes from the leaf."""
    actor = content["actor"]
    links = content["links"]
    facts = content["facts"]
    found: dict[str, str | None] = {
        "kind": str(content["kind"]),
        "at": str(content["at"]),
        "outcome": str(content["outcome"]),
        "actor": str(actor["id"]) if isinstance(actor, dict) else None,
        "unit": str(actor["unit"]) if isinstance(actor, dict) and "unit" in actor else None,
        "policy": _text(content, "policy"),
        "rule": _text(facts, "rule"),
        "problem": _text(facts, "problem"),
    }
    for key in LINKS:
        found[f"link_{key}"] = str(links[key]) if isinstance(links, dict) and key in links else None
    return found


def _text(members: JsonValue | Mapping[str, JsonValue], name: str) -> str | None:
    value = members.get(name) if isinstance(members, Mapping) else None
    return value if isinstance(value, str) else None


def tag_list_of(content: Mapping[str, JsonValue]) -> TagList | None:
    """Return the tags that a leaf lists itself; ``None`` when it has none or carries only their root."""
    tags = content.get("tags")
    if not isinstance(tags, dict) or not isinstance(tags.get("tags"), list):
        return None
    listed = cast("list[str]", tags["tags"])
    return TagList(str(tags["epoch"]), tuple(bytes.fromhex(tag) for tag in listed), listed=True)


Clock = Callable[[], datetime]
