"""How long what lies beside the log is kept: config/retention.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast, get_args

from rulebook.retention_records import End, KeptBy, RetentionClass
from rulebook.source import Sources, Table

FILE = "retention.toml"
_MOST: Final = 1200
"""A hundred years."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the program can do with a class, and what no authority may undercut."""

    kept_by: KeptBy
    ends: tuple[End, ...]
    floor: int = 0
    """Months below which ``least_months`` may not go."""


_THREE_YEARS, _SIX_MONTHS = 36, 6
KNOWN: Final[Mapping[str, _Known]] = {
    "log_entries": _Known("room", ("keep",)),
    "access_tags": _Known("sweeper", ("destroy_key", "keep"), _THREE_YEARS),
    "case_texts": _Known("sweeper", ("destroy_key", "keep"), _THREE_YEARS),
    "family_questions": _Known("sweeper", ("delete_row", "keep"), _SIX_MONTHS),
    "approval_scans": _Known("sweeper", ("delete_row", "keep"), _THREE_YEARS),
    "audit_requests": _Known("sweeper", ("delete_row", "keep"), _SIX_MONTHS),
    "network_logs": _Known("room", ("delete_row", "keep"), _SIX_MONTHS),
    "applications": _Known("room", ("keep",)),
    "disclosures": _Known("room", ("keep",)),
    "pseudonym_keys": _Known("room", ("destroy_key",)),
    "extracts": _Known("room", ("destroy_key",)),
    "release_ledger": _Known("room", ("destroy_key",)),
    "sessions": _Known("room", ("delete_row",)),
    "accounts": _Known("room", ("keep",)),
}
"""Every class of data there is. One that is missing in the file would be kept for ever, and nobody would know."""


def read_retention(sources: Sources) -> dict[str, RetentionClass]:
    """Return every class by its code, in the order of the file.

    Raises ``RulebookError`` for an unknown class, a missing one, an end that the program cannot bring about, months
    that are out of order, or fewer than the law asks for.
    """
    root = sources.toml(FILE)
    table = root.table("classes")
    found = {code: _read(code, entry) for code, entry in table.entries()}
    for code in KNOWN:
        if code not in found:
            table.fail(None, f"class '{code}' is missing; restore it / 缺少类别 {code}，请恢复")
    root.finish()
    return found


def _read(code: str, entry: Table) -> RetentionClass:
    known = KNOWN.get(code)
    if known is None:
        entry.fail(None, f"no such class of data; the classes are {', '.join(KNOWN)} / 没有这一数据类别")
    end = cast(End, entry.choice("end", get_args(End)))
    if end not in known.ends:
        entry.fail("end", f"of this class must be {' or '.join(known.ends)} / 此类数据不能这样处理")
    kept_by = cast(KeptBy, entry.choice("kept_by", get_args(KeptBy)))
    if kept_by != known.kept_by:
        entry.fail("kept_by", f"of this class must be {known.kept_by} / 此类数据的执行者不符")
    least, keep, most = _months(entry, known, needed=end != "keep" and kept_by == "sweeper")
    made = RetentionClass(
        code=code,
        label=entry.text("label", max_length=40),
        label_en=entry.text("label_en", max_length=100),
        covers=entry.text("covers", max_length=200),
        covers_en=entry.text("covers_en", max_length=200),
        basis=entry.text("basis", max_length=200),
        end=end,
        kept_by=kept_by,
        least_months=least,
        keep_months=keep,
        most_months=most,
    )
    entry.finish()
    return made


def _months(entry: Table, known: _Known, *, needed: bool) -> tuple[int, int, int]:
    names = ("least_months", "keep_months", "most_months")
    if not needed and not any(entry.has(name) for name in names):
        return 0, 0, 0
    least, keep, most = (entry.integer(name, least=1, most=_MOST) for name in names)
    if least < known.floor:
        entry.fail("least_months", f"must be at least {known.floor}: the law asks for it / 不得少于法定月数")
    if not least <= keep:
        entry.fail("keep_months", "must not be below least_months / 不得少于最短保存月数")
    if not keep <= most:
        entry.fail("most_months", "must not be below keep_months / 不得少于保存月数")
    return least, keep, most
