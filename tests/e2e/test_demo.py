"""The demo as a new user runs it, and a search of everything that it left for what must not be there."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import polars as pl
import pytest

from core_registry.sample import SENTINEL_GUARDIANS, SENTINEL_NAMES, SENTINEL_STREET
from gateway.audit.bundle import verify_bundle
from gateway.audit.note import SignedNote, VerifierKey
from gateway.audit.policy import TrustPolicy
from tests.ports import free_port

NUMBERS = (
    "id_number",
    "student_number",
    "member1_id_number",
    "member2_id_number",
    "member1_phone",
    "member2_phone",
)
SCHEMA = Path(__file__).parents[2] / "docs" / "demo.schema.json"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run ``xueji demo --once`` once in a directory of its own; return the directory and what it printed."""
    directory = tmp_path_factory.mktemp("demo") / "demo"
    command = [sys.executable, "-m", "gateway", "demo", "--once", "--count", "1500", "--port", str(free_port())]
    command += ["--directory", str(directory)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return directory, done.stdout + done.stderr


def _texts(directory: Path) -> Iterator[tuple[str, str]]:
    """Yield every file but the source table, opened as what it is, and as bytes."""
    for path in directory.rglob("*"):
        if not path.is_file() or path.name == "source.parquet":
            continue
        name = str(path.relative_to(directory))
        content = path.read_bytes()
        yield name, content.decode("utf-8", "ignore")
        yield f"{name} (utf-16)", content.decode("utf-16-le", "ignore")
        if path.suffix == ".parquet":
            yield f"{name} (opened)", pl.read_parquet(path).write_csv()
        if path.suffix in {".xlsx", ".zip"}:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for member in archive.namelist():
                    yield f"{name}/{member}", archive.read(member).decode("utf-8", "ignore")


def test_demo_json_has_the_documented_form(demo: tuple[Path, str]) -> None:
    directory, _ = demo
    document = json.loads((directory / "demo.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert document["sign_in"]["client_id"] in {client["client_id"] for client in document["clients"]}
    for extract in document["extracts"]:
        assert all((directory / extract[part]).is_file() for part in ("file", "manifest", "report"))
    assert {extract["level"] for extract in document["extracts"]} == {"anonymous", "pseudonymous", "masked"}


def test_the_demo_tells_of_the_family_step_by_step(demo: tuple[Path, str]) -> None:
    directory, printed = demo
    for words in ("家长账号已激活", "shown at a counter", "told after consent", "谁看过我的孩子 who looked"):
        assert words in printed
    family = json.loads((directory / "demo.json").read_text(encoding="utf-8"))["family"]
    assert family["question"].startswith("fq-")
    assert family["token"] not in printed


def test_nothing_that_the_demo_wrote_or_printed_holds_an_identifier(demo: tuple[Path, str]) -> None:
    directory, printed = demo
    source = pl.read_parquet(directory / "source.parquet")
    numbers: set[str] = set()
    for column in (
        "id_number",
        "student_number",
        "member1_id_number",
        "member2_id_number",
        "member1_phone",
        "member2_phone",
    ):
        numbers |= set(source[column].drop_nulls().to_list())
    numbers = {number for number in numbers if len(number) >= 8}
    assert len(numbers) > 4000
    streets = {SENTINEL_STREET, *source["residence_address"].drop_nulls().str.slice(-12).to_list()}
    sentinels = {*SENTINEL_NAMES, *SENTINEL_GUARDIANS}
    assert sentinels <= {*source["name"].to_list(), *source["member1_name"].to_list()}
    runs = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]?[0-9][0-9A-Za-z-]{6,18}(?![0-9A-Za-z])")
    for name, text in (("printed", printed), *_texts(directory)):
        found = numbers.intersection(runs.findall(text))
        assert not found, name
        assert not any(sentinel in text for sentinel in sentinels), name
        if not name.endswith("(utf-16)"):
            assert not any(street in text for street in streets), name


def test_the_inspection_package_verifies_offline_with_the_keys_of_demo_json(demo: tuple[Path, str]) -> None:
    directory, _ = demo
    log = json.loads((directory / "demo.json").read_text(encoding="utf-8"))["log"]
    policy = TrustPolicy((VerifierKey.parse(log["verifier_key"]),))
    for bundle in (directory / log["bundle"], directory / "inspection.zip"):
        report = verify_bundle(bundle, policy)
        assert report.ok, report.findings
        assert report.origin == log["origin"]
    folder = directory / log["bundle"]
    assert {path.name for path in folder.iterdir()} == {"checkpoint", "checkpoints.ndjson", "tile"}
    assert (folder / "tile" / "entries").is_dir()
    witness = VerifierKey.parse(log["witness_key"])
    assert witness in SignedNote.parse((folder / "checkpoint").read_text(encoding="utf-8")).verify([witness])


def test_a_wrong_step_ends_with_status_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.demo import story
    from gateway.demo.stage import Stage
    from gateway.remote import UnexpectedAnswerError

    def wrong(_stage: Stage) -> str:
        raise UnexpectedAnswerError("not as promised")

    monkeypatch.setattr(story, "steps", lambda: [("一步", "a step", wrong)])
    monkeypatch.setattr(story, "_import", lambda *_: None)
    status = story.run(tmp_path / "demo", once=True, count=1000, port=free_port(), bar=lambda *_: pytest.fail("no bar"))
    assert status == 1
