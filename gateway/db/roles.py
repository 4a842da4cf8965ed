"""PostgreSQL: what each face's database role may do with the tables of the gateway (design 2).

The owner of the tables runs ``grant_face_role`` once for each role, after each migration. Nobody but the worker
writes the log; nobody at all changes or removes what stands in it; the outside face sees no entry's text.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Engine

from gateway.db.metadata import metadata
from gateway.errors import ConfigurationError
from gateway.keyring import Face

READ = "SELECT"
ADD = "SELECT, INSERT"
KEEP = "SELECT, INSERT, UPDATE"
CHANGE = "SELECT, UPDATE"
ALL = "SELECT, INSERT, UPDATE, DELETE"
LEAF_HASHES = "SELECT (seq, leaf_hash)"
"""Enough for a receipt; the entry's text stays with the office."""

_ACCOUNTS: Mapping[str, str] = {
    "accounts": KEEP,
    "account_acts": ADD,
    "account_assertions": ALL,
    "account_attempts": ALL,
    "account_clients": READ,
    "account_denied_tokens": ALL,
    "account_passwords": ALL,
    "account_proofs": ALL,
    "account_rules": READ,
    "account_sessions": ALL,
    "delegations": READ,
    "recipients": READ,
}
_PUBLIC_LOG: Mapping[str, str] = {
    "log_checkpoints": READ,
    "log_cosignatures": READ,
    "log_head": READ,
    "log_keys": READ,
    "log_tiles": READ,
    "log_witness": READ,
}
_ASKING: Mapping[str, str] = {"audit_requests": ADD, "broker_questions": ALL}
_BUSINESS: Mapping[str, str] = {
    "match_lists": KEEP,
    "statistics_answers": KEEP,
    "statistics_budgets": KEEP,
    "release_checks": KEEP,
    "applications": KEEP,
    "application_events": ADD,
    "application_comments": ADD,
    "assessments": ADD,
    "deliveries": KEEP,
    "extracts": KEEP,
    "grants": KEEP,
    "grounds": ADD,
    "guardian_notices": ADD,
    "legal_texts": KEEP,
}
_IDENTITY: Mapping[str, str] = {
    "identity_accesses": KEEP,
    "identity_credentials": KEEP,
    "identity_issuer_keys": KEEP,
    "identity_offers": KEEP,
    "identity_status_shards": KEEP,
    "identity_used_once": ALL,
}

_FAMILIES: Mapping[str, str] = {
    "family_activations": KEEP,
    "family_bonds": KEEP,
    "family_cards": KEEP,
    "family_challenges": ALL,
    "family_passkeys": ALL,
}

_INSPECTIONS: Mapping[str, str] = {
    "inspection_cases": KEEP,
    "inspection_evidence": ADD,
    "inspection_events": ADD,
    "inspection_held_entries": ADD,
    "inspection_holds": KEEP,
}
_DATA_KEYS: Mapping[str, str] = {"data_keys": ADD, "data_key_wrapping": KEEP}
"""The office makes keys and reads by them; only the worker destroys one (``gateway.retention``)."""

_HOLDS: Mapping[str, str] = {"retention_holds": KEEP, "retention_hold_acts": ADD, "retention_sweeps": READ}
_RETENTION: Mapping[str, str] = {
    "data_keys": KEEP,
    "inspection_evidence": "SELECT, INSERT, UPDATE (note, note_sealed)",
    "inspection_events": "SELECT, INSERT, UPDATE (text, text_sealed)",
    "retention_sweeps": ADD,
}
"""What the worker may do at the end of a retention, and to texts from before they were sealed."""

PRIVILEGES: Mapping[Face, Mapping[str, str]] = {
    Face.OFFICE: {
        **_ACCOUNTS,
        **_BUSINESS,
        **_IDENTITY,
        **_PUBLIC_LOG,
        **_ASKING,
        "account_clients": KEEP,
        "account_rules": KEEP,
        "release_guesses": ALL,
        "dry_runs": KEEP,
        "approval_scans": ADD,
        "disclosures": ADD,
        **_FAMILIES,
        **_INSPECTIONS,
        **_DATA_KEYS,
        **_HOLDS,
        "access_questions": KEEP,
        "audit_cursors": READ,
        "canaries": KEEP,
        "log_cosignatures": ADD,
        "log_entries": READ,
        "log_index": READ,
        "log_tag_lists": READ,
        "log_tags": READ,
        "alert_entries": READ,
        "alert_events": ADD,
        "alert_suppressions": KEEP,
        "alerts": CHANGE,
        "delegations": KEEP,
        "recipient_acts": ADD,
        "recipients": KEEP,
    },
    Face.FAMILY: {
        **_ACCOUNTS,
        **_FAMILIES,
        **_PUBLIC_LOG,
        **_ASKING,
        "grants": READ,
        "identity_credentials": READ,
        "identity_issuer_keys": READ,
        "identity_consents": "SELECT, DELETE",
        "identity_offers": ADD,
        "identity_pairwise": "SELECT, DELETE",
        "identity_sign_ins": CHANGE,
        "identity_status_shards": READ,
        "identity_used_once": ADD,
        "log_entries": LEAF_HASHES,
    },
    Face.OUTSIDE: {
        **_ACCOUNTS,
        **_FAMILIES,
        **_BUSINESS,
        **_PUBLIC_LOG,
        **_ASKING,
        "grounds": READ,
        "legal_texts": READ,
        "identity_credentials": READ,
        "identity_issuer_keys": READ,
        "identity_consents": ALL,
        "identity_pairwise": "SELECT, INSERT, DELETE",
        "identity_presentations": KEEP,
        "identity_sign_ins": KEEP,
        "identity_status_shards": READ,
        "identity_used_once": ALL,
        "log_entries": LEAF_HASHES,
        "recipients": KEEP,
    },
    Face.WORKER: {
        **_ACCOUNTS,
        **_BUSINESS,
        **_IDENTITY,
        **_INSPECTIONS,
        **_DATA_KEYS,
        **_HOLDS,
        **_RETENTION,
        "access_questions": ALL,
        "approval_scans": "SELECT, INSERT, DELETE",
        "audit_cursors": KEEP,
        "canaries": KEEP,
        "disclosures": ADD,
        "dry_runs": KEEP,
        "family_activations": ALL,
        "family_bonds": KEEP,
        "family_cards": ALL,
        "family_challenges": ALL,
        "family_passkeys": ALL,
        "pseudonym_keys": KEEP,
        "release_ledger": "SELECT, INSERT, DELETE",
        "release_ledger_groups": KEEP,
        "release_checks": ALL,
        "release_guesses": ALL,
        "audit_requests": ALL,
        "broker_questions": ALL,
        "identity_accesses": ALL,
        "identity_credentials": ALL,
        "identity_offers": ALL,
        "identity_consents": ALL,
        "identity_pairwise": ALL,
        "identity_presentations": ALL,
        "identity_sign_ins": ALL,
        "log_checkpoints": ADD,
        "log_cosignatures": ADD,
        "log_entries": ADD,
        "log_head": KEEP,
        "log_index": ALL,
        "log_keys": KEEP,
        "log_tag_lists": ADD,
        "log_tags": ALL,
        "log_tiles": KEEP,
        "log_watch": KEEP,
        "log_witness": KEEP,
        "alert_entries": ADD,
        "alert_events": ADD,
        "alert_amounts": ALL,
        "alert_marks": ALL,
        "alert_suppressions": KEEP,
        "alerts": KEEP,
        "delegations": KEEP,
        "recipient_acts": ADD,
        "recipients": KEEP,
    },
}
"""Face -> table -> privileges. A table that is not named is closed to the face."""


def grant_face_role(engine: Engine, role: str, face: Face) -> None:
    """Give the existing ``role`` exactly what ``face`` needs, and take all else from it and from everybody.

    Raises ``ConfigurationError`` on a database without roles (SQLite) and for a face without a role of its own.
    """
    if engine.dialect.name != "postgresql" or face not in PRIVILEGES:
        raise ConfigurationError(
            "Only PostgreSQL has roles, and only single faces need one.",
            detail_zh="只有 PostgreSQL 支持角色，且仅单独的端需要。",
        )
    quote = engine.dialect.identifier_preparer.quote_identifier
    every = ", ".join(quote(table.name) for table in metadata.sorted_tables)
    with engine.begin() as connection:
        schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
        connection.exec_driver_sql(f"REVOKE ALL ON {every} FROM PUBLIC, {quote(role)}")
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {quote(role)}")
        connection.exec_driver_sql(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {quote(role)}")
        connection.exec_driver_sql(f"GRANT SELECT ON alembic_version TO {quote(role)}")
        for table, privileges in PRIVILEGES[face].items():
            connection.exec_driver_sql(f"GRANT {privileges} ON {quote(table)} TO {quote(role)}")
