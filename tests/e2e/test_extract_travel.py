"""An extract travels: encrypted to the registered key, by parts, by pages, resumed; over real HTTP and in a shell."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import text

from gateway.accounts.records import ClientSpec
from gateway.cli import cli
from gateway.db import make_engine
from gateway.demo import people
from gateway.demo.server import BackgroundServer
from gateway.ids import AccountId
from gateway.principals import Role
from gateway.releases.manifest import claims_of
from gateway.remote import client_token
from tests.conftest import need
from tests.factories.api import Gateway, gateway
from tests.ports import free_port

PROJECT = Path(__file__).parent / "node_oauth"


@dataclass
class System:
    """A recipient's system: its keys, its grant, and how it calls."""

    world: Gateway
    client_id: str
    key: ECKey
    secret: ECKey | RSAKey
    grant: str

    def call(self, method: str, path: str, **more: object) -> requests.Response:
        """Send a request with a fresh token."""
        base = self.world.settings.public_url
        headers = {"Authorization": f"Bearer {client_token(base, self.client_id, self.key)}", **more.pop("headers", {})}  # type: ignore[dict-item]  # headers are text
        return requests.request(method, base + path, headers=headers, timeout=30, **more)  # type: ignore[arg-type]  # requests' own

    def ready(self, **wanted: object) -> dict[str, object]:
        """Ask for an extract and wait for it."""
        made = self.call("POST", f"/v1/grants/{self.grant}/extracts", json=wanted)
        assert made.status_code == 202, made.text
        for _ in range(240):
            found: dict[str, object] = self.call("GET", f"/v1/extracts/{made.json()['id']}").json()
            if found["state"] not in {"queued", "preparing"}:
                assert found["state"] == "ready", found
                return found
            time.sleep(0.25)
        raise AssertionError("never ready")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    port = free_port()
    directory = tmp_path_factory.mktemp("travel")
    with gateway(directory, pupils=100, worker=True, public_url=f"http://127.0.0.1:{port}") as found:
        server = BackgroundServer(found.app, host="127.0.0.1", port=port)
        yield found
        server.close()


@pytest.fixture(scope="module")
def bus(world: Gateway) -> System:
    key, secret = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    public = {**secret.as_dict(private=False), "use": "enc", "kid": "to-encrypt"}
    spec = ClientSpec(
        people.BUS,
        frozenset({Role.APPLICANT, Role.EXECUTOR}),
        {"keys": [key.as_dict(private=False), public]},
        post="示例校车系统",
        dpop_required=False,
    )
    client_id = world.process.services.directory.register_client(None, spec)
    return System(world, client_id, key, secret, world.grant("bus"))


def test_parts_and_ranges_put_the_file_together(bus: System) -> None:
    extract = bus.ready(format="csv")
    listed = bus.call("GET", f"/v1/extracts/{extract['id']}/parts").json()
    content = b""
    for part in listed["items"]:
        got = bus.call(
            "GET", f"/v1/extracts/{extract['id']}/content", headers={"Range": f"bytes={part['first']}-{part['last']}"}
        )
        assert (got.status_code, hashlib.sha256(got.content).hexdigest()) == (206, part["sha256"])
        content += got.content
    assert (len(content), hashlib.sha256(content).hexdigest()) == (extract["bytes"], extract["sha256"])
    manifest = claims_of(bus.call("GET", f"/v1/extracts/{extract['id']}/manifest").text)
    assert manifest["file"]["parts"]["sha256"] == [part["sha256"] for part in listed["items"]]  # type: ignore[index]


def test_pages_follow_their_links_to_the_end(bus: System) -> None:
    extract = bus.ready(format="ndjson")
    path, rows = f"/v1/extracts/{extract['id']}/rows?limit=40", []
    while path:
        page = bus.call("GET", path)
        assert (page.status_code, page.headers["Content-Type"]) == (200, "application/x-ndjson")
        assert int(page.headers["Xueji-Rows"]) == len(page.content.splitlines())
        rows += [json.loads(line) for line in page.content.splitlines()]
        following = page.links.get("next")
        path = following["url"] if following else ""
    assert len(rows) == extract["rows"]
    assert len({row["pseudonym"] for row in rows}) == len(rows)
    refused = bus.call("GET", f"/v1/extracts/{extract['id']}/rows?cursor={'A' * 32}")
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-input")
    assert bus.call("GET", f"/v1/extracts/{extract['id']}/rows?limit=0").status_code == 422
    assert bus.call("HEAD", f"/v1/extracts/{extract['id']}/rows").content == b""


def test_the_shell_opens_what_was_encrypted_and_goes_on_where_it_stopped(bus: System, tmp_path: Path) -> None:
    (tmp_path / "key.jwk").write_text(json.dumps(bus.key.as_dict(private=True)), encoding="ascii")
    (tmp_path / "secret.jwk").write_text(json.dumps(bus.secret.as_dict(private=True)), encoding="ascii")
    extract = bus.ready(format="csv", encrypt=True, compression="gzip")
    assert extract["encrypted_to"] == "to-encrypt"
    content = bus.call("GET", f"/v1/extracts/{extract['id']}/content")
    assert content.headers["Content-Type"] == "application/vnd.xueji.jwe-sequence"
    out = tmp_path / "out"
    out.mkdir()
    # what came before the connection broke, and one byte of it wrong: the whole part is fetched again
    half = bytearray(content.content)
    half[5] ^= 1
    (out / f"{extract['file_name']}.part").write_bytes(half)
    options = ["--url", bus.world.settings.public_url, "--client-id", bus.client_id, "--key", str(tmp_path / "key.jwk")]
    options += ["--out", str(out), "--resume", str(extract["id"])]
    locked = CliRunner().invoke(cli, ["extract", bus.grant, *options])
    assert locked.exit_code != 0
    assert "--decryption-key" in locked.output + str(locked.exception)
    done = CliRunner().invoke(cli, ["extract", bus.grant, *options, "--decryption-key", str(tmp_path / "secret.jwk")])
    assert done.exit_code == 0, done.output
    (plain,) = out.glob("*.csv")
    told = claims_of((out / f"{extract['id']}.manifest.jws").read_text())["file"]["plain"]  # type: ignore[index]
    assert hashlib.sha256(plain.read_bytes()).hexdigest() == told["sha256"]
    assert not [*out.glob("*.jwe"), *out.glob("*.opening")]


def test_a_system_that_always_wants_it_gets_nothing_in_clear(bus: System) -> None:
    key, secret = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    keys = [key.as_dict(private=False), {**secret.as_dict(private=False), "use": "enc", "kid": "mine"}]
    roles = frozenset({Role.APPLICANT, Role.EXECUTOR})
    spec = ClientSpec(people.BUS, roles, {"keys": keys}, dpop_required=False, encrypt_always=True)
    directory = bus.world.process.services.directory
    system = replace(bus, client_id=directory.register_client(None, spec), key=key)
    extract = system.ready(format="csv")
    assert (extract["encrypted_to"], str(extract["file_name"]).endswith(".csv.jwe")) == ("mine", True)
    directory.replace_client_keys(None, AccountId(system.client_id), {"keys": keys[:1]})
    refused = system.call("POST", f"/v1/grants/{bus.grant}/extracts", json={"format": "csv"})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/no-encryption-key")


def test_the_shell_fetches_changes(bus: System, tmp_path: Path) -> None:
    (tmp_path / "key.jwk").write_text(json.dumps(bus.key.as_dict(private=True)), encoding="ascii")
    options = ["--url", bus.world.settings.public_url, "--client-id", bus.client_id, "--key", str(tmp_path / "key.jwk")]
    options += ["--out", str(tmp_path)]
    first = CliRunner().invoke(cli, ["extract", bus.grant, *options])
    assert first.exit_code == 0, first.output
    (base,) = tmp_path.glob("*.csv")
    engine = make_engine(bus.world.settings.registry_url)
    with engine.begin() as connection:
        one = "(SELECT min(subject_ref) FROM sharing_students)"
        connection.execute(text(f"UPDATE sharing_students SET address_division = '140302' WHERE subject_ref = {one}"))
    engine.dispose()
    then = CliRunner().invoke(cli, ["extract", bus.grant, *options, "--since", base.stem])
    assert then.exit_code == 0, then.output
    (changes,) = (path for path in tmp_path.glob("*.csv") if path != base)
    header, *rows = changes.read_text(encoding="utf-8-sig").splitlines()
    assert header.startswith("change,pseudonym")
    assert [row.split(",")[0] for row in rows] == ["changed"]


def test_what_cannot_be_is_refused_with_its_problem(bus: System) -> None:
    path = f"/v1/grants/{bus.grant}/extracts"
    cases = [
        ({"format": "csv", "since": "ex-nowhere"}, 409, "baseline-unusable"),
        ({"format": "parquet", "compression": "gzip"}, 422, "invalid-input"),
        ({"format": "csv", "compression": "zip"}, 422, "invalid-input"),
        ({"format": "csv", "since": ""}, 422, "invalid-input"),
    ]
    for body, status, problem in cases:
        answer = bus.call("POST", path, json=body)
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{problem}"), answer.text


@pytest.mark.node
@pytest.mark.parametrize("kind", ["EC", "RSA"])
def test_an_outside_library_opens_the_envelopes(
    bus: System, tmp_path_factory: pytest.TempPathFactory, kind: str
) -> None:
    need(shutil.which("node") and shutil.which("npm"), "Node.js with npm")
    project = tmp_path_factory.mktemp("jose")
    for name in ("package.json", "package-lock.json", "open.mjs"):
        shutil.copy(PROJECT / name, project)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
        cwd=project, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    need(done.returncode == 0, "jose from npm")
    secret: ECKey | RSAKey = bus.secret
    if kind == "RSA":
        secret = RSAKey.generate_key(2048)
        jwks = {"keys": [bus.key.as_dict(private=False), {**secret.as_dict(private=False), "use": "enc"}]}
        bus.world.process.services.directory.replace_client_keys(None, bus.client_id, jwks)  # type: ignore[arg-type]
    extract = bus.ready(format="ndjson", encrypt=True)
    content = bus.call("GET", f"/v1/extracts/{extract['id']}/content").content
    given = {"lines": content.decode().splitlines(), "jwk": secret.as_dict(private=True)}
    opened = subprocess.run(
        ["node", "open.mjs"],
        cwd=project, input=json.dumps(given), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert opened.returncode == 0, opened.stderr
    result = json.loads(opened.stdout)
    rows = base64.b64decode(result["plain"]).splitlines()
    assert len(rows) == extract["rows"]
    assert [(head["extract"], head["part"], head["of"]) for head in result["headers"]] == [(extract["id"], 1, 1)]
