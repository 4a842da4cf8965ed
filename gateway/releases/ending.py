"""How extracts end: the recipient certifies the deletion, or the time is over. Orphaned deliveries are closed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date

from gateway.errors import ConflictError, ForbiddenError, ParameterError
from gateway.ids import ExtractId
from gateway.journal import EntryDraft, Tx
from gateway.policies.records import Grant, GrantState
from gateway.policies.scope import current_state
from gateway.principals import Principal
from gateway.releases.content import outcome_entry
from gateway.releases.errors import ExtractGoneError, ExtractNotFoundError, LeaseLostError
from gateway.releases.records import Delivery, Ended, Extract, ExtractState
from gateway.releases.road import Road
from gateway.releases.uses import chain


@dataclass(frozen=True, slots=True)
class Ending(Road):
    """Ends extracts and deliveries. A use of which no byte was handed out goes back, once."""

    def certify_deletion(
        self, identifier: ExtractId, principal: Principal, *, statement: str, deleted_on: date, responsible: str
    ) -> Extract:
        """Record the recipient's 销毁证明 and remove the file here too (A50-12).

        Raises ``ForbiddenError`` for anyone but the recipient, ``ConflictError`` for an extract of which nothing
        was prepared or whose deletion was certified before, ``ParameterError`` for a day to come.
        """
        extract = self.get(identifier, principal)
        if principal.recipient != extract.recipient:
            raise ForbiddenError(
                "Only the recipient certifies the deletion.",
                detail_zh="只有数据使用方可以提交销毁证明。",
                rule="A50-12",
            )
        if deleted_on > self.today():
            raise ParameterError(
                "The deletion lies in the future: certify what was done.",
                detail_zh="销毁日期不能晚于今天。",
                rule="A50-12",
            )
        grant = self.grants.grant(extract.grant)
        digest = hashlib.sha256(statement.encode()).hexdigest()

        def write(tx: Tx) -> None:
            def end(was: ExtractState) -> Ended | None:
                return self.extracts.close(tx, extract.id, ExtractState.DELETED, among=(was,), by=responsible)

            ready = end(ExtractState.READY)
            if ready is None and end(ExtractState.EXPIRED) is None:
                raise ConflictError(
                    "Only an extract that was prepared can be certified as deleted, and only once.",
                    detail_zh="只有已准备的提取可以提交销毁证明，且只能提交一次。",
                    rule="A50-12",
                )
            if ready is not None and ready.unused:  # what expired unused gave its use back then
                self.grants.release_use(tx, grant.id)

        self.journal.record(
            write,
            EntryDraft(
                "release.deleted",
                principal,
                facts={"deleted_on": deleted_on.isoformat(), "statement_sha256": digest},
                links=chain(grant, extract=extract.id, executor=extract.executor),
            ),
        )
        self.file_of(extract.id).unlink(missing_ok=True)
        return replace(extract, state=ExtractState.DELETED, deleted_by=responsible, wrapped_key=b"")

    def close_orphans(self) -> bool:
        """Close deliveries whose owner died, as unknown; say whether there were any (I3)."""
        found = self.reader.read(lambda tx: self.extracts.orphans(tx, self.now()))
        return any([self._close_orphan(delivery) for delivery in found])

    def expire(self) -> bool:
        """Remove files that nobody may fetch any more: the key goes, then the file. Say whether there were any.

        That is: the last day is past, the hours of the delivery are over, or the grant has been withdrawn.
        """
        ready = self.reader.read(self.extracts.ready)
        return any([self._expire_one(extract, self.grants.grant(extract.grant)) for extract in ready])

    def _close_orphan(self, delivery: Delivery) -> bool:
        extract = self.reader.read(lambda tx: self.extracts.get(tx, delivery.extract))
        if extract is None:
            raise ExtractNotFoundError("A delivery without its extract.", detail_zh="领取记录缺少对应的提取。")
        links = chain(self.grants.grant(extract.grant), extract=extract.id, executor=extract.executor)

        def write(tx: Tx) -> None:
            if not self.extracts.end_orphan(tx, delivery.id, self.now()):
                raise LeaseLostError("The delivery goes on, or it ended.", detail_zh="领取仍在进行或已结束。")

        try:
            self.journal.record(write, outcome_entry(delivery, None, links, None))
        except LeaseLostError:  # its owner was only slow, and has spoken since
            return False
        return True

    def _expire_one(self, extract: Extract, grant: Grant) -> bool:
        try:
            self._check_deliverable(extract, grant)
            over = current_state(grant, self.now()) is GrantState.WITHDRAWN
        except ExtractGoneError:
            over = True
        if not over:
            return False

        def write(tx: Tx) -> bool:
            ended = self.extracts.close(tx, extract.id, ExtractState.EXPIRED, among=(ExtractState.READY,))
            if ended is None:
                raise LeaseLostError("The extract ended meanwhile.", detail_zh="提取已结束。")
            if ended.unused:
                self.grants.release_use(tx, grant.id)
            return ended.unused

        links = chain(grant, extract=extract.id, executor=extract.executor)
        try:
            self.journal.record(
                write, lambda unused: EntryDraft("release.expired", None, facts={"unused": unused}, links=links)
            )
        except LeaseLostError:
            return False
        self.file_of(extract.id).unlink(missing_ok=True)
        return True
