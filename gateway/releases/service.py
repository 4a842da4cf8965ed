"""Use cases of the road out: ask for an extract, take delivery of it, certify that it was deleted.

Preparing the file is in ``preparation``; this module decides, records and hands out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol

from gateway.errors import ForbiddenError, GatewayError, NotFoundError, UnavailableError
from gateway.ids import ExtractId, GrantId, RecipientId
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Receipt, Scratch, Tx
from gateway.policies.decision import Action, Circumstances, Decision, DecisionPoint
from gateway.policies.records import Grant, Population
from gateway.policies.resources import grant_resource
from gateway.policies.scope import UseRequest, covers, current_state, territory_within
from gateway.policies.trail import grant_links
from gateway.principals import AccountKind, Principal, Role
from gateway.releases.errors import ExtractGoneError, ExtractNotFoundError, NotReadyError
from gateway.releases.records import (
    MEDIA_TYPES,
    Delivery,
    DeliveryEnd,
    DeliveryId,
    Extract,
    ExtractRequest,
    ExtractState,
)
from gateway.releases.vault import FileKey, SealedSource
from rulebook.records import Rulebook

DELIVERY_HOURS = 24
"""Ranges and retries within this time after the first byte belong to the same use (design 5)."""
READY_DAYS = 7
"""A prepared file that nobody fetches is removed after this many days."""
_RENEW_BYTES = 32 << 20


class Grants(Protocol):
    """What the road needs from the applications' room."""

    def grant(self, identifier: GrantId) -> Grant:
        """Return a grant whose signature was verified; raises ``NotFoundError``."""

    def grant_in(self, tx: Tx, identifier: GrantId) -> Grant:
        """Return the same, read in the caller's transaction."""

    def reserve_use(self, tx: Tx, identifier: GrantId) -> bool:
        """Take one use, atomically; false when none is left."""

    def release_use(self, tx: Tx, identifier: GrantId) -> None:
        """Give one use back: nothing left the house under it."""


class Extracts(Protocol):
    """What the road needs from its store."""

    def add(self, tx: Tx, extract: Extract) -> None:
        """Insert a new extract."""

    def save(self, tx: Tx, extract: Extract) -> None:
        """Write every member of an extract back."""

    def get(self, tx: Tx, identifier: ExtractId) -> Extract | None:
        """Return one extract."""

    def of_grant(self, tx: Tx, grant: GrantId) -> list[Extract]:
        """Return the extracts of a grant, newest first."""

    def newest(self, tx: Tx, recipient: RecipientId | None, limit: int) -> list[Extract]:
        """Return the newest extracts, of one recipient or of all."""

    def claim(self, tx: Tx, worker: str, now: datetime, leased_to: datetime) -> Extract | None:
        """Take the oldest extract that waits or whose worker went silent."""

    def progress(self, tx: Tx, identifier: ExtractId, done: int, total: int, leased_to: datetime) -> None:
        """Note how far a preparation is, and renew its lease."""

    def add_delivery(self, tx: Tx, delivery: Delivery) -> None:
        """Insert a delivery whose intent is being recorded."""

    def renew(self, tx: Tx, identifier: DeliveryId, leased_to: datetime) -> None:
        """Renew the lease of a delivery under way."""

    def end_delivery(self, tx: Tx, identifier: DeliveryId, end: DeliveryEnd, sent: int) -> bool:
        """Close a delivery once; false when it was closed before."""

    def orphans(self, tx: Tx, now: datetime) -> list[Delivery]:
        """Return open deliveries whose owner went silent."""

    def deliveries_of(self, tx: Tx, identifier: ExtractId) -> list[Delivery]:
        """Return the deliveries of an extract."""

    def over(self, tx: Tx, today: date) -> list[Extract]:
        """Return extracts that still have a file, and whose last day is past."""


@dataclass(frozen=True, slots=True)
class OpenDelivery:
    """A delivery whose intent is durable. ``content`` may be iterated once; it records the outcome at its end."""

    extract: Extract
    receipt: Receipt
    first: int
    last: int
    content: Iterator[bytes] = field(repr=False)

    @property
    def media_type(self) -> str:
        """The media type of the file."""
        return MEDIA_TYPES[self.extract.request.format]


@dataclass(frozen=True, slots=True)
class ReleaseService:
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

    def start(self, grant_id: GrantId, request: ExtractRequest, principal: Principal) -> Extract:
        """Reserve a use and queue the preparation of an extract.

        Raises ``ForbiddenError`` or ``ScopeExceededError`` (A50-9), each recorded as ``release.refused``.
        """
        grant = self.grants.grant(grant_id)
        try:
            decision = self._require(principal, Action.EXECUTE_RELEASE, grant)
            covers(grant, use_of(grant, request, self.today()), self.book.divisions)
            extract = Extract(
                id=ExtractId(self.new_id("ex")),
                grant=grant.id,
                recipient=grant.recipient,
                executor=principal.account,
                state=ExtractState.QUEUED,
                level=grant.scope.level,
                request=request,
                created_at=self.now(),
                expires_on=min(grant.scope.valid_to, self.today() + timedelta(days=READY_DAYS)),
            )

            def write(tx: Tx) -> Extract:
                if not self.grants.reserve_use(tx, grant.id):
                    raise ForbiddenError(
                        "All uses of this grant are spent: apply for a new one.",
                        detail_zh="该授权的使用次数已用完，请重新申请。",
                        rule="A50-9",
                        missing=("uses",),
                        extra={"dimension": "uses"},
                    )
                self.extracts.add(tx, extract)
                return extract

            facts: dict[str, JsonValue] = {
                "format": request.format.value,
                "fields": list(request.fields or grant.scope.fields),
                "level": grant.scope.level.value,
            }
            self.journal.record(
                write,
                EntryDraft(
                    "release.requested",
                    principal,
                    facts=facts,
                    links=chain(grant, extract=extract.id, executor=principal.account),
                    policy=decision.policy,
                ),
            )
        except GatewayError as error:
            self._refused(principal, grant, error)
            if principal.unit is None and principal.recipient != grant.recipient:
                # who is neither of the house nor the recipient does not learn that there is such a grant
                raise NotFoundError("There is no such grant.", detail_zh="没有该授权。") from None
            raise
        self.wake()
        return extract

    def get(self, identifier: ExtractId, principal: Principal) -> Extract:
        """Return an extract that the caller may know of; raises ``ExtractNotFoundError``."""
        extract = self.reader.read(lambda tx: self.extracts.get(tx, identifier))
        if extract is None or not self._may_see(extract, principal):
            raise ExtractNotFoundError("There is no such extract.", detail_zh="没有这一提取。")
        return extract

    def newest(self, principal: Principal, limit: int = 100) -> list[Extract]:
        """Return the newest extracts that the caller may know of."""
        recipient = principal.recipient
        if recipient is None and not principal.roles & _INSIDE:
            return []
        found = self.reader.read(lambda tx: self.extracts.newest(tx, recipient, limit))
        return [extract for extract in found if self._may_see(extract, principal)]

    def of_grant(self, identifier: GrantId, principal: Principal) -> list[Extract]:
        """Return the extracts of a grant that the caller may know of, newest first."""
        found = self.reader.read(lambda tx: self.extracts.of_grant(tx, identifier))
        return [extract for extract in found if self._may_see(extract, principal)]

    def deliver(
        self, identifier: ExtractId, principal: Principal, first: int = 0, last: int | None = None
    ) -> OpenDelivery:
        """Record the intent and return the content from byte ``first`` to ``last``, both inclusive.

        Not one byte can be read before the intent is durable (I3). Raises ``NotReadyError``,
        ``ExtractGoneError`` or ``ForbiddenError``.
        """
        extract = self.get(identifier, principal)
        grant = self.grants.grant(extract.grant)
        try:
            decision = self._require(principal, Action.DELIVER_RELEASE, grant)
            self._check_deliverable(extract, grant)
        except GatewayError as error:
            self._refused(principal, grant, error, extract=extract.id)
            raise
        end = extract.size - 1 if last is None else min(last, extract.size - 1)
        source = self._open(extract)
        delivery = Delivery(
            id=DeliveryId(self.new_id("dl")),
            extract=extract.id,
            account=principal.account,
            owner=self.owner,
            leased_to=self._lease(),
            first_byte=first,
            last_byte=end,
        )

        def write(tx: Tx) -> None:
            # a withdrawal may have come in since: the decision counts at the moment of the intent
            self._require(principal, Action.DELIVER_RELEASE, self.grants.grant_in(tx, grant.id))
            self.extracts.add_delivery(tx, delivery)
            if extract.first_delivery_at is None:
                self.extracts.save(tx, replace(extract, first_delivery_at=self.now()))

        links = chain(grant, extract=extract.id, executor=extract.executor)
        _, receipt = self.journal.record(
            write,
            EntryDraft(
                "release.intent",
                principal,
                facts={
                    "delivery": delivery.id,
                    "first_byte": first,
                    "last_byte": end,
                    "rows": extract.rows,
                    "sha256": extract.sha256,
                    "level": extract.level.value,
                },
                links=links,
                policy=decision.policy,
            ),
        )
        content = self._stream(receipt, source, delivery, principal, links)
        return OpenDelivery(extract, receipt, first, end, content)

    def close_orphans(self) -> bool:
        """Close deliveries whose owner died, as unknown; say whether there were any (I3)."""
        found = self.reader.read(lambda tx: self.extracts.orphans(tx, self.now()))
        for delivery in found:
            self._close_orphan(delivery)
        return bool(found)

    def certify_deletion(
        self, identifier: ExtractId, principal: Principal, *, statement: str, deleted_on: date, responsible: str
    ) -> Extract:
        """Record the recipient's 销毁证明 and remove the file here too (A50-12)."""
        extract = self.get(identifier, principal)
        if principal.recipient != extract.recipient:
            raise ForbiddenError(
                "Only the recipient certifies the deletion.",
                detail_zh="只有数据使用方可以提交销毁证明。",
                rule="A50-12",
            )
        grant = self.grants.grant(extract.grant)
        done = replace(extract, state=ExtractState.DELETED, deleted_by=responsible, wrapped_key=b"")
        digest = hashlib.sha256(statement.encode()).hexdigest()
        self.journal.record(
            lambda tx: self.extracts.save(tx, done),
            EntryDraft(
                "release.deleted",
                principal,
                facts={"deleted_on": deleted_on.isoformat(), "statement_sha256": digest},
                links=chain(grant, extract=extract.id, executor=extract.executor),
            ),
        )
        self.file_of(extract.id).unlink(missing_ok=True)
        return done

    def expire(self) -> bool:
        """Remove files whose time is over: the key goes, then the file. Say whether there were any."""
        over = self.reader.read(lambda tx: self.extracts.over(tx, self.today()))
        for extract in over:
            self._expire_one(extract)
        return bool(over)

    def file_of(self, identifier: ExtractId) -> Path:
        """Return where the sealed file of an extract lies."""
        return self.files / f"{identifier}.sealed"

    def _close_orphan(self, delivery: Delivery) -> None:
        extract = self.reader.read(lambda tx: self.extracts.get(tx, delivery.extract))
        if extract is None:
            raise ExtractNotFoundError("A delivery without its extract.", detail_zh="领取记录缺少对应的提取。")
        links = chain(self.grants.grant(extract.grant), extract=extract.id, executor=extract.executor)
        self._outcome(delivery, None, links, "unknown", 0, "")

    def _expire_one(self, extract: Extract) -> None:
        grant = self.grants.grant(extract.grant)
        gone = replace(extract, state=ExtractState.EXPIRED, wrapped_key=b"")
        self.journal.record(
            lambda tx: self.extracts.save(tx, gone),
            EntryDraft("release.expired", None, links=chain(grant, extract=extract.id, executor=extract.executor)),
        )
        self.file_of(extract.id).unlink(missing_ok=True)

    def _stream(
        self, receipt: Receipt, source: SealedSource, delivery: Delivery, principal: Principal, links: dict[str, str]
    ) -> Iterator[bytes]:
        """Yield the bytes of a delivery. Takes the receipt of the intent: no receipt, no bytes."""
        self.journal_has(receipt)
        digest = hashlib.sha256()
        sent = 0
        renewed = 0
        end = "error"
        try:
            for piece in source.slices(delivery.first_byte, delivery.last_byte):
                yield piece
                digest.update(piece)
                sent += len(piece)
                if sent - renewed > _RENEW_BYTES:
                    renewed = sent
                    self._renew(delivery)
            end = "complete"
        except GeneratorExit:
            end = "client_gone"
            raise
        finally:
            source.close()
            self._outcome(delivery, principal, links, end, sent, digest.hexdigest())

    def journal_has(self, receipt: Receipt) -> None:
        """Refuse a receipt that no checkpoint covers."""
        if not 0 <= receipt.index < receipt.tree_size:
            raise ForbiddenError("No receipt, no bytes.", detail_zh="没有审计回执，不得提供数据。", rule="A50-10")

    def _renew(self, delivery: Delivery) -> None:
        self.scratch.write(lambda tx: self.extracts.renew(tx, delivery.id, self._lease()))

    def _outcome(
        self,
        delivery: Delivery,
        principal: Principal | None,
        links: dict[str, str],
        end: str,
        sent: int,
        digest: str,
    ) -> None:
        def write(tx: Tx) -> None:
            self.extracts.end_delivery(tx, delivery.id, DeliveryEnd(end), sent)

        self.journal.record(
            write,
            EntryDraft(
                "release.outcome",
                principal,
                outcome=end,
                facts={"delivery": delivery.id, "bytes": sent, "sha256": digest},
                links=links,
            ),
        )

    def _open(self, extract: Extract) -> SealedSource:
        if self.delivery_key is None:
            raise UnavailableError("This face hands out no files.", detail_zh="本端不提供文件领取。")
        key = FileKey.unwrap(extract.id, extract.wrapped_key, self.delivery_key)
        return SealedSource(self.file_of(extract.id), key, extract.size)

    def _check_deliverable(self, extract: Extract, grant: Grant) -> None:
        if extract.state in {ExtractState.QUEUED, ExtractState.PREPARING}:
            raise NotReadyError("The extract is still being prepared.", detail_zh="提取文件正在准备中，请稍后再试。")
        if extract.state is ExtractState.FAILED:
            raise NotReadyError("The preparation failed; start a new extract.", detail_zh="提取准备失败，请重新发起。")
        if extract.state is not ExtractState.READY or self.today() > min(extract.expires_on, grant.scope.valid_to):
            raise ExtractGoneError("The file is no longer there.", detail_zh="提取文件已过期或已销毁。", rule="A50-9")
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
        return bool(principal.roles & _INSIDE)

    def _require(self, principal: Principal, action: Action, grant: Grant) -> Decision:
        return self.decisions.require(
            principal,
            action,
            grant_resource(replace(grant, state=current_state(grant, self.now()))),
            Circumstances(
                separation=self.separation,
                territory_within=territory_within(
                    self.book.divisions, principal.unit, grant.scope.population.territory
                ),
            ),
        )

    def _refused(
        self, principal: Principal, grant: Grant, error: GatewayError, *, extract: ExtractId | None = None
    ) -> None:
        facts: dict[str, JsonValue] = {
            "problem": type(error).__name__,
            "rule": error.rule,
            "missing": list(error.missing),
            "dimension": error.extra.get("dimension"),
        }
        policy = error.extra.get("policy")
        self.journal.append(
            EntryDraft(
                "release.refused",
                principal,
                outcome="refused",
                facts=facts,
                links=chain(grant, extract=extract, executor=principal.account),
                policy=None if policy is None else str(policy),
            )
        )

    def _lease(self) -> datetime:
        return self.now() + timedelta(seconds=self.book.parameters.lease_seconds)


_INSIDE = frozenset({Role.DATA_OFFICER, Role.APPROVING_OFFICER, Role.EXECUTOR, Role.INSPECTOR})


def chain(grant: Grant, *, extract: ExtractId | None, executor: str) -> dict[str, str]:
    """Return the chain of responsibility of a release (A50-10, I4)."""
    links = {**grant_links(grant), "executor": executor}
    return links if extract is None else {**links, "extract": extract}


def use_of(grant: Grant, request: ExtractRequest, on: date, rows: int | None = None) -> UseRequest:
    """Return the use that ``request`` makes of ``grant``; what it leaves out is all that was granted."""
    whole = grant.scope.population
    return UseRequest(
        recipient=grant.recipient,
        purpose=grant.scope.purpose,
        profile=grant.scope.profile,
        level=grant.scope.level,
        fields=request.fields or grant.scope.fields,
        on=on,
        rows=rows,
        population=Population(
            whole.territory,
            request.stages if request.stages is not None else whole.stages,
            request.grades if request.grades is not None else whole.grades,
            request.schools if request.schools is not None else whole.schools,
        ),
    )
