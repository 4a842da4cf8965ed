"""Errors of data keys."""

from __future__ import annotations

from gateway.errors import ConflictError


class DataGoneError(ConflictError):
    """The key of what is asked for was destroyed at the end of its retention: nobody can read it any more."""


def gone() -> DataGoneError:
    """Return the error for whoever asks for what was destroyed."""
    return DataGoneError(
        "The retention of this has ended and its key was destroyed: it cannot be read any more.",
        detail_zh="保存期限已满，密钥已销毁，内容无法恢复。",
    )
