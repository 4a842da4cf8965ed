"""A real journal with throwaway keys, for every room's tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from gateway.audit.leaves import decode_entry
from gateway.audit.note import NoteSigner
from gateway.audit.sequencer import LogIdentity, Sequencer, SequencerJournal
from gateway.audit.store import SqlLogStore
from gateway.audit.tags import Tagger
from gateway.data_keys.service import DataKeys
from gateway.data_keys.store import SqlDataKeys
from gateway.data_keys.wrapping import WrappingKeys
from gateway.db import DatabaseReader, create_guards, metadata

ORIGIN = "test.example/log"
LOG_KEY = bytes(range(32))
TAG_ROOT = bytes(range(32, 64))
RULEBOOK = "0" * 64


def make_identity() -> LogIdentity:
    """Return the identity of the test log; the key is the same in every process."""
    return LogIdentity(ORIGIN, (NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(LOG_KEY)),))


def make_schema(engine: Engine) -> None:
    """Create every table that is declared, and the guards of the append-only ones; twice changes nothing."""
    with engine.begin() as connection:
        metadata.create_all(connection)
        create_guards(connection, metadata)


def make_sequencer(engine: Engine, *, now: Callable[[], datetime] | None = None) -> Sequencer:
    """Return a sequencer on ``engine``; the schema is made."""
    make_schema(engine)
    return Sequencer(
        SqlLogStore(engine),
        identity=make_identity(),
        tagger=Tagger.from_root(TAG_ROOT),
        rulebook=lambda: RULEBOOK,
        now=now or (lambda: datetime.now(UTC)),
    )


def make_journal(engine: Engine, *, now: Callable[[], datetime] | None = None) -> SequencerJournal:
    """Return a real ``Journal`` on ``engine``. The leader is a daemon thread; ``close`` ends it."""
    return SequencerJournal(make_sequencer(engine, now=now))


def make_data_keys(now: Callable[[], datetime] | None = None) -> DataKeys:
    """Return data keys under a wrapping key that every test knows."""
    return DataKeys(SqlDataKeys(), WrappingKeys(bytes(range(64, 96))), now or (lambda: datetime.now(UTC)))


def make_reader(engine: Engine) -> DatabaseReader:
    """Return a ``Reader`` on ``engine``."""
    return DatabaseReader(engine)


def trail(engine: Engine, kind: str = "") -> list[dict[str, Any]]:
    """Return the entries of the log on ``engine`` whose kind begins with ``kind``, oldest first."""
    log = SqlLogStore(engine)
    bodies = make_reader(engine).read(lambda tx: [one.body for one in log.entries(tx, 0, log.head(tx).size)])
    return [entry for entry in map(decode_entry, bodies) if str(entry["kind"]).startswith(kind)]
