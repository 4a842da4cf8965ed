"""Which parts of a face work right now."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from core_registry.errors import RegistryError
from gateway.audit.store import SqlLogStore
from gateway.bootstrap.parts import Parts
from gateway.errors import GatewayError


def readiness(parts: Parts) -> dict[str, str]:
    """Return part -> ``ok``, or the kind of what is wrong."""
    found = {"gateway_database": _probe(parts.engine)}
    if parts.registry is not None:
        found["registry_database"] = _probe(parts.registry)
    if parts.sharing is not None:
        found["sharing_view"] = _works(lambda: parts.sharing and parts.sharing.pupil("0" * 32))
    return found


def degraded(parts: Parts) -> dict[str, str]:
    """Return part -> the kind of what is wrong, of parts without which the face goes on: it does less, safely.

    ``text_redaction``: free text is withheld as a whole until the word model is back. ``witness``: the witnesses are
    late with the audit log; when it lasts, releases of high risk stop.
    """
    found = {} if parts.texts is None else {"text_redaction": parts.texts.state}
    found["witness"] = _witness(parts)
    return {part: state for part, state in found.items() if state != "ok"}


def _witness(parts: Parts) -> str:
    """Return ``silent`` or ``contradicts`` when that was recorded of the witnesses, else ``ok``."""
    states: list[str] = []

    def ask() -> None:
        state = parts.reader.read(SqlLogStore(parts.engine).witness_state)
        states.append("contradicts" if state.contradicted else "silent" if state.silent else "ok")

    problem = _works(ask)
    return problem if problem != "ok" else states[0]


def _probe(engine: Engine) -> str:
    def ask() -> None:
        with engine.connect().execution_options(xueji_read=True) as connection:
            connection.execute(text("SELECT 1"))

    return _works(ask)


def _works(ask: Callable[[], object]) -> str:
    try:
        ask()
    except (DBAPIError, GatewayError, RegistryError) as error:
        return type(error).__name__
    return "ok"
