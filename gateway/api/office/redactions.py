"""``/v1/registry/redactions``: what the redaction of a text would hide. For registrars only; nothing is kept."""

from __future__ import annotations

from core_registry.office import StudentId
from gateway.anonymize.previews import check_size
from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models import RedactionPreviewIn, RedactionPreviewOut, RedactionSpanOut
from gateway.api.office.reach import registry, schools_of
from gateway.errors import UnavailableError
from gateway.policies.decision import Action

blueprint = ApiBlueprint("redactions", __name__, tag="Registry")
REASON = "文本脱敏预览 preview of a redaction"
"""Why the record is read, in the log."""


@blueprint.post("/v1/registry/redactions/preview")
@blueprint.input(RedactionPreviewIn)
@blueprint.output(RedactionPreviewOut)
def preview_redaction(json_data: RedactionPreviewIn) -> RedactionPreviewOut:
    """Show what would be hidden in a text, and what it would look like in the sharing view.

    With a student, the record is used as it is when the text is stored, and the reading is recorded before; an unknown
    student and one out of reach get the same answer. The text itself is neither stored nor logged.
    """
    who = principal()
    schools = schools_of(who, Action.READ_REGISTRY)
    texts = services().texts
    if texts is None:
        raise UnavailableError("This face has no registry.", detail_zh="本端没有学籍库。")
    check_size(json_data.text)
    texts.ready()
    student = None if json_data.student_id is None else StudentId(json_data.student_id)
    context = registry().text_context(student, who.account, REASON, schools=schools, own=who.unit or "")
    found = texts.preview(json_data.text, context.known, context.roster)
    return RedactionPreviewOut(
        text=found.text,
        spans=[RedactionSpanOut(start=one.start, end=one.end, type=one.type, rule=one.rule) for one in found.spans],
        version=found.version,
    )
