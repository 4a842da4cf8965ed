"""What a text for the archive must not say: a matter that is never recorded there (A45-3).

The pattern is held as code points, so that the words themselves stand nowhere in the program.
"""

from __future__ import annotations

import re

from core_registry.domain.facts import Facts
from core_registry.domain.requests import Request
from core_registry.domain.rules import Failure, Verdict, enforces, rule
from core_registry.errors import RegisterRuleError

PATTERN = (
    # Spaces and punctuation between the characters do not help. The last two alternatives are the offices' shorthand.
    "\u4e13[\\W_]*\u95e8[\\W_]*(?:\u5b66[\\W_]*\u6821|\u6559[\\W_]*\u80b2|\u77eb[\\W_]*\u6cbb)"
    "|\u5de5[\\W_]*\u8bfb[\\W_]*(?:\u5b66[\\W_]*\u6821|\u6559[\\W_]*\u80b2)"
)


_NEVER = re.compile(PATTERN)


def says_what_is_never_recorded(text: str) -> bool:
    """Whether a text names a matter that the archive never records (A45-3)."""
    return _NEVER.search(text) is not None


@rule("A45-3")
def keeps_to_the_record(request: Request, _facts: Facts) -> Verdict:
    """A45-3: no text of a request brings into the archive what is never recorded. The answer does not repeat it."""
    texts = [value for value in request.values.values() if isinstance(value, str)]
    if any(says_what_is_never_recorded(text) for text in texts):
        return Failure(
            "文字含有学籍档案不予记载的内容，请删去后提交。",
            "A text holds something that the archive never records; take it out.",
        )
    return True


@enforces("A45-3", how="note, reason")
def require_recordable(text: str) -> None:
    """Pass for a note or reason that may be kept. Raises ``RegisterRuleError`` (A45-3), which does not repeat it."""
    if says_what_is_never_recorded(text):
        raise RegisterRuleError(
            "The text holds something that the archive never records; take it out.",
            detail_zh="文字含有学籍档案不予记载的内容，请删去后提交。",
            rule="A45-3",
        )
