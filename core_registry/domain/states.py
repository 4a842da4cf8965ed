"""The states of a student record and the moves between them (section 4 of the rules, S-3).

The compulsory stage has a state type of its own that lacks withdrawal, completion without graduation, incomplete
schooling and cancelled admission: no value of it can say so (A34-1, A38-2, Q-35). Every change of state is a
``Move``, and a move is made of the state type of its stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from core_registry.errors import RegisterRuleError


class Stage(StrEnum):
    """A stage of schooling; the first two are compulsory."""

    PRIMARY = "primary"
    JUNIOR = "junior"
    SENIOR = "senior"

    @property
    def compulsory(self) -> bool:
        """Whether schooling is compulsory at this stage."""
        return self is not Stage.SENIOR


class StudentState(StrEnum):
    """Where a record stands. Cases such as 控辍保学 and placements run in parallel and are no states."""

    DEFERRED = "deferred"
    """缓学: no record and no student number yet (A9-8)."""
    PRE_REGISTERED = "pre-registered"
    LATE_ENTRY = "late-entry"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    TRANSFER_PENDING = "transfer-pending"
    TRANSFERRED_OUT = "transferred-out"
    ABROAD = "abroad"
    WITHDRAWN = "withdrawn"
    """Senior high only, like the three after ``GRADUATED`` (A34)."""
    GRADUATED = "graduated"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    ADMISSION_CANCELLED = "admission-cancelled"
    DECEASED = "deceased"


class CompulsoryState(StrEnum):
    """The states of a record in primary and junior high school: there is no way out before graduation (A34-1)."""

    PRE_REGISTERED = "pre-registered"
    LATE_ENTRY = "late-entry"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    TRANSFER_PENDING = "transfer-pending"
    TRANSFERRED_OUT = "transferred-out"
    ABROAD = "abroad"
    GRADUATED = "graduated"
    DECEASED = "deceased"


class SeniorState(StrEnum):
    """The states of a record in senior high school."""

    PRE_REGISTERED = "pre-registered"
    LATE_ENTRY = "late-entry"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    TRANSFER_PENDING = "transfer-pending"
    TRANSFERRED_OUT = "transferred-out"
    ABROAD = "abroad"
    WITHDRAWN = "withdrawn"
    GRADUATED = "graduated"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    ADMISSION_CANCELLED = "admission-cancelled"
    DECEASED = "deceased"


LABELS: Mapping[StudentState, str] = MappingProxyType(
    {
        StudentState.DEFERRED: "缓学",
        StudentState.PRE_REGISTERED: "待注册",
        StudentState.LATE_ENTRY: "延期入学",
        StudentState.ACTIVE: "在籍",
        StudentState.SUSPENDED: "休学",
        StudentState.TRANSFER_PENDING: "转学办理中",
        StudentState.TRANSFERRED_OUT: "转出",
        StudentState.ABROAD: "出境",
        StudentState.WITHDRAWN: "退学",
        StudentState.GRADUATED: "毕业",
        StudentState.COMPLETED: "结业",
        StudentState.INCOMPLETE: "肄业",
        StudentState.ADMISSION_CANCELLED: "取消入学资格",
        StudentState.DECEASED: "注销（死亡）",
    }
)
"""The Chinese name of each state."""

CLOSED = frozenset(
    {
        StudentState.TRANSFERRED_OUT,
        StudentState.WITHDRAWN,
        StudentState.GRADUATED,
        StudentState.COMPLETED,
        StudentState.INCOMPLETE,
        StudentState.ADMISSION_CANCELLED,
        StudentState.DECEASED,
    }
)
"""States in which a form must not change the record: final ones (S-5), the read-only copy of a pupil who left the
province, and ``graduated``, which only the next stage's admission reopens."""

ON_ROLL = frozenset(
    {
        StudentState.PRE_REGISTERED,
        StudentState.LATE_ENTRY,
        StudentState.ACTIVE,
        StudentState.SUSPENDED,
        StudentState.TRANSFER_PENDING,
    }
)
"""States in which a school expects to find the pupil in its own forms."""

SENIOR_ONLY = frozenset(StudentState(s.value) for s in SeniorState) - frozenset(
    StudentState(c.value) for c in CompulsoryState
)
"""What the compulsory stage has no value for: withdrawn, completed, incomplete, admission-cancelled."""

_C, _S = CompulsoryState, SeniorState

COMPULSORY_MOVES: Mapping[CompulsoryState, frozenset[CompulsoryState]] = MappingProxyType(
    {
        _C.PRE_REGISTERED: frozenset({_C.ACTIVE, _C.LATE_ENTRY, _C.DECEASED}),
        _C.LATE_ENTRY: frozenset({_C.ACTIVE, _C.DECEASED}),
        _C.ACTIVE: frozenset({_C.SUSPENDED, _C.TRANSFER_PENDING, _C.ABROAD, _C.GRADUATED, _C.DECEASED}),
        _C.SUSPENDED: frozenset({_C.ACTIVE, _C.SUSPENDED, _C.DECEASED}),
        _C.TRANSFER_PENDING: frozenset({_C.ACTIVE, _C.TRANSFERRED_OUT, _C.DECEASED}),
        _C.TRANSFERRED_OUT: frozenset({_C.ACTIVE, _C.DECEASED}),
        _C.ABROAD: frozenset({_C.ACTIVE, _C.DECEASED}),
        _C.GRADUATED: frozenset({_C.DECEASED}),
        _C.DECEASED: frozenset(),
    }
)
"""Section 4 for primary and junior high school."""

SENIOR_MOVES: Mapping[SeniorState, frozenset[SeniorState]] = MappingProxyType(
    {
        _S.PRE_REGISTERED: frozenset({_S.ACTIVE, _S.LATE_ENTRY, _S.ADMISSION_CANCELLED, _S.DECEASED}),
        _S.LATE_ENTRY: frozenset({_S.ACTIVE, _S.ADMISSION_CANCELLED, _S.DECEASED}),
        _S.ACTIVE: frozenset(
            {
                _S.SUSPENDED,
                _S.TRANSFER_PENDING,
                _S.ABROAD,
                _S.WITHDRAWN,
                _S.GRADUATED,
                _S.COMPLETED,
                _S.INCOMPLETE,
                _S.ADMISSION_CANCELLED,
                _S.DECEASED,
            }
        ),
        _S.SUSPENDED: frozenset({_S.ACTIVE, _S.SUSPENDED, _S.WITHDRAWN, _S.DECEASED}),
        _S.TRANSFER_PENDING: frozenset({_S.ACTIVE, _S.TRANSFERRED_OUT, _S.DECEASED}),
        _S.TRANSFERRED_OUT: frozenset({_S.ACTIVE, _S.DECEASED}),
        _S.ABROAD: frozenset({_S.ACTIVE, _S.DECEASED}),
        _S.WITHDRAWN: frozenset({_S.INCOMPLETE, _S.DECEASED}),
        _S.GRADUATED: frozenset({_S.DECEASED}),
        _S.COMPLETED: frozenset({_S.DECEASED}),
        _S.INCOMPLETE: frozenset({_S.DECEASED}),
        _S.ADMISSION_CANCELLED: frozenset({_S.DECEASED}),
        _S.DECEASED: frozenset(),
    }
)
"""Section 4 for senior high school."""

_NEXT_STAGE: Mapping[Stage, tuple[Stage, ...]] = MappingProxyType(
    {Stage.PRIMARY: (Stage.JUNIOR,), Stage.JUNIOR: (Stage.SENIOR,), Stage.SENIOR: ()}
)


@dataclass(frozen=True, slots=True)
class CompulsoryMove:
    """A change of state in the compulsory stage.

    Raises ``RegisterRuleError`` (S-3) for one that is not in section 4.
    """

    before: CompulsoryState
    after: CompulsoryState

    def __post_init__(self) -> None:
        if self.after not in COMPULSORY_MOVES[self.before]:
            raise _no_move(self.before.value, self.after.value)


@dataclass(frozen=True, slots=True)
class SeniorMove:
    """A change of state in senior high school. Raises ``RegisterRuleError`` (S-3) for one that is not in section 4."""

    before: SeniorState
    after: SeniorState

    def __post_init__(self) -> None:
        if self.after not in SENIOR_MOVES[self.before]:
            raise _no_move(self.before.value, self.after.value)


@dataclass(frozen=True, slots=True)
class NextStageMove:
    """A graduate is admitted to the next stage: the same record, pre-registered anew (section 4, ``graduated``)."""

    from_stage: Stage
    to_stage: Stage

    def __post_init__(self) -> None:
        if self.to_stage not in _NEXT_STAGE[self.from_stage]:
            raise _no_move(StudentState.GRADUATED, StudentState.PRE_REGISTERED)

    @property
    def before(self) -> StudentState:
        """Always ``graduated``."""
        return StudentState.GRADUATED

    @property
    def after(self) -> StudentState:
        """Always ``pre-registered``."""
        return StudentState.PRE_REGISTERED


Move = CompulsoryMove | SeniorMove | NextStageMove


def move(stage: Stage, before: StudentState, after: StudentState) -> Move:
    """Return the move of a record of ``stage`` from ``before`` to ``after``.

    Raises ``RegisterRuleError``: A34-1 for a state that the compulsory stage does not have, S-3 for a move that
    section 4 does not have.
    """
    if not stage.compulsory:
        try:
            return SeniorMove(SeniorState(before.value), SeniorState(after.value))
        except ValueError:
            raise _no_move(before, after) from None
    if after in SENIOR_ONLY or before in SENIOR_ONLY:
        raise RegisterRuleError(
            f"The compulsory stage knows no '{after}': nobody leaves it before graduation.",
            detail_zh=f"义务教育阶段不存在“{LABELS[after]}”，不得办理。",
            rule="A34-1",
        )
    try:
        return CompulsoryMove(CompulsoryState(before.value), CompulsoryState(after.value))
    except ValueError:
        raise _no_move(before, after) from None


def _no_move(before: str, after: str) -> RegisterRuleError:
    old, new = StudentState(before), StudentState(after)
    return RegisterRuleError(
        f"A record that is '{old}' cannot become '{new}'.",
        detail_zh=f"“{LABELS[old]}”的学籍不能变更为“{LABELS[new]}”。",
        rule="S-3",
    )
