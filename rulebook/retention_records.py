"""Retention classes as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

End = Literal["destroy_key", "delete_row", "keep"]
KeptBy = Literal["sweeper", "room"]


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """One class of data beside the log, or the log itself. Months are calendar months; 0 where none are given."""

    code: str
    label: str
    label_en: str
    covers: str
    covers_en: str
    basis: str
    """The articles on which it rests, in Chinese."""
    end: End
    kept_by: KeptBy
    least_months: int = 0
    """Nothing is destroyed before."""
    keep_months: int = 0
    """What the sweeper destroys is due from the day after so many months."""
    most_months: int = 0
    """What stands longer is overdue."""


NO_RETENTION: Mapping[str, RetentionClass] = MappingProxyType({})
"""A rule book without classes, as tests make it by hand; the loader refuses one."""
