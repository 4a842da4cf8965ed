"""``/v1/applications/{id}/scans`` and the trial of a ground: what an officer needs before recording one."""

from __future__ import annotations

from apiflask.fields import UploadFile
from flask import Response

from gateway.api.authentication import principal, services
from gateway.api.blueprints import BINARY, ApiBlueprint
from gateway.api.models import (
    GroundProblemOut,
    GroundTrialIn,
    GroundTrialOut,
    Model,
    RecordedGroundOut,
    ScanList,
    ScanOut,
)
from gateway.api.models.grounds import ground_out
from gateway.errors import UnavailableError
from gateway.ids import ApplicationId
from gateway.policies.scans import SUFFIXES, ScanService

blueprint = ApiBlueprint("grounds", __name__, tag="Grounds")


class ScanForm(Model):
    """A scan of a government's approval, as ``multipart/form-data``: PDF, PNG or JPEG of at most 20 MB."""

    file: UploadFile


@blueprint.get("/v1/applications/<application_id>/basis")
@blueprint.output(RecordedGroundOut)
def get_ground(application_id: str) -> RecordedGroundOut:
    """Show the ground that was recorded, and whether the scan of an approval is held."""
    applications = services().applications
    found = applications.get(principal(), ApplicationId(application_id))
    return RecordedGroundOut(
        application=found.id,
        ground=None if found.ground is None else ground_out(found.ground, services().book.divisions),
        recorder=found.ground_recorder,
        confirmer=found.ground_confirmer,
        scan_held=applications.scan_held(found),
    )


@blueprint.post("/v1/applications/<application_id>/basis/trial")
@blueprint.input(GroundTrialIn)
@blueprint.output(GroundTrialOut)
def try_ground(application_id: str, json_data: GroundTrialIn) -> GroundTrialOut:
    """Say everything that is wrong with a ground before it is recorded; nothing is kept."""
    found = services().applications.ground_problems(
        principal(), ApplicationId(application_id), json_data.ground.to_record()
    )
    return GroundTrialOut(holds=not found, problems=[GroundProblemOut.of(one) for one in found])


@blueprint.post("/v1/applications/<application_id>/scans")
@blueprint.input(ScanForm, location="form_and_files")
@blueprint.output(ScanOut, status_code=201)
def hand_in_scan(application_id: str, form_and_files_data: ScanForm) -> ScanOut:
    """Hand in the scan of an approval; it is kept sealed, its SHA-256 comes back. The same file is the same scan."""
    sent = form_and_files_data.file
    content = sent.read()
    sent.close()  # its own temporary file, if it was large
    return ScanOut.of(scans().hand_in(principal(), ApplicationId(application_id), sent.mimetype, content))


@blueprint.get("/v1/applications/<application_id>/scans")
@blueprint.output(ScanList)
def list_scans(application_id: str) -> ScanList:
    """List the scans of an application, without their content."""
    found = scans().listed(principal(), ApplicationId(application_id))
    return ScanList(items=[ScanOut.of(one) for one in found])


@blueprint.get("/v1/applications/<application_id>/scans/<scan_id>/content")
@blueprint.answers(
    {200: {"description": "The scan", "content": {media_type: {"schema": BINARY} for media_type in SUFFIXES}}}
)
def get_scan(application_id: str, scan_id: str) -> Response:
    """Return a scan to an officer of the territory or an inspector; the reading is recorded before."""
    scan, content = scans().content(principal(), ApplicationId(application_id), scan_id)
    response = Response(content, mimetype=scan.media_type)
    # its bytes come from outside: it is saved, never shown
    response.headers["Content-Disposition"] = f'attachment; filename="{scan.id}.{SUFFIXES[scan.media_type]}"'
    return response


def scans() -> ScanService:
    """Return the use cases of scans; raises ``UnavailableError`` on a face that has not their key."""
    found = services().scans
    if found is None:
        raise UnavailableError("This face holds no scans.", detail_zh="本端不保存批准文件扫描件。")
    return found
