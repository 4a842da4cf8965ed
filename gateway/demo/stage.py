"""What the steps of the demo share: who acts, what was made so far, and how an answer is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyotp

from gateway.bootstrap import Process
from gateway.demo import people
from gateway.identity.holder import Wallet
from gateway.remote import Answer, Caller, Client, UnexpectedAnswerError
from gateway.settings import Settings

PREPARE_SECONDS = 60


@dataclass
class Stage:
    """What the steps share and leave behind."""

    directory: Path
    settings: Settings
    base: str
    process: Process
    officers: dict[str, people.Officer]
    clients: dict[str, people.Client]
    tokens: dict[str, str] = field(default_factory=dict, repr=False)
    grants: dict[str, str] = field(default_factory=dict)
    tried: dict[str, dict[str, object]] = field(default_factory=dict)
    """Application -> its dry run, where one was made before the decision."""
    extracts: list[dict[str, str]] = field(default_factory=list)
    identity: dict[str, object] = field(default_factory=dict, repr=False)
    log: dict[str, str] = field(default_factory=dict)
    wallet: Wallet = field(default_factory=Wallet, repr=False)
    family: dict[str, object] = field(default_factory=dict, repr=False)
    sign_in: dict[str, object] = field(default_factory=dict, repr=False)
    student: str = ""
    young: str = field(default="", repr=False)
    """The pupil of the family."""
    number: int = 0

    def officer(self, name: str) -> Caller:
        """Return an officer who signed in with password and one-time code."""
        if name not in self.tokens:
            one = self.officers[name]
            body = {"username": one.username, "password": one.password}
            if one.totp_secret is not None:
                body["totp"] = pyotp.TOTP(one.totp_secret).now()
            self.tokens[name] = Caller(self.base).call("POST", "/v1/sessions", body, expect=201).text("token")
        return Caller(self.base, self.tokens[name])

    def client(self, name: str, *details: dict[str, object]) -> Caller:
        """Return a recipient's system with a fresh access token, bound to a key; ``details`` are what it is for."""
        one = self.clients[name]
        return Client(self.base, one.client_id, one.key, details).caller()


def awaited(
    ask: Callable[[], dict[str, object]], is_done: Callable[[dict[str, object]], bool], what: str
) -> dict[str, object]:
    """Ask until the answer is done and return it; raises ``UnexpectedAnswerError`` when ``what`` fails or lasts."""
    deadline = time.monotonic() + PREPARE_SECONDS
    while time.monotonic() < deadline:
        found = ask()
        if is_done(found):
            return found
        if found.get("state") == "failed":
            raise UnexpectedAnswerError(f"{what} failed: {found['failure']}")
        time.sleep(0.1)
    raise UnexpectedAnswerError(f"{what} takes too long")


def ready(caller: Caller, identifier: str) -> dict[str, object]:
    """Return an extract once it is prepared."""
    return awaited(
        lambda: caller.call("GET", f"/v1/extracts/{identifier}").json(),
        lambda extract: extract["state"] == "ready",
        "the preparation",
    )


def problem(what: str, answer: Answer) -> str:
    """Return a refusal as a line: status, text, rule, what is missing."""
    document = answer.json()
    missing = document.get("missing")
    tail = f" 缺少 missing: {', '.join(missing)}" if isinstance(missing, list) and missing else ""
    return (
        f"{what}: {answer.status} {document.get('detail_zh') or document['title']} [{document.get('rule', '')}]{tail}"
    )
