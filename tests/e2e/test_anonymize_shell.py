"""``xueji anonymize`` as an outside program drives it: by its contract, in processes of its own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest

from gateway.cli import main
from tests.factories.judge import confirm

ROOT = Path(__file__).resolve().parents[2]
START = "from gateway.__main__ import main; main()"
# Signals itself where the work has reached a point, so that no clock is needed: after the draft was written.
SIGNALLED = """
import os, signal
from gateway.anonymize.tables import execution
write = execution.write_frame
def then(*given):
    write(*given)
    os.kill(os.getpid(), signal.{name})
    signal.pause()
execution.write_frame = then
"""


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


Call = Callable[..., Done]
PLAN: dict[str, Any] = {
    "columns": {"age": {"role": "quasi", "hierarchy": "age.csv"}, "occupation": {"role": "sensitive"}},
    "models": [
        {"kind": "k", "k": 5},
        {"kind": "distinct-l", "column": "occupation", "l": 3},
        {"kind": "t-equal", "column": "occupation", "t": 0.3},
    ],
    "suppression_limit": 0.01,
    "objective": "loss",
}
TABLE = pl.DataFrame(
    {
        "name": [f"p{row % 90}" for row in range(400)],
        "age": [str(20 + row * row % 41) for row in range(400)],
        "occupation": [("clerk", "cook", "nurse", "pilot")[row * 7 % 13 % 4] for row in range(400)],
    }
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "age.csv").write_text("".join(f"{age};{age // 5 * 5};{age // 20};*\n" for age in range(20, 71)))
    TABLE.write_csv(tmp_path / "people.csv", separator=";")
    (tmp_path / "out.csv").write_text("before")
    return tmp_path


def order(folder: Path, plan: dict[str, Any], *options: str) -> list[str]:
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    places = ["--plan", "plan.json", "--out", "out.csv", "--report", "report.json"]
    return ["anonymize", "people.csv", *places, *options]


def run(folder: Path, plan: dict[str, Any], *options: str, before: str = "", room: int | None = None) -> Done:
    """Run a process of its own; ``room`` is the largest file that it may write, in bytes."""
    limit = None if room is None else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XUEJI_")}
    done = subprocess.run(
        [sys.executable, "-c", before + START, *order(folder, plan, *options)],
        cwd=folder, env=environment | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        preexec_fn=limit,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def call(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Return the same without a process of its own."""
    monkeypatch.chdir(folder)

    def called(plan: dict[str, Any], *options: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["xueji", *order(folder, plan, *options)])
        status = 0
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        told = capfd.readouterr()
        return Done(status, told.out, told.err)

    return called


def nothing_left(folder: Path) -> bool:
    kept = sorted(path.name for path in folder.iterdir()) == ["age.csv", "out.csv", "people.csv", "plan.json"]
    return kept and (folder / "out.csv").read_text() == "before"


def test_the_contract_of_the_issue(folder: Path) -> None:
    plan = PLAN | {"columns": PLAN["columns"] | {"name": {"role": "direct"}}}
    done = run(folder, plan)
    assert done.returncode == 0, done.stderr
    assert "k = " in done.stdout
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert {"loss", "suppressed", "levels", "classes", "k", "search_ms"} <= set(report)
    schema = json.loads((ROOT / "docs/schemas/anonymize-report.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(report)
    written = pl.read_csv(folder / "out.csv", separator=";", infer_schema=False)
    assert written.columns == ["age", "occupation"]
    confirm(written, ["age"], ["occupation"], k=5, distinct_l=3, t=0.3, whole=TABLE)
    assert written.height == 400 - report["suppressed"]
    labels = {line.split(";")[0]: line.strip().split(";") for line in (folder / "age.csv").read_text().splitlines()}
    assert set(written["age"]) <= {labels[age][report["levels"]["age"]] for age in TABLE["age"]}


def test_a_refusal_ends_with_2_and_touches_nothing(folder: Path, call: Call) -> None:
    done = run(folder, PLAN | {"objektive": 1})
    assert done.returncode == 2
    assert "/objektive" in done.stderr
    assert "未知成员" in done.stderr
    assert not done.stdout
    told = call(PLAN | {"columns": PLAN["columns"] | {"aeg": {"role": "quasi"}}}, "--json")
    assert told.returncode == 2
    (problem,) = json.loads(told.stdout)["problems"]
    assert problem["pointer"] == "/columns/aeg"
    assert nothing_left(folder)


def test_json_and_quiet_are_for_machines(folder: Path, call: Call) -> None:
    plan = PLAN | {"columns": PLAN["columns"] | {"name": {"role": "direct"}}}
    done = call(plan, "--json")
    assert done.returncode == 0
    assert not done.stderr
    assert json.loads(done.stdout) == json.loads((folder / "report.json").read_text(encoding="utf-8"))
    quiet = call(plan, "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")


def test_a_full_disk_leaves_the_output_of_before(folder: Path) -> None:
    plan = PLAN | {"columns": PLAN["columns"] | {"name": {"role": "direct"}}}
    # a limit on the size of any file needs no privilege, and looks to the program like a disk that is full
    done = run(folder, plan, room=2048)
    assert done.returncode == 2, done.stderr
    assert "no room" in done.stderr
    assert nothing_left(folder)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_cancelling_leaves_nothing(folder: Path, name: str) -> None:
    plan = PLAN | {"columns": PLAN["columns"] | {"name": {"role": "direct"}}}
    done = run(folder, plan, before=SIGNALLED.format(name=name))
    assert done.returncode == 130, done.stderr
    assert nothing_left(folder)


@pytest.mark.parametrize("kind", ["plan", "report"])
def test_the_schemas_are_printed(folder: Path, call: Call, kind: str) -> None:
    done = call(PLAN, "--schema", kind)
    assert done.returncode == 0
    published = ROOT / "docs" / "schemas" / f"anonymize-{kind}.schema.json"
    assert done.stdout == published.read_text(encoding="utf-8")
    assert nothing_left(folder)


def test_pseudonyms_take_their_key_from_a_file_or_the_environment(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = PLAN | {
        "columns": PLAN["columns"] | {"name": {"role": "direct", "operation": "pseudonymize"}},
        "models": [{"kind": "k", "k": 5}],
    }
    key = "0123456789abcdef" * 4
    (folder / "key").write_text(key + "\n")
    monkeypatch.setenv("MY_KEY", key)
    for options in (("--key-file", "key"), ("--key-env", "MY_KEY")):
        done = call(plan, *options)
        assert done.returncode == 0, done.stderr
        written = pl.read_csv(folder / "out.csv", separator=";", infer_schema=False)
        assert written["name"].n_unique() == TABLE["name"].n_unique()
        assert key not in (folder / "report.json").read_text() + done.stdout + done.stderr
    none = call(plan)
    assert none.returncode == 2
    assert "openssl rand -hex 32" in none.stderr
