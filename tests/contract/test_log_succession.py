"""After a compromise a new origin goes on from the last checkpoint that the witnesses of the old one cosigned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway import bootstrap, inspection
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.findings import Damage, VerifyReport
from gateway.audit.note import VerifierKey
from gateway.audit.succession import KIND, opening_entry, read_opening
from gateway.bootstrap.process import open_process
from gateway.cli import cli
from gateway.db import make_engine
from gateway.errors import ConfigurationError, NotFoundError, ParameterError
from gateway.inspection import LogPlace
from gateway.journal import EntryDraft
from gateway.keyring import Face
from gateway.settings import Settings
from tests.factories.journal import make_journal, trail
from tests.factories.releases import copied
from tests.factories.rotation import STRANGER

NAME = "inspector.example/witness"
NEW = "xueji-gateway.example/log-2"


@dataclass
class Two:
    """The old gateway, the new one beside it, and the witness of both."""

    old: Settings
    new: Settings
    office: Path
    ends: Checkpoint
    policy: Path

    def verify(self, predecessor: Path | str, policy: str | None = None) -> VerifyReport:
        if policy is not None:
            self.policy.write_text(policy, encoding="utf-8")
        return inspection.verify(
            lambda: self.new,
            LogPlace(predecessor=str(predecessor)),
            policy=self.policy,
            witnessed=inspection.kept_notes(self.office),
        )


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Two:
    root = tmp_path_factory.mktemp("two")
    _, old = copied(root)
    office = root / "inspector"
    signer = inspection.witness_signer(office, NAME)
    inspection.require_witness(old, [signer.verifier])
    process = open_process(old, Face.ALL, with_worker=False)
    try:
        with pytest.raises(NotFoundError):
            bootstrap.begin_anew(process.services, root / "too-early")
        inspection.witness_once(process.services, office, NAME)
        process.services.audit.journal.append(EntryDraft("test.stolen", None))  # behind what was cosigned
        done = CliRunner().invoke(
            cli, ["--home", str(old.home), "keys", "compromise", "log", str(root / "anew"), "--yes"], env=_shell(old)
        )
        assert done.exception is None, done.output
        ends = process.services.audit.witnessed()
        assert ends is not None
        with pytest.raises(ParameterError):
            bootstrap.begin_anew(process.services, root / "anew")
        before = process.services.audit.policy.logs[0]
    finally:
        process.close()
    new = replace(
        old, log_origin=NEW, gateway_url=f"sqlite:///{root / 'new.db'}", keys=root / "keys", home=root / "new"
    )
    _keys(old.keys, root / "anew", new.keys)
    inspection.require_witness(new, [signer.verifier])
    bootstrap.prepare_databases(new, bootstrap.load_rulebook(new))
    process = open_process(new, Face.ALL, with_worker=False)
    try:
        process.require_log()
        assert process.services.publisher.reader.read(process.services.publisher.store.head).size == 0
        process.services.audit.journal.append(EntryDraft("test.fact", None))
        inspection.witness_once(process.services, office, NAME)
        after = process.services.audit.policy.logs[0]
    finally:
        process.close()
    policy = root / "policy.txt"
    policy.write_text(f"log {before}\nlog {after}\nwitness w {signer.verifier}\nquorum w\n", encoding="utf-8")
    return Two(old, new, office, ends, policy)


def _shell(settings: Settings) -> dict[str, str]:
    return {
        "XUEJI_REGISTRY_URL": settings.registry_url, "XUEJI_GATEWAY_URL": settings.gateway_url,
        "XUEJI_KEYS": str(settings.keys), "XUEJI_LOG_ORIGIN": settings.log_origin,
    }  # fmt: skip


def _keys(old: Path, anew: Path, target: Path) -> None:
    """Put a key directory together as the operator's guide says: all keys of before, the new one for the log."""
    target.mkdir()
    for file in old.iterdir():
        if not file.name.startswith("log"):
            (target / file.name).write_bytes(file.read_bytes())
    for file in anew.iterdir():
        if file.is_file():
            (target / file.name).write_bytes(file.read_bytes())


def test_entry_0_of_the_new_origin_commits_to_what_was_cosigned(two: Two) -> None:
    engine = make_engine(two.new.gateway_url)
    first, second, *_ = trail(engine)
    engine.dispose()
    assert (first["kind"], second["kind"]) == (KIND, "test.fact")
    assert first["facts"]["predecessor"] == two.old.log_origin
    assert (first["facts"]["predecessor_size"], first["facts"]["predecessor_root"]) == (
        two.ends.size,
        two.ends.root.hex(),
    )
    for before in (two.old.gateway_url, two.old.home.parent / "anew" / "log"):
        report = two.verify(before)
        assert report.ok, report.findings
        assert ("behind the checkpoint" in " ".join(report.notices)) == (before == two.old.gateway_url)


def test_the_shell_checks_the_seam(two: Two) -> None:
    before = two.old.home.parent / "anew" / "log"
    command = ["--home", str(two.new.home), "verify-log", "--quiet", "--no-index", "--policy", str(two.policy)]
    done = CliRunner().invoke(cli, [*command, "--predecessor", str(before)], env=_shell(two.new))
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(cli, [*command, "--predecessor", two.new.gateway_url], env=_shell(two.new))
    assert done.exit_code == 1, done.output


def test_another_log_before_is_refused(two: Two, tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'other.db'}")
    journal = make_journal(engine)
    journal.append(EntryDraft("test.fact", None))
    journal.close()
    engine.dispose()
    assert not two.verify(f"sqlite:///{tmp_path / 'other.db'}").ok
    assert not two.verify(two.new.gateway_url).ok
    kept = two.policy.read_text(encoding="utf-8")
    key = VerifierKey(two.old.log_origin, 1, STRANGER.verifier.public)
    try:
        found = two.verify(two.old.gateway_url, kept.replace(kept.splitlines()[0], f"log {key}")).findings
    finally:
        two.policy.write_text(kept, encoding="utf-8")
    assert Damage.SUCCESSION in {one.damage for one in found}


def test_a_log_that_goes_on_from_nothing_is_told(two: Two) -> None:
    report = inspection.verify(lambda: two.old, LogPlace(predecessor=two.new.gateway_url), policy=two.policy)
    assert (Damage.SUCCESSION, 0) in {(one.damage, one.index) for one in report.findings}


def test_a_log_does_not_follow_itself(two: Two, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    _keys(two.old.keys, two.old.home.parent / "anew", keys)
    (keys / "log-predecessor.txt").write_text("no checkpoint", encoding="utf-8")
    empty = replace(two.new, keys=keys, gateway_url=f"sqlite:///{tmp_path / 'empty.db'}")
    bootstrap.prepare_databases(empty, bootstrap.load_rulebook(empty))
    process = open_process(empty, Face.ALL, with_worker=False)
    try:
        with pytest.raises(Exception, match="cannot be written"):
            process.services.audit.journal.append(EntryDraft("test.fact", None))
        with pytest.raises(ConfigurationError):
            bootstrap.opening(empty)
    finally:
        process.close()
    note = (two.old.home.parent / "anew" / "log-predecessor.txt").read_text(encoding="utf-8")
    with pytest.raises(ParameterError):
        opening_entry(two.old.log_origin, note)
    with pytest.raises(ParameterError):
        read_opening(b'{"v":1}')
