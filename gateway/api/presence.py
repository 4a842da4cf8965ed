"""``/v1/audit/pupils`` and ``/v1/audit/presence``: whom an inspector means, and proofs that stand without us.

Names and numbers come in bodies, never in addresses, which are written down.
"""

from __future__ import annotations

from flask import Response

from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint, content
from gateway.api.models.presence import (
    PresenceIn,
    PresenceOut,
    PresenceRenewalIn,
    PupilFindIn,
    PupilList,
    PupilOut,
    PupilTagsIn,
)
from gateway.audit.proving import ProofDesk
from gateway.audit.pupils import PupilDesk, subject_of
from gateway.errors import UnavailableError
from gateway.policies.decision import Action
from gateway.policies.resources import audit_log_resource
from gateway.principals import Principal

blueprint = ApiBlueprint("presence", __name__, tag="Audit")


@blueprint.post("/v1/audit/pupils")
@blueprint.input(PupilFindIn)
@blueprint.output(PupilList)
def find_pupil(json_data: PupilFindIn) -> PupilList:
    """Say which pupils a number, or a name with school or day of birth, fits, masked; the question is logged."""
    found = _pupils().find(_inspector(), json_data.to_question(), json_data.reason)
    return PupilList(items=[PupilOut.of(one) for one in found])


@blueprint.post("/v1/audit/pupils/tags")
@blueprint.input(PupilTagsIn)
@blueprint.answers({200: content("The tags of a pupil by quarter, for xueji verify-log --pupil", "application/json")})
def pupil_tags(json_data: PupilTagsIn) -> Response:
    """Return a pupil's tags, by which every entry about it is found in a copy of the log; the question is logged."""
    file = _proofs().tags(_inspector(), subject_of(json_data.number), json_data.reason)
    response = Response(file, mimetype="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="pupil-tags.json"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/v1/audit/presence")
@blueprint.input(PresenceIn)
@blueprint.output(PresenceOut)
def prove_presence(json_data: PresenceIn) -> PresenceOut:
    """Prove that a pupil is, or is not, among those of an entry or of an extract's file; the question is logged."""
    who, subject = _inspector(), subject_of(json_data.number)
    if json_data.extract is not None:
        return PresenceOut.of(_proofs().prove_extract(who, json_data.extract, subject, json_data.reason))
    return PresenceOut.of(_proofs().prove(who, json_data.entry or 0, subject, json_data.reason))


@blueprint.post("/v1/audit/presence/renewals")
@blueprint.input(PresenceRenewalIn)
@blueprint.output(PresenceOut)
def renew_presence(json_data: PresenceRenewalIn) -> PresenceOut:
    """Return a proof with receipts under the newest checkpoint, as when the witnesses have cosigned since."""
    return PresenceOut.of(_proofs().renew(_inspector(), json_data.file.encode()))


def _inspector() -> Principal:
    """Return the caller, whom the policies let export the trail; raises ``ForbiddenError``."""
    who = principal()
    services().applications.enter(who, Action.EXPORT_AUDIT, audit_log_resource())
    return who


def _pupils() -> PupilDesk:
    found = services().pupils
    if found is None:
        raise UnavailableError("Only the office knows pupils by number.", detail_zh="仅办公端可按学籍号等检索学生。")
    return found


def _proofs() -> ProofDesk:
    found = services().proofs
    if found is None:
        raise UnavailableError("Only the office issues such proofs.", detail_zh="仅办公端可出具此类证明。")
    return found
