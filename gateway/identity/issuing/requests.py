"""Credential requests and notifications as wallets send them, read strictly (OpenID4VCI 1.0 sections 8.2 and 11.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.identity.configurations import CONFIGURATIONS, Configuration
from gateway.identity.issuing import errors
from gateway.identity.issuing.records import Access, NotifiedEvent
from gateway.identity.proofs import refused

_LONGEST_PROOF = 4096
_LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class CredentialWish:
    """What a wallet asks for: one configuration, one key proof for each credential."""

    configuration: Configuration
    proofs: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Notice:
    """What a wallet tells of a batch. Its description is text of a stranger: it is not kept."""

    notification_id: str = field(repr=False)
    event: NotifiedEvent


def read_wish(document: object, access: Access) -> CredentialWish:
    """Return what ``document`` asks for under ``access``. Raises ``WalletRefusedError`` or ``ProofError``."""
    if not isinstance(document, dict):
        raise errors.invalid_credential_request("Send a JSON object.", "请提交 JSON 对象。")
    if "proof" in document or "format" in document:
        raise errors.invalid_credential_request(
            "This is a request of an old draft: send credential_configuration_id and proofs.jwt.",
            "该请求属于旧版草案，请提交 credential_configuration_id 和 proofs.jwt。",
        )
    if "credential_response_encryption" in document:
        raise errors.unencrypted()
    identifier, configuration = document.get("credential_identifier"), document.get("credential_configuration_id")
    # Section 8.2: an identifier when the token response named some, the configuration otherwise; never both.
    if (identifier is None) == (configuration is None) or (identifier is not None) != access.by_identifier:
        raise errors.invalid_credential_request(
            "Send credential_identifier when the token response named identifiers, else credential_configuration_id.",
            "令牌响应含凭证标识时提交 credential_identifier，否则提交 credential_configuration_id。",
        )
    wanted = CONFIGURATIONS[access.configuration]
    if identifier is not None and identifier != wanted.identifier:
        raise errors.unknown_identifier()
    if configuration is not None and configuration != wanted.id:
        raise errors.unknown_configuration()
    return CredentialWish(wanted, _proofs(document.get("proofs")))


def read_notice(document: object) -> Notice:
    """Return what ``document`` tells. Raises ``WalletRefusedError``."""
    if not isinstance(document, dict):
        raise errors.invalid_notification(known=True)
    identifier, event = document.get("notification_id"), document.get("event")
    if not isinstance(identifier, str) or not 0 < len(identifier) <= _LONGEST_ID:
        raise errors.invalid_notification(known=True)
    if not isinstance(event, str) or event not in set(NotifiedEvent):
        raise errors.invalid_notification(known=True)
    return Notice(identifier, NotifiedEvent(event))


def _proofs(proofs: object) -> tuple[str, ...]:
    """Return the key proofs: one kind, ``jwt``, and texts of a length that a proof may have (section 8.2)."""
    if not isinstance(proofs, dict) or set(proofs) != {"jwt"} or not isinstance(proofs["jwt"], list):
        raise refused("proofs.jwt")
    listed = proofs["jwt"]
    if not all(isinstance(one, str) and len(one) <= _LONGEST_PROOF for one in listed):
        raise refused("proofs.jwt")
    return tuple(listed)
