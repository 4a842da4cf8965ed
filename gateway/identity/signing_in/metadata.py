"""What the provider says of itself (OpenID Connect Discovery 1.0 section 3; RFC 8414; RFC 9126; RFC 9207).

And of what it does at the end of a session (OpenID Connect Back-Channel Logout 1.0 section 2.1).
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.accounts.keys import ALGORITHM
from gateway.identity.claims import CLAIM_LABELS

OPENID = "openid"
SCOPES: Mapping[str, tuple[str, ...]] = {OPENID: (), "student": ("grade", "school_name", "stage")}
"""Scope -> claims at the userinfo endpoint. Every other claim is asked for by the parameter ``claims``."""
PROTOCOL_CLAIMS = ("sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "sid", "at_hash")
"""Claims that an ID token always has: asking for them changes nothing."""
PROMPTS = ("none", "login", "consent", "select_account")
RESPONSE_MODES = ("query", "form_post")
"""The first is taken where none is named."""
AUTHORIZE_PATH = "/sign-in/authorize"
END_SESSION_PATH = "/sign-in/end-session"
PAR_PATH = "/oauth/par"
USERINFO_PATH = "/oauth/userinfo"


def members(issuer: str) -> dict[str, str | list[str] | bool]:
    """Return the members that signing in adds to the metadata of the authorization server at ``issuer``."""
    return {
        "authorization_endpoint": f"{issuer}{AUTHORIZE_PATH}",
        "pushed_authorization_request_endpoint": f"{issuer}{PAR_PATH}",
        "require_pushed_authorization_requests": True,
        "userinfo_endpoint": f"{issuer}{USERINFO_PATH}",
        "end_session_endpoint": f"{issuer}{END_SESSION_PATH}",
        "response_types_supported": ["code"],
        "response_modes_supported": [*RESPONSE_MODES],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "prompt_values_supported": [*PROMPTS],
        "claim_types_supported": ["normal"],
        "claims_supported": [*PROTOCOL_CLAIMS, *CLAIM_LABELS],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }
