"""The floor: what no edited policy file may change. A set below it is not loaded, at the start or later.

Policies are data that an authority may edit; these invariants are not. A set is not read for them but *asked*:
a forbid that kept its name and lost its condition does not pass. Who needs more than a policy forbids adds another
forbid; who needs less changes the program, and says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from types import MappingProxyType
from typing import Final

from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.policies.decision import Action, Circumstances, Resource
from gateway.policies.policy_set import LoadedSet, PolicySetError, Problem
from gateway.policies.questions import Question
from gateway.principals import AccountKind, Principal, Role

_OURS: Final = RecipientId("91140100MA0FLOOR0A")
_OTHER: Final = RecipientId("91140100MA0FLOOR0B")
_UNIT: Final = UnitCode("140100")
_APPLICATION: Final = Resource(
    "Application",
    "ap-floor",
    {
        "applicant": "st-applicant",
        "recipient": _OURS,
        "unit": _UNIT,
        "territory": _UNIT,
        "state": "confirmed",
        "recorder": "st-recorder",
        "confirmer": "st-confirmer",
        "approver": "st-approver",
        "recorder_for": "st-recorder-for",
        "confirmer_for": "st-confirmer-for",
    },
)
_GRANT: Final = Resource(
    "Grant",
    "gr-floor",
    {
        "applicant": "st-applicant",
        "recipient": _OURS,
        "territory": _UNIT,
        "state": "active",
        "recorder": "st-recorder",
        "confirmer": "st-confirmer",
        "approver": "st-approver",
        "approver_for": "st-approver-for",
    },
)
_UNITS: Final = MappingProxyType({"unit": _UNIT})
_RESOURCES: Final[Mapping[str, Resource]] = MappingProxyType(
    {
        "Application": _APPLICATION,
        "Grant": _GRANT,
        "LegalText": Resource("LegalText", "text", {"recorder": "st-recorder"}),
        "Disclosure": Resource("Disclosure", _UNIT, _UNITS),
        "Alert": Resource("Alert", _UNIT, {"unit": _UNIT, "owner": Role.DATA_OFFICER, "about": "st-about"}),
        "Canary": Resource("Canary", _UNIT, {"unit": _UNIT, "recorder": "st-recorder"}),
        "Registry": Resource("Registry", _UNIT, _UNITS),
        "Identity": Resource("Identity", "identity", {**_UNITS, "guardian": "gd-parent", "recipient": _OURS}),
        "AuditLog": Resource("AuditLog", "log"),
        "System": Resource("System", "system", _UNITS),
        "Retention": Resource("Retention", "retention", _UNITS),
    }
)
_APPLIES: Final[Mapping[str, tuple[Action, ...]]] = MappingProxyType(
    {
        "Application": (
            Action.APPLY, Action.SUBMIT, Action.READ_APPLICATION, Action.COMMENT_APPLICATION,
            Action.RETURN_APPLICATION, Action.RECORD_GROUND, Action.CONFIRM_GROUND, Action.DRY_RUN,
            Action.DECIDE_APPLICATION,
        ),
        "Grant": (
            Action.READ_APPLICATION, Action.SUSPEND_GRANT, Action.WITHDRAW_GRANT, Action.EXECUTE_RELEASE,
            Action.DELIVER_RELEASE,
        ),
        "LegalText": (Action.ATTACH_TEXT, Action.CONFIRM_TEXT),
        "Disclosure": (Action.REGISTER_DISCLOSURE, Action.READ_DISCLOSURES),
        "Alert": (Action.READ_ALERTS, Action.HANDLE_ALERTS),
        "Canary": (Action.READ_CANARIES, Action.KEEP_CANARIES, Action.CONFIRM_CANARIES),
        "Registry": (Action.READ_REGISTRY, Action.IMPORT_REGISTRY, Action.READ_CASES, Action.HANDLE_CASES),
        "Identity": (Action.VERIFY_IDENTITY, Action.ISSUE_IDENTITY),
        "AuditLog": (Action.READ_AUDIT, Action.EXPORT_AUDIT),
        "System": (
            Action.DELEGATE, Action.MANAGE_ACCOUNTS, Action.MANAGE_CLIENTS, Action.MANAGE_KEYS, Action.CONFIGURE,
        ),
        "Retention": (Action.READ_RETENTION, Action.HOLD_DATA, Action.LIFT_HOLD),
    }
)  # fmt: skip
"""What the services ask about which resource: a set that cannot answer one of these stops the service that asks."""
_OPTIONAL: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "Application": frozenset({"recorder", "confirmer", "approver", "recorder_for", "confirmer_for"}),
        "Grant": frozenset({"applicant", "approver_for"}),
        "LegalText": frozenset({"recorder"}),
        "Alert": frozenset({"about"}),
        "Canary": frozenset({"recorder"}),
        "Identity": frozenset({"unit", "guardian", "recipient"}),
        "System": frozenset({"unit"}),
        "Retention": frozenset({"unit"}),
    }
)
"""What a resource may lack (``resources``)."""
SAMPLES: Final[Mapping[str, Resource]] = MappingProxyType(
    {
        kind: replace(one, attributes={n: v for n, v in one.attributes.items() if n not in _OPTIONAL.get(kind, ())})
        for kind, one in _RESOURCES.items()
    }
)
"""A resource of each type with what it must have, and no more."""
_OFFICE_ACTS: Final = (
    Action.RETURN_APPLICATION, Action.RECORD_GROUND, Action.CONFIRM_GROUND, Action.DRY_RUN, Action.DECIDE_APPLICATION,
    Action.SUSPEND_GRANT, Action.WITHDRAW_GRANT, Action.ATTACH_TEXT, Action.CONFIRM_TEXT, Action.REGISTER_DISCLOSURE,
    Action.DELEGATE,
)  # fmt: skip
_WITHIN_ONLY: Final = (
    Action.RETURN_APPLICATION, Action.RECORD_GROUND, Action.CONFIRM_GROUND, Action.DRY_RUN, Action.DECIDE_APPLICATION,
    Action.SUSPEND_GRANT, Action.WITHDRAW_GRANT, Action.EXECUTE_RELEASE, Action.READ_REGISTRY, Action.IMPORT_REGISTRY,
    Action.READ_CASES, Action.HANDLE_CASES, Action.REGISTER_DISCLOSURE, Action.ISSUE_IDENTITY,
    Action.READ_CANARIES, Action.KEEP_CANARIES, Action.CONFIRM_CANARIES,
)  # fmt: skip
_OWN_ONLY: Final = (
    Action.APPLY, Action.SUBMIT, Action.READ_APPLICATION, Action.COMMENT_APPLICATION, Action.EXECUTE_RELEASE,
    Action.DELIVER_RELEASE, Action.VERIFY_IDENTITY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Protected:
    """A forbid that must stay: which questions it must deny, and why it may not go."""

    rule: str
    why: str
    why_zh: str
    questions: tuple[Question, ...]


def _person(
    account: str,
    *roles: Role,
    recipient: RecipientId | None = None,
    assurance: int = 2,
    kind: AccountKind = AccountKind.STAFF,
    mandate: frozenset[str] | None = None,
) -> Principal:
    unit = None if recipient is not None or kind is not AccountKind.STAFF else _UNIT
    return Principal(
        AccountId(account), kind, frozenset(roles), unit, recipient=recipient, assurance=assurance, mandate=mandate
    )


def _deputy(of: str) -> Principal:
    return replace(_person("st-deputy", *_OFFICERS, Role.EXECUTOR), on_behalf=AccountId(of))


def _deputy_inspector(of: str) -> Principal:
    return replace(_person("st-deputy", Role.INSPECTOR), on_behalf=AccountId(of))


def _ask(who: Principal, *actions: Action, within: bool = True, separation: str = "three") -> tuple[Question, ...]:
    """Return the questions whether ``who`` may do each of ``actions`` on what each applies to."""
    around = Circumstances(separation=separation, territory_within=within, errand="gr-floor extract")
    return tuple(
        Question(who, action, _RESOURCES[kind], around)
        for action in actions
        for kind, applies in _APPLIES.items()
        if action in applies
    )


def _in_state(question: Question, state: str) -> Question:
    resource = question.resource
    return replace(question, resource=replace(resource, attributes={**resource.attributes, "state": state}))


_DECIDING: Final = (Action.RECORD_GROUND, Action.CONFIRM_GROUND, Action.DRY_RUN, Action.DECIDE_APPLICATION)
_OFFICERS: Final = (Role.DATA_OFFICER, Role.APPROVING_OFFICER)
_ADMINISTRATORS: Final = (Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.INSPECTOR)
_CLIENT: Final = _person("cl-floor", Role.EXECUTOR, recipient=_OURS, kind=AccountKind.CLIENT)
_NAMED: Final = _person(
    "cl-floor", Role.EXECUTOR, recipient=_OURS, kind=AccountKind.CLIENT, mandate=frozenset({"gr-floor match"})
)

PROTECTED: Final[Mapping[str, Protected]] = MappingProxyType(
    {
        "applicant-decides-nothing": Protected(
            "A50-11", "nobody decides on their own application", "任何人不得办理自己的申请",
            _ask(_person("st-applicant", *_OFFICERS), *_DECIDING),
        ),
        "recipient-decides-nothing": Protected(
            "A50-11", "the recipient does not decide on what it receives", "数据使用方不得自行批准",
            _ask(_person("st-x", *_OFFICERS, recipient=_OURS), *_DECIDING),
        ),
        "recorder-does-not-confirm": Protected(
            "A50-11", "a ground is seen by two people", "依据须两人经手",
            _ask(_person("st-recorder", *_OFFICERS), Action.CONFIRM_GROUND)
            + _ask(_person("st-recorder", *_OFFICERS), Action.CONFIRM_GROUND, separation="two"),
        ),
        "recorder-does-not-decide": Protected(
            "A50-11", "who recorded the ground does not decide, under either profile", "登记人在两种分工下均不得批准",
            _ask(_person("st-recorder", *_OFFICERS), Action.DECIDE_APPLICATION)
            + _ask(_person("st-recorder", *_OFFICERS), Action.DECIDE_APPLICATION, separation="two"),
        ),
        "three-people-confirmer-does-not-decide": Protected(
            "A50-11", "three people are three people", "三人制须三人",
            _ask(_person("st-confirmer", *_OFFICERS), Action.DECIDE_APPLICATION),
        ),
        "approver-does-not-execute": Protected(
            "A50-11", "who approved does not hand out", "批准与执行须分开",
            _ask(_person("st-approver", Role.APPROVING_OFFICER, Role.EXECUTOR), Action.EXECUTE_RELEASE)
            + _ask(_person("st-approver", Role.APPLICANT, recipient=_OURS), Action.DELIVER_RELEASE),
        ),
        "own-grant-is-not-resumed": Protected(
            "A50-11", "nobody resumes a grant of their own", "任何人不得恢复自己的授权",
            _ask(_person("st-applicant", *_OFFICERS), Action.SUSPEND_GRANT)
            + _ask(_deputy("st-applicant"), Action.SUSPEND_GRANT)
            + _ask(_person("st-x", *_OFFICERS, recipient=_OURS), Action.SUSPEND_GRANT),
        ),
        "deputy-of-applicant-decides-nothing": Protected(
            "A50-11", "a deputy counts as who delegated", "代行者与委托人一并计算",
            _ask(_deputy("st-applicant"), *_DECIDING),
        ),
        "deputy-and-recorder-are-apart": Protected(
            "A50-11", "a deputy counts as who delegated", "代行者与委托人一并计算",
            _ask(_deputy("st-recorder"), Action.CONFIRM_GROUND, Action.DECIDE_APPLICATION)
            + _ask(_deputy("st-recorder-for"), Action.CONFIRM_GROUND, Action.DECIDE_APPLICATION)
            + _ask(_person("st-recorder-for", *_OFFICERS), Action.CONFIRM_GROUND, Action.DECIDE_APPLICATION),
        ),
        "three-people-deputy-and-confirmer-are-apart": Protected(
            "A50-11", "a deputy counts as who delegated", "代行者与委托人一并计算",
            _ask(_deputy("st-confirmer"), Action.DECIDE_APPLICATION)
            + _ask(_deputy("st-confirmer-for"), Action.DECIDE_APPLICATION)
            + _ask(_person("st-confirmer-for", *_OFFICERS), Action.DECIDE_APPLICATION),
        ),
        "deputy-of-approver-does-not-execute": Protected(
            "A50-11", "a deputy counts as who delegated", "代行者与委托人一并计算",
            tuple(
                question
                for who in (_deputy("st-approver"), _deputy("st-applicant"), _deputy("st-approver-for"),
                            _person("st-approver-for", Role.EXECUTOR))
                for question in _ask(who, Action.EXECUTE_RELEASE)
            ),
        ),
        "own-alert-is-for-another": Protected(
            "A50-11", "nobody ends the alert about themselves", "任何人不得处理由本人引起的预警",
            _ask(_person("st-about", Role.DATA_OFFICER), Action.HANDLE_ALERTS),
        ),
        "applicant-does-not-execute": Protected(
            "A50-11", "who asked does not hand out", "申请与执行须分开",
            _ask(_person("st-applicant", Role.EXECUTOR), Action.EXECUTE_RELEASE)
            + _ask(_person("st-x", Role.EXECUTOR, recipient=_OURS), Action.EXECUTE_RELEASE),
        ),
        "administrators-and-inspector-approve-nothing": Protected(
            "A50-11", "who runs or inspects the system decides nothing in it", "三员不得参与审批",
            tuple(
                question
                for role in _ADMINISTRATORS
                for question in _ask(_person("st-x", role, *_OFFICERS, Role.EXECUTOR), *_OFFICE_ACTS,
                                     Action.EXECUTE_RELEASE)
            ),
        ),
        "three-officers-are-three-people": Protected(
            "A50-1", "三员分立", "三员分立",
            tuple(
                question
                for pair in (_ADMINISTRATORS[:2], _ADMINISTRATORS[1:], _ADMINISTRATORS[::2])
                for question in _ask(
                    _person("st-x", *pair), Action.READ_APPLICATION, Action.READ_DISCLOSURES, Action.READ_AUDIT,
                    Action.EXPORT_AUDIT, Action.READ_ALERTS, Action.HANDLE_ALERTS, Action.MANAGE_ACCOUNTS,
                    Action.MANAGE_CLIENTS, Action.MANAGE_KEYS, Action.CONFIGURE, Action.READ_RETENTION,
                    Action.HOLD_DATA, Action.LIFT_HOLD, Action.READ_CANARIES, Action.KEEP_CANARIES,
                    Action.CONFIRM_CANARIES,
                )
            ),
        ),
        "only-people-decide": Protected(
            "A50-10", "a person answers for a decision, not a program", "批准须由人作出并负责",
            tuple(
                question
                for kind in (AccountKind.CLIENT, AccountKind.GUARDIAN, AccountKind.PUPIL)
                for question in _ask(
                    _person("cl-x", *Role, kind=kind), *_OFFICE_ACTS, Action.IMPORT_REGISTRY, Action.HANDLE_CASES,
                    Action.HANDLE_ALERTS, Action.EXPORT_AUDIT, Action.MANAGE_ACCOUNTS, Action.MANAGE_CLIENTS,
                    Action.MANAGE_KEYS, Action.CONFIGURE, Action.HOLD_DATA, Action.LIFT_HOLD,
                    Action.KEEP_CANARIES, Action.CONFIRM_CANARIES,
                )
            ),
        ),
        "second-factor-to-decide-or-export": Protected(
            "A50-1", "a stolen password alone decides and exports nothing", "仅凭口令不得决定、导出",
            _ask(
                _person("st-x", Role.APPROVING_OFFICER, Role.DATA_OFFICER, Role.EXECUTOR, assurance=1),
                Action.CONFIRM_GROUND, Action.DRY_RUN, Action.DECIDE_APPLICATION, Action.SUSPEND_GRANT,
                Action.WITHDRAW_GRANT, Action.EXECUTE_RELEASE, Action.CONFIRM_TEXT, Action.REGISTER_DISCLOSURE,
                Action.DELEGATE,
            )
            + _ask(_person("st-x", Role.REGISTRAR, assurance=1), Action.HANDLE_CASES)
            + _ask(_person("st-x", Role.APPLICANT, recipient=_OURS, assurance=1), Action.DELIVER_RELEASE)
            + _ask(
                _person("st-x", Role.INSPECTOR, assurance=1), Action.EXPORT_AUDIT, Action.HOLD_DATA, Action.LIFT_HOLD
            )
            + _ask(
                _person("st-x", Role.SECURITY_ADMINISTRATOR, assurance=1),
                Action.MANAGE_ACCOUNTS, Action.MANAGE_CLIENTS, Action.MANAGE_KEYS, Action.KEEP_CANARIES,
                Action.CONFIRM_CANARIES,
            ),
        ),
        "text-recorder-does-not-confirm": Protected(
            "A50-11", "the text of a law is compared by a second person", "条文须由他人核对",
            _ask(_person("st-recorder", *_OFFICERS), Action.CONFIRM_TEXT),
        ),
        "proposer-does-not-confirm-canary": Protected(
            "A50-11", "who proposes a decoy does not confirm it", "诱饵学籍须由他人确认",
            _ask(_person("st-recorder", Role.INSPECTOR), Action.CONFIRM_CANARIES)
            + _ask(_deputy_inspector("st-recorder"), Action.CONFIRM_CANARIES),
        ),
        "ended-grant-releases-nothing": Protected(
            "A50-12", "nothing leaves under a grant that ended", "授权终止后不得再提供",
            tuple(
                _in_state(question, state)
                for state in ("suspended", "withdrawn", "expired")
                for question in _ask(_CLIENT, Action.EXECUTE_RELEASE, Action.DELIVER_RELEASE)
            ),
        ),
        "recipients-of-another-territory": Protected(
            "A3-2", "a department keeps the recipients that it registered", "各单位只管理本单位登记的数据使用方",
            _ask(_person("st-x", Role.SECURITY_ADMINISTRATOR), Action.MANAGE_CLIENTS, within=False),
        ),
        "token-names-its-grant-and-use": Protected(
            "A50-9", "a token is good for the grant and use that it names", "令牌只能用于其写明的授权和用法",
            _ask(_NAMED, Action.EXECUTE_RELEASE, Action.DELIVER_RELEASE),
        ),
    }
)  # fmt: skip
"""The forbids that must stay, by id: the separation of duties and what ends or binds a grant."""


def check_floor(loaded: LoadedSet, files: tuple[str, ...] = ()) -> None:
    """Return when ``loaded`` stands above the floor; raise ``PolicySetError`` with everything that it lacks if not."""
    problems = [*weakened(loaded), *_forbidden(loaded), *_oversight(loaded), *_answerable(loaded)]
    if problems:
        raise PolicySetError(files, problems)


def unused_actions(loaded: LoadedSet) -> tuple[str, ...]:
    """Return the actions that are permitted to nobody: that is safe, and worth a word to whoever edits the set."""
    permitted = {action for policy in loaded.by_id.values() if policy.effect == "permit" for action in policy.actions}
    return tuple(sorted(set(loaded.by_action) - permitted))


def weakened(loaded: LoadedSet) -> Iterator[Problem]:
    """Yield a problem for each protected policy that is gone, is no forbid, or lets one of its questions pass."""
    for name, protected in PROTECTED.items():
        policy = loaded.by_id.get(name)
        why = f"({protected.rule}: {protected.why})"
        why_zh = f"（{protected.rule}：{protected.why_zh}）"
        if policy is None:
            yield Problem("floor", "", name, f"must stay; restore it {why}", f"不得删除规则 {name}，请恢复{why_zh}")
        elif policy.effect != "forbid":
            yield Problem("floor", policy.file, name, f"must be a forbid {why}", f"{name} 须为禁止规则{why_zh}")
        else:
            let_pass = sorted({q.action.value for q in protected.questions if name not in q.put(loaded).policy_ids})
            if let_pass:
                told = f"no longer forbids what it must for {', '.join(let_pass)}; restore its condition {why}"
                told_zh = f"规则 {name} 对 {'、'.join(let_pass)} 已失去应有的禁止，请恢复其条件{why_zh}"
                yield Problem("floor", policy.file, name, told, told_zh)


def _forbidden(loaded: LoadedSet) -> Iterator[Problem]:
    """Yield a problem for each policy that permits what no policy may."""
    every = tuple(Action)
    alone = [(role,) for role in Role]
    workers = tuple(role for role in Role if role not in _ADMINISTRATORS)
    outsiders = [(role,) for role in Role if role is not Role.INSPECTOR] + [workers]
    questions = {
        ("A50-5", "to somebody without a role", "无任何岗位的账号"): [
            *_ask(_person("st-x"), *every),
            *_ask(_person("cl-x", recipient=_OURS, kind=AccountKind.CLIENT), *(set(every) - {Action.DELIVER_RELEASE})),
            *_ask(_person("gd-x", kind=AccountKind.GUARDIAN), *every),
            *_ask(_person("pu-x", kind=AccountKind.PUPIL), *every),
        ],
        ("A3-2", "outside the territory of the unit", "本单位范围以外的"): [
            question
            for roles in [*alone, workers]
            for question in _ask(_person("st-x", *roles), *_WITHIN_ONLY, within=False)
        ],
        ("A50-9", "for another recipient", "其他数据使用方的"): [
            question
            for roles, kind in product(outsiders, (AccountKind.STAFF, AccountKind.CLIENT))
            for question in _ask(_person("st-x", *roles, recipient=_OTHER, kind=kind), *_OWN_ONLY, within=False)
        ],
    }
    for (rule, where, where_zh), asked in questions.items():
        found: dict[str, set[str]] = {}
        for question in asked:
            decision = question.put(loaded)
            if decision.allowed:
                for name in decision.policy_ids:
                    found.setdefault(name, set()).add(question.action.value)
        for name, actions in found.items():
            acts = ", ".join(sorted(actions))
            told = f"must not permit {acts} {where} ({rule}); restore its condition"
            told_zh = f"规则 {name} 不得准许{where_zh}{acts}（{rule}），请恢复其条件"
            yield Problem("floor", loaded.by_id[name].file, name, told, told_zh)


def _oversight(loaded: LoadedSet) -> Iterator[Problem]:
    """Yield a problem when the inspector is shut out: the inspected must not be able to do that (A50-10, I5)."""
    for question in _ask(_person("st-x", Role.INSPECTOR), Action.READ_AUDIT, Action.EXPORT_AUDIT):
        if not question.put(loaded).allowed:
            told = f"an inspector must be able to {question.action} (A50-10); restore the permit"
            told_zh = f"审计检查员须能 {question.action}（A50-10），请恢复准许规则"
            yield Problem("floor", "", "", told, told_zh)


def _answerable(loaded: LoadedSet) -> Iterator[Problem]:
    """Yield a problem for each question of the services that the schema does not fit, optional parts or none."""
    whole = replace(_person("st-x", *Role), on_behalf=AccountId("st-y"))
    bare = Principal(AccountId("cl-x"), AccountKind.CLIENT, frozenset(), recipient=_OURS, mandate=frozenset())
    for question in [*_ask(whole, *Action), *_ask(bare, *Action)]:
        optional = _OPTIONAL.get(question.resource.type, frozenset())
        kept = {name: value for name, value in question.resource.attributes.items() if name not in optional}
        fewer = replace(question, resource=replace(question.resource, attributes=kept))
        variants = (question, fewer) if optional else (question,)
        if any(variant.put(loaded).errors for variant in variants):
            told = f"cannot answer '{question.action}' on {question.resource.type}; restore the schema"
            told_zh = f"模式无法判定 {question.resource.type} 的 {question.action}，请恢复模式文件"
            yield Problem("floor", "policies/schema.cedarschema", "", told, told_zh)
