"""Use cases of the digital identity: status and online verification (Art. 50 ¶3). Issuing is in ``issuing``."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from hashlib import sha256

from gateway.articles import keeps
from gateway.errors import GatewayError, NotFoundError, UnavailableError
from gateway.identity import metadata
from gateway.identity.claims import ACTIVE, claims_of, grant_fields
from gateway.identity.configurations import Configuration
from gateway.identity.digests import digest_of
from gateway.identity.errors import CredentialRejectedError, Reason
from gateway.identity.issuer_keys import KeySource
from gateway.identity.keys import IssuerKey
from gateway.identity.lifecycle import asking_recipient, next_status, own_audiences, status_for_state
from gateway.identity.ports import IdentityRepository, PupilView, ReleaseGate
from gateway.identity.records import (
    ClaimValue,
    CredentialId,
    IdentitySettings,
    IssuedCredential,
    ShardId,
    Status,
    StatusChange,
    StatusListToken,
    VerificationAnswer,
)
from gateway.identity.shards import ShardKeeper
from gateway.identity.status_list import OpenLists
from gateway.identity.trail import refusal
from gateway.identity.verify import (
    LEEWAY,
    UnverifiedPresentation,
    VerificationPolicy,
    VerifiedClaims,
    status_reference_of,
    verify,
)
from gateway.ids import SubjectRef
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.policies.records import Grant
from gateway.policies.scope import Dimension, beyond, scope_exceeded
from gateway.principals import Principal
from rulebook.records import Divisions

CHINA = timezone(timedelta(hours=8))
"""Asia/Shanghai has had no other offset since 1991."""
PURPOSE = "identity-verification"

__all__ = ["IdentityRepository", "IdentityService", "PupilView", "ReleaseGate"]


@dataclass(frozen=True, slots=True)
class IdentityService:
    """The digital identity of one issuer.

    ``keys`` hold the public half of every key whose credentials may still be alive; on a face without the private
    one it verifies and serves documents, and changes no status.
    """

    settings: IdentitySettings
    journal: Journal
    reader: Reader
    store: IdentityRepository
    view: PupilView
    gate: ReleaseGate
    keys: KeySource
    divisions: Divisions
    now: Callable[[], datetime]
    audiences: Callable[[Principal], frozenset[str]] = own_audiences
    new_id: Callable[[], str] = lambda: secrets.token_hex(16)
    choose: Callable[[int], int] = secrets.randbelow
    lists: OpenLists = field(default_factory=OpenLists, repr=False)

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

    @keeps("A50-15")
    def end(self, tx: Tx, ids: Sequence[CredentialId]) -> int:
        """End credentials, whoever holds them, within the caller's transaction; return how many were not ended yet."""
        changes: dict[ShardId, dict[int, int]] = {}
        ended: list[CredentialId] = []
        for one in self.store.credentials_named(tx, ids):
            if one.status is not Status.INVALID:
                changes.setdefault(one.shard, {})[one.index] = Status.INVALID
                ended.append(one.id)
        if ended:
            self.store.set_credential_status(tx, ended, Status.INVALID)
            self._shards(self._signer()).change(tx, changes, self.now())
        return len(ended)

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

    def unsigned_since(self) -> datetime | None:
        """Return since when the list that waits longest is due to be signed anew, ``None`` when none is."""
        half, now = self.settings.status_ttl / 2, self.now()
        waiting = self.reader.read(self.store.oldest_signature)
        return None if waiting is None or waiting + half > now else waiting + half

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
        one or for another party's audience, ``ScopeExceededError`` for a pupil beyond it, ``ParameterError`` for a
        claim that does not exist,
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
            lambda grant: self._answer(presentation, policy, relying_party, grant, purpose),
        )

    def _answer(
        self,
        presentation: UnverifiedPresentation,
        policy: VerificationPolicy,
        actor: Principal,
        grant: Grant,
        purpose: str,
    ) -> VerificationAnswer:
        now = self.now()
        subjects: tuple[SubjectRef, ...] = ()
        facts: dict[str, JsonValue] = {"purpose": purpose, "claims": [*sorted(policy.required)]}
        links = {"grant": str(grant.id), "recipient": str(grant.recipient), "executor": str(actor.account)}
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
            row = self.view.pupil(credential.subject_ref)
            self._check_reach(grant, row, facts)
            claims = self._present_claims(row, verified, policy.required, now)
            mark = digest_of("presentation", verified.holder_thumbprint, policy.audience, policy.nonce)

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

    def _check_reach(self, grant: Grant, row: Mapping[str, object] | None, facts: dict[str, JsonValue]) -> None:
        """Raise ``ScopeExceededError`` for a pupil beyond the grant, as no pupil beyond it signs in (A50-9, I6).

        Before the state is looked at: of a pupil whom the grant is not about nothing is told, not even that.
        """
        if row is None:
            return
        # A state is not what the grant is about; a pupil who is not in school is refused as that.
        outside = tuple(one for one in beyond(grant.scope, row, self.divisions) if one is not Dimension.ROWS)
        if outside:
            facts["dimension"] = outside[0].value
            raise scope_exceeded(
                outside, "This pupil lies outside what your standing grant covers", "该学生不在贵单位常设授权范围内"
            )

    def _present_claims(
        self,
        row: Mapping[str, object] | None,
        verified: VerifiedClaims,
        requested: frozenset[str],
        now: datetime,
    ) -> dict[str, ClaimValue]:
        if row is None or row.get("state") != ACTIVE:
            raise CredentialRejectedError(Reason.RECORD_NOT_ACTIVE, rule="A50-15")
        present = claims_of(row, now.astimezone(CHINA).date())
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

    def type_metadata(self, configuration: Configuration) -> dict[str, object]:
        """Return the type metadata of the ``vct`` of a configuration."""
        return metadata.type_metadata(self.settings, configuration)

    def credential_issuer(self) -> dict[str, object]:
        """Return ``/.well-known/openid-credential-issuer``."""
        return metadata.credential_issuer(self.settings)

    def sweep(self) -> Mapping[str, int]:
        """Forget expired nonces, and unlink expired credentials from their pupils; return row counts."""
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
        self.journal.append(refusal(kind, error, actor=actor, subjects=subjects, facts=facts, links=links))
