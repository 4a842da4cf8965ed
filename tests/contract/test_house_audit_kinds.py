"""Every kind of audit entry that the code can write is documented, and nothing else is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "gateway/accesses",
    "gateway/accounts",
    "gateway/audit",
    "gateway/canaries",
    "gateway/families",
    "gateway/identity",
    "gateway/inspections",
    "gateway/policies",
    "gateway/releases",
    "gateway/retention",
    "gateway/bootstrap",
    "core_registry",
)
# policy.txt is a file of an inspection package, and no kind
_KIND = re.compile(
    r"(?:access|account|alert|application|assessment|audit|canary|delegation|disclosure|dry_run|family|grant|ground|"
    r"identity|inspection|legal_text|log|match|policy|pseudonym|recipient|registry|release|retention|scan)\.(?!txt\b)[a-z_]+"
)


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            if "migrations" not in file.parts:
                yield file, ast.parse(file.read_text(encoding="utf-8"))


def _texts(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _docstrings(tree: ast.Module) -> set[int]:
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def _written() -> set[str]:
    kinds: set[str] = set()
    for _, tree in _trees():
        prose = _docstrings(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
                kinds |= {node.value} if _KIND.fullmatch(node.value) else set()
            # ``_change(principal, before, after, act, …)`` writes ``application.ACT`` unless a kind is given
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_change":
                if not any(keyword.arg == "kind" for keyword in node.keywords):
                    kinds |= {f"application.{act}" for act in _texts(node.args[3])}
    return kinds


def _documented() -> dict[str, str]:
    text = (ROOT / "docs" / "audit-entries.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^### (\S+)\n(.*?)(?=^### |\Z)", text, re.MULTILINE | re.DOTALL))


def test_the_kinds_are_found_in_the_code() -> None:
    # the search itself: kinds written in each of the ways that the rooms have
    assert {
        "application.approved",
        "application.edited",
        "ground.confirmed",
        "release.intent",
        "account.login",
    } <= _written()
    assert {"registry.read", "audit.exported", "identity.issued", "log.event_refused"} <= _written()


def test_every_kind_that_is_written_is_documented() -> None:
    assert _written() - set(_documented()) == set()


def test_no_kind_is_documented_that_nobody_writes() -> None:
    assert set(_documented()) - _written() == set()


@pytest.mark.parametrize("kind", sorted(_documented()))
def test_a_documented_kind_has_a_sentence_and_an_example(kind: str) -> None:
    body = _documented()[kind]
    assert re.match(r"\n*[A-Z][^\n]+\.", body)
    assert "```json" in body
