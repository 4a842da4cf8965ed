"""The query for one credential (OpenID4VP 1.0 section 6), and the one answer that fits it (section 8.1)."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.identity import jws

CREDENTIAL = "student"
"""The id of the one Credential Query."""
FORMAT = "dc+sd-jwt"


def query(vct: str, claims: Sequence[str]) -> dict[str, object]:
    """Return the ``dcql_query`` for ``claims`` of one credential of type ``vct``: all of them, or no answer."""
    return {
        "credentials": [
            {
                "id": CREDENTIAL,
                "format": FORMAT,
                "meta": {"vct_values": [vct]},
                "claims": [{"path": [claim]} for claim in claims],
            }
        ]
    }


def presented(vp_token: object) -> str | None:
    """Return the presentation of a ``vp_token``; ``None`` unless it answers the one query, with exactly one.

    A token as text is JSON (section 8.2); inside an encrypted response it is the object itself.
    """
    if isinstance(vp_token, str):
        try:
            vp_token = jws.load(vp_token.encode("utf-8", "surrogatepass"))
        except jws.MalformedTokenError:
            return None
    match vp_token:
        case {"student": [str() as one], **others} if not others:
            return one
        case _:
            return None
