"""Every kind of evidence that a chapter asks for can be handed in: it stands in config/evidence_kinds.toml."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import rulebook
from core_registry.domain import chapters
from rulebook import EvidenceKind

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted(Path(chapters.__file__).parent.glob("*.py"))


@pytest.fixture(scope="module")
def kinds() -> dict[str, EvidenceKind]:
    return dict(rulebook.load(ROOT / "config").evidence_kinds)


def asked_for(tree: ast.Module) -> Iterator[str]:
    """Yield the kinds of all ``EvidenceNeed`` of a module, also where they were given a name before."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "EvidenceNeed":
            first = call.args[0]
            yield from texts(first) if isinstance(first, ast.Tuple) else assigned(tree, ast.unparse(first))


def assigned(tree: ast.Module, name: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets):
            for part in ast.walk(node.value):
                if isinstance(part, ast.Tuple):
                    yield from texts(part)


def texts(group: ast.Tuple) -> Iterator[str]:
    return (str(item.value) for item in group.elts if isinstance(item, ast.Constant))


def test_every_kind_that_a_chapter_asks_for_is_configured(kinds: dict[str, EvidenceKind]) -> None:
    asked = {kind: path.name for path in CHAPTERS for kind in asked_for(ast.parse(path.read_text(encoding="utf-8")))}
    assert len(asked) > 20
    assert {kind: file for kind, file in asked.items() if kind not in kinds} == {}
