"""Making, opening and destroying pseudonym keys (design 6.2, ADR 31).

A key is HKDF over the pseudonym root and a random salt of its own. The salt stands in its row, wrapped under another
key of the root. When the project is over the salt is destroyed: from then on neither the office nor the recipient can
tie a pseudonym to a pupil, or to a pseudonym of a later extract. Backups of before hold the salt for as long as they
are kept.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.anonymize.plan import Plan
from gateway.anonymize.pseudonyms import SALT_BYTES, KeyedHash, PseudonymAlgorithm, derive_key, framed, key_id
from gateway.articles import keeps
from gateway.errors import ConflictError, UnavailableError
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.policies.records import Grant, GrantState
from gateway.policies.scope import current_state
from gateway.releases.protocols import Extracts, Grants
from gateway.releases.pseudonym_keys.records import (
    KeyEnd,
    KeyScope,
    PseudonymKey,
    PseudonymKeyId,
    PseudonymKeyRows,
)
from gateway.releases.records import Extract, ExtractState
from gateway.releases.uses import chain

_WRAP = b"xueji-gateway pseudonym salt wrap v1"
_NONCE = 12
_ENDED = {
    GrantState.EXPIRED: KeyEnd.EXPIRED,
    GrantState.WITHDRAWN: KeyEnd.WITHDRAWN,
    GrantState.USED_UP: KeyEnd.USED_UP,
}
_LIVE = frozenset({ExtractState.QUEUED, ExtractState.PREPARING, ExtractState.READY})
"""Extracts that may still come to nothing and give their use back: then the grant would not be used up."""


class PseudonymKeyGoneError(ConflictError):
    """The key was destroyed, or made by somebody else meanwhile; never answered to a caller."""


class PseudonymKeyHeldError(ConflictError):
    """A legal hold keeps the key for now; never answered to a caller."""


@keeps("A50-12")
@dataclass(frozen=True, slots=True)
class PseudonymKeys:
    """The keys of one office. ``root`` is the pseudonym root, ``algorithm`` that of keys to be made."""

    rows: PseudonymKeyRows
    grants: Grants
    extracts: Extracts
    journal: Journal
    reader: Reader
    root: bytes = field(repr=False)
    algorithm: PseudonymAlgorithm
    now: Callable[[], datetime]
    new_id: Callable[[str], str]
    held: Callable[[Tx, PseudonymKey], bool] = lambda _tx, _key: False
    """Says whether a legal hold keeps a key whose time is over; asked in the transaction that would destroy it."""

    def for_extract(self, extract: Extract, grant: Grant, plan: Plan) -> KeyedHash | None:
        """Return the key for the pseudonyms of ``extract``, ``None`` when ``plan`` has none of them.

        The same extract gets the same key when its preparation is tried again. A longitudinal plan has one key for all
        extracts of the grant; any other one for each, so that no two extracts join. A key that was destroyed does
        not come back: a new version takes its place. Making one is an audit entry (``pseudonym.key_created``).
        Raises ``UnavailableError`` when a kept salt does not open under the pseudonym root.
        """
        if not plan.pseudonymous:
            return None
        scope = KeyScope(grant.recipient, grant.application, None if plan.longitudinal else extract.id)
        found = self.reader.read(lambda tx: self.rows.newest(tx, scope))
        if found is None or found.destroyed_at is not None:
            found = self._make(scope, 1 if found is None else found.version + 1, extract, grant)
        return KeyedHash(self._key(found), found.algorithm)

    def destroy_ended(self) -> bool:
        """Destroy the keys whose grant is over, and those of single extracts that are; say whether there were any.

        A grant is over when it expired, was withdrawn, or is used up with no extract that could give a use back;
        a suspended one is not. The key of a single extract also goes when that failed or its deletion was certified.
        Each is an audit entry (``pseudonym.key_destroyed``) in the transaction that destroys the salt.
        """
        standing = self.reader.read(self.rows.standing)
        return any([self._destroy(key, reason) for key in standing if (reason := self._over(key)) is not None])

    def _make(self, scope: KeyScope, version: int, extract: Extract, grant: Grant) -> PseudonymKey:
        salt = secrets.token_bytes(SALT_BYTES)
        made = PseudonymKey(
            id=PseudonymKeyId(self.new_id("pk")),
            scope=scope,
            grant=grant.id,
            version=version,
            algorithm=self.algorithm,
            key_id=key_id(self._derived(scope, version, salt)),
            created_at=self.now(),
            wrapped_salt=self._wrap(scope, version, salt),
        )

        def write(tx: Tx) -> None:
            if not self.rows.add(tx, made):
                raise PseudonymKeyGoneError("Another worker made this key.", detail_zh="该密钥已由其他进程生成。")

        links = chain(grant, extract=extract.id, executor=extract.executor)
        try:
            self.journal.record(write, EntryDraft("pseudonym.key_created", None, facts=_facts(made), links=links))
        except PseudonymKeyGoneError:
            found = self.reader.read(lambda tx: self.rows.newest(tx, scope))
            if found is None or found.destroyed_at is not None:
                raise
            return found
        return made

    def _over(self, key: PseudonymKey) -> KeyEnd | None:
        """Return why ``key`` serves nothing any more, ``None`` while it does."""
        if key.scope.extract is not None:
            identifier = key.scope.extract
            extract = self.reader.read(lambda tx: self.extracts.get(tx, identifier))
            if extract is None or extract.state is ExtractState.FAILED:
                return KeyEnd.FAILED
            if extract.state is ExtractState.DELETED:
                return KeyEnd.DELETED
        state = current_state(self.grants.grant(key.grant), self.now())
        if state is GrantState.USED_UP and self._live(key):
            return None
        return _ENDED.get(state)

    def _live(self, key: PseudonymKey) -> bool:
        extracts = self.reader.read(lambda tx: self.extracts.of_grant(tx, key.grant))
        return any(extract.state in _LIVE for extract in extracts)

    def _destroy(self, key: PseudonymKey, reason: KeyEnd) -> bool:
        def write(tx: Tx) -> None:
            if self.held(tx, key):
                raise PseudonymKeyHeldError("A legal hold keeps the key.", detail_zh="该密钥因留存暂不销毁。")
            if not self.rows.destroy(tx, key.id, self.now()):
                raise PseudonymKeyGoneError("The key was destroyed already.", detail_zh="该密钥已销毁。")

        links = chain(self.grants.grant(key.grant), extract=key.scope.extract, executor="")
        facts: dict[str, JsonValue] = {**_facts(key), "reason": reason.value}
        try:
            self.journal.record(write, EntryDraft("pseudonym.key_destroyed", None, facts=facts, links=_known(links)))
        except (PseudonymKeyGoneError, PseudonymKeyHeldError):
            return False
        return True

    def _key(self, row: PseudonymKey) -> str:
        if row.wrapped_salt is None:
            raise PseudonymKeyGoneError("The key was destroyed.", detail_zh="该密钥已销毁。")
        nonce, sealed = row.wrapped_salt[:_NONCE], row.wrapped_salt[_NONCE:]
        try:
            salt = AESGCM(self._wrapping_key()).decrypt(nonce, sealed, _names(row.scope, row.version))
        except InvalidTag as error:
            raise UnavailableError(
                "A pseudonym key does not open: the pseudonym root is another one, or its row was changed.",
                detail_zh="假名密钥无法打开：根密钥不符，或记录被改动。",
            ) from error
        return self._derived(row.scope, row.version, salt)

    def _derived(self, scope: KeyScope, version: int, salt: bytes) -> str:
        return derive_key(
            self.root, scope.recipient, scope.application, version, salt=salt, extract=scope.extract or ""
        )

    def _wrap(self, scope: KeyScope, version: int, salt: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return nonce + AESGCM(self._wrapping_key()).encrypt(nonce, salt, _names(scope, version))

    def _wrapping_key(self) -> bytes:
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_WRAP).derive(self.root)


def _names(scope: KeyScope, version: int) -> bytes:
    """Return what a wrapped salt belongs to: moved to another row it does not open."""
    names = [scope.recipient, scope.application, scope.extract or "", str(version)]
    return framed([name.encode() for name in names])


def _facts(key: PseudonymKey) -> dict[str, JsonValue]:
    return {
        "pseudonym_key": key.id,
        "key_id": key.key_id,
        "version": key.version,
        "algorithm": key.algorithm,
        "longitudinal": key.scope.longitudinal,
    }


def _known(links: dict[str, str]) -> dict[str, str]:
    """Return the links without those that name nobody: the system destroys a key by itself."""
    return {name: value for name, value in links.items() if value}
