"""What several commands need: a progress bar and the civil date."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from typing import Any

from tqdm import tqdm

from gateway.policies.scope import civil_date


def progress_bar(label: str, total: int) -> tqdm[Any]:
    """Return a progress bar on the error stream."""
    return tqdm(total=total, desc=label, unit=" 行 rows", leave=True, file=sys.stderr)


def today() -> date:
    """Return the civil date in Asia/Shanghai."""
    return civil_date(datetime.now(UTC))
