"""Make ``docs/rules.md`` from the code: every rule, where it is enforced, and the tests that prove it.

``python -m tests.rules_document`` writes the file; ``--check`` writes nothing and ends with 1 when the file is not
what the code says, or when a rule has no enforcement or no test (``make lint``). Enforcements come from ``rule``,
``enforces`` and ``declared`` in ``core_registry`` and from ``keeps`` in ``gateway`` (Article 50); tests from
``@pytest.mark.rule("A16-1")``.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import core_registry
import gateway
from core_registry.domain.regulation import REGULATION
from core_registry.domain.rules import ENFORCEMENTS
from gateway.articles import KEPT

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "rules.md"
_HEAD = """# Rules

Every rule of 《中小学生学籍管理实施细则》(晋教〔2026〕1号) that registry and gateway keep: what it says, where the
code keeps it, and the tests that prove it. This file is generated (`make rules`); `make lint` fails when it is not what
the code says, or when a rule has lost its enforcement or its test. The ids are those of the articles: `A16-1` is the
first rule of Article 16; `S` are the rules of states, `T` those of computing time. Article 50 is the gateway's part.

| rule | kind | what | kept by | proved by |
| --- | --- | --- | --- | --- |
"""


def enforcements() -> dict[str, list[str]]:
    """Return rule id -> places, after importing every module of registry and gateway."""
    for package in (core_registry, gateway):
        _import_all(package)
    declared = [(one.rule, one.where.removeprefix("core_registry.")) for one in ENFORCEMENTS]
    found: dict[str, list[str]] = {}
    for rule, where in (*declared, *KEPT):
        places = found.setdefault(rule, [])
        if f"`{where}`" not in places:
            places.append(f"`{where}`")
    return found


def _import_all(package: ModuleType) -> None:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if ".migrations" not in module.name and not module.name.endswith(".__main__"):
            importlib.import_module(module.name)


def tests() -> dict[str, list[str]]:
    """Return rule id -> ``file::test`` of every test with its mark, in order of file."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        name = path.relative_to(ROOT).as_posix()
        for rule, test in _marked(ast.parse(path.read_text(encoding="utf-8")).body, ()):
            found.setdefault(rule, []).append(f"{name}::{test}")
    return found


def _marked(body: list[ast.stmt], outer: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _marked(node.body, outer + _rules(node.decorator_list))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            for rule in dict.fromkeys(outer + _rules(node.decorator_list)):
                yield rule, node.name


def _rules(decorators: list[ast.expr]) -> tuple[str, ...]:
    found: list[str] = []
    for node in decorators:
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.rule":
            found += [argument.value for argument in node.args if isinstance(argument, ast.Constant)]  # type: ignore[misc]  # texts, checked below
    return tuple(found)


def document() -> tuple[str, list[str]]:
    """Return the text of the document and what is lost: rules without enforcement or test, marks of unknown rules."""
    kept, proved = enforcements(), tests()
    problems = [f"{rule}: a test names it, the regulation does not" for rule in proved if rule not in REGULATION]
    rows = []
    for rule, entry in REGULATION.items():
        places, names = kept.get(rule, []), proved.get(rule, [])
        problems += [f"{rule}: enforced nowhere"] * (not places) + [f"{rule}: proved by no test"] * (not names)
        shown = [f"`{name.removeprefix('tests/')}`" for name in names]
        rows.append(
            f"| {rule} | {entry.mark.value} | {entry.zh} {entry.en} | {' '.join(places) or 'open'} | "
            f"{'<br>'.join(shown) or 'open'} |"
        )
    return _HEAD + "\n".join(rows) + "\n", problems


def main(arguments: list[str]) -> int:
    """Write or check the document; return the exit status."""
    text, problems = document()
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    if "--check" in arguments:
        if not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != text:
            sys.stderr.write("docs/rules.md is not what the code says: run 'make rules'\n")
            return 1
        return int(bool(problems))
    DOCUMENT.write_text(text, encoding="utf-8")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
