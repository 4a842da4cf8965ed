"""What a wallet sends back: in clear or encrypted, an answer or a refusal (OpenID4VP 1.0 sections 8.2, 8.3.1, 8.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hmac import compare_digest

from joserfc import jwe
from joserfc.errors import JoseError

from gateway.identity import jws
from gateway.identity.presenting import dcql
from gateway.identity.presenting.records import ResponseMode, Secrets
from gateway.identity.presenting.request_objects import ENCRYPTION, KEY_AGREEMENT

MAX_RESPONSE = 96 << 10
"""An SD-JWT of 64 KiB, encrypted and in base64url."""
_ANSWER = frozenset({"vp_token", "state"})
_REFUSAL = frozenset({"error", "error_description", "error_uri", "state"})
_DECLINED = "access_denied"


class Refused(StrEnum):
    """Why a response was no answer, beside the reasons of verification: for the asker, never for the wallet."""

    DECLINED = "declined"
    """The holder said no."""
    WALLET_ERROR = "wallet_error"
    MALFORMED_RESPONSE = "malformed_response"
    NOT_ENCRYPTED = "not_encrypted"
    NOT_WHAT_WAS_ASKED = "not_what_was_asked"
    """``vp_token`` is of another shape, has another credential, or more than one."""
    NOT_GRANTED = "not_granted"
    UNAVAILABLE = "unavailable"


class StrangerError(Exception):
    """The response does not know ``state``: whoever sent it may not even end the request."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response that knows ``state``: a presentation, or why there is none."""

    presentation: str | None = field(repr=False)
    refused: Refused | None = None


def read(form: Mapping[str, Sequence[str]], secrets: Secrets, mode: ResponseMode) -> Response:
    """Return what the wallet said to the request of ``secrets``.

    Raises ``StrangerError`` when ``state`` is not that of the request.
    """
    once = {name: values[0] for name, values in form.items() if len(values) == 1}
    members: Mapping[str, object] = once
    was_encrypted = False
    if "response" in once:
        members, was_encrypted = _decrypted(once["response"], secrets), True
    state = members.get("state")
    if not isinstance(state, str) or not compare_digest(state.encode("utf-8", "replace"), secrets.state.encode()):
        raise StrangerError
    if len(once) != len(form) or (was_encrypted and len(once) != 1):
        return Response(None, Refused.MALFORMED_RESPONSE)
    if "error" in members:  # section 8.3.1: a wallet may refuse in clear also where an answer is to be encrypted
        fits = members.keys() <= _REFUSAL
        declined = fits and members["error"] == _DECLINED
        return Response(None, Refused.DECLINED if declined else Refused.WALLET_ERROR)
    if members.keys() != _ANSWER:
        return Response(None, Refused.MALFORMED_RESPONSE)
    if was_encrypted is not (mode is ResponseMode.DIRECT_POST_JWT):
        return Response(None, Refused.MALFORMED_RESPONSE if was_encrypted else Refused.NOT_ENCRYPTED)
    if was_encrypted and not isinstance(members["vp_token"], dict):
        return Response(None, Refused.NOT_WHAT_WAS_ASKED)
    presentation = dcql.presented(members["vp_token"])
    return Response(presentation, Refused.NOT_WHAT_WAS_ASKED if presentation is None else None)


def _decrypted(response: str, secrets: Secrets) -> Mapping[str, object]:
    """Return the members of an encrypted response; raises ``StrangerError`` for one that does not open."""
    if secrets.key is None or len(response) > MAX_RESPONSE:
        raise StrangerError
    try:
        opened = jwe.decrypt_compact(response, secrets.key, algorithms=[KEY_AGREEMENT, ENCRYPTION])
        return jws.load_object(opened.plaintext or b"")
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise StrangerError from error
