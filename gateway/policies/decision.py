"""The decision point: Cedar policies, parsed and validated once, asked for every act.

Cedar fails open in one place: a ``forbid`` that cannot be evaluated is skipped. So the policies are
validated strictly against the schema at the start, every principal, resource and context is validated
before each decision, and any diagnostic error is a denial (I8). What no policy permits is denied (I1).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import cedarpy
from cedarpy import pst

from gateway.errors import ConfigurationError, ForbiddenError
from gateway.principals import Principal
from rulebook.records import PolicySet

DEFAULT_DENY: Final = "default-deny"
"""Stands for the deciding policy when no policy permits."""
EVALUATION_ERROR: Final = "evaluation-error"
"""Stands for the deciding policy when the question could not be evaluated."""

_REQUIRED_ANNOTATIONS = ("id", "basis", "rule", "zh", "en")
_KNOWN_ANNOTATIONS = frozenset({*_REQUIRED_ANNOTATIONS, "missing"})


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
    DELEGATE = "delegate"
    MANAGE_ACCOUNTS = "manage_accounts"
    MANAGE_CLIENTS = "manage_clients"
    MANAGE_KEYS = "manage_keys"
    CONFIGURE = "configure"


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy as people read it: id, effect, the actions it speaks of, its basis and its text."""

    id: str
    effect: pst.Effect
    actions: frozenset[str]
    basis: str
    rule: str
    zh: str
    en: str
    missing: tuple[str, ...] = ()


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
    """Allowed or not, and by which policies. Without policy ids a denial is the default one, or an error."""

    allowed: bool
    policy_ids: tuple[str, ...]
    errors: tuple[str, ...] = ()

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


class DecisionPoint:
    """Answers whether a principal may act on a resource. Immutable, safe to share between threads."""

    def __init__(self, policy_set: PolicySet, sha256: str) -> None:
        """Parse and validate the whole set, or raise.

        ``sha256`` is the digest of the rule book; audit entries and grants carry it. Raises
        ``ConfigurationError`` that says what to change: text that does not parse, a policy that the schema
        does not allow, a policy without id, basis, rule or text, two policies with one id, a template,
        or a permit that does not name its actions.
        """
        self.sha256 = sha256
        files = ", ".join(policy_set.files) or "config/policies"
        try:
            self._schema = cedarpy.Schema.from_str(policy_set.schema)
            self._policies = cedarpy.PolicySet.from_str(policy_set.policies)
            nodes = self._policies.to_pst()
        except ValueError as error:
            raise _broken(files, str(error)) from error
        validation = cedarpy.validate_policies(policy_set.policies, self._schema)
        problems = [_validation_problem(error, nodes) for error in validation.errors]
        if not validation.validation_passed and not problems:
            problems.append("the policies do not validate against the schema")
        problems += [f"template '{name}': templates are not used here" for name in nodes.templates]
        for name, node in nodes.static_policies.items():
            problems += _annotation_problems(name, node)
        counts = Counter(node.annotations.get("id", "") for node in nodes.static_policies.values())
        problems += [f"policy '{name}' is declared {count} times" for name, count in counts.items() if count > 1]
        if problems:
            raise _broken(files, "; ".join(sorted(set(problems))))
        self._ids = {name: node.annotations["id"] for name, node in nodes.static_policies.items()}
        self._by_id = {
            node.annotations["id"]: Policy(
                id=node.annotations["id"],
                effect=node.effect,
                actions=_actions(node),
                basis=node.annotations["basis"],
                rule=node.annotations["rule"],
                zh=node.annotations["zh"],
                en=node.annotations["en"],
                missing=tuple(node.annotations.get("missing", "").split()),
            )
            for node in nodes.static_policies.values()
        }

    @property
    def policies(self) -> Mapping[str, Policy]:
        """All policies by id."""
        return dict(self._by_id)

    def permits_for(self, action: Action) -> tuple[Policy, ...]:
        """Return the permits that speak of ``action``, by id: who may do it."""
        found = [p for p in self._by_id.values() if p.effect == "permit" and action in p.actions]
        return tuple(sorted(found, key=lambda policy: policy.id))

    def decide(
        self, principal: Principal, action: Action, resource: Resource, circumstances: Circumstances
    ) -> Decision:
        """Return the decision. A question that does not fit the schema, or any diagnostic error, is a denial."""
        account = _account(principal)
        entities = json.dumps([account, _entity(resource.type, resource.id, dict(resource.attributes))])
        try:
            known = cedarpy.Entities.from_json_str(entities, self._schema)
        except ValueError as error:
            return Decision(allowed=False, policy_ids=(), errors=(str(error),))
        request = {
            "principal": account["uid"],
            "action": {"type": "Action", "id": action.value},
            "resource": {"type": resource.type, "id": resource.id},
            "context": {
                "separation": circumstances.separation,
                "territory_within": circumstances.territory_within,
                "errand": circumstances.errand,
            },
        }
        answer = cedarpy.is_authorized(request, self._policies, known, self._schema)
        errors = tuple(str(error) for error in answer.diagnostics.errors)
        if errors:
            return Decision(allowed=False, policy_ids=(), errors=errors)
        deciding = tuple(sorted(self._ids[name] for name in answer.diagnostics.reasons))
        if answer.decision is cedarpy.Decision.NoDecision:
            return Decision(allowed=False, policy_ids=(), errors=("no decision",))
        # an allowance that names no policy would be one that nobody answers for
        return Decision(allowed=answer.allowed and bool(deciding), policy_ids=deciding)

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
        policies = [self._by_id[name] for name in decision.policy_ids]
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
    return _entity("Account", principal.account, attributes)


def _entity(kind: str, name: str, attributes: Mapping[str, object]) -> dict[str, object]:
    return {"uid": {"type": kind, "id": name}, "attrs": attributes, "parents": []}


def _actions(node: pst.Template) -> frozenset[str]:
    match node.action:
        case pst.ActionEq(entity=entity):
            return frozenset({entity.id})
        case pst.ActionIn(entities=entities):
            return frozenset(entity.id for entity in entities)
        case _:
            return frozenset(Action)


def _annotation_problems(name: str, node: pst.Template) -> list[str]:
    label = node.annotations.get("id") or f"{name} (counted from policy0)"
    problems = [f"policy {label}: @{key} is missing" for key in _REQUIRED_ANNOTATIONS if not node.annotations.get(key)]
    problems += [f"policy {label}: unknown annotation @{key}" for key in set(node.annotations) - _KNOWN_ANNOTATIONS]
    if node.effect == "permit" and isinstance(node.action, pst.ScopeAny):
        problems.append(f"policy {label}: a permit must name its actions")
    unknown = _actions(node) - frozenset(Action)
    if unknown:
        problems.append(f"policy {label}: unknown actions {', '.join(sorted(unknown))}")
    return problems


def _validation_problem(error: cedarpy.ValidationError, nodes: pst.PolicySet) -> str:
    node = nodes.static_policies.get(error.policy_id)
    label = node.annotations.get("id", error.policy_id) if node else error.policy_id
    return f"policy {label}: {error.error}"


def _broken(files: str, problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"The policies do not hold ({files}): {problem}.",
        detail_zh=f"策略文件有误（{files}）：{problem}。",
    )


def _unique(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(parts))
