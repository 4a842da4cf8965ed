"""Certificates and prints, as JSON."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from gateway.api.models.base import Code, Line, Model

Number = Annotated[Line, Field(min_length=1, max_length=60)]
"""The number of a certificate as it stands on it."""
Reason = Annotated[Line, Field(min_length=1, max_length=200)]


class CertificateListIn(Model):
    """Why the certificates of a pupil are read; it is recorded."""

    reason: Reason


class CertificateLineOut(Model):
    """A certificate; a void one stays listed (A43-3)."""

    number: str
    kind: Literal["graduation", "completion", "incomplete", "education-proof"]
    kind_zh: str
    issuer: str
    """School or division code."""
    status: Literal["valid", "void", "not-effective"]
    status_zh: str
    issued_on: date
    effective_on: date | None
    """Of an education proof the day of the stamp (A43-2)."""
    void_on: date | None
    case_id: str | None
    """The case that issued it."""


class CertificateList(Model):
    """The certificates of a pupil, oldest first."""

    items: list[CertificateLineOut]


class CertificateVoidIn(Model):
    """Which certificate of the caller's unit is voided, and why. The reason is recorded."""

    number: Number
    reason: Reason


class CertificateCheckIn(Model):
    """A number as it stands on a certificate. The issuer is needed only where the number does not tell it."""

    number: Number
    issuer: Annotated[Line, Field(max_length=20)] = ""
    """School or division code."""


class CertificateCheckOut(Model):
    """What anybody may know: of an unknown number, and of what no number looks like, nothing else."""

    status: Literal["valid", "void", "not-effective", "unknown"]
    status_zh: str
    kind: Literal["graduation", "completion", "incomplete", "education-proof"] | None
    kind_zh: str
    year: int | None
    issuer: str
    """The name of the school or department."""
    holder: str
    """First character of the holder's name and two stars."""


class CopyIn(Model):
    """To whom a copy of the own record is given, and why."""

    guardian: Code
    """Account of a guardian whose link to the pupil is verified."""
    reason: Annotated[Line, Field(min_length=1, max_length=200)]


class PrintIn(Model):
    """What is printed: of Annexes 1 to 3 blank, a pupil's or a case's; of 4 and 5 the certificate of a case.

    Annex 1 with a record in it is the archive on paper: ``case_id`` names its completed paper copy (A5-1).
    """

    student_id: Code | None = None
    case_id: Code | None = None
    format: Literal["pdf", "html"] = "pdf"
    reason: Annotated[Line, Field(max_length=200)] = ""
    """Recorded; needed for all but blank forms."""
