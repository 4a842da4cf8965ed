"""Programs of recipients: registering an OAuth client and replacing its keys."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.accounts.administration import Administration, facts_of, unknown
from gateway.accounts.authority import refusals
from gateway.accounts.key_sets import client_keys
from gateway.accounts.records import (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    Account,
    ClientSpec,
    OAuthClient,
    SignInSpec,
    sign_in_facts,
)
from gateway.accounts.redirects import checked
from gateway.accounts.roles import check_placed, check_together
from gateway.errors import ParameterError
from gateway.ids import AccountId, RecipientId
from gateway.journal import JsonValue, Tx
from gateway.principals import AccountKind, Principal, Role


class ClientRegistry(Administration):
    """Clients come into being, and prove themselves with other keys."""

    def register_client(self, actor: Principal | None, spec: ClientSpec) -> AccountId:
        """Register an OAuth client with its public keys and return its client id.

        ``actor`` is ``None`` on the host. Raises ``ForbiddenError``, and ``ParameterError`` for a private key, a key
        that is not P-256, an unknown grant type, or roles that a client cannot have.
        """
        policy = self._permit_client(actor, spec.recipient, "register_client")
        keys, uri = client_keys(spec.jwks, spec.jwks_uri)
        check_together(spec.roles)
        check_placed(AccountKind.CLIENT, spec.roles, None, spec.recipient, self._is_division)
        if spec.grant_types != {CLIENT_CREDENTIALS}:
            raise ParameterError(
                f"A client has the grant type '{CLIENT_CREDENTIALS}'; '{AUTHORIZATION_CODE}' comes with redirect_uris.",
                detail_zh=f"客户端的授权类型为 {CLIENT_CREDENTIALS}；登记回调地址的另有 {AUTHORIZATION_CODE}。",
            )
        sign_in = _sign_in(spec.sign_in, spec.roles)
        account = Account(
            AccountId(f"cl-{self._new_id()}"),
            AccountKind.CLIENT,
            spec.roles,
            self._now(),
            recipient=spec.recipient,
            post=spec.post,
        )
        grant_types = _grant_types(sign_in)
        client = OAuthClient(account, keys, grant_types, uri, spec.dpop_required, spec.encrypt_always, sign_in)

        def write(tx: Tx) -> None:
            self._accounts.add(tx, account)
            self._clients.add_client(tx, client)

        facts: dict[str, JsonValue] = {**facts_of(account), **client.facts()}
        self._record("account.client_registered", actor, write, facts, policy, recipient=spec.recipient)
        return account.id

    def replace_client_keys(
        self, actor: Principal | None, client: AccountId, jwks: Mapping[str, object], jwks_uri: str | None = None
    ) -> None:
        """Replace the public keys of a client, or name the address at which it publishes them from now on.

        Give old and new keys together to rotate without a gap. Raises ``ForbiddenError``, ``AccountNotFoundError``
        and ``ParameterError`` as ``register_client``.
        """
        keys, uri = client_keys(jwks, jwks_uri)
        found = self._client(actor, client, "replace_client_keys")
        policy = self._permit_client(actor, found.account.recipient, "replace_client_keys")
        facts: dict[str, JsonValue] = {"account": client, "keys": [key["kid"] for key in keys]}
        if uri is not None:
            facts["jwks_uri"] = uri
        self._record(
            "account.client_keys_replaced",
            actor,
            lambda tx: self._clients.replace_keys(tx, client, tuple(dict(key) for key in keys), uri),
            facts,
            policy,
        )

    def replace_sign_in(self, actor: Principal | None, client: AccountId, sign_in: SignInSpec) -> None:
        """Replace where a client takes people who signed in; without redirect URIs nobody signs in there any more.

        Raises ``ForbiddenError``, ``AccountNotFoundError``, and ``ParameterError`` for an address that does not fit or
        a client that is no relying party.
        """
        found = self._client(actor, client, "replace_sign_in")
        policy = self._permit_client(actor, found.account.recipient, "replace_sign_in")
        wanted = _sign_in(sign_in, found.account.roles)
        self._record(
            "account.client_sign_in_replaced",
            actor,
            lambda tx: self._clients.replace_sign_in(tx, client, wanted, _grant_types(wanted)),
            {"account": client, **sign_in_facts(wanted)},
            policy,
        )

    def clients_of(self, actor: Principal, recipient: RecipientId) -> tuple[OAuthClient, ...]:
        """Return the clients of a recipient, by id; raises ``ForbiddenError``."""
        self._authority.manage_clients(actor, self._registered_by(recipient))
        accounts = self._reader.read(lambda tx: self._accounts.listed(tx, kind=AccountKind.CLIENT))
        mine = [one.id for one in accounts if one.recipient == recipient]
        found = self._reader.read(lambda tx: [self._clients.get_client(tx, one) for one in mine])
        return tuple(one for one in found if one is not None)

    def _client(self, actor: Principal | None, client: AccountId, act: str) -> OAuthClient:
        if actor is not None:
            with refusals(self._journal, actor, act):  # whoever keeps none does not learn which there are
                self._authority.manage_clients(actor, actor.unit)
        found = self._reader.read(lambda tx: self._clients.get_client(tx, client))
        if found is None:
            raise unknown()
        return found

    def _permit_client(self, actor: Principal | None, recipient: RecipientId | None, act: str) -> str | None:
        if actor is None:
            return None
        with refusals(self._journal, actor, act, recipient=recipient):
            return self._authority.manage_clients(actor, None if recipient is None else self._registered_by(recipient))


def _grant_types(sign_in: SignInSpec) -> frozenset[str]:
    return frozenset({CLIENT_CREDENTIALS, AUTHORIZATION_CODE} if sign_in.redirect_uris else {CLIENT_CREDENTIALS})


def _sign_in(sign_in: SignInSpec, roles: frozenset[Role]) -> SignInSpec:
    if sign_in.redirect_uris and Role.RELYING_PARTY not in roles:
        raise ParameterError(
            "Only a client with the role relying_party has redirect_uris.",
            detail_zh="仅验证方（relying_party）客户端可以登记回调地址。",
            missing=("roles",),
        )
    return checked(sign_in)
