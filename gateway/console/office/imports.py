"""Import of Annex 1 forms: upload, look at what would happen, confirm, take the rejected rows home (A4, A9, A10)."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.utils import secure_filename

from core_registry.errors import RegistryError
from core_registry.office import ImportRequest
from gateway.console import forms
from gateway.console.office.reach import registry, schools_for
from gateway.console.office.uploads import Held, Shelf, shelf_of
from gateway.console.pages import page, principal, problem_for, services
from gateway.errors import GatewayError, ParameterError
from gateway.policies.decision import Action
from gateway.problems import Problem

blueprint = Blueprint("imports", __name__)

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_SUFFIXES = frozenset({".xlsx", ".xls", ".csv"})


@blueprint.get("/office/import")
def upload_form() -> ResponseReturnValue:
    """Show the form for a file and how to take it; uploads whose hour is over go."""
    _shelf().sweep()
    return _upload_page(None)


@blueprint.get("/office/import/template.xlsx")
def template() -> ResponseReturnValue:
    """Return the empty form of Annex 1."""
    schools_for(Action.IMPORT_REGISTRY)
    with tempfile.TemporaryDirectory(prefix="xueji-form-") as directory:
        path = Path(directory) / "annex-1.xlsx"
        registry().template(path)
        return _download(path.read_bytes(), "annex-1.xlsx")


@blueprint.post("/office/import")
def upload() -> ResponseReturnValue:
    """Seal the file, and go on to what it would do."""
    schools_for(Action.IMPORT_REGISTRY)
    file = request.files.get("file")
    try:
        if file is None or not file.filename:
            raise ParameterError("Choose a file.", detail_zh="请选择文件。", missing=("file",))
        suffix = Path(secure_filename(f"form{Path(file.filename).suffix}")).suffix.lower()
        if suffix not in _SUFFIXES:
            raise ParameterError(
                "The file must be .xlsx, .xls or .csv.", detail_zh="文件须为 .xlsx、.xls 或 .csv。", missing=("file",)
            )
        held = _shelf().keep(
            file.stream,  # type: ignore[arg-type]  # werkzeug types it wider
            principal().account,
            mapping=forms.text("mapping", longest=64),
            school=forms.text("school", longest=10) or None,
            suffix=suffix,
        )
    except GatewayError as error:
        return _upload_page(problem_for(error))
    return redirect(url_for("console.imports.preview", upload_id=held.id))


@blueprint.get("/office/import/<upload_id>")
def preview(upload_id: str) -> ResponseReturnValue:
    """Show what the import would do; nothing is written."""
    held = _shelf().find(upload_id, principal().account)
    return _preview_page(held, None)


@blueprint.post("/office/import/<upload_id>")
def confirm(upload_id: str) -> ResponseReturnValue:
    """Import the good rows; the rejected ones wait in a workbook, sealed, for an hour."""
    shelf = _shelf()
    held = shelf.find(upload_id, principal().account)
    with shelf.opened(held) as path, io.BytesIO() as workbook:
        try:
            summary = registry().import_run(
                _request(held, path, accept_shrink=forms.ticked("accept_shrink")), errors_to=workbook
            )
        except RegistryError as error:
            return _preview_page(held, problem_for(error))
        rejected = None
        if workbook.tell():
            workbook.seek(0)
            rejected = shelf.keep(workbook, principal().account, suffix=".xlsx")
    shelf.drop(held)
    return page("office/import_done.html", summary=summary, rejected=rejected)


@blueprint.post("/office/import/errors/<upload_id>")
def errors(upload_id: str) -> ResponseReturnValue:
    """Return the workbook of rejected rows with their reasons."""
    schools_for(Action.IMPORT_REGISTRY)
    shelf = _shelf()
    held = shelf.find(upload_id, principal().account)
    if held.mapping:
        raise ParameterError("This is not a workbook of rejected rows.", detail_zh="该文件不是退回行工作簿。")
    return _download(b"".join(shelf.read(held)), "errors.xlsx")


@blueprint.post("/office/import/<upload_id>/cancellation")
def cancel(upload_id: str) -> ResponseReturnValue:
    """Throw an upload away."""
    schools_for(Action.IMPORT_REGISTRY)
    shelf = _shelf()
    shelf.drop(shelf.find(upload_id, principal().account))
    return redirect(url_for("console.imports.upload_form"))


def _upload_page(problem: Problem | None) -> ResponseReturnValue:
    schools = schools_for(Action.IMPORT_REGISTRY)
    parameters = services().book.parameters
    return page(
        "office/import.html",
        problem=problem,
        schools=schools,
        mappings=services().book.import_mappings,
        megabytes=parameters.max_upload_bytes >> 20,
        rows=parameters.max_rows,
    )


def _preview_page(held: Held, problem: Problem | None) -> ResponseReturnValue:
    try:
        with _shelf().opened(held) as path:
            summary = registry().import_preview(_request(held, path))
    except RegistryError as error:
        _shelf().drop(held)
        return _upload_page(problem_for(error))
    schools = schools_for(Action.IMPORT_REGISTRY)
    return page("office/import_preview.html", problem=problem, held=held, summary=summary, schools=schools)


def _request(held: Held, path: Path, *, accept_shrink: bool = False) -> ImportRequest:
    return ImportRequest(
        path=path,
        file_name="form",  # a name may hold a pupil's
        mapping=held.mapping,
        actor=principal().account,
        school=held.school,
        allowed_schools=frozenset(schools_for(Action.IMPORT_REGISTRY)),
        accept_shrink=accept_shrink,
        approved=principal().unit in services().book.divisions.by_code,
    )


def _shelf() -> Shelf:
    found = services()
    return shelf_of(found.settings.files, found.keyring, found.now)


def _download(content: bytes, name: str) -> Response:
    response = Response(content, mimetype=_XLSX)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
