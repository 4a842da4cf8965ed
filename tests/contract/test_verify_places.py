"""``xueji verify-log`` reads a log where it is: on a server, in a folder, in a database; and says how it ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway import inspection
from gateway.audit.errors import MalformedError
from gateway.audit.findings import Damage
from gateway.audit.note import SignedNote, VerifierKey
from gateway.audit.receipts import TlogProof
from gateway.audit.served import ServedLog, fetch
from gateway.audit.tiled import TiledSource
from gateway.audit.verify import trust, verify_log
from gateway.cli import cli
from gateway.demo.server import BackgroundServer
from gateway.errors import ConfigurationError, UnavailableError
from tests.factories.api import Gateway, gateway
from tests.factories.tampering import owner_of
from tests.ports import free_port


@dataclass
class Place:
    """A gateway that listens on loopback, with an inspector who signed in."""

    world: Gateway
    url: str
    token: str
    vkey: str

    def verify(self, *arguments: str) -> Result:
        result = CliRunner().invoke(cli, ["verify-log", "--vkey", self.vkey, "--quiet", *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    port = free_port()
    with gateway(tmp_path_factory.mktemp("place"), public_url=f"http://127.0.0.1:{port}") as world:
        server = BackgroundServer(world.app, host="127.0.0.1", port=port)
        vkey = str(world.process.services.audit.policy.logs[0])
        yield Place(world, f"http://127.0.0.1:{server.port}", world.person("inspector"), vkey)
        server.close()


def test_the_public_part_is_verified_by_anybody(place: Place) -> None:
    done = place.verify("--url", place.url, "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["ok"]
    assert report["size"] > 0
    assert report["warnings"] == ["Tiles and checkpoints were checked; no entry was read."]


def test_an_inspector_verifies_every_entry_from_outside_and_that_is_logged(place: Place, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(place.token + "\n", encoding="utf-8")
    done = place.verify("--url", place.url, "--token-file", str(tmp_path / "token"), "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["ok"], report["warnings"]) == (True, [])
    found = place.world.call("GET", "/v1/audit/entries?kind=audit.read&limit=5", token=place.token).get_json()
    assert found["items"][1]["content"]["facts"]["act"] == "entry_bundle"


def test_entries_are_for_inspectors_alone(place: Place) -> None:
    path = f"{place.url}/log/tile/entries/000.p/1"
    assert fetch(path)[0] == 401
    assert fetch(path, token=place.world.person("recorder"))[0] == 403
    status, content = fetch(path, token=place.token)
    assert (status, content[:2]) == (200, (len(content) - 2).to_bytes(2))
    for nonsense in ("zzz", "000.p/256", "999", "..%2F000"):
        assert fetch(f"{place.url}/log/tile/entries/{nonsense}", token=place.token)[0] == 404


def test_a_server_that_shows_another_entry_than_it_signed_is_found(place: Place) -> None:
    class Lying(ServedLog):
        def widest(self, level: int | None, tile: int) -> bytes | None:
            content = super().widest(level, tile)
            return content.replace(b'"done"', b'"gone"', 1) if level is None and content and tile == 0 else content

    report = verify_log(TiledSource(Lying(place.url, place.token)), trust(place.vkey))
    assert [finding.damage for finding in report.findings] == [Damage.ALTERED]


def test_a_witness_follows_by_address_alone(place: Place, tmp_path: Path) -> None:
    key = VerifierKey.parse(place.vkey)
    first = inspection.witness_served(place.url, tmp_path, "inspector.example/witness", [key])
    place.world.call("GET", "/v1/audit/entries?limit=1", token=place.token)
    second = inspection.witness_served(place.url, tmp_path, "inspector.example/witness", [key])
    assert second.size > first.size
    assert len(inspection.kept_notes(tmp_path)) == 2
    done = place.verify("--url", place.url, "--checkpoint", str(tmp_path))
    assert done.exit_code == 0, done.output


def test_the_status_tells_a_damaged_log_from_one_that_cannot_be_read(place: Place, tmp_path: Path) -> None:
    services = place.world.process.services
    folder = tmp_path / "log"
    inspection.mirror(services, folder)
    assert place.verify("--bundle", str(folder)).exit_code == 0
    bundle = next(path for path in sorted((folder / "tile/entries").rglob("*")) if path.is_file())
    content = bundle.read_bytes()
    bundle.write_bytes(content.replace(b'"v":1', b'"v":2', 1))
    damaged = place.verify("--bundle", str(folder), "--json")
    assert damaged.exit_code == 1
    assert json.loads(damaged.stdout)["findings"][0]["damage"] == "altered"
    words = place.verify("--bundle", str(folder))
    assert "✗ altered" in words.stdout
    bundle.write_bytes(content[:-1])  # cut: no bundle any more
    for unreadable in (
        ["--bundle", str(folder)],
        ["--url", "http://127.0.0.1:9"],
        ["--url", "ftp://127.0.0.1"],
        ["--database", f"sqlite:///{tmp_path / 'nothing.db'}"],
        ["--database", "sqlite://", "--url", place.url],
        ["--checkpoint", str(bundle)],
    ):
        done = place.verify(*unreadable)
        assert done.exit_code == 2, unreadable
    assert not (tmp_path / "nothing.db").exists(), "looking made a database"


def test_the_search_index_is_compared_unless_it_is_left_out(place: Place) -> None:
    url = place.world.settings.gateway_url
    assert place.verify("--database", url).exit_code == 0
    place.world.process.services.audit.index.catch_up()
    with owner_of(url) as vandal:
        vandal.do("UPDATE log_index SET kind = 'x.y' WHERE seq = 2")
    done = place.verify("--database", url, "--json")
    assert [(one["damage"], one["index"]) for one in json.loads(done.stdout)["findings"]] == [("index", 2)]
    assert place.verify("--database", url, "--no-index").exit_code == 0


def test_a_running_gateway_changes_its_logs_key_and_is_verified_from_outside(place: Place, tmp_path: Path) -> None:
    found, services = place.world.settings, place.world.process.services
    key = VerifierKey.parse(place.vkey)
    environment = {
        "XUEJI_REGISTRY_URL": found.registry_url, "XUEJI_GATEWAY_URL": found.gateway_url, "XUEJI_KEYS": str(found.keys),
        "XUEJI_LOG_ORIGIN": found.log_origin, "XUEJI_PUBLIC_URL": found.public_url,
    }  # fmt: skip

    def shell(*command: str) -> str:
        done = CliRunner().invoke(cli, ["--home", str(found.home), "keys", *command], env=environment)
        assert done.exception is None, done.output
        return done.stdout

    prepared = shell("rotate", "log", "--prepare").splitlines()[-1]
    assert shell("log") == f"{place.vkey}\n"
    shell("rotate", "log", "--overlap-days", "0")  # by another process, as an operator does
    assert [line.partition("\t")[0] for line in shell("log").splitlines()] == [place.vkey, prepared]
    place.world.call("GET", "/v1/audit/entries?limit=1", token=place.token)  # the gateway goes on
    newest = SignedNote.parse(ServedLog(place.url).checkpoint())
    assert {one.key_id for one in newest.signatures} == {VerifierKey.parse(prepared).id}
    told = json.loads(fetch(f"{place.url}/log/keys.json")[1])
    assert [one["vkey"] for one in told["keys"]] == [place.vkey, prepared]
    (tmp_path / "token").write_text(place.token, encoding="utf-8")
    for where in (["--url", place.url], ["--url", place.url, "--token-file", str(tmp_path / "token")],
                  ["--database", found.gateway_url, "--no-index"]):  # fmt: skip
        for trusted in (place.vkey, prepared):
            done = place.verify(*where, "--vkey", trusted)
            assert done.exit_code == 0, done.output
    first = inspection.witness_served(place.url, tmp_path / "w", "inspector.example/witness", [key])  # of the old key
    receipt = place.world.call("GET", "/v1/audit/entries/0/proof", token=place.token).get_json()["receipt"]
    body = services.audit.proof(0).body
    assert TlogProof.parse(receipt).verify(body, trust(place.vkey)).size > first.size


def test_an_address_that_is_none_or_answers_nonsense_is_told(place: Place) -> None:
    with pytest.raises(ConfigurationError):
        fetch("file:///etc/passwd")
    with pytest.raises(UnavailableError, match="401"):
        ServedLog(place.url, "made-up").widest(None, 0)
    with pytest.raises(MalformedError, match="no checkpoint"):
        ServedLog(f"{place.url}/nowhere").checkpoint()
