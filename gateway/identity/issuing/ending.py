"""Ending an identity: all live credentials of a pupil at once, and whatever could still fetch new ones (A50-15)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.articles import keeps
from gateway.identity.issuing.ports import IssuingRepository, MayEnd
from gateway.identity.ports import IdentityRepository
from gateway.identity.records import CredentialId
from gateway.ids import SubjectRef
from gateway.journal import EntryDraft, Journal, Tx
from gateway.principals import Principal

_KIND = "identity.ended"


@keeps("A50-15")
@dataclass(frozen=True, slots=True)
class EndingDesk:
    """Ends identities where the issuer's key is. ``end`` ends credentials and signs their lists in a transaction."""

    journal: Journal
    store: IssuingRepository
    rows: IdentityRepository
    end: Callable[[Tx, Sequence[CredentialId]], int]
    may_end: MayEnd
    now: Callable[[], datetime]

    def end_all(self, subject_ref: SubjectRef, by: Principal) -> int | None:
        """End every live credential, open offer and unused token of a pupil; return how many credentials it was.

        ``None`` when ``by`` may not: nothing was done but to record that.
        """
        if not self.may_end(by, subject_ref):
            self.journal.append(
                EntryDraft(_KIND, by, outcome="refused", facts={"reason": "not_allowed"}, subjects=(subject_ref,))
            )
            return None
        now = self.now()

        def write(tx: Tx) -> tuple[int, int]:
            closed = self.store.close_open(tx, subject_ref, now)
            live = self.rows.credentials_of(tx, (subject_ref,), live_at=now)
            return self.end(tx, [one.id for one in live]), closed

        (ended, _), _ = self.journal.record(
            write,
            lambda done: EntryDraft(
                _KIND, by, facts={"credentials": done[0], "offers": done[1]}, subjects=(subject_ref,)
            ),
        )
        return ended
