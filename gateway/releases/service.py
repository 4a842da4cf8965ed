"""Use cases of the road out: ask for an extract, take delivery of it.

Preparing the file is in ``preparation``, its end in ``ending``; this module decides, records and hands out.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.anonymize.plan import Plan
from gateway.audit.errors import DamagedLogStopError, WitnessSilentError
from gateway.errors import ForbiddenError, GatewayError, ParameterError, UnavailableError
from gateway.ids import ExtractId, GrantId
from gateway.journal import EntryDraft, JsonValue, Receipt, Tx
from gateway.policies.decision import Action
from gateway.policies.records import Format, Grant
from gateway.policies.scope import covers, current_state
from gateway.principals import Principal
from gateway.releases.asking import (
    RecipientKeys,
    asked_facts,
    require_baseline,
    require_compressible,
    require_longitudinal,
    with_key,
)
from gateway.releases.clock import require_clock
from gateway.releases.content import Content, OpenDelivery, OpenPage, Sent, outcome_entry
from gateway.releases.deciding import INSIDE
from gateway.releases.ending import Ending
from gateway.releases.errors import ExtractGoneError, ExtractNotFoundError, NotReadyError
from gateway.releases.manifest import claims_of
from gateway.releases.paging import Cursors, page_size, require_pages
from gateway.releases.parts import Part, parts_in
from gateway.releases.records import Delivery, DeliveryEnd, DeliveryId, Extract, ExtractRequest, ExtractState
from gateway.releases.refusals import no_such_grant, refusals_recorded, spent
from gateway.releases.road import READY_DAYS, gone
from gateway.releases.uses import chain, conditions, note_dimension, plan_of, require_codes, use_of
from gateway.releases.vault import FileKey, SealedSource

STILL_SECONDS = 5
"""How often a delivery under way is asked whether it may go on."""


@dataclass(frozen=True, slots=True)
class ReleaseService(Ending):
    """Asking for an extract, and taking delivery of it."""

    recipient_keys: RecipientKeys | None = None
    """``None`` where nobody knows the keys of recipients' systems."""

    def start(self, grant_id: GrantId, request: ExtractRequest, principal: Principal) -> Extract:
        """Reserve a use and queue the preparation of an extract.

        Raises ``ForbiddenError`` or ``ScopeExceededError`` (A50-9), each recorded as ``release.refused``.
        """
        grant = self.grants.grant(grant_id)
        links = chain(grant, extract=None, executor=principal.account)
        with refusals_recorded(self.journal, principal, grant, links):
            decision = self._require(principal, Action.EXECUTE_RELEASE, grant)
            require_clock(self.now(), grant.approved_at)
            require_codes(request, self.book)
            covers(grant, use_of(grant, request, self.today()), self.book.divisions)
            plan = plan_of(self.book, grant, request)  # a level without rows is refused before a use is taken
            request = self._settled(grant, plan, request, principal)
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
                    raise spent()
                self.extracts.add(tx, extract)
                return extract

            facts: dict[str, JsonValue] = {
                "format": request.format.value,
                "fields": list(grant.scope.fields if request.fields is None else request.fields),
                "level": grant.scope.level.value,
                "purpose": grant.scope.purpose,
                **{name: list[JsonValue](sorted(codes)) for name, codes in conditions(request).items()},
                **asked_facts(request),
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
        self.wake()
        return extract

    def _settled(self, grant: Grant, plan: Plan, request: ExtractRequest, principal: Principal) -> ExtractRequest:
        """Return ``request`` with what only this moment knows; raises what speaks against it."""
        require_compressible(request)
        if request.since is not None:
            require_longitudinal(plan)
            since = request.since
            base = self.reader.read(lambda tx: self.extracts.get(tx, since))
            require_baseline(base, grant.id, request, grant.scope.fields)
        return with_key(request, self.recipient_keys, principal.account)

    def parts(self, identifier: ExtractId, principal: Principal) -> tuple[Extract, tuple[Part, ...]]:
        """Return an extract and the parts of its file, as its manifest lists them; raises ``NotReadyError``."""
        extract = self.get(identifier, principal)
        if not extract.manifest:
            raise NotReadyError("The extract is still being prepared.", detail_zh="提取文件正在准备中，请稍后再试。")
        return extract, parts_in(claims_of(extract.manifest))

    def page(self, identifier: ExtractId, principal: Principal, cursor: str | None, limit: int) -> OpenPage:
        """Deliver the next ``limit`` rows of a CSV or NDJSON file, from where ``cursor`` says: a range like any other.

        Raises ``NotPageableError``, ``ParameterError`` for a cursor that is none, and what ``deliver`` raises.
        """
        extract = self.look_at(identifier, principal)
        require_pages(extract.request)
        if self.delivery_key is None:
            raise UnavailableError("This face hands out no files.", detail_zh="本端不提供文件领取。")
        cursors = Cursors.under(self.delivery_key)
        first = 0 if cursor is None else cursors.offset(extract.id, cursor)
        header = int(first == 0 and extract.request.format is Format.CSV)
        if first >= extract.size:
            return OpenPage(extract, None, 0, None)
        with self._open(extract) as source:
            size, rows = page_size(source.slices(first, extract.size - 1), extract.request.format, limit + header)
        delivery = self.deliver(identifier, principal, first, first + size - 1)
        end = first + size
        after = cursors.at(extract.id, end) if end < extract.size else None
        return OpenPage(extract, delivery, max(0, rows - header), after)

    def asked_for(self, identifier: ExtractId, principal: Principal) -> Extract:
        """Return an extract whose content is asked for, as ``get`` does; that it is not the caller's is recorded."""
        try:
            return self.get(identifier, principal)
        except ExtractNotFoundError as error:
            extract = self.reader.read(lambda tx: self.extracts.get(tx, identifier))
            if extract is not None:
                grant = self.grants.grant(extract.grant)
                refusal = ForbiddenError(error.detail, rule="A50-9", missing=("recipient",))
                note_dimension(refusal, principal, grant, current_state(grant, self.now()))
                self._refused(principal, grant, refusal, extract.id)
            raise

    def newest(self, principal: Principal, limit: int = 100) -> list[Extract]:
        """Return the newest extracts that the caller may know of."""
        recipient = principal.recipient
        if recipient is None and not principal.roles & INSIDE:
            return []
        found = self.reader.read(lambda tx: self.extracts.newest(tx, recipient, limit))
        return [extract for extract in found if self._may_see(extract, principal)]

    def of_grant(self, identifier: GrantId, principal: Principal) -> list[Extract]:
        """Return the extracts of a grant, newest first; raises ``NotFoundError`` for whoever may not know of it."""
        if not self._may_know(self.grants.grant(identifier), principal):
            raise no_such_grant()
        found = self.reader.read(lambda tx: self.extracts.of_grant(tx, identifier))
        return [extract for extract in found if self._may_see(extract, principal)]

    def deliver(
        self, identifier: ExtractId, principal: Principal, first: int = 0, last: int | None = None
    ) -> OpenDelivery:
        """Record the intent and return the content from byte ``first`` to ``last``, both inclusive.

        Not one byte can be read before the intent is durable (I3). Raises ``NotReadyError``,
        ``ExtractGoneError`` or ``ForbiddenError``.
        """
        extract = self.asked_for(identifier, principal)
        grant = self.grants.grant(extract.grant)
        try:
            decision = self._require(principal, Action.DELIVER_RELEASE, grant)
            self._check_deliverable(extract, grant)
            end = extract.size - 1 if last is None else min(last, extract.size - 1)
            if not 0 <= first <= max(end, 0):
                raise ParameterError("The range lies outside the file.", detail_zh="请求的范围超出文件。")
            source = self._open(extract)
        except GatewayError as error:
            self._refused(principal, grant, error, extract.id)
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
                raise gone()

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
            if isinstance(error, ForbiddenError | ExtractGoneError | WitnessSilentError | DamagedLogStopError):
                self._refused(principal, grant, error, extract.id)
            raise

        def unread() -> None:
            source.close()
            self._outcome(delivery, principal, links, Sent(DeliveryEnd.CLIENT_GONE))

        content = Content(self._stream(receipt, source, delivery, principal, links), unread)
        return OpenDelivery(extract, receipt, first, end, content)

    def look_at(self, identifier: ExtractId, principal: Principal) -> Extract:
        """Return an extract whose file the caller could fetch now; nothing is delivered by asking.

        Raises and records what ``deliver`` raises.
        """
        extract = self.asked_for(identifier, principal)
        grant = self.grants.grant(extract.grant)
        try:
            self._require(principal, Action.DELIVER_RELEASE, grant)
            self._check_deliverable(extract, grant)
        except GatewayError as error:
            self._refused(principal, grant, error, extract.id)
            raise
        return extract

    def _stream(
        self, receipt: Receipt, source: SealedSource, delivery: Delivery, principal: Principal, links: dict[str, str]
    ) -> Generator[bytes]:
        """Yield the bytes of a delivery. Takes the receipt of the intent: no receipt, no bytes.

        Before the first byte, and every few seconds after, the delivery is asked again: whoever withdraws a grant
        stops what is under way. A piece counts as sent when it is handed on: nobody knows how far it came.
        """
        self.journal_has(receipt)
        state = Sent(DeliveryEnd.ERROR)
        asked: datetime | None = None
        renewed = self.now()
        try:
            for piece in source.slices(delivery.first_byte, delivery.last_byte):
                if asked is None or abs(self.now() - asked) > timedelta(seconds=STILL_SECONDS):
                    asked = self.now()
                    self._still(delivery, principal)
                if self.now() - renewed > timedelta(seconds=self.book.parameters.lease_seconds / 4):
                    renewed = self.now()
                    self._renew(delivery)
                state.add(piece)
                yield piece
            state.end = DeliveryEnd.COMPLETE
        except GeneratorExit:
            state.end = DeliveryEnd.CLIENT_GONE
            raise
        except GatewayError as error:
            state.problem = type(error).__name__
            raise
        finally:
            source.close()
            self._outcome(delivery, principal, links, state)

    def _still(self, delivery: Delivery, principal: Principal) -> None:
        """Return when the delivery may go on; raises what ends it: a grant that ended, an extract that was deleted."""
        extract = self.reader.read(lambda tx: self.extracts.get(tx, delivery.extract))
        if extract is None or extract.state is not ExtractState.READY:
            raise gone()
        self._require(principal, Action.DELIVER_RELEASE, self.grants.grant(extract.grant))

    def journal_has(self, receipt: Receipt) -> None:
        """Refuse a receipt that no checkpoint covers."""
        if not 0 <= receipt.index < receipt.tree_size:
            raise ForbiddenError("No receipt, no bytes.", detail_zh="没有审计回执，不得提供数据。", rule="A50-10")

    def _renew(self, delivery: Delivery) -> None:
        self.scratch.write(lambda tx: self.extracts.renew(tx, delivery.id, self._lease()))

    def _outcome(self, delivery: Delivery, principal: Principal, links: dict[str, str], sent: Sent) -> None:
        def write(tx: Tx) -> None:
            self.extracts.end_delivery(tx, delivery.id, sent.end, sent.size)

        self.journal.record(write, outcome_entry(delivery, principal, links, sent))

    def _open(self, extract: Extract) -> SealedSource:
        if self.delivery_key is None:
            raise UnavailableError("This face hands out no files.", detail_zh="本端不提供文件领取。")
        key = FileKey.unwrap(extract.id, extract.wrapped_key, self.delivery_key)
        return SealedSource(self.file_of(extract.id), key, extract.size)
