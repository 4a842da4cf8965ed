"""Certificates: their kinds, what stub and certificate say, and what the public check tells (Arts. 38 to 43)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from core_registry.domain.rules import enforces
from core_registry.domain.states import StudentState


class CertificateKind(StrEnum):
    """What a certificate says."""

    GRADUATION = "graduation"
    """毕业证书."""
    COMPLETION = "completion"
    """结业证明书, Annex 4."""
    INCOMPLETE = "incomplete"
    """肄业证明书, Annex 4."""
    EDUCATION_PROOF = "education-proof"
    """学历证明书, Annex 5: stands for a lost graduation certificate."""


KIND_LABELS: Mapping[CertificateKind, str] = MappingProxyType(
    {
        CertificateKind.GRADUATION: "毕业证书",
        CertificateKind.COMPLETION: "结业证明书",
        CertificateKind.INCOMPLETE: "肄业证明书",
        CertificateKind.EDUCATION_PROOF: "学历证明书",
    }
)
"""The Chinese name of each kind."""

STATE_OF: Mapping[CertificateKind, StudentState] = MappingProxyType(
    {
        CertificateKind.GRADUATION: StudentState.GRADUATED,
        CertificateKind.COMPLETION: StudentState.COMPLETED,
        CertificateKind.INCOMPLETE: StudentState.INCOMPLETE,
    }
)
"""The state to which a pupil is classified for each kind (A42-1)."""

OWN_NUMBER = "*"
"""In ``Effects.stamped``: the certificate that the same case numbered. A domain function does not know its number."""


class Side(StrEnum):
    """The two halves of Annexes 4 and 5."""

    STUB = "stub"
    """存根: stays with the school."""
    CERTIFICATE = "certificate"


_BOTH = frozenset(
    {
        "number",
        "holder.name",
        "holder.student_number",
        "holder.id_number",
        "holder.sex",
        "holder.province",
        "holder.county",
        "holder.since",
        "holder.until",
        "issued_on",
    }
)
_HANDLED = frozenset({"stub.handler", "stub.handled_on", "stub.head", "stub.head_on"})
_FOUR = {
    Side.STUB: _BOTH | _HANDLED | {"kind", "word", "reason"},
    Side.CERTIFICATE: _BOTH | {"kind", "word", "school_seal"},
}
_FIVE = {
    Side.STUB: _BOTH | _HANDLED | {"graduated", "original", "years"},
    Side.CERTIFICATE: _BOTH | {"graduated", "original", "stamp_sentence", "school_seal", "stamp"},
}


def printed_on(kind: CertificateKind, side: Side) -> frozenset[str]:
    """Return the fields that stand on one side of Annex 4 or 5: the stub has the reason, the certificate has not.

    Raises ``KeyError`` for a graduation certificate, whose form the province sets (A40-1). Source: section 8.
    """
    layouts = {
        CertificateKind.COMPLETION: _FOUR,
        CertificateKind.INCOMPLETE: _FOUR,
        CertificateKind.EDUCATION_PROOF: _FIVE,
    }
    return layouts[kind][side]


_MARK = re.compile(r"(?P<word>.*)字第[（(]?(?P<number>[^（()）]+)[）)]?号", re.DOTALL)


def split_number(number: str) -> tuple[str, str]:
    """Return word and number of ``晋毕证字第（20260001）号``: the annexes print ``字第`` and ``号`` themselves.

    The form of the numbers is a parameter (section 10); of one without these words the word is empty.
    """
    found = _MARK.fullmatch(number)
    return ("", number) if found is None else (found["word"].strip(), found["number"].strip())


class CheckStatus(StrEnum):
    """What the public check answers."""

    VALID = "valid"
    VOID = "void"
    NOT_EFFECTIVE = "not-effective"
    """Issued, and not stamped yet (A43-2)."""
    UNKNOWN = "unknown"


STATUS_LABELS: Mapping[CheckStatus, str] = MappingProxyType(
    {
        CheckStatus.VALID: "有效",
        CheckStatus.VOID: "已作废",
        CheckStatus.NOT_EFFECTIVE: "尚未验印，未生效",
        CheckStatus.UNKNOWN: "查无此证书",
    }
)
"""The Chinese words for each answer."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate as the register of an issuer has it. A voided one stays listed (A43-3)."""

    issuer: str
    number: str = field(repr=False)
    kind: CertificateKind
    year: int
    effective: bool
    voided: bool
    holder_name: str = field(repr=False)

    @property
    def status(self) -> CheckStatus:
        """What it is worth now: void before not stamped."""
        if self.voided:
            return CheckStatus.VOID
        return CheckStatus.VALID if self.effective else CheckStatus.NOT_EFFECTIVE


@dataclass(frozen=True, slots=True)
class PublicCheck:
    """The answer of the public check: kind, year, issuer and a masked name; of an unknown number nothing."""

    status: CheckStatus
    kind: CertificateKind | None = None
    year: int | None = None
    issuer: str = ""
    masked_name: str = field(default="", repr=False)


@enforces("A43-2", "A43-3", how="code")
def public_check(found: Issued | None, issuer_name: str = "") -> PublicCheck:
    """Return what anybody who holds a number may know of the certificate.

    ``issuer_name`` is the name of the unit that issued it. The holder's name keeps its first character; the rest
    becomes two stars whatever its length, so that the answer confirms a holder and names none.
    """
    if found is None:
        return PublicCheck(CheckStatus.UNKNOWN)
    return PublicCheck(found.status, found.kind, found.year, issuer_name, f"{found.holder_name[:1]}**")
