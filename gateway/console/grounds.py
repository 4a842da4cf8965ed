"""The form of a legal ground (A50-5 to A50-7) as a record."""

from __future__ import annotations

import hashlib
from typing import Literal, cast

from flask import request

from gateway.console import forms
from gateway.errors import ParameterError
from gateway.policies.grounds import ACTS
from gateway.policies.records import GovernmentApproval, Ground, StatuteGround


def parse() -> Ground:
    """Return the ground that was typed; raises ``ParameterError`` for a value that cannot be read.

    What is missing is left to the service: it names every part at once.
    """
    kind = request.form.get("kind")
    if kind == "statute":
        return StatuteGround(forms.text("legal_basis", longest=64), forms.day("determined_on"))
    if kind != "government":
        raise ParameterError(
            "Choose the kind of ground: law or regulation, or a government's approval.",
            detail_zh="请选择依据种类：法律法规，或人民政府批准。",
            missing=("ground",),
            rule="A50-5",
        )
    act = request.form.get("act", "")
    if act not in ACTS:
        raise ParameterError("Choose the kind of act.", detail_zh="请选择批准形式。", missing=("act",), rule="A50-7")
    return GovernmentApproval(
        act=cast('Literal["reply", "office_document", "minutes", "signed_sheet"]', act),
        government=forms.text("government", longest=80),
        division=forms.text("division", longest=12),
        document_number=forms.text("document_number", longest=80),
        signatory=forms.text("signatory", longest=80),
        dated=forms.day("dated"),
        valid_to=forms.day("valid_to"),
        scope_text=forms.text("scope_text", longest=4000),
        scan_sha256=_scan() or forms.text("scan_sha256", longest=64),
        fields=forms.some("approved_fields"),
    )


def _scan() -> str:
    """Return the SHA-256 of the scan that was uploaded, empty without one. The scan itself is not kept."""
    scan = request.files.get("scan")
    if scan is None or not scan.filename:
        return ""
    return hashlib.file_digest(scan.stream, "sha256").hexdigest()  # type: ignore[arg-type]  # werkzeug types it wider
