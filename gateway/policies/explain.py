"""Why a question is answered so, and what would have to change: found by asking again, not by reading policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from types import MappingProxyType
from typing import Final

from gateway.ids import AccountId, RecipientId
from gateway.policies.decision import Action, Decision
from gateway.policies.policy_set import LoadedSet, Policy
from gateway.policies.questions import Question
from gateway.principals import AccountKind, Role

ROLE_LABELS: Final[Mapping[Role, str]] = MappingProxyType(
    {
        Role.APPLICANT: "申请人",
        Role.DATA_OFFICER: "数据管理员",
        Role.APPROVING_OFFICER: "批准人",
        Role.EXECUTOR: "执行人",
        Role.REGISTRAR: "学籍管理员",
        Role.PRINCIPAL: "校长",
        Role.GUARDIAN: "监护人",
        Role.PUPIL: "学生",
        Role.RELYING_PARTY: "验证方",
        Role.SYSTEM_ADMINISTRATOR: "系统管理员",
        Role.SECURITY_ADMINISTRATOR: "安全管理员",
        Role.INSPECTOR: "审计检查员",
    }
)
_MOST_CHANGES: Final = 3
_SECOND_FACTOR: Final = 2
_NOBODY: Final = AccountId("st-another-person")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that could be otherwise, in both languages."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision, the policies that made it, who may at all, and the fewest changes that would turn a denial."""

    decision: Decision
    deciding: tuple[Policy, ...]
    permits: tuple[Policy, ...]
    ways: tuple[tuple[Change, ...], ...]
    """Each is enough; empty after an allowance, and where no three changes help."""


def explain(loaded: LoadedSet, question: Question) -> Explanation:
    """Return why ``loaded`` decides ``question`` as it does."""
    decision = question.put(loaded)
    permits = [p for p in loaded.by_id.values() if p.effect == "permit" and question.action in p.actions]
    return Explanation(
        decision=decision,
        deciding=tuple(loaded.by_id[name] for name in decision.policy_ids),
        permits=tuple(sorted(permits, key=lambda policy: policy.id)),
        ways=() if decision.allowed or decision.errors else _ways(loaded, question),
    )


def _ways(loaded: LoadedSet, question: Question) -> tuple[tuple[Change, ...], ...]:
    possible = list(_changes(question))
    for count in range(1, _MOST_CHANGES + 1):
        found = []
        for chosen in combinations(possible, count):
            changed = question
            for _, apply in chosen:
                changed = apply(changed)
            if changed.put(loaded).allowed:
                found.append(tuple(change for change, _ in chosen))
        if found:
            return tuple(found)
    return ()


Alternative = tuple[Change, Callable[[Question], Question]]


def _changes(question: Question) -> Iterator[Alternative]:
    """Yield what could be otherwise about who asks, what is asked for, and the circumstances."""
    yield from _of_person(question)
    yield from _of_roles(question)
    around = question.circumstances
    if not around.territory_within:
        yield (
            Change("within the territory of the person's unit", "在办理人单位的范围之内"),
            lambda q: replace(q, circumstances=replace(q.circumstances, territory_within=True)),
        )
    state = question.resource.attributes.get("state")
    if question.resource.type == "Grant" and state != "active":
        yield (
            Change("the grant is active", "授权处于有效状态"),
            lambda q: _with_attribute(q, "state", "active"),
        )


def _of_person(question: Question) -> Iterator[Alternative]:
    who, what = question.principal, question.resource.attributes
    if who.assurance < _SECOND_FACTOR:
        yield (
            Change("sign in with the second factor", "使用第二因素登录"),
            lambda q: replace(q, principal=replace(q.principal, assurance=_SECOND_FACTOR)),
        )
    if who.kind is not AccountKind.STAFF:
        yield (
            Change("a member of staff instead of a client or guardian", "改由工作人员办理"),
            lambda q: replace(q, principal=replace(q.principal, kind=AccountKind.STAFF)),
        )
    if who.account in what.values() or (who.on_behalf is not None and who.on_behalf in what.values()):
        yield (
            Change(
                "another person, who has not acted in this matter and stands in for nobody who has",
                "改由未经手此事的其他人员办理",
            ),
            lambda q: replace(q, principal=replace(q.principal, account=_NOBODY, on_behalf=None)),
        )
    if "recipient" in what and who.recipient != what["recipient"]:
        ours = RecipientId(what["recipient"])
        yield (
            Change("act for the recipient of this application or grant", "代表该申请或授权的数据使用方"),
            lambda q: replace(q, principal=replace(q.principal, recipient=ours)),
        )
    if who.recipient is not None:
        yield (
            Change("act for no recipient", "不代表任何数据使用方"),
            lambda q: replace(q, principal=replace(q.principal, recipient=None)),
        )
    if question.action in {Action.APPLY, Action.SUBMIT} and what.get("applicant") not in {None, who.account}:
        yield (
            Change("the person who wrote the application", "由填写该申请的本人办理"),
            lambda q: replace(q, principal=replace(q.principal, account=AccountId(what["applicant"]))),
        )
    if who.mandate is not None:
        yield (
            Change("a token that names this grant and this use, or none", "使用写明该授权和用法的访问令牌"),
            lambda q: replace(q, principal=replace(q.principal, mandate=None)),
        )


def _of_roles(question: Question) -> Iterator[Alternative]:
    for role in Role:
        label = ROLE_LABELS[role]
        if role in question.principal.roles:
            yield Change(f"without the role {role.value}", f"不担任{label}"), partial(_turn_role, role)
        else:
            yield Change(f"with the role {role.value}", f"担任{label}"), partial(_turn_role, role)


def _turn_role(role: Role, question: Question) -> Question:
    """Give the person the role, or take it."""
    return replace(question, principal=replace(question.principal, roles=question.principal.roles ^ {role}))


def _with_attribute(question: Question, name: str, value: str) -> Question:
    changed = {**question.resource.attributes, name: value}
    return replace(question, resource=replace(question.resource, attributes=changed))
