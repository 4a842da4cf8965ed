"""Somebody with a browser in a gateway of the API tests."""

from __future__ import annotations

import re
from typing import Any

from werkzeug.test import TestResponse

from tests.factories.api import Gateway


class Browser:
    """A signed-in person."""

    def __init__(self, world: Gateway, name: str) -> None:
        self._client = world.web()
        self._url = world.settings.public_url
        with self._client.session_transaction(base_url=self._url) as session:
            session["token"] = world.person(name)

    def cookie(self) -> str:
        """Return the session's cookie, for a real browser."""
        found = self._client.get_cookie("xueji", domain=self._url.split("/")[2].split(":")[0])
        assert found is not None
        return found.value

    def get(self, path: str) -> TestResponse:
        """Open a page."""
        return self._client.get(path, base_url=self._url)

    def post(self, path: str, form: dict[str, Any], *, page: str | None = None) -> TestResponse:
        """Send a form with the token that ``page`` gave, by default the page of the same path."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(page or path).text)
        assert found is not None
        return self._client.post(path, data={**form, "csrf": found[1]}, base_url=self._url)
