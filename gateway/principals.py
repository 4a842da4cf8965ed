"""Who is asking. Made by accounts, read by every room; it holds no name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.ids import AccountId, GrantId, RecipientId, UnitCode


class Role(StrEnum):
    """The roles of people and clients (design 9; 三员分立: the last three approve nothing)."""

    APPLICANT = "applicant"
    """Applies for data on behalf of a recipient (数据使用方)."""
    DATA_OFFICER = "data_officer"
    """Records the legal ground and confirms it (数据管理员)."""
    APPROVING_OFFICER = "approving_officer"
    """Decides an application (批准人)."""
    EXECUTOR = "executor"
    """Runs an extract that was granted (执行人)."""
    REGISTRAR = "registrar"
    """学籍管理员 of a school or a department."""
    PRINCIPAL = "principal"
    """校长, first responsible person of a school."""
    GUARDIAN = "guardian"
    PUPIL = "pupil"
    """A pupil with an account of their own."""
    RELYING_PARTY = "relying_party"
    """Verifies students' digital identities (验证方)."""
    SYSTEM_ADMINISTRATOR = "system_administrator"
    SECURITY_ADMINISTRATOR = "security_administrator"
    INSPECTOR = "inspector"
    """Reads the audit trail (审计检查员)."""


class Use(StrEnum):
    """What a grant is put to; a token may be good for one grant and one use (RFC 9396)."""

    EXTRACT = "extract"
    STATISTICS = "statistics"
    CHECK = "check"
    MATCH = "match"


def errand(grant: GrantId, use: Use) -> str:
    """Return how ``Principal.mandate`` and ``Circumstances.errand`` name a grant put to a use."""
    return f"{grant} {use}"


class AccountKind(StrEnum):
    """What sort of account a principal has."""

    STAFF = "staff"
    GUARDIAN = "guardian"
    PUPIL = "pupil"
    CLIENT = "client"


FAMILIES = frozenset({AccountKind.GUARDIAN, AccountKind.PUPIL})
"""Kinds of accounts of guardians and pupils: without a name, never sealed for want of use, and for no page of staff."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated person or client.

    ``unit`` is the unit that the person works for (staff); ``recipient`` the organisation outside for
    which an applicant or a client acts. ``assurance`` is 1 for a password, 2 with a second factor,
    2 for a client that proved its key.

    ``mandate`` is what a token with ``authorization_details`` (RFC 9396) is good for, as ``"<grant> <use>"``
    (``errand``); ``None`` is a token or session that names no grant. ``on_behalf`` is who
    delegated the approval under which the person acts.
    """

    account: AccountId
    kind: AccountKind
    roles: frozenset[Role]
    unit: UnitCode | None = None
    post: str = ""
    recipient: RecipientId | None = None
    assurance: int = 1
    mandate: frozenset[str] | None = None
    on_behalf: AccountId | None = None
