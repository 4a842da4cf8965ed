"""The life of the issuer's keys: published, signing, retired, compromised (design 8: rotation with overlap).

A new key stands in the JWKS before it signs, so that no verifier meets a signature whose key its cache does not know;
an old one stays there until the last credential and the last status list that it signed have expired. A compromised
one leaves at once: what it signed is refused from then on, and ended in the status lists for verifiers that pinned it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from joserfc.jwk import ECKey

from gateway.errors import ConflictError, NotFoundError, UnavailableError
from gateway.identity.keys import IssuerKey, IssuerKeys
from gateway.identity.records import IdentitySettings
from gateway.instants import seconds_text
from gateway.journal import EntryDraft, Journal, Reader, Tx
from gateway.principals import Principal

LEAD = timedelta(minutes=10)
"""How long a key is published before it signs: twice what a cache may keep of the JWKS."""
REFRESH = timedelta(seconds=5)
"""How soon a running process sees a change."""
BEGINNING = datetime(2026, 2, 10, tzinfo=UTC)
"""Before any credential: the day from which the regulation holds (A53-1)."""


@dataclass(frozen=True, slots=True)
class IssuerKeyRecord:
    """One key of the issuer. ``public`` is its public half; the private one is a file of the faces that sign."""

    kid: str
    public: ECKey = field(repr=False)
    published_at: datetime
    signs_from: datetime
    keep_until: datetime | None = None
    """Set when a newer key takes over: when the last thing that it signed has expired."""
    compromised_at: datetime | None = None

    def counts_at(self, now: datetime) -> bool:
        """Say whether what it signed is believed at ``now``."""
        return self.compromised_at is None and (self.keep_until is None or self.keep_until > now)


class IssuerKeyRows(Protocol):
    """Rows of issuer keys; implemented by ``gateway.identity.store.IssuerKeyStore``."""

    def all(self, tx: Tx) -> list[IssuerKeyRecord]:
        """Return every key there ever was, the oldest first."""

    def save(self, tx: Tx, record: IssuerKeyRecord) -> None:
        """Insert or replace a key by its ``kid``."""


class PrivateKeys(Protocol):
    """The private halves that this process may use; ``KeyFolder`` of the composition root is it."""

    def make(self) -> IssuerKey:
        """Make a key and keep it durably; return it."""

    def find(self, kid: str) -> IssuerKey | None:
        """Return a key, ``None`` when it is not here."""


class KeySource(Protocol):
    """What signs and what verifies at this moment."""

    def verifying(self) -> IssuerKeys:
        """Return the public keys that count now."""

    def signing(self) -> IssuerKey:
        """Return the key that signs now; raises ``UnavailableError`` where there is none."""

    def lost(self) -> Mapping[str, datetime]:
        """Return the compromised keys by ``kid``, and when each was taken out."""


@dataclass(frozen=True, slots=True)
class FixedKeys:
    """A source that never changes: one issuer without a store, as in the demo's wallet and in tests."""

    keys: IssuerKeys
    signer: IssuerKey | None = None

    def verifying(self) -> IssuerKeys:
        """Return the keys it was given."""
        return self.keys

    def signing(self) -> IssuerKey:
        """Return the signer it was given; raises ``UnavailableError``."""
        if self.signer is None:
            raise no_signer()
        return self.signer

    def lost(self) -> Mapping[str, datetime]:
        """Return none."""
        return {}


class StoredKeys:
    """The keys as the database has them, looked at every few seconds. ``private`` is ``None`` on a face without them.

    ``first`` is the key that the host was set up with: it counts from the beginning on, also before it has a row.
    """

    def __init__(
        self,
        rows: IssuerKeyRows,
        reader: Reader,
        private: PrivateKeys | None,
        now: Callable[[], datetime],
        first: ECKey,
    ) -> None:
        self._rows = rows
        self._reader = reader
        self._private = private
        self._now = now
        self._first = IssuerKeyRecord(first.thumbprint(), first, BEGINNING, BEGINNING)
        self._lock = threading.Lock()
        self._seen: tuple[datetime, tuple[IssuerKeyRecord, ...]] | None = None
        self._public: dict[str, ECKey] = {}

    def records(self) -> tuple[IssuerKeyRecord, ...]:
        """Return the keys as they were at most ``REFRESH`` ago."""
        now = self._now()
        with self._lock:
            if self._seen is None or not self._seen[0] <= now < self._seen[0] + REFRESH:
                self._seen = (now, tuple(self._reader.read(self.every)))
            return self._seen[1]

    def every(self, tx: Tx) -> list[IssuerKeyRecord]:
        """Return every key there ever was as the transaction sees them, the oldest first."""
        kept = self._rows.all(tx)
        return kept if any(one.kid == self._first.kid for one in kept) else [self._first, *kept]

    def forget(self) -> None:
        """Look anew the next time: a change was made in this process."""
        with self._lock:
            self._seen = None

    def verifying(self) -> IssuerKeys:
        """Return the public keys that count now."""
        now = self._now()
        # One object for each key for ever: opened status lists are kept by it.
        return IssuerKeys(
            {one.kid: self._public.setdefault(one.kid, one.public) for one in self.records() if one.counts_at(now)}
        )

    def signing(self) -> IssuerKey:
        """Return the key that signs now; raises ``UnavailableError`` where its private half is not."""
        found = signing_at(self.records(), self._now())
        key = None if found is None or self._private is None else self._private.find(found.kid)
        if key is None:
            raise no_signer()
        return key

    def lost(self) -> Mapping[str, datetime]:
        """Return the compromised keys by ``kid``, and when each was taken out."""
        return {one.kid: one.compromised_at for one in self.records() if one.compromised_at is not None}


@dataclass(frozen=True, slots=True)
class IssuerKeyService:
    """Rotation and compromise, as an operator asks for them on the host. Every step is an entry of the log."""

    settings: IdentitySettings
    rows: IssuerKeyRows
    source: StoredKeys
    private: PrivateKeys
    journal: Journal
    reader: Reader
    now: Callable[[], datetime]

    def listed(self) -> Sequence[IssuerKeyRecord]:
        """Return every key there ever was, the oldest first."""
        return self.reader.read(self.source.every)

    def rotate(self, by: Principal | None, *, at_once: bool = False) -> IssuerKeyRecord:
        """Make and publish a new key that signs after ``LEAD``; the present one is kept as long as what it signed.

        Raises ``ConflictError`` while a new key waits to sign.
        """
        now = self.now()
        known = self.reader.read(self.source.every)
        if any(one.signs_from > now and one.compromised_at is None for one in known):
            raise ConflictError(
                "A new key is published already and signs soon.", detail_zh="新密钥已发布，稍后即启用，无需再换。"
            )
        made = self.private.make()
        starts = now if at_once else now + LEAD
        record = IssuerKeyRecord(made.kid, made.key, now, starts)

        def write(tx: Tx) -> None:
            for one in self.source.every(tx):
                if one.keep_until is None and one.compromised_at is None:
                    self.rows.save(tx, replace(one, keep_until=starts + self._longest()))
            self.rows.save(tx, record)

        self.journal.record(write, _published(record, by))
        self.source.forget()
        return record

    def compromise(self, kid: str, by: Principal | None) -> IssuerKeyRecord:
        """Take a key out at once; return the key that signs from now on, a new one if there is no other.

        What the key signed is refused from here on; ``IdentityService.end_compromised`` ends it in the status lists.
        Raises ``NotFoundError`` for a key that the issuer never had.
        """
        now = self.now()
        known = {one.kid: one for one in self.reader.read(self.source.every)}
        lost = known.get(kid)
        if lost is None:
            raise NotFoundError("The issuer has no key with this kid.", detail_zh="签发方没有该标识的密钥。")
        if lost.compromised_at is None:
            lost = replace(lost, compromised_at=now)
            rest = [one for one in known.values() if one.kid != kid and one.compromised_at is None]
            following = next((one for one in reversed(rest) if one.keep_until is None), None)
            if following is None:
                made = self.private.make()
                following = IssuerKeyRecord(made.kid, made.key, now, now)
            following = replace(following, signs_from=min(following.signs_from, now))
            saved = (lost, following)

            def write(tx: Tx) -> None:
                for one in saved:
                    self.rows.save(tx, one)

            self.journal.record(
                write,
                EntryDraft(
                    "identity.key_compromised",
                    by,
                    facts={"kid": kid, "compromised_at": seconds_text(now), "signer": following.kid},
                ),
            )
            self.source.forget()
        found = signing_at(self.reader.read(self.source.every), self.now())
        if found is None:
            raise no_signer()
        return found

    def _longest(self) -> timedelta:
        """Return how long at most something lives that a key signed last."""
        return max(self.settings.credential_life + timedelta(hours=1), self.settings.status_life)


def signing_at(records: Sequence[IssuerKeyRecord], now: datetime) -> IssuerKeyRecord | None:
    """Return the key that signs at ``now``: the newest that may, ``None`` when there is none."""
    usable = [one for one in records if one.signs_from <= now and one.counts_at(now)]
    return max(usable, key=lambda one: (one.signs_from, one.published_at), default=None)


def no_signer() -> UnavailableError:
    """Return the refusal of a face that cannot sign."""
    return UnavailableError(
        "This face does not hold the credential key that signs now; ask the office face.",
        detail_zh="本端不持有当前的凭证签发密钥。",
    )


def _published(record: IssuerKeyRecord, by: Principal | None) -> EntryDraft:
    facts: Mapping[str, str] = {"kid": record.kid, "signs_from": seconds_text(record.signs_from)}
    return EntryDraft("identity.key_published", by, facts=dict(facts))
