"""What a wallet tells of a batch: it holds it, it failed, it deleted it (OpenID4VCI 1.0 section 11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest

from gateway.articles import keeps
from gateway.errors import GatewayError
from gateway.identity.digests import digest_of
from gateway.identity.issuing import errors
from gateway.identity.issuing.ports import IssuingRepository
from gateway.identity.issuing.records import Access, NotifiedEvent, Sent
from gateway.identity.issuing.requests import read_notice
from gateway.identity.issuing.tokens import TokenDesk
from gateway.identity.records import CredentialId
from gateway.identity.trail import refusal
from gateway.journal import EntryDraft, Journal, Tx


@keeps("A50-15")
@dataclass(frozen=True, slots=True)
class NotificationDesk:
    """Records what wallets tell. ``end`` ends credentials and signs their lists, in the transaction it is given."""

    journal: Journal
    store: IssuingRepository
    tokens: TokenDesk
    end: Callable[[Tx, tuple[CredentialId, ...]], int]

    def notify(self, sent: Sent, document: object) -> None:
        """Record an event; credentials that the wallet deleted or could not use are ended at once.

        The same event once more changes nothing. Raises ``WalletRefusedError``.
        """
        access: Access | None = None
        try:
            access = self.tokens.holder(sent, late=True)
            notice = read_notice(document)
            if access.notification_hash is None or not compare_digest(
                access.notification_hash, digest_of("notification", notice.notification_id)
            ):
                raise errors.invalid_notification(known=False)
        except GatewayError as error:
            subjects = () if access is None else (access.subject_ref,)
            self.journal.append(refusal("identity.notified", error, subjects=subjects))
            raise
        found, event = access, notice.event

        def write(tx: Tx) -> int:
            self.store.notified(tx, found, event.value)
            return 0 if event is NotifiedEvent.ACCEPTED else self.end(tx, found.credentials)

        def entry(ended: int) -> EntryDraft:
            return EntryDraft(
                "identity.notified",
                None,
                facts={"offer": found.offer, "event": event.value, "ended": ended},
                subjects=(found.subject_ref,),
            )

        self.journal.record(write, entry)
