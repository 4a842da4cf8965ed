"""Free text (自由文本): find and hide every child, parent, number and place in Chinese text (design 6.3, notes pii).

``detect`` is the public function; ``gateway.anonymize.text.engine`` holds what it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gateway.anonymize.text.spans import Detection, TextType

if TYPE_CHECKING:
    from gateway.anonymize.text.engine import Engine

__all__ = ["Detection", "TextType", "default_engine", "detect"]


def default_engine() -> Engine:
    """Return the engine over the rule book that ships with the program, made once for the process.

    Raises ``ModelUnavailableError`` when the word model is off: no text passes then (fail closed).
    """
    from gateway.anonymize.text.defaults import engine  # noqa: PLC0415  brings the model

    return engine()


def detect(text: str, record: Mapping[str, object] | None = None) -> list[Detection]:
    """Return the personal data in ``text``: ``(start, end, type)`` in code points, sorted, without overlaps.

    ``type`` is a name of ``TextType``. ``record`` says what is known of the pupil that the text is about, each part
    optional: ``student``, ``former_name``, ``guardians``, ``school``, ``address`` (a text or a list of texts), and
    ``roster``, the names of the school's roll. Raises ``ParameterError`` when ``text`` is no ``str`` or the record
    has another key or value, ``ModelUnavailableError`` when the word model is off.
    """
    from gateway.anonymize.text.knowledge import known  # noqa: PLC0415  with the engine only

    engine = default_engine()
    record_known, roster = known(record)
    return [one.detection for one in engine.find(engine.read(text, record_known, roster))]
