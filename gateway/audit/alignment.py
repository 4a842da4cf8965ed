"""Tells what was done to a run of entries, given the leaf hashes that were signed for it. Pure.

Both runs begin and end at the same trusted places. Every entry that is signed somewhere in the run has a home there;
an entry without a home was never signed, a signed hash that no entry has is lost. Walking both runs side by side then
tells altered, missing, inserted and moved entries apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gateway.audit.findings import Damage, Finding


def explain(start: int, found: Sequence[bytes], signed: Sequence[bytes]) -> Iterator[Finding]:
    """Yield what is wrong with ``found``, the leaf hashes from index ``start`` on, against ``signed``.

    An index is the place in the log as it stands; of a missing entry, the place where it was signed.
    """
    homes = {leaf: start + at for at, leaf in enumerate(signed)}
    present = frozenset(found)
    at = want = 0
    while at < len(found) and want < len(signed):
        have, due = found[at], signed[want]
        if have == due:
            at, want = at + 1, want + 1
            continue
        here, home, lost = start + at, homes.get(have), due not in present
        if home is None and lost:
            yield Finding(Damage.ALTERED, here, f"Entry {here} is not what was signed.")
            at, want = at + 1, want + 1
        elif lost:
            yield _missing(start + want)
            want += 1
        elif home is None:
            yield _inserted(here)
            at += 1
        elif _next(found, at) == due and _next(signed, want) != have:
            yield _moved(here, home) if home > start + want else _inserted(here)
            at += 1
        elif _next(signed, want) == have and _next(found, at) != due:
            want += 1  # the entry stands elsewhere and is told of there
        else:
            yield _moved(here, home)
            at, want = at + 1, want + 1
    yield from _surplus(start + at, found[at:], homes)
    gone = [start + at for at in range(want, len(signed)) if signed[at] not in present]
    if gone:
        yield Finding(
            Damage.TRUNCATED, gone[0], f"Of the entries signed from {gone[0]} on, {len(gone)} at the end are gone."
        )


def _surplus(start: int, rest: Sequence[bytes], homes: Mapping[bytes, int]) -> Iterator[Finding]:
    """Yield what is wrong with the rows behind the end of what was signed."""
    strangers = [index for index, leaf in enumerate(rest, start=start) if leaf not in homes]
    if strangers:
        yield unsigned(strangers[0], start + len(rest) - 1)
    for index, leaf in enumerate(rest, start=start):
        if leaf in homes:
            yield _moved(index, homes[leaf])


def unsigned(first: int, last: int) -> Finding:
    """Return the finding that no checkpoint covers the entries from ``first`` to ``last``."""
    return Finding(Damage.UNSIGNED, first, f"Entries {first} to {last} lie behind the last checkpoint.")


def _next(run: Sequence[bytes], at: int) -> bytes | None:
    return run[at + 1] if at + 1 < len(run) else None


def _missing(index: int) -> Finding:
    return Finding(Damage.MISSING, index, f"Entry {index} is missing.")


def _inserted(index: int) -> Finding:
    return Finding(Damage.INSERTED, index, f"Entry {index} was never signed at this place: it was put in.")


def _moved(index: int, home: int) -> Finding:
    return Finding(Damage.REORDERED, index, f"At index {index} lies the entry that was signed at {home}.")
