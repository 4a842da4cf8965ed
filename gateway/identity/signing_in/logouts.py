"""Telling relying parties that a sign-in is over (OpenID Connect Back-Channel Logout 1.0).

Whatever ended it: the person signed out here or at another relying party, withdrew the consent, lost the bond, or the
record ended. Which sign-ins are over is read from their rows and from the sessions, so no act has to remember to tell.
It is told where the signing key is, a few times, and to the registered address alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.errors import GatewayError
from gateway.identity.signing_in.id_tokens import IdTokens
from gateway.identity.signing_in.ports import LogoutRepository, Messenger
from gateway.identity.signing_in.records import Logout
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Scratch

WAITS: Final = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1))
"""Between one try and the next; after the last there is none."""
TRIES: Final = len(WAITS) + 1
AT_ONCE = 20
_TAKEN: Final = frozenset({200, 204})
"""Section 2.8; some frameworks answer 204."""
TOLD, FAILED = "told", "failed"


@dataclass(frozen=True, slots=True)
class LogoutDesk:
    """Sends logout tokens, each signed afresh."""

    store: LogoutRepository
    id_tokens: IdTokens
    messenger: Messenger
    journal: Journal
    reader: Reader
    scratch: Scratch
    now: Callable[[], datetime]
    new_id: Callable[[], str] = lambda: secrets.token_urlsafe(16)

    def tell(self) -> int:
        """Tell what is due; return how many relying parties took it. For the timer of who holds the key."""
        due = self.reader.read(lambda tx: self.store.logouts(tx, self.now(), AT_ONCE))
        return sum(self._tell(one) for one in due)

    def _tell(self, logout: Logout) -> bool:
        now, last = self.now(), logout.tries + 1 >= TRIES
        wait = WAITS[min(logout.tries, len(WAITS) - 1)]
        # Counted before it is sent: who is killed in between tries once less, and two never send one together.
        if not self.scratch.write(lambda tx: self.store.take_logout(tx, logout, now + wait)):
            return False
        problem = self._sent(logout, now)
        if problem is None or last:
            self._finish(logout, problem)
        return problem is None

    def _sent(self, logout: Logout, now: datetime) -> str | None:
        """Send a token; return why it was not taken, ``None`` if it was. Only the status is kept of the answer."""
        sign_in, subject = logout.sign_in, logout.sign_in.subject_ref
        sub = None
        if subject is not None:
            sub = self.reader.read(lambda tx: self.store.sub_of(tx, sign_in.sector, subject))
        token = self.id_tokens.logout(sign_in, sub, jti=self.new_id(), now=now)
        form: Mapping[str, str] = {"logout_token": token}
        try:
            status = self.messenger.post_form(logout.uri, form)
        except GatewayError:
            return "unreachable"
        return None if status in _TAKEN else f"status_{status}"

    def _finish(self, logout: Logout, problem: str | None) -> None:
        sign_in = logout.sign_in
        facts: dict[str, JsonValue] = {"sign_in": sign_in.id, "tries": logout.tries + 1}
        if problem is not None:
            facts["reason"] = problem
        self.journal.record(
            lambda tx: self.store.finish_logout(tx, sign_in.id, TOLD if problem is None else FAILED),
            EntryDraft(
                "identity.logout_told",
                None,
                "done" if problem is None else "failed",
                facts=facts,
                links={"recipient": str(sign_in.recipient), "executor": str(sign_in.client)},
                subjects=() if sign_in.subject_ref is None else (sign_in.subject_ref,),
            ),
        )
