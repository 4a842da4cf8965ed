"""The answer to a relying party, where the browser is sent with it (RFC 6749 section 4.1.2; RFC 9207).

In the query of an address, or as a form (OAuth 2.0 Form Post Response Mode).
"""

from __future__ import annotations

from urllib.parse import urlencode

from gateway.identity.signing_in.records import Answered, SignIn

FORM_POST = "form_post"
ACCESS_DENIED = "access_denied"
LOGIN_REQUIRED = "login_required"
CONSENT_REQUIRED = "consent_required"
ACCOUNT_SELECTION_REQUIRED = "account_selection_required"
UNAUTHORIZED_CLIENT = "unauthorized_client"


def code(sign_in: SignIn, issuer: str, value: str) -> Answered:
    """Return the answer with a code; ``iss`` keeps it from being handed to another provider (mix-up)."""
    return _to(sign_in, {"code": value, "state": sign_in.wish.state, "iss": issuer})


def error(sign_in: SignIn, issuer: str, name: str) -> Answered:
    """Return the answer with an error; it says nothing of who sat at the browser."""
    return _to(sign_in, {"error": name, "state": sign_in.wish.state, "iss": issuer})


def with_query(address: str, members: dict[str, str]) -> str:
    """Return a registered address with members added to its query, which it may have."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode(members)}"


def _to(sign_in: SignIn, members: dict[str, str]) -> Answered:
    if sign_in.wish.response_mode == FORM_POST:
        return Answered(sign_in.wish.redirect_uri, members)
    return Answered(with_query(sign_in.wish.redirect_uri, members))
