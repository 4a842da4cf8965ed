"""The tags of an entry, read from its leaf as strictly as a stranger has to read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from gateway.audit.errors import MalformedError
from gateway.audit.tag_forms import LISTED_TAGS, TAG_BYTES, epoch_of
from gateway.journal import JsonValue

_TAG: Final = re.compile(r"[0-9a-f]{32}")
_ROOT: Final = re.compile(r"[0-9a-f]{64}")
_AT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"
_MAX: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class EntryTags:
    """What a leaf says of its pupils: all tags, or how many there are and the Merkle root over them."""

    epoch: str
    count: int
    listed: tuple[bytes, ...] | None = field(default=None, repr=False)
    """The tags, ascending; ``None`` where the leaf has their root."""
    root: bytes | None = None


def tags_of(content: Mapping[str, JsonValue]) -> EntryTags | None:
    """Return the tags of an entry, ``None`` where it has none.

    Raises ``MalformedError`` unless they are as the schema says: one of two forms, the epoch that of the entry's time,
    listed tags ascending, none twice and at most 64. Source: docs/presence-proofs.md, section 2.
    """
    if "tags" not in content:
        return None
    told = content["tags"]
    if not isinstance(told, dict):
        raise MalformedError("The tags of an entry are an object.")
    expected = _epoch(str(content.get("at")))
    if told.get("epoch") != expected:
        raise MalformedError("The epoch of an entry's tags is not that of its time.")
    match told:
        case {"epoch": str(), "tags": list(texts), **rest} if not rest:
            if len(texts) > LISTED_TAGS or not all(isinstance(one, str) and _TAG.fullmatch(one) for one in texts):
                raise MalformedError(f"A leaf lists at most {LISTED_TAGS} tags of {TAG_BYTES} bytes.")
            listed = tuple(bytes.fromhex(str(one)) for one in texts)
            if any(first >= second for first, second in pairwise(listed)):
                raise MalformedError("The tags in the leaf are not in order, or one stands twice.")
            return EntryTags(expected, len(listed), listed)
        case {"epoch": str(), "count": int(count), "root": str(root), **rest} if not rest:
            if isinstance(count, bool) or not 0 <= count <= _MAX or not _ROOT.fullmatch(root):
                raise MalformedError("The root of an entry's tags has 64 digits, and a count beside it.")
            return EntryTags(expected, count, root=bytes.fromhex(root))
        case _:
            raise MalformedError("The tags of an entry are a list, or a count and a root.")


def _epoch(at: str) -> str:
    try:
        moment = datetime.strptime(at, _AT).replace(tzinfo=UTC)
    except ValueError:
        raise MalformedError("The time of an entry with tags cannot be read.") from None
    return epoch_of(moment)
