"""Offers: a right to fetch one batch of credentials, made by the school or by a guardian (OpenID4VCI 1.0 section 4).

An offer is shown as a link and six digits, apart. The link holds a random reference; from it, and only from it,
follows the pre-authorised code. Neither is kept: whoever reads the database can redeem nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from gateway.articles import keeps
from gateway.errors import NotFoundError, ParameterError
from gateway.identity import jws
from gateway.identity.claims import ACTIVE
from gateway.identity.configurations import CONFIGURATIONS, GUARDIAN, STUDENT
from gateway.identity.digests import digest_of
from gateway.identity.issuing.ports import IssuingRepository, MayOffer
from gateway.identity.issuing.records import TX_CODE_DIGITS, MadeOffer, Offer, OfferId
from gateway.identity.metadata import PRE_AUTHORIZED
from gateway.identity.ports import PupilView
from gateway.identity.records import IdentitySettings
from gateway.identity.trail import refusal
from gateway.ids import SubjectRef
from gateway.instants import seconds_text
from gateway.journal import EntryDraft, Journal
from gateway.principals import AccountKind, Principal

_TX_CODE = {
    "length": TX_CODE_DIGITS,
    "input_mode": "numeric",
    "description": f"学校另行告知的 {TX_CODE_DIGITS} 位验证码 / {TX_CODE_DIGITS} digits that you are told apart",
}


def code_of(reference: str) -> str:
    """Return the pre-authorised code that belongs to the reference of an offer; it tells nothing of the reference."""
    return jws.encode(bytes.fromhex(digest_of("pre-authorized code", reference)))


def code_hash(code: str) -> str:
    """Return what is kept of a code."""
    return digest_of(code)


def tx_hash(code: str, tx_code: str) -> str:
    """Return what is kept of a transaction code: without the code, which is not kept, it cannot be guessed."""
    return digest_of("tx_code", code, tx_code)


def document(issuer: str, configuration: str, code: str) -> dict[str, object]:
    """Return the credential offer (section 4.1.1)."""
    return {
        "credential_issuer": issuer,
        "credential_configuration_ids": [configuration],
        "grants": {PRE_AUTHORIZED: {"pre-authorized_code": code, "tx_code": _TX_CODE}},
    }


@keeps("A50-14")
@dataclass(frozen=True, slots=True)
class OfferDesk:
    """Makes offers. ``may_offer`` says who may, for whom."""

    settings: IdentitySettings
    journal: Journal
    store: IssuingRepository
    view: PupilView
    may_offer: MayOffer
    now: Callable[[], datetime]
    new_id: Callable[[], str] = lambda: secrets.token_hex(16)
    reference: Callable[[], str] = lambda: secrets.token_hex(16)
    digits: Callable[[], str] = lambda: f"{secrets.randbelow(10**TX_CODE_DIGITS):0{TX_CODE_DIGITS}}"

    def make(self, subject_ref: SubjectRef, by: Principal, configuration: str = STUDENT.id) -> MadeOffer:
        """Return an offer of one batch; see ``IssuingService.make_offer``."""
        if configuration not in CONFIGURATIONS:
            raise ParameterError(
                "There is no such credential configuration.",
                detail_zh="没有该凭证配置。",
                missing=("credential_configuration_id",),
            )
        row = self.view.pupil(subject_ref)
        # A pupil's own account is nobody's guardian, whatever its bond lets it hold.
        other = configuration == GUARDIAN.id and by.kind is AccountKind.PUPIL
        if row is None or row.get("state") != ACTIVE or other or not self.may_offer(by, subject_ref, row):
            error = NotFoundError(
                "No active record of a pupil in your charge; check the pupil and your unit.",
                detail_zh="未找到您负责的在籍学生，请核对学生与所在单位。",
                rule="A50-15",
            )
            self.journal.append(refusal("identity.offered", error, actor=by, subjects=(subject_ref,)))
            raise error
        now, reference, tx_code = self.now(), self.reference(), self.digits()
        code = code_of(reference)
        offer = Offer(
            id=OfferId(f"of-{self.new_id()}"),
            code_hash=code_hash(code),
            tx_hash=tx_hash(code, tx_code),
            configuration=configuration,
            subject_ref=subject_ref,
            made_by=by.account,
            made_at=now,
            expires_at=now + self.settings.offer_life,
        )
        self.journal.record(
            lambda tx: self.store.add_offer(tx, offer),
            EntryDraft(
                "identity.offered",
                by,
                facts={
                    "offer": offer.id,
                    "configuration": configuration,
                    "expires_at": seconds_text(offer.expires_at),
                },
                links={"executor": by.account},
                subjects=(subject_ref,),
            ),
        )
        address = f"{self.settings.issuer}/v1/identity/offers/{reference}"
        named = f"credential_offer_uri={quote(address, safe='')}"
        return MadeOffer(
            offer.id,
            configuration,
            offer.expires_at,
            tx_code,
            document(self.settings.issuer, configuration, code),
            address,
            f"openid-credential-offer://?{named}",
            f"{self.settings.issuer}/wallet#{named}",
        )
