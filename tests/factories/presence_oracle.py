"""A second verifier of presence proofs, written from docs/presence-proofs.md and the texts that it names.

It shares no code with the gateway: hashing by ``hashlib``, Ed25519 by ``cryptography``, JSON by the standard library.
Notes and policies are read as C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof and tlog-policy say,
as far as proofs need them: Ed25519 logs, one named witness or none.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class RefusedError(Exception):
    """The proof does not hold, or is none."""


@dataclass(frozen=True)
class Trust:
    """The log's vkey, and a witness's vkey that must have cosigned."""

    log: str
    witness: str | None = None


def verify(content: bytes, trust: Trust) -> dict[str, Any]:
    """Return claim, entry, tag and subject; raise ``RefusedError``."""
    try:
        return _verify(content, trust)
    except RefusedError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise RefusedError(repr(error)) from error


def _demand(condition: object, what: str) -> None:
    if not condition:
        raise RefusedError(what)


def _canonical(value: object) -> bytes:
    # texts of proofs are in the basic plane: sorting by code points is sorting by UTF-16 units there
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _read(content: bytes) -> Any:  # noqa: ANN401  JSON
    def no_float(_text: str) -> Any:  # noqa: ANN401
        raise RefusedError("a float")

    value = json.loads(content, parse_float=no_float, parse_constant=no_float)
    _demand(_canonical(value) == content, "not canonical")
    return value


def _bytes(text: object) -> bytes:
    _demand(isinstance(text, str), "no text")
    found = base64.b64decode(str(text), validate=True)
    _demand(base64.b64encode(found).decode() == text, "base64 not canonical")
    return found


def _hex(text: object, count: int) -> bytes:
    _demand(isinstance(text, str) and re.fullmatch(f"[0-9a-f]{{{2 * count}}}", text), "not so many digits")
    return bytes.fromhex(str(text))


def _whole(value: object) -> int:
    _demand(type(value) is int and 0 <= value < 2**53, "no whole number")
    return value  # type: ignore[return-value]


def _verify(content: bytes, trust: Trust) -> dict[str, Any]:
    # section 6, step 1
    _demand(len(content) <= 1 << 20, "too large")
    file = _read(content)
    needed = {"format", "claim", "tag", "entry", "leaves", "statement"}
    _demand(set(file) in (needed, needed | {"opening"}), "members")
    _demand(file["format"] == "xueji-presence-proof/1", "format")
    _demand(file["claim"] in ("present", "absent"), "claim")
    tag = _hex(file["tag"], 16)
    for one in ("entry", "statement"):
        _demand(set(file[one]) == {"body", "receipt"}, "members")
    # steps 2 and 3
    body = _bytes(file["entry"]["body"])
    index, origin = _receipt(file["entry"]["receipt"], body, trust)
    entry = _entry(body)
    _demand("tags" in entry, "no tags")
    epoch, listed, count, root = _tags(entry)
    # step 4
    _claim(file, tag, listed, count, root)
    # step 5
    said = _bytes(file["statement"]["body"])
    asked, other = _receipt(file["statement"]["receipt"], said, trust)
    _demand(other == origin, "another log")
    _demand(asked > index, "asked before")
    # step 6
    statement = _entry(said)
    facts = statement["facts"]
    _demand(statement["kind"] == "audit.read" and statement["outcome"] == "done", "no statement")
    _demand(facts["act"] == "presence" and facts["epoch"] == epoch, "another statement")
    _demand(type(facts["entry"]) is int and facts["entry"] == index, "another entry")
    if "tags" in statement:
        own_epoch, own, _, _ = _tags(statement)
        _demand(own_epoch != epoch or own == [tag], "another tag")
    commitment = _hex(facts["commitment"], 32)
    # step 7
    subject = None
    if "opening" in file:
        opening = file["opening"]
        _demand(set(opening) == {"salt", "subject"} and set(opening["subject"]) == {"kind", "value"}, "members")
        forms = {
            "student_number": "[GJL][0-9A-Z]{18}",
            "id_number": "[0-9]{17}[0-9X]",
            "subject_ref": "[0-9a-f]{32}",
        }
        subject = opening["subject"]
        _demand(re.fullmatch(forms[subject["kind"]], subject["value"]), "no number")
        bound = {
            "act": "presence",
            "entry": index,
            "epoch": epoch,
            "origin": origin,
            "subject": subject,
            "tag": file["tag"],
        }
        text = b"xueji-gateway presence statement v1\x00" + _hex(opening["salt"], 32) + _canonical(bound)
        _demand(hashlib.sha256(text).digest() == commitment, "opening")
    return {"claim": file["claim"], "entry": index, "tag": tag, "subject": subject}


def _entry(body: bytes) -> dict[str, Any]:
    found = _read(body)
    _demand(isinstance(found, dict) and found["v"] == 1 and type(found["v"]) is int, "version")
    return dict(found)


def _tags(entry: dict[str, Any]) -> tuple[str, list[bytes] | None, int, bytes]:
    tags = entry["tags"]
    at = datetime.strptime(entry["at"], "%Y-%m-%dT%H:%M:%S.%fZ") + timedelta(hours=8)  # noqa: DTZ007
    _demand(tags["epoch"] == f"{at.year:04d}Q{(at.month - 1) // 3 + 1}", "epoch")
    if set(tags) == {"epoch", "tags"}:
        listed = [_hex(one, 16) for one in tags["tags"]]
        _demand(isinstance(tags["tags"], list) and len(listed) <= 64, "list")
        _demand(all(listed[i] < listed[i + 1] for i in range(len(listed) - 1)), "order")
        return tags["epoch"], listed, len(listed), b""
    _demand(set(tags) == {"epoch", "count", "root"}, "members")
    return tags["epoch"], None, _whole(tags["count"]), _hex(tags["root"], 32)


def _claim(file: dict[str, Any], tag: bytes, listed: list[bytes] | None, count: int, root: bytes) -> None:
    _demand(isinstance(file["leaves"], list), "leaves")
    leaves = []
    for one in file["leaves"]:
        _demand(set(one) == {"index", "tag", "path"} and isinstance(one["path"], list), "members")
        leaf, place = _hex(one["tag"], 16), _whole(one["index"])
        if listed is None:
            path = [_bytes(node) for node in one["path"]]
            _demand(place < count and _climb(hashlib.sha256(b"\0" + leaf).digest(), place, count, path) == root, "path")
        leaves.append((place, leaf))
    present = file["claim"] == "present"
    if listed is not None:
        _demand(not leaves and (tag in listed) == present, "list")
    elif present:
        _demand([leaf for _, leaf in leaves] == [tag], "presence")
    elif count == 0:
        _demand(not leaves and root == hashlib.sha256(b"").digest(), "empty")
    elif len(leaves) == 1:
        place, leaf = leaves[0]
        _demand((place == 0 and tag < leaf) or (place == count - 1 and leaf < tag), "edge")
    else:
        _demand(len(leaves) == 2, "two leaves")
        (below, low), (above, high) = leaves
        _demand(below + 1 == above and low < tag < high, "neighbours")


def _climb(node: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root to which a path leads, by the recursion of RFC 6962, section 2.1.1: the largest split first."""
    _demand(all(len(one) == 32 for one in path), "hash")
    if size == 1:
        _demand(not path, "path too long")
        return node
    _demand(path, "path too short")
    half = 1
    while half * 2 < size:
        half *= 2
    if index < half:
        return hashlib.sha256(b"\1" + _climb(node, index, half, path[:-1]) + path[-1]).digest()
    return hashlib.sha256(b"\1" + path[-1] + _climb(node, index - half, size - half, path[:-1])).digest()


def _receipt(text: object, body: bytes, trust: Trust) -> tuple[int, str]:
    """Return index and origin of a tlog-proof that holds."""
    _demand(isinstance(text, str), "receipt")
    head, _, note = str(text).partition("\n\n")
    first, second, *hashes = head.split("\n")
    _demand(first == "c2sp.org/tlog-proof@v1", "header")
    found = re.fullmatch("index (0|[1-9][0-9]{0,18})", second)
    _demand(found, "index")
    index = int(found[1]) if found else 0
    origin, size, root = _checkpoint(note, trust)
    _demand(index < size, "beyond the log")
    path = [_bytes(one) for one in hashes]
    _demand(_climb(hashlib.sha256(b"\0" + body).digest(), index, size, path) == root, "inclusion")
    return index, origin


def _checkpoint(note: str, trust: Trust) -> tuple[str, int, bytes]:
    text, separator, signatures = note.rpartition("\n\n")
    _demand(separator and signatures.endswith("\n") and "\n\n" not in text, "note")
    text += "\n"
    origin, size, root, *_more = text[:-1].split("\n")
    _demand(re.fullmatch("0|[1-9][0-9]{0,18}", size), "size")
    lines = signatures[:-1].split("\n")
    name, key = _key(trust.log, 1)
    _demand(name == origin, "origin")
    _demand(_signed(lines, name, trust.log, key, text, stamped=False), "log signature")
    if trust.witness is not None:
        name, key = _key(trust.witness, 4)
        _demand(_signed(lines, name, trust.witness, key, text, stamped=True), "cosignature")
    found = _bytes(root)
    _demand(len(found) == 32, "root")
    return origin, int(size), found


def _key(vkey: str, algorithm: int) -> tuple[str, Ed25519PublicKey]:
    name, _, encoded = vkey.split("+", 2)
    content = base64.b64decode(encoded)
    _demand(content[0] == algorithm, "algorithm")
    return name, Ed25519PublicKey.from_public_bytes(content[1:])


def _signed(lines: list[str], name: str, vkey: str, key: Ed25519PublicKey, text: str, *, stamped: bool) -> bool:
    """Say whether a key signed: a false signature by it is refused, lines of others are read over."""
    found = False
    for line in lines:
        dash, who, encoded = line.split(" ")
        _demand(dash == "—", "signature line")
        content = _bytes(encoded)
        if who != name or content[:4].hex() != vkey.split("+")[1]:
            continue
        message, signature = text.encode(), content[4:]
        if stamped:
            moment = int.from_bytes(content[4:12], "big")
            message, signature = f"cosignature/v1\ntime {moment}\n{text}".encode(), content[12:]
        try:
            key.verify(signature, message)
        except InvalidSignature:
            raise RefusedError("signature") from None
        found = True
    return found
