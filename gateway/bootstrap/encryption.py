"""Wires the keys to which recipients' systems want their extracts encrypted."""

from __future__ import annotations

from urllib.parse import urlsplit

from gateway.accounts.encryption_keys import EncryptionKeys
from gateway.accounts.key_sets import HttpKeySets, KeySets
from gateway.accounts.outbound import is_loopback
from gateway.accounts.store import SqlClients
from gateway.bootstrap.parts import Parts


def encryption_keys(parts: Parts) -> EncryptionKeys:
    """Return the look-up of a client's key for encryption, registered or published."""
    loopback = is_loopback(urlsplit(parts.settings.public_url).hostname or "")
    return EncryptionKeys(SqlClients(), KeySets(HttpKeySets(loopback=loopback)), parts.reader)
