"""特殊情况: a case of entry that the school or the county explains to the city, and that is settled there (A12-3)."""

from __future__ import annotations

from datetime import date

from core_registry.domain.archive_texts import keeps_to_the_record
from core_registry.domain.facts import Facts
from core_registry.domain.procedures import Act, Effects, Procedure, StepPlan, register
from core_registry.domain.requests import Request, ValueSpec, ValueType
from core_registry.domain.rules import Party, enforces
from core_registry.domain.validity import in_force


def _special_steps(request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    by = Party.COUNTY if request.text("explained_by") == "county" else Party.SCHOOL
    return (
        StepPlan("explain", by, Act.START, 1, "A12-3", act_zh="说明"),
        StepPlan("settle", Party.CITY, Act.AGREE, 2, "A12-3", act_zh="商定"),
    )


@enforces("A12-3", how="record")
def _special_effects(_request: Request, _facts: Facts, _on: date) -> Effects:
    """Change nothing: the case with both sides' words is the record of the exchange (A12-3)."""
    return Effects(ground="12")


SPECIAL_CASE = register(
    Procedure(
        kind="special-case",
        zh="特殊情况建籍商定",
        en="special case of entry",
        chapter=3,
        article="12",
        subject="none",
        fields=(
            ValueSpec(
                "explained_by",
                ValueType.CHOICE,
                "说明单位",
                "explained by",
                choices={"school": ("学校", "the school"), "county": ("县级教育行政部门", "the county")},
            ),
            ValueSpec("explanation", ValueType.TEXT, "情况说明", "explanation", personal=True, longest=1000),
            ValueSpec("proposal", ValueType.TEXT, "拟办意见", "what is proposed", personal=True, longest=500),
        ),
        opened_by=frozenset({Party.SCHOOL, Party.COUNTY}),
        steps=_special_steps,
        effects=_special_effects,
        checks=(in_force, keeps_to_the_record),
    )
)
