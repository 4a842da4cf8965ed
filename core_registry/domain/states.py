"""The states of a student record (section 4 of the rules)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


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
