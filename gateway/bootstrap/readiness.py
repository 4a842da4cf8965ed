"""Which parts of a face work right now."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from core_registry.errors import RegistryError
from gateway.audit.records import WitnessState
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
    late with the audit log; when it lasts, releases of high risk stop. ``log``: the worker found the log damaged; they
    stop at once, unless the authority has switched that off.
    """
    found = {} if parts.texts is None else {"text_redaction": parts.texts.state}
    found["witness"] = _of_log(parts, lambda state: "contradicts" if state.contradicted else _silent(state))
    found["log"] = _of_log(parts, lambda state: "damaged" if state.damaged_since else "ok")
    return {part: state for part, state in found.items() if state != "ok"}


def _silent(state: WitnessState) -> str:
    return "silent" if state.silent else "ok"


def _of_log(parts: Parts, told: Callable[[WitnessState], str]) -> str:
    """Return what the row about witnesses and damage tells, or what is wrong with reading it."""
    states: list[str] = []

    def ask() -> None:
        states.append(told(parts.reader.read(SqlLogStore(parts.engine).witness_state)))

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
