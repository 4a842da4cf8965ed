"""What the desk of papers takes and gives: certificates in lists, public answers, forms ready for print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from core_registry.domain.cases import Case
from core_registry.domain.certificates import KIND_LABELS, STATUS_LABELS, CertificateKind, CheckStatus, PublicCheck
from core_registry.domain.facts import Archive
from core_registry.domain.records import Student
from core_registry.prints import Form, render_html, render_pdf

STATUS_EN = {
    CheckStatus.VALID: "valid",
    CheckStatus.VOID: "void",
    CheckStatus.NOT_EFFECTIVE: "not stamped yet, not effective",
    CheckStatus.UNKNOWN: "unknown",
}
KINDS_EN = {
    CertificateKind.GRADUATION: "graduation certificate",
    CertificateKind.COMPLETION: "certificate of completion",
    CertificateKind.INCOMPLETE: "certificate of incomplete schooling",
    CertificateKind.EDUCATION_PROOF: "education proof",
}


@dataclass(frozen=True, slots=True)
class PaperNote:
    """Who reads, when, why: ``act`` is ``certificates`` or ``print``; of a print the annex and what it stands on."""

    actor: str
    reason: str
    act: Literal["certificates", "copy", "print"]
    at: datetime
    annex: int | None = None
    unit: str = ""
    """For which unit: one without a part in a case sees its texts redacted."""
    paper_copy: str | None = None
    """The case that allows an archive copy on paper (A5-1)."""


@dataclass(frozen=True, slots=True)
class CertificateKey:
    """Which certificate: by issuer and number, or by the case that issued it."""

    issuer: str = ""
    number: str = field(default="", repr=False)
    case_id: str = ""


@dataclass(frozen=True, slots=True)
class CertificateLine:
    """A certificate in the list of a pupil. A void one stays listed (A43-3)."""

    number: str = field(repr=False)
    kind: CertificateKind
    issuer: str
    issued_on: date
    effective_on: date | None
    void_on: date | None
    case_id: str | None

    @property
    def kind_zh(self) -> str:
        """The Chinese name of its kind."""
        return KIND_LABELS[self.kind]

    @property
    def status(self) -> CheckStatus:
        """What it is worth now."""
        if self.void_on is not None:
            return CheckStatus.VOID
        return CheckStatus.VALID if self.effective_on is not None else CheckStatus.NOT_EFFECTIVE

    @property
    def status_zh(self) -> str:
        """The same in Chinese."""
        return STATUS_LABELS[self.status]


@dataclass(frozen=True, slots=True)
class PublicAnswer:
    """The public answer with its words; of an unknown number nothing but that."""

    found: PublicCheck

    @property
    def status_words(self) -> tuple[str, str]:
        """The status in Chinese and English."""
        return STATUS_LABELS[self.found.status], STATUS_EN[self.found.status]

    @property
    def kind_words(self) -> tuple[str, str]:
        """The kind in Chinese and English; both empty for an unknown number."""
        kind = self.found.kind
        return ("", "") if kind is None else (KIND_LABELS[kind], KINDS_EN[kind])


@dataclass(frozen=True, slots=True)
class Paper:
    """A form ready for print."""

    annex: int
    form: Form = field(repr=False)

    def html(self, href: str | None = None) -> str:
        """Return a page for print; ``href`` is the address of its style sheet, without it the page stands alone.

        Raises ``UnprintableError``.
        """
        return render_html(self.form, href=href)

    def pdf(self) -> bytes:
        """Return the form as a PDF. Raises ``UnprintableError``."""
        return render_pdf(self.form)


@dataclass(frozen=True, slots=True)
class CaseMaterial:
    """A case with the pupil's clear record and archive, for print. ``school`` is the name of the case's school."""

    case: Case = field(repr=False)
    student: Student = field(repr=False)
    archive: Archive = field(repr=False)
    school: str


@dataclass(frozen=True, slots=True)
class CertificateMaterial:
    """A certificate with its stub and its holder, for print. ``same_name``: the holder bears the name of then."""

    kind: CertificateKind
    issuer: str
    number: str = field(repr=False)
    issued_on: date
    voided: bool
    original: str = field(repr=False)
    stub: Mapping[str, object] = field(repr=False)
    student: Student = field(repr=False)
    household: str | None = field(repr=False)
    """Code of the division of the household registration."""
    same_name: bool = True
