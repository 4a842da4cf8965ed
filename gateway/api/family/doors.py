"""Who calls: a family's session, and the child that an address names by its bond, never by the pupil (I7)."""

from __future__ import annotations

from gateway.api.authentication import principal, services
from gateway.errors import ForbiddenError, NotFoundError, UnavailableError
from gateway.families.records import Member
from gateway.families.service import FamilyService
from gateway.principals import FAMILIES, AccountKind, Principal


def families() -> FamilyService:
    """Return the service; raises ``UnavailableError`` on a face without families."""
    found = services().families
    if found is None:
        raise UnavailableError("No family signs in at this face.", detail_zh="本端不提供家庭账号服务。")
    return found


def caller() -> Principal:
    """Return the family's account that calls; raises ``ForbiddenError`` for staff and clients."""
    who = principal()
    if who.kind not in FAMILIES:
        raise ForbiddenError(
            "This is for accounts of families; sign in with a passkey or an activation.",
            detail_zh="仅限家庭账号使用，请用通行密钥或激活链接登录。",
            rule="A50-4",
        )
    return who


def guardian() -> Principal:
    """Return the guardian who calls; raises ``ForbiddenError`` for anybody else (A7-3)."""
    who = caller()
    if who.kind is not AccountKind.GUARDIAN:
        raise ForbiddenError("This is for guardians.", detail_zh="仅限监护人办理。", rule="A7-3")
    return who


def member(who: Principal, bond_id: str) -> Member:
    """Return the child of a bond of the account. Raises ``NotFoundError`` for any other: one answer."""
    found = next((one for one in families().members(who.account) if one.bond.id == bond_id), None)
    if found is None:
        raise NotFoundError("There is no such pupil on this account.", detail_zh="本账号下没有该学生。")
    return found
