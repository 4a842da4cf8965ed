"""What lies in a row of a request opens only with the key that the outside face holds, and only in that row (I7)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.jwk import ECKey

from gateway.errors import UnavailableError
from gateway.identity.presenting.records import PresentationId, Secrets
from gateway.identity.records import ClaimValue, VerificationAnswer
from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.instants import instant_of, seconds_text
from gateway.principals import AccountKind, Principal, Role

_NONCE = 12
_BLOCK = 512
"""What is sealed is padded to a multiple of so many bytes: its length tells no answer."""


def box_key(shared: bytes) -> bytes:
    """Return the key of these rows, derived from the key between worker and outside (HKDF-SHA256)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"xueji presentations v1").derive(shared)


@dataclass(frozen=True, slots=True)
class Box:
    """Seals and opens; what does not open raises ``UnavailableError``."""

    key: bytes = field(repr=False)

    def seal_secrets(self, presentation: PresentationId, value: Secrets) -> bytes:
        """Return the sealed secrets of a request."""
        who = value.asker
        return self._seal(
            b"secrets",
            presentation,
            {
                "nonce": value.nonce,
                "state": value.state,
                "key": None if value.key is None else value.key.as_dict(private=True),
                "asker": {
                    "account": who.account,
                    "kind": who.kind,
                    "roles": sorted(who.roles),
                    "unit": who.unit,
                    "post": who.post,
                    "recipient": who.recipient,
                    "assurance": who.assurance,
                    "mandate": None if who.mandate is None else sorted(who.mandate),
                },
            },
        )

    def open_secrets(self, presentation: PresentationId, sealed: bytes) -> Secrets:
        """Return the secrets of a request."""
        told = self._open(b"secrets", presentation, sealed)
        who = told["asker"]
        return Secrets(
            nonce=told["nonce"],
            state=told["state"],
            key=None if told["key"] is None else ECKey.import_key(told["key"]),
            asker=Principal(
                account=AccountId(who["account"]),
                kind=AccountKind(who["kind"]),
                roles=frozenset(Role(role) for role in who["roles"]),
                unit=None if who["unit"] is None else UnitCode(who["unit"]),
                post=who["post"],
                recipient=None if who["recipient"] is None else RecipientId(who["recipient"]),
                assurance=who["assurance"],
                mandate=None if who["mandate"] is None else frozenset(who["mandate"]),
            ),
        )

    def seal_answer(self, presentation: PresentationId, answer: VerificationAnswer) -> bytes:
        """Return the sealed answer."""
        told = {
            "claims": dict(answer.claims),
            "verified_at": seconds_text(answer.verified_at),
            "expires_at": seconds_text(answer.expires_at),
        }
        return self._seal(b"answer", presentation, told)

    def open_answer(
        self, presentation: PresentationId, sealed: bytes
    ) -> tuple[Mapping[str, ClaimValue], datetime, datetime]:
        """Return the claims of an answer, when they were verified and when the credential expires."""
        told = self._open(b"answer", presentation, sealed)
        return told["claims"], instant_of(told["verified_at"]), instant_of(told["expires_at"])

    def _seal(self, what: bytes, presentation: PresentationId, value: Mapping[str, object]) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        plain = json.dumps(value, ensure_ascii=False).encode()
        plain += b" " * (-len(plain) % _BLOCK)  # blanks after a value are none of it
        return nonce + AESGCM(self.key).encrypt(nonce, plain, what + b"\x00" + presentation.encode())

    def _open(self, what: bytes, presentation: PresentationId, sealed: bytes) -> dict[str, Any]:
        try:
            plain = AESGCM(self.key).decrypt(sealed[:_NONCE], sealed[_NONCE:], what + b"\x00" + presentation.encode())
        except (InvalidTag, ValueError) as error:
            raise UnavailableError(
                "The request does not open; make a new one.", detail_zh="该核验请求无法打开，请重新发起。"
            ) from error
        found: dict[str, Any] = json.loads(plain)
        return found
