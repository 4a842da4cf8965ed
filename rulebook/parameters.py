"""Numbers that an authority may set: config/parameters.toml (section 10 of the rules)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, cast

from rulebook.ledger import read_ledger
from rulebook.records import CodeList, Division, Field, Parameters, ReleaseProfile, WorkflowDays
from rulebook.registry_parameters import read_class_size, read_registry
from rulebook.registry_records import RegistryParameters
from rulebook.risk import read_risk
from rulebook.source import Sources, Table
from rulebook.statistics import read_statistics

_MEGABYTE = 1 << 20
_STOPPABLE = frozenset({"match", "statistics", "anonymous", "pseudonymous", "masked"})
"""Levels that may stop without a witness; single checks, also about one's own identity, go on."""


def read_parameters(
    sources: Sources,
    grades: CodeList,
    fields: Mapping[str, Field],
    divisions: Mapping[str, Division],
    profiles: Mapping[str, ReleaseProfile],
) -> tuple[Parameters, RegistryParameters]:
    """Return the parameters, and those that only the registry's rules read.

    Raises ``RulebookError``, also for a number outside the limits the rules set.
    """
    root = sources.toml("parameters.toml")
    accounts, imports, releases, audit = (root.table(name) for name in ("accounts", "imports", "releases", "audit"))
    registry = root.table("registry")
    recipients = root.table("recipients")
    applications = root.table("applications")
    parameters = Parameters(
        password_days=accounts.integer("password_days", least=30, most=180),
        sealing_months=accounts.integer("sealing_months", least=1, most=6),  # A50-4: only shorter than half a year
        session_minutes=accounts.integer("session_minutes", least=10, most=720),
        idle_minutes=accounts.integer("idle_minutes", least=5, most=120),
        lockout_attempts=accounts.integer("lockout_attempts", least=3, most=20),
        lockout_seconds=accounts.integer("lockout_seconds", least=30, most=86_400),
        class_size=read_class_size(registry.table("class_size")),
        school_years=_read_school_years(registry.table("school_years"), grades),
        shrink_share=imports.share("shrink_share"),
        max_upload_bytes=imports.integer("max_upload_megabytes", least=1, most=2_048) * _MEGABYTE,
        max_unpacked_bytes=imports.integer("max_unpacked_megabytes", least=1, most=16_384) * _MEGABYTE,
        max_rows=imports.integer("max_rows", least=1_000, most=5_000_000),
        lease_seconds=releases.integer("lease_seconds", least=10, most=3_600),
        token_seconds=releases.integer("token_seconds", least=60, most=3_600),
        checkpoint_witness_minutes=audit.integer("checkpoint_witness_minutes", least=1, most=1_440),
        stalled_seconds=audit.integer("stalled_seconds", least=10, most=3_600),
        canary_hours=audit.integer("canary_hours", least=0, most=720),
        canary_crowd=audit.integer("canary_crowd", least=10, most=1_000),
        witness_stop_minutes=audit.integer("witness_stop_minutes", least=15, most=10_080),
        witness_stop_levels=audit.references("witness_stop_levels", _STOPPABLE, "level"),
        damage_stops=audit.boolean("damage_stops"),
        verify_hours=audit.integer("verify_hours", least=1, most=744),
        verify_share=audit.integer("verify_share", least=1, most=100),
        assessment_by_hand=applications.boolean("assessment_by_hand"),
        scan_required=applications.boolean("scan_required"),
        dry_run_required=applications.boolean("dry_run_required"),
        dry_run_sample_days=applications.integer("dry_run_sample_days", least=1, most=30),
        number_authority=cast(Literal["national", "local"], registry.choice("number_authority", ("national", "local"))),
        guess_limit=releases.integer("guess_limit", least=1, most=100),
        pseudonym_algorithm=cast(
            Literal["hmac-sha256", "hmac-sm3"], releases.choice("pseudonym_algorithm", ("hmac-sha256", "hmac-sm3"))
        ),
        match_list_minutes=releases.integer("match_list_minutes", least=5, most=1_440),
        delegation_days=accounts.integer("delegation_days", least=1, most=180),
        activation_days=accounts.integer("activation_days", least=1, most=30),
        question_days=accounts.integer("question_days", least=1, most=30),
        attestation_months=recipients.integer("attestation_months", least=1, most=12),  # yearly at the least
        dormant_months=recipients.integer("dormant_months", least=1, most=6),  # as with unused accounts, A50-3
        attestation_warning_days=recipients.integer("warning_days", least=1, most=90),
        recipient_registration_required=recipients.boolean("registration_required"),
        workflow=_read_workflow(root.table("workflow")),
        risk=read_risk(root.table("risk"), profiles),
        statistics=read_statistics(root.table("statistics")),
        ledger=read_ledger(root.table("ledger")),
    )
    rules = read_registry(registry, fields, divisions, parameters.class_size)
    for table in (accounts, imports, releases, audit, registry, recipients, applications, root):
        table.finish()
    return parameters, rules


def _read_workflow(table: Table) -> WorkflowDays:
    steps = ("record", "confirm", "decide", "answer")
    days = {step: table.integer(f"{step}_days", least=1, most=60) for step in steps}
    table.finish()
    return WorkflowDays(**days)


def _read_school_years(table: Table, grades: CodeList) -> MappingProxyType[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for grade in grades.labels:
        band = table.table(grade)
        least = band.integer("least", least=5, most=25)
        found[grade] = (least, band.integer("most", least=least, most=25))
        band.finish()
    table.finish()
    return MappingProxyType(found)
