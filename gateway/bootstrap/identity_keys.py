"""The issuer's keys of one process: the key directory, the rows, the service of rotation and compromise."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from gateway.bootstrap.parts import Parts
from gateway.identity.chains import chain_of
from gateway.identity.issuer_keys import IssuerKeyService, StoredKeys
from gateway.identity.keys import IssuerKey, IssuerKeys
from gateway.identity.records import IdentitySettings
from gateway.identity.store import IssuerKeyStore
from gateway.keyring import Key, find_further, keep_further

CERTIFICATE = "credential.crt.pem"
"""In the key directory: certificates that an authority issued for the first key; further keys have their ``kid``."""


@dataclass(slots=True)
class KeyFolder:
    """The private issuer keys in the key directory: the first by the name of its use, further ones by their ``kid``."""

    directory: Path
    first: IssuerKey
    issuer: str = ""
    """Whom the certificates must name."""
    _found: dict[str, IssuerKey] = field(default_factory=dict, repr=False)

    def make(self) -> IssuerKey:
        """Make a key and keep it durably; return it."""
        private = ec.generate_private_key(ec.SECP256R1())
        made = IssuerKey.of(private)
        keep_further(self.directory, Key.CREDENTIAL, made.kid, private)
        return made

    def find(self, kid: str) -> IssuerKey | None:
        """Return a key, ``None`` when it is not here."""
        if kid == self.first.kid:
            return self.first
        if kid not in self._found:
            private = find_further(self.directory, Key.CREDENTIAL, kid)
            if private is None:
                return None
            self._found[kid] = certified(
                IssuerKey.of(private), self.directory / f"credential-{kid}.crt.pem", self.issuer
            )
        return self._found[kid]


def stored_keys(parts: Parts) -> StoredKeys:
    """Return what signs and what verifies credentials, as every face has it."""
    (first,) = IssuerKeys.of([parts.keyring.verifying(Key.CREDENTIAL)]).by_kid.values()
    return StoredKeys(IssuerKeyStore(), parts.reader, _folder(parts), parts.now, first)


def issuer_key_service(parts: Parts, source: StoredKeys) -> IssuerKeyService | None:
    """Return rotation and compromise, ``None`` on a face without the private keys."""
    folder = _folder(parts)
    if folder is None:
        return None
    return IssuerKeyService(
        settings=IdentitySettings.at(parts.settings.public_url),
        rows=IssuerKeyStore(),
        source=source,
        private=folder,
        journal=parts.journal,
        reader=parts.reader,
        now=parts.now,
    )


def _folder(parts: Parts) -> KeyFolder | None:
    if not parts.keyring.has(Key.CREDENTIAL):
        return None
    issuer = IdentitySettings.at(parts.settings.public_url).issuer
    first = IssuerKey.of(parts.keyring.signing(Key.CREDENTIAL))
    return KeyFolder(parts.settings.keys, certified(first, parts.settings.keys / CERTIFICATE, issuer), issuer)


def certified(key: IssuerKey, file: Path, issuer: str) -> IssuerKey:
    """Return ``key`` with the certificates of ``file``, where there is such a file.

    Raises ``ConfigurationError`` for certificates that are not of this key and ``issuer``.
    """
    try:
        pem = file.read_bytes()
    except FileNotFoundError:
        return key
    return replace(key, x5c=chain_of(pem, key.key.public_key, issuer))
