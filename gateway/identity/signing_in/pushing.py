"""Pushed authorization requests (RFC 9126): what a relying party asks for is settled before anybody is asked.

The standing grant is looked at here: what it does not cover is refused at once and in words, to the relying party and
not to a family.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.accounts import dpop
from gateway.accounts.dpop import Shown
from gateway.accounts.errors import ProofRefusedError
from gateway.accounts.records import OAuthClient
from gateway.articles import keeps
from gateway.errors import GatewayError, UnavailableError
from gateway.identity.digests import digest_of
from gateway.identity.dpop_once import use_proof
from gateway.identity.ports import IdentityRepository
from gateway.identity.signing_in import errors, requests
from gateway.identity.signing_in.consents import fields_told
from gateway.identity.signing_in.id_tokens import IdTokens
from gateway.identity.signing_in.parties import Parties
from gateway.identity.signing_in.ports import Gate, SignInRepository
from gateway.identity.signing_in.records import (
    KEPT,
    PURPOSE,
    REQUEST_LIFE,
    TOLD,
    Party,
    Pushed,
    SignIn,
    SignInId,
    State,
    Wish,
)
from gateway.identity.trail import refusal
from gateway.journal import EntryDraft, Journal, JsonValue, Tx

REQUEST_URI = "urn:ietf:params:oauth:request_uri:"
"""Form of RFC 9126 section 2.2."""


@keeps("A50-14")
@dataclass(frozen=True, slots=True)
class PushDesk:
    """Takes requests of relying parties that proved themselves."""

    parties: Parties
    gate: Gate
    store: SignInRepository
    rows: IdentityRepository
    id_tokens: IdTokens
    journal: Journal
    now: Callable[[], datetime]
    token: Callable[[], str] = lambda: secrets.token_urlsafe(32)
    new_id: Callable[[], str] = lambda: secrets.token_hex(16)

    def push(self, client: OAuthClient, form: Mapping[str, str], shown: Shown) -> Pushed:
        """Return the reference of a request, good once. Raises ``SignInRefusedError``; a refusal is recorded.

        ``form`` holds each parameter once; ``shown`` is what came as DPoP, of which there may be none.
        """
        party = self.parties.of(client)
        try:
            if party is None:
                raise errors.unauthorized_client()
            wish = requests.read(form, client.sign_in.redirect_uris)
            wish, proof = self._bound(self._hinted(wish, form.get("id_token_hint"), party), shown)
            self._check_grant(party, wish)
            return self._keep(party, wish, proof)
        except GatewayError as error:
            actor = None if party is None else party.principal
            self.journal.append(refusal("identity.sign_in_requested", error, actor=actor))
            raise

    def _hinted(self, wish: Wish, token: str | None, party: Party) -> Wish:
        """Return the wish with the subject that the hint names (OpenID Connect Core 1.0 section 3.1.2.1)."""
        if token is None:
            return wish
        hint = self.id_tokens.hint(token, self.now())
        if hint is None or hint.client != party.id:
            raise errors.invalid_request("id_token_hint", "is no ID token of yours.", "不是签发给本客户端的身份令牌。")
        return replace(wish, subject=hint.sub)

    def _bound(self, wish: Wish, shown: Shown) -> tuple[Wish, dpop.Proof | None]:
        """Return the wish with the key to which its code is bound, by parameter or by proof (RFC 9449 section 10)."""
        if shown.header is None:
            return wish, None
        try:
            proof = dpop.verify(shown, now=self.now().timestamp())
        except ProofRefusedError as error:
            raise errors.dpop_refused(error) from error
        if wish.jkt not in {None, proof.jkt}:
            raise errors.invalid_request("dpop_jkt", "is not the key of the DPoP proof.", "与证明的密钥不符。")
        return replace(wish, jkt=proof.jkt), proof

    def _check_grant(self, party: Party, wish: Wish) -> None:
        try:
            self.gate.standing(party.recipient, party.principal, PURPOSE, fields_told(wish.claims))
        except UnavailableError:
            raise
        except GatewayError as error:
            beyond = ", ".join(sorted(wish.claims | {TOLD}))
            raise errors.invalid_scope(
                f"No standing grant of your organisation covers all of: {beyond}. Ask for less, or apply for more.",
                f"贵单位没有涵盖以下全部内容的常设授权：{beyond}。请减少所请求的内容，或另行申请。",
                reason="grant",
            ) from error

    def _keep(self, party: Party, wish: Wish, proof: dpop.Proof | None) -> Pushed:
        now, reference = self.now(), self.token()
        sign_in = SignIn(
            id=SignInId(self.new_id()),
            client=party.id,
            recipient=party.recipient,
            sector=party.sector,
            wish=wish,
            state=State.REQUESTED,
            made_at=now,
            expires_at=now + REQUEST_LIFE,
            kept_until=now + KEPT,
            request_hash=digest_of("request_uri", reference),
        )

        def write(tx: Tx) -> None:
            if proof is not None and not use_proof(self.rows, tx, proof):
                raise errors.dpop_refused(dpop.refusal("replayed"))
            self.store.add(tx, sign_in)

        facts: dict[str, JsonValue] = {"sign_in": sign_in.id, "claims": [*sorted(wish.claims)]}
        links = {"recipient": str(party.recipient), "executor": str(party.id)}
        self.journal.record(write, EntryDraft("identity.sign_in_requested", party.principal, facts=facts, links=links))
        return Pushed(f"{REQUEST_URI}{reference}", int(REQUEST_LIFE.total_seconds()))
