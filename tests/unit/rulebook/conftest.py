"""A copy of the shipped rule book that a test may break."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

SHIPPED = Path(__file__).resolve().parents[3] / "config"


class Draft:
    """A directory like ``config/`` to change before it is loaded."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def change(self, name: str, old: str, new: str) -> int:
        """Replace the only occurrence of ``old``; return its line in the changed file."""
        path = self.directory / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {name}"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return text.count("\n", 0, text.index(old)) + 1

    def append(self, name: str, text: str) -> int:
        """Add text at the end of a file; return the line where it begins."""
        path = self.directory / name
        before = path.read_text(encoding="utf-8")
        path.write_text(before + text, encoding="utf-8")
        return before.count("\n") + 1

    def write(self, name: str, content: bytes) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    directory = tmp_path / "config"
    shutil.copytree(SHIPPED, directory, ignore=shutil.ignore_patterns("policies"))
    made = Draft(directory)
    made.write("policies/b.cedar", b"permit (principal, action, resource);\n")
    made.write("policies/a.cedar", b"forbid (principal, action, resource);\n")
    made.write("policies/schema.cedarschema", b"entity Account;\n")
    return made
