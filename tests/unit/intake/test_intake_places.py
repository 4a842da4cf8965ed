"""Where a finding is, and where a form lies while it is read."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl
import pytest

from core_registry.intake.reader import column_letters
from core_registry.intake.register_checks import shrinking
from core_registry.intake.scratch import scratch_file
from tests.conftest import need


@pytest.mark.parametrize(
    ("index", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA")]
)
def test_columns_have_the_letters_of_excel(index: int, letters: str) -> None:
    assert column_letters(index) == letters


def test_a_corrected_workbook_leaves_nobody_out(tmp_path: Path) -> None:
    roll = pl.DataFrame(
        {"school_code": ["a", "b", "c"], "on_roll": [10, 10, 10], "absent": [9, 0, 2], "changed": [0, 3, 0]}
    )
    assert shrinking(roll, 0.2, whole=True) == ["a", "b"]
    assert shrinking(roll, 0.2, whole=False) == ["b"]


def test_a_form_is_read_by_a_child_and_stands_in_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch_file() as scratch:
        scratch.stream.write("虚构".encode())
        scratch.stream.flush()
        command = [sys.executable, "-c", "import sys; print(open(sys.argv[1], encoding='utf-8').read() == '虚构')"]
        read = subprocess.run([*command, str(scratch.path)], capture_output=True, text=True, check=True)
        assert read.stdout.strip() == "True"
        if scratch.path.is_relative_to("/proc"):
            assert list(tmp_path.iterdir()) == []
    assert not scratch.path.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_leaves_no_form_behind(tmp_path: Path) -> None:
    script = (
        "import os, signal\n"
        "from core_registry.intake.scratch import scratch_file\n"
        "with scratch_file() as scratch:\n"
        "    scratch.stream.write(b'form'); scratch.stream.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    need(Path("/proc/self/fd").exists(), "/proc")
    root = Path(__file__).parents[3]
    killed = subprocess.run(
        [sys.executable, "-c", script], cwd=root, env={**os.environ, "TMPDIR": str(tmp_path)}, check=False
    )
    assert killed.returncode == -9
    assert list(tmp_path.iterdir()) == []
