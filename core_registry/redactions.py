"""Texts of the sharing view redacted anew: by a better version, or once a redactor works that did not.

The rows are the truth: each says under which version its texts stand, so a run that was killed goes on where it was,
and a run with nothing to do changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from core_registry.errors import RegisterRuleError
from core_registry.sharing import NOT_REDACTED

BATCH_ROWS = 200
"""Records of one transaction: a second or two, in which nobody waits for it but other writers."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction did. ``after`` is where the next one begins."""

    rows: int
    withheld: int
    after: tuple[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rerun:
    """What a run did: records redacted anew, and those of them that could not be and stand withheld."""

    rows: int
    withheld: int


class RedactionStore(Protocol):
    """What a run needs of the registry database."""

    @property
    def version(self) -> str:
        """The version under which texts are redacted now, ``NOT_REDACTED`` when none are."""

    def has_texts(self) -> bool:
        """Say whether any record has a text: without one nothing needs to be loaded."""

    def stale(self) -> int:
        """Return the number of records whose texts stand under another version, or withheld."""

    def redact(self, after: tuple[str, str], limit: int, actor: str, at: datetime) -> Batch | None:
        """Redact the texts of up to ``limit`` such records after (school code, reference) in one transaction.

        ``None``: there is none any more. A record that was changed meanwhile is left as its writer left it.
        """


def _silent(done: int, total: int) -> None:  # the protocol of a progress
    """Report no progress."""


class TextRedactions:
    """The re-run over the register."""

    def __init__(self, store: RedactionStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._after = ("", "")

    def stale(self) -> int:
        """Return the number of records whose texts a run would redact anew."""
        return self._store.stale()

    def run(self, actor: str, progress: Callable[[int, int], None] = _silent, limit: int = BATCH_ROWS) -> Rerun:
        """Redact all texts that stand under another version, batch by batch, each of them durable and recorded.

        May be stopped at any point and begun again. Raises ``RegisterRuleError`` while texts cannot be redacted:
        nothing is changed then, least of all good texts into withheld ones.
        """
        total, done, withheld = self._store.stale(), 0, 0
        after = ("", "")
        progress(0, total)
        while (batch := self._batch(after, limit, actor)) is not None:
            done, withheld, after = done + batch.rows, withheld + batch.withheld, batch.after
            progress(min(done, total), total)
        return Rerun(done, withheld)

    def step(self, actor: str, limit: int = BATCH_ROWS) -> bool:
        """Redact one batch if there is one and texts can be redacted; say whether anything changed.

        For the worker: what stands withheld, or under an older version, is gone in the end without anybody's doing.
        """
        if not self._store.has_texts() or self._store.version == NOT_REDACTED:
            return False
        batch = self._store.redact(self._after, limit, actor, self._now())
        # a text that fails again and again holds nobody up behind it; the next time round it is tried once more
        self._after = ("", "") if batch is None else batch.after
        return batch is not None and batch.rows > batch.withheld

    def _batch(self, after: tuple[str, str], limit: int, actor: str) -> Batch | None:
        if self._store.version == NOT_REDACTED:
            raise RegisterRuleError(
                "Texts cannot be redacted now: the word model is missing or is not the one that was measured. "
                "Nothing was changed.",
                detail_zh="自由文本脱敏当前不可用（模型缺失或校验不符），未做任何更改。",
            )
        return self._store.redact(after, limit, actor, self._now())
