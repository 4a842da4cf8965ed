"""The main job by hand: officers with curl, the recipient with an OAuth client that is not ours, over real HTTP."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyotp
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from gateway.demo import people
from gateway.demo.server import BackgroundServer
from gateway.keyring import Key
from tests.conftest import need
from tests.factories.api import Gateway, gateway
from tests.ports import free_port

pytestmark = pytest.mark.node
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def node_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipient's program with its packages, installed by the lock file outside the clone."""
    need(shutil.which("node") and shutil.which("npm"), "Node.js with npm")
    project = tmp_path_factory.mktemp("node_api")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / "node_oauth" / name, project)
    shutil.copy(HERE / "node_api" / "story.mjs", project)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=180, check=False)
    need(done.returncode == 0, "openid-client from npm")
    return project


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    need(shutil.which("curl"), "curl")
    port = free_port()
    directory = tmp_path_factory.mktemp("story")
    with gateway(directory, pupils=300, worker=True, public_url=f"http://127.0.0.1:{port}") as found:
        server = BackgroundServer(found.app, host="127.0.0.1", port=port)
        yield found
        server.close()


@dataclass
class Curl:
    """A person with a shell."""

    base: str
    token: str = field(default="", repr=False)

    def __call__(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Return the JSON answer with its status as ``http``."""
        lines = [f'url = "{self.base}{path}"', f'request = "{method}"', "silent", 'write-out = "\\n%{http_code}"']
        if self.token:
            lines.append(f'header = "Authorization: Bearer {self.token}"')
        if body is not None:
            escaped = json.dumps(body).replace("\\", "\\\\").replace('"', '\\"')
            lines += ['header = "Content-Type: application/json"', f'data = "{escaped}"']
        done = subprocess.run(
            ["curl", "--config", "-"], input="\n".join(lines), capture_output=True, text=True, timeout=60, check=True
        )
        content, _, status = done.stdout.rpartition("\n")
        return {**json.loads(content), "http": int(status)}


def officer(world: Gateway, name: str) -> Curl:
    if name not in world.sessions:
        one, curl = world.officers[name], Curl(world.settings.public_url)
        body = {"username": one.username, "password": one.password}
        if one.totp_secret is not None:
            without = curl("POST", "/v1/sessions", body)
            assert (without["http"], without["type"]) == (401, "/problems/unauthenticated")
            body["totp"] = pyotp.TOTP(one.totp_secret).now()
        signed_in = curl("POST", "/v1/sessions", body)
        assert (signed_in["http"], signed_in["token_type"], signed_in["duties"]) == (201, "Bearer", [])
        world.sessions[name] = signed_in["token"]
    return Curl(world.settings.public_url, world.sessions[name])


def recipient(world: Gateway, project: Path, name: str, **task: object) -> dict[str, Any]:
    one = world.clients[name]
    key = world.process.services.keyring.verifying(Key.GRANT)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    given = {
        "issuer": world.settings.public_url,
        "clientId": one.client_id,
        "jwk": {**one.key.as_dict(private=True), "kid": one.key.thumbprint()},
        "grantKey": ECKey.import_key(key).as_dict(private=False),
        **task,
    }
    done = subprocess.run(
        ["node", "story.mjs"],
        cwd=project,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_from_an_application_to_a_verified_file(world: Gateway, node_project: Path) -> None:
    today = date.today()  # noqa: DTZ011  the server checks it in Shanghai time
    applied = recipient(world, node_project, "bus", apply=people.application("bus", today))
    assert applied["scope"] == "applicant executor"  # no scope asked for: all roles
    application = applied["application"]
    assert (application["status"], application["state"]) == (201, "submitted")
    incomplete = applied["incomplete"]
    assert (incomplete["status"], incomplete["type"]) == (422, "/problems/application-incomplete")
    assert incomplete["missing"] == ["terms_accepted"]
    path = f"/v1/applications/{application['id']}"

    approve = {"decision": "approve", "reason": "符合规定，准予提供。"}
    refused = officer(world, "approver")("POST", f"{path}/decision", approve)
    assert (refused["http"], refused["rule"], refused["missing"]) == (422, "A50-5", ["ground"])
    assert refused["basis"] == "晋教〔2026〕1号 art. 50"

    recorder = officer(world, "recorder")
    bureau = people.government_approval(government="太原市教育局", division="140100", document_number="")
    refused = recorder("POST", f"{path}/basis", {"ground": bureau})
    assert (refused["http"], refused["type"]) == (422, "/problems/ground-refused")
    assert {"document_number", "territory"} <= set(refused["missing"])
    assert "教育行政部门无权批准" in refused["detail_zh"]
    assert refused["rule"].startswith("A50-")
    assert recorder("POST", f"{path}/basis", {"ground": people.government_approval()})["http"] == 200
    refused = recorder("POST", f"{path}/confirmation", {})
    assert (refused["http"], refused["type"]) == (403, "/problems/forbidden")
    assert refused["policy"]
    refused = officer(world, "approver")("POST", f"{path}/decision", approve)
    assert (refused["http"], refused["type"], refused["missing"]) == (409, "/problems/wrong-state", ["confirmed"])
    assert officer(world, "confirmer")("POST", f"{path}/confirmation", {})["http"] == 200
    granted = officer(world, "approver")("POST", f"{path}/decision", approve)
    assert (granted["http"], granted["state"]) == (200, "granted")

    taken = recipient(world, node_project, "bus", grant=granted["grant_id"])
    beyond = taken["beyond"]
    assert (beyond["status"], beyond["type"]) == (403, "/problems/scope-exceeded")
    assert beyond["rule"].startswith("A50-")
    assert beyond["missing"] == ["fields"]
    extract = taken["extract"]
    assert (extract["state"], extract["rows"]) == ("ready", 300)
    assert taken["head"] == {"status": 200, "length": extract["bytes"], "bytes": 0}
    ranges, size = taken["ranges"], extract["bytes"]
    middle = size // 2
    assert ranges["statuses"] == [206, 206, 200]
    assert ranges["content"] == [f"bytes 0-{middle - 1}/{size}", f"bytes {middle}-{size - 1}/{size}"]
    assert ranges["equal"] is True
    assert ranges["changed"] == [200, size]
    assert ranges["last"] == [206, True]
    assert ranges["ignored"] == [200, 200]
    assert ranges["outside"] == [416, f"bytes */{size}", "application/problem+json"]
    assert ranges["digest"] == f"sha-256=:{base64.b64encode(bytes.fromhex(taken['sha256'])).decode()}:"
    assert taken["sha256"] == extract["sha256"] == taken["manifest"]["file"]["sha256"]
    assert taken["forged"] == "refused"
    assert world.source is not None
    numbers = set(world.source["id_number"].drop_nulls()) | set(world.source["name"])
    assert not any(number in taken["text"] for number in numbers)
    grant = officer(world, "recorder")("GET", f"/v1/grants/{granted['grant_id']}")
    assert grant["uses_left"] == grant["scope"]["uses"] - 1  # ranges and retries belong to one use

    entries = officer(world, "inspector")("GET", f"/v1/audit/entries?extract={extract['id']}&limit=200")["items"]
    kinds = [one["content"]["kind"] for one in entries]
    assert kinds.count("release.intent") == kinds.count("release.outcome") == 7  # HEAD and 416 deliver nothing
    assert {one["content"]["links"]["approver"] for one in entries if one["content"]["kind"] == "release.outcome"}


def test_a_person_applies_and_corrects_what_came_back(world: Gateway) -> None:
    today = date.today()  # noqa: DTZ011
    applicant = officer(world, "applicant-books")
    body = people.application("textbook", today)
    made = applicant("POST", "/v1/applications", body)
    path = f"/v1/applications/{made['id']}"
    without = officer(world, "approver")("POST", f"{path}/decision", {"decision": "return"})
    assert (without["http"], without["missing"]) == (422, ["reason"])
    returned = officer(world, "approver")("POST", f"{path}/decision", {"decision": "return", "reason": "请写明负责人"})
    assert returned["state"] == "returned"
    edited = applicant("PUT", path, {**body, "responsible": "演示负责人（教材部主任，已更正）"})
    assert (edited["http"], edited["state"]) == (200, "returned")
    assert applicant("POST", f"{path}/submission", {"version": edited["version"]})["state"] == "submitted"
    nobody = Curl(world.settings.public_url)("GET", path)
    assert (nobody["http"], nobody["missing"], nobody["rule"]) == (401, ["access_token"], "A50-4")
    other = officer(world, "applicant-bus")("GET", path)
    assert (other["http"], other["type"]) == (404, "/problems/not-found")
