"""The log's tables and what guards them.

Entries, tiles, checkpoints, cosignatures and tag lists are append-only, kept so by triggers; ``log_index``
and ``log_tags`` are a cache that is rebuilt from the entries.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from gateway.audit.records import (
    LINKS,
)
from gateway.db import Guard, metadata, protect

_BIG = BigInteger().with_variant(Integer, "sqlite")

log_entries = Table(
    "log_entries",
    metadata,
    Column("seq", _BIG, primary_key=True, autoincrement=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
log_tiles = Table(
    "log_tiles",
    metadata,
    Column("level", Integer, nullable=False),
    Column("tile", _BIG, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    PrimaryKeyConstraint("level", "tile"),
)
log_checkpoints = Table(
    "log_checkpoints",
    metadata,
    Column("size", _BIG, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
)
log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", _BIG, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("at", String(32), nullable=False),
)
log_cosignatures = Table(
    "log_cosignatures",
    metadata,
    Column("size", _BIG, nullable=False),
    Column("name", String(255), nullable=False),
    Column("timestamp", _BIG, nullable=False),
    Column("line", Text, nullable=False),
    PrimaryKeyConstraint("size", "name", "timestamp"),
)
log_keys = Table(
    "log_keys",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("vkey", Text, nullable=False, unique=True),
    Column("mark", Text, nullable=False),
    Column("overlap_until", String(32), nullable=False),
    Column("entry", _BIG),
    Column("body", LargeBinary),
)
log_witness = Table(
    "log_witness",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("cosigned_size", _BIG, nullable=False),
    Column("waiting_since", String(32), nullable=False),
    Column("silent", Boolean, nullable=False),
    Column("contradicted", Boolean, nullable=False),
    Column("damaged_since", String(32), nullable=False, server_default=""),
)
log_tag_lists = Table(
    "log_tag_lists",
    metadata,
    Column("seq", _BIG, primary_key=True, autoincrement=False),
    Column("epoch", String(6), nullable=False, index=True),
    Column("tags", LargeBinary, nullable=False),
)
log_index = Table(
    "log_index",
    metadata,
    Column("seq", _BIG, primary_key=True, autoincrement=False),
    Column("kind", String(64), nullable=False),
    Column("at", String(32), nullable=False),
    Column("reached", String(32), nullable=False, server_default=""),
    Column("outcome", String(32), nullable=False),
    Column("actor", String(64)),
    Column("unit", String(16)),
    Column("policy", Text),
    Column("rule", Text),
    Column("problem", Text),
    *(Column(f"link_{key}", Text) for key in LINKS),
)
for _name in ("kind", "reached", "outcome"):
    Index(f"ix_log_index_{_name}", log_index.c[_name], log_index.c.seq)
for _name in ("actor", "unit", "policy", "rule", "problem", *(f"link_{key}" for key in LINKS)):
    _told = log_index.c[_name].is_not(None)  # most entries lack most of them: what is not there costs no index row
    Index(f"ix_log_index_{_name}", log_index.c[_name], log_index.c.seq, sqlite_where=_told, postgresql_where=_told)
_behind = log_index.c.at < log_index.c.reached
Index("ix_log_index_behind", log_index.c.seq, sqlite_where=_behind, postgresql_where=_behind)
log_tags = Table(
    "log_tags",
    metadata,
    Column("epoch", String(6), nullable=False),
    Column("tag", LargeBinary, nullable=False),
    Column("seq", _BIG, nullable=False),
    PrimaryKeyConstraint("epoch", "tag", "seq"),
)
audit_requests = Table(
    "audit_requests",
    metadata,
    Column("id", _BIG, primary_key=True, autoincrement=True),
    Column("draft", Text, nullable=False),
    Column("entry_seq", _BIG, index=True),
    Column("tree_size", _BIG),
    Column("error", String(64)),
    sqlite_autoincrement=True,
)
audit_cursors = Table(
    "audit_cursors",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("position", _BIG, nullable=False),
)

protect(log_entries, Guard(insert_if="NEW.seq = (SELECT COALESCE(MAX(seq), -1) + 1 FROM log_entries)"))
protect(
    log_checkpoints,  # a process that does not know of a newer key, whatever program it runs, writes nothing
    Guard(
        insert_if="NOT EXISTS (SELECT 1 FROM log_keys WHERE number = (SELECT MAX(number) FROM log_keys) "
        "AND replace(NEW.note, mark, '') = NEW.note)"
    ),
)
protect(
    log_keys,  # the entry that brought a key is known a moment later, in the same transaction
    Guard(
        update_if="OLD.entry IS NULL AND NEW.entry IS NOT NULL AND NEW.number = OLD.number AND OLD.number > 0 "
        "AND NEW.vkey = OLD.vkey AND NEW.mark = OLD.mark AND NEW.overlap_until = OLD.overlap_until",
        insert_if="NEW.number = (SELECT COALESCE(MAX(number), -1) + 1 FROM log_keys)",
    ),
)
protect(log_cosignatures, Guard())
protect(log_tag_lists, Guard())
protect(log_head, Guard(update_if="NEW.id = OLD.id AND NEW.size > OLD.size", insert_if="NEW.id = 1"))
protect(
    log_tiles,  # the tile at the right edge grows; what it holds already stays
    Guard(
        update_if="NEW.level = OLD.level AND NEW.tile = OLD.tile AND length(NEW.hashes) > length(OLD.hashes) "
        "AND substr(NEW.hashes, 1, length(OLD.hashes)) = OLD.hashes"
    ),
)
