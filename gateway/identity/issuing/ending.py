"""Ending an identity: all live credentials of a pupil, or those of one holder, at once (A50-15).

With them whatever could still fetch new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.articles import keeps
from gateway.identity.issuing.ports import IssuingRepository, MayEnd
from gateway.identity.ports import IdentityRepository
from gateway.identity.records import CredentialId, Status
from gateway.ids import AccountId, SubjectRef
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import Principal

_KIND = "identity.ended"


@keeps("A50-15")
@dataclass(frozen=True, slots=True)
class EndingDesk:
    """Ends identities where the issuer's key is. ``end`` ends credentials and signs their lists in a transaction."""

    journal: Journal
    reader: Reader
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

    def end_held(self, subject_ref: SubjectRef, holder: AccountId, until: datetime, reason: str) -> int:
        """End what ``holder`` fetched for a pupil by ``until``, and its open offers; return how many credentials.

        For an account that has lost the right to hold them. ``reason`` is for the log. What is ended stays ended, and
        where nothing is left nothing is done and nothing recorded: twice is once.
        """
        now = self.now()
        if not self.reader.read(lambda tx: self._anything(tx, subject_ref, holder, until, now)):
            return 0

        def write(tx: Tx) -> tuple[int, int]:
            # Offers first: a wallet that fetches at this very moment is seen below, or finds its token closed.
            closed = self.store.close_open(tx, subject_ref, now, made_by=holder, until=until)
            return self.end(tx, self.store.held(tx, subject_ref, holder, until)), closed

        def entry(done: tuple[int, int]) -> EntryDraft:
            facts: dict[str, JsonValue] = {"credentials": done[0], "offers": done[1], "reason": reason}
            return EntryDraft(_KIND, None, facts=facts, links={"executor": holder}, subjects=(subject_ref,))

        (ended, _), _ = self.journal.record(write, entry)
        return ended

    def _anything(self, tx: Tx, subject_ref: SubjectRef, holder: AccountId, until: datetime, now: datetime) -> bool:
        """Say whether the holder has a live credential of the pupil, or something to fetch one with."""
        held = self.rows.credentials_named(tx, self.store.held(tx, subject_ref, holder, until))
        live = any(one.status is not Status.INVALID and one.expires_at > now for one in held)
        return live or self.store.open_of(tx, subject_ref, now, made_by=holder, until=until) > 0
