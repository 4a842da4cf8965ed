"""The log's rows: entries, tiles, checkpoints, cosignatures, the queue of requests and the search index.

Entries, tiles, checkpoints, cosignatures and tag lists are append-only, kept so by triggers; ``log_index``
and ``log_tags`` are a cache that is rebuilt from the entries.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self, cast

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gateway.audit.errors import LogDamagedError
from gateway.audit.merkle import EMPTY_ROOT
from gateway.audit.records import (
    LINKS,
    Batch,
    Cosignature,
    Head,
    QueuedRequest,
    RequestOutcome,
    SearchQuery,
    StoredEntry,
    TagList,
    rfc3339,
)
from gateway.audit.sequencer import CommitUnknownError, TransactionLostError
from gateway.audit.tags import TAG_BYTES
from gateway.db import Guard, connection_of, metadata, protect
from gateway.errors import UnavailableError
from gateway.journal import Receipt, Tx

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
    Column("kind", String(64), nullable=False, index=True),
    Column("at", String(32), nullable=False, index=True),
    Column("outcome", String(32), nullable=False),
    Column("actor", String(64), index=True),
    Column("unit", String(16), index=True),
    *(Column(f"link_{key}", Text, index=True) for key in LINKS),
)
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
protect(log_checkpoints, Guard())
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

_INDEX_COLUMNS = [column.name for column in log_index.columns if column.name != "seq"]
_GONE = (OperationalError, InterfaceError, InternalError, PendingRollbackError, PoolTimeoutError)
_LOCK_TIMEOUT = "10s"
_CHUNK = 1000
_WINDOW = 50_000
"""Entries compared at a time: tags have no index by entry, so each window reads them all."""


def _unavailable(error: Exception, detail: str = "The gateway database does not answer.") -> UnavailableError:
    unavailable = UnavailableError(detail, detail_zh="网关数据库没有响应，未做任何更改。")
    unavailable.__cause__ = error
    return unavailable


def _bytes(value: bytes | memoryview | str) -> bytes:
    """Return a column's bytes; SQLite keeps text in it if somebody wrote text: damage to be told, not to fail on."""
    return value.encode() if isinstance(value, str) else bytes(value)


def _open(connection: Connection) -> bool:
    """Say whether the transaction still stands: SQLite drops a whole one on a full disk or an I/O error."""
    if connection.dialect.name != "sqlite":
        return True
    return bool(getattr(connection.connection.dbapi_connection, "in_transaction", False))


class SqlLogStore:
    """The log in the gateway database: for the sequencer (``LogStore``), the service and the verifier."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # transactions

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """Open a write transaction; commit it, or roll it back on an error.

        Raises ``UnavailableError`` when the database is gone, ``CommitUnknownError`` when it went during commit.
        """
        try:
            connection = self._engine.connect()
        except (*_GONE, DBAPIError) as error:
            raise _unavailable(error) from error
        with connection:
            try:
                transaction = connection.begin()
                if connection.dialect.name == "postgresql":
                    connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
            except DBAPIError as error:
                raise _unavailable(error) from error
            try:
                yield cast("Tx", connection)
            except BaseException as error:
                try:
                    transaction.rollback()
                except DBAPIError:
                    connection.invalidate()  # the database rolls back what it cannot hear from any more
                if isinstance(error, _GONE):
                    raise _unavailable(error) from error
                raise
            if not _open(connection):
                raise TransactionLostError("The transaction was lost; nothing was written.")
            try:
                transaction.commit()
            except DBAPIError as error:
                connection.invalidate()
                raise CommitUnknownError("The database went away while it committed.") from error

    @contextmanager
    def savepoint(self, tx: Tx) -> Iterator[None]:
        """Run one write: an error undoes it alone. Raises ``TransactionLostError`` when the whole is gone."""
        connection = connection_of(tx)
        try:
            nested = connection.begin_nested()
        except DBAPIError as error:
            raise TransactionLostError("The transaction was lost; nothing was written.") from error
        try:
            yield
        except Exception as error:
            if not _open(connection):
                raise TransactionLostError("The transaction was lost; nothing was written.") from error
            try:
                nested.rollback()
            except DBAPIError as lost:
                raise TransactionLostError("The transaction was lost; nothing was written.") from lost
            if isinstance(error, _GONE):
                raise _unavailable(error) from error
            raise
        try:
            nested.commit()
        except DBAPIError as error:
            raise TransactionLostError("The transaction was lost; nothing was written.") from error

    # the head and the tree

    def lock_head(self, tx: Tx) -> Head:
        """Lock the head row for this transaction and return it; the first time it is made."""
        connection = connection_of(tx)
        query = select(log_head.c.size, log_head.c.root, log_head.c.at).where(log_head.c.id == 1)
        if connection.dialect.name == "postgresql":
            query = query.with_for_update()
        row = connection.execute(query).one_or_none()
        if row is None:
            first = {"id": 1, "size": 0, "root": EMPTY_ROOT, "at": ""}
            if connection.dialect.name == "postgresql":
                connection.execute(postgresql.insert(log_head).values(first).on_conflict_do_nothing())
            else:
                connection.execute(insert(log_head).values(first))
            row = connection.execute(query).one()
        return Head(row.size, bytes(row.root), row.at)

    def head(self, tx: Tx) -> Head:
        """Return the head without a lock; an empty log has size 0."""
        row = connection_of(tx).execute(select(log_head).where(log_head.c.id == 1)).one_or_none()
        return Head(0, EMPTY_ROOT) if row is None else Head(row.size, bytes(row.root), row.at)

    def append(self, tx: Tx, expected: Head, batch: Batch) -> None:
        """Write a batch behind ``expected``; raises ``LogDamagedError`` when another writer was there (fencing)."""
        connection = connection_of(tx)
        fenced = connection.execute(
            update(log_head)
            .where(log_head.c.id == 1, log_head.c.size == expected.size, log_head.c.root == expected.root)
            .values(size=batch.head.size, root=batch.head.root, at=batch.head.at)
        )
        if fenced.rowcount != 1:
            raise LogDamagedError("Another writer has moved the head of the log.")
        numbered = list(enumerate(batch.entries, start=batch.start))
        connection.execute(
            insert(log_entries),
            [{"seq": seq, "leaf_hash": leaf, "body": entry.body} for seq, (leaf, entry) in numbered],
        )
        self._index(connection, [(seq, entry.index, entry.tags) for seq, (_, entry) in numbered])
        lists = [
            {"seq": seq, "epoch": entry.tags.epoch, "tags": b"".join(entry.tags.tags)}
            for seq, (_, entry) in numbered
            if entry.tags is not None and not entry.tags.listed
        ]
        if lists:
            connection.execute(insert(log_tag_lists), lists)
        for (level, tile), hashes in sorted(batch.tiles.items()):
            self._put_tile(connection, level, tile, hashes)
        connection.execute(
            insert(log_checkpoints).values(size=batch.head.size, root=batch.head.root, note=batch.checkpoint)
        )

    def _put_tile(self, connection: Connection, level: int, tile: int, hashes: bytes) -> None:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(log_tiles).values(level=level, tile=tile, hashes=hashes)
        grown = {"hashes": statement.excluded.hashes}
        connection.execute(statement.on_conflict_do_update(index_elements=["level", "tile"], set_=grown))

    def tile(self, tx: Tx, level: int, tile: int) -> bytes:
        """Return the hashes of a tile, as many as there are; empty when there is none."""
        query = select(log_tiles.c.hashes).where(log_tiles.c.level == level, log_tiles.c.tile == tile)
        return bytes(connection_of(tx).execute(query).scalar_one_or_none() or b"")

    def checkpoint(self, tx: Tx, size: int | None = None) -> str | None:
        """Return the signed checkpoint of ``size``, or the latest."""
        query = select(log_checkpoints.c.note).order_by(log_checkpoints.c.size.desc()).limit(1)
        if size is not None:
            query = query.where(log_checkpoints.c.size == size)
        found = connection_of(tx).execute(query).scalar_one_or_none()
        return None if found is None else str(found)

    def checkpoints(self, tx: Tx) -> Iterator[tuple[int, bytes, str]]:
        """Yield size, root and note of every checkpoint, ascending."""
        connection, after = connection_of(tx), -1
        query = select(log_checkpoints).order_by(log_checkpoints.c.size).limit(_CHUNK)
        while rows := connection.execute(query.where(log_checkpoints.c.size > after)).all():
            for row in rows:
                yield row.size, bytes(row.root), row.note
            after = rows[-1].size

    def entries(self, tx: Tx, start: int, end: int) -> Iterator[StoredEntry]:
        """Yield the rows with ``start <= index < end``, ascending; a missing one is simply not there."""
        query = (
            select(log_entries).where(log_entries.c.seq >= start, log_entries.c.seq < end).order_by(log_entries.c.seq)
        )
        for row in connection_of(tx).execute(query).all():
            yield StoredEntry(row.seq, _bytes(row.leaf_hash), _bytes(row.body))

    def last_index(self, tx: Tx) -> int:
        """Return the highest index that has a row, -1 when there is none."""
        return int(connection_of(tx).execute(select(func.coalesce(func.max(log_entries.c.seq), -1))).scalar_one())

    # cosignatures

    def add_cosignature(self, tx: Tx, cosignature: Cosignature) -> None:
        """Keep a witness's signature; the same one twice changes nothing."""
        connection = connection_of(tx)
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        values = {
            "size": cosignature.size,
            "name": cosignature.name,
            "timestamp": cosignature.timestamp,
            "line": cosignature.line,
        }
        connection.execute(dialect.insert(log_cosignatures).values(values).on_conflict_do_nothing())

    def cosignatures(self, tx: Tx, size: int) -> list[Cosignature]:
        """Return the cosignatures on the checkpoint of ``size``, newest last."""
        query = select(log_cosignatures).where(log_cosignatures.c.size == size).order_by(log_cosignatures.c.timestamp)
        rows = connection_of(tx).execute(query)
        return [Cosignature(row.size, row.name, row.timestamp, row.line) for row in rows]

    def cosigned_sizes(self, tx: Tx, *, at_least: int = 0) -> list[int]:
        """Return the sizes with a cosignature, descending, at most 1,000."""
        query = (
            select(log_cosignatures.c.size)
            .where(log_cosignatures.c.size >= at_least)
            .distinct()
            .order_by(log_cosignatures.c.size.desc())
            .limit(1000)
        )
        return [int(size) for size in connection_of(tx).execute(query).scalars()]

    # search

    def search(self, tx: Tx, query: SearchQuery, tags: Mapping[str, bytes] | None) -> list[int]:
        """Return the indexes that match, newest first, at most ``query.limit``.

        ``tags``: epoch -> tag of the subject that is looked for; ``None`` when no subject is.
        """
        connection = connection_of(tx)
        conditions = self._conditions(query)
        if tags is not None:
            hits = self._tagged(connection, tags)
            conditions.append(log_index.c.seq.in_(hits))
        found = (
            select(log_index.c.seq).where(and_(*conditions)).order_by(log_index.c.seq.desc()).limit(query.limit)
            if conditions
            else select(log_index.c.seq).order_by(log_index.c.seq.desc()).limit(query.limit)
        )
        return [int(seq) for seq in connection.execute(found).scalars()]

    def _conditions(self, query: SearchQuery) -> list[ColumnElement[bool]]:
        columns = log_index.c
        conditions: list[ColumnElement[bool]] = []
        if query.kind is not None:
            if query.kind.endswith("."):
                conditions.append(columns.kind.startswith(query.kind, autoescape=True))
            else:
                conditions.append(columns.kind == query.kind)
        for name in ("outcome", "actor", "unit"):
            value = getattr(query, name)
            if value is not None:
                conditions.append(columns[name] == value)
        conditions += [columns[f"link_{key}"] == value for key, value in query.links.items()]
        if query.since is not None:
            conditions.append(columns.at >= rfc3339(query.since))
        if query.until is not None:
            conditions.append(columns.at < rfc3339(query.until))
        if query.before is not None:
            conditions.append(columns.seq < query.before)
        return conditions

    def _tagged(self, connection: Connection, tags: Mapping[str, bytes]) -> list[int]:
        """Return the indexes whose leaf or tag list holds one of ``tags``."""
        if not tags:
            return []
        pairs = or_(*(and_(log_tags.c.epoch == epoch, log_tags.c.tag == tag) for epoch, tag in tags.items()))
        hits = [int(seq) for seq in connection.execute(select(log_tags.c.seq).where(pairs)).scalars()]
        lists = select(log_tag_lists.c.seq).where(log_tag_lists.c.epoch.in_(list(tags)))
        for seq in connection.execute(lists).scalars().all():  # one list at a time: each may hold a million tags
            row = connection.execute(select(log_tag_lists).where(log_tag_lists.c.seq == seq)).one()
            packed, wanted = _Packed(bytes(row.tags)), tags[row.epoch]
            at = bisect_left(packed, wanted)
            if at < len(packed) and packed[at] == wanted:
                hits.append(int(seq))
        return hits

    def tag_list(self, tx: Tx, seq: int) -> TagList | None:
        """Return the tag list that lies beside entry ``seq``; ``None`` when there is none."""
        row = connection_of(tx).execute(select(log_tag_lists).where(log_tag_lists.c.seq == seq)).one_or_none()
        return None if row is None else TagList(row.epoch, tuple(_Packed(bytes(row.tags))), listed=False)

    def _index(
        self, connection: Connection, rows: Iterable[tuple[int, Mapping[str, str | None], TagList | None]]
    ) -> None:
        rows = list(rows)
        connection.execute(insert(log_index), [{"seq": seq, **columns} for seq, columns, _ in rows])
        tags = [
            {"epoch": tags.epoch, "tag": tag, "seq": seq}
            for seq, _, tags in rows
            if tags is not None and tags.listed
            for tag in tags.tags
        ]
        if tags:
            connection.execute(insert(log_tags), tags)

    def index_rows(self, tx: Tx) -> Iterator[tuple[int, dict[str, str | None], list[tuple[str, bytes]]]]:
        """Yield the search index as it stands: index, columns, and listed tags sorted; ascending."""
        connection = connection_of(tx)
        last = max(
            int(connection.execute(select(func.coalesce(func.max(table.c.seq), -1))).scalar_one())
            for table in (log_index, log_tags)
        )
        for start in range(0, last + 1, _WINDOW):
            found: dict[int, tuple[dict[str, str | None], list[tuple[str, bytes]]]] = {}
            window = log_index.c.seq.between(start, start + _WINDOW - 1)
            for row in connection.execute(select(log_index).where(window)).all():
                found[row.seq] = ({name: row._mapping[name] for name in _INDEX_COLUMNS}, [])
            for row in connection.execute(
                select(log_tags).where(log_tags.c.seq.between(start, start + _WINDOW - 1))
            ).all():
                found.setdefault(row.seq, ({}, []))[1].append((row.epoch, bytes(row.tag)))
            for seq, (columns, tags) in sorted(found.items()):
                yield seq, columns, sorted(tags)

    def clear_index(self, tx: Tx) -> None:
        """Empty the search index, to build it again."""
        connection_of(tx).execute(delete(log_index))
        connection_of(tx).execute(delete(log_tags))

    def add_index(self, tx: Tx, rows: Iterable[tuple[int, Mapping[str, str | None], TagList | None]]) -> None:
        """Add rows to the search index."""
        self._index(connection_of(tx), rows)

    # requests of faces without the log key

    def add_request(self, tx: Tx, draft: str) -> int:
        """Queue a request in the transaction of the fact; return its number."""
        result = connection_of(tx).execute(insert(audit_requests).values(draft=draft))
        return int(result.inserted_primary_key[0])  # type: ignore[index]  # an insert of one row has its key

    def pending_requests(self, tx: Tx, limit: int) -> list[QueuedRequest]:
        """Return requests without an entry, oldest first."""
        query = (
            select(audit_requests.c.id, audit_requests.c.draft)
            .where(audit_requests.c.entry_seq.is_(None))
            .order_by(audit_requests.c.id)
            .limit(limit)
        )
        return [QueuedRequest(row.id, row.draft) for row in connection_of(tx).execute(query)]

    def finish_requests(self, tx: Tx, done: Sequence[tuple[int, RequestOutcome]]) -> None:
        """Write what became of requests, and clear their drafts."""
        for number, outcome in done:
            connection_of(tx).execute(
                update(audit_requests)
                .where(audit_requests.c.id == number, audit_requests.c.entry_seq.is_(None))
                .values(draft="", entry_seq=outcome.index, tree_size=outcome.tree_size, error=outcome.error)
            )

    def request_outcome(self, tx: Tx, number: int) -> RequestOutcome | None:
        """Return what became of a request; ``None`` while it waits."""
        row = connection_of(tx).execute(select(audit_requests).where(audit_requests.c.id == number)).one_or_none()
        if row is None or row.entry_seq is None:
            return None
        return RequestOutcome(row.entry_seq, row.tree_size, row.error)

    def receipt(self, tx: Tx, index: int, tree_size: int) -> Receipt | None:
        """Return the receipt of entry ``index`` under the checkpoint of ``tree_size``; ``None`` without either."""
        connection = connection_of(tx)
        leaf = connection.execute(select(log_entries.c.leaf_hash).where(log_entries.c.seq == index)).scalar()
        root = connection.execute(select(log_checkpoints.c.root).where(log_checkpoints.c.size == tree_size)).scalar()
        return None if leaf is None or root is None else Receipt(index, bytes(leaf), tree_size, bytes(root))

    def waiting_requests(self, tx: Tx) -> int:
        """Return how many requests wait."""
        query = select(func.count()).where(audit_requests.c.entry_seq.is_(None))
        return int(connection_of(tx).execute(query).scalar_one())

    # cursors of outboxes

    def cursor(self, tx: Tx, name: str) -> int:
        """Return how far an outbox was applied; 0 before the first event."""
        query = select(audit_cursors.c.position).where(audit_cursors.c.name == name)
        return int(connection_of(tx).execute(query).scalar_one_or_none() or 0)

    def move_cursor(self, tx: Tx, name: str, expected: int, position: int) -> None:
        """Move a cursor; raises ``LogDamagedError`` when it was not at ``expected``."""
        connection = connection_of(tx)
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        first = dialect.insert(audit_cursors).values(name=name, position=0).on_conflict_do_nothing()
        connection.execute(first)
        moved = connection.execute(
            update(audit_cursors)
            .where(audit_cursors.c.name == name, audit_cursors.c.position == expected, literal(position) > expected)
            .values(position=position)
        )
        if moved.rowcount != 1:
            raise LogDamagedError("The outbox cursor was moved by somebody else.")


class DatabaseLogSource:
    """One consistent state of the log for the verifier (``LogSource``): a single read-only snapshot."""

    def __init__(self, engine: Engine) -> None:
        self._store = SqlLogStore(engine)
        options: dict[str, object] = {"xueji_read": True}
        if engine.dialect.name == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"
        try:
            self._connection = engine.connect().execution_options(**options)
        except DBAPIError as error:
            raise _unavailable(error) from error
        self._tx = cast("Tx", self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.rollback()
        self._connection.close()

    def head(self) -> Head | None:
        """Return the head row."""
        return self._store.head(self._tx)

    def last_index(self) -> int:
        """Return the highest index with an entry, -1 for none."""
        return self._store.last_index(self._tx)

    def entries(self, start: int, end: int) -> Sequence[StoredEntry]:
        """Return the entries of a range that are there, ascending."""
        return list(self._store.entries(self._tx, start, end))

    def tile(self, level: int, tile: int) -> bytes:
        """Return the hashes of a tile."""
        return self._store.tile(self._tx, level, tile)

    def checkpoints(self) -> Iterator[tuple[int, str]]:
        """Yield size and note of the checkpoints, ascending."""
        for size, _, note in self._store.checkpoints(self._tx):
            yield size, note

    def cosignatures(self) -> Iterator[tuple[int, str]]:
        """Yield size and line of every cosignature."""
        query = select(log_cosignatures.c.size, log_cosignatures.c.line).order_by(log_cosignatures.c.size)
        for row in self._connection.execute(query):
            yield row.size, row.line

    def tag_list(self, index: int) -> TagList | None:
        """Return the tag list beside an entry."""
        return self._store.tag_list(self._tx, index)


class _Packed(Sequence[bytes]):
    """Sorted tags in one run of bytes, read without splitting."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed) // TAG_BYTES

    def __getitem__(self, at: int) -> bytes:  # type: ignore[override]  # slices are not needed
        if not 0 <= at < len(self):
            raise IndexError(at)
        return self._packed[at * TAG_BYTES : (at + 1) * TAG_BYTES]
