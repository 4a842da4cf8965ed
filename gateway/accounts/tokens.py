"""OAuth 2 for clients: who a program is, the access tokens it gets, and whether one still holds.

Client and server speak of one audience, the issuer (draft-ietf-oauth-rfc7523bis); every refusal of a client has one
text, so that nobody learns which clients exist. What a token may be bound to and good for is in ``dpop`` (RFC 9449)
and ``authorization_details`` (RFC 9396).
"""

from __future__ import annotations

from collections.abc import Callable, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NoReturn, Protocol
from uuid import uuid4

from joserfc.jwk import ECKey

from gateway.accounts import assertions, authorization_details, dpop
from gateway.accounts.access_tokens import AccessTokens
from gateway.accounts.assertions import ASSERTION_TYPE
from gateway.accounts.errors import (
    BoundTokenError,
    ClientAuthenticationError,
    GrantTypeRefusedError,
    InvalidTokenError,
    ProofRefusedError,
    ScopeRefusedError,
)
from gateway.accounts.jose import LEEWAY_SECONDS, UnverifiedJwt, jti_hash, read, registered_key, signed_by
from gateway.accounts.key_sets import KeySets
from gateway.accounts.recipient_records import RecipientWatch
from gateway.accounts.records import (
    CLIENT_CREDENTIALS,
    AccessToken,
    Account,
    AuthorizationDetail,
    OAuthClient,
    TokenClaims,
)
from gateway.accounts.repositories import AccountStore, Bookkeeping, ClientStore
from gateway.accounts.sealing import civil_date
from gateway.accounts.service import UNUSED
from gateway.ids import AccountId, GrantId, RecipientId
from gateway.journal import EntryDraft, GroupJournal, JsonValue, Reader, Tx
from gateway.principals import Principal, Role
from rulebook.records import Parameters

KEPT_LONGER = timedelta(hours=1)
"""Used ids stay so much longer than they can matter: a clock that leaps forward and back must not free them."""


class Grants(Protocol):
    """What tokens need of grants; the composition root fills it."""

    def of(self, recipient: RecipientId) -> Set[GrantId]:
        """Return every grant of a recipient. One look-up for all of them: whose a named one is, is not asked."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request at the token endpoint: its parameters as they were sent, and what came as DPoP."""

    shown: dpop.Shown
    assertion_type: str | None = None
    assertion: str | None = field(default=None, repr=False)
    client_id: str | None = None
    scope: str | None = None
    details: str | None = None
    """``authorization_details``, JSON."""


class TokenService:
    """Proves clients, issues access tokens and recognises them.

    A process without the signing key (every face but the outside) recognises tokens and issues none.
    """

    def __init__(
        self,
        *,
        tokens: AccessTokens,
        accounts: AccountStore,
        clients: ClientStore,
        grants: Grants,
        journal: GroupJournal,
        reader: Reader,
        bookkeeping: Bookkeeping,
        parameters: Parameters,
        now: Callable[[], datetime],
        key_sets: KeySets | None = None,
        recipients: RecipientWatch | None = None,
        new_jti: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        self.issuer = tokens.issuer
        self._tokens = tokens
        self._accounts = accounts
        self._clients = clients
        self._grants = grants
        self._journal = journal
        self._reader = reader
        self._bookkeeping = bookkeeping
        self._parameters = parameters
        self._now = now
        self._key_sets = key_sets
        self._recipients = recipients
        self._new_jti = new_jti

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the JSON Web Key Set that recognises access tokens (RFC 7517)."""
        return self._tokens.jwks()

    # --- clients ----------------------------------------------------------------------------------------------

    def authenticate_client(
        self, assertion_type: str | None, assertion: str | None, client_id: str | None = None
    ) -> OAuthClient:
        """Return the client that signed ``assertion``, and mark the assertion as used.

        ``client_id`` is the parameter of that name; where given, it must name the same client (RFC 7521, 4.2).
        Raises ``ClientAuthenticationError`` with one text for every cause; the audit entry tells the cause.
        """
        proven = self._prove(assertion_type, assertion, client_id)
        self._enter(proven)
        return proven.client

    def _prove(self, assertion_type: str | None, assertion: str | None, client_id: str | None) -> _Proven:
        """Return the client that signed ``assertion``, which is not marked as used yet."""
        if assertion_type != ASSERTION_TYPE or not assertion:
            self._refuse(None, "no_assertion")
        found = read(assertion)
        if found is None:
            self._refuse(None, "malformed")
        now = self._now()
        named = assertions.claimed_subject(found)
        client = self._reader.read(lambda tx: self._clients.get_client(tx, named)) if named else None
        key = self._key_of(client, found) if client else None
        # An unknown client costs a signature check too.
        if not signed_by(found, key or self._tokens.decoy) or client is None or key is None:
            self._refuse(client.account.id if client else None, "signature" if client else "unknown_client")
        account = client.account
        problem = assertions.problem(
            found.claims, client=account.id, client_id=client_id, issuer=self.issuer, now=now.timestamp()
        )
        if problem is not None:
            self._refuse(account.id, problem)
        self._raise_if_sealed(client, now)
        recipient = account.recipient
        if self._recipients is not None and recipient is not None and self._recipients.settle(recipient) is not None:
            self._refuse(account.id, "suspended")
        used = replace(client, account=replace(account, last_used_at=now))
        idle = account.idle_days(civil_date(now))
        return _Proven(used, jti_hash(found.claims["jti"]) or "", now, idle)

    def _key_of(self, client: OAuthClient, assertion: UnverifiedJwt) -> ECKey | None:
        keys = client.jwks
        if client.jwks_uri is not None:
            keys = self._key_sets.keys(client.jwks_uri, assertion.header.get("kid")) if self._key_sets else ()
        chosen = assertions.chosen_key(keys, assertion)
        return registered_key(chosen) if chosen is not None else None

    def _enter(self, proven: _Proven) -> None:
        """Mark the assertion as used and record the log-in; raises ``ClientAuthenticationError`` at its second use."""
        try:
            self._journal.record(lambda tx: self._spend(tx, proven), proven.login())
        except _ReplayedError:
            self._refuse(proven.client.account.id, "replayed")

    def _spend(self, tx: Tx, proven: _Proven) -> None:
        client, expires = proven.client.account.id, proven.at + timedelta(seconds=assertions.KEPT_SECONDS)
        if not self._clients.use_assertion(tx, client, proven.jti_sha256, expires):
            raise _ReplayedError
        self._accounts.touch(tx, client, proven.at)

    # --- access tokens ----------------------------------------------------------------------------------------

    def request_token(self, asked: TokenRequest) -> AccessToken:
        """Return an access token of RFC 9068 to the client that proves itself; ``scope`` names roles, by spaces.

        With a DPoP proof the token is bound to its key; with ``details`` it is good for what they name alone. Log-in,
        token and the use of assertion and proof are one transaction. Raises ``ClientAuthenticationError``; of a
        proven client, with an entry: ``GrantTypeRefusedError``; ``ScopeRefusedError`` for an empty scope and for any
        role that the client has not (nothing is narrowed in silence); ``DetailsRefusedError``;
        ``ProofRefusedError``, also when the client's tokens have to be bound and no proof came.
        """
        proven = self._prove(asked.assertion_type, asked.assertion, asked.client_id)
        client = proven.client
        try:
            wanted = self._wanted(client, asked, proven.at)
            return self._issue(proven, wanted)
        except (ScopeRefusedError, ProofRefusedError) as error:
            self._enter(proven)  # an assertion serves once, whatever became of the request
            reason = error.reason if isinstance(error, ProofRefusedError) else _REASONS[type(error).__name__]
            facts: dict[str, JsonValue] = {"account": client.account.id, "reason": reason, "jti": None}
            self._journal.append(EntryDraft("account.token_refused", proven.principal, "refused", facts))
            raise

    def _wanted(self, client: OAuthClient, asked: TokenRequest, now: datetime) -> _Wanted:
        if CLIENT_CREDENTIALS not in client.grant_types:
            raise GrantTypeRefusedError("The client may not use this grant type.", detail_zh="客户端不可用此授权类型。")
        proof = None
        if asked.shown.header is not None or client.dpop_required:
            proof = dpop.verify(asked.shown, now=now.timestamp())
        roles = self.allowed_scope(client, asked.scope)
        details: tuple[AuthorizationDetail, ...] = ()
        if asked.details is not None:
            details = authorization_details.read(asked.details, self.issuer)
            recipient = client.account.recipient
            own: Set[GrantId] = self._grants.of(recipient) if recipient is not None else frozenset()
            authorization_details.check_own(details, own)
        return _Wanted(roles, details, proof)

    def _issue(self, proven: _Proven, wanted: _Wanted) -> AccessToken:
        jti, client, proof = self._new_jti(), proven.client.account.id, wanted.proof
        scope = " ".join(sorted(wanted.roles))
        value = self._tokens.issue(
            client,
            scope,
            now=int(proven.at.timestamp()),
            jti=jti,
            jkt=proof.jkt if proof else None,
            details=wanted.details,
        )
        life = self._tokens.life_seconds
        token = AccessToken(value, life, scope, proof is not None, wanted.details)
        facts: dict[str, JsonValue] = {
            "jti": jti,
            "roles": [*sorted(wanted.roles)],
            "seconds": life,
            "bound": token.bound,
            "mandate": [f"{one.grant} {use.value}" for one in wanted.details for use in one.uses],
        }

        def write(tx: Tx) -> None:
            self._spend(tx, proven)
            if proof is not None and not self._use_proof(tx, proof):
                raise dpop.refusal("replayed")

        issued = EntryDraft("account.token_issued", proven.principal, facts=facts)
        try:
            self._journal.record_all(write, [proven.login(), issued])
        except _ReplayedError:
            self._refuse(client, "replayed")
        return token

    @staticmethod
    def allowed_scope(client: OAuthClient, scope: str | None) -> frozenset[Role]:
        """Return the roles that ``scope`` asks for, without one all roles of the client (RFC 6749 section 3.3).

        Raises ``ScopeRefusedError`` when a role is asked for that the client does not have, or it has none.
        """
        held = {role.value for role in client.account.roles}
        asked = held if scope is None else frozenset(scope.split())
        if not asked or not asked <= held:
            raise ScopeRefusedError(
                "Ask only for roles that the client has, or leave 'scope' out for all of them.",
                detail_zh="所申请的权限范围超出客户端已有角色；不填 scope 则为全部已有角色。",
            )
        return frozenset(Role(name) for name in asked)

    def inspect(self, token: str) -> TokenClaims | None:
        """Return what a token says when it is ours, in time, not revoked, and its client may act; else ``None``.

        Whether who shows it holds the key that it is bound to, is not asked.
        """
        found = self._holds(token)
        return found[0] if found is not None else None

    def principal_of_token(self, token: str, shown: dpop.Shown | None = None) -> Principal:
        """Return the client that acts with ``token``: its present roles within the scope of the token.

        ``shown`` is what came along when the token was sent under the scheme DPoP, ``None`` for a bearer token. The
        token counts as a use of the account, once per civil day. Raises ``InvalidTokenError``; ``BoundTokenError``
        for a bound token sent as a bearer token; ``ProofRefusedError`` for a proof that does not hold. The last two
        are recorded: the token is a good one, and may be stolen.
        """
        found = self._holds(token)
        if found is None or (shown is not None and found[0].jkt is None):
            raise InvalidTokenError(
                "The access token does not hold: it is expired, revoked or not ours. Get a new one.",
                detail_zh="访问令牌无效、已过期或已撤销，请重新获取。",
            )
        claims, account = found
        now = self._now()
        if claims.jkt is not None:
            self._check_proof(token, claims, shown, now)
        if account.last_used_at is None or civil_date(now) > civil_date(account.last_used_at):
            self._bookkeeping.write(lambda tx: self._accounts.touch(tx, account.id, now))
        principal = account.principal(civil_date(now), assurance=2)
        return replace(principal, roles=principal.roles & claims.roles, mandate=claims.mandate)

    def revoke(self, client: OAuthClient, claims: TokenClaims) -> None:
        """Put a token of ``client`` on the deny list until it would have expired; once more is no error.

        Raises ``InvalidTokenError`` for a token of another client.
        """
        if claims.client != client.account.id:
            raise InvalidTokenError("The token was issued to another client.", detail_zh="该令牌不属于本客户端。")
        expires = datetime.fromtimestamp(claims.expires_at + LEEWAY_SECONDS, UTC)
        principal = client.account.principal(civil_date(self._now()), assurance=2)
        self._journal.record(
            lambda tx: self._clients.deny(tx, claims.jti, expires),
            EntryDraft("account.token_revoked", principal, facts={"jti": claims.jti}),
        )

    def purge(self) -> int:
        """Delete used assertions and proofs, and revoked tokens, that can no longer matter; return how many rows."""
        before = self._now() - KEPT_LONGER
        return self._bookkeeping.write(lambda tx: self._clients.purge(tx, before))

    # --- inside -----------------------------------------------------------------------------------------------

    def _holds(self, token: str) -> tuple[TokenClaims, Account] | None:
        now = self._now()
        claims = self._tokens.read(token, now.timestamp())
        if claims is None:
            return None

        def query(tx: Tx) -> Account | None:
            account = None if self._clients.denied(tx, claims.jti) else self._accounts.get(tx, claims.client)
            recipient = account.recipient if account is not None else None
            if self._recipients is not None and recipient is not None:
                # a suspension ends the tokens that are out, too
                return account if self._recipients.problem_in(tx, recipient, civil_date(now)) is None else None
            return account

        account = self._reader.read(query)
        if account is None or account.sealed_at is not None:
            return None
        # What a client held when it was sealed does not come back with its reopening.
        reopened = account.reopened_at is not None and claims.issued_at < int(account.reopened_at.timestamp())
        return None if reopened else (claims, account)

    def _check_proof(self, token: str, claims: TokenClaims, shown: dpop.Shown | None, now: datetime) -> None:
        if shown is None:
            self._record_stray(claims, "bearer")
            raise BoundTokenError(
                "The access token is bound to a key: send 'Authorization: DPoP …' and a proof in the header 'DPoP' "
                "(RFC 9449).",
                detail_zh="该访问令牌已绑定密钥，须以 Authorization: DPoP 发送并附 DPoP 证明。",
            )
        try:
            proof = dpop.verify(shown, now=now.timestamp(), token=token, jkt=claims.jkt)
            if not self._bookkeeping.write(lambda tx: self._use_proof(tx, proof)):
                raise dpop.refusal("replayed")
        except ProofRefusedError as error:
            self._record_stray(claims, error.reason)
            raise

    def _use_proof(self, tx: Tx, proof: dpop.Proof) -> bool:
        expires = datetime.fromtimestamp(proof.issued_at + dpop.WINDOW_SECONDS + LEEWAY_SECONDS, UTC)
        return self._clients.use_proof(tx, proof.jkt, proof.jti_sha256, expires)

    def _record_stray(self, claims: TokenClaims, reason: str) -> None:
        """Record a good token in hands that did not prove their key; who they are, nobody knows."""
        facts: dict[str, JsonValue] = {"account": claims.client, "reason": reason, "jti": claims.jti}
        self._journal.append(EntryDraft("account.token_refused", None, "refused", facts))

    def _raise_if_sealed(self, client: OAuthClient, now: datetime) -> None:
        account = client.account
        if account.sealed_at is not None:
            self._refuse(account.id, "sealed")
        due = account.seals_on(self._parameters.sealing_months)
        if due is not None and civil_date(now) >= due:
            facts: dict[str, JsonValue] = {
                "account": account.id,
                "reason": UNUSED,
                "due": due.isoformat(),
                "rule": "A50-3",
            }
            with suppress(_SealedBeforeError):
                self._journal.record(
                    lambda tx: self._seal(tx, account.id, now), EntryDraft("account.sealed", None, facts=facts)
                )
            self._refuse(account.id, "sealed")

    def _seal(self, tx: Tx, client: AccountId, now: datetime) -> None:
        if not self._accounts.seal(tx, client, now, UNUSED):
            raise _SealedBeforeError

    def _refuse(self, client: AccountId | None, reason: str) -> NoReturn:
        facts: dict[str, JsonValue] = {"account": client, "reason": reason}
        self._journal.append(EntryDraft("account.login_failed", None, outcome="refused", facts=facts))
        raise ClientAuthenticationError(assertions.CLIENT_REFUSED, detail_zh=assertions.CLIENT_REFUSED_ZH)


_REASONS = {"ScopeRefusedError": "scope", "DetailsRefusedError": "details", "GrantTypeRefusedError": "grant_type"}
"""Why a proven client got no token, for the audit trail."""


@dataclass(frozen=True, slots=True)
class _Proven:
    """A client whose assertion held, and its id, which is not used yet."""

    client: OAuthClient
    jti_sha256: str
    at: datetime
    idle_days: int = 0
    """Civil days for which it was not used before."""

    @property
    def principal(self) -> Principal:
        return self.client.account.principal(civil_date(self.at), assurance=2)

    def login(self) -> EntryDraft:
        return EntryDraft(
            "account.login",
            self.principal,
            facts={"method": "private_key_jwt", "session": False, "idle_days": self.idle_days},
        )


@dataclass(frozen=True, slots=True)
class _Wanted:
    roles: frozenset[Role]
    details: tuple[AuthorizationDetail, ...]
    proof: dpop.Proof | None


class _SealedBeforeError(Exception):
    """Another request sealed the client first; undoes the entry."""


class _ReplayedError(Exception):
    """The assertion was used before; undoes the write."""
