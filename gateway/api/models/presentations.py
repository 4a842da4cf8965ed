"""Requests for presentations as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.api.models.base import Code, Model
from gateway.identity.presenting.records import Progress, Request
from gateway.identity.presenting.service import PURPOSE


class PresentationIn(Model):
    """What a holder is asked for. ``response_mode`` is how the wallet answers: encrypted unless it cannot."""

    claims: Annotated[list[Code], Field(min_length=1, max_length=20)]
    purpose: Code = PURPOSE
    response_mode: Literal["direct_post.jwt", "direct_post"] = "direct_post.jwt"


class PresentationOut(Model):
    """A request to show to the wallet: ``link`` for the wallet of this gateway, ``uri`` for any other."""

    id: str
    client_id: str
    request_uri: str
    link: str
    uri: str
    expires_at: datetime
    claims: list[str]
    grant: str
    purpose: str
    purpose_zh: str
    purpose_en: str

    @classmethod
    def of(cls, request: Request) -> PresentationOut:
        """Return a request as JSON."""
        return cls(
            id=request.id,
            client_id=request.client_id,
            request_uri=request.request_uri,
            link=request.link,
            uri=request.uri,
            expires_at=request.expires_at,
            claims=list(request.claims),
            grant=request.grant,
            purpose=request.purpose,
            purpose_zh=request.purpose_zh,
            purpose_en=request.purpose_en,
        )


class PresentationStateOut(Model):
    """Where a request stands. ``claims`` are there once, in the first reading after the answer, then ``read``."""

    id: str
    state: Literal["waiting", "fetched", "answered", "refused", "expired"]
    expires_at: datetime
    asked: list[str]
    reason: str | None = None
    read: bool = False
    claims: dict[str, str | int | bool] | None = None
    verified_at: datetime | None = None
    credential_expires_at: datetime | None = None

    @classmethod
    def of(cls, told: Progress) -> PresentationStateOut:
        """Return where a request stands as JSON."""
        return cls(
            id=told.id,
            state=told.state.value,  # type: ignore[arg-type]  # never ``answering``: PresentationService tells ``fetched``
            expires_at=told.expires_at,
            asked=list(told.asked),
            reason=told.reason,
            read=told.read,
            claims=None if told.claims is None else dict(told.claims),
            verified_at=told.verified_at,
            credential_expires_at=told.credential_expires_at,
        )
