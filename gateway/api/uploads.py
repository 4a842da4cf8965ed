"""Uploads that must never touch a disk in clear: lists of people are parsed in memory (I7)."""

from __future__ import annotations

import io
from typing import IO

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from gateway.releases.matches.records import MAX_LIST_BYTES

IN_MEMORY = frozenset({"console.matches.upload", "matches.create_match"})
"""Endpoints whose files are held in memory; of all others Werkzeug puts a large file into a temporary one."""
OVERHEAD = 64 << 10
"""What a form with a file is larger than the file."""


class GatewayRequest(Request):
    """A request whose lists stay in memory."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        """Return where a file of a form goes. Raises ``RequestEntityTooLarge`` for a list that is too large."""
        if self.endpoint not in IN_MEMORY:
            return super()._get_file_stream(total_content_length, content_type, filename, content_length)
        if total_content_length is None or total_content_length > MAX_LIST_BYTES + OVERHEAD:
            raise RequestEntityTooLarge
        return io.BytesIO()
