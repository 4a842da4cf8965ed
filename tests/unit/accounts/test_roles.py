"""三员分立 and the separation of approval, as rules on roles."""

from __future__ import annotations

from itertools import combinations

import pytest

from gateway.accounts.errors import RoleConflictError
from gateway.accounts.roles import (
    ROLES_OF_KIND,
    SECOND_FACTOR_ROLES,
    THREE_ADMINISTRATORS,
    check_placed,
    check_together,
    needs_second_factor,
)
from gateway.errors import ParameterError
from gateway.ids import RecipientId, UnitCode
from gateway.principals import AccountKind, Role

RECIPIENT = RecipientId("91140100MA0GATEW7X")


@pytest.mark.parametrize("pair", list(combinations(sorted(THREE_ADMINISTRATORS), 2)))
def test_no_two_of_the_three_administrators_are_one_person(pair: tuple[Role, Role]) -> None:
    with pytest.raises(RoleConflictError):
        check_together(frozenset(pair))


@pytest.mark.parametrize("role", sorted({*THREE_ADMINISTRATORS, Role.APPLICANT, Role.EXECUTOR}))
def test_the_approving_officer_neither_administers_nor_applies_nor_executes(role: Role) -> None:
    with pytest.raises(RoleConflictError) as refused:
        check_together(frozenset({Role.APPROVING_OFFICER, role}))
    assert refused.value.rule == "A50-11"


def test_other_roles_go_together() -> None:
    check_together(frozenset({Role.DATA_OFFICER, Role.EXECUTOR, Role.REGISTRAR}))
    check_together(frozenset({Role.DATA_OFFICER, Role.APPROVING_OFFICER}))
    for role in Role:
        check_together(frozenset({role}))


def test_every_role_that_decides_or_exports_needs_a_second_factor() -> None:
    assert {role for role in Role if needs_second_factor(frozenset({role}))} == SECOND_FACTOR_ROLES
    assert SECOND_FACTOR_ROLES == {
        Role.DATA_OFFICER,
        Role.APPROVING_OFFICER,
        Role.EXECUTOR,
        Role.INSPECTOR,
        Role.REGISTRAR,
        Role.PRINCIPAL,
        Role.SYSTEM_ADMINISTRATOR,
        Role.SECURITY_ADMINISTRATOR,
    }
    assert not needs_second_factor(frozenset())


@pytest.mark.parametrize("role", sorted(Role))
def test_each_role_belongs_to_the_kinds_that_may_hold_it_and_no_others(role: Role) -> None:
    for kind in AccountKind:
        recipient = None if kind is AccountKind.GUARDIAN else RECIPIENT
        unit = UnitCode("140105") if kind is AccountKind.STAFF else None
        if role in ROLES_OF_KIND[kind]:
            check_placed(kind, frozenset({role}), unit, recipient, lambda _: True)
        else:
            with pytest.raises(ParameterError):
                check_placed(kind, frozenset({role}), unit, recipient, lambda _: True)
    assert any(role in roles for roles in ROLES_OF_KIND.values())


def test_an_approving_officer_works_for_a_known_division() -> None:
    roles = frozenset({Role.APPROVING_OFFICER})
    check_placed(AccountKind.STAFF, roles, UnitCode("140105"), None, {"140105"}.__contains__)
    for unit in (None, UnitCode("140106"), UnitCode("1401050012"), UnitCode("14010"), UnitCode("１４０１０５")):
        with pytest.raises(ParameterError):
            check_placed(AccountKind.STAFF, roles, unit, None, {"140105"}.__contains__)
