"""What a release report says beside the figures about the data: who, for what, upon which ground, in which file."""

from __future__ import annotations

from datetime import date, datetime
from importlib.metadata import PackageNotFoundError, version

from gateway.journal import JsonValue
from gateway.policies.records import Grant, Level
from gateway.releases.leakwatch import LeakScan
from gateway.releases.records import Extract, PreparedFile

PROGRAM = "xueji-gateway"


def software() -> dict[str, JsonValue]:
    """Return name and version of this program; the version is empty where it runs without being installed."""
    try:
        return {"name": PROGRAM, "version": version(PROGRAM)}
    except PackageNotFoundError:
        return {"name": PROGRAM, "version": ""}


def beside(
    extract: Extract,
    grant: Grant,
    file: PreparedFile,
    *,
    file_name: str,
    delete_by: date,
    prepared_at: datetime,
    scanned: LeakScan | None,
) -> dict[str, JsonValue]:
    """Return the members of a release report that are about the release as an act and the file (notes 8)."""
    asked, granted = extract.request, grant.scope.population
    return {
        "extract": extract.id,
        "grant": grant.id,
        "application": grant.application,
        "ground": grant.ground_label,
        "ground_kind": grant.ground_kind,
        "basis_recorder": grant.basis_recorder,
        "basis_confirmer": grant.basis_confirmer,
        "approver": grant.approver,
        "approver_unit": grant.approver_unit,
        "approver_post": grant.approver_post,
        "approved_at": grant.approved_at.isoformat(),
        "executor": extract.executor,
        "recipient": grant.recipient,
        "recipient_name": grant.recipient_name,
        "responsible": grant.responsible,
        "purpose": grant.scope.purpose,
        "population": {
            "territory": granted.territory,
            "stages": _sorted(asked.stages if asked.stages is not None else granted.stages),
            "grades": _sorted(asked.grades if asked.grades is not None else granted.grades),
            "schools": _sorted(asked.schools if asked.schools is not None else granted.schools),
        },
        "delete_by": delete_by.isoformat(),
        "prepared_at": prepared_at.isoformat(timespec="seconds"),
        "snapshot": file.snapshot,
        "sha256": file.sha256,
        "bytes": file.size,
        "file_name": file_name,
        "format": asked.format.value,
        "personal_information": grant.scope.level is not Level.ANONYMOUS,
        "policy_set": grant.policy_set,
        "software": software(),
        "leak_scan": None if scanned is None else scanned.to_json(),
    }


def _sorted(values: frozenset[str] | None) -> list[JsonValue] | None:
    return None if values is None else list[JsonValue](sorted(values))
