"""Which roles go together, with which kind of account, and which need a second factor."""

from __future__ import annotations

import re
from collections.abc import Callable

from gateway.accounts.errors import RoleConflictError
from gateway.errors import ParameterError
from gateway.ids import RecipientId, UnitCode
from gateway.principals import AccountKind, Role

THREE_ADMINISTRATORS = frozenset({Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.INSPECTOR})
"""三员分立: three different people, none of whom approves (design 5)."""

SECOND_FACTOR_ROLES = THREE_ADMINISTRATORS | {
    Role.DATA_OFFICER,
    Role.APPROVING_OFFICER,
    Role.EXECUTOR,
    Role.REGISTRAR,
    Role.PRINCIPAL,
}
"""Every role that can decide or export (design 9)."""

ROLES_OF_KIND: dict[AccountKind, frozenset[Role]] = {
    AccountKind.STAFF: frozenset(Role) - {Role.GUARDIAN, Role.PUPIL, Role.RELYING_PARTY},
    AccountKind.GUARDIAN: frozenset({Role.GUARDIAN}),
    AccountKind.PUPIL: frozenset({Role.PUPIL}),
    AccountKind.CLIENT: frozenset({Role.APPLICANT, Role.EXECUTOR, Role.RELYING_PARTY}),
}
NEVER_WITH_APPROVAL = THREE_ADMINISTRATORS | {Role.APPLICANT, Role.EXECUTOR}
"""The approver is none of the three, and neither applies nor executes (A50-11)."""

DEPARTMENT_ROLES = frozenset({Role.DATA_OFFICER, Role.APPROVING_OFFICER})
"""Roles of an education department: their unit is a division code, never a school."""

_UNIT = re.compile(r"\d{6}|\d{10}")
_RECIPIENT = re.compile(r"[0-9A-Z]{18}")


def needs_second_factor(roles: frozenset[Role]) -> bool:
    """Say whether an account with ``roles`` must give a one-time code."""
    return bool(roles & SECOND_FACTOR_ROLES)


def check_together(roles: frozenset[Role]) -> None:
    """Raise ``RoleConflictError`` when one person may not hold ``roles`` together (A50-11, 三员分立)."""
    administrators = sorted(roles & THREE_ADMINISTRATORS)
    if len(administrators) > 1:
        raise RoleConflictError(
            "System administrator, security administrator and inspector must be different people "
            f"(asked: {', '.join(administrators)}). Give each role to a person of its own.",
            detail_zh="系统管理员、安全管理员、审计检查员应由不同人员担任（三员分立），请分别设置账号。",
        )
    conflicts = sorted(roles & NEVER_WITH_APPROVAL)
    if Role.APPROVING_OFFICER in roles and conflicts:
        raise RoleConflictError(
            f"An approving officer may not also be: {', '.join(conflicts)}. Give these roles to somebody else.",
            detail_zh=f"批准人不得兼任：{'、'.join(conflicts)}。请由其他人员担任。",
        )


def check_placed(
    kind: AccountKind,
    roles: frozenset[Role],
    unit: UnitCode | None,
    recipient: RecipientId | None,
    is_division: Callable[[str], bool],
) -> None:
    """Raise ``ParameterError`` unless ``roles`` fit the kind of account, its unit and its recipient.

    A department role needs the code of a known division (six digits); an applicant and every client need the
    recipient for which they act; everybody else of the staff needs a unit.
    """
    if not roles:
        raise ParameterError("An account needs at least one role.", detail_zh="账号至少应有一个角色。")
    foreign = sorted(roles - ROLES_OF_KIND[kind])
    if foreign:
        raise ParameterError(
            f"A {kind} account cannot have the roles: {', '.join(foreign)}.",
            detail_zh=f"{kind} 类账号不能设置角色：{'、'.join(foreign)}。",
        )
    if unit is not None and not _UNIT.fullmatch(unit):
        raise ParameterError(
            "A unit is a division code of six digits or a school code of ten digits.",
            detail_zh="单位代码应为 6 位行政区划代码或 10 位学校标识码。",
        )
    if recipient is not None and not _RECIPIENT.fullmatch(recipient):
        raise ParameterError(
            "A recipient is its unified social credit code: 18 digits and capital letters.",
            detail_zh="数据使用方应为 18 位统一社会信用代码。",
        )
    if roles & DEPARTMENT_ROLES and (unit is None or not is_division(unit)):
        raise ParameterError(
            "A data officer or approving officer works for an education department: "
            "the unit must be a known division code of six digits.",
            detail_zh="数据管理员、批准人的单位应为教育行政部门的行政区划代码（6 位，且在代码表内）。",
            rule="A50-11",
            missing=("unit",),
        )
    if (Role.APPLICANT in roles or kind is AccountKind.CLIENT) and recipient is None:
        raise ParameterError(
            "An applicant or a client acts for a recipient: give its unified social credit code.",
            detail_zh="数据使用方账号应填写统一社会信用代码。",
            missing=("recipient",),
        )
    if kind is AccountKind.STAFF and unit is None and roles != {Role.APPLICANT}:
        raise ParameterError(
            "A member of staff needs a unit.", detail_zh="工作人员账号应填写单位代码。", missing=("unit",)
        )
