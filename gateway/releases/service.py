"""Use cases of the road out: ask for an extract, take delivery of it, certify that it was deleted.

Preparing the file is in ``preparation``; this module decides, records and hands out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from gateway.errors import ConflictError, ForbiddenError, GatewayError, NotFoundError, ParameterError, UnavailableError
from gateway.ids import ExtractId, GrantId
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Receipt, Scratch, Tx
from gateway.policies.decision import Action, Circumstances, Decision, DecisionPoint
from gateway.policies.records import Grant, GrantState, Level
from gateway.policies.resources import grant_resource
from gateway.policies.scope import Use, covers, current_state, errand, territory_within
from gateway.principals import AccountKind, Principal, Role
from gateway.releases.clock import require_clock
from gateway.releases.content import Content, OpenDelivery
from gateway.releases.errors import ExtractGoneError, ExtractNotFoundError, LeaseLostError, NotReadyError
from gateway.releases.protocols import Extracts, Grants
from gateway.releases.records import (
    Delivery,
    DeliveryEnd,
    DeliveryId,
    Extract,
    ExtractRequest,
    ExtractState,
)
from gateway.releases.uses import chain, conditions, plan_of, require_codes, use_of
from gateway.releases.vault import FileKey, SealedSource
from rulebook.records import Rulebook

DELIVERY_HOURS = 24
"""Ranges and retries within this time after the first byte belong to the same use (design 5)."""
READY_DAYS = 7
"""A prepared file that nobody fetches is removed after this many days."""


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
            require_clock(self.now(), grant.approved_at)
            require_codes(request, self.book)
            covers(grant, use_of(grant, request, self.today()), self.book.divisions)
            plan_of(self.book, grant, request)  # a level without rows is refused before a use is taken
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
                "fields": list(grant.scope.fields if request.fields is None else request.fields),
                "level": grant.scope.level.value,
                **{name: list[JsonValue](sorted(codes)) for name, codes in conditions(request).items()},
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
            end = extract.size - 1 if last is None else min(last, extract.size - 1)
            if not 0 <= first <= max(end, 0):
                raise ParameterError("The range lies outside the file.", detail_zh="请求的范围超出文件。")
            source = self._open(extract)
        except GatewayError as error:
            self._refused(principal, grant, error, extract=extract.id)
            raise
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
            if not self.extracts.add_delivery(tx, delivery, self.now()):
                raise _gone()

        links = chain(grant, extract=extract.id, executor=extract.executor)
        intent = EntryDraft(
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
        )
        try:
            _, receipt = self.journal.record(write, intent)
        except BaseException as error:
            source.close()
            if isinstance(error, ForbiddenError | ExtractGoneError):
                self._refused(principal, grant, error, extract=extract.id)
            raise

        def unread() -> None:
            source.close()
            self._outcome(delivery, principal, links, "client_gone", 0, hashlib.sha256().hexdigest())

        content = Content(self._stream(receipt, source, delivery, principal, links), unread)
        return OpenDelivery(extract, receipt, first, end, content)

    def close_orphans(self) -> bool:
        """Close deliveries whose owner died, as unknown; say whether there were any (I3)."""
        found = self.reader.read(lambda tx: self.extracts.orphans(tx, self.now()))
        return any([self._close_orphan(delivery) for delivery in found])

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
            among = (ExtractState.READY, ExtractState.EXPIRED)
            if not self.extracts.close(tx, extract.id, ExtractState.DELETED, among=among, by=responsible):
                raise ConflictError(
                    "Only an extract that was prepared can be certified as deleted, and only once.",
                    detail_zh="只有已准备的提取可以提交销毁证明，且只能提交一次。",
                    rule="A50-12",
                )

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

    def expire(self) -> bool:
        """Remove files that nobody may fetch any more: the key goes, then the file. Say whether there were any.

        That is: the last day is past, the hours of the delivery are over, or the grant has been withdrawn.
        """
        ready = self.reader.read(self.extracts.ready)
        return any([self._expire_one(extract, self.grants.grant(extract.grant)) for extract in ready])

    def file_of(self, identifier: ExtractId) -> Path:
        """Return where the sealed file of an extract lies."""
        return self.files / f"{identifier}.sealed"

    def _close_orphan(self, delivery: Delivery) -> bool:
        extract = self.reader.read(lambda tx: self.extracts.get(tx, delivery.extract))
        if extract is None:
            raise ExtractNotFoundError("A delivery without its extract.", detail_zh="领取记录缺少对应的提取。")
        links = chain(self.grants.grant(extract.grant), extract=extract.id, executor=extract.executor)

        def write(tx: Tx) -> None:
            if not self.extracts.end_orphan(tx, delivery.id, self.now()):
                raise LeaseLostError("The delivery goes on, or it ended.", detail_zh="领取仍在进行或已结束。")

        try:
            self.journal.record(write, _outcome_entry(delivery, None, links, "unknown", 0, ""))
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
        unused = extract.first_delivery_at is None

        def write(tx: Tx) -> None:
            if not self.extracts.close(tx, extract.id, ExtractState.EXPIRED, among=(ExtractState.READY,)):
                raise LeaseLostError("The extract ended meanwhile.", detail_zh="提取已结束。")
            if unused:
                self.grants.release_use(tx, grant.id)

        links = chain(grant, extract=extract.id, executor=extract.executor)
        try:
            self.journal.record(write, EntryDraft("release.expired", None, facts={"unused": unused}, links=links))
        except LeaseLostError:
            return False
        self.file_of(extract.id).unlink(missing_ok=True)
        return True

    def _stream(
        self, receipt: Receipt, source: SealedSource, delivery: Delivery, principal: Principal, links: dict[str, str]
    ) -> Generator[bytes]:
        """Yield the bytes of a delivery. Takes the receipt of the intent: no receipt, no bytes."""
        self.journal_has(receipt)
        digest = hashlib.sha256()
        sent = 0
        renewed = self.now()
        end = "error"
        try:
            for piece in source.slices(delivery.first_byte, delivery.last_byte):
                yield piece
                digest.update(piece)
                sent += len(piece)
                if self.now() - renewed > timedelta(seconds=self.book.parameters.lease_seconds / 4):
                    renewed = self.now()
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

        self.journal.record(write, _outcome_entry(delivery, principal, links, end, sent, digest))

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
        require_clock(self.now(), grant.approved_at, extract.created_at, extract.first_delivery_at)
        if extract.state is not ExtractState.READY or self.today() > min(extract.expires_on, grant.scope.valid_to):
            raise _gone()
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
        if not principal.roles & _INSIDE:
            return False
        grant = self.grants.grant(extract.grant)
        return self.decisions.decide(
            principal, Action.READ_APPLICATION, grant_resource(grant), self._circumstances(principal, grant)
        ).allowed

    def _require(self, principal: Principal, action: Action, grant: Grant) -> Decision:
        return self.decisions.require(
            principal,
            action,
            grant_resource(replace(grant, state=current_state(grant, self.now()))),
            self._circumstances(principal, grant),
        )

    def _circumstances(self, principal: Principal, grant: Grant) -> Circumstances:
        within = territory_within(self.book.divisions, principal.unit, grant.scope.population.territory)
        return Circumstances(
            separation=self.separation,
            territory_within=within,
            errand=errand(grant.id, Use.MATCH if grant.scope.level is Level.MATCH else Use.EXTRACT),
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


def _gone() -> ExtractGoneError:
    return ExtractGoneError("The file is no longer there.", detail_zh="提取文件已过期或已销毁。", rule="A50-9")


def _outcome_entry(
    delivery: Delivery, principal: Principal | None, links: dict[str, str], end: str, sent: int, digest: str
) -> EntryDraft:
    return EntryDraft(
        "release.outcome",
        principal,
        outcome=end,
        facts={"delivery": delivery.id, "bytes": sent, "sha256": digest},
        links=links,
    )
