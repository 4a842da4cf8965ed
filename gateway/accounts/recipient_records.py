"""Recipients of data as organisations: registered under their credit code, attested every year, suspended at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from gateway.accounts.sealing import civil_date, months_later
from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.journal import Tx
from rulebook.records import Parameters

UNREGISTERED = "unregistered"
"""Stands for the suspension of a recipient that nobody registered, where registration is required."""


class Suspension(StrEnum):
    """Why nothing goes to a recipient; the first that holds is named."""

    MANAGER = "manager"
    """A manager of accounts said so."""
    RENAMED = "renamed"
    """It goes by another name: nobody has attested yet that it is the same organisation."""
    ATTESTATION_OVERDUE = "attestation_overdue"
    """A year has gone by without anybody looking whether it still is who it was."""
    DORMANT = "dormant"
    """No client of it and no applicant came for months."""


LIFTED_BY_ATTESTATION = frozenset({Suspension.RENAMED, Suspension.ATTESTATION_OVERDUE})
LIFTED_BY_RESUMPTION = frozenset({Suspension.MANAGER, Suspension.DORMANT})


@dataclass(frozen=True, slots=True)
class RecipientSpec:
    """What is needed to register a recipient."""

    code: str
    """As typed; checked by ``credit_codes.credit_code``."""
    name: str
    post: str
    """The post that answers for the organisation's use of the data, as 信息科."""
    responsible: str = field(repr=False)
    """The responsible person there: name and post of an adult in office."""
    evidence: str
    """What was looked at: certificate of registration, public register, date."""
    unit: UnitCode | None = None
    """The department that registers; ``None`` for that of who registers."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient as it stands. ``unit`` is the department that registered it and keeps it."""

    code: RecipientId
    name: str
    post: str
    responsible: str = field(repr=False)
    unit: UnitCode
    registered_at: datetime
    attested_on: date
    attested_until: date
    """The last day on which the attestation holds."""
    former_name: str = ""
    suspended: frozenset[Suspension] = frozenset()
    """What was recorded; ``problem`` adds what has come due since."""
    resumed_at: datetime | None = None
    warned_for: date | None = None
    """The end of the attestation of which a warning was written."""
    used_at: datetime | None = None
    """When a client or an applicant of it was last there; read from the accounts."""
    version: int = 0

    def dormant_on(self, months: int) -> date:
        """Return the civil date from which the recipient lies dormant if nobody comes, as accounts do (A50-3, T-3)."""
        seen = [at for at in (self.registered_at, self.resumed_at, self.used_at) if at is not None]
        return months_later(max(civil_date(max(seen)), self.attested_on), months)

    def problem(self, today: date, parameters: Parameters) -> Suspension | None:
        """Return why nothing goes to it on ``today``, recorded or come due since; ``None`` if all is well."""
        due = set(self.suspended)
        if today > self.attested_until:
            due.add(Suspension.ATTESTATION_OVERDUE)
        if today >= self.dormant_on(parameters.dormant_months):
            due.add(Suspension.DORMANT)
        return next((one for one in Suspension if one in due), None)


@dataclass(frozen=True, slots=True)
class RecipientAct:
    """Who did what to a recipient and on what evidence, in words that stay out of the audit trail (I7)."""

    recipient: RecipientId
    act: str
    at: datetime
    by: AccountId | None
    """``None``: the system, or the host."""
    words: str = field(repr=False)


class RecipientStanding(Protocol):
    """Whether a recipient may receive at all. Asked before a token, a submission, a release and a delivery."""

    def problem(self, recipient: RecipientId, today: date) -> str | None:
        """Return the code of what is wrong (``Suspension`` or ``unregistered``), ``None`` when all is well.

        Reads the present state each time: nothing is cached. Raises ``UnavailableError``.
        """

    def problem_in(self, tx: Tx, recipient: RecipientId, today: date) -> str | None:
        """Return the same as the transaction sees it."""


class RecipientWatch(RecipientStanding, Protocol):
    """Standing, and the moment at which it is written down."""

    def settle(self, recipient: RecipientId) -> str | None:
        """Return the problem, and record a suspension that has come due: before the use that would hide it."""


class RecipientStore(Protocol):
    """Recipients and what was done to them."""

    def add(self, tx: Tx, recipient: Recipient) -> bool:
        """Insert; ``False`` when the code is registered already. Atomic."""

    def get(self, tx: Tx, code: RecipientId) -> Recipient | None:
        """Return a recipient with its last use."""

    def listed(self, tx: Tx) -> tuple[Recipient, ...]:
        """Return all, by code."""

    def save(self, tx: Tx, recipient: Recipient) -> bool:
        """Write a recipient whose row is still at ``recipient.version``; ``False`` when somebody came first."""

    def note(self, tx: Tx, act: RecipientAct) -> None:
        """Keep the words of an act."""

    def notes(self, tx: Tx, code: RecipientId) -> tuple[RecipientAct, ...]:
        """Return what was done to a recipient, oldest first."""
