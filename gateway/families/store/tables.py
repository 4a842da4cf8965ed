"""Tables of families. Of links, codes and cookies only digests; of pupils only the reference."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    column,
    table,
    text,
)

from gateway.db import metadata

accounts = table("accounts", column("id"), column("sealed_at"))
"""What this room reads of the table of accounts."""

bonds = Table(
    "family_bonds",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account", String(40), ForeignKey("accounts.id"), nullable=False),
    Column("subject_ref", String(64), nullable=False, index=True),
    Column("kind", String(10), nullable=False),
    Column("opened_at", String(20), nullable=False),
    Column("opened_by", String(40), nullable=False),
    Column("ended_at", String(20)),
    Column("ended_by", String(40)),  # null: it ended with age
    Column("registered_at", String(20)),
    Column("settled_at", String(20)),
    Column("review_on", String(10)),
)
_LIVE, _OWN = text("ended_at IS NULL"), text("ended_at IS NULL AND kind = 'self'")
Index(
    "uq_family_bonds_live",
    bonds.c.account,
    bonds.c.subject_ref,
    unique=True,
    sqlite_where=_LIVE,
    postgresql_where=_LIVE,
)
Index("uq_family_bonds_own", bonds.c.subject_ref, unique=True, sqlite_where=_OWN, postgresql_where=_OWN)

UNREGISTERED = text("registered_at IS NULL AND ended_at IS NULL AND kind = 'guardian'")
UNSETTLED = text("settled_at IS NULL AND ended_at IS NOT NULL")
REVIEWED = text("ended_at IS NULL AND kind = 'guardian'")
for _name, _column, _where in (
    ("ix_family_bonds_unregistered", bonds.c.opened_at, UNREGISTERED),
    ("ix_family_bonds_unsettled", bonds.c.ended_at, UNSETTLED),
    ("ix_family_bonds_review", bonds.c.review_on, REVIEWED),
):
    Index(_name, _column, sqlite_where=_where, postgresql_where=_where)

activations = Table(
    "family_activations",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("reference_hash", String(64), nullable=False, unique=True),
    Column("code_hash", String(64), nullable=False),
    Column("subject_ref", String(64), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("account", String(40)),
    Column("unit", String(10), index=True),
    Column("made_by", String(40), nullable=False),
    Column("made_at", String(20), nullable=False),
    Column("expires_at", String(20), nullable=False, index=True),
    Column("tries", Integer, nullable=False),
    Column("used_at", String(20)),
    Column("used_by", String(40)),
    Column("revoked_at", String(20)),
)
passkeys = Table(
    "family_passkeys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("credential_id", LargeBinary, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),  # 32 bits without a sign
    Column("account", String(40), ForeignKey("accounts.id"), nullable=False, index=True),
    Column("name", String(40), nullable=False),
    Column("created_at", String(20), nullable=False),
    Column("last_used_at", String(20)),
)
challenges = Table(
    "family_challenges",
    metadata,
    Column("id_hash", String(64), primary_key=True),
    Column("purpose", String(10), nullable=False),
    Column("challenge", LargeBinary, nullable=False),
    Column("account", String(40)),
    Column("expires_at", String(20), nullable=False, index=True),
)

cards = Table(
    "family_cards",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("reference_hash", String(64), nullable=False, unique=True),
    Column("bond", String(40), ForeignKey("family_bonds.id"), nullable=False, index=True),
    Column("account", String(40), nullable=False),
    Column("subject_ref", String(64), nullable=False),
    Column("made_at", String(20), nullable=False),
    Column("expires_at", String(20), nullable=False, index=True),
)
