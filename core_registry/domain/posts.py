"""Posts of heads and registrars: who may act, who was responsible on a day, how registrars hand over (Arts. 3, 48)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from core_registry.domain.facts import Post
from core_registry.domain.regulation import REGULATION
from core_registry.domain.rules import RuleResult, Status, enforces
from core_registry.domain.working_days import add_months
from core_registry.errors import RegisterRuleError

REGISTRAR, HEAD = "registrar", "head"
CHANGES_A_YEAR = 1
"""A48-4: 相对稳定, as we read it: one change within twelve months passes without a warning."""


def in_office(post: Post, on: date) -> bool:
    """Whether the post is held on ``on``; the first and the last day belong to it."""
    return post.since <= on and (post.until is None or on <= post.until)


@enforces("A48-2", "A48-3", how="code")
def rights(post: Post, on: date) -> tuple[RuleResult, ...]:
    """Return what keeps the holder of ``post`` from acting on ``on``; nothing when all is in order.

    A registrar is filed with the superior department (A48-2) and was trained before (A48-3); a head only has to be in
    office (A3-3). Staff on establishment are a condition of filing (``filing_problems``, A48-1).
    """
    problems = []
    if not in_office(post, on):
        problems.append(_problem("A48-2", "现不在任。", "Not in office on this day."))
    if post.post != REGISTRAR:
        return tuple(problems)
    if post.filed_on is None or post.filed_on > on:
        problems.append(
            _problem("A48-2", "尚未报上级教育行政部门备案。", "Not filed with the superior department yet.")
        )
    if post.trained_on is None or post.trained_on > on:
        problems.append(_problem("A48-3", "尚未登记培训日期，不能上岗。", "No training is on record: no rights yet."))
    return tuple(problems)


@enforces("A48-2", "A48-3", how="code")
def require_rights(post: Post | None, on: date) -> None:
    """Pass when the holder of ``post`` may act on ``on``. Raises ``RegisterRuleError`` naming the first problem."""
    problems = (
        (_problem("A48-2", "在本单位没有登记的岗位。", "No post is filed for you at this unit."),)
        if post is None
        else rights(post, on)
    )
    if problems:
        first = problems[0]
        raise RegisterRuleError(
            " ".join(problem.needed for problem in problems),
            detail_zh="".join(problem.needed_zh for problem in problems),
            rule=first.rule,
        )


@enforces("A48-1", "A48-3", how="code")
def filing_problems(post: Post, *, private_school: bool) -> tuple[RuleResult, ...]:
    """Return why a post cannot be filed; nothing when it can.

    Registrars at departments and public schools are on establishment; a private school names somebody responsible
    (A48-1). Training comes before taking up the post (A48-3).
    """
    problems = []
    if post.until is not None and post.until < post.since:
        problems.append(_problem("A3-3", "离任日期不得早于到任日期。", "The last day lies before the first."))
    if post.post == REGISTRAR and not private_school and not post.on_establishment:
        problems.append(
            _problem(
                "A48-1", "部门和公办学校的学籍管理员应为在编人员。", "Here the registrar must be on establishment."
            )
        )
    if post.post == REGISTRAR and (post.trained_on is None or post.trained_on > post.since):
        problems.append(_problem("A48-3", "应先培训后上岗。", "Training comes before taking up the post."))
    return tuple(problems)


@enforces("A3-3", how="record")
def responsible_on(posts: Iterable[Post], unit: str, day: date) -> tuple[Post | None, Post | None]:
    """Return head (first responsible) and registrar (directly responsible) of ``unit`` on ``day``.

    ``None`` stands where there was none. Of several that overlap it is the one who took office last.
    """
    held = sorted((post for post in posts if post.unit == unit and in_office(post, day)), key=lambda post: post.since)
    head = next((post for post in reversed(held) if post.post == HEAD), None)
    registrar = next((post for post in reversed(held) if post.post == REGISTRAR), None)
    return head, registrar


@dataclass(frozen=True, slots=True)
class HandOver:
    """The record of a change of registrar (A48-4): who left, who came, when, and what was open and passed on."""

    unit: str
    outgoing: str
    incoming: str
    on: date
    open_cases: int
    open_matters: int


@enforces("A48-4", how="record")
def hand_over(outgoing: Post, incoming: Post, *, open_cases: int, open_matters: int) -> tuple[Post, HandOver]:
    """Return the outgoing post ended on the day before the incoming one begins, and the record of the hand-over.

    Raises ``RegisterRuleError`` (A48-4) when the two are not registrars of one unit, one person, or out of order.
    """
    fits = (
        outgoing.post == incoming.post == REGISTRAR
        and outgoing.unit == incoming.unit
        and outgoing.account != incoming.account
        and outgoing.since < incoming.since
        and outgoing.until is None
    )
    if not fits:
        raise RegisterRuleError(
            "A hand-over is between two registrars of one unit, from the present one to a later one.",
            detail_zh="交接应在同一单位的在任学籍管理员与继任者之间进行。",
            rule="A48-4",
        )
    ended = replace(outgoing, until=incoming.since - timedelta(days=1))
    record = HandOver(
        incoming.unit, outgoing.account, incoming.account, incoming.since, open_cases, open_matters
    )  # fmt: skip
    return ended, record


@enforces("A48-4", how="warning")
def changes_too_often(posts: Iterable[Post], unit: str, today: date) -> bool:
    """Whether a unit changed its registrar more than once within the last twelve months (A48-4)."""
    starts = sorted(
        post.since for post in posts if post.unit == unit and post.post == REGISTRAR and post.since <= today
    )
    year_ago = add_months(today, -12)
    # The first registrar of a unit is no change.
    return sum(start > year_ago for start in starts[1:]) > CHANGES_A_YEAR


def _problem(rule: str, zh: str, en: str) -> RuleResult:
    entry = REGULATION[rule]
    return RuleResult(rule, Status.FAILED, entry.zh, entry.en, zh, en)
