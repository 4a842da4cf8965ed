"""The composition root: reads settings, opens stores, wires the services of one face."""

from gateway.bootstrap.parts import Process
from gateway.bootstrap.process import POLICY_FILE, log_key, open_log, open_process, trust_policy
from gateway.bootstrap.registry import (
    ImportSummary,
    generate_pupils,
    grant_roles,
    import_request,
    load_rulebook,
    prepare_databases,
    write_pupils,
)

__all__ = [
    "POLICY_FILE",
    "ImportSummary",
    "Process",
    "generate_pupils",
    "grant_roles",
    "import_request",
    "load_rulebook",
    "log_key",
    "open_log",
    "open_process",
    "prepare_databases",
    "trust_policy",
    "write_pupils",
]
