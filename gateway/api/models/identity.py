"""Digital identities as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.api.models.base import Code, Line, Model


class OfferIn(Model):
    """Whose identity is offered: the pupil's ``subject_ref``. A guardian's credential says of whom by it, too."""

    subject_ref: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    credential_configuration_id: Literal["student", "guardian"] = "student"


class OfferOut(Model):
    """An offer, shown once: by value, by reference, as links for wallets; and ``tx_code``, to be told apart."""

    offer: str
    expires_at: datetime
    credential_offer: dict[str, object]
    credential_offer_uri: str
    uri: str
    link: str
    tx_code: str


class VerificationIn(Model):
    """A presentation, the audience and nonce it was made for, and the claims wanted."""

    presentation: Annotated[str, Field(min_length=1, max_length=65_536)]
    audience: Annotated[Line, Field(min_length=1, max_length=200)]
    nonce: Annotated[Line, Field(min_length=1, max_length=200)]
    claims: Annotated[list[Code], Field(min_length=1, max_length=20)]


class VerificationOut(Model):
    """The claims that were asked for, granted and disclosed."""

    claims: dict[str, str | int | bool]
    verified_at: datetime
    expires_at: datetime
