"""Replay of the log against alert rules, wired: rules from a file, entries from a database or an inspection package."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import rulebook
from core_registry.setting import work_calendar
from gateway.audit.alerts_plan import GroupKey
from gateway.audit.alerts_records import SuppressionId
from gateway.audit.alerts_replay import Covering, Replay, replay
from gateway.audit.bundle import Bundle
from gateway.audit.errors import MalformedError
from gateway.audit.store import DatabaseLogSource, SqlSuppressions
from gateway.audit.tiled import FolderFiles, TiledSource
from gateway.audit.verify import LogSource
from gateway.db import DatabaseReader, make_read_only_engine
from gateway.errors import ConfigurationError
from gateway.instants import instant_of
from rulebook import RulebookError
from rulebook.alerts import read_alerts_file

_AT_ONCE = 4096
_EVER = instant_of("1970-01-01T00:00:00Z")


def replay_alerts(
    config: Path,
    rules: Path,
    *,
    database: str | None = None,
    bundle: Path | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Callable[[int], object] = lambda _count: None,
) -> Replay:
    """Return what the rules of the file ``rules`` would have raised, and those in force under ``config``.

    The entries come from ``bundle``, a full inspection package or a folder of a log, else from ``database``, with the
    suppressions that hold there. Raises ``ConfigurationError`` for a broken rule, which names file and line, and
    ``MalformedError`` for a package that is none or holds chosen entries only.
    """
    try:
        book = rulebook.load(config)
        tried = read_alerts_file(rules.name, rules.read_bytes())
    except RulebookError as error:
        raise ConfigurationError(str(error), detail_zh="预警规则有误：") from error
    worked = work_calendar(book).worked

    def run(source: LogSource, covering: Covering) -> Replay:
        return replay(
            _entries(source),
            tried=tried,
            in_force=book.alerts,
            worked=worked,
            since=since,
            until=until,
            covering=covering,
            progress=progress,
        )

    if bundle is not None and bundle.is_dir():
        return run(TiledSource(FolderFiles(bundle)), {})
    if bundle is not None:
        with Bundle.open(bundle) as opened:
            if opened.manifest.get("kind") != "full":
                raise MalformedError(
                    "A replay needs the whole log, not chosen entries: take a full package.",
                    detail_zh="回放需要完整的审计检查包，不能只有所选条目。",
                )
            return run(TiledSource(opened), {})
    engine = make_read_only_engine(str(database))
    try:
        held = DatabaseReader(engine).read(lambda tx: SqlSuppressions().covering(tx, _EVER))
        covering: dict[GroupKey, list[tuple[SuppressionId, datetime, datetime]]] = {}
        for one in held:
            if one.since is not None:
                covering.setdefault((one.rule, one.key), []).append((one.id, one.since, one.ended_at or one.until))
        with DatabaseLogSource(engine) as source:
            return run(source, covering)
    finally:
        engine.dispose()


def _entries(source: LogSource) -> Iterator[tuple[int, bytes]]:
    start = 0
    while rows := source.rows(start, _AT_ONCE):
        for index, _, body in rows:
            yield index, body
        start = rows[-1][0] + 1
