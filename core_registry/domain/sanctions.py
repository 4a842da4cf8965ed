"""Which sanctions are in force on a day (A45-4): what stops a transfer (A20-6) and a graduation (A39-1)."""

from __future__ import annotations

from datetime import date

from core_registry.domain.facts import Archive, ArchiveEntry, EntryKind
from core_registry.domain.rules import enforces


@enforces("A45-4", how="code")
def sanctions_in_force(archive: Archive, on: date) -> tuple[ArchiveEntry, ...]:
    """Return the sanctions of an archive that are in force on ``on``, oldest first.

    A sanction is in force from its first to its last day, both included, and without a last day until it is ended.
    One that was revoked or expired by an entry of its own is in force up to and including that day. Source: A45-4.
    """
    ended: dict[str, date] = {}
    for end in archive.current(EntryKind.SANCTION_END):
        day = end.day("on") or end.on
        of = end.text("of")
        ended[of] = min(day, ended.get(of, day))
    return tuple(sanction for sanction in archive.current(EntryKind.SANCTION) if _holds(sanction, archive, ended, on))


def _holds(sanction: ArchiveEntry, archive: Archive, ended: dict[str, date], on: date) -> bool:
    first = sanction.day("from") or sanction.on
    last = sanction.day("until")
    ends = [ended[one] for one in _ids(sanction, archive) if one in ended]
    if last is not None:
        ends.append(last)
    return first <= on and all(on <= end for end in ends)


def _ids(sanction: ArchiveEntry, archive: Archive) -> list[str]:
    """Return the id of a sanction and of the entries it corrects: an end may name the one that was current then."""
    before = {entry.id: entry.supersedes for entry in archive.entries}
    found: list[str] = []
    one: str | None = sanction.id
    while one is not None and one not in found:
        found.append(one)
        one = before.get(one)
    return found
