"""``/v1/registry``: import of Annex 1 forms, the empty form, lists of a school. For registrars only."""

from __future__ import annotations

import base64
import io
import tempfile
from pathlib import Path

from apiflask.fields import UploadFile
from flask import Response

from core_registry.office import ImportRequest, ImportSummary, StudentId, scratch_file
from gateway.api.authentication import principal, services
from gateway.api.blueprints import BINARY, ApiBlueprint, content
from gateway.api.models import (
    FindingOut,
    ImportIn,
    ImportOut,
    SchoolListIn,
    StudentLineOut,
    StudentListOut,
    SubjectOut,
)
from gateway.api.office.reach import authorize, registry, schools_of
from gateway.policies.decision import Action

blueprint = ApiBlueprint("registry", __name__, tag="Registry")

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class ImportForm(ImportIn):
    """A file and how to take it, as ``multipart/form-data``."""

    file: UploadFile


@blueprint.get("/v1/registry/forms/annex-1")
@blueprint.answers({200: content("The empty form of Annex 1", XLSX, BINARY)})
def template() -> Response:
    """Return the empty form of Annex 1."""
    authorize(principal(), Action.IMPORT_REGISTRY)
    with tempfile.TemporaryDirectory(prefix="xueji-form-") as directory:
        path = Path(directory) / "annex-1.xlsx"
        registry().template(path)
        content = path.read_bytes()
    response = Response(content, mimetype=XLSX)
    response.headers["Content-Disposition"] = 'attachment; filename="annex-1.xlsx"'
    return response


@blueprint.post("/v1/registry/imports")
@blueprint.input(ImportForm, location="form_and_files")
@blueprint.output(ImportOut)
def import_form(form_and_files_data: ImportForm) -> ImportOut:
    """Import a form (.xlsx, .xls, .csv): good rows land, bad rows come back in a workbook with their reasons.

    With ``preview`` nothing is written. An upload lies in a file without a name, gone when the answer is made.
    """
    who = principal()
    schools = schools_of(who, Action.IMPORT_REGISTRY)
    wanted = form_and_files_data
    with scratch_file() as upload, io.BytesIO() as errors:
        wanted.file.save(upload.stream)
        wanted.file.close()  # its own temporary file, if it was large
        upload.stream.flush()
        request = ImportRequest(
            path=upload.path,
            file_name="form",  # a name may hold a pupil's
            mapping=wanted.mapping,
            actor=who.account,
            school=wanted.school,
            allowed_schools=schools,
            accept_shrink=wanted.accept_shrink,
            approved=who.unit in services().book.divisions.by_code,
        )
        office = registry()
        summary = office.import_preview(request) if wanted.preview else office.import_run(request, errors_to=errors)
        workbook = base64.b64encode(errors.getbuffer()).decode() if errors.tell() else None
    return _out(summary, workbook)


@blueprint.get("/v1/registry/students")
@blueprint.input(SchoolListIn, location="query")
@blueprint.output(StudentListOut)
def list_students(query_data: SchoolListIn) -> StudentListOut:
    """List the students of a school or class, masked; the reading is recorded before."""
    who = principal()
    schools = schools_of(who, Action.READ_REGISTRY)
    lines = registry().find_by_class(
        query_data.school,
        actor=who.account,
        reason=query_data.reason,
        grade=query_data.grade,
        class_name=query_data.class_name,
        schools=schools,
        after=query_data.after,
        limit=query_data.limit,
    )
    return StudentListOut(
        items=[
            StudentLineOut(
                student_id=line.student_id,
                name_masked=line.name_masked,
                id_number_masked=line.id_number_masked,
                school_code=line.school_code,
                school_name=line.school_name,
                grade=line.grade,
                class_name=line.class_name,
                state=line.state,
            )
            for line in lines
        ]
    )


@blueprint.get("/v1/registry/students/<student_id>/subject")
@blueprint.output(SubjectOut)
def subject_of(student_id: str) -> SubjectOut:
    """Return the permanent meaningless reference of a student, to offer the digital identity."""
    schools = schools_of(principal(), Action.READ_REGISTRY)
    return SubjectOut(subject_ref=registry().subject_ref_of(StudentId(student_id), schools=schools))


def _out(summary: ImportSummary, workbook: str | None) -> ImportOut:
    return ImportOut(
        import_id=summary.import_id,
        repeated=summary.repeated,
        rows=summary.rows,
        new=summary.new,
        changed=summary.changed,
        unchanged=summary.unchanged,
        rejected=summary.rejected,
        absent=summary.absent,
        warnings=summary.warnings,
        schools=summary.schools,
        shrink=list(summary.shrink),
        finding_counts=dict(summary.finding_counts),
        findings=[
            FindingOut(
                row=one.row,
                column=one.column,
                field=one.field,
                severity=one.severity,
                code=one.code,
                rule=one.rule,
                message=one.message,
                message_en=one.message_en,
            )
            for one in summary.findings
        ],
        error_workbook=workbook,
    )
