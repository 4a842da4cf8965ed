"""``/v1/audit``: inspectors search the trail, read entries with proofs and take packages with them."""

from __future__ import annotations

import base64

from flask import Response
from werkzeug.exceptions import NotFound

from gateway.api.authentication import principal, services
from gateway.api.blueprints import BINARY, ApiBlueprint, content
from gateway.api.models import AuditEntryOut, AuditPageOut, AuditQueryIn, PackageIn, ProofOut
from gateway.api.models.audit import moment
from gateway.audit.errors import MalformedError
from gateway.audit.records import EntryView, SearchQuery
from gateway.policies.decision import Action
from gateway.policies.resources import audit_log_resource
from gateway.principals import Principal

OCTETS = "application/octet-stream"
blueprint = ApiBlueprint("audit", __name__, tag="Audit")


@blueprint.get("/v1/audit/entries")
@blueprint.input(AuditQueryIn, location="query")
@blueprint.output(AuditPageOut)
def search(query_data: AuditQueryIn) -> AuditPageOut:
    """Search the trail, newest first; the search is logged too."""
    wanted = query_data
    links = {
        name: value
        for name, value in (
            ("application", wanted.application),
            ("approver", wanted.approver),
            ("executor", wanted.executor),
            ("extract", wanted.extract),
            ("grant", wanted.grant),
            ("ground", wanted.ground),
            ("recipient", wanted.recipient),
            ("responsible", wanted.responsible),
        )
        if value is not None
    }
    page = services().audit.search(
        _may(Action.READ_AUDIT),
        SearchQuery(
            kind=wanted.kind,
            outcome=wanted.outcome,
            actor=wanted.actor,
            unit=wanted.unit,
            links=links,
            since=None if wanted.since is None else moment(wanted.since),
            until=None if wanted.until is None else moment(wanted.until),
            before=wanted.before,
            limit=wanted.limit,
        ),
    )
    return AuditPageOut(items=[_entry(view) for view in page.entries], before=page.before)


@blueprint.get("/v1/audit/entries/<int:index>")
@blueprint.output(AuditEntryOut)
def entry(index: int) -> AuditEntryOut:
    """Return one entry; the reading is logged too."""
    return _entry(services().audit.entry(_may(Action.READ_AUDIT), index).entry)


@blueprint.get("/v1/audit/entries/<int:index>/proof")
@blueprint.output(ProofOut)
def proof(index: int) -> ProofOut:
    """Return an entry's bytes with the inclusion proof and the signed checkpoint it leads to."""
    proven = services().audit.entry(_may(Action.READ_AUDIT), index)
    return ProofOut(
        index=index,
        entry=_text(proven.body),
        tree_size=proven.tree_size,
        root=_text(proven.root),
        proof=[_text(node) for node in proven.proof],
        checkpoint=proven.checkpoint,
        receipt=proven.receipt,
    )


@blueprint.get("/log/tile/entries/<path:tile>")
@blueprint.answers({200: content("The entries of a tile, each after its length in 16 bits", OCTETS, BINARY)})
def entry_bundle(tile: str) -> Response:
    """Return an entry bundle of the log (C2SP tlog-tiles), for inspectors; the reading is logged too."""
    who = _may(Action.EXPORT_AUDIT)
    try:
        entries = services().audit.entry_bundle(who, f"tile/entries/{tile}")
    except MalformedError:
        raise NotFound from None  # a path that names no bundle names nothing
    response = Response(entries, mimetype=OCTETS)
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/v1/audit/packages")
@blueprint.input(PackageIn)
@blueprint.answers({200: content("An inspection package", "application/zip", BINARY)})
def package(json_data: PackageIn) -> Response:
    """Return an inspection package: chosen entries with proofs, or the whole log."""
    content = services().audit.export(_may(Action.EXPORT_AUDIT), json_data.entries)
    response = Response(content, mimetype="application/zip")
    response.headers["Content-Disposition"] = 'attachment; filename="inspection.zip"'
    return response


def _may(action: Action) -> Principal:
    """Return the caller, whom the policies let do ``action`` on the log; raises ``ForbiddenError``."""
    who = principal()
    services().applications.enter(who, action, audit_log_resource())
    return who


def _entry(view: EntryView) -> AuditEntryOut:
    return AuditEntryOut(index=view.index, leaf_hash=_text(view.leaf_hash), content=dict(view.content))


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
