"""Client assertions and access tokens: who a program is (RFC 7523, RFC 9068), all by ES256.

Client and server speak of one audience, the issuer (draft-ietf-oauth-rfc7523bis); every refusal of a client has one
text, so that nobody learns which clients exist.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NoReturn
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from gateway.accounts.errors import ClientAuthenticationError, InvalidTokenError, ScopeRefusedError
from gateway.accounts.keys import ALGORITHM, signing_jwk
from gateway.accounts.records import AccessToken, OAuthClient, TokenClaims
from gateway.accounts.repositories import AccountStore, Bookkeeping, ClientStore
from gateway.accounts.sealing import civil_date
from gateway.accounts.service import UNUSED
from gateway.errors import ConfigurationError
from gateway.ids import AccountId
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import Principal, Role
from rulebook.records import Parameters

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_TYPE = "at+jwt"  # noqa: S105  a media type, no password
TOKEN_TYPES = frozenset({TOKEN_TYPE, f"application/{TOKEN_TYPE}"})
MAX_LIFE_SECONDS = 300
"""The longest life of a client assertion and of an access token."""
LEEWAY_SECONDS = 30
MAX_COMPACT = 8192
"""A longer compact JWT is refused unread."""
MAX_JTI = 256
_CLIENT_ID = re.compile(r"cl-[0-9A-Za-z-]{1,36}")
CLIENT_REFUSED = (
    "Client authentication failed. Check: client_assertion signed with ES256 by a registered key; iss and sub are the "
    "client id; aud is the issuer alone; exp at most 300 seconds after iat; jti never used before; account not sealed."
)


class TokenService:
    """Proves clients, issues access tokens and recognises them.

    A process without the signing key (every face but the outside) recognises tokens and issues none. The first of
    ``verifying`` belongs to ``signing``; further ones are keys that were rotated out, kept until their last token
    has expired.
    """

    def __init__(
        self,
        *,
        issuer: str,
        signing: ec.EllipticCurvePrivateKey | None,
        verifying: Sequence[ec.EllipticCurvePublicKey],
        accounts: AccountStore,
        clients: ClientStore,
        journal: Journal,
        reader: Reader,
        bookkeeping: Bookkeeping,
        parameters: Parameters,
        now: Callable[[], datetime],
        new_jti: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        if not verifying or not 1 <= parameters.token_seconds <= MAX_LIFE_SECONDS:
            raise ConfigurationError(
                f"Access tokens need a public key and a life of 1 to {MAX_LIFE_SECONDS} seconds "
                "(token_seconds in config/parameters.toml).",
                detail_zh="访问令牌需要验证公钥，有效期（token_seconds）应为 1 至 300 秒。",
            )
        self.issuer = issuer
        self._public = [signing_jwk(key) for key in verifying]
        self._keys = {jwk["kid"]: ECKey.import_key(key) for jwk, key in zip(self._public, verifying, strict=True)}
        self._signing = ECKey.import_key(signing) if signing is not None else None
        if self._signing is not None and self._signing.thumbprint() != self._public[0]["kid"]:
            raise ConfigurationError("The OAuth signing key is not the first of its public keys.")
        self._decoy = ECKey.import_key(verifying[0])
        self._accounts = accounts
        self._clients = clients
        self._journal = journal
        self._reader = reader
        self._bookkeeping = bookkeeping
        self._parameters = parameters
        self._now = now
        self._new_jti = new_jti

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the JSON Web Key Set that recognises access tokens (RFC 7517)."""
        return {"keys": [dict(key) for key in self._public]}

    # --- clients ----------------------------------------------------------------------------------------------

    def authenticate_client(
        self, assertion_type: str | None, assertion: str | None, client_id: str | None = None
    ) -> OAuthClient:
        """Return the client that signed ``assertion``, and mark the assertion as used.

        ``client_id`` is the parameter of that name; where given, it must name the same client (RFC 7521, 4.2).
        Raises ``ClientAuthenticationError`` with one text for every cause; the audit entry tells the cause.
        """
        if assertion_type != ASSERTION_TYPE or not assertion or len(assertion) > MAX_COMPACT:
            self._refuse(None, "no_assertion")
        named = _claimed_subject(assertion)
        client = self._reader.read(lambda tx: self._clients.get_client(tx, AccountId(named))) if named else None
        known = client.account.id if client else None
        # An unknown client costs a signature check too.
        key = (_key_of(client, assertion) if client else None) or self._decoy
        claims = _verified(assertion, key)
        if client is None or claims is None or key is self._decoy:
            self._refuse(known, "signature" if client else "unknown_client")
        problem = self._problem(claims, client.account.id, client_id)
        if problem is not None:
            self._refuse(known, problem)
        self._raise_if_sealed(client)
        return self._used(client, claims)

    def _problem(self, claims: Mapping[str, object], client: AccountId, client_id: str | None) -> str | None:
        """Return the first reason to refuse verified claims (RFC 7523, section 3), or ``None``."""
        now = self._now().timestamp()
        issued, expires = _seconds(claims.get("iat")), _seconds(claims.get("exp"))
        not_before = _seconds(claims.get("nbf", 0))
        jti = claims.get("jti")
        # RFC 7523 section 3, steps 1 and 2: issuer and subject are the client.
        if claims.get("iss") != client or claims.get("sub") != client or client_id not in {None, "", client}:
            return "issuer"
        # Step 3, narrowed by rfc7523bis: the issuer of this server is the one audience.
        if claims.get("aud") not in (self.issuer, [self.issuer]):
            return "audience"
        # Steps 4 to 6: in force now, and never for longer than five minutes.
        if issued is None or expires is None or not_before is None:
            return "times"
        if not 0 < expires - issued <= MAX_LIFE_SECONDS or issued > now + LEEWAY_SECONDS:
            return "times"
        if expires <= now - LEEWAY_SECONDS or not_before > now + LEEWAY_SECONDS:
            return "expired"
        # Step 7: an id, so that it can be used once only.
        return None if isinstance(jti, str) and 1 <= len(jti) <= MAX_JTI else "jti"

    def _used(self, client: OAuthClient, claims: Mapping[str, object]) -> OAuthClient:
        now = self._now()
        jti = hashlib.sha256(str(claims["jti"]).encode()).hexdigest()
        expires = now + timedelta(seconds=MAX_LIFE_SECONDS + 2 * LEEWAY_SECONDS)  # no valid assertion lives longer

        def write(tx: Tx) -> None:
            if not self._clients.use_assertion(tx, client.account.id, jti, expires):
                raise _ReplayedError
            self._accounts.touch(tx, client.account.id, now)

        principal = client.account.principal(civil_date(now), assurance=2)
        entry = EntryDraft("account.login", principal, facts={"method": "private_key_jwt", "session": False})
        try:
            self._journal.record(write, entry)
        except _ReplayedError:
            self._refuse(client.account.id, "replayed")
        return replace(client, account=replace(client.account, last_used_at=now))

    # --- access tokens ----------------------------------------------------------------------------------------

    def issue(self, client: OAuthClient, scope: str | None) -> AccessToken:
        """Return an access token of RFC 9068 for a client that was just proven; ``scope`` names roles, by spaces.

        Raises ``ScopeRefusedError`` for an empty scope and for any role that the client has not: nothing is narrowed
        in silence. Raises ``ConfigurationError`` where the signing key is not held.
        """
        if self._signing is None:
            raise ConfigurationError("This face does not hold the key 'oauth'.", detail_zh="本端不持有令牌签名密钥。")
        roles = self.allowed_scope(client, scope)
        now, life, jti = int(self._now().timestamp()), self._parameters.token_seconds, self._new_jti()
        text = " ".join(sorted(roles))
        claims: dict[str, object] = {
            "iss": self.issuer,
            "sub": client.account.id,
            "client_id": client.account.id,
            "aud": self.issuer,
            "iat": now,
            "exp": now + life,
            "jti": jti,
            "scope": text,
        }
        header = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": self._public[0]["kid"]}
        value = jwt.encode(header, claims, self._signing, algorithms=[ALGORITHM])
        facts: dict[str, JsonValue] = {"jti": jti, "roles": [*sorted(roles)], "seconds": life}
        principal = client.account.principal(civil_date(self._now()), assurance=2)
        self._journal.append(EntryDraft("account.token_issued", principal, facts=facts))
        return AccessToken(value, life, text)

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
        """Return what a token says when it is ours, in time and not revoked, else ``None``."""
        claims = self._read(token)
        if claims is None or self._reader.read(lambda tx: self._clients.denied(tx, claims.jti)):
            return None
        return claims

    def principal_of_token(self, token: str) -> Principal:
        """Return the client that acts with ``token``: its present roles within the scope of the token.

        The token counts as a use of the account, once per civil day. Raises ``InvalidTokenError``.
        """
        claims = self.inspect(token)
        account = self._reader.read(lambda tx: self._accounts.get(tx, claims.client)) if claims else None
        if claims is None or account is None or account.sealed_at is not None:
            raise InvalidTokenError(
                "The access token does not hold: it is expired, revoked or not ours. Get a new one.",
                detail_zh="访问令牌无效、已过期或已撤销，请重新获取。",
            )
        now = self._now()
        if account.last_used_at is None or civil_date(now) > civil_date(account.last_used_at):
            self._bookkeeping.write(lambda tx: self._accounts.touch(tx, account.id, now))
        principal = account.principal(civil_date(now), assurance=2)
        return replace(principal, roles=principal.roles & claims.roles)

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
        """Delete used assertions and revoked tokens that have expired; return how many rows."""
        now = self._now()
        return self._bookkeeping.write(lambda tx: self._clients.purge(tx, now))

    # --- inside -----------------------------------------------------------------------------------------------

    def _read(self, token: str) -> TokenClaims | None:
        """Verify an access token by the steps of RFC 9068, section 4."""
        header = _header(token) if len(token) <= MAX_COMPACT else None
        # Step 1: the media type keeps other JWTs of ours from passing.
        if header is None or str(header.get("typ")).lower() not in TOKEN_TYPES:
            return None
        # Step 4: ES256 only, by a key of ours.
        key = self._keys.get(str(header.get("kid")))
        claims = _verified(token, key) if key is not None else None
        return self._in_force(claims) if claims is not None else None

    def _in_force(self, claims: Mapping[str, object]) -> TokenClaims | None:
        # Steps 2 and 3: ours, and for us alone; a sender-constrained token is no bearer token.
        if claims.get("iss") != self.issuer or claims.get("aud") != self.issuer or "cnf" in claims:
            return None
        issued, expires = claims.get("iat"), claims.get("exp")
        client, jti, scope = claims.get("client_id"), claims.get("jti"), claims.get("scope")
        if not isinstance(issued, int) or not isinstance(expires, int):
            return None
        if not isinstance(client, str) or not isinstance(jti, str) or not isinstance(scope, str):
            return None
        # Steps 5 and 6: in time; the leeway is for hosts of ours whose clocks drift apart.
        now = self._now().timestamp()
        if expires <= now or issued > now + LEEWAY_SECONDS or expires - issued > MAX_LIFE_SECONDS:
            return None
        known = {role.value for role in Role}
        roles = frozenset(Role(name) for name in scope.split() if name in known)
        return TokenClaims(jti, AccountId(client), roles, issued, expires)

    def _raise_if_sealed(self, client: OAuthClient) -> None:
        account, now = client.account, self._now()
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
        raise ClientAuthenticationError(
            CLIENT_REFUSED, detail_zh="客户端身份验证未通过：请检查签名密钥、iss、sub、aud、exp、jti 及账号状态。"
        )


class _SealedBeforeError(Exception):
    """Another request sealed the client first; undoes the entry."""


class _ReplayedError(Exception):
    """The assertion was used before; undoes the write."""


def _header(compact: str) -> Mapping[str, object] | None:
    try:
        return jws.extract_compact(compact.encode()).headers()
    except (JoseError, ValueError):
        return None


def _claimed_subject(assertion: str) -> str | None:
    """Return the subject that an assertion claims, unverified: good for nothing but to find the key."""
    try:
        claims = json.loads(jws.extract_compact(assertion.encode()).payload)
    except (JoseError, ValueError):
        return None
    subject = claims.get("sub") if isinstance(claims, dict) else None
    return subject if isinstance(subject, str) and _CLIENT_ID.fullmatch(subject) else None


def _key_of(client: OAuthClient, assertion: str) -> ECKey | None:
    """Return the registered key that the header names; without a name, the only one."""
    header = _header(assertion) or {}
    kid = header.get("kid")
    if kid is None and len(client.jwks) == 1:
        return _imported(client.jwks[0])
    return next((_imported(key) for key in client.jwks if key["kid"] == kid), None)


def _imported(key: Mapping[str, str]) -> ECKey:
    return ECKey.import_key({"kty": key["kty"], "crv": key["crv"], "x": key["x"], "y": key["y"]})


def _verified(compact: str, key: ECKey) -> Mapping[str, object] | None:
    """Return the claims of a JWT that ``key`` signed with ES256, else ``None``."""
    try:
        return jwt.decode(compact, key, algorithms=[ALGORITHM]).claims
    except (JoseError, ValueError):
        return None


def _seconds(value: object) -> float | None:
    """Return a NumericDate (RFC 7519, section 2); JSON of Python also reads NaN and Infinity."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
