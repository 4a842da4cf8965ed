"""Word lists that ship with the code: one entry a line, ``#`` starts a comment. Each file says where it is from."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

_FOLDER = "lexicons"


@lru_cache(maxsize=64)
def lexicon(name: str) -> tuple[str, ...]:
    """Return the entries of ``lexicons/<name>.txt`` in the order of the file; raises ``FileNotFoundError``."""
    text = files(__package__).joinpath(_FOLDER, f"{name}.txt").read_text("utf-8")
    lines = (line.split("#", 1)[0].strip() for line in text.splitlines())
    return tuple(line for line in lines if line)
