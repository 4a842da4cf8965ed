"""What the command line needs of the desk: who acts on the host, and what is handed in from files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from core_registry.office import Actor, Case, CaseDesk, Draft, NewEvidence, RuleResult
from gateway.bootstrap.parts import Process
from gateway.errors import ConfigurationError, ForbiddenError
from gateway.ids import AccountId
from gateway.policies.decision import Action
from gateway.policies.resources import registry_resource
from gateway.policies.scope import civil_date
from gateway.principals import Role

__all__ = [
    "Actor",
    "Case",
    "CaseDesk",
    "Draft",
    "RuleResult",
    "acting",
    "case_draft",
    "desk_of",
    "evidence_of",
]

_MEDIA_TYPES = {".pdf": "application/pdf", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


def desk_of(process: Process) -> CaseDesk:
    """Return the desk of a process; raises ``ConfigurationError`` on a face without the registry."""
    if process.services.desk is None:
        raise ConfigurationError("This face has no registry.", detail_zh="本端没有学籍库。")
    return process.services.desk


def acting(process: Process, account: str, unit: str, action: Action) -> tuple[Actor, frozenset[str]]:
    """Return who acts under ``account`` for ``unit``, and the schools that are reached.

    The host itself is the second factor: whoever runs commands here holds the keys. All else is as over the network:
    the account, its unit and the policies. Raises ``AccountNotFoundError``, ``ForbiddenError``.
    """
    services = process.services
    held = services.directory.get(AccountId(account))
    if held.sealed_at is not None or held.unit != unit:
        raise ForbiddenError(
            "The account is sealed, or works for another unit.", detail_zh="账号已封存，或不属于该单位。", rule="A3-2"
        )
    who = held.principal(civil_date(services.now()), assurance=2)
    services.applications.authorize(who, action, registry_resource(held.unit), territory=held.unit)
    actor = Actor(held.id, unit, "registrar" if Role.REGISTRAR in who.roles else "principal")
    return actor, _schools(process, unit)


def case_draft(
    *,
    kind: str,
    school: str,
    on: date,
    applied_on: date,
    student_id: str | None,
    values: Mapping[str, object],
    evidence: list[str],
    version: int | None,
    key: str | None = None,
) -> Draft:
    """Return the draft of a request."""
    return Draft(kind, school, on, applied_on, student_id, dict(values), tuple(evidence), version, key)


def evidence_of(
    file: Path, *, kind: str, issuer_kind: str, issuer_level: str, issued_on: date | None, student_id: str | None
) -> NewEvidence:
    """Return a file to be handed in; its type follows from the suffix, and the registry looks whether it is true."""
    return NewEvidence(
        kind=kind,
        issuer_kind=issuer_kind,
        issuer_level=issuer_level,
        issued_on=issued_on,
        media_type=_MEDIA_TYPES.get(file.suffix.lower(), "application/octet-stream"),
        content=file.read_bytes(),
        student_id=student_id,
    )


def _schools(process: Process, unit: str) -> frozenset[str]:
    divisions, office = process.services.book.divisions, process.services.office
    if office is None or unit not in divisions.by_code:
        return frozenset({unit})
    schools = office.schools()
    mine = schools["managing_authority"].is_in(list(divisions.territory(unit)))
    return frozenset(schools.filter(mine)["school_code"].to_list())
