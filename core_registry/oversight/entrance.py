"""Who may do what at the oversight's door: a filed post first, then the right unit (A3-2, A48-3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import date, datetime

from core_registry.domain.cases import Actor
from core_registry.domain.posts import require_rights
from core_registry.domain.rules import enforces
from core_registry.domain.working_days import civil_date
from core_registry.errors import CaseNotFoundError, RegisterRuleError
from core_registry.oversight.ports import PostBook

MAX_TEXT = 500
_NUMBERS = re.compile(r"[0-9]{7,}")


class Entrance:
    """Judges actors. ``now`` returns the present instant."""

    def __init__(self, posts: PostBook, now: Callable[[], datetime]) -> None:
        self._posts = posts
        self._now = now

    @property
    def today(self) -> date:
        """The civil day."""
        return civil_date(self._now())

    @enforces("A48-3", how="procedure")
    def rights(self, actor: Actor) -> None:
        """Pass for a filed and trained registrar, a principal in office, or the system itself.

        Raises ``RegisterRuleError``.
        """
        if actor.role == "system":
            return
        if actor.role == "guardian":
            raise RegisterRuleError(
                "This is for registrars and principals.", detail_zh="仅限学籍管理员、校长办理。", rule="A3-2"
            )
        require_rights(self._posts.post_of(actor.account, actor.unit, self.today), self.today)

    @enforces("A3-2", "A3-4", how="procedure")
    def unit(self, actor: Actor, units: Collection[str], rule: str) -> None:
        """Pass for an actor of one of ``units``, with rights. Raises ``RegisterRuleError``."""
        self.rights(actor)
        if actor.role != "system" and actor.unit not in units:
            raise RegisterRuleError("This is for another unit to do.", detail_zh="该事项不由您的单位办理。", rule=rule)

    def reached(self, school: str, reach: frozenset[str] | None) -> None:
        """Pass for a school within reach. Raises ``CaseNotFoundError``: unknown and forbidden get one answer."""
        if reach is not None and school not in reach:
            raise CaseNotFoundError(
                "There is no such school, or you may not know of it.", detail_zh="没有该学校，或您无权查看。"
            )


def plain_reason(reason: str) -> str:
    """Return a reason for the log. Raises ``RegisterRuleError`` (A50-4) for a blank, long or personal one."""
    text = reason.strip()
    if not text or len(text) > MAX_TEXT or _NUMBERS.search(text):
        raise RegisterRuleError(
            "Give a reason without any personal number; it is recorded.",
            detail_zh="请填写事由（不得含证件号、电话等个人信息），内容将被记录。",
            rule="A50-4",
        )
    return text
