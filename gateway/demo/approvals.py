"""The scan of an approval for the demo: an invented document, marked as such on its face, handed in over HTTP."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime
from uuid import uuid4

import pylopdf_fonts_zh_cn as fonts
from fpdf import FPDF

from gateway.demo import people
from gateway.remote import Caller, UnexpectedAnswerError, send

_CREATED = 201


def scan_of(ground: dict[str, object]) -> bytes:
    """Return the approval ``ground`` as a page of PDF; the same ground gives the same bytes."""
    page = FPDF(format="A4")
    page.set_creation_date(datetime(2026, 2, 10, tzinfo=UTC))
    page.add_font("zh", fname=fonts.serif_path())
    page.add_page()
    page.set_font("zh", size=20)
    page.multi_cell(0, 14, str(ground["government"]), align="C", new_x="LMARGIN", new_y="NEXT")
    page.set_font("zh", size=12)
    for line in (
        str(ground["document_number"]),
        "关于同意提供学籍信息的批复（演示用，内容虚构）",
        str(ground["scope_text"]),
        f"签发：{ground['signatory']}　{ground['dated']}　有效期至 {ground['valid_to']}",
    ):
        page.multi_cell(0, 12, line, new_x="LMARGIN", new_y="NEXT")
    return bytes(page.output())


def hand_in(caller: Caller, application: str, ground: dict[str, object]) -> dict[str, object]:
    """Hand the scan of ``ground`` in for an application; return the ground with the hash that came back.

    Raises ``UnexpectedAnswerError`` when it is not taken, or when another hash comes back.
    """
    content = scan_of(ground)
    boundary = uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="approval.pdf"\r\n'
        "Content-Type: application/pdf\r\n\r\n"
    )
    body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    path = f"{caller.base}/v1/applications/{application}/scans"
    request = urllib.request.Request(path, data=body, method="POST")  # noqa: S310  the demo's own address
    request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
    request.add_header("Authorization", f"Bearer {caller.token}")
    answer = send(request)
    if answer.status != _CREATED:
        raise UnexpectedAnswerError(f"scan: {answer.status} {answer.body[:300]!r}")
    found = json.loads(answer.body)["sha256"]
    if found != people.sha256(content):
        raise UnexpectedAnswerError("the hash of the scan is another one")
    return {**ground, "scan_sha256": found}
