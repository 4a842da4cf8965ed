"""The decision point: Cedar policies, parsed and validated once, asked for every act.

Cedar fails open in one place: a ``forbid`` that cannot be evaluated is skipped. So the policies are
validated strictly against the schema at the start, every principal, resource and context is validated
before each decision, and any diagnostic error is a denial (I8). What no policy permits is denied (I1).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import cedarpy

from gateway.errors import ForbiddenError
from gateway.policies.policy_set import LoadedSet, Policy, load_set
from gateway.principals import Principal
from rulebook.records import PolicySet

DEFAULT_DENY: Final = "default-deny"
"""Stands for the deciding policy when no policy permits."""
EVALUATION_ERROR: Final = "evaluation-error"
"""Stands for the deciding policy when the question could not be evaluated."""


class Action(StrEnum):
    """Everything that the policies decide; the schema lists the same."""

    APPLY = "apply"
    SUBMIT = "submit"
    READ_APPLICATION = "read_application"
    COMMENT_APPLICATION = "comment_application"
    RETURN_APPLICATION = "return_application"
    RECORD_GROUND = "record_ground"
    CONFIRM_GROUND = "confirm_ground"
    DRY_RUN = "dry_run"
    DECIDE_APPLICATION = "decide_application"
    SUSPEND_GRANT = "suspend_grant"
    WITHDRAW_GRANT = "withdraw_grant"
    EXECUTE_RELEASE = "execute_release"
    DELIVER_RELEASE = "deliver_release"
    ATTACH_TEXT = "attach_text"
    CONFIRM_TEXT = "confirm_text"
    REGISTER_DISCLOSURE = "register_disclosure"
    READ_DISCLOSURES = "read_disclosures"
    VERIFY_IDENTITY = "verify_identity"
    ISSUE_IDENTITY = "issue_identity"
    READ_REGISTRY = "read_registry"
    IMPORT_REGISTRY = "import_registry"
    READ_CASES = "read_cases"
    HANDLE_CASES = "handle_cases"
    READ_AUDIT = "read_audit"
    EXPORT_AUDIT = "export_audit"
    READ_ALERTS = "read_alerts"
    HANDLE_ALERTS = "handle_alerts"
    READ_CANARIES = "read_canaries"
    KEEP_CANARIES = "keep_canaries"
    CONFIRM_CANARIES = "confirm_canaries"
    DELEGATE = "delegate"
    MANAGE_ACCOUNTS = "manage_accounts"
    MANAGE_CLIENTS = "manage_clients"
    MANAGE_KEYS = "manage_keys"
    CONFIGURE = "configure"
    READ_RETENTION = "read_retention"
    HOLD_DATA = "hold_data"
    LIFT_HOLD = "lift_hold"


ACTIONS: Final = frozenset(action.value for action in Action)


@dataclass(frozen=True, slots=True)
class Resource:
    """What is acted on: entity type, id and the attributes that the schema declares for the type."""

    type: str
    id: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What surrounds a request.

    ``separation`` is the profile, ``two`` or ``three``; ``territory_within`` whether the resource lies
    within the territory of the principal's unit (computed by ``scope.territory_within``); ``errand`` which
    grant is put to which use (``scope.errand``), empty where no grant is used.
    """

    separation: str
    territory_within: bool
    errand: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed or not, and by which policies of which set. Without ids a denial is the default one, or an error."""

    allowed: bool
    policy_ids: tuple[str, ...]
    errors: tuple[str, ...] = ()
    policy_set: str = field(default="", compare=False)
    """SHA-256 of the set that decided: the audit entry of the act carries it beside the policy."""

    @property
    def policy(self) -> str:
        """The id to write into the audit entry: the first deciding policy, else why there is none."""
        if self.errors:
            return EVALUATION_ERROR
        return self.policy_ids[0] if self.policy_ids else DEFAULT_DENY

    @property
    def reason(self) -> str:
        """Why, in a few English words."""
        if self.errors:
            return "the question could not be evaluated"
        return ", ".join(self.policy_ids) if self.policy_ids else "no policy permits"


_PIN: ContextVar[tuple[DecisionPoint, LoadedSet] | None] = ContextVar("policy set of this request", default=None)


class DecisionPoint:
    """Answers whether a principal may act on a resource. Safe to share between threads.

    This one holds one set for good; ``live.LiveDecisionPoint`` follows the files.
    """

    def __init__(self, policy_set: PolicySet) -> None:
        """Parse and validate the whole set, or raise ``PolicySetError`` (``load_set``)."""
        self._loaded = load_set(policy_set, ACTIONS)

    @property
    def current(self) -> LoadedSet:
        """The set that decides now: in a ``pinned`` block the one that it began with."""
        pin = _PIN.get()
        return pin[1] if pin is not None and pin[0] is self else self._loaded

    @property
    def sha256(self) -> str:
        """SHA-256 of the set that decides now; audit entries and grants carry it."""
        return self.current.sha256

    @property
    def policies(self) -> Mapping[str, Policy]:
        """All policies by id."""
        return dict(self.current.by_id)

    @contextmanager
    def pinned(self, loaded: LoadedSet | None = None) -> Iterator[LoadedSet]:
        """Let one set decide everything in the block, whatever is loaded meanwhile: ``loaded``, or the present one.

        A request sees one set from start to end. The pin is of this thread (of this context).
        """
        held = self.current if loaded is None else loaded
        token = _PIN.set((self, held))
        try:
            yield held
        finally:
            _PIN.reset(token)

    def permits_for(self, action: Action) -> tuple[Policy, ...]:
        """Return the permits that speak of ``action``, by id: who may do it."""
        found = [p for p in self.current.by_id.values() if p.effect == "permit" and action in p.actions]
        return tuple(sorted(found, key=lambda policy: policy.id))

    def decide(
        self, principal: Principal, action: Action, resource: Resource, circumstances: Circumstances
    ) -> Decision:
        """Return the decision. A question that does not fit the schema, or any diagnostic error, is a denial."""
        return decide_with(self.current, principal, action, resource, circumstances)

    def require(
        self, principal: Principal, action: Action, resource: Resource, circumstances: Circumstances
    ) -> Decision:
        """Return the decision if it allows; raise ``ForbiddenError`` with policy, rule and both texts if not."""
        decision = self.decide(principal, action, resource, circumstances)
        if not decision.allowed:
            raise self.refusal(decision, action)
        return decision

    def refusal(self, decision: Decision, action: Action) -> ForbiddenError:
        """Return the error that says why ``decision`` refuses ``action`` and what to change."""
        if decision.errors:
            return ForbiddenError(
                f"Whether '{action}' is permitted could not be evaluated; that is a refusal.",
                detail_zh="无法判定是否允许，按不允许处理。",
                rule="A50-5",
                extra={"policy": EVALUATION_ERROR},
            )
        by_id = self.current.by_id
        policies = [by_id[name] for name in decision.policy_ids if name in by_id]
        if policies:
            return ForbiddenError(
                " ".join(policy.en for policy in policies),
                detail_zh="".join(policy.zh for policy in policies),
                rule=policies[0].rule,
                missing=_unique(part for policy in policies for part in policy.missing),
                extra={"policy": policies[0].id, "basis": policies[0].basis},
            )
        permits = self.permits_for(action)
        who_en = " ".join(policy.en for policy in permits) or "Nobody may."
        who_zh = "".join(policy.zh for policy in permits) or "任何人均不得办理。"
        return ForbiddenError(
            f"No policy permits '{action}' here. {who_en}",
            detail_zh=f"没有规则允许此操作。{who_zh}",
            rule=permits[0].rule if permits else "A50-5",
            extra={"policy": DEFAULT_DENY, **({"basis": permits[0].basis} if permits else {})},
        )


def decide_with(
    loaded: LoadedSet, principal: Principal, action: Action, resource: Resource, circumstances: Circumstances
) -> Decision:
    """Return what ``loaded`` says; every entity is validated against its schema before it is asked."""
    account = _account(principal)
    policies = loaded.by_action.get(action)
    if policies is None:
        return _unanswered(loaded, f"the set does not know the action {action}")
    try:
        entities = json.dumps([account, _entity(resource.type, resource.id, dict(resource.attributes))])
        known = cedarpy.Entities.from_json_str(entities, loaded.schema)
        answer = cedarpy.is_authorized(
            {
                "principal": account["uid"],
                "action": {"type": "Action", "id": action.value},
                "resource": {"type": resource.type, "id": resource.id},
                "context": {
                    "separation": circumstances.separation,
                    "territory_within": circumstances.territory_within,
                    "errand": circumstances.errand,
                },
            },
            policies,
            known,
            loaded.schema,
        )
    except (ValueError, TypeError, RecursionError) as error:
        return _unanswered(loaded, str(error))
    errors = tuple(str(error) for error in answer.diagnostics.errors)
    if errors:
        return _unanswered(loaded, *errors)
    if answer.decision is cedarpy.Decision.NoDecision:
        return _unanswered(loaded, "no decision")
    deciding = tuple(sorted(loaded.names[name] for name in answer.diagnostics.reasons))
    # an allowance that names no policy would be one that nobody answers for
    return Decision(allowed=answer.allowed and bool(deciding), policy_ids=deciding, policy_set=loaded.sha256)


def _unanswered(loaded: LoadedSet, *errors: str) -> Decision:
    return Decision(allowed=False, policy_ids=(), errors=errors, policy_set=loaded.sha256)


def _account(principal: Principal) -> dict[str, object]:
    attributes: dict[str, object] = {
        "account": principal.account,
        "kind": principal.kind.value,
        "roles": sorted(role.value for role in principal.roles),
        "assurance": principal.assurance,
    }
    if principal.unit is not None:
        attributes["unit"] = principal.unit
    if principal.recipient is not None:
        attributes["recipient"] = principal.recipient
    if principal.mandate is not None:
        attributes["mandate"] = sorted(principal.mandate)
    if principal.on_behalf is not None:
        attributes["on_behalf"] = principal.on_behalf
    return _entity("Account", principal.account, attributes)


def _entity(kind: str, name: str, attributes: Mapping[str, object]) -> dict[str, object]:
    return {"uid": {"type": kind, "id": name}, "attrs": attributes, "parents": []}


def _unique(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(parts))
