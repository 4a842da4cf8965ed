"""Who answers wallets: the process that holds the issuer's key, and the others by asking the worker (design 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from gateway.accounts.dpop import Shown
from gateway.errors import UnavailableError
from gateway.identity.errors import WalletRefusedError
from gateway.identity.issuing.credentials import CredentialDesk
from gateway.identity.issuing.ending import EndingDesk
from gateway.identity.issuing.notifications import NotificationDesk
from gateway.identity.issuing.records import CredentialAnswer, Sent, TokenAnswer, TokenRequest
from gateway.identity.issuing.tokens import TokenDesk
from gateway.ids import AccountId, SubjectRef
from gateway.instants import instant_of, seconds_text
from gateway.principals import FAMILIES, AccountKind, Principal, Role

END = "identity-end"
OFFER, NONCE, TOKEN = "wallet-offer", "wallet-nonce", "wallet-token"
CREDENTIALS, NOTIFICATION = "wallet-credentials", "wallet-notification"
"""The kinds of questions by which another face asks the worker."""


class WalletDesk(Protocol):
    """What wallets are answered. All but ``offered`` raise ``WalletRefusedError``, and ``UnavailableError``."""

    def offered(self, reference: str) -> Mapping[str, object] | None:
        """Return the offer of a reference, ``None`` when there is none that is open."""

    def nonce(self) -> str:
        """Return a nonce for key proofs."""

    def redeem(self, asked: TokenRequest) -> TokenAnswer:
        """Return an access token for a pre-authorised code."""

    def issue(self, sent: Sent, document: object) -> CredentialAnswer:
        """Return a batch of credentials."""

    def notify(self, sent: Sent, document: object) -> None:
        """Take note of what became of a batch."""

    def end_all(self, subject_ref: SubjectRef, by: Principal) -> int | None:
        """End a pupil's identity; return how many credentials it was, ``None`` when ``by`` may not."""


class Broker(Protocol):
    """The way to the worker (``gateway.broker.service.Asker``)."""

    def ask(self, kind: str, body: Mapping[str, object]) -> object:
        """Return the worker's answer; raises ``UnavailableError`` when there is none in time."""


@dataclass(frozen=True, slots=True)
class LocalDesk:
    """Answers by itself: office, worker and ``all``."""

    tokens: TokenDesk
    credentials: CredentialDesk
    notifications: NotificationDesk
    ending: EndingDesk

    def offered(self, reference: str) -> Mapping[str, object] | None:
        """Return the offer of a reference, ``None`` when there is none that is open."""
        return self.tokens.offered(reference)

    def nonce(self) -> str:
        """Return a nonce for key proofs."""
        return self.credentials.nonce()

    def redeem(self, asked: TokenRequest) -> TokenAnswer:
        """Return an access token for a pre-authorised code."""
        return self.tokens.redeem(asked)

    def issue(self, sent: Sent, document: object) -> CredentialAnswer:
        """Return a batch of credentials."""
        return self.credentials.issue(sent, document)

    def notify(self, sent: Sent, document: object) -> None:
        """Take note of what became of a batch."""
        self.notifications.notify(sent, document)

    def end_all(self, subject_ref: SubjectRef, by: Principal) -> int | None:
        """End a pupil's identity; return how many credentials it was, ``None`` when ``by`` may not."""
        return self.ending.end_all(subject_ref, by)


@dataclass(frozen=True, slots=True)
class RemoteDesk:
    """Answers by asking the worker, under seal: outside and family."""

    broker: Broker

    def offered(self, reference: str) -> Mapping[str, object] | None:
        """Return the offer of a reference, ``None`` when there is none that is open."""
        return cast("Mapping[str, object] | None", self._told(OFFER, {"reference": reference}))

    def nonce(self) -> str:
        """Return a nonce for key proofs."""
        return str(self._told(NONCE, {}))

    def redeem(self, asked: TokenRequest) -> TokenAnswer:
        """Return an access token for a pre-authorised code."""
        body = {**_shown(asked.shown), "code": asked.code, "tx_code": asked.tx_code, "details": asked.details}
        value, bound, seconds, details = cast(
            "tuple[str, bool, int, list[Mapping[str, object]]]", self._told(TOKEN, body)
        )
        return TokenAnswer(value, bound, seconds, tuple(details))

    def issue(self, sent: Sent, document: object) -> CredentialAnswer:
        """Return a batch of credentials."""
        told = self._told(CREDENTIALS, {**_sent(sent), "document": document})
        credentials, notification, expires = cast("tuple[Sequence[str], str, str]", told)
        return CredentialAnswer(tuple(credentials), notification, instant_of(expires))

    def notify(self, sent: Sent, document: object) -> None:
        """Take note of what became of a batch."""
        self._told(NOTIFICATION, {**_sent(sent), "document": document})

    def end_all(self, subject_ref: SubjectRef, by: Principal) -> int | None:
        """End a pupil's identity; return how many credentials it was, ``None`` when ``by`` may not.

        Only families ask from here; the worker looks at their bond again.
        """
        if by.kind not in FAMILIES:
            return None
        body = {"subject_ref": subject_ref, "account": by.account, "kind": by.kind.value, "assurance": by.assurance}
        return cast("int | None", self._told(END, body))

    def _told(self, kind: str, body: Mapping[str, object]) -> object:
        answer = self.broker.ask(kind, body)
        if not isinstance(answer, dict):
            raise UnavailableError("The worker's answer is none.", detail_zh="工作进程的应答无效。")
        refused = cast("Mapping[str, str] | None", answer.get("refused"))
        if refused is not None:
            raise WalletRefusedError(refused["code"], refused["detail"], refused["detail_zh"])
        return answer.get("told")


def wallet_handlers(desk: WalletDesk) -> Mapping[str, Callable[[Mapping[str, object]], object]]:
    """Return what answers the questions of ``RemoteDesk`` at the worker, by kind."""

    def redeem(body: Mapping[str, object]) -> object:
        asked = TokenRequest(_shown_in(body), _text(body, "code"), _text(body, "tx_code"), _text(body, "details"))
        answer = desk.redeem(asked)
        return [answer.value, answer.bound, answer.expires_in, list(answer.details)]

    def issue(body: Mapping[str, object]) -> object:
        answer = desk.issue(_sent_in(body), body["document"])
        return [list(answer.credentials), answer.notification_id, seconds_text(answer.expires_at)]

    return {
        OFFER: _answering(lambda body: desk.offered(str(body["reference"]))),
        NONCE: _answering(lambda _: desk.nonce()),
        TOKEN: _answering(redeem),
        CREDENTIALS: _answering(issue),
        END: _answering(lambda body: desk.end_all(SubjectRef(str(body["subject_ref"])), _family_in(body))),
        NOTIFICATION: _answering(lambda body: desk.notify(_sent_in(body), body["document"])),
    }


def _answering(
    handle: Callable[[Mapping[str, object]], object],
) -> Callable[[Mapping[str, object]], object]:
    """Return a handler whose refusals are answers: the broker itself carries no error of a wallet."""

    def answer(body: Mapping[str, object]) -> object:
        try:
            return {"told": handle(body)}
        except WalletRefusedError as error:
            return {"refused": {"code": error.code, "detail": error.detail, "detail_zh": error.detail_zh}}

    return answer


def _shown(shown: Shown) -> dict[str, object]:
    return {"dpop": shown.header, "method": shown.method, "uri": shown.uri}


def _shown_in(body: Mapping[str, object]) -> Shown:
    return Shown(_text(body, "dpop"), str(body["method"]), str(body["uri"]))


def _sent(sent: Sent) -> dict[str, object]:
    return {**_shown(sent.shown), "token": sent.token, "scheme": sent.scheme}


def _sent_in(body: Mapping[str, object]) -> Sent:
    return Sent(str(body["token"]), str(body["scheme"]), _shown_in(body))


def _family_in(body: Mapping[str, object]) -> Principal:
    kind = AccountKind(str(body["kind"]))
    if kind not in FAMILIES:
        raise UnavailableError("Only families ask by this door.", detail_zh="仅家庭账号可由此办理。")
    assurance = int(str(body["assurance"]))
    return Principal(AccountId(str(body["account"])), kind, frozenset({Role(kind.value)}), assurance=assurance)


def _text(body: Mapping[str, object], name: str) -> str | None:
    value = body[name]
    return None if value is None else str(value)
