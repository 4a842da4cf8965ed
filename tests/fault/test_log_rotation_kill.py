"""kill -9 at any system call of a change of the log's key leaves the old state or the new one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.errors import ConflictError
from tests.conftest import need
from tests.factories.rotation import FIRST, Signed, key_folder

ROOT = Path(__file__).resolve().parents[2]
CHANGE = """
import sys
from pathlib import Path
from tests.factories.rotation import Signed

log = Signed(sys.argv[1], Path(sys.argv[2]))
print(log.rotate(), flush=True)
"""
STEPS = [("rename", 1)]
"""The key's file gets its name, before the commit that names it."""
MORE = [
    ("fsync", 1), ("fsync", 2), ("fdatasync", 1), ("fdatasync", 2), ("fdatasync", 3),
    *(("pwrite64", when) for when in range(9, 32, 2)),
]  # fmt: skip


def _killed(folder: Path, call: str, when: int) -> bool:
    """Kill a change at a system call; check what it left, and that it goes on from there. Say whether it was killed."""
    log = Signed(f"sqlite:///{folder / 'log.db'}", key_folder(folder / "keys"))
    log.append(2)
    log.close()
    traced = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
    traced += ["-e", f"inject={call}:signal=SIGKILL:when={when}"]
    done = subprocess.run(
        [*traced, sys.executable, "-c", CHANGE, log.url, str(log.folder)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if "ptrace" in done.stderr.lower() and not done.stdout:
        need(None, "permission to trace a process")
    again = Signed(log.url, log.folder, log.clock)
    try:
        changed = len(again.keys.listed()) == 2
        assert changed or not done.stdout, "it said that the key was changed"
        assert again.verify(FIRST.verifier).ok
        waiting = again.keys.files.others([one.key for one in again.keys.listed()])
        assert len(waiting) <= (0 if changed else 1)
        if changed:
            with pytest.raises(ConflictError):
                again.rotate()
        else:
            new = again.rotate()  # the key that was made is the one that comes
            assert [new] == ([one.verifier for one in waiting] or [new])
        again.append()
        new = again.keys.listed()[-1].key
        assert again.signers()[4] == {FIRST.verifier.id, new.id}
        for trusted in (FIRST.verifier, new):
            report = again.verify(trusted)
            assert report.ok, report.findings
    finally:
        again.close()
    return done.returncode != 0


def test_a_kill_while_the_key_is_changed_leaves_the_old_state_or_the_new_one(tmp_path: Path) -> None:
    need(shutil.which("strace"), "strace")
    killed = [_killed(tmp_path / f"{call}-{when}", call, when) for call, when in STEPS]
    assert all(killed), "the sweep did not kill: the system calls have other names here"


@pytest.mark.soak
@pytest.mark.parametrize(("call", "when"), MORE)
def test_a_kill_at_each_further_system_call_does_so_too(tmp_path: Path, call: str, when: int) -> None:
    need(shutil.which("strace"), "strace")
    _killed(tmp_path, call, when)
