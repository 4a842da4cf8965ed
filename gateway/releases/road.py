"""What every act on the road out needs: who may see an extract, whether its file may be fetched, refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from gateway.errors import GatewayError
from gateway.ids import ExtractId
from gateway.journal import Journal, Reader, Scratch
from gateway.policies.decision import Action, Circumstances, Decision, DecisionPoint
from gateway.policies.records import Grant, Level
from gateway.policies.scope import Use
from gateway.principals import AccountKind, Principal, Role
from gateway.releases.clock import require_clock
from gateway.releases.deciding import INSIDE, may_know, require
from gateway.releases.errors import ExtractGoneError, ExtractNotFoundError, NotReadyError, TooManyRowsError
from gateway.releases.ledger.errors import failure_of
from gateway.releases.places import sealed_in
from gateway.releases.protocols import Extracts, Grants
from gateway.releases.records import Extract, ExtractState
from gateway.releases.refusals import refusal
from gateway.releases.uses import chain, circumstances_of
from rulebook.records import Rulebook

DELIVERY_HOURS = 24
"""Ranges and retries within this time after the first byte belong to the same use (design 5)."""
READY_DAYS = 7
"""A prepared file that nobody fetches is removed after this many days."""


@dataclass(frozen=True, slots=True)
class Road:
    """The road out. ``files`` is the directory of sealed files; ``owner`` names this process in leases."""

    grants: Grants
    extracts: Extracts
    journal: Journal
    reader: Reader
    scratch: Scratch
    decisions: DecisionPoint
    book: Rulebook
    files: Path
    delivery_key: bytes | None = field(repr=False)
    """``None`` on a face that hands nothing out."""
    separation: str
    now: Callable[[], datetime]
    today: Callable[[], date]
    new_id: Callable[[str], str]
    owner: str
    wake: Callable[[], None]

    def get(self, identifier: ExtractId, principal: Principal) -> Extract:
        """Return an extract that the caller may know of; raises ``ExtractNotFoundError``."""
        extract = self.reader.read(lambda tx: self.extracts.get(tx, identifier))
        if extract is None or not self._may_see(extract, principal):
            raise ExtractNotFoundError("There is no such extract.", detail_zh="没有这一提取。")
        return extract

    def file_of(self, identifier: ExtractId) -> Path:
        """Return where the sealed file of an extract lies."""
        return sealed_in(self.files, identifier)

    def _check_deliverable(self, extract: Extract, grant: Grant) -> None:
        if extract.state in {ExtractState.QUEUED, ExtractState.PREPARING}:
            raise NotReadyError("The extract is still being prepared.", detail_zh="提取文件正在准备中，请稍后再试。")
        if extract.state is ExtractState.FAILED:
            if extract.failure == TooManyRowsError.__name__:
                raise TooManyRowsError(
                    "More rows than the grant or the file format allows: narrow the request, or apply for more.",
                    detail_zh="行数超出授权或文件格式的上限：请缩小范围，或重新申请。",
                    missing=("rows",),
                    extra={"dimension": "rows"},
                )
            known = failure_of(extract.failure)
            if known is not None:
                raise known
            raise NotReadyError("The preparation failed; start a new extract.", detail_zh="提取准备失败，请重新发起。")
        require_clock(self.now(), grant.approved_at, extract.created_at, extract.first_delivery_at)
        if extract.state is not ExtractState.READY or self.today() > min(extract.expires_on, grant.scope.valid_to):
            raise gone()
        first = extract.first_delivery_at
        if first is not None and self.now() - first > timedelta(hours=DELIVERY_HOURS):
            raise ExtractGoneError(
                "The 24 hours of this delivery are over; start a new extract.",
                detail_zh="本次领取的24小时已过，请重新发起提取。",
                rule="A50-9",
            )

    def _may_see(self, extract: Extract, principal: Principal) -> bool:
        if principal.kind is AccountKind.CLIENT or Role.APPLICANT in principal.roles:
            return principal.recipient == extract.recipient
        return bool(principal.roles & INSIDE) and self._may_know(self.grants.grant(extract.grant), principal)

    def _may_know(self, grant: Grant, principal: Principal) -> bool:
        """Say whether the caller may know that there is such a grant: its recipient, and officers who read it."""
        return may_know(self.decisions, principal, grant, self._circumstances(principal, grant))

    def _require(self, principal: Principal, action: Action, grant: Grant) -> Decision:
        around = self._circumstances(principal, grant)
        return require(self.decisions, principal, action, grant, self.now(), around)

    def _circumstances(self, principal: Principal, grant: Grant) -> Circumstances:
        use = Use.MATCH if grant.scope.level is Level.MATCH else Use.EXTRACT
        return circumstances_of(principal, grant, use, self.book, self.separation)

    def _refused(self, principal: Principal, grant: Grant, error: GatewayError, extract: ExtractId) -> None:
        links = chain(grant, extract=extract, executor=principal.account)
        self.journal.append(refusal(principal, error, links))

    def _lease(self) -> datetime:
        return self.now() + timedelta(seconds=self.book.parameters.lease_seconds)


def gone() -> ExtractGoneError:
    """Return the error of a file that is not there any more."""
    return ExtractGoneError("The file is no longer there.", detail_zh="提取文件已过期或已销毁。", rule="A50-9")
