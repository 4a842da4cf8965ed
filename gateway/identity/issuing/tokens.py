"""The pre-authorised code grant and the access tokens it gives (OpenID4VCI 1.0 section 6).

A token is opaque, short-lived, good for one batch, and bound to a key when the wallet proves one (RFC 9449). The
transaction code is judged in the transaction that counts the try, under the lock of the offer's row: guesses at the
same time get no more tries than guesses in a row.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest

from gateway.accounts import dpop
from gateway.accounts.errors import ProofRefusedError
from gateway.articles import keeps
from gateway.errors import GatewayError
from gateway.identity import jws
from gateway.identity.configurations import CONFIGURATIONS
from gateway.identity.digests import digest_of
from gateway.identity.dpop_once import use_proof
from gateway.identity.issuing import errors, offers
from gateway.identity.issuing.ports import IssuingRepository
from gateway.identity.issuing.records import (
    MAX_TRIES,
    TX_CODE_DIGITS,
    Access,
    Offer,
    Sent,
    TokenAnswer,
    TokenRequest,
)
from gateway.identity.ports import IdentityRepository
from gateway.identity.records import IdentitySettings
from gateway.identity.trail import refusal
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Scratch, Tx

DETAIL_TYPE = "openid_credential"
_LONGEST = 200
"""Of a code or a token; ours are 43 characters long."""


@keeps("A50-14")
@dataclass(frozen=True, slots=True)
class TokenDesk:
    """Redeems codes and recognises the tokens it gave."""

    settings: IdentitySettings
    journal: Journal
    reader: Reader
    scratch: Scratch
    store: IssuingRepository
    rows: IdentityRepository
    now: Callable[[], datetime]
    token: Callable[[], str] = lambda: secrets.token_urlsafe(32)

    def offered(self, reference: str) -> dict[str, object] | None:
        """Return the offer of a reference while it is open, ``None`` otherwise (section 4.1.3)."""
        code = offers.code_of(reference)
        found = self._offer(code)
        if found is None or not found.open_at(self.now()):
            return None
        return offers.document(self.settings.issuer, found.configuration, code)

    def redeem(self, asked: TokenRequest) -> TokenAnswer:
        """Return an access token for a code and its transaction code. Raises ``WalletRefusedError``.

        A refusal is recorded, with the pupil where the code is one of ours. A wrong transaction code counts; a missing
        one does not.
        """
        found: Offer | None = None
        try:
            if not asked.code or len(asked.code) > _LONGEST:
                raise errors.invalid_request("Send pre-authorized_code.", "请提交 pre-authorized_code。")
            found = self._offer(asked.code)
            now = self.now()
            if found is None or not found.open_at(now):
                raise errors.invalid_grant()
            if not asked.tx_code or len(asked.tx_code) > _LONGEST:
                raise errors.invalid_request(
                    f"Send tx_code: the {TX_CODE_DIGITS} digits that came apart from the link.",
                    f"请提交 tx_code，即另行告知的 {TX_CODE_DIGITS} 位验证码。",
                )
            by_identifier = asked.details is not None
            if asked.details is not None:
                _check_details(asked.details, found)
            proof = None if asked.shown.header is None else self._proof(asked.shown, now)
            answer = self._redeem(found, asked.code, asked.tx_code, by_identifier, proof, now)
        except GatewayError as error:
            subjects = () if found is None else (found.subject_ref,)
            facts: dict[str, JsonValue] = {} if found is None else {"offer": found.id}
            self.journal.append(refusal("identity.authorized", error, subjects=subjects, facts=facts))
            raise
        if answer is None:  # recorded with the try that it counted
            raise errors.invalid_grant()
        return answer

    def holder(self, sent: Sent, *, late: bool = False) -> Access:
        """Return the access token that ``sent`` is, its key proven. Raises ``WalletRefusedError``.

        ``late`` is for notifications, which come when the batch was fetched: as long as its credentials may live.
        """
        now = self.now()
        found = None
        if 0 < len(sent.token) <= _LONGEST:
            found = self.reader.read(lambda tx: self.store.access(tx, digest_of(sent.token)))
        if found is None or (found.kept_until if late else found.expires_at) <= now:
            raise errors.invalid_token()
        if sent.scheme != ("bearer" if found.jkt is None else "dpop"):
            raise errors.invalid_token()  # a bound token without its key, or a proof for one that is not bound
        if not late and found.used_at is not None:
            raise errors.invalid_token()
        if found.jkt is not None:
            try:
                proof = dpop.verify(sent.shown, now=now.timestamp(), token=sent.token, jkt=found.jkt)
            except ProofRefusedError as error:
                raise errors.dpop_refused(error) from error
            if not self.scratch.write(lambda tx: use_proof(self.rows, tx, proof)):
                raise errors.dpop_refused(dpop.refusal("replayed"))
        return found

    def _redeem(
        self, offer: Offer, code: str, tx_code: str, by_identifier: bool, proof: dpop.Proof | None, now: datetime
    ) -> TokenAnswer | None:
        """Return the token, ``None`` for a wrong transaction code, which is counted and recorded."""
        value = self.token()
        expires = now + self.settings.access_life
        access = Access(
            token_hash=digest_of(value),
            offer=offer.id,
            configuration=offer.configuration,
            by_identifier=by_identifier,
            subject_ref=offer.subject_ref,
            made_by=offer.made_by,
            jkt=None if proof is None else proof.jkt,
            issued_at=now,
            expires_at=expires,
            kept_until=expires,
        )
        right = compare_digest(offers.tx_hash(code, tx_code), offer.tx_hash)

        def write(tx: Tx) -> bool:
            if not self.store.take_try(tx, offer.id, now):
                raise errors.invalid_grant()
            if not right:
                return False
            if proof is not None and not use_proof(self.rows, tx, proof):
                raise errors.dpop_refused(dpop.refusal("replayed"))
            if not self.store.redeem_offer(tx, offer.id, now):
                raise errors.invalid_grant()
            self.store.add_access(tx, access)
            return True

        def entry(done: bool) -> EntryDraft:
            facts: dict[str, JsonValue] = {"offer": offer.id, "configuration": offer.configuration}
            facts |= {"bound": proof is not None} if done else {"reason": "tx_code", "allowed": MAX_TRIES, "rule": None}
            return EntryDraft(
                "identity.authorized",
                None,
                "done" if done else "refused",
                facts=facts,
                links={"executor": offer.made_by},
                subjects=(offer.subject_ref,),
            )

        done, _ = self.journal.record(write, entry)
        if not done:
            return None
        details: tuple[dict[str, object], ...] = ()
        if by_identifier:
            configuration = CONFIGURATIONS[offer.configuration]
            details = (
                {
                    "type": DETAIL_TYPE,
                    "credential_configuration_id": configuration.id,
                    "credential_identifiers": [configuration.identifier],
                },
            )
        return TokenAnswer(value, proof is not None, int(self.settings.access_life.total_seconds()), details)

    def _offer(self, code: str) -> Offer | None:
        return self.reader.read(lambda tx: self.store.offer_by_code(tx, offers.code_hash(code)))

    def _proof(self, shown: dpop.Shown, now: datetime) -> dpop.Proof:
        try:
            return dpop.verify(shown, now=now.timestamp())
        except ProofRefusedError as error:
            raise errors.dpop_refused(error) from error


def _check_details(text: str, offer: Offer) -> None:
    """Raise ``WalletRefusedError`` unless ``authorization_details`` name the offer's configuration (section 5.1.1)."""
    try:
        details = jws.load(text.encode())
    except (jws.MalformedTokenError, UnicodeEncodeError):
        raise errors.invalid_details() from None
    if not isinstance(details, list) or len(details) != 1 or not isinstance(details[0], dict):
        raise errors.invalid_details()
    detail = details[0]
    if (detail.get("type"), detail.get("credential_configuration_id")) != (DETAIL_TYPE, offer.configuration):
        raise errors.invalid_details()
