"""Making, using, destroying and wrapping anew of data keys. All of it happens in the caller's transaction."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.data_keys.errors import gone
from gateway.data_keys.records import DataKey, DataKeyId, DataKeyRows, Place
from gateway.data_keys.wrapping import WrappingKeys
from gateway.errors import UnavailableError
from gateway.journal import Tx

KEY_BYTES: Final = 32
_NONCE: Final = 12


@dataclass(frozen=True, slots=True)
class DataKeys:
    """The data keys of an office. AES-256-GCM throughout; 96-bit random nonces."""

    rows: DataKeyRows
    wrapping: WrappingKeys
    now: Callable[[], datetime]

    def find(self, tx: Tx, data_class: str, matter: str) -> bytes | None:
        """Return the key of a matter, 32 bytes or what ``make`` was given; ``None`` when it has none.

        Raises ``DataGoneError`` when it was destroyed, ``UnavailableError`` when it does not open.
        """
        row = self.rows.find(tx, data_class, matter)
        return None if row is None else self._unwrapped(row)

    def make(self, tx: Tx, data_class: str, matter: str, *, key: bytes | None = None) -> bytes:
        """Return the key of a matter, made now if it has none; raises what ``find`` raises.

        ``key`` is one that exists already elsewhere, or has a form of its own, and is to be kept here from now on.
        """
        found = self.find(tx, data_class, matter)
        if found is not None:
            return found
        made = secrets.token_bytes(KEY_BYTES) if key is None else key
        fingerprint = self.rows.hold_wrapping(tx, alone=False)
        if fingerprint is None:
            fingerprint = self.wrapping.newest()
            self.rows.put_wrapping(tx, fingerprint, self.now())
        row = DataKey(DataKeyId(_new_id()), data_class, matter, self.now(), fingerprint, wrapped=None)
        if self.rows.add(tx, replace(row, wrapped=self._wrapped(row, made))):
            return made
        other = self.find(tx, data_class, matter)  # somebody else made it between the look and the insert
        if other is None:
            raise UnavailableError("A data key could not be made.", detail_zh="数据密钥未能生成。")
        return other

    def seal(self, tx: Tx, place: Place, content: bytes) -> bytes:
        """Return nonce and ciphertext of ``content``; the key of the matter is made if it has none."""
        key, nonce = self.make(tx, place.data_class, place.matter), secrets.token_bytes(_NONCE)
        return nonce + AESGCM(key).encrypt(nonce, content, _bound(place))

    def open(self, tx: Tx, place: Place, sealed: bytes) -> bytes:
        """Return what was sealed; raises ``DataGoneError``, and ``UnavailableError`` when it is not what was sealed."""
        key = self.find(tx, place.data_class, place.matter)
        try:
            if key is not None:
                return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(place))
        except (InvalidTag, ValueError):
            pass  # told below, as for a key that is not there
        raise UnavailableError(
            "A sealed value does not open: it was damaged or moved, or its key is not there.",
            detail_zh="加密内容无法打开：数据损坏、被移动或缺少密钥。",
        )

    def keep_record(self, tx: Tx, data_class: str, matter: str) -> None:
        """Make a key for a matter that never had one, to be destroyed with it: so its end is on record."""
        if self.rows.find(tx, data_class, matter) is None:
            self.make(tx, data_class, matter)

    def destroy(self, tx: Tx, data_class: str, matter: str) -> DataKeyId | None:
        """Destroy the key of a matter; return its id, ``None`` when there was none or it was destroyed before."""
        row = self.rows.find(tx, data_class, matter)
        if row is None or not self.rows.destroy(tx, row.id, self.now()):
            return None
        return row.id

    def wrap_anew(self, tx: Tx, fingerprint: str) -> int:
        """Wrap every standing key under the wrapping key ``fingerprint``, in force from now on; return how many.

        Only the transaction; ``WrappingKeys.settle`` follows its commit.
        """
        self.rows.hold_wrapping(tx, alone=True)
        standing = self.rows.standing(tx)
        for row in standing:
            moved = replace(row, wrapping=fingerprint)
            self.rows.rewrap(tx, replace(moved, wrapped=self._wrapped(moved, self._unwrapped(row))))
        self.rows.put_wrapping(tx, fingerprint, self.now())
        return len(standing)

    def _wrapped(self, row: DataKey, key: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return nonce + AESGCM(self.wrapping.key(row.wrapping)).encrypt(nonce, key, _names(row))

    def _unwrapped(self, row: DataKey) -> bytes:
        if row.wrapped is None:
            raise gone()
        try:
            cipher = AESGCM(self.wrapping.key(row.wrapping))
            return cipher.decrypt(row.wrapped[:_NONCE], row.wrapped[_NONCE:], _names(row))
        except (InvalidTag, ValueError) as error:
            raise UnavailableError(
                "A data key does not open: its row was changed.", detail_zh="数据密钥无法打开：记录被改动。"
            ) from error


def _new_id() -> str:
    """Return a random id of letters alone: no run of digits in the log looks like a number of somebody."""
    return "dk-" + "".join(secrets.choice("bcdfghjkmnpqrstvwxyz") for _ in range(20))


def _bound(place: Place) -> bytes:
    return "\x00".join((place.data_class, place.matter, place.member)).encode()


def _names(row: DataKey) -> bytes:
    return "\x00".join((row.id, row.data_class, row.matter)).encode()
