"""Says once of each grant that it is about to expire, so that the rules can alert of it (A50-16).

The civil day up to which this was done is a cursor: a worker that slept for some days says what it missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Protocol

from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Scratch, Tx

CURSOR: Final = "grant-expiry"
WARNING_DAYS: Final = 14
"""Days before the last day of a grant on which it is said."""
MOST_DAYS: Final = 31
"""Days that are caught up with at most; what expired meanwhile needs no warning."""


@dataclass(frozen=True, slots=True)
class EndingGrant:
    """A live grant with its last day and its chain of responsibility."""

    valid_to: date
    links: Mapping[str, str]


class EndingGrants(Protocol):
    """The grants that are alive."""

    def ending(self, first: date, last: date) -> Iterator[EndingGrant]:
        """Yield the live grants whose last day lies from ``first`` to ``last``."""


class DayCursor(Protocol):
    """A cursor by name."""

    def cursor(self, tx: Tx, name: str) -> int:
        """Return its position, 0 in the beginning."""

    def move_cursor(self, tx: Tx, name: str, expected: int, position: int) -> None:
        """Move it."""


@dataclass(frozen=True, slots=True)
class ExpiryNotice:
    """Writes ``grant.expiring``."""

    grants: EndingGrants
    cursors: DayCursor
    reader: Reader
    scratch: Scratch
    journal: Journal
    today: Callable[[], date]

    def run(self) -> int:
        """Say what will expire within ``WARNING_DAYS`` and was not said before; return how many grants.

        The cursor moves after the entries: a worker that is killed between them says the last ones again, and the
        alert of a grant is still one.
        """
        today = self.today()
        done = self.reader.read(lambda tx: self.cursors.cursor(tx, CURSOR))
        if done >= today.toordinal():
            return 0
        first = today if done == 0 else max(date.fromordinal(done + 1), today - timedelta(days=MOST_DAYS))
        # the first run also tells of what lies closer than the warning
        begin = today if done == 0 else max(today, first + timedelta(days=WARNING_DAYS))
        said = 0
        for grant in self.grants.ending(begin, today + timedelta(days=WARNING_DAYS)):
            facts: dict[str, JsonValue] = {
                "valid_to": grant.valid_to.isoformat(),
                "days": (grant.valid_to - today).days,
            }
            self.journal.append(EntryDraft("grant.expiring", None, facts=facts, links=grant.links))
            said += 1
        self.scratch.write(lambda tx: self.cursors.move_cursor(tx, CURSOR, done, today.toordinal()))
        return said
