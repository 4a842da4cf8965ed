"""Software of others verifies our log: Go's sumdb tiles and all proofs, Sigstore's checkpoint and inclusion."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.audit.bundle import Bundle
from gateway.audit.note import VerifierKey
from gateway.audit.service import AuditService
from gateway.audit.store import SqlLogStore
from gateway.audit.tiled import FolderFiles
from gateway.db import make_engine
from gateway.ids import AccountId
from gateway.principals import AccountKind, Principal, Role
from tests.conftest import need
from tests.factories.journal import ORIGIN, make_identity, make_journal, make_reader
from tests.factories.rotation import FIRST, Signed, key_folder
from tests.factories.tampering import AT, POLICY, make_victim

HERE = Path(__file__).parent
GOPATH = Path("/usr/share/gocode")
INSPECTOR = Principal(AccountId("st-i"), AccountKind.STAFF, frozenset({Role.INSPECTOR}))


@dataclass
class Shown:
    """A log as a folder in the layout of tlog-tiles, and our proofs about it as JSON."""

    folder: Path
    inclusion: list[dict[str, Any]]
    checkpoints: list[str]


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    root = tmp_path_factory.mktemp("shown")
    url = f"sqlite:///{root / 'log.db'}"
    make_victim(url, root / "witness")
    engine = make_engine(url)
    journal = make_journal(engine)
    service = AuditService(SqlLogStore(engine), make_reader(engine), journal, ORIGIN, POLICY, None, lambda: AT)
    (root / "package.zip").write_bytes(service.export(INSPECTOR))
    with Bundle.open(root / "package.zip") as bundle:
        bundle.unpack(root / "log")
    proven = [service.proof(index) for index in (0, 1, 5, 127, 255, 256, 299)]
    inclusion = [
        {"index": one.entry.index, "size": one.tree_size, "root": _text(one.root), "body": _text(one.body),
         "proof": [_text(node) for node in one.proof]}
        for one in proven
    ]  # fmt: skip
    sizes = [(1, 2), (1, 300), (2, 3), (5, 7), (128, 256), (255, 257), (256, 300), (257, 300), (300, 300)]
    found = [service.consistency(old, new) for old, new in sizes]
    consistency = [
        {"old": one.old, "new": one.new, "oldRoot": _text(one.old_root), "newRoot": _text(one.new_root),
         "proof": [_text(node) for node in one.proof]}
        for one in found
    ]  # fmt: skip
    (root / "log" / "proofs.json").write_text(json.dumps({"inclusion": inclusion, "consistency": consistency}))
    yield Shown(root / "log", inclusion, [one.checkpoint for one in proven])
    journal.close()
    engine.dispose()


@pytest.fixture(scope="module")
def go_verifier(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    need(shutil.which("go"), "Go")
    need((GOPATH / "src/golang.org/x/mod/sumdb/tlog").is_dir(), "Debian's golang-golang-x-mod-dev")
    program = tmp_path_factory.mktemp("go") / "verify"
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(GOPATH), "GOFLAGS": "", "CGO_ENABLED": "0"}
    environment.setdefault("GOCACHE", str(tmp_path_factory.mktemp("gocache")))
    subprocess.run(
        ["go", "build", "-o", str(program), str(HERE / "go_sumdb" / "verify.go")],
        env=environment, check=True, timeout=300,
    )  # fmt: skip

    def run(folder: Path, *keys: VerifierKey) -> subprocess.CompletedProcess[str]:
        command = [str(program), str(folder), *map(str, keys or make_identity().keys)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    return run


def test_go_verifies_every_entry_every_checkpoint_and_our_proofs(
    shown: Shown, go_verifier: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = go_verifier(shown.folder)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["entries"] == 301  # three hundred, and the export's own entry before it
    assert told["checkpoints"] > 80
    assert (told["inclusion"], told["consistency"]) == (len(shown.inclusion), 9)


@pytest.mark.parametrize(
    ("name", "at"), [("tile/0/000", 32 * 9), ("tile/entries/000", 700), ("tile/1/000.p/1", 3), ("checkpoint", 20)]
)
def test_go_refuses_what_was_altered(
    shown: Shown, go_verifier: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, name: str, at: int
) -> None:
    folder = tmp_path / "log"
    shutil.copytree(shown.folder, folder)
    content = bytearray((folder / name).read_bytes())
    content[at] ^= 1
    (folder / name).write_bytes(content)
    assert go_verifier(folder).returncode == 1


def test_go_follows_a_log_across_a_change_of_its_key(
    go_verifier: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    log = Signed(f"sqlite:///{tmp_path / 'log.db'}", key_folder(tmp_path / "keys"))
    log.append(3)
    new = log.rotate()
    log.append(3)

    def folder(name: str) -> Path:
        log.audit().mirror(FolderFiles(tmp_path / name).write)
        (tmp_path / name / "proofs.json").write_text('{"inclusion": [], "consistency": []}')
        return tmp_path / name

    overlap = folder("overlap")
    for keys in ((FIRST.verifier,), (FIRST.verifier, new)):  # who knows the old key alone loses nothing yet
        done = go_verifier(overlap, *keys)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["checkpoints"] == 7
    log.end_overlap()
    log.append(2)
    after = folder("after")
    assert go_verifier(after, FIRST.verifier, new).returncode == 0
    assert go_verifier(after, FIRST.verifier).returncode == 1  # Go does not know our entry
    log.close()


@pytest.mark.node
def test_sigstore_verifies_checkpoint_and_inclusion_and_refuses_what_was_altered(shown: Shown, tmp_path: Path) -> None:
    need(shutil.which("node") and shutil.which("npm"), "Node.js with npm")
    for name in ("package.json", "package-lock.json", "verify.mjs"):
        shutil.copy(HERE / "node_tlog" / name, tmp_path / name)
    done = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    need(done.returncode == 0, "the npm package @sigstore/verify 3.1.1")
    signer = make_identity().signers[0]
    proofs = [
        {**one, "checkpoint": checkpoint} for one, checkpoint in zip(shown.inclusion, shown.checkpoints, strict=True)
    ]
    first = proofs[0]
    altered = [
        {**first, "index": 1},
        {**first, "body": _text(b"{}")},
        {**first, "proof": first["proof"][1:]},
        {**first, "checkpoint": first["checkpoint"].replace("\n3", "\n4", 1)},
    ]
    asked = {
        "key": _text(signer.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
        "keyId": signer.verifier.id.hex(),
        "origin": ORIGIN,
        "proofs": [*proofs, *altered],
    }
    ran = subprocess.run(
        ["node", "verify.mjs"],
        cwd=tmp_path, input=json.dumps(asked), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    told = json.loads(ran.stdout)
    assert [one["ok"] for one in told] == [True] * len(proofs) + [False] * len(altered), told
