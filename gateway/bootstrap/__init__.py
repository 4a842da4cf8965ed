"""The composition root: reads settings, opens stores, wires the services of one face."""

from gateway.bootstrap.alerts import AlertService, SuppressionService, alerts_of, officer, suppressions_of
from gateway.bootstrap.canaries import CanaryService, canaries_of
from gateway.bootstrap.cases import (
    Actor,
    Case,
    CaseDesk,
    Draft,
    RuleResult,
    acting,
    case_draft,
    desk_of,
    evidence_of,
)
from gateway.bootstrap.inspections import inspections_of
from gateway.bootstrap.log_keys import begin_anew, log_key, log_keys, opening
from gateway.bootstrap.oversight import RegistryOversight, deviations_of, oversight_of
from gateway.bootstrap.papers import CertificateKey, CertificateLine, Paper, PaperDesk, papers_of
from gateway.bootstrap.parts import Process
from gateway.bootstrap.policies import policy_case
from gateway.bootstrap.posts import StaffDesk, host_actor, new_post, staff_of
from gateway.bootstrap.process import POLICY_FILE, open_index, open_log, open_process, trust_policy
from gateway.bootstrap.registry import (
    ImportSummary,
    generate_pupils,
    grant_roles,
    import_request,
    load_rulebook,
    prepare_databases,
    write_pupils,
)
from gateway.bootstrap.replays import replay_alerts
from gateway.bootstrap.retention import renewal_of, resume_sweeps, retention_of, tag_root_of
from gateway.bootstrap.texts import TextRedactions, redactions_of
from gateway.bootstrap.witnessing import witness_request

__all__ = [
    "POLICY_FILE",
    "Actor",
    "AlertService",
    "CanaryService",
    "Case",
    "CaseDesk",
    "CertificateKey",
    "CertificateLine",
    "Draft",
    "ImportSummary",
    "Paper",
    "PaperDesk",
    "Process",
    "RegistryOversight",
    "RuleResult",
    "StaffDesk",
    "SuppressionService",
    "TextRedactions",
    "acting",
    "alerts_of",
    "begin_anew",
    "canaries_of",
    "case_draft",
    "desk_of",
    "deviations_of",
    "evidence_of",
    "generate_pupils",
    "grant_roles",
    "host_actor",
    "import_request",
    "inspections_of",
    "load_rulebook",
    "log_key",
    "log_keys",
    "new_post",
    "officer",
    "open_index",
    "open_log",
    "open_process",
    "opening",
    "oversight_of",
    "papers_of",
    "policy_case",
    "prepare_databases",
    "redactions_of",
    "renewal_of",
    "replay_alerts",
    "resume_sweeps",
    "retention_of",
    "staff_of",
    "suppressions_of",
    "tag_root_of",
    "trust_policy",
    "witness_request",
    "write_pupils",
]
