"""Rich authorization requests (RFC 9396): a token that is good for one grant and use, and nothing else.

``[{"type": "xueji_grant", "identifier": "<grant id>", "actions": ["extract"]}]``; ``locations`` may name the issuer.
What is unknown is refused (section 5), with one text for every cause: a grant that is another's and one that does not
exist must look alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence, Set

from gateway.accounts.errors import DetailsRefusedError
from gateway.accounts.records import AuthorizationDetail
from gateway.ids import GrantId
from gateway.principals import Use

TYPE = "xueji_grant"
MAX_TEXT = 4096
MAX_DETAILS = 10
_REQUIRED = {"type", "identifier", "actions"}
_MEMBERS = _REQUIRED | {"locations"}
_GRANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
REFUSED = (
    f"The authorization_details are refused. Send a JSON array of 1 to {MAX_DETAILS} objects with 'type' = '{TYPE}', "
    "'identifier' = a grant of your organisation, each once, and 'actions' of extract, statistics, check, match; "
    "'locations' is the issuer alone, or left out."
)
REFUSED_ZH = "authorization_details 不予接受：请核对类型、授权编号（须为本单位的授权）和用法。"


def read(text: str, issuer: str) -> tuple[AuthorizationDetail, ...]:
    """Return the details that a request asks for; whose the grants are is not checked yet.

    Raises ``DetailsRefusedError``.
    """
    try:
        found = json.loads(text, object_pairs_hook=_unique) if len(text) <= MAX_TEXT else None
    except (ValueError, RecursionError):
        raise refusal() from None
    details = of_claim(found, issuer)
    if not details:
        raise refusal()
    return details


def of_claim(value: object, issuer: str) -> tuple[AuthorizationDetail, ...]:
    """Return the details of a parsed array, as of a token's claim; empty for anything that is not one."""
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_DETAILS:
        return ()
    details = [_detail(entry, issuer) for entry in value]
    named = {detail.grant for detail in details if detail is not None}
    return tuple(detail for detail in details if detail is not None) if len(named) == len(value) else ()


def check_own(details: Iterable[AuthorizationDetail], own: Set[GrantId]) -> None:
    """Raise ``DetailsRefusedError`` unless every grant is one of ``own``."""
    if not {detail.grant for detail in details} <= own:
        raise refusal()


def documents(details: Sequence[AuthorizationDetail]) -> list[dict[str, str | list[str]]]:
    """Return the details as JSON, for the token, the token response and introspection."""
    return [
        {"type": TYPE, "identifier": detail.grant, "actions": [use.value for use in detail.uses]} for detail in details
    ]


def refusal() -> DetailsRefusedError:
    """Return the one error that there is."""
    return DetailsRefusedError(REFUSED, detail_zh=REFUSED_ZH)


def _detail(entry: object, issuer: str) -> AuthorizationDetail | None:
    if not isinstance(entry, dict) or not set(entry) >= _REQUIRED or not set(entry) <= _MEMBERS:
        return None
    identifier, actions = entry["identifier"], entry["actions"]
    if entry["type"] != TYPE or entry.get("locations", [issuer]) != [issuer]:
        return None
    if not isinstance(identifier, str) or not _GRANT.fullmatch(identifier) or not isinstance(actions, list):
        return None
    known = {use.value for use in Use}
    if not actions or not all(isinstance(action, str) and action in known for action in actions):
        return None
    if len(set(actions)) != len(actions):
        return None
    return AuthorizationDetail(GrantId(identifier), tuple(Use(action) for action in sorted(actions)))


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members
