"""The engine of ``detect``: over the rule book that ships with the program, made once for the process."""

from __future__ import annotations

import threading
from pathlib import Path

from gateway.anonymize.text.engine import Engine
from gateway.errors import ConfigurationError
from gateway.settings import default_config
from rulebook.divisions import read_divisions
from rulebook.recognizers import read_recognizers
from rulebook.records import RulebookError
from rulebook.source import Sources

_lock = threading.Lock()
_engines: dict[Path, Engine] = {}


def engine(config: Path | None = None) -> Engine:
    """Return the engine over the rule book under ``config`` (default: the one that ships), made once.

    Raises ``ConfigurationError`` for a broken rule book, ``ModelUnavailableError`` when the word model is off.
    """
    folder = config or default_config()
    made = _engines.get(folder)
    if made is not None:
        return made
    with _lock:
        if folder not in _engines:
            _engines[folder] = _load(folder)
        return _engines[folder]


def _load(folder: Path) -> Engine:
    try:
        sources = Sources(folder)
        return Engine.load(read_divisions(sources), read_recognizers(sources))
    except RulebookError as error:
        raise ConfigurationError(f"The rule book is broken: {error}", detail_zh=f"配置有误：{error}") from error
