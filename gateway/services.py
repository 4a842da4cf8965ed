"""The services of one process, in one frozen value: what blueprints and the command line may call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from core_registry.office import CaseDesk, GuardianDesk, PaperDesk, RegistryOffice, StaffDesk, TextRedactions
from core_registry.oversight.service import RegistryOversight
from core_registry.sharing import SharingView
from gateway.accesses.office import QuestionDesk
from gateway.accesses.ports import AccessDesk
from gateway.accounts.delegations import Delegations
from gateway.accounts.directory import AccountDirectory
from gateway.accounts.own import OwnAccount
from gateway.accounts.recipients import RecipientRegister
from gateway.accounts.service import AccountService
from gateway.accounts.tokens import TokenService
from gateway.anonymize.previews import TextPreviews
from gateway.audit.alerts import AlertService
from gateway.audit.log_keys import LogKeyService
from gateway.audit.proving import ProofDesk
from gateway.audit.publication import LogPublisher
from gateway.audit.pupils import PupilDesk
from gateway.audit.service import AuditService
from gateway.audit.suppressions import SuppressionService
from gateway.canaries.service import CanaryService
from gateway.families.service import FamilyService
from gateway.identity.issuer_keys import IssuerKeyService
from gateway.identity.issuing.service import IssuingService
from gateway.identity.presenting.service import PresentationService
from gateway.identity.service import IdentityService
from gateway.identity.signing_in.consents import ConsentDesk
from gateway.identity.signing_in.service import SignInService
from gateway.inspections.ports import Orders
from gateway.inspections.service import InspectionService
from gateway.keyring import Face, Keyring
from gateway.policies.decision import DecisionPoint
from gateway.policies.disclosures import DisclosureService
from gateway.policies.legal_texts import LegalTextService
from gateway.policies.scans import ScanService
from gateway.policies.service import ApplicationService
from gateway.releases.checks.service import CheckService
from gateway.releases.dry_run_service import DryRunService
from gateway.releases.matches.service import MatchService
from gateway.releases.service import ReleaseService
from gateway.releases.statistics.service import StatisticsService
from gateway.releases.tracing.service import Tracing
from gateway.retention.holds import HoldDesk
from gateway.retention.service import RetentionService
from gateway.settings import Settings
from rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what lies beside the log is kept, and what holds it."""

    service: RetentionService
    holds: HoldDesk


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
    issuing: IssuingService
    office: RegistryOffice | None
    desk: CaseDesk | None
    staff: StaffDesk | None
    papers: PaperDesk | None
    sharing: SharingView | None
    now: Callable[[], datetime]
    ready: Callable[[], dict[str, str]]
    """Part -> ``ok`` or what is wrong, for ``/readyz``."""
    guardians: GuardianDesk | None = None
    """Requests of guardians, on the faces that hold the registry."""
    oversight: RegistryOversight | None = None
    """Whole-school and nightly acts."""
    pupils: PupilDesk | None = None
    """Which pupil an inspector means, on the faces that hold the registry's keys."""
    proofs: ProofDesk | None = None
    """Proofs that a pupil is or is not in an entry, on the faces that hold the tag root too."""
    alerts: AlertService | None = None
    suppressions: SuppressionService | None = None
    """Alerts, on the faces that see entries of the log."""
    inspections: InspectionService | None = None
    """Inspection cases, on the same faces."""
    canaries: CanaryService | None = None
    """Decoy pupils, on the faces that hold the registry's keys."""
    orders: Orders | None = None
    """Orders to correct, for the bodies that answer them; where staff and applicants sign in, and in the worker."""
    retention: Retention | None = None
    """Retention and holds, on the faces that hold the data keys."""
    article_51: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Situations of Art. 51: code -> (Chinese, English)."""
    accesses: AccessDesk | None = None
    """Who saw a pupil's data, for families; where they sign in, and in the worker."""
    questions: QuestionDesk | None = None
    """What families asked about it, on the faces that hold the registry's keys."""
    recipients: RecipientRegister | None = None
    """Recipients as organisations; every process has them."""
    delegations: Delegations | None = None
    """Approvals lent for a time; every process has them."""
    dry_runs: DryRunService | None = None
    """What a grant would release, before the decision; on the faces that may see samples."""
    legal_texts: LegalTextService | None = None
    """Texts of articles; every process has them."""
    scans: ScanService | None = None
    """Scans of approvals, on the faces that hold their key."""
    disclosures: DisclosureService | None = None
    """What was handed over outside this system; office only."""
    checks: CheckService | None = None
    """Checks (核验), on the faces that release."""
    matches: MatchService | None = None
    """Matches (比对回填), on the faces that release."""
    own: OwnAccount | None = None
    """One's own account; every process has it."""
    families: FamilyService | None = None
    """Guardians and pupils with accounts of their own; every process has them."""
    issuer_keys: IssuerKeyService | None = None
    """Rotation and compromise of the issuer's keys, on the faces that hold them."""
    presentations: PresentationService | None = None
    """Requests for presentations (OpenID4VP), on the faces that hold the verifier's key."""
    sign_ins: SignInService | None = None
    """Signing in at relying parties (OpenID Connect), on the faces that hold the OAuth key."""
    consents: ConsentDesk | None = None
    """What a family consented to, on the faces where families sign in."""
    statistics: StatisticsService | None = None
    """Statistics (统计), on the faces that release."""
    texts: TextPreviews | None = None
    """What the redaction of a text would hide, on the faces that hold the registry's keys."""
    redactions: TextRedactions | None = None
    """Texts of the sharing view redacted anew, on the same faces."""
    tracing: Tracing | None = None
    """From which release a leaked file comes, on the faces that hold the root of the marks' keys."""
    log_keys: LogKeyService | None = None
    """Changing the log's key, where the log is signed."""
    degraded: Callable[[], dict[str, str]] = dict
    """Part -> what is wrong, of parts without which the face goes on and does less, safely."""
