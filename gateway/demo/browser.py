"""A browser for the demo's people: keeps cookies, follows no link by itself, sends the forms that a page shows."""

from __future__ import annotations

import html
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode, urlsplit

from gateway.remote import Answer, UnexpectedAnswerError

FORM = "application/x-www-form-urlencoded"
_HIDDEN = re.compile(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"')
_OK, _SEE_OTHER, _FOUND = 200, 303, 302


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Hands redirects to who asked."""

    def redirect_request(self, *_given: Any, **_named: Any) -> None:  # noqa: ANN401  urllib's own
        """Follow nothing."""
        return


class Browser:
    """Somebody's browser at the gateway."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> str:
        """Return the page at ``path``; raises ``UnexpectedAnswerError`` for anything but a page."""
        return self._page(self._send(urllib.request.Request(self.base + path)))  # noqa: S310  the demo's own address

    def followed(self, path: str) -> str:
        """Return the path to which ``path`` leads."""
        answer = self._send(urllib.request.Request(self.base + path))  # noqa: S310  the demo's own address
        if answer.status not in {_SEE_OTHER, _FOUND}:
            raise UnexpectedAnswerError(f"{answer.status} where a redirect was promised: {answer.body[:300]!r}")
        return urlsplit(answer.headers["Location"]).path

    def send(self, path: str, page: str, fields: Mapping[str, str]) -> Answer:
        """Send the form of ``page`` to ``path``: what it hides, and ``fields``."""
        shown = {name: html.unescape(value) for name, value in _HIDDEN.findall(page)}
        data = urlencode({**shown, **fields}).encode()
        request = urllib.request.Request(self.base + path, data=data, method="POST")  # noqa: S310  the demo's own address
        request.add_header("Content-Type", FORM)
        return self._send(request)

    def _send(self, request: urllib.request.Request) -> Answer:
        try:
            with self._opener.open(request, timeout=60) as response:
                return Answer(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    @staticmethod
    def _page(answer: Answer) -> str:
        if answer.status != _OK:
            raise UnexpectedAnswerError(f"{answer.status} where a page was promised: {answer.body[:300]!r}")
        return answer.body.decode()


def fields_of(answer: Answer) -> dict[str, str]:
    """Return what a page hides in its forms; raises ``UnexpectedAnswerError`` for anything but a page."""
    if answer.status != _OK:
        raise UnexpectedAnswerError(f"{answer.status} where a page was promised: {answer.body[:300]!r}")
    return {name: html.unescape(value) for name, value in _HIDDEN.findall(answer.body.decode())}
