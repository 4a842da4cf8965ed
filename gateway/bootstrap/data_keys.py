"""Data keys and epoch keys, wired; and the derived epoch keys of a log from before, stored once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine

from gateway.accounts.store import SqlBookkeeping
from gateway.audit.epoch_keys import ACCESS_TAGS, EpochKeys
from gateway.audit.leaves import decode_entry
from gateway.audit.sequencer import Sequencer
from gateway.audit.store import SqlLogStore
from gateway.audit.tags import epoch_of, epochs_between
from gateway.data_keys.service import DataKeys
from gateway.data_keys.store import SqlDataKeys
from gateway.data_keys.wrapping import WrappingKeys
from gateway.db import DatabaseReader
from gateway.journal import EntryDraft, JsonValue, Tx
from gateway.keyring import Key, Keyring
from gateway.settings import Settings


def data_keys(settings: Settings, keyring: Keyring, now: Callable[[], datetime]) -> DataKeys | None:
    """Return the data keys; ``None`` on a face that may not open what lies beside the log."""
    if not keyring.has(Key.RETENTION):
        return None
    return DataKeys(SqlDataKeys(), WrappingKeys(keyring.secret(Key.RETENTION), settings.keys), now)


def epoch_keys(keys: DataKeys, engine: Engine, reader: DatabaseReader, keyring: Keyring) -> EpochKeys:
    """Return the keys of the log's epochs."""
    return EpochKeys(keys, reader, SqlBookkeeping(engine), keyring.tag_root)


def adopt_epochs(
    epochs: EpochKeys, log: SqlLogStore, reader: DatabaseReader, sequencer: Sequencer, now: Callable[[], datetime]
) -> None:
    """Store the derived keys of a log from before ADR 45, once, with an entry; else do nothing.

    For a process that writes the log, before its first entry.
    """
    if epochs.root is None or reader.read(lambda tx: epochs.keys.rows.any_of(tx, ACCESS_TAGS)):
        return
    first = reader.read(lambda tx: next(iter(log.entries(tx, 0, 1)), None))
    latest = epoch_of(now())
    oldest = latest if first is None else f"{str(decode_entry(first.body)['at'])[:4]}Q1"
    wanted = epochs_between(min(oldest, latest), latest)

    def write(tx: Tx) -> list[str]:
        stored = epochs.adopt(tx, wanted)
        if not stored:
            raise _AdoptedError  # by another process, meanwhile
        return stored

    def entry(stored: list[str]) -> EntryDraft:
        told: list[JsonValue] = [*stored]
        return EntryDraft(
            "retention.adopted", None, facts={"class": ACCESS_TAGS, "count": len(stored), "matters": told}
        )

    try:
        sequencer.submit(write, entry).result()
    except _AdoptedError:
        return


class _AdoptedError(Exception):
    """There is nothing to adopt any more."""
