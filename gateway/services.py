"""The services of one process, in one frozen value: what blueprints and the command line may call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from core_registry.office import CaseDesk, PaperDesk, RegistryOffice, StaffDesk
from core_registry.oversight.service import RegistryOversight
from core_registry.sharing import SharingView
from gateway.accounts.directory import AccountDirectory
from gateway.accounts.service import AccountService
from gateway.accounts.tokens import TokenService
from gateway.audit.publication import LogPublisher
from gateway.audit.service import AuditService
from gateway.identity.service import IdentityService
from gateway.keyring import Face, Keyring
from gateway.policies.decision import DecisionPoint
from gateway.policies.service import ApplicationService
from gateway.releases.service import ReleaseService
from gateway.settings import Settings
from rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a face may use; ``None`` where the face has no such part (design 2)."""

    face: Face
    settings: Settings
    book: Rulebook
    keyring: Keyring
    decisions: DecisionPoint
    accounts: AccountService
    directory: AccountDirectory
    tokens: TokenService
    applications: ApplicationService
    releases: ReleaseService
    audit: AuditService
    publisher: LogPublisher
    identity: IdentityService
    office: RegistryOffice | None
    desk: CaseDesk | None
    staff: StaffDesk | None
    papers: PaperDesk | None
    sharing: SharingView | None
    now: Callable[[], datetime]
    ready: Callable[[], dict[str, str]]
    """Part -> ``ok`` or what is wrong, for ``/readyz``."""
    oversight: RegistryOversight | None = None
    """Whole-school and nightly acts."""
