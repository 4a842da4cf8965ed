"""``/v1/grants/{id}/matches``: the recipient's own list comes back by row number (比对回填)."""

from __future__ import annotations

from apiflask.fields import UploadFile

from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models import ExtractOut, MatchFormFields, MatchIn
from gateway.errors import UnavailableError
from gateway.ids import GrantId
from gateway.releases.matches.records import Upload

blueprint = ApiBlueprint("matches", __name__, tag="Checks")


class MatchForm(MatchFormFields):
    """A list as a file (.xlsx, .xls, .csv) with the columns 姓名 and 身份证件号, as ``multipart/form-data``."""

    file: UploadFile


@blueprint.post("/v1/grants/<grant_id>/matches")
@blueprint.input(MatchForm, location="form_and_files", json_too=MatchIn)
@blueprint.output(ExtractOut, status_code=202)
def create_match(
    grant_id: str, form_and_files_data: MatchForm | None = None, json_data: MatchIn | None = None
) -> ExtractOut:
    """Hand in a list; it reserves one use. The answer is an extract: wait for it and fetch its content.

    The list is sealed at once and destroyed after the match, or after its time. Only row numbers, whether a row was
    matched, and granted fields come back.
    """
    matches = services().matches
    if matches is None:
        raise UnavailableError("This face takes no lists.", detail_zh="本端不接收名单。")
    if json_data is not None:
        request, upload = json_data.to_record()
    elif form_and_files_data is not None:
        request = form_and_files_data.to_record()
        upload = Upload(form_and_files_data.file.stream.read())
        form_and_files_data.file.close()
    else:
        raise UnavailableError("There is no list.", detail_zh="没有名单。")
    return ExtractOut.of(matches.start(GrantId(grant_id), request, upload, principal()))
