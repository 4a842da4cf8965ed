"""A process that kills itself (SIGKILL) at one call of one function, and the parent that waits for that."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def die_at(module: str, path: str, when: str, count: int = 1) -> None:
    """Let this process die ``before`` or ``after`` the call number ``count`` of ``path`` (``Class.function``)."""
    owner_name, _, function = path.partition(".")
    owner = getattr(importlib.import_module(module), owner_name)
    original = getattr(owner, function)
    calls = 0

    def die(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls == count and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **named)
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, function, die)


def killed(driver: str, *order: str) -> None:
    """Run ``driver``, a program that calls ``die_at``, with the arguments ``order``; fail unless it was killed."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("XUEJI_")}
    child = subprocess.run([sys.executable, "-c", driver, *order], cwd=ROOT, env=env, capture_output=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()[-2000:]
