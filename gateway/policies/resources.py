"""Resources of the decision point, made from records: one function for each entity type of the schema."""

from __future__ import annotations

from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.policies.decision import Resource
from gateway.policies.records import Application, Grant
from gateway.principals import Role


def application_resource(application: Application) -> Resource:
    """Return the resource of an application; people who have not acted yet are left out."""
    attributes: dict[str, str] = {
        "applicant": application.applicant,
        "recipient": application.recipient,
        "unit": application.unit,
        "territory": application.scope.population.territory,
        "state": application.state.value,
    }
    if application.ground_recorder is not None:
        attributes["recorder"] = application.ground_recorder
    if application.ground_confirmer is not None:
        attributes["confirmer"] = application.ground_confirmer
    if application.approver is not None:
        attributes["approver"] = application.approver
    if application.recorder_for is not None:
        attributes["recorder_for"] = application.recorder_for
    if application.confirmer_for is not None:
        attributes["confirmer_for"] = application.confirmer_for
    return Resource("Application", application.id, attributes)


def grant_resource(grant: Grant) -> Resource:
    """Return the resource of a grant; ``grant.state`` must be the computed one (``scope.current_state``)."""
    attributes: dict[str, str] = {
        "recipient": grant.recipient,
        "territory": grant.scope.population.territory,
        "state": grant.state.value,
        "recorder": grant.basis_recorder,
        "confirmer": grant.basis_confirmer,
        "approver": grant.approver,
    }
    if grant.applicant is not None:
        attributes["applicant"] = grant.applicant
    if grant.approver_for is not None:
        attributes["approver_for"] = grant.approver_for
    return Resource("Grant", grant.id, attributes)


def registry_resource(unit: UnitCode) -> Resource:
    """Return the resource of the registry of a school or a department."""
    return Resource("Registry", unit, {"unit": unit})


def identity_resource(
    *, unit: UnitCode | None = None, guardian: AccountId | None = None, recipient: RecipientId | None = None
) -> Resource:
    """Return the resource of a digital identity.

    For issuing: ``unit`` is the pupil's school, ``guardian`` the account with a verified link to the pupil;
    for verifying: ``recipient`` is the relying party to which the identity is presented.
    """
    named = {"unit": unit, "guardian": guardian, "recipient": recipient}
    return Resource("Identity", "identity", {name: value for name, value in named.items() if value is not None})


def audit_log_resource() -> Resource:
    """Return the resource of the audit log: there is one."""
    return Resource("AuditLog", "log")


def system_resource(unit: UnitCode | None = None) -> Resource:
    """Return the resource of the running system; ``unit`` is that of the account to be managed."""
    return Resource("System", "system", {} if unit is None else {"unit": unit})


def retention_resource(unit: str | None = None) -> Resource:
    """Return the resource of what lies beside the log; ``unit`` is whose data a hold is to keep, ``None`` for all."""
    return Resource("Retention", "retention", {} if unit is None else {"unit": unit})


def text_resource(recorder: AccountId | None = None) -> Resource:
    """Return the resource of the text of an article; ``recorder`` attached it, ``None`` before."""
    return Resource("LegalText", "text", {} if recorder is None else {"recorder": recorder})


def disclosure_resource(unit: UnitCode) -> Resource:
    """Return the resource of the register of disclosures of a unit (线下提供登记)."""
    return Resource("Disclosure", unit, {"unit": unit})


def canary_resource(unit: UnitCode, proposer: AccountId | None = None) -> Resource:
    """Return the resource of the decoys of a unit; ``proposer`` proposed the one that is decided on."""
    attributes: dict[str, str] = {"unit": unit}
    return Resource("Canary", unit, attributes if proposer is None else {**attributes, "recorder": proposer})


def alert_resource(unit: UnitCode, owner: Role, about: AccountId | None = None) -> Resource:
    """Return the resource of alerts of a unit that the role ``owner`` answers; ``about`` raised them by their acts."""
    attributes = {"unit": unit, "owner": owner.value}
    return Resource("Alert", unit, attributes if about is None else {**attributes, "about": about})
