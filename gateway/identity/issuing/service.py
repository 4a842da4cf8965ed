"""Use cases of issuing: what the school and a guardian do, and what wallets ask (Art. 50 ¶3; OpenID4VCI 1.0)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.errors import NotFoundError, UnavailableError
from gateway.identity.configurations import STUDENT
from gateway.identity.issuing.desk import WalletDesk
from gateway.identity.issuing.offers import OfferDesk
from gateway.identity.issuing.ports import IssuingRepository
from gateway.identity.issuing.records import CredentialAnswer, MadeOffer, Sent, TokenAnswer, TokenRequest
from gateway.ids import SubjectRef
from gateway.journal import EntryDraft, Journal
from gateway.principals import Principal


@dataclass(frozen=True, slots=True)
class IssuingService:
    """Issuing, as every face has it. ``offers`` is ``None`` on a face that makes none (outside)."""

    offers: OfferDesk | None
    desk: WalletDesk
    journal: Journal
    store: IssuingRepository
    now: Callable[[], datetime]

    def make_offer(self, subject_ref: SubjectRef, by: Principal, configuration: str = STUDENT.id) -> MadeOffer:
        """Return an offer of one batch for the pupil's wallet, or a guardian's; only digests of its codes are kept.

        Raises ``NotFoundError`` when there is no such pupil, the record is not active, or ``by`` has no charge
        of it: one answer for all. ``ParameterError`` for an unknown configuration, ``UnavailableError`` on a face
        that makes no offers.
        """
        if self.offers is None:
            raise UnavailableError(
                "This face makes no offers; ask the office or the family face.",
                detail_zh="本端不办理身份发放，请使用办公端或家庭端。",
            )
        return self.offers.make(subject_ref, by, configuration)

    def offer(self, reference: str) -> Mapping[str, object]:
        """Return the credential offer behind ``credential_offer_uri`` while it is open; raises ``NotFoundError``."""
        found = self.desk.offered(reference)
        if found is None:
            raise NotFoundError(
                "There is no such offer, or it was used or has expired; ask the school for a new one.",
                detail_zh="没有该发放记录，或已使用、已过期，请向学校重新申领。",
            )
        return found

    def nonce(self) -> str:
        """Return a nonce for key proofs, good for minutes, once."""
        return self.desk.nonce()

    def redeem(self, asked: TokenRequest) -> TokenAnswer:
        """Return an access token for a pre-authorised code. Raises ``WalletRefusedError``."""
        return self.desk.redeem(asked)

    def issue(self, sent: Sent, document: object) -> CredentialAnswer:
        """Return one credential for each key proof of a credential request. Raises ``WalletRefusedError``."""
        return self.desk.issue(sent, document)

    def notify(self, sent: Sent, document: object) -> None:
        """Take note of what became of a batch. Raises ``WalletRefusedError``."""
        self.desk.notify(sent, document)

    def end_all(self, subject_ref: SubjectRef, by: Principal) -> int:
        """End every live credential of a pupil at once, and all that could fetch new ones; return how many it was.

        Raises ``NotFoundError`` when ``by`` has no charge of the pupil, or the bond does not allow it.
        """
        ended = self.desk.end_all(subject_ref, by)
        if ended is None:
            raise NotFoundError(
                "No pupil in your charge whose identity you may end.",
                detail_zh="未找到您可终止其数字身份的学生。",
                rule="A50-15",
            )
        return ended

    def sweep(self) -> Mapping[str, int]:
        """Forget expired offers and access tokens; return row counts. For the worker's timer."""
        now = self.now()
        counts, _ = self.journal.record(
            lambda tx: self.store.sweep(tx, now),
            lambda found: EntryDraft("identity.swept", None, facts=dict(found)),
        )
        return counts
