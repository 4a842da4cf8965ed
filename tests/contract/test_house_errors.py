"""Every error that is raised on purpose has a problem of its own or of a parent that says more than "refused"."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import core_registry
import gateway
from core_registry.errors import RegistryError
from gateway import problems
from gateway.errors import GatewayError
from gateway.remote import UnexpectedAnswerError

ROOTS = (GatewayError, RegistryError)
NEVER_ANSWERED = {UnexpectedAnswerError}
"""Raised by programs that call a gateway (``xueji extract``, the demo), never by one that answers."""


def _subclasses(parent: type[Exception]) -> Iterator[type[Exception]]:
    for child in parent.__subclasses__():
        yield child
        yield from _subclasses(child)


def _known_errors() -> list[type[Exception]]:
    for package in (core_registry, gateway):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__") and ".migrations" not in module.name:
                importlib.import_module(module.name)
    found = {
        error for root in ROOTS for error in _subclasses(root) if error.__module__.startswith(("gateway", "core_"))
    }
    return sorted(found - NEVER_ANSWERED, key=lambda error: f"{error.__module__}.{error.__qualname__}")


@pytest.mark.parametrize("error", _known_errors(), ids=lambda error: f"{error.__module__}.{error.__qualname__}")
def test_every_error_is_mapped_by_itself_or_by_a_specific_parent(error: type[Exception]) -> None:
    nearest = next(parent for parent in error.__mro__ if parent in problems.TABLE)
    assert nearest not in ROOTS, f"{error.__qualname__} would be answered as {problems.TABLE[nearest].name}"


def test_one_name_of_a_problem_has_one_status_and_one_title() -> None:
    kinds = set(problems.TABLE.values())
    assert len({kind.name for kind in kinds}) == len(kinds)


def test_every_problem_has_both_languages_and_an_error_status() -> None:
    for kind in problems.TABLE.values():
        assert 400 <= kind.status <= 599
        assert kind.title_zh
        assert any("\u4e00" <= letter <= "\u9fff" for letter in kind.title_zh)
        assert kind.title.isascii()
