"""Findings of inspections and orders to correct them (Art. 51)."""

from __future__ import annotations

from datetime import date

import pytest

from core_registry.domain.findings import (
    FINDINGS,
    OrderState,
    corrected,
    escalated,
    matter_of,
    order_correction,
    orderer_for,
    superior_of,
)
from core_registry.domain.regulation import REGULATION
from core_registry.errors import RegisterRuleError
from tests.factories.cases import CITY, COUNTY, school

ON, DUE = date(2026, 9, 10), date(2026, 9, 30)
PROVINCE = "140000"


def test_there_are_the_nine_findings_of_article_51_in_two_languages() -> None:
    assert list(FINDINGS) == [f"51-{number}" for number in range(1, 10)]
    assert all(zh and en for zh, en in FINDINGS.values())


def test_a_school_is_ordered_by_its_supervising_department_and_a_department_by_its_superior() -> None:
    assert orderer_for(school(supervising_dept=CITY)) == CITY
    assert [superior_of(division) for division in (COUNTY, CITY, PROVINCE)] == [CITY, PROVINCE, None]
    assert orderer_for(COUNTY) == CITY


@pytest.mark.parametrize("code", [f"51-{number}" for number in range(1, 8)])
def test_an_order_names_code_rule_and_deadline_and_becomes_a_matter(code: str) -> None:
    order = order_correction(code, school(), ordered_by=COUNTY, on=ON, due=DUE)
    matter = matter_of(order)
    assert matter.rule in REGULATION
    assert (matter.kind, matter.code, matter.owner, order.due) == ("finding", code, school().code, DUE)


@pytest.mark.parametrize("code", ["51-8", "51-9"])
def test_the_open_findings_need_the_rule_that_is_broken(code: str) -> None:
    with pytest.raises(RegisterRuleError):
        order_correction(code, school(), ordered_by=COUNTY, on=ON, due=DUE)
    assert order_correction(code, school(), ordered_by=COUNTY, on=ON, due=DUE, rule="A49-1").rule == "A49-1"


@pytest.mark.parametrize(
    ("code", "by", "due"),
    [("51-10", COUNTY, DUE), ("51-1", CITY, DUE), ("51-1", school().code, DUE), ("51-1", COUNTY, ON)],
)
def test_an_order_of_another_department_or_without_time_is_refused(code: str, by: str, due: date) -> None:
    with pytest.raises(RegisterRuleError):
        order_correction(code, school(), ordered_by=by, on=ON, due=due)


def test_an_order_that_is_not_kept_goes_one_department_up() -> None:
    order = order_correction("51-4", school(), ordered_by=COUNTY, on=ON, due=DUE)
    assert escalated(order, DUE).state is OrderState.OPEN
    late = escalated(order, date(2026, 10, 1))
    assert (late.state, late.escalated_to) == (OrderState.ESCALATED, CITY)
    assert escalated(late, date(2026, 10, 9)) == late
    done = corrected(late, date(2026, 10, 8))
    assert (done.state, done.closed_on) == (OrderState.CORRECTED, date(2026, 10, 8))
    assert escalated(done, date(2027, 1, 1)) == done
    with pytest.raises(RegisterRuleError):
        corrected(done, date(2026, 10, 9))


def test_an_order_of_the_province_stays_open_and_late() -> None:
    order = order_correction("51-4", CITY, ordered_by=PROVINCE, on=ON, due=DUE)
    assert escalated(order, date(2026, 12, 1)) == order
