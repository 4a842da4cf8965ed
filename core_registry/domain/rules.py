"""Rules as code: every check names the rule it enforces and answers in the same form.

``explain`` of a request is a list of ``RuleResult``: the one source for API answers, pages and tests. A check is a
pure function of request and facts under ``@rule``; what is enforced elsewhere (by a type, a database guard, a
procedure) is declared with ``enforces`` so that ``docs/rules.md`` finds it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from core_registry.domain.regulation import REGULATION, Mark

if TYPE_CHECKING:
    from core_registry.domain.facts import Facts
    from core_registry.domain.requests import Request


class Status(StrEnum):
    """How a rule answers."""

    PASSED = "passed"
    FAILED = "failed"
    EXCEPTION_POSSIBLE = "exception_possible"
    """A principle refuses; the approver of ``ask`` may grant an exception."""
    EXCEPTED = "excepted"
    """A principle refuses and an exception was granted."""


class Party(StrEnum):
    """Who acts: section 2 of the rules, seen from a case."""

    GUARDIAN = "guardian"
    SCHOOL = "school"
    """The school that holds the record; of a new record the one that registers."""
    RECEIVING_SCHOOL = "receiving-school"
    REGISTRY_SUPERIOR = "registry-superior"
    """Of the school that holds the record."""
    RECEIVING_SUPERIOR = "receiving-superior"
    SUPERVISING_DEPT = "supervising-dept"
    """Of the school that holds the record."""
    RECEIVING_SUPERVISING_DEPT = "receiving-supervising-dept"
    COUNTY = "edu-county"
    """Of the place that the case names: household registration, or the receiving place."""
    CITY = "edu-city"
    """The city in which the (receiving) school lies."""
    PROVINCE = "edu-province"


PARTY_LABELS = {
    Party.GUARDIAN: "监护人",
    Party.SCHOOL: "学校",
    Party.RECEIVING_SCHOOL: "转入学校",
    Party.REGISTRY_SUPERIOR: "上级学籍管理部门",
    Party.RECEIVING_SUPERIOR: "转入学校的上级学籍管理部门",
    Party.SUPERVISING_DEPT: "主管教育行政部门",
    Party.RECEIVING_SUPERVISING_DEPT: "转入学校的主管教育行政部门",
    Party.COUNTY: "县级教育行政部门",
    Party.CITY: "市级教育行政部门",
    Party.PROVINCE: "省级教育行政部门",
}
"""The Chinese name of each party."""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one rule says of one request.

    ``needed`` (Chinese, English) says what would have to be so; ``ask`` is who can help or may grant an exception.
    None of it holds personal data.
    """

    rule: str
    status: Status
    title_zh: str
    title: str
    needed_zh: str = ""
    needed: str = ""
    ask: Party | None = None
    evidence: str | None = None
    """The kind of evidence that is missing, if that is the reason."""

    @property
    def stops(self) -> bool:
        """Whether the request cannot be taken as it is."""
        return self.status in {Status.FAILED, Status.EXCEPTION_POSSIBLE}

    def document(self) -> dict[str, str | None]:
        """Return the result as programs read it: the same members in refusals, explanations and cases."""
        return {
            "rule": self.rule,
            "status": self.status.value,
            "title": self.title,
            "title_zh": self.title_zh,
            "needed": self.needed,
            "needed_zh": self.needed_zh,
            "ask": None if self.ask is None else self.ask.value,
            "ask_zh": None if self.ask is None else PARTY_LABELS[self.ask],
            "evidence": self.evidence,
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """A check's reason to refuse: what would be needed, in Chinese and English, and whom to ask."""

    needed_zh: str
    needed: str
    ask: Party | None = None


Verdict = Failure | bool | None
"""What a check returns: ``None`` does not concern this request, ``True`` holds, a ``Failure`` does not. Never
``False``."""
Check = Callable[["Request", "Facts"], RuleResult | None]


@dataclass(frozen=True, slots=True)
class Enforcement:
    """Where a rule is enforced, for ``docs/rules.md``."""

    rule: str
    where: str
    """``module:name``."""
    how: str
    """``check``, ``type``, ``database``, ``procedure``, ``record`` …"""


ENFORCEMENTS: list[Enforcement] = []
"""All that was declared by the modules imported so far."""

_T = TypeVar("_T")


def enforces(*rules: str, how: str = "code") -> Callable[[_T], _T]:
    """Declare that the decorated function or class keeps ``rules``. Raises ``KeyError`` for an unknown rule id."""

    def declare(target: _T) -> _T:
        where = f"{getattr(target, '__module__', '?')}:{getattr(target, '__qualname__', '?')}"
        for one in rules:
            REGULATION[one]
            ENFORCEMENTS.append(Enforcement(one, where, how))
        return target

    return declare


def declared(rule: str, where: str, how: str) -> None:
    """Declare that ``rule`` is kept at ``where`` (``module:name``): a constraint, a table, a constant."""
    REGULATION[rule]
    ENFORCEMENTS.append(Enforcement(rule, where, how))


def rule(name: str) -> Callable[[Callable[[Request, Facts], Verdict]], Check]:
    """Return a decorator that makes a check of ``name`` from a function of request and facts.

    A failed PRINCIPLE becomes ``exception_possible``, or ``excepted`` where ``facts.exceptions`` holds the rule; no
    other rule knows an exception (section 1). Raises ``KeyError`` for an unknown rule id.
    """
    entry = REGULATION[name]

    def decorate(function: Callable[[Request, Facts], Verdict]) -> Check:
        def check(request: Request, facts: Facts) -> RuleResult | None:
            verdict = function(request, facts)
            if verdict is None:
                return None
            if not isinstance(verdict, Failure):
                if verdict is not True:
                    raise TypeError(f"a check returns None, True or a Failure ({name})")
                return RuleResult(name, Status.PASSED, entry.zh, entry.en)
            status = Status.FAILED
            ask = verdict.ask
            if entry.mark is Mark.PRINCIPLE:
                excepted = name in facts.exceptions
                status = Status.EXCEPTED if excepted else Status.EXCEPTION_POSSIBLE
                ask = ask or (Party(entry.exception_by) if entry.exception_by else None)
            return RuleResult(name, status, entry.zh, entry.en, verdict.needed_zh, verdict.needed, ask)

        check.__module__, check.__qualname__ = function.__module__, function.__qualname__
        check.__name__, check.__doc__ = function.__name__, function.__doc__
        ENFORCEMENTS.append(Enforcement(name, f"{function.__module__}:{function.__qualname__}", "check"))
        return check

    return decorate
