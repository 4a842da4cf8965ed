"""A wallet that is not ours, @openid4vc/openid4vci on Node.js, fetches a batch from the running program over HTTP."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.demo.server import BackgroundServer
from gateway.identity import jws, sd_jwt
from tests.conftest import need
from tests.factories.api import Gateway, gateway
from tests.factories.wallets import offer_of
from tests.ports import free_port

pytestmark = pytest.mark.node
PROJECT = Path(__file__).parent / "node_vci"


@pytest.fixture(scope="module")
def node_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wallet with its packages, installed by the lock file outside the clone."""
    need(shutil.which("node") and shutil.which("npm"), "Node.js with npm")
    project = tmp_path_factory.mktemp("node_vci")
    for name in ("package.json", "package-lock.json", "wallet.mjs"):
        shutil.copy(PROJECT / name, project)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
        cwd=project, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    need(done.returncode == 0, "@openid4vc/openid4vci from npm")
    return project


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Gateway]:
    """The whole program on a free port of the loopback."""
    port = free_port()
    with gateway(tmp_path, pupils=100, public_url=f"http://127.0.0.1:{port}") as found:
        server = BackgroundServer(found.app, host="127.0.0.1", port=port)
        yield found
        server.close()


def test_openid4vci_fetches_a_batch_bound_to_its_keys_and_is_refused_in_its_own_words(
    node_project: Path, world: Gateway
) -> None:
    offer = offer_of(world)
    given = {"offer": offer["uri"], "txCode": offer["tx_code"], "count": 3}
    done = subprocess.run(
        ["node", "wallet.mjs"],
        cwd=node_project, input=json.dumps(given), capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["version"] == "V1"
    assert result["tokenType"] == "DPoP"
    assert result["refused"] == {
        "wrongDigits": "invalid_grant",
        "replayed": "invalid_grant",
        "foreignNonce": "invalid_nonce",
    }
    payloads = [jws.parse(sd_jwt.split(one).issuer_jwt).payload for one in result["credentials"]]
    assert [payload["cnf"] for payload in payloads] == [{"jwk": key} for key in result["keys"]]
    assert {payload["vct"] for payload in payloads} == {f"{world.settings.public_url}/v1/identity/types/student/1"}
    inspector = world.person("inspector")
    listed = world.call("GET", "/v1/audit/entries?limit=200", token=inspector).get_json()["items"]
    events = [one["content"]["facts"].get("event") for one in listed if one["content"]["kind"] == "identity.notified"]
    assert events == ["credential_accepted"]
