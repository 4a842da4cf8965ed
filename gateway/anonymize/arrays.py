"""Numbers of NumPy as columns of Polars, over the Arrow C data interface.

``pl.Series(array)`` imports ``numpy.ma`` when it is first called, and ``pl.Series(pyarrow_array)`` imports
``pyarrow.compute``: each takes longer than masking the fifty thousand rows for which it would be called.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray


class _Exported:
    """An Arrow array that shows nothing but the interface. Source: Arrow PyCapsule Interface."""

    __slots__ = ("_array",)

    def __init__(self, array: pa.Array[Any]) -> None:
        self._array = array

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        capsules: tuple[object, object] = self._array.__arrow_c_array__(requested_schema)
        return capsules


def column(numbers: NDArray[np.uint32] | NDArray[np.int64]) -> pl.Series:
    """Return contiguous numbers as a column without a name, which shares their memory: do not change them then."""
    array = pa.Array.from_buffers(pa.from_numpy_dtype(numbers.dtype), numbers.size, [None, pa.py_buffer(numbers)])
    return pl.Series(_Exported(array))
