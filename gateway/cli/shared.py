"""What several commands need: a progress bar, the civil date, and what was asked for as a model of the API."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from tqdm import tqdm

from gateway.errors import ParameterError
from gateway.policies.scope import civil_date

M = TypeVar("M", bound=BaseModel)


def progress_bar(label: str, total: int) -> tqdm[Any]:
    """Return a progress bar on the error stream."""
    return tqdm(total=total, desc=label, unit=" 行 rows", leave=True, file=sys.stderr)


def today() -> date:
    """Return the civil date in Asia/Shanghai."""
    return civil_date(datetime.now(UTC))


def asked_for(model: type[M], body: dict[str, object]) -> M:
    """Return options as a model of the API; raises ``ParameterError`` that names those that do not fit."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        names = tuple(sorted({".".join(str(part) for part in one["loc"]) or "source" for one in error.errors()}))
        raise ParameterError(
            f"These do not fit: {', '.join(names)}.",
            detail_zh=f"以下内容不符合要求：{'、'.join(names)}。",
            missing=names,
        ) from error
