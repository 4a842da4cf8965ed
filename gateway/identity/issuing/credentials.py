"""Credential requests: a batch of one-time credentials, each with a key, salts and a status entry of its own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from gateway.articles import keeps
from gateway.errors import GatewayError
from gateway.identity import proofs
from gateway.identity.claims import ACTIVE
from gateway.identity.configurations import Configuration
from gateway.identity.digests import digest_of
from gateway.identity.errors import CredentialRejectedError, Reason
from gateway.identity.issue import Blank, expiry, hour_of
from gateway.identity.issuer_keys import KeySource
from gateway.identity.issuing import errors
from gateway.identity.issuing.ports import IssuingRepository
from gateway.identity.issuing.records import Access, CredentialAnswer, Sent
from gateway.identity.issuing.requests import CredentialWish, read_wish
from gateway.identity.issuing.tokens import TokenDesk
from gateway.identity.keys import IssuerKey
from gateway.identity.ports import IdentityRepository, PupilView
from gateway.identity.records import (
    ClaimValue,
    CredentialId,
    IdentitySettings,
    IssuedCredential,
    ShardId,
    StatusReference,
)
from gateway.identity.shards import ShardKeeper
from gateway.identity.trail import refusal
from gateway.ids import SubjectRef
from gateway.instants import seconds_text
from gateway.journal import EntryDraft, Journal, Tx

CHINA = timezone(timedelta(hours=8))
"""Asia/Shanghai has had no other offset since 1991."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is about to be issued."""

    access: Access
    configuration: Configuration
    checked: proofs.CheckedProofs
    nonce_expires: datetime
    claims: Mapping[str, ClaimValue]
    at: datetime


@dataclass(frozen=True, slots=True)
class CredentialDesk:
    """Issues credentials to who holds an access token. ``settle`` carries a record's state over to its credentials."""

    settings: IdentitySettings
    journal: Journal
    store: IssuingRepository
    rows: IdentityRepository
    view: PupilView
    keys: KeySource
    tokens: TokenDesk
    settle: Callable[[SubjectRef, str], object]
    now: Callable[[], datetime]
    token: Callable[[], str] = lambda: secrets.token_urlsafe(32)
    new_id: Callable[[], str] = lambda: secrets.token_hex(16)
    random: Callable[[int], bytes] = secrets.token_bytes
    choose: Callable[[int], int] = secrets.randbelow

    def nonce(self) -> str:
        """Return a nonce for key proofs, good for ``settings.nonce_life``, once (section 7)."""
        return proofs.make_nonce(
            issuer=self.settings.issuer,
            key=self.keys.signing(),
            random=self.token(),
            now=self.now(),
            life=self.settings.nonce_life,
        )

    @keeps("A50-14")
    def issue(self, sent: Sent, document: object) -> CredentialAnswer:
        """Return one credential for each key proof of ``document``; the token and the nonce are used up.

        Raises ``WalletRefusedError``; the token stays good then, so that a wallet may ask again with a new nonce.
        """
        signer, now = self.keys.signing(), self.now()
        access: Access | None = None
        try:
            access = self.tokens.holder(sent)
            wish = read_wish(document, access)
            batch = self._issue(signer, self._checked(access, wish, now))
        except GatewayError as error:
            told = errors.as_wallet_error(error)
            subjects = () if access is None else (access.subject_ref,)
            self.journal.append(refusal("identity.issued", told, subjects=subjects))
            if told is error:
                raise
            raise told from error
        # The record may have ended between reading it and the commit; an event applied in between found no
        # credential to revoke. Reading again closes that gap (A50-15).
        state = (self.view.pupil(access.subject_ref) or {}).get("state")
        if state != ACTIVE:
            self.settle(access.subject_ref, str(state))
        return batch

    def _checked(self, access: Access, wish: CredentialWish, now: datetime) -> _Batch:
        issuer, size = self.settings.issuer, self.settings.batch_size
        if len(wish.proofs) > size:
            raise errors.invalid_credential_request(
                f"Send at most {size} key proofs, as the metadata say (batch_size).",
                f"密钥证明最多 {size} 个，见元数据 batch_size。",
            )
        checked = proofs.check_proofs(wish.proofs, issuer=issuer, batch_size=size, now=now)
        nonce_expires = proofs.check_nonce(checked.nonce, issuer=issuer, keys=self.keys.verifying(), now=now)
        row = self.view.pupil(access.subject_ref)
        if row is None or row.get("state") != ACTIVE:
            raise CredentialRejectedError(Reason.RECORD_NOT_ACTIVE, rule="A50-15")
        claims = wish.configuration.claims_of(row, now.astimezone(CHINA).date())
        if not claims:
            raise CredentialRejectedError(Reason.MISSING_CLAIM)
        return _Batch(access, wish.configuration, checked, nonce_expires, claims, now)

    def _issue(self, signer: IssuerKey, batch: _Batch) -> CredentialAnswer:
        now, access = batch.at, batch.access
        expires = expiry(now, self.settings.credential_life)
        thumbprints = [key.thumbprint for key in batch.checked.keys]
        ids = tuple(CredentialId(f"cr-{self.new_id()}") for _ in thumbprints)
        notification = self.token()
        used = replace(
            access,
            used_at=now,
            notification_hash=digest_of("notification", notification),
            credentials=ids,
            kept_until=expires,
        )

        def write(tx: Tx) -> CredentialAnswer:
            if not self.store.use_access(tx, used):
                raise errors.invalid_token()
            if not self.rows.use_once(tx, digest_of("nonce", batch.checked.nonce), batch.nonce_expires):
                raise proofs.refused("nonce")
            if self.rows.known_thumbprints(tx, thumbprints):
                raise proofs.reused()
            entries = self._shards(signer).allocate(tx, len(ids), now)
            self.rows.add_credentials(
                tx,
                [
                    IssuedCredential(
                        id=identifier,
                        subject_ref=access.subject_ref,
                        shard=ShardId(shard),
                        index=index,
                        holder_thumbprint=print_,
                        kid=signer.kid,
                        issued_at=hour_of(now),
                        expires_at=expires,
                    )
                    for identifier, print_, (shard, index) in zip(ids, thumbprints, entries, strict=True)
                ],
            )
            blank = Blank.of(
                batch.claims,
                key=signer,
                issuer=self.settings.issuer,
                vct=self.settings.vct_of(batch.configuration.id),
                now=now,
                life=self.settings.credential_life,
            )
            return CredentialAnswer(
                tuple(
                    blank.filled(key, StatusReference(self.settings.status_uri(ShardId(shard)), index), self.random)
                    for key, (shard, index) in zip(batch.checked.keys, entries, strict=True)
                ),
                notification,
                expires,
            )

        answer, _ = self.journal.record(
            write,
            EntryDraft(
                "identity.issued",
                None,
                facts={
                    "offer": access.offer,
                    "configuration": batch.configuration.id,
                    "credentials": len(ids),
                    "claims": [*sorted(batch.claims)],
                    "expires_at": seconds_text(expires),
                    "kid": signer.kid,
                },
                links={"executor": access.made_by},
                subjects=(access.subject_ref,),
            ),
        )
        return answer

    def _shards(self, signer: IssuerKey) -> ShardKeeper:
        return ShardKeeper(self.settings, self.rows, signer, self.new_id, self.choose)
