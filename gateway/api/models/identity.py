"""Digital identities as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from gateway.api.models.base import Code, Line, Model, Prose


class OfferIn(Model):
    """Whose identity is offered: the pupil's ``subject_ref``."""

    subject_ref: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class OfferOut(Model):
    """A one-time code, shown once."""

    offer: str
    code: str
    expires_at: datetime
    uri: str


class NonceOut(Model):
    """A nonce for key proofs."""

    c_nonce: str


class CredentialsIn(Model):
    """A one-time code and key proofs (``openid4vci-proof+jwt``)."""

    code: Annotated[Line, Field(min_length=1, max_length=200)]
    proofs: Annotated[list[Annotated[Prose, Field(max_length=4096)]], Field(min_length=1, max_length=50)]


class CredentialsOut(Model):
    """One-time credentials, in the order of the proofs."""

    credentials: list[str]
    expires_at: datetime


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
