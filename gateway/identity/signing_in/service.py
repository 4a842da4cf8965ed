"""Use cases of signing in at relying parties, as one service: push, ask the person, redeem, tell, sign out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.accounts.dpop import Shown
from gateway.accounts.records import OAuthClient
from gateway.identity.issuing.records import Sent
from gateway.identity.records import ClaimValue
from gateway.identity.signing_in.dialogs import DialogDesk
from gateway.identity.signing_in.pushing import PushDesk
from gateway.identity.signing_in.records import CodeRequest, Pushed, Tokens
from gateway.identity.signing_in.redeeming import RedeemDesk
from gateway.identity.signing_in.signing_out import SignOutDesk


@dataclass(frozen=True, slots=True)
class SignInService:
    """The OpenID Connect provider of a face that holds the signing key (outside)."""

    pushing: PushDesk
    dialogs: DialogDesk
    redeeming: RedeemDesk
    signing_out: SignOutDesk

    def push(self, client: OAuthClient, form: Mapping[str, str], shown: Shown) -> Pushed:
        """Return the reference of a request (RFC 9126). Raises ``SignInRefusedError``."""
        return self.pushing.push(client, form, shown)

    def redeem(self, client: OAuthClient, asked: CodeRequest) -> Tokens:
        """Return the tokens of a code. Raises ``SignInRefusedError``."""
        return self.redeeming.redeem(client, asked)

    def userinfo(self, sent: Sent) -> dict[str, ClaimValue]:
        """Return the claims that an access token is good for. Raises ``SignInRefusedError``."""
        return self.redeeming.userinfo(sent)

    def revoke(self, client: OAuthClient, token: str) -> None:
        """End the sign-in of an access token (RFC 7009)."""
        self.redeeming.revoke(client, token)
