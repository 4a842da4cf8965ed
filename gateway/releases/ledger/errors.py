"""What can go wrong between a release and the ones before it."""

from __future__ import annotations

from gateway.errors import ConflictError, ForbiddenError, GatewayError


class LedgerDamagedError(GatewayError):
    """The rows of an earlier release are gone or altered: what it gave away is unknown, so nothing leaves (I8)."""

    rule = "A50-8"


class JointLimitError(ConflictError):
    """Too many rows would have to be withheld for the sake of what the recipient holds already."""

    rule = "A50-8"


class YearlyReleasesError(ForbiddenError):
    """The recipient has had as many releases for this purpose in this school year as are allowed."""

    rule = "A50-9"


class HistoryChangedError(ConflictError):
    """Another release to the same group came to its end meanwhile: what was judged without it counts for nothing."""

    rule = "A50-8"


def damaged() -> LedgerDamagedError:
    """Return the error of rows that do not open or are not there."""
    return LedgerDamagedError(
        "The ledger lacks the rows of an earlier release to this recipient, or they were altered. Whoever runs the "
        "system restores the ledger from a backup; until then no anonymous rows leave for this recipient.",
        detail_zh="台账中该接收方以往提供记录的数据缺失或被改动，须由运维人员从备份恢复台账；"
        "恢复前不向该接收方提供匿名数据。",
    )


def too_many_withheld() -> JointLimitError:
    """Return the error of a release that would lose too many rows."""
    return JointLimitError(
        "Together with what the recipient holds already, too many rows would single pupils out and have to be "
        "withheld. Ask for the fields and the pupils of an earlier extract, for coarser fields, or wait until more "
        "pupils have changed.",
        detail_zh="与该接收方已持有的数据合并后，须留下的行数超过上限。"
        "请按以往提取的字段和范围申请，或选择更粗的字段，或待较多学生发生变动后再申请。",
    )


def too_many_releases(count: int) -> YearlyReleasesError:
    """Return the error of a recipient that has had its ``count`` releases of the year."""
    return YearlyReleasesError(
        f"The recipient has had {count} releases for this purpose in this school year, as many as are allowed. "
        "Use the extract that was delivered, or ask the authority to change the limit.",
        detail_zh=f"该接收方本学年按此用途已提供 {count} 次，达到上限。请使用已提供的数据，或报主管部门调整上限。",
        missing=("releases",),
        extra={"dimension": "releases"},
    )


def failure_of(name: str) -> GatewayError | None:
    """Return the error by whose name an extract failed, ``None`` when it is none of these."""
    match name:
        case JointLimitError.__name__:
            return too_many_withheld()
        case LedgerDamagedError.__name__:
            return damaged()
        case YearlyReleasesError.__name__:
            return YearlyReleasesError(
                "The releases of this school year for this purpose are used up.",
                detail_zh="本学年按此用途的提供次数已用完。",
                missing=("releases",),
                extra={"dimension": "releases"},
            )
        case _:
            return None
