"""Tables of accounts, on the metadata of the gateway."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from gateway.db import metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(16), nullable=False, index=True),
    Column("username", String(32), unique=True),
    Column("name", String(100), nullable=False),
    Column("roles", Text, nullable=False),
    Column("unit", String(10), index=True),
    Column("post", String(100), nullable=False),
    Column("recipient", String(18)),
    Column("password_hash", String(200)),
    Column("password_set_at", String(32)),
    Column("must_change", Boolean, nullable=False),
    Column("totp_sealed", LargeBinary),
    Column("totp_step", Integer),
    Column("created_at", String(32), nullable=False),
    Column("last_used_at", String(32)),
    Column("reopened_at", String(32)),
    Column("sealed_at", String(32)),
    Column("sealed_reason", Text, nullable=False),
    Column("filed_on", String(10)),
    Column("trained_on", String(10)),
    Column("rules_version", String(64)),
    Column("rules_acknowledged_at", String(32)),
)

account_passwords = Table(
    "account_passwords",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("account", String(40), ForeignKey("accounts.id"), nullable=False, index=True),
    Column("hash", String(200), nullable=False),
    Column("set_at", String(32), nullable=False),
)

account_attempts = Table(
    "account_attempts",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_at", String(32), nullable=False),
    Column("locked_until", String(32)),
)

account_acts = Table(
    "account_acts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("account", String(40), ForeignKey("accounts.id"), nullable=False, index=True),
    Column("act", String(16), nullable=False),
    Column("at", String(32), nullable=False),
    Column("by", String(40)),
    Column("reason", Text, nullable=False),
)

account_rules = Table(
    "account_rules",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("unit", String(10), nullable=False, index=True),
    Column("version", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("responsible", String(200), nullable=False),
    Column("published_at", String(32), nullable=False),
)

account_sessions = Table(
    "account_sessions",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("account", String(40), ForeignKey("accounts.id"), nullable=False, index=True),
    Column("created_at", String(32), nullable=False),
    Column("seen_at", String(32), nullable=False),
    Column("assurance", Integer, nullable=False),
    Column("acting", String(40)),
)

account_clients = Table(
    "account_clients",
    metadata,
    Column("account", String(40), ForeignKey("accounts.id"), primary_key=True),
    Column("jwks", Text, nullable=False),
    Column("grant_types", Text, nullable=False),
    Column("jwks_uri", String(500)),
    Column("dpop_required", Boolean, nullable=False),
    Column("encrypt_always", Boolean, nullable=False),
    Column("redirect_uris", Text, nullable=False, server_default="[]"),
    Column("post_logout_redirect_uris", Text, nullable=False, server_default="[]"),
    Column("sector_identifier", String(255)),
    Column("backchannel_logout_uri", String(500)),
)

account_assertions = Table(
    "account_assertions",
    metadata,
    Column("client", String(40), ForeignKey("accounts.id"), primary_key=True),
    Column("jti_sha256", String(64), primary_key=True),
    Column("expires_at", String(32), nullable=False),
)
Index("ix_account_assertions_expires_at", account_assertions.c.expires_at)

account_denied_tokens = Table(
    "account_denied_tokens",
    metadata,
    Column("jti", String(64), primary_key=True),
    Column("expires_at", String(32), nullable=False),
)

account_proofs = Table(
    "account_proofs",
    metadata,
    Column("jkt", String(43), primary_key=True),
    Column("jti_sha256", String(64), primary_key=True),
    Column("expires_at", String(32), nullable=False),
)
Index("ix_account_proofs_expires_at", account_proofs.c.expires_at)
