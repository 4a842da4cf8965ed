"""Two things at once: the next item is made in a thread while the present one is used, or a whole work beside another.

What is made and used here runs in Arrow, Polars and OpenSSL, outside the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def ahead(items: Iterator[T]) -> Iterator[Iterator[T]]:
    """Give ``items`` in order, one being made in advance; an error in making one is raised in its place.

    When the block is left early, the item under way is finished and thrown away first: nobody reads on from what is
    closed next.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="xueji-ahead") as pool:
        yield _drawn(pool, items)


@contextmanager
def alongside(work: Callable[[], object]) -> Iterator[None]:
    """Do ``work`` in a thread while the block runs, and wait for it at the end; its error is raised then."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="xueji-beside") as pool:
        under_way = pool.submit(work)
        yield
        under_way.result()


def _drawn(pool: ThreadPoolExecutor, items: Iterator[T]) -> Iterator[T]:
    coming = pool.submit(_next, items)
    while made := coming.result():
        coming = pool.submit(_next, items)
        yield made[0]


def _next(items: Iterator[T]) -> tuple[T] | None:
    for item in items:
        return (item,)
    return None
