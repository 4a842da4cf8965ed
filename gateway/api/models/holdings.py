"""What is held for grounds, as JSON: the catalogue of laws with their texts, and scans of approvals."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.api.models.base import Line, Model, Prose, Text
from gateway.api.models.grounds import Sha256
from gateway.policies.legal_texts import BasisStatus, HeldText, NewText, TextState
from gateway.policies.scans import Scan
from rulebook.records import LegalKind


class ScanOut(Model):
    """A scan that is held; ``sha256`` is over the clear file."""

    id: str
    application: str
    media_type: str
    size: int
    sha256: str
    handed_in_by: str
    handed_in_at: datetime

    @staticmethod
    def of(scan: Scan) -> ScanOut:
        """Return the model of a record."""
        return ScanOut(
            id=scan.id,
            application=scan.application,
            media_type=scan.media_type,
            size=scan.size,
            sha256=scan.sha256,
            handed_in_by=scan.handed_in_by,
            handed_in_at=scan.handed_in_at,
        )


class ScanList(Model):
    """The scans of an application, oldest first."""

    items: list[ScanOut]


class LegalTextIn(Model):
    """The text of an article, copied from its source with its number."""

    text: Annotated[Prose, Field(min_length=1, max_length=20_000)]
    source: Annotated[Line, Field(min_length=2, max_length=400)]
    """Official gazette or publication, and where in it."""
    published_on: date
    """Date of the version of the law."""

    def to_record(self) -> NewText:
        """Return the record."""
        return NewText(self.text, self.source, self.published_on)


class TextConfirmationIn(Model):
    """Another officer's confirmation, after comparing with the source."""

    sha256: Sha256 | None = None
    """Hash of the text that was compared; must be the held one."""
    own_copy: Annotated[Prose, Field(max_length=20_000)] = ""
    """The confirmer's own copy from the source; must be the same text."""


class TextRetirementIn(Model):
    """Why a text is no longer relied on."""

    reason: Text


class LegalTextOut(Model):
    """A text that is held."""

    legal_basis: str
    number: int
    """0 is the text of the rule book, which nobody confirmed yet."""
    state: TextState
    text: str
    sha256: str
    """SHA-256 of the text in UTF-8, normalised: NFC, lines without blanks around them, no empty lines, line feeds."""
    source: str
    published_on: date
    attached_by: str
    attached_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    retired_by: str | None
    retired_at: datetime | None
    retired_reason: str

    @staticmethod
    def of(text: HeldText) -> LegalTextOut:
        """Return the model of a record."""
        return LegalTextOut(
            legal_basis=text.legal_basis,
            number=text.number,
            state=text.state,
            text=text.text,
            sha256=text.sha256,
            source=text.source,
            published_on=text.published_on,
            attached_by=text.attached_by,
            attached_at=text.attached_at,
            confirmed_by=text.confirmed_by,
            confirmed_at=text.confirmed_at,
            retired_by=text.retired_by,
            retired_at=text.retired_at,
            retired_reason=text.retired_reason,
        )


class LegalBasisOut(Model):
    """A law or regulation of the catalogue, and whether a grant can stand on it."""

    code: str
    title: str
    kind: LegalKind
    article: str
    status: Literal["verified", "unverified"]
    """``verified`` when a text that another officer confirmed stands; nothing is granted on the others."""
    in_force: bool
    effective: date
    repealed: date | None
    sha256: str | None
    """Hash of the standing text."""
    pending: int | None
    """Number of the newest text that waits for another officer."""
    recipients: str
    purposes: list[str]
    levels: list[str]
    fields: list[str]

    @staticmethod
    def of(status: BasisStatus, today: date) -> LegalBasisOut:
        """Return the model of a record, as of the civil date ``today``."""
        basis = status.basis
        return LegalBasisOut(
            code=basis.code,
            title=basis.title,
            kind=basis.kind,
            article=basis.article,
            status="verified" if status.verified else "unverified",
            in_force=basis.effective <= today and (basis.repealed is None or today < basis.repealed),
            effective=basis.effective,
            repealed=basis.repealed,
            sha256=None if status.standing is None else status.standing.sha256,
            pending=None if status.pending is None else status.pending.number,
            recipients=basis.recipients,
            purposes=sorted(basis.purposes),
            levels=sorted(basis.levels),
            fields=sorted(basis.fields),
        )


class LegalBasisDetailOut(LegalBasisOut):
    """The same with every text that is held, newest first."""

    texts: list[LegalTextOut]

    @staticmethod
    def of(status: BasisStatus, today: date) -> LegalBasisDetailOut:
        """Return the model of a record, as of the civil date ``today``."""
        short = LegalBasisOut.of(status, today)
        return LegalBasisDetailOut(**short.model_dump(), texts=[LegalTextOut.of(text) for text in status.texts])


class LegalBasisList(Model):
    """The catalogue of laws and regulations."""

    items: list[LegalBasisOut]
