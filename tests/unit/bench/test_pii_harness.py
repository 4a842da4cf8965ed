"""``python -m bench.pii`` prints the table of goals. What the figures are is no test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.pii.__main__ import main


def test_the_table_of_the_hand_written_set_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--set", "hand", "--record", "--errors"]) == 0
    printed = capsys.readouterr().out
    assert "hand, record known" in printed
    assert "| with the record: PERSON F1 | ≥ 0.97 | ≥ 0.985 |" in printed


def test_another_file_is_measured_with_lac_beside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps({"text": "王小明去学校", "spans": [[0, 3, "PERSON"]]}) + "\n", encoding="utf-8")
    assert main(["--file", str(path), "--detail", "--no-record", "--detector", "lac"]) == 0
    printed = capsys.readouterr().out
    assert "set.jsonl, no record: 1 sentences" in printed
    assert "| PERSON | 1 | 1.000 | 1.000 | 1.000 |" in printed


def test_a_file_that_is_no_set_ends_with_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text("{}", encoding="utf-8")
    assert main(["--file", str(path)]) == 2
    assert "line 1" in capsys.readouterr().err
