"""Use cases of the digital identity: offer, issue, status, online verification (Art. 50 ¶3)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from hashlib import sha256

from gateway.articles import keeps
from gateway.errors import GatewayError, NotFoundError, UnavailableError
from gateway.identity import metadata, proofs
from gateway.identity.claims import ACTIVE, claims_of, grant_fields
from gateway.identity.errors import CredentialRejectedError, OfferError, Reason
from gateway.identity.issue import Blank, expiry, hour_of
from gateway.identity.issuer_keys import KeySource
from gateway.identity.jws import public_jwk, thumbprint
from gateway.identity.keys import IssuerKey
from gateway.identity.lifecycle import asking_recipient, next_status, own_audiences, status_for_state
from gateway.identity.ports import IdentityRepository, PupilView, ReleaseGate
from gateway.identity.records import (
    ClaimValue,
    CredentialId,
    IdentitySettings,
    IssuedBatch,
    IssuedCredential,
    MadeOffer,
    Offer,
    OfferId,
    ShardId,
    Status,
    StatusChange,
    StatusListToken,
    StatusReference,
    VerificationAnswer,
)
from gateway.identity.shards import ShardKeeper
from gateway.identity.status_list import OpenLists
from gateway.identity.verify import (
    LEEWAY,
    UnverifiedPresentation,
    VerificationPolicy,
    VerifiedClaims,
    status_reference_of,
    verify,
)
from gateway.ids import RecipientId, SubjectRef
from gateway.instants import seconds_text
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import Principal

CHINA = timezone(timedelta(hours=8))
"""Asia/Shanghai has had no other offset since 1991."""
PURPOSE = "identity-verification"

__all__ = ["IdentityRepository", "IdentityService", "PupilView", "ReleaseGate"]


@dataclass(frozen=True, slots=True)
class IdentityService:
    """The digital identity of one issuer.

    ``keys`` hold the public half of every key whose credentials may still be alive; on a face without the private
    one it verifies and serves documents, and refuses to issue. ``may_offer``
    says whether a principal may offer an identity to the pupil of a row (``lifecycle.staff_may_offer``).
    """

    settings: IdentitySettings
    journal: Journal
    reader: Reader
    store: IdentityRepository
    view: PupilView
    gate: ReleaseGate
    keys: KeySource
    now: Callable[[], datetime]
    may_offer: Callable[[Principal, Mapping[str, object]], bool]
    audiences: Callable[[Principal], frozenset[str]] = own_audiences
    token: Callable[[], str] = lambda: secrets.token_urlsafe(32)
    new_id: Callable[[], str] = lambda: secrets.token_hex(16)
    random: Callable[[int], bytes] = secrets.token_bytes
    choose: Callable[[int], int] = secrets.randbelow
    lists: OpenLists = field(default_factory=OpenLists, repr=False)

    # Offer and issue

    def make_offer(self, subject_ref: SubjectRef, by: Principal) -> MadeOffer:
        """Return a one-time code for the pupil's wallet; only its SHA-256 is kept.

        Raises ``NotFoundError`` when there is no such pupil, the record is not active, or ``by`` has no charge
        of it: one answer for all.
        """
        row = self.view.pupil(subject_ref)
        if row is None or row.get("state") != ACTIVE or not self.may_offer(by, row):
            error = NotFoundError(
                "No active record of a pupil in your charge; check the pupil and your unit.",
                detail_zh="未找到您负责的在籍学生，请核对学生与所在单位。",
                rule="A50-15",
            )
            self._refused("identity.offered", error, actor=by, subjects=(subject_ref,))
            raise error
        now, code = self.now(), self.token()
        offer = Offer(
            id=OfferId(f"of-{self.new_id()}"),
            code_hash=_hash(code),
            subject_ref=subject_ref,
            made_by=by.account,
            made_at=now,
            expires_at=now + self.settings.offer_life,
        )
        self.journal.record(
            lambda tx: self.store.add_offer(tx, offer),
            EntryDraft(
                "identity.offered",
                by,
                facts={"offer": offer.id, "expires_at": seconds_text(offer.expires_at)},
                links={"executor": by.account},
                subjects=(subject_ref,),
            ),
        )
        return MadeOffer(offer.id, code, offer.expires_at, metadata.offer_uri(self.settings, code))

    def nonce(self) -> str:
        """Return a nonce for key proofs, good for ``settings.nonce_life``, once (OpenID4VCI 1.0 section 7)."""
        return proofs.make_nonce(
            issuer=self.settings.issuer,
            key=self._signer(),
            random=self.token(),
            now=self.now(),
            life=self.settings.nonce_life,
        )

    @keeps("A50-14")
    def issue(self, code: str, key_proofs: Sequence[str]) -> IssuedBatch:
        """Return one credential for each proof, each with a key, salts and a status entry of its own.

        Redeems the code and the nonce. Raises ``OfferError``, ``ProofError``, ``KeyReuseError``, or
        ``CredentialRejectedError`` (record_not_active); the code stays good then.
        """
        signer, now = self._signer(), self.now()
        offer: Offer | None = None
        try:
            offer = self.reader.read(lambda tx: self.store.offer_by_code(tx, _hash(code)))
            if offer is None or offer.redeemed_at is not None or offer.expires_at <= now:
                raise OfferError
            checked = proofs.check_proofs(
                key_proofs, issuer=self.settings.issuer, batch_size=self.settings.batch_size, now=now
            )
            nonce_expires = proofs.check_nonce(
                checked.nonce, issuer=self.settings.issuer, keys=self.keys.verifying(), now=now
            )
            row = self._active_row(offer.subject_ref)
            batch = self._issue(signer, offer, checked, nonce_expires, row, now)
        except GatewayError as error:
            self._refused("identity.issued", error, subjects=() if offer is None else (offer.subject_ref,))
            raise
        # The record may have ended between reading it and the commit; an event applied in between found no
        # credential to revoke. Reading again closes that gap (A50-15).
        state = (self.view.pupil(offer.subject_ref) or {}).get("state")
        if state != ACTIVE:
            self.set_status_by_subject(offer.subject_ref, str(state))
        return batch

    def _issue(
        self,
        signer: IssuerKey,
        offer: Offer,
        checked: proofs.CheckedProofs,
        nonce_expires: datetime,
        row: Mapping[str, object],
        now: datetime,
    ) -> IssuedBatch:
        claims = claims_of(row, now.astimezone(CHINA).date())
        expires = expiry(now, self.settings.credential_life)
        thumbprints = [thumbprint(public_jwk(key)) for key in checked.keys]

        def write(tx: Tx) -> IssuedBatch:
            if not self.store.redeem_offer(tx, offer.id, now):
                raise OfferError
            if not self.store.use_once(tx, _hash("nonce", checked.nonce), nonce_expires):
                raise proofs.refused("nonce")
            if self.store.known_thumbprints(tx, thumbprints):
                raise proofs.reused()
            entries = self._shards(signer).allocate(tx, len(thumbprints), now)
            self.store.add_credentials(
                tx,
                [
                    IssuedCredential(
                        id=CredentialId(f"cr-{self.new_id()}"),
                        subject_ref=offer.subject_ref,
                        shard=ShardId(shard),
                        index=index,
                        holder_thumbprint=thumbprint,
                        kid=signer.kid,
                        issued_at=hour_of(now),
                        expires_at=expires,
                    )
                    for thumbprint, (shard, index) in zip(thumbprints, entries, strict=True)
                ],
            )
            blank = Blank.of(
                claims,
                key=signer,
                issuer=self.settings.issuer,
                vct=self.settings.vct,
                now=now,
                life=self.settings.credential_life,
            )
            credentials = tuple(
                blank.filled(key, StatusReference(self.settings.status_uri(ShardId(shard)), index), self.random)
                for key, (shard, index) in zip(checked.keys, entries, strict=True)
            )
            return IssuedBatch(credentials, expires)

        batch, _ = self.journal.record(
            write,
            EntryDraft(
                "identity.issued",
                None,
                facts={
                    "offer": offer.id,
                    "credentials": len(thumbprints),
                    "claims": [*sorted(claims)],
                    "expires_at": seconds_text(expires),
                    "kid": signer.kid,
                },
                links={"executor": offer.made_by},
                subjects=(offer.subject_ref,),
            ),
        )
        return batch

    # Status

    def set_status_by_subject(
        self, subject_ref: SubjectRef, state: str, *, attributes_changed: bool = False
    ) -> StatusChange:
        """Set the status of a pupil's live credentials after the record entered ``state``; see ``set_status``."""
        return self.set_status((subject_ref,), state, attributes_changed=attributes_changed)

    @keeps("A50-15")
    def set_status(
        self, subjects: Sequence[SubjectRef], state: str, *, attributes_changed: bool = False
    ) -> StatusChange:
        """Set the status of all live credentials of ``subjects`` and sign the lists concerned, in one transaction.

        Applying it twice changes nothing more. ``attributes_changed`` (a change of school) ends credentials
        although the record is active. Source: A50-15.
        """
        signer, now = self._signer(), self.now()
        live = self.reader.read(lambda tx: self.store.credentials_of(tx, subjects, live_at=now))
        if all(next_status(one.status, state, attributes_changed=attributes_changed) is one.status for one in live):
            return StatusChange(status_for_state(state), 0, 0)

        def write(tx: Tx) -> StatusChange:
            changes: dict[ShardId, dict[int, int]] = {}
            by_status: dict[Status, list[CredentialId]] = {}
            for one in self.store.credentials_of(tx, subjects, live_at=now):
                status = next_status(one.status, state, attributes_changed=attributes_changed)
                if status is not one.status:
                    changes.setdefault(one.shard, {})[one.index] = status
                    by_status.setdefault(status, []).append(one.id)
            for status, ids in by_status.items():
                self.store.set_credential_status(tx, ids, status)
            self._shards(signer).change(tx, changes, now)
            return StatusChange(status_for_state(state), sum(map(len, by_status.values())), len(changes))

        def entry(change: StatusChange) -> EntryDraft:
            facts: dict[str, JsonValue] = {
                "status": "ended" if attributes_changed else change.status.name.lower(),
                "credentials": change.changed,
                "shards": change.shards,
            }
            return EntryDraft("identity.status_changed", None, facts=facts, subjects=tuple(subjects))

        change, _ = self.journal.record(write, entry)
        return change

    def end_compromised(self) -> int:
        """End what compromised keys signed in the status lists, one list at a time; return how many entries it was.

        For the worker's timer, and for the command that declares a key compromised: nothing is left, nothing is done.
        """
        signer, now, ended = self._signer(), self.now(), 0
        lost = self.keys.lost()
        while lost:
            found = self.reader.read(lambda tx: self.store.signed_by(tx, lost, live_at=now))
            if not found:
                break

            def write(tx: Tx, part: Sequence[IssuedCredential] = tuple(found)) -> int:
                changes: dict[ShardId, dict[int, int]] = {}
                for one in part:
                    changes.setdefault(one.shard, {})[one.index] = Status.INVALID
                self.store.set_credential_status(tx, [one.id for one in part], Status.INVALID)
                self._shards(signer).change(tx, changes, now)
                return len(part)

            count, _ = self.journal.record(
                write, lambda count: EntryDraft("identity.key_ended", None, facts={"credentials": count})
            )
            ended += count
        return ended

    def refresh_status_lists(self) -> int:
        """Sign anew the lists whose token is older than half its ``ttl``; return how many. For the worker's timer."""
        signer, now = self._signer(), self.now()
        # A key that was taken out signs no list that counts: those of before, to the second, are due at once.
        lost = [at + timedelta(seconds=1) for at in self.keys.lost().values() if at <= now]
        due = max([now - self.settings.status_ttl / 2, *lost])
        if not self.reader.read(lambda tx: self.store.shards_signed_before(tx, due)):
            return 0

        def write(tx: Tx) -> int:
            return self._shards(signer).sign_again(tx, due, now)

        count, _ = self.journal.record(
            write, lambda signed: EntryDraft("identity.status_published", None, facts={"shards": signed})
        )
        return count

    def status_list_token(self, shard: ShardId) -> StatusListToken:
        """Return the signed list of a shard, as ``application/statuslist+jwt`` with its ETag.

        Raises ``NotFoundError``, and ``UnavailableError`` when the worker has not signed it in time.
        """
        found = self.reader.read(lambda tx: self.store.shard(tx, shard))
        if found is None:
            raise NotFoundError("There is no such status list.", detail_zh="没有该状态列表。")
        if found.token_expires_at <= self.now():
            raise UnavailableError(
                "The status list has expired; the worker must sign it anew.", detail_zh="状态列表已过期，等待重新签发。"
            )
        etag = f'"{sha256(found.token.encode()).hexdigest()[:32]}"'
        return StatusListToken(found.token, etag, found.token_at, found.token_expires_at, self.settings.status_ttl)

    # Verification

    def verify_online(
        self,
        presentation: UnverifiedPresentation,
        relying_party: Principal,
        *,
        audience: str,
        nonce: str,
        requested: frozenset[str],
        purpose: str = PURPOSE,
    ) -> VerificationAnswer:
        """Return the requested claims of a presentation, checked against the record's present state.

        Runs under a standing grant of the relying party's organisation (I1). Raises ``ForbiddenError`` without
        one or for another party's audience, ``ParameterError`` for a claim that does not exist,
        ``CredentialRejectedError`` when the presentation does not hold or the record is not active (A50-15).
        """
        try:
            recipient = asking_recipient(relying_party, requested, audience, own=self.audiences(relying_party))
        except GatewayError as error:
            self._refused("identity.verified", error, actor=relying_party)
            raise
        policy = VerificationPolicy(
            audience=audience,
            nonce=nonce,
            issuer=self.settings.issuer,
            vct=self.settings.vct,
            required=requested,
            max_key_binding_age=self.settings.max_key_binding_age,
        )
        return self.gate.answer(
            recipient,
            relying_party,
            purpose,
            grant_fields(requested),
            lambda: self._answer(presentation, policy, relying_party, recipient, purpose),
        )

    def _answer(
        self,
        presentation: UnverifiedPresentation,
        policy: VerificationPolicy,
        actor: Principal,
        recipient: RecipientId,
        purpose: str,
    ) -> VerificationAnswer:
        now = self.now()
        subjects: tuple[SubjectRef, ...] = ()
        facts: dict[str, JsonValue] = {"purpose": purpose, "claims": [*sorted(policy.required)]}
        links = {"recipient": str(recipient), "executor": str(actor.account)}
        try:
            verified = verify(
                presentation,
                policy,
                keys=self.keys.verifying(),
                status_list_token=self._own_status_list(presentation),
                now=now,
                lists=self.lists,
            )
            credential = self._issued_credential(verified)
            subjects = (credential.subject_ref,)
            claims = self._present_claims(credential.subject_ref, verified, policy.required, now)
            mark = _hash("presentation", verified.holder_thumbprint, policy.audience, policy.nonce)

            def write(tx: Tx) -> None:
                if not self.store.use_once(tx, mark, now + policy.max_key_binding_age + 2 * LEEWAY):
                    raise CredentialRejectedError(Reason.REPLAYED)

            self.journal.record(
                write, EntryDraft("identity.verified", actor, facts=facts, links=links, subjects=subjects)
            )
        except GatewayError as error:
            self._refused("identity.verified", error, actor=actor, subjects=subjects, facts=facts, links=links)
            raise
        return VerificationAnswer(claims, now, verified.expires_at)

    def _own_status_list(self, presentation: UnverifiedPresentation) -> str:
        reference = status_reference_of(presentation)
        name = self.settings.shard_of(reference.uri)
        shard = None if name is None else self.reader.read(lambda tx: self.store.shard(tx, name))
        if shard is None:
            raise CredentialRejectedError(Reason.UNKNOWN_CREDENTIAL)
        return shard.token

    def _issued_credential(self, verified: VerifiedClaims) -> IssuedCredential:
        reference = verified.status_reference
        name = self.settings.shard_of(reference.uri)
        found = (
            None if name is None else self.reader.read(lambda tx: self.store.credential_at(tx, name, reference.index))
        )
        if found is None or found.holder_thumbprint != verified.holder_thumbprint:
            raise CredentialRejectedError(Reason.UNKNOWN_CREDENTIAL)
        return found

    def _present_claims(
        self, subject_ref: SubjectRef, verified: VerifiedClaims, requested: frozenset[str], now: datetime
    ) -> dict[str, ClaimValue]:
        present = claims_of(self._active_row(subject_ref), now.astimezone(CHINA).date())
        changed = tuple(sorted(name for name in requested if present.get(name) != verified.claims[name]))
        if changed:
            raise CredentialRejectedError(Reason.ATTRIBUTE_CHANGED, missing=changed, rule="A50-15")
        return {name: present[name] for name in sorted(requested)}

    # Documents and housekeeping

    def jwks(self) -> dict[str, object]:
        """Return the issuer's JWKS document."""
        return self.keys.verifying().jwks()

    def jwt_vc_issuer(self) -> dict[str, object]:
        """Return ``/.well-known/jwt-vc-issuer``."""
        return metadata.jwt_vc_issuer(self.settings, self.keys.verifying())

    def type_metadata(self) -> dict[str, object]:
        """Return the type metadata of the ``vct``."""
        return metadata.type_metadata(self.settings)

    def credential_issuer(self) -> dict[str, object]:
        """Return ``/.well-known/openid-credential-issuer``."""
        return metadata.credential_issuer(self.settings)

    def sweep(self) -> Mapping[str, int]:
        """Forget expired offers and nonces, and unlink expired credentials from their pupils; return row counts."""
        now = self.now()
        counts, _ = self.journal.record(
            lambda tx: self.store.sweep(tx, now),
            lambda found: EntryDraft("identity.swept", None, facts=dict(found)),
        )
        return counts

    def _signer(self) -> IssuerKey:
        return self.keys.signing()

    def _shards(self, signer: IssuerKey) -> ShardKeeper:
        return ShardKeeper(self.settings, self.store, signer, self.new_id, self.choose)

    def _active_row(self, subject_ref: SubjectRef) -> Mapping[str, object]:
        row = self.view.pupil(subject_ref)
        if row is None or row.get("state") != ACTIVE:
            raise CredentialRejectedError(Reason.RECORD_NOT_ACTIVE, rule="A50-15")
        return row

    def _refused(
        self,
        kind: str,
        error: GatewayError,
        *,
        actor: Principal | None = None,
        subjects: tuple[SubjectRef, ...] = (),
        facts: Mapping[str, JsonValue] | None = None,
        links: Mapping[str, str] | None = None,
    ) -> None:
        """Record a refusal like a permission (A50-13): its kind and reason, never what was presented."""
        reason = error.reason.value if isinstance(error, CredentialRejectedError) else type(error).__name__
        policy = error.extra.get("policy")
        self.journal.append(
            EntryDraft(
                kind,
                actor,
                outcome="refused",
                facts={**(facts or {}), "reason": reason, "rule": error.rule},
                links=links or {},
                policy=None if policy is None else str(policy),
                subjects=subjects,
            )
        )


def _hash(*parts: str) -> str:
    digest = sha256()
    for part in parts:
        raw = part.encode()
        digest.update(len(raw).to_bytes(4, "big") + raw)
    return digest.hexdigest()
