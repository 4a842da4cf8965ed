"""What happens to free text when it cannot be redacted: it is withheld, never passed through (fail closed, I8).

The record around it is written all the same; the note stands in the place of the text until a redactor works again,
and the re-run of the registry replaces it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import polars as pl

from core_registry.sharing import NOT_REDACTED, TEXT_WITHHELD, Redactor
from gateway.errors import ConfigurationError
from gateway.incidents import report

WITHHELD = TEXT_WITHHELD
"""Stands in the sharing view where the record has a text that was not redacted."""
RETRY_SECONDS = 60.0
"""How long a redactor that did not load is left alone."""

R = TypeVar("R", bound=Redactor)
_log = logging.getLogger("xueji.texts")


class WithholdingRedactor:
    """Implements ``core_registry.sharing.Redactor``: no text at all, as long as there is nothing that redacts."""

    version = NOT_REDACTED

    def redact(self, texts: pl.Series, known: pl.DataFrame, rosters: Callable[[str], Sequence[str]]) -> pl.Series:  # noqa: ARG002  the protocol
        """Return the note wherever there is a text; nulls stay null."""
        return withheld(texts)


class FailClosedRedactor(Generic[R]):
    """Another redactor, loaded when the first text comes; whatever goes wrong with it, the text is withheld.

    ``load`` raises ``ConfigurationError`` (``ModelUnavailableError``), or what a broken installation raises, when it
    cannot work; it is tried again after a minute. That, and a failure over a text, is logged by its kind, without a
    character of the text.
    """

    def __init__(self, load: Callable[[], R], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._inner: R | None = None
        self._retry_at: float | None = None
        self._state = "ok"

    @property
    def inner(self) -> R | None:
        """Return the redactor, ``None`` while it does not load."""
        with self._lock:
            waiting = self._retry_at is not None and self._monotonic() < self._retry_at
            if self._inner is None and not waiting:
                self._try()
            return self._inner

    @property
    def state(self) -> str:
        """Return ``ok``, or the kind of what was wrong at the last try: then every text is withheld. Loads nothing."""
        return self._state

    @property
    def version(self) -> str:
        """Return the version of the redactor, ``NOT_REDACTED`` while it does not work."""
        inner = self.inner
        return NOT_REDACTED if inner is None else inner.version

    def redact(self, texts: pl.Series, known: pl.DataFrame, rosters: Callable[[str], Sequence[str]]) -> pl.Series:
        """Return the redacted column, or the note in the place of each text; nulls stay null."""
        if texts.null_count() == len(texts):
            return texts.cast(pl.String)
        inner = self.inner
        if inner is None:
            return withheld(texts)
        try:
            return _checked(inner.redact(texts, known, rosters), texts)
        except ConfigurationError as error:
            self._off(error)
            return withheld(texts)
        except Exception as error:  # noqa: BLE001  one text must neither pass nor stop the record it stands in
            if len(texts) == 1:
                report("redaction of a text", error)
                return withheld(texts)
        half = len(texts) // 2
        parts = [
            self.redact(texts.slice(start, length), known.slice(start, length), rosters)
            for start, length in ((0, half), (half, len(texts) - half))
        ]
        return pl.concat(parts)

    def _try(self) -> None:
        try:
            self._inner = self._load()
        except (ConfigurationError, ImportError, OSError) as error:
            self._off(error)
        else:
            self._retry_at, self._state = None, "ok"

    def _off(self, error: Exception) -> None:
        self._inner, self._state = None, type(error).__name__
        self._retry_at = self._monotonic() + RETRY_SECONDS
        _log.warning(
            "自由文本脱敏不可用，文本一律不提供 texts cannot be redacted, all of them are withheld: %s", self._state
        )


def _checked(made: pl.Series, texts: pl.Series) -> pl.Series:
    if len(made) != len(texts) or made.dtype != pl.String:
        raise TypeError("a redactor gives a text for each text")
    return made


def withheld(texts: pl.Series) -> pl.Series:
    """Return the note wherever there is a text; nulls stay null."""
    frame = texts.cast(pl.String).rename("text").to_frame()
    note = pl.when(pl.col("text").is_not_null()).then(pl.lit(WITHHELD))
    return frame.select(note.alias("text")).to_series().rename(texts.name)
