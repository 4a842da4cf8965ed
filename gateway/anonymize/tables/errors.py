"""The errors of anonymising a file. Values of direct and sensitive columns stand in none of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import ParameterError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: where (a JSON pointer into the plan, or empty), and what to change, in both languages."""

    pointer: str
    detail: str
    detail_zh: str


class TableError(ParameterError):
    """A table of the caller's own is not released. Raised in the shell, answered over no network."""


class TablePlanError(TableError):
    """The plan cannot be read, contradicts itself, or does not fit the table."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(
            "\n".join(_placed(problem.pointer, problem.detail) for problem in problems),
            detail_zh="\n".join(_placed(problem.pointer, problem.detail_zh) for problem in problems),
            extra={"pointer": problems[0].pointer} if problems[0].pointer else None,
        )
        self.problems = tuple(problems)


class TableFileError(TableError):
    """A file cannot be read as a table, or the result cannot be written."""


class DependencyError(TableError):
    """A column that would leave as it is gives away what another one hides."""


class LeakError(TableError):
    """The written content holds what looks like an identifier: it is destroyed."""


class ContentError(TableError):
    """The written content is not what was measured: it is destroyed."""


def _placed(pointer: str, text: str) -> str:
    return f"{pointer}: {text}" if pointer else text
