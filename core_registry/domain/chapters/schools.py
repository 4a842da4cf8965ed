"""Schools as holders of records: which may hold them, who stands above, merger and closure (Arts. 2, 3 and 8).

Pure: each function returns the rules that do not hold, an empty tuple when all is well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from core_registry.domain.facts import SchoolFacts
from core_registry.domain.regulation import REGULATION
from core_registry.domain.rules import Party, RuleResult, Status, enforces
from core_registry.domain.states import ON_ROLL, Stage, StudentState

RECORD_CATEGORIES = frozenset({"21", "31", "32", "34", "36", "37", "51"})
"""School categories that may hold records (A2-1): ``config/code_lists/school_category.csv``."""
VOCATIONAL = "36"
SPECIAL_SCHOOL = "51"
_DIVISION_DIGITS = 6


def _fails(rule: str, zh: str, en: str, ask: Party | None = None) -> RuleResult:
    entry = REGULATION[rule]
    return RuleResult(rule, Status.FAILED, entry.zh, entry.en, zh, en, ask)


@enforces("A2-1", "A2-2", "A3-1", "A3-4", how="check")
def school_problems(
    school: SchoolFacts, *, own_registrar: bool, central: SchoolFacts | None = None
) -> tuple[RuleResult, ...]:
    """Return what stands against the school as a holder of records.

    ``own_registrar``: a registrar of its own is filed. ``central`` is the 中心校 that it names.
    Source: A2-1, A2-2, A3-1, A3-4.
    """
    found = []
    if school.category not in RECORD_CATEGORIES or not school.stages:
        found.append(_fails("A2-1", "该类学校不能建立学籍。", "A school of this category holds no records."))
    if school.category == VOCATIONAL and school.stages != {Stage.SENIOR}:
        found.append(
            _fails(
                "A2-2", "中职学校只能登记普通高中学段（综合高中班）。", "A vocational school runs senior classes only."
            )
        )
    above = (school.registry_superior, school.supervising_dept)
    if not all(len(unit) == _DIVISION_DIGITS and unit.isdecimal() for unit in above):
        found.append(
            _fails(
                "A3-1",
                "须登记一个上级学籍管理部门和一个主管教育行政部门。",
                "Name one registry superior and one supervising department.",
            )
        )
    if not own_registrar and not _acts_for(central, school):
        found.append(
            _fails(
                "A3-4",
                "没有学籍管理员的，须指定同一县内未撤销、自有学籍管理员的中心校代办。",
                "Without a registrar, name an open central school of the county that has one.",
                Party.REGISTRY_SUPERIOR,
            )
        )
    return tuple(found)


def _acts_for(central: SchoolFacts | None, point: SchoolFacts) -> bool:
    """Whether ``central`` can act for a teaching point: no chain of central schools, and the one that is named."""
    return (
        central is not None
        and central.code == point.central_school
        and central.code != point.code
        and central.central_school is None
        and not central.closed
        and central.division == point.division
    )


@dataclass(frozen=True, slots=True)
class RecordMove:
    """All records of a school move in one act: the list, the count, from where to where (A8-1, A8-2).

    ``kind``: ``merger`` (to a school) or ``closure`` (to a department or unit). Raises ``ValueError`` for a record that
    stands twice.
    """

    kind: Literal["merger", "closure"]
    school: str
    to_unit: str
    on: date
    by: str
    records: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.records)) != len(self.records):
            raise ValueError("a record stands twice in the list")

    @property
    def count(self) -> int:
        """How many records move."""
        return len(self.records)


def _list_problems(rule: str, listed: Collection[str], held: Collection[str]) -> list[RuleResult]:
    """A8-1, A8-2: all records in one act, none more and none less."""
    if set(listed) == set(held) and len(listed) == len(held):
        return []
    return [
        _fails(
            rule,
            f"移交清单（{len(listed)}份）须与该校现有学籍（{len(held)}份）完全一致，一次移交。",
            f"The list ({len(listed)}) must be exactly the records held ({len(held)}), in one act.",
        )
    ]


@enforces("A8-1", how="check")
def merger_problems(
    school: SchoolFacts,
    into: SchoolFacts,
    listed: Collection[str],
    held: Mapping[str, Stage],
    *,
    open_cases: int,
) -> tuple[RuleResult, ...]:
    """Return what stands against merging ``school`` into ``into`` (A8-1).

    ``held``: record id -> stage of every record that the school holds; ``listed`` the ids of the act. Open cases name
    the old school, so they must end first.
    """
    found = _list_problems("A8-1", listed, set(held))
    if into.closed or into.code == school.code or into.category not in RECORD_CATEGORIES:
        found.append(
            _fails(
                "A8-1",
                "合并后的学校须为另一所未撤销、可建立学籍的学校。",
                "Merge into another, open school that holds records.",
            )
        )
    if not set(held.values()) <= into.stages:
        found.append(
            _fails(
                "A8-1", "合并后的学校须开设所移交学籍的全部学段。", "The merged school must run every stage concerned."
            )
        )
    if open_cases:
        found.append(_fails("A8-1", f"尚有{open_cases}项业务未办结。", f"{open_cases} cases are still open."))
    return tuple(found)


@enforces("A8-2", how="check")
def closure_problems(
    school: SchoolFacts,
    holder: str,
    listed: Collection[str],
    held: Mapping[str, StudentState],
    *,
    named_by: str,
    open_cases: int,
    active_accounts: int,
) -> tuple[RuleResult, ...]:
    """Return what stands against closing ``school`` (A8-2, Q-28).

    ``held``: record id -> state of every record that the school holds. ``holder`` is the unit that takes them: the
    supervising department, or the unit that it names (``named_by`` is the department that does). A pupil on the
    roll must have a new school before.
    """
    found = []
    present = sum(state in ON_ROLL for state in held.values())
    if present:
        found.append(
            _fails(
                "A8-2",
                f"尚有{present}名在校学生，须先全部转入新的学校。",
                f"{present} pupils are still on the roll: each needs a new school first.",
                Party.SUPERVISING_DEPT,
            )
        )
    found.extend(_list_problems("A8-2", listed, held))
    if named_by != school.supervising_dept or holder == school.code:
        found.append(
            _fails(
                "A8-2",
                "学籍档案须移交主管教育行政部门或其指定的单位。",
                "The records go to the supervising department or to the unit that it names.",
                Party.SUPERVISING_DEPT,
            )
        )
    if open_cases:
        found.append(_fails("A8-2", f"尚有{open_cases}项业务未办结。", f"{open_cases} cases are still open."))
    if active_accounts:
        found.append(
            _fails("A8-2", f"尚有{active_accounts}个账户未停用。", f"{active_accounts} accounts are still active.")
        )
    return tuple(found)
