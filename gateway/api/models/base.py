"""What every model of the API is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

PRINTABLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""No control characters but tab and line ends: databases and terminals choke on the others."""
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$")]
"""Text of one line; bounded where it is used."""
Prose = Annotated[str, Field(pattern=PRINTABLE)]
"""Text of any number of lines; bounded where it is used."""
Code = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Division = Annotated[str, Field(pattern=r"^[0-9]{6}$")]
SchoolCode = Annotated[str, Field(pattern=r"^[0-9]{10}$")]
Text = Annotated[str, Field(min_length=1, max_length=2000, pattern=PRINTABLE)]
Version = Annotated[int, Field(ge=0, le=2**31)]


class Model(BaseModel):
    """Strict about members, frozen once parsed."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def set_of(values: Sequence[str] | None) -> frozenset[str] | None:
    """Return the values as a set; ``None`` stays: all that was granted."""
    return None if values is None else frozenset(values)


def listed(values: frozenset[str] | None) -> list[str] | None:
    """Return the values in order; ``None`` stays: all of them."""
    return None if values is None else sorted(values)
