"""Redaction of free text, wired: one redactor a process, which withholds what it cannot redact (I8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core_registry.db.redactions import SqlRedactions
from core_registry.office import TextRedactions
from core_registry.sharing import Redactor
from gateway.anonymize.previews import Preview, PreviewSpan, check_size
from gateway.anonymize.text.errors import ModelUnavailableError
from gateway.anonymize.text.reading import KnownRecord
from gateway.anonymize.withholding import FailClosedRedactor, WithholdingRedactor
from gateway.bootstrap.parts import Parts, Process
from gateway.errors import ConfigurationError, UnavailableError
from rulebook import Rulebook

if TYPE_CHECKING:
    from gateway.anonymize.text.engine import Engine
    from gateway.anonymize.text.redactor import TextRedactor

__all__ = ["TextRedactions", "previews", "redactions", "redactions_of", "redactor_of", "text_redactor"]


def text_redactor(book: Rulebook, model: Path | None = None) -> FailClosedRedactor[TextRedactor]:
    """Return the redactor of a rule book, loaded when the first text comes; ``model`` is the folder of the word model.

    While the model is missing or not the one that was measured, every text is withheld.
    """

    def load() -> TextRedactor:
        from gateway.anonymize.text.redactor import TextRedactor  # noqa: PLC0415  brings the word model

        made = TextRedactor(book.divisions, book.recognition, model=model)
        if made.engine is None:  # it would stay so for good; here it is tried again
            raise ModelUnavailableError("The word model is off.", detail_zh="分词模型不可用。")
        return made

    return FailClosedRedactor(load)


def redactor_of(parts: Parts) -> Redactor:
    """Return the redactor of a process, or one that withholds on a face that never writes a text."""
    return parts.texts or WithholdingRedactor()


def redactions(parts: Parts) -> TextRedactions | None:
    """Return the re-run of redactions, ``None`` on a face without the registry."""
    from gateway.bootstrap.registry import registry_keys  # noqa: PLC0415  it imports this module

    if parts.registry is None:
        return None
    store = SqlRedactions(parts.registry, registry_keys(parts.keyring), redactor_of(parts))
    return TextRedactions(store, parts.now)


def redactions_of(process: Process) -> TextRedactions:
    """Return the re-run of a process; raises ``ConfigurationError`` on a face without the registry."""
    if process.services.redactions is None:
        raise ConfigurationError("This face has no registry.", detail_zh="本端没有学籍库。")
    return process.services.redactions


def previews(parts: Parts) -> Previews | None:
    """Return the previews of redactions, ``None`` on a face without the registry."""
    return None if parts.registry is None or parts.texts is None else Previews(parts.texts)


class Previews:
    """Implements ``gateway.anonymize.previews.TextPreviews`` with the redactor that writes the texts."""

    def __init__(self, redactor: FailClosedRedactor[TextRedactor]) -> None:
        self._redactor = redactor

    def ready(self) -> None:
        """Raise ``UnavailableError`` while texts cannot be redacted."""
        self._inner()

    def preview(self, text: str, known: Mapping[str, object], roster: Sequence[str]) -> Preview:
        """Return the preview of a text. Raises ``UnavailableError``, ``ParameterError``."""
        from gateway.anonymize.text.redaction import redact  # noqa: PLC0415  with the engine only
        from gateway.anonymize.text.roster import Roster  # noqa: PLC0415  the same

        check_size(text)
        engine, version = self._inner()
        (found,) = redact(engine, [text], _record(known), Roster(roster) if roster else None)
        spans = tuple(PreviewSpan(one.start, one.end, one.type.value, one.rule) for one in found.found)
        return Preview(found.text, spans, version)

    def _inner(self) -> tuple[Engine, str]:
        inner = self._redactor.inner
        if inner is None or inner.engine is None:
            raise UnavailableError(
                "Texts cannot be redacted now: the word model is missing or is not the one that was measured. Every "
                "text is withheld meanwhile.",
                detail_zh="自由文本脱敏当前不可用（模型缺失或校验不符），其间文本一律不提供。",
            )
        return inner.engine, inner.version


def _record(known: Mapping[str, object]) -> KnownRecord | None:
    """Return what is known as the engine takes it, ``None`` for nobody."""
    return (
        KnownRecord(
            students=_texts(known.get("name"), known.get("former_name")),
            guardians=_texts(known.get("guardians")),
            schools=_texts(known.get("school_name")),
            addresses=_texts(known.get("residence_address"), known.get("household_address")),
        )
        if known
        else None
    )


def _texts(*values: object) -> tuple[str, ...]:
    flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return tuple(dict.fromkeys(one for one in flat if isinstance(one, str) and one))
