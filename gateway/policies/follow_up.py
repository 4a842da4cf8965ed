"""What the program does by itself, once a night: tell of what is overdue, let lapse what was not answered, close.

Each entry is written once, also with several workers: the mark and the entry commit together, and a mark that is
there already undoes both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

from gateway.articles import keeps
from gateway.errors import ConflictError
from gateway.ids import GrantId
from gateway.journal import EntryDraft, JsonValue, Tx
from gateway.policies.acting import Acting
from gateway.policies.deadlines import STEPS
from gateway.policies.errors import GrantInvalidError, StaleVersionError
from gateway.policies.phases import Handed, overdue, phase_of
from gateway.policies.records import SYSTEM, Application, ApplicationState, Grant, GrantPhase, HistoryEvent
from gateway.policies.trail import application_links, grant_links

_PAGE = 200


@keeps("A50-12")
class FollowUp(Acting):
    """The nightly pass over applications and grants. A second pass on the same day finds nothing."""

    def follow_up(self) -> int:
        """Write one entry for each step, return and deletion that is overdue, and for each grant that is closed.

        Returns how many entries were written.
        """
        return self._follow_applications() + self._follow_grants()

    def _follow_applications(self) -> int:
        before = self._deadlines.waiting_since(self._today())
        told = 0
        late = [
            application
            for application in self._reader.read(lambda tx: self._store.applications(tx, before=before, limit=10_000))
            if self._deadlines.overdue(application, self._today())
        ]
        untold = self._reader.read(lambda tx: self._store.untold(tx, [one.id for one in late]))
        for one in late:
            if one.state is ApplicationState.RETURNED:
                told += self._lapse(one)
            elif one.id in untold:
                told += self._tell_overdue(one)
        return told

    def _tell_overdue(self, application: Application) -> bool:
        due = self._deadlines.due(application)

        def write(tx: Tx) -> None:
            if not self._store.tell_overdue(tx, application):
                raise _told()

        entry = EntryDraft(
            "application.overdue",
            None,
            facts={
                "step": STEPS[application.state],
                "due": "" if due is None else due.isoformat(),
                "round": application.round,
                "unit": application.unit,
            },
            links=application_links(application),
        )
        return self._once(write, entry)

    def _lapse(self, application: Application) -> bool:
        """End a returned application that was not answered in time: nobody decided, and nobody may go on with it."""
        due = self._deadlines.due(application)
        whole = self._application(application.id)
        at = self._now()
        comment = (
            "" if due is None else f"答复期限 {due.isoformat()} 已过，申请失效。 Not answered by {due.isoformat()}."
        )
        lapsed = replace(
            whole,
            state=ApplicationState.WITHDRAWN,
            version=whole.version + 1,
            since=at,
            history=(*whole.history, HistoryEvent(at, SYSTEM, "lapsed", comment)),
        )

        def write(tx: Tx) -> None:
            if whole.version != application.version or not self._store.update_application(tx, lapsed, whole.version):
                raise _told()
            self._dry_runs.decided(tx, whole.id, None, None)  # its samples go with it

        entry = EntryDraft(
            "application.lapsed",
            None,
            facts={"step": "answer", "due": "" if due is None else due.isoformat(), "round": application.round},
            links=application_links(application),
        )
        return self._once(write, entry)

    def _follow_grants(self) -> int:
        told = 0
        rows = self._unclosed(None)
        while rows:
            told += sum(self._follow_grant(row) for row in rows)
            rows = self._unclosed(rows[-1].id)
        return told

    def _unclosed(self, after: GrantId | None) -> list[Grant]:
        return self._reader.read(lambda tx: self._store.unclosed(tx, after=after, limit=_PAGE))

    def _follow_grant(self, row: Grant) -> int:
        try:
            grant = self._present(row)
        except GrantInvalidError:
            return 0  # an altered row is refused and told wherever it is used; it must not stop the others
        handed, last = self._reader.read(lambda tx: self._handed_and_told(tx, grant.id))
        late: dict[date, list[str]] = {}
        for one in overdue(handed, self._today()):
            if one.delete_by is not None and (last is None or one.delete_by > last):
                late.setdefault(one.delete_by, []).append(one.extract)
        told = sum(self._tell_deletion(grant, due, late[due]) for due in sorted(late))
        if phase_of(grant, handed, self._today()) is GrantPhase.CLOSED:
            told += self._close(grant)
        return told

    def _handed_and_told(self, tx: Tx, grant_id: GrantId) -> tuple[Sequence[Handed], date | None]:
        return self._deliveries.handed(tx, [grant_id]).get(grant_id, ()), self._store.told_deletion(tx, grant_id)

    def _tell_deletion(self, grant: Grant, due: date, extracts: list[str]) -> bool:
        def write(tx: Tx) -> None:
            if not self._store.tell_deletion(tx, grant.id, due):
                raise _told()

        facts: dict[str, JsonValue] = {
            "due": due.isoformat(),
            "extracts": list[JsonValue](extracts),
            "count": len(extracts),
        }
        return self._once(write, EntryDraft("grant.deletion_overdue", None, facts=facts, links=grant_links(grant)))

    def _close(self, grant: Grant) -> bool:
        def write(tx: Tx) -> None:
            if not self._store.tell_closed(tx, grant.id, self._now()):
                raise _told()

        facts: dict[str, JsonValue] = {"ended": grant.state.value}
        return self._once(write, EntryDraft("grant.closed", None, facts=facts, links=grant_links(grant)))

    def _once(self, write: Callable[[Tx], None], entry: EntryDraft) -> bool:
        try:
            self._journal.record(write, entry)
        except ConflictError:
            return False
        return True


def _told() -> ConflictError:
    return StaleVersionError("This has been told already, or somebody acted.", detail_zh="已处理。")
