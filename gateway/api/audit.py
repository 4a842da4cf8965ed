"""``/v1/audit``: inspectors search the trail, read entries with proofs and take packages with them."""

from __future__ import annotations

import base64

from flask import Response
from werkzeug.exceptions import NotFound

from gateway.api.authentication import principal, services
from gateway.api.blueprints import BINARY, ApiBlueprint, content
from gateway.api.models import (
    AuditEntryOut,
    AuditListingIn,
    AuditPageOut,
    AuditQueryIn,
    AuditSearchIn,
    ChainOut,
    PackageIn,
    ProofOut,
)
from gateway.audit.errors import MalformedError
from gateway.audit.listing import LISTING_TYPES, ListingForm
from gateway.audit.records import EntryView
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
    return _page(query_data)


@blueprint.post("/v1/audit/searches")
@blueprint.input(AuditSearchIn)
@blueprint.output(AuditPageOut)
def search_subject(json_data: AuditSearchIn) -> AuditPageOut:
    """Search the trail, by pupil too; the search is logged, as a reading of that pupil."""
    return _page(json_data)


def _page(wanted: AuditQueryIn) -> AuditPageOut:
    page = services().audit.search(_may(Action.READ_AUDIT), wanted.to_query())
    return AuditPageOut(
        items=[_entry(view) for view in page.entries],
        before=page.before,
        lost_epochs=list(page.lost_epochs),
        complete_to=page.size,
        root=_text(page.root),
    )


@blueprint.post("/v1/audit/listings")
@blueprint.input(AuditListingIn)
@blueprint.answers({200: content("The entries that a search finds, as csv or, by format, as json", "text/csv", BINARY)})
def listing(json_data: AuditListingIn) -> Response:
    """Return what a search finds as a file, at most 10,000 entries; question and file are logged."""
    form = ListingForm(json_data.format)
    found = services().audit.listing(_may(Action.EXPORT_AUDIT), json_data.to_query(), form)
    response = Response(found, mimetype=LISTING_TYPES[form])
    response.headers["Content-Disposition"] = f'attachment; filename="entries.{form.value}"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/v1/audit/chains/<identifier>")
@blueprint.output(ChainOut)
def chain(identifier: str) -> ChainOut:
    """Return the chain of responsibility of an application, a grant or an extract; the reading is logged too."""
    return ChainOut.of(services().audit.chain(_may(Action.READ_AUDIT), identifier))


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
