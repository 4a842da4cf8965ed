"""Codes for tokens, and tokens for claims (OpenID Connect Core 1.0 sections 3.1.3 and 5.3).

Everything that let the person answer has to hold still when the code is redeemed and each time claims are told: the
bond, the record, the consent, the relying party; and each telling is a use of its standing grant, through the
release gate (I1). What is told is read from the record at that moment (A50-15).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest

from gateway.accounts import dpop
from gateway.accounts.errors import ProofRefusedError
from gateway.accounts.records import OAuthClient
from gateway.articles import keeps
from gateway.errors import GatewayError, UnavailableError
from gateway.identity import jws
from gateway.identity.claims import ACTIVE, claims_of
from gateway.identity.digests import digest_of
from gateway.identity.dpop_once import use_proof
from gateway.identity.errors import SignInRefusedError
from gateway.identity.issuing.records import Sent
from gateway.identity.ports import IdentityRepository, PupilView
from gateway.identity.records import ClaimValue
from gateway.identity.signing_in import errors
from gateway.identity.signing_in.consents import Standing, fields_told
from gateway.identity.signing_in.id_tokens import IdTokens
from gateway.identity.signing_in.parties import Parties
from gateway.identity.signing_in.ports import Gate, Household, SignInRepository
from gateway.identity.signing_in.records import PURPOSE, TOKEN_LIFE, CodeRequest, Party, SignIn, State, Tokens
from gateway.identity.trail import refusal
from gateway.ids import SubjectRef
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Scratch, Tx
from gateway.policies.scope import civil_date

_LONGEST = 200
"""Of a code or a token; ours are 43 characters long."""
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
"""RFC 7636 section 4.1."""


@keeps("A50-14", "A50-15")
@dataclass(frozen=True, slots=True)
class RedeemDesk:
    """Redeems codes, and answers the userinfo endpoint."""

    parties: Parties
    gate: Gate
    household: Household
    standing: Standing
    view: PupilView
    store: SignInRepository
    rows: IdentityRepository
    id_tokens: IdTokens
    journal: Journal
    reader: Reader
    scratch: Scratch
    now: Callable[[], datetime]
    token: Callable[[], str] = lambda: secrets.token_urlsafe(32)

    def redeem(self, client: OAuthClient, asked: CodeRequest) -> Tokens:
        """Return the tokens of a code. Raises ``SignInRefusedError``; a refusal is recorded and spends the code."""
        party = self.parties.of(client)
        found = self._by_code(asked.code)
        try:
            if party is None:
                raise errors.unauthorized_client()
            if found is None:
                raise errors.invalid_grant("unknown")
            self._check_code(party, found, asked)
            proof = self._code_proof(client, found, asked)
            return self._redeem(party, found, proof)
        except UnavailableError:
            raise
        except SignInRefusedError as error:
            self._refused_code(party, found, error)
            raise
        except GatewayError as error:  # the gate's, and recorded by it
            if found is not None:
                self._end(found, None)
            raise errors.not_granted_code() from error

    def userinfo(self, sent: Sent) -> dict[str, ClaimValue]:
        """Return the claims for the userinfo endpoint, with ``sub``. Raises ``SignInRefusedError``, recorded."""
        found = None
        party = None
        try:
            found = self._by_token(sent)
            self._check_key(found, sent)
            party = self.parties.party(found.client)
            if party is None:
                raise errors.invalid_token("party")
            subject, row = self._holding(party, found, errors.invalid_token)
            claims = frozenset(found.wish.userinfo)
            return self.gate.answer(
                party.recipient,
                party.principal,
                PURPOSE,
                fields_told(claims),
                lambda _grant: self._tell(party, found, subject, row, claims),
            )
        except UnavailableError:
            raise
        except SignInRefusedError as error:
            actor = None if party is None else party.principal
            self.journal.append(
                refusal(
                    "identity.userinfo_answered",
                    error,
                    actor=actor,
                    facts={"sign_in": None if found is None else found.id},
                    subjects=_subjects(found),
                )
            )
            raise
        except GatewayError as error:  # the gate's, and recorded by it
            raise errors.not_granted() from error

    def revoke(self, client: OAuthClient, token: str) -> None:
        """End the sign-in of an access token of ``client`` (RFC 7009); any other token changes nothing."""
        found = None
        if 0 < len(token) <= _LONGEST:
            found = self.reader.read(lambda tx: self.store.by_token(tx, digest_of("token", token)))
        if found is not None and found.client == client.account.id and found.state is State.REDEEMED:
            self._end(found, "revoked")

    # Codes

    def _by_code(self, code: str | None) -> SignIn | None:
        if not code or len(code) > _LONGEST:
            return None
        return self.reader.read(lambda tx: self.store.by_code(tx, digest_of("code", code)))

    def _check_code(self, party: Party, found: SignIn, asked: CodeRequest) -> None:
        """Raise ``SignInRefusedError`` unless the code is good for this client and this request."""
        if found.client != party.id:
            raise errors.invalid_grant("another_client")
        if found.state is not State.ANSWERED:
            raise errors.invalid_grant("replayed")
        if found.expires_at <= self.now():
            raise errors.invalid_grant("expired")
        if asked.redirect_uri != found.wish.redirect_uri:
            raise errors.invalid_grant("redirect_uri")
        verifier = asked.verifier or ""
        challenge = jws.encode(sha256(verifier.encode(errors="replace")).digest())
        if not _VERIFIER.fullmatch(verifier) or not compare_digest(challenge, found.wish.challenge):
            raise errors.invalid_grant("verifier")

    def _code_proof(self, client: OAuthClient, found: SignIn, asked: CodeRequest) -> dpop.Proof | None:
        """Return the proof of the key to which the token is bound; one is needed when client or request say so."""
        if asked.shown.header is None and not client.dpop_required and found.wish.jkt is None:
            return None
        try:
            proof = dpop.verify(asked.shown, now=self.now().timestamp())
        except ProofRefusedError as error:
            raise errors.dpop_refused(error) from error
        if found.wish.jkt not in {None, proof.jkt}:
            raise errors.invalid_grant("another_key")
        return proof

    def _redeem(self, party: Party, found: SignIn, proof: dpop.Proof | None) -> Tokens:
        subject, row = self._holding(party, found, errors.invalid_grant)
        claims = frozenset(found.wish.id_token)
        return self.gate.answer(
            party.recipient,
            party.principal,
            PURPOSE,
            fields_told(claims),
            lambda _grant: self._issue(party, found, proof, subject, row, claims),
        )

    def _issue(
        self,
        party: Party,
        found: SignIn,
        proof: dpop.Proof | None,
        subject: SubjectRef,
        row: Mapping[str, object],
        claims: frozenset[str],
    ) -> Tokens:
        value, now = self.token(), self.now()
        redeemed = replace(
            found,
            state=State.REDEEMED,
            expires_at=now + TOKEN_LIFE,
            token_hash=digest_of("token", value),
            jkt=None if proof is None else proof.jkt,
        )

        def write(tx: Tx) -> str:
            if proof is not None and not use_proof(self.rows, tx, proof):
                raise errors.dpop_refused(dpop.refusal("replayed"))
            sub = self.store.sub_of(tx, found.sector, subject)
            if sub is None:
                raise errors.invalid_grant("consent")
            if not self.store.advance(tx, found, redeemed):
                raise errors.invalid_grant("replayed")
            return sub

        facts: dict[str, JsonValue] = {
            "sign_in": found.id,
            "claims": [*sorted(claims)],
            "bound": proof is not None,
        }
        entry = EntryDraft(
            "identity.sign_in_redeemed", party.principal, facts=facts, links=_links(found), subjects=(subject,)
        )
        sub, _ = self.journal.record(write, entry)
        present = self._present(row, claims)
        token = self.id_tokens.issue(redeemed, sub, present, access_token=value, now=now)
        return Tokens(value, token, proof is not None, int(TOKEN_LIFE.total_seconds()), found.wish.scope)

    def _refused_code(self, party: Party | None, found: SignIn | None, error: SignInRefusedError) -> None:
        """Record a refusal, and end what the code opened: what was shown wrongly once may be in wrong hands.

        A code of another client is left alone, else any client could end another's sign-ins; not so one that was
        used before: two have it, and what it gave is ended (RFC 6749 section 4.1.2).
        """
        self.journal.append(
            refusal(
                "identity.sign_in_redeemed",
                error,
                actor=None if party is None else party.principal,
                facts={"sign_in": None if found is None else found.id},
                links={} if found is None else _links(found),
                subjects=_subjects(found),
            )
        )
        if found is not None and error.reason not in {"another_client", "unauthorized_client"}:
            self._end(found, None)

    def _end(self, found: SignIn, told: str | None) -> None:
        """End a sign-in, whichever of its steps was taken meanwhile; ``told`` is the reason of an entry of its own."""
        present = self.reader.read(lambda tx: self.store.get(tx, found.id))
        if present is None or present.state is State.ENDED:
            return
        ended = replace(present, state=State.ENDED)
        if told is None:
            self.scratch.write(lambda tx: self.store.advance(tx, present, ended))
            return
        entry = EntryDraft(
            "identity.sign_ins_ended",
            None,
            facts={"sign_in": present.id, "reason": told, "ended": 1},
            links=_links(present),
            subjects=_subjects(present),
        )

        def write(tx: Tx) -> None:
            if self.store.advance(tx, present, ended):
                self.store.ended_by_party(tx, present.id)

        self.journal.record(write, entry)

    # Tokens

    def _by_token(self, sent: Sent) -> SignIn:
        found = None
        if 0 < len(sent.token) <= _LONGEST:
            found = self.reader.read(lambda tx: self.store.by_token(tx, digest_of("token", sent.token)))
        if found is None or found.state is not State.REDEEMED or found.expires_at <= self.now():
            raise errors.invalid_token("token")
        return found

    def _check_key(self, found: SignIn, sent: Sent) -> None:
        """Raise ``SignInRefusedError`` unless the token came as it has to, its key proven."""
        if sent.scheme != ("bearer" if found.jkt is None else "dpop"):
            raise errors.invalid_token("scheme")
        if found.jkt is None:
            return
        try:
            proof = dpop.verify(sent.shown, now=self.now().timestamp(), token=sent.token, jkt=found.jkt)
        except ProofRefusedError as error:
            raise errors.dpop_refused(error) from error
        if not self.scratch.write(lambda tx: use_proof(self.rows, tx, proof)):
            raise errors.dpop_refused(dpop.refusal("replayed"))

    def _tell(
        self, party: Party, found: SignIn, subject: SubjectRef, row: Mapping[str, object], claims: frozenset[str]
    ) -> dict[str, ClaimValue]:
        def write(tx: Tx) -> str:
            sub = self.store.sub_of(tx, found.sector, subject)
            present = self.store.get(tx, found.id)
            if sub is None or present is None or present.state is not State.REDEEMED:  # withdrawn this very moment
                raise errors.invalid_token("consent")
            return sub

        facts: dict[str, JsonValue] = {"sign_in": found.id, "claims": [*sorted(claims)]}
        entry = EntryDraft(
            "identity.userinfo_answered", party.principal, facts=facts, links=_links(found), subjects=(subject,)
        )
        sub, _ = self.journal.record(write, entry)
        return {"sub": sub, **self._present(row, claims)}

    # What both rest on

    def _holding(
        self, party: Party, found: SignIn, refuse: Callable[[str], SignInRefusedError]
    ) -> tuple[SubjectRef, Mapping[str, object]]:
        """Return the pupil and their row; raises what ``refuse`` makes of the first thing that no longer holds.

        The gate's ``ForbiddenError`` comes before anybody is looked up: without a grant a relying party does not learn
        from the kind of refusal whether a record is there.
        """
        grant = self.gate.standing(party.recipient, party.principal, PURPOSE, fields_told(found.wish.claims))
        subject, account = found.subject_ref, found.account
        if subject is None or account is None or not self.household.rights(account, subject).hold:
            raise refuse("bond")
        row = self.view.pupil(subject)
        if row is None or row.get("state") != ACTIVE:
            raise refuse("record")
        if not self.standing.reaches(grant, row):
            raise refuse("reach")
        today = civil_date(self.now())
        consent = self.reader.read(lambda tx: self.store.consent(tx, subject, found.client))
        if not self.standing.holds(consent, party, found.wish.claims, today):
            raise refuse("consent")
        return subject, row

    def _present(self, row: Mapping[str, object], claims: frozenset[str]) -> dict[str, ClaimValue]:
        present = claims_of(row, civil_date(self.now()))
        return {name: present[name] for name in sorted(claims) if name in present}


def _links(sign_in: SignIn) -> dict[str, str]:
    return {"recipient": str(sign_in.recipient), "executor": str(sign_in.client)}


def _subjects(sign_in: SignIn | None) -> tuple[SubjectRef, ...]:
    return () if sign_in is None or sign_in.subject_ref is None else (sign_in.subject_ref,)
