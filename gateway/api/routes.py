"""Every route of the program, with its gate or the reason why it needs none (I1).

A route that gives pupil data to anyone outside passes the release gate; a test fails on a route that is not
listed here, and on one that is listed and does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Gate = Literal["release", "session", "policy", "none"]


@dataclass(frozen=True, slots=True)
class Guard:
    """How a route is guarded.

    ``release``: pupil data leave through ``ReleaseService`` or the ``ReleaseGate``. ``policy``: the service asks
    the decision point. ``session``: only the caller's own things. ``none``: public, and ``reason`` says why.
    """

    gate: Gate
    reason: str


ROUTES: dict[str, Guard] = {
    "console.extracts.content": Guard("release", "ReleaseService.deliver, as in the API"),
    "extracts.get_content": Guard(
        "release", "ReleaseService.deliver: a grant, a decision and a durable intent before the first byte"
    ),
    "identity.verify": Guard("release", "the standing grant of the relying party, through the release gate"),
    "applications.confirm_basis": Guard("policy", "confirm_ground"),
    "applications.create_application": Guard("policy", "submit"),
    "applications.decide_application": Guard("policy", "decide_application"),
    "applications.edit_application": Guard("policy", "apply"),
    "applications.get_application": Guard("policy", "read_application"),
    "applications.list_applications": Guard("policy", "read_application, one by one"),
    "applications.record_basis": Guard("policy", "record_ground"),
    "applications.submit_application": Guard("policy", "submit"),
    "audit.entry": Guard("policy", "read_audit; entries hold no pupil data (I7)"),
    "audit.package": Guard("policy", "export_audit; entries hold no pupil data (I7)"),
    "audit.proof": Guard("policy", "read_audit; entries hold no pupil data (I7)"),
    "audit.search": Guard("policy", "read_audit; entries hold no pupil data (I7)"),
    "console.applications.confirm": Guard("policy", "confirm_ground"),
    "console.applications.create": Guard("policy", "submit or apply"),
    "console.applications.decide": Guard("policy", "decide_application"),
    "console.applications.edit": Guard("policy", "apply"),
    "console.applications.edit_form": Guard("policy", "read_application"),
    "console.applications.ground_form": Guard("policy", "read_application"),
    "console.applications.index": Guard("policy", "read_application, one by one"),
    "console.applications.new": Guard("policy", "apply"),
    "console.applications.record_ground": Guard("policy", "record_ground"),
    "console.applications.send_back": Guard("policy", "return_application"),
    "console.applications.show": Guard("policy", "read_application"),
    "console.applications.submit": Guard("policy", "submit"),
    "console.audit.entry": Guard("policy", "read_audit"),
    "console.audit.index": Guard("policy", "read_audit"),
    "console.audit.package": Guard("policy", "export_audit"),
    "console.audit.receipt": Guard("policy", "read_audit"),
    "console.classes.offer_identity": Guard("policy", "issue_identity; the code goes to the pupil's guardian"),
    "console.classes.search": Guard("policy", "read_registry: the registry line, masked, audited; no release (I1)"),
    "console.classes.search_form": Guard("policy", "read_registry"),
    "console.extracts.certify_deletion": Guard("policy", "the recipient of the extract only"),
    "console.extracts.index": Guard("policy", "read_application of each grant"),
    "console.extracts.manifest": Guard("policy", "read_application of the grant; a manifest holds no row"),
    "console.extracts.progress": Guard("policy", "read_application of the grant; counts only"),
    "console.extracts.show": Guard("policy", "read_application of the grant; figures only"),
    "console.grants.index": Guard("policy", "read_application, one by one"),
    "console.grants.show": Guard("policy", "read_application"),
    "console.grants.start_extract": Guard("policy", "execute_release; a file is prepared, nothing leaves"),
    "console.grants.withdraw": Guard("policy", "withdraw_grant"),
    "console.imports.cancel": Guard("policy", "import_registry"),
    "console.imports.confirm": Guard("policy", "import_registry"),
    "console.imports.errors": Guard("policy", "import_registry: the bad rows go back to who sent them"),
    "console.imports.preview": Guard("policy", "import_registry"),
    "console.imports.template": Guard("policy", "import_registry; an empty form"),
    "console.imports.upload": Guard("policy", "import_registry"),
    "console.imports.upload_form": Guard("policy", "import_registry"),
    "extracts.certify_deletion": Guard("policy", "the recipient of the extract only"),
    "extracts.create_extract": Guard("policy", "execute_release; a file is prepared, nothing leaves"),
    "extracts.get_extract": Guard("policy", "read_application of the grant; state and counts"),
    "extracts.get_manifest": Guard("policy", "read_application of the grant; a manifest holds no row"),
    "extracts.get_obligations": Guard("policy", "read_application of the grant; duties, no row"),
    "extracts.get_report": Guard("policy", "read_application of the grant; figures, no row"),
    "extracts.list_extracts": Guard("policy", "read_application of the grant"),
    "grants.grant_keys": Guard("none", "public keys"),
    "grants.get_grant": Guard("policy", "read_application"),
    "grants.list_grants": Guard("policy", "read_application, one by one"),
    "grants.withdraw_grant": Guard("policy", "withdraw_grant"),
    "identity.make_offer": Guard("policy", "issue_identity; the code goes to the pupil's guardian"),
    "registry.import_form": Guard("policy", "import_registry: the registry line; no release (I1)"),
    "registry.list_students": Guard("policy", "read_registry: the registry line, masked, audited; no release (I1)"),
    "registry.subject_of": Guard("policy", "read_registry: the registry line; a random reference"),
    "registry.template": Guard("policy", "import_registry; an empty form"),
    "console.auth.acknowledge_rules": Guard("session", "the caller's own acknowledgement"),
    "console.auth.change_password": Guard("session", "the caller's own password"),
    "console.auth.password_form": Guard("session", "the caller's own password"),
    "console.auth.rules_form": Guard("session", "the rules of the caller's unit"),
    "console.auth.sign_out": Guard("session", "the caller's own session"),
    "console.work.home": Guard("session", "what waits for the caller"),
    "grants.my_permissions": Guard("session", "what the caller may do"),
    "sessions.acknowledge": Guard("session", "the caller's own acknowledgement"),
    "sessions.change_password": Guard("session", "the caller's own password"),
    "sessions.security_rules": Guard("session", "the rules of the caller's unit"),
    "sessions.sign_out": Guard("session", "the caller's own session"),
    "console.auth.sign_in": Guard("none", "the password and the one-time code are the proof"),
    "console.auth.sign_in_form": Guard("none", "an empty form"),
    "console.register.index": Guard("none", "the public register of shares: it names no person"),
    "console.static": Guard("none", "style sheet, script and mark of the program"),
    "docs.index": Guard("none", "the description of the API, for people"),
    "docs.static": Guard("none", "style sheet and script of that description"),
    "grants.public_register": Guard("none", "the public register of shares: it names no person"),
    "identity.credential_issuer": Guard("none", "public metadata"),
    "identity.issue_credentials": Guard(
        "none", "the one-time code is the proof; to the pupil's own wallet, the holder's act (I1)"
    ),
    "identity.jwks": Guard("none", "public keys"),
    "identity.jwt_vc_issuer": Guard("none", "public metadata"),
    "identity.make_nonce": Guard("none", "a random number"),
    "identity.status_list": Guard("none", "a status list tells nothing without the credential that points into it"),
    "identity.type_metadata": Guard("none", "public metadata"),
    "log.checkpoint": Guard("none", "the public log: hashes only"),
    "log.consistency": Guard("none", "the public log: hashes only"),
    "log.hash_tile": Guard("none", "the public log: hashes only"),
    "oauth.introspect": Guard("none", "the client proves its key in the request"),
    "oauth.jwks": Guard("none", "public keys"),
    "oauth.metadata": Guard("none", "public metadata"),
    "oauth.revoke": Guard("none", "the client proves its key in the request"),
    "oauth.token": Guard("none", "the client proves its key in the request"),
    "openapi.spec": Guard("none", "the description of the API"),
    "sessions.sign_in": Guard("none", "the password and the one-time code are the proof"),
    "system.healthz": Guard("none", "says that the process answers"),
    "system.metrics": Guard("none", "counters without personal data"),
    "system.problem": Guard("none", "one problem type"),
    "system.problems": Guard("none", "the catalogue of problem types"),
    "system.readyz": Guard("none", "part by part ok or not"),
}
"""Endpoint -> guard, in the face ``all``. A policy is named by its action (``gateway.policies.decision.Action``)."""
