"""Every error has its problem, in both languages; nothing of an unknown error is told."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import gateway
from core_registry.errors import RegistryError
from gateway.errors import ForbiddenError, GatewayError
from gateway.problems import TABLE, problem_of
from gateway.releases.errors import LeakSuspectedError, LeaseLostError


def error_classes() -> set[type[Exception]]:
    """Return every error class that a module of the program defines."""
    found: set[type[Exception]] = set()
    for module in pkgutil.walk_packages(gateway.__path__, "gateway."):
        if not module.name.endswith(".errors"):
            continue
        for _, one in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(one, GatewayError | RegistryError):
                found.add(one)
    return found


def test_every_error_becomes_a_problem_with_both_languages() -> None:
    classes = error_classes()
    assert len(classes) > 20
    for one in classes:
        kind = next(TABLE[parent] for parent in one.__mro__ if parent in TABLE)
        assert 400 <= kind.status < 600
        assert kind.title
        assert any("\u4e00" <= character <= "\u9fff" for character in kind.title_zh)


def test_one_name_stands_for_one_status() -> None:
    seen: dict[str, int] = {}
    for kind in TABLE.values():
        assert seen.setdefault(kind.name, kind.status) == kind.status


def test_a_problem_tells_rule_basis_and_what_is_missing() -> None:
    error = ForbiddenError("No.", detail_zh="不行。", rule="A50-9", missing=("uses",), extra={"dimension": "uses"})
    problem = problem_of(error)
    assert problem is not None
    assert problem.document() == {
        "type": "/problems/forbidden", "title": "不允许 / Not permitted", "status": 403, "detail": "No.",
        "detail_zh": "不行。", "rule": "A50-9", "basis": "晋教〔2026〕1号 art. 50", "missing": ["uses"],
        "dimension": "uses",
    }  # fmt: skip


def test_a_class_without_a_row_takes_that_of_its_parent() -> None:
    lost, leak = problem_of(LeaseLostError("x")), problem_of(LeakSuspectedError("x"))
    assert lost is not None
    assert leak is not None
    assert lost.kind.name == "conflict"
    assert (leak.kind.name, leak.rule) == ("leak-suspected", "A50-8")


def test_an_error_that_nobody_raises_on_purpose_has_no_problem() -> None:
    assert problem_of(ValueError("140105201503011234")) is None
