"""Use cases of a request for a presentation: make it, hand it to a wallet, take one answer, tell it once (A50-14)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

from joserfc.jwk import ECKey

from gateway.articles import keeps
from gateway.errors import GatewayError, NotFoundError, UnavailableError
from gateway.identity.claims import CLAIM_LABELS, GRANT_FIELDS, grant_fields
from gateway.identity.errors import CredentialRejectedError
from gateway.identity.lifecycle import asking_recipient
from gateway.identity.presenting import request_objects, responses
from gateway.identity.presenting.certificate import VerifierCertificate
from gateway.identity.presenting.ports import Gate, PresentationStore, Verifier
from gateway.identity.presenting.records import (
    LIFE,
    MAX_FETCHES,
    RELYING_PARTY_KEEPS,
    Choice,
    PresentationId,
    PresentationRow,
    Progress,
    Request,
    ResponseMode,
    Secrets,
    State,
)
from gateway.identity.presenting.responses import Refused, StrangerError
from gateway.identity.presenting.sealing import Box
from gateway.identity.records import IdentitySettings, VerificationAnswer
from gateway.identity.verify import UnverifiedPresentation
from gateway.ids import RecipientId
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Scratch
from gateway.policies.records import Grant
from gateway.principals import Principal
from rulebook import Rulebook

PURPOSE = "identity-verification"
PROFILE = "identity-check"


@keeps("A50-14")
@dataclass(frozen=True, slots=True)
class PresentationService:
    """Requests of one gateway. ``verifier`` answers for ``certificate.client_id`` and for no other audience."""

    settings: IdentitySettings
    certificate: VerifierCertificate
    verifier: Verifier
    gate: Gate
    store: PresentationStore
    box: Box
    journal: Journal
    reader: Reader
    scratch: Scratch
    book: Rulebook
    now: Callable[[], datetime]
    token: Callable[[], str] = lambda: secrets.token_urlsafe(32)
    new_id: Callable[[], str] = lambda: secrets.token_hex(16)
    new_key: Callable[[], ECKey] = lambda: ECKey.generate_key("P-256")

    # The asker

    def choices(self, who: Principal) -> tuple[Choice, ...]:
        """Return what ``who`` may ask for, grant by grant; raises ``ForbiddenError`` for who verifies nobody."""
        recipient = self._recipient(who, frozenset(CLAIM_LABELS))
        found = []
        for grant in self.gate.held(recipient, who):
            if grant.scope.profile != PROFILE:
                continue
            fields = frozenset(grant.scope.fields)
            claims = tuple(claim for claim in CLAIM_LABELS if GRANT_FIELDS.get(claim, claim) in fields)
            zh, en = self._purpose(grant.scope.purpose)
            found.append(Choice(grant.id, grant.scope.purpose, zh, en, claims, grant.uses_left))
        return tuple(found)

    def make(
        self,
        who: Principal,
        claims: Sequence[str],
        *,
        purpose: str = PURPOSE,
        mode: ResponseMode = ResponseMode.DIRECT_POST_JWT,
    ) -> Request:
        """Return a request for ``claims`` that a wallet may answer once, within five minutes.

        A standing grant of the recipient covers it, or nothing is made: raises ``ForbiddenError``, and
        ``ParameterError`` for a claim that does not exist. The use is taken when an answer is verified.
        """
        asked = tuple(dict.fromkeys(claims))
        try:
            recipient = self._recipient(who, frozenset(asked))
            grant = self.gate.standing(recipient, who, purpose, grant_fields(frozenset(asked)))
        except GatewayError as error:
            facts: dict[str, JsonValue] = {"purpose": purpose, "reason": type(error).__name__, "rule": error.rule}
            self.journal.append(EntryDraft("identity.presentation_requested", who, outcome="refused", facts=facts))
            raise
        now, identifier = self.now(), PresentationId(f"pr-{self.new_id()}")
        key = self.new_key() if request_objects.encrypted(mode) else None
        row = PresentationRow(
            id=identifier,
            account=who.account,
            recipient=recipient,
            grant=grant.id,
            purpose=purpose,
            claims=asked,
            mode=mode,
            secrets=self.box.seal_secrets(identifier, Secrets(self.token(), self.token(), who, key)),
            state=State.WAITING,
            fetches=0,
            made_at=now,
            expires_at=now + LIFE,
        )
        self.journal.record(
            lambda tx: self.store.add(tx, row),
            EntryDraft(
                "identity.presentation_requested",
                who,
                facts={"presentation": identifier, "purpose": purpose, "claims": [*sorted(asked)]},
                links={"grant": grant.id, "recipient": recipient, "executor": who.account},
            ),
        )
        return self._request(row)

    def request(self, presentation: PresentationId, who: Principal) -> Request:
        """Return again what the asker shows to a wallet; raises ``NotFoundError`` for everybody else."""
        return self._request(self._own(presentation, who))

    def progress(self, presentation: PresentationId, who: Principal, *, read: bool = True) -> Progress:
        """Return where a request stands, to its asker alone; with ``read`` the answer, the first time it is there.

        Raises ``NotFoundError`` for an unknown request and for another's.
        """
        row = self._own(presentation, who)
        state = self._state(row)
        told = Progress(row.id, state, row.expires_at, row.claims, row.reason, read=row.read_at is not None)
        if not read or state is not State.ANSWERED or row.answer is None:
            return told
        claims, verified_at, expires_at = self.box.open_answer(row.id, row.answer)
        links = {"grant": str(row.grant), "recipient": str(row.recipient), "executor": str(who.account)}
        taken, _ = self.journal.record(
            lambda tx: self.store.take(tx, row.id, self.now()),
            lambda first: EntryDraft(
                "identity.presentation_read", who, "done" if first else "refused", {"presentation": row.id}, links
            ),
        )
        if not taken:
            return Progress(row.id, state, row.expires_at, row.claims, row.reason, read=True)
        return Progress(row.id, state, row.expires_at, row.claims, row.reason, True, claims, verified_at, expires_at)

    # The wallet

    def request_object(self, presentation: PresentationId, wallet_nonce: str | None = None) -> str:
        """Return the signed request for the wallet; raises ``NotFoundError`` for every request that is not open."""
        now = self.now()
        row = self._row(presentation)
        if row is None or not self.scratch.write(lambda tx: self.store.fetch(tx, presentation, now, MAX_FETCHES)):
            raise _nothing()
        held = self.box.open_secrets(row.id, row.secrets)
        return request_objects.signed(
            row,
            held,
            certificate=self.certificate,
            vct=self.settings.vct,
            response_uri=f"{self._address(row.id)}/response",
            names=(self._grant(row, held).recipient_name, self._purpose(row.purpose)),
            wallet_nonce=wallet_nonce,
            now=now,
        )

    def respond(self, presentation: PresentationId, form: Mapping[str, Sequence[str]]) -> bool:
        """Take the one answer to a request; say whether the wallet did what was expected of it.

        ``False`` is all that a wallet learns of a failure; why, the asker is told (``progress``). A refusal by the
        holder is as good as an answer. Whoever does not know ``state`` changes nothing.
        """
        row = self._row(presentation)
        if row is None or self._state(row) not in {State.WAITING, State.FETCHED}:
            return False
        held = self.box.open_secrets(row.id, row.secrets)
        try:
            response = responses.read(form, held, row.mode)
        except StrangerError:
            return False
        if not self.scratch.write(lambda tx: self.store.begin(tx, row.id, self.now())):
            return False
        if response.presentation is None:
            refused = response.refused or Refused.MALFORMED_RESPONSE
            self._finish(row, held, refused.value, None)
            return refused in {Refused.DECLINED, Refused.WALLET_ERROR}
        reason, answer = self._verified(row, held, response.presentation)
        self._finish(row, held, reason, answer)
        return answer is not None

    def _verified(
        self, row: PresentationRow, held: Secrets, presentation: str
    ) -> tuple[str | None, VerificationAnswer | None]:
        try:
            answer = self.verifier.verify_online(
                UnverifiedPresentation(presentation),
                held.asker,
                audience=self.certificate.client_id,
                nonce=held.nonce,
                requested=frozenset(row.claims),
                purpose=row.purpose,
            )
        except CredentialRejectedError as error:
            return error.reason.value, None
        except UnavailableError:
            return Refused.UNAVAILABLE.value, None
        except GatewayError:
            return Refused.NOT_GRANTED.value, None
        return None, answer

    def _finish(
        self, row: PresentationRow, held: Secrets, reason: str | None, answer: VerificationAnswer | None
    ) -> None:
        sealed = None if answer is None else self.box.seal_answer(row.id, answer)
        state = State.REFUSED if answer is None else State.ANSWERED
        self.journal.record(
            lambda tx: self.store.finish(tx, row.id, state, reason=reason, answer=sealed, at=self.now()),
            EntryDraft(
                "identity.presentation_closed",
                held.asker,
                outcome="done" if answer is not None else "refused",
                facts={"presentation": row.id, "reason": reason},
                links={"grant": row.grant, "recipient": row.recipient, "executor": row.account},
            ),
        )

    # Parts

    def _recipient(self, who: Principal, claims: frozenset[str]) -> RecipientId:
        own = self.certificate.client_id
        return asking_recipient(who, claims, own, own=frozenset({own}))

    def _row(self, presentation: PresentationId) -> PresentationRow | None:
        return self.reader.read(lambda tx: self.store.get(tx, presentation))

    def _own(self, presentation: PresentationId, who: Principal) -> PresentationRow:
        row = self._row(presentation)
        if row is None or row.account != who.account or row.recipient != who.recipient:
            raise _nothing()
        return row

    def _state(self, row: PresentationRow) -> State:
        """Return where a request stands at this moment, as it is told."""
        now = self.now()
        if row.state is State.ANSWERED:
            late = row.answered_at is not None and row.read_at is None and row.answered_at + LIFE <= now
            return State.EXPIRED if late else State.ANSWERED
        if row.state is State.REFUSED:
            return State.REFUSED
        if row.expires_at <= now:
            return State.EXPIRED
        return State.FETCHED if row.state is State.ANSWERING else row.state

    def _grant(self, row: PresentationRow, held: Secrets) -> Grant:
        found = next((one for one in self.gate.held(row.recipient, held.asker) if one.id == row.grant), None)
        if found is None:  # withdrawn or suspended since: the wallet is asked nothing any more
            raise _nothing()
        return found

    def _purpose(self, code: str) -> tuple[str, str]:
        known = self.book.purposes[code]
        return known.label, known.label_en

    def _address(self, presentation: PresentationId) -> str:
        return f"{self.settings.issuer}/v1/identity/presentations/{presentation}"

    def _request(self, row: PresentationRow) -> Request:
        request_uri = f"{self._address(row.id)}/request"
        parameters = urlencode({"client_id": self.certificate.client_id, "request_uri": request_uri})
        zh, en = self._purpose(row.purpose)
        return Request(
            id=row.id,
            client_id=self.certificate.client_id,
            request_uri=request_uri,
            uri=f"openid4vp://?{parameters}",
            link=f"{self.settings.issuer}/wallet#openid4vp={quote(parameters, safe='')}",
            expires_at=row.expires_at,
            claims=row.claims,
            grant=row.grant,
            purpose=row.purpose,
            purpose_zh=zh,
            purpose_en=en,
        )


def sweep(store: PresentationStore, scratch: Scratch, now: datetime) -> int:
    """Remove answers that nobody read within five minutes, and rows an hour old; return how many rows went."""
    return scratch.write(lambda tx: store.sweep(tx, answers_before=now - LIFE, rows_before=now - RELYING_PARTY_KEEPS))


def _nothing() -> NotFoundError:
    return NotFoundError("There is no such request.", detail_zh="没有该核验请求。")
