"""Findings of inspections and orders to correct them (Art. 51): who orders, by when, and what follows when late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from core_registry.domain.facts import SchoolFacts
from core_registry.domain.procedures import NewMatter
from core_registry.errors import RegisterRuleError

FINDINGS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "51-1": ("（一）未按规定为学生建立学籍档案", "no archive was set up for a pupil properly received"),
        "51-2": ("（二）提供虚假信息", "false information"),
        "51-3": ("（三）学籍变动未及时登记", "changes not recorded in time"),
        "51-4": ("（四）义务教育阶段学生辍学未及时报告", "drop-out in the compulsory stage not reported in time"),
        "51-5": ("（五）拒不办理符合条件的转学", "transfer of an entitled pupil not handled"),
        "51-6": ("（六）未按规定转接学籍档案", "archive not passed on"),
        "51-7": ("（七）泄露或者违法使用学生信息", "leak or unlawful use of pupil information"),
        "51-8": ("（八）其他严重失职行为", "other serious neglect"),
        "51-9": ("（九）其他违反规定的行为", "other breach"),
    }
)
"""Code -> (Chinese, English), in our own words."""

RULE_OF: Mapping[str, str] = MappingProxyType(
    {
        "51-1": "A9-3", "51-2": "A10-2", "51-3": "A7-1", "51-4": "A33-1", "51-5": "A16-2", "51-6": "A6-2",
        "51-7": "A50-5",
    }
)  # fmt: skip
"""Code -> the rule that is broken as a rule; (八) and (九) have none: who finds them names it."""

_PROVINCE_ENDS, _CITY_ENDS = "0000", "00"


class OrderState(StrEnum):
    """Where an order to correct stands."""

    OPEN = "open"
    CORRECTED = "corrected"
    ESCALATED = "escalated"
    """Not corrected in time: the department above the one that ordered has it."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order to correct (责令改正): what, for whom, by which department, until when, and what came of it."""

    code: str
    rule: str
    unit: str
    ordered_by: str
    on: date
    due: date
    state: OrderState = OrderState.OPEN
    escalated_to: str | None = None
    closed_on: date | None = None


def superior_of(division: str) -> str | None:
    """Return the education department above one: county to city, city to province; ``None`` above the province."""
    if division.endswith(_PROVINCE_ENDS):
        return None
    return f"{division[:2]}{_PROVINCE_ENDS}" if division.endswith(_CITY_ENDS) else f"{division[:4]}{_CITY_ENDS}"


def orderer_for(unit: SchoolFacts | str) -> str | None:
    """Return who orders a unit to correct: a school's supervising department, a department's superior.

    ``None`` for the province, whose superior is none of this registry's departments.
    """
    return superior_of(unit) if isinstance(unit, str) else unit.supervising_dept


def order_correction(
    code: str, unit: SchoolFacts | str, *, ordered_by: str, on: date, due: date, rule: str = ""
) -> Order:
    """Return an order to correct a finding by ``due``; ``rule`` where the code leaves it open.

    Raises ``RegisterRuleError`` for an unknown code, another department than the one that orders, a day that is not
    after the order, or a code of (八), (九) without a rule.
    """
    broken = rule or RULE_OF.get(code, "")
    if code not in FINDINGS or not broken:
        raise RegisterRuleError(
            "Name a code of Art. 51, and the rule that is broken where the code leaves it open.",
            detail_zh="请选择第五十一条的情形；其他情形须指明违反的规定。",
        )
    if ordered_by != orderer_for(unit):
        raise RegisterRuleError(
            "A school is ordered by its supervising department, a department by the one above it.",
            detail_zh="学校由主管教育行政部门、教育行政部门由上级部门责令改正。",
            rule=broken,
        )
    if due <= on:
        raise RegisterRuleError(
            "The deadline lies after the day of the order.", detail_zh="改正期限应晚于责令之日。", rule=broken
        )
    return Order(code, broken, unit if isinstance(unit, str) else unit.code, ordered_by, on, due)


def matter_of(order: Order) -> NewMatter:
    """Return the matter under which an order is followed up; the unit that must correct owns it."""
    return NewMatter("finding", order.unit, order.on, order.rule, order.code)


def corrected(order: Order, on: date) -> Order:
    """Return the order closed. Raises ``RegisterRuleError`` for a closed one or a day before the order."""
    if order.state is OrderState.CORRECTED or on < order.on:
        raise RegisterRuleError(
            "The order is closed already, or the day lies before it.",
            detail_zh="该责令改正已办结，或日期早于责令之日。",
            rule=order.rule,
        )
    return replace(order, state=OrderState.CORRECTED, closed_on=on)


def escalated(order: Order, today: date) -> Order:
    """Return the order as it stands on ``today``: not corrected by its deadline, it goes one department up.

    From the province there is nowhere to go: it stays open and late.
    """
    if order.state is not OrderState.OPEN or today <= order.due:
        return order
    above = superior_of(order.ordered_by)
    return order if above is None else replace(order, state=OrderState.ESCALATED, escalated_to=above)
