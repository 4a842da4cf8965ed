"""Envelope encryption of the registry's sealed columns (design 4, ADR 0003).

A data key per table and version, random, wrapped by the registry-data master key. A sealed value is
``nonce (12) || ciphertext || tag (16)`` of AES-256-GCM; table, column, row and key version are associated
data, so that a ciphertext moved to another row does not open. Source: NIST SP 800-38D; RFC 5116.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, Engine, func, insert, select, update

from core_registry.db.engine import reading, writing
from core_registry.db.tables import data_keys
from core_registry.db.times import stamp
from core_registry.errors import SealedValueError

KEY_BYTES = 32
NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class RegistryKeys:
    """The keys that the registry is given. ``data`` wraps data keys, ``index`` makes the keyed index.

    ``older_data`` are master keys that still may open data keys while a rotation is under way; nothing new is
    wrapped by them. Raises ``ValueError`` for a key that is not 32 bytes.
    """

    data: bytes = field(repr=False)
    index: bytes = field(repr=False)
    older_data: tuple[bytes, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if any(len(key) != KEY_BYTES for key in (self.data, self.index, *self.older_data)):
            raise ValueError("a registry key has 32 bytes")


def master_id(master: bytes) -> str:
    """Return the fingerprint of a master key: 16 hexadecimal digits that tell nothing of the key."""
    return hashlib.sha256(_derived(master, b"xueji registry-data fingerprint v1")).hexdigest()[:16]


class DataKeys:
    """The data keys of a registry database, opened as they are needed and kept in memory."""

    def __init__(self, engine: Engine, keys: RegistryKeys) -> None:
        self._engine = engine
        self._current = master_id(keys.data)
        self._wrapping = {
            master_id(master): AESGCM(_derived(master, b"xueji registry-data wrap v1"))
            for master in (keys.data, *keys.older_data)
        }
        self._opened: dict[tuple[str, int], AESGCM] = {}
        self._lock = Lock()

    def newest(self, connection: Connection, table: str, now: datetime) -> tuple[int, AESGCM]:
        """Return version and key under which new values of ``table`` are sealed; the first is made here.

        ``connection`` is a writing transaction: a key is never used before the row that holds it commits with
        the values under it.
        """
        version = connection.execute(
            select(func.max(data_keys.c.version)).where(data_keys.c.table_name == table)
        ).scalar_one()
        if version is None:
            return self._make(connection, table, 1, now)
        return version, self._open(connection, table, version)

    def of(self, connection: Connection, table: str, version: int) -> AESGCM:
        """Return the key of ``version``; raises ``SealedValueError`` when it is missing or does not open."""
        return self._open(connection, table, version)

    def add_version(self, table: str, now: datetime) -> int:
        """Make the next data key of ``table`` and return its version; older values stay readable under theirs."""
        with writing(self._engine) as connection:
            newest, _ = self.newest(connection, table, now)
            return self._make(connection, table, newest + 1, now)[0]

    def rewrap(self) -> int:
        """Wrap every data key by the current master key; return how many were wrapped by an older one.

        No sealed value is touched, and a process that holds both masters reads throughout. Raises
        ``SealedValueError`` when a key opens under none of the masters given; nothing is changed then.
        """
        with writing(self._engine) as connection:
            rows = connection.execute(select(data_keys).where(data_keys.c.master_id != self._current)).all()
            for row in rows:
                clear = self._unwrap(row.table_name, row.version, row.wrapped, row.master_id)
                connection.execute(
                    update(data_keys)
                    .where(data_keys.c.table_name == row.table_name, data_keys.c.version == row.version)
                    .values(wrapped=self._wrap(row.table_name, row.version, clear), master_id=self._current)
                )
        return len(rows)

    def check(self) -> None:
        """Open every data key. Raises ``SealedValueError`` when one does not open: start must stop (I8)."""
        with reading(self._engine) as connection:
            for row in connection.execute(select(data_keys)).all():
                self._unwrap(row.table_name, row.version, row.wrapped, row.master_id)

    def _make(self, connection: Connection, table: str, version: int, now: datetime) -> tuple[int, AESGCM]:
        clear = AESGCM.generate_key(bit_length=256)
        connection.execute(
            insert(data_keys).values(
                table_name=table,
                version=version,
                wrapped=self._wrap(table, version, clear),
                master_id=self._current,
                made_at=stamp(now),
            )
        )
        # Not kept in memory: the transaction may be rolled back, and another one make this version anew.
        return version, AESGCM(clear)

    def _open(self, connection: Connection, table: str, version: int) -> AESGCM:
        with self._lock:
            found = self._opened.get((table, version))
        if found is not None:
            return found
        row = connection.execute(
            select(data_keys.c.wrapped, data_keys.c.master_id).where(
                data_keys.c.table_name == table, data_keys.c.version == version
            )
        ).one_or_none()
        if row is None:
            raise SealedValueError(
                f"There is no data key {version} of '{table}'.", detail_zh=f"缺少 {table} 的第 {version} 版数据密钥。"
            )
        key = AESGCM(self._unwrap(table, version, row.wrapped, row.master_id))
        if not connection.get_execution_options().get("xueji_read", False):
            return key  # this very transaction may have made it and may yet be rolled back
        with self._lock:
            self._opened[table, version] = key
        return key

    def _wrap(self, table: str, version: int, clear: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._wrapping[self._current].encrypt(nonce, clear, _key_context(table, version))

    def _unwrap(self, table: str, version: int, wrapped: bytes, wrapped_by: str) -> bytes:
        wrapping = self._wrapping.get(wrapped_by)
        if wrapping is None:
            raise SealedValueError(
                f"The data key {version} of '{table}' is wrapped by the master key {wrapped_by}, which was not given.",
                detail_zh=f"{table} 的数据密钥由主密钥 {wrapped_by} 保护，但未提供该主密钥。",
            )
        try:
            return wrapping.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _key_context(table, version))
        except InvalidTag:
            raise SealedValueError(
                f"The data key {version} of '{table}' does not open: it was altered.",
                detail_zh=f"{table} 的第 {version} 版数据密钥无法打开，已被改动。",
            ) from None


def seal(key: AESGCM, context: tuple[str, str, int], row_ids: Sequence[str], texts: Sequence[str]) -> list[bytes]:
    """Return the sealed values of one column, one for each row; ``context`` is table, column and key version.

    Raises ``ValueError`` when rows and texts differ in number.
    """
    table, column, version = context
    prefix, suffix = f"{table}\0{column}\0".encode(), f"\0{version}".encode()
    noise = os.urandom(NONCE_BYTES * len(row_ids))  # one call: 200,000 system calls are half a second
    encrypt = key.encrypt
    sealed: list[bytes] = []
    for index, (row_id, text) in enumerate(zip(row_ids, texts, strict=True)):
        nonce = noise[index * NONCE_BYTES : (index + 1) * NONCE_BYTES]
        sealed.append(nonce + encrypt(nonce, text.encode(), prefix + row_id.encode() + suffix))
    return sealed


def seal_bytes(key: AESGCM, context: tuple[str, str, int], row_id: str, content: bytes) -> bytes:
    """Return one sealed value that is no text: a file."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + key.encrypt(nonce, content, _value_context(context, row_id))


def unseal(key: AESGCM, context: tuple[str, str, int], row_id: str, sealed: bytes) -> str:
    """Return the clear text of one sealed value; see ``unseal_bytes``."""
    return unseal_bytes(key, context, row_id, sealed).decode()


def unseal_bytes(key: AESGCM, context: tuple[str, str, int], row_id: str, sealed: bytes) -> bytes:
    """Return the content of one sealed value.

    Raises ``SealedValueError`` when it belongs to another row, column, table or key, or was altered.
    """
    try:
        return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _value_context(context, row_id))
    except (InvalidTag, ValueError):
        table = context[0]
        raise SealedValueError(
            f"A sealed value of '{table}' does not open: wrong key, another row's, or altered.",
            detail_zh=f"{table} 的一条密文无法打开：密钥不符、来自其他行或已被改动。",
        ) from None


def _value_context(context: tuple[str, str, int], row_id: str) -> bytes:
    table, column, version = context
    return f"{table}\0{column}\0{row_id}\0{version}".encode()


def _derived(master: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=info).derive(master)


def _key_context(table: str, version: int) -> bytes:
    return f"data_keys\0{table}\0{version}".encode()
