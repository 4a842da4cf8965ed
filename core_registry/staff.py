"""Principals and registrars as the registry knows them: filed, trained, handed over, traceable (Arts. 3, 48).

The unit proposes and the superior education department files (section 6): an actor files posts of units right below
its own, the host files the first ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from core_registry.domain.cases import Actor
from core_registry.domain.facts import Post
from core_registry.domain.posts import REGISTRAR, changes_too_often, filing_problems, require_rights
from core_registry.domain.rules import RuleResult, enforces
from core_registry.domain.working_days import civil_date
from core_registry.errors import RegisterRuleError


@dataclass(frozen=True, slots=True)
class NewPost:
    """A post to be filed: ``registrar`` or ``head`` (校长) of a unit from a day on.

    ``filed_with`` is the division code of the superior department (A48-2); the desk fills it in.
    """

    account: str
    unit: str
    post: str
    since: date
    on_establishment: bool
    trained_on: date | None = None
    filed_on: date | None = None
    filed_with: str | None = None


@dataclass(frozen=True, slots=True)
class PostLine:
    """A post on file. ``filed_with`` and ``handed_over_to`` as they were entered."""

    id: int
    post: Post
    filed_with: str | None
    handed_over_to: str | None


@dataclass(frozen=True, slots=True)
class Filed:
    """What filing a post led to: its id, and whether the unit changes its registrar too often (A48-4)."""

    id: int
    too_many_changes: bool


@dataclass(frozen=True, slots=True)
class UnitAbove:
    """What filing depends on: the department above a unit, and whether the unit is a private school."""

    superiors: frozenset[str]
    private: bool


class PostStore(Protocol):
    """Posts in the registry database."""

    def above(self, unit: str) -> UnitAbove | None:
        """Return who is above a unit, ``None`` for an unknown one."""

    def post_of(self, account: str, unit: str, on: date) -> Post | None:
        """Return the filed post of an account at a unit on a day."""

    def file(self, new: NewPost, actor: Actor, now: datetime) -> int:
        """Write a post with its event; return its id. Raises ``RegisterRuleError`` (A3-3) when it is held already."""

    def end(self, post_id: int, until: date, handed_over_to: str | None, actor: Actor, now: datetime) -> None:
        """End a post. Raises ``RegisterRuleError`` when there is no such open post."""

    def of_unit(self, unit: str) -> list[PostLine]:
        """Return every post of a unit, present and past, oldest first."""


class StaffDesk:
    """Use cases of posts. ``now`` returns the present instant."""

    def __init__(self, store: PostStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    @enforces("A48-1", "A48-2", "A48-3", "A48-4", how="procedure")
    def file(self, new: NewPost, actor: Actor) -> Filed:
        """File a post with the superior department (备案).

        Raises ``RegisterRuleError``: A48-2 for an actor who is not of the department above, A48-1 for a registrar who
        is not on establishment at a department or public school, A48-3 without training before the first day, A3-3
        for a post held.
        """
        above = self._authorized(new.unit, actor)
        filed_with = actor.unit if actor.role != "system" else next(iter(sorted(above.superiors)), actor.unit)
        today = civil_date(self._now())
        filed = NewPost(
            new.account, new.unit, new.post, new.since, new.on_establishment, new.trained_on,
            new.filed_on or today, filed_with,
        )  # fmt: skip
        post = Post(
            filed.account, filed.unit, filed.post, filed.since, None, filed.on_establishment, filed.trained_on,
            filed.filed_on,
        )  # fmt: skip
        _refuse(filing_problems(post, private_school=above.private))
        post_id = self._store.file(filed, actor, self._now())
        held = [line.post for line in self._store.of_unit(new.unit)]
        return Filed(post_id, changes_too_often(held, new.unit, today))

    def end(self, unit: str, post_id: int, until: date, handed_over_to: str | None, actor: Actor) -> None:
        """End a post of ``unit`` on its last day. A registrar's names the successor to whom it was handed over (A48-4).

        Raises ``RegisterRuleError``.
        """
        self._authorized(unit, actor)
        line = next((one for one in self._store.of_unit(unit) if one.id == post_id), None)
        if line is None:
            raise RegisterRuleError(
                "There is no such post at this unit.", detail_zh="该单位没有这条任职记录。", rule="A3-3"
            )
        if line.post.post == REGISTRAR and not handed_over_to:
            raise RegisterRuleError(
                "A registrar leaves by handing over: name the successor's account.",
                detail_zh="学籍管理员离任应办理交接，请填写接任账号。",
                rule="A48-4",
            )
        self._store.end(post_id, until, handed_over_to, actor, self._now())

    def posts(self, unit: str, actor: Actor) -> list[PostLine]:
        """Return the posts of the actor's own unit, or of one below it. Raises ``RegisterRuleError`` for any other."""
        if actor.role != "system" and actor.unit != unit:
            self._authorized(unit, actor)
        return self._store.of_unit(unit)

    def _authorized(self, unit: str, actor: Actor) -> UnitAbove:
        above = self._store.above(unit)
        if above is None or (actor.role != "system" and actor.unit not in above.superiors):
            raise RegisterRuleError(
                "Posts are filed with the department right above the unit.",
                detail_zh="任职备案由该单位的上级教育行政部门办理。",
                rule="A48-2",
            )
        if actor.role != "system":
            today = civil_date(self._now())
            require_rights(self._store.post_of(actor.account, actor.unit, today), today)
        return above


def _refuse(problems: tuple[RuleResult, ...]) -> None:
    if problems:
        raise RegisterRuleError(
            " ".join(problem.needed for problem in problems),
            detail_zh="".join(problem.needed_zh for problem in problems),
            rule=problems[0].rule,
        )
