"""Rate limits. The store is asked before anything else; without it nothing is answered (I8).

Everybody shares what an address may ask: a caller could make up tokens, so tokens do not count as long as nobody
checked them. A caller who proved who they are has an account of their own, whatever token they hold.
"""

from __future__ import annotations

import math
import time

from flask import Flask, request
from flask_limiter import Limiter
from limits import RateLimitItem, parse
from limits.errors import StorageError
from werkzeug.exceptions import TooManyRequests

from gateway.errors import UnavailableError
from gateway.principals import Principal

PER_ADDRESS = parse("6000 per minute")
PER_CALLER = parse("1200 per minute")
PER_RECIPIENT = parse("2400 per minute")
"""All accounts and clients of one recipient together: registering more systems gives no more."""
STRICT: dict[str, RateLimitItem] = {
    "certificates.check": parse("30 per minute"),
    "console.certificates.check": parse("30 per minute"),
    "console.auth.sign_in": parse("30 per minute"),
    "family_sessions.activate": parse("30 per minute"),
    "family_sessions.begin": parse("60 per minute"),
    "family_sessions.sign_in": parse("30 per minute"),
    "console.family.activate": parse("30 per minute"),
    "console.family.begin_sign_in": parse("60 per minute"),
    "console.family_card.check": parse("30 per minute"),
    "console.family.sign_in": parse("30 per minute"),
    "oauth.introspect": parse("600 per minute"),
    "oauth.revoke": parse("120 per minute"),
    "oauth.token": parse("120 per minute"),
    "oidc.push": parse("120 per minute"),
    "console.sign_in.agree": parse("60 per minute"),
    "console.auth.change_password": parse("30 per minute"),
    "sessions.change_password": parse("30 per minute"),
    "presentation_wallets.post_request": parse("120 per minute"),
    "presentation_wallets.respond": parse("120 per minute"),
    "wallets.issue_credentials": parse("30 per minute"),
    "wallets.make_nonce": parse("120 per minute"),
    "wallets.notify": parse("30 per minute"),
    "sessions.sign_in": parse("30 per minute"),
}
"""Endpoints at which guessing would pay, by address."""
STRICT_OF_CALLER: dict[str, RateLimitItem] = {
    "checks.create_check": parse("60 per minute"),
    "console.dry_runs.start": parse("10 per minute"),
    "console.matches.upload": parse("10 per minute"),
    "console.redactions.show": parse("60 per minute"),
    "dry_runs.start_dry_run": parse("10 per minute"),
    "console.verifier.ask": parse("60 per minute"),
    "identity.verify": parse("120 per minute"),
    "console.audit.by_pupil": parse("60 per minute"),
    "console.audit.presence": parse("60 per minute"),
    "presence.find_pupil": parse("60 per minute"),
    "presence.prove_presence": parse("60 per minute"),
    "presence.pupil_tags": parse("60 per minute"),
    "presentations.request_presentation": parse("120 per minute"),
    "matches.create_match": parse("10 per minute"),
    "redactions.preview_redaction": parse("60 per minute"),
    "console.statistics.ask": parse("30 per minute"),
    "statistics.ask_statistics": parse("60 per minute"),
}
"""The same for those that know their caller: by recipient where the caller acts for one, else by account."""
EXEMPT = frozenset({"system.healthz", "system.readyz", "system.metrics"})
"""What tells that the store is gone must not need it."""
_LOOPBACK = ("127.0.0.1", "::1")


class Limits:
    """The limits of one application on the store of its settings."""

    def __init__(self, app: Flask, store_url: str) -> None:
        options: dict[str, str | int] = {"wrap_exceptions": 1}
        if not store_url.startswith("memory:"):
            options |= {"socket_connect_timeout": 2, "socket_timeout": 2}
        # Flask-Limiter is given no limits: it keeps store and strategy; when and for whom to count is decided here.
        self._limiter = Limiter(
            address, app=app, storage_uri=store_url, storage_options=options, strategy="fixed-window"
        )

    def before_request(self) -> None:
        """Count the request for its address. Raises ``TooManyRequests`` or ``UnavailableError``."""
        endpoint = request.endpoint
        if endpoint is None or endpoint in EXEMPT:
            return
        where = address()
        self._hit(PER_ADDRESS, "address", where)
        strict = STRICT.get(endpoint)
        if strict is not None and request.method not in {"GET", "HEAD", "OPTIONS"}:
            self._hit(strict, endpoint, where)

    def spend(self, who: Principal) -> None:
        """Count the request for the caller, who is known by now. Raises what ``before_request`` raises."""
        self._hit(PER_CALLER, "caller", who.account)
        if who.recipient is not None:
            self._hit(PER_RECIPIENT, "recipient", who.recipient)
        strict = STRICT_OF_CALLER.get(request.endpoint or "")
        if strict is not None:
            self._hit(strict, request.endpoint or "", who.recipient or who.account)

    def state(self) -> str:
        """Return ``ok``, or what is wrong with the store."""
        try:
            return "ok" if self._limiter.storage.check() else "unreachable"
        except StorageError:
            return "unreachable"

    def _hit(self, limit: RateLimitItem, scope: str, key: str) -> None:
        try:
            if self._limiter.limiter.hit(limit, scope, key):
                return
            reset = self._limiter.limiter.get_window_stats(limit, scope, key).reset_time
        except (StorageError, OSError) as error:
            raise UnavailableError(
                "The rate-limit store does not answer; nothing is answered without it. Try again later.",
                detail_zh="限流存储不可用，请稍后再试。",
            ) from error
        raise TooOftenError(limit, scope, max(1, math.ceil(reset - time.time())))


class TooOftenError(TooManyRequests):
    """A limit is spent; the response says which, and when it begins anew."""

    def __init__(self, limit: RateLimitItem, scope: str, wait: int) -> None:
        super().__init__(retry_after=wait)
        self._fields = {
            "RateLimit-Policy": f'"{scope}";q={limit.amount};w={limit.get_expiry()}',
            "RateLimit": f'"{scope}";r=0;t={wait}',
        }

    def fields(self) -> dict[str, str]:
        """Return the fields ``RateLimit-Policy`` and ``RateLimit`` of draft-ietf-httpapi-ratelimit-headers."""
        return dict(self._fields)


def fields_of(error: Exception) -> dict[str, str]:
    """Return the header fields that tell of a spent limit; none for another error."""
    return error.fields() if isinstance(error, TooOftenError) else {}


def address() -> str:
    """Return where the request came from.

    The last hop of ``X-Forwarded-For`` counts only when the peer is loopback, a proxy of this host; anybody else
    could write what they like there.
    """
    peer = request.remote_addr or "unknown"
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return forwarded[:45] if forwarded and peer in _LOOPBACK else peer
