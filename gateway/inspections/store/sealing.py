"""Texts of a case under the data key of that case: the database holds none in clear, and a destroyed key ends them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.data_keys.errors import DataGoneError
from gateway.data_keys.records import DESTROYED_TEXT, Place
from gateway.data_keys.service import DataKeys
from gateway.errors import ConfigurationError
from gateway.journal import Tx

CASE_TEXTS: Final = "case_texts"
"""The class of these texts among the data keys; the matter is the case."""


@dataclass(frozen=True, slots=True)
class CaseTexts:
    """Seals and opens texts of cases; ``keys`` is ``None`` where only what is no text is read."""

    keys: DataKeys | None

    def seal(self, tx: Tx, case: str, member: str, text: str, salt: bytes = b"") -> bytes:
        """Return a text under seal; ``salt``, of 32 bytes or none, lies before it."""
        return self._keys().seal(tx, Place(CASE_TEXTS, case, member), salt + text.encode())

    def open(self, tx: Tx, case: str, member: str, sealed: bytes | None, clear: str) -> str:
        """Return a text; ``clear`` is that of a row from before texts were sealed."""
        return self.open_salted(tx, case, member, sealed, clear, salt=0)[1]

    def open_salted(
        self, tx: Tx, case: str, member: str, sealed: bytes | None, clear: str, *, salt: int = 32
    ) -> tuple[bytes, str]:
        """Return the salt before a text, ``salt`` bytes of it, and the text; of what is destroyed, that it is."""
        if sealed is None:
            return b"", clear
        try:
            content = self._keys().open(tx, Place(CASE_TEXTS, case, member), bytes(sealed))
        except DataGoneError:
            return b"", DESTROYED_TEXT
        return content[:salt], content[salt:].decode()

    def _keys(self) -> DataKeys:
        if self.keys is None:
            raise ConfigurationError(
                "This face does not hold the keys of case texts.", detail_zh="本端不持有案卷文字的密钥。"
            )
        return self.keys
