"""Reading ahead: the next item is made in a thread while the present one is used.

What is made and used here runs in Arrow, Polars and OpenSSL, outside the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield ``items`` in order, one being made in advance; an error in making one is raised in its place.

    When the caller leaves early, the item under way is finished and thrown away first.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="xueji-ahead") as pool:
        coming = pool.submit(_next, items)
        while made := coming.result():
            coming = pool.submit(_next, items)
            yield made[0]


def _next(items: Iterator[T]) -> tuple[T] | None:
    for item in items:
        return (item,)
    return None
