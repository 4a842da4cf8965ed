"""A wallet that is not ours, @openid4vc/openid4vp with @sd-jwt/sd-jwt-vc on Node.js, answers our requests over HTTP."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.server import BackgroundServer
from gateway.identity.holder import Wallet
from tests.conftest import need
from tests.factories.api import Gateway, gateway
from tests.factories.presenting import some_pupil, wallet_of
from tests.ports import free_port

pytestmark = pytest.mark.node
PROJECT = Path(__file__).parent / "node_vp"
CLAIMS = ["stage", "age_over_6"]


@pytest.fixture(scope="module")
def node_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wallet with its packages, installed by the lock file outside the clone."""
    need(shutil.which("node") and shutil.which("npm"), "Node.js with npm")
    project = tmp_path_factory.mktemp("node_vp")
    for name in ("package.json", "package-lock.json", "wallet.mjs"):
        shutil.copy(PROJECT / name, project)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
        cwd=project, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    need(done.returncode == 0, "@openid4vc/openid4vp from npm")
    return project


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The whole program with its worker, on a free port of the loopback."""
    port = free_port()
    directory = tmp_path_factory.mktemp("vp")
    with gateway(directory, pupils=100, worker=True, public_url=f"http://127.0.0.1:{port}") as found:
        found.grant("library")
        server = BackgroundServer(found.app, host="127.0.0.1", port=port)
        yield found
        server.close()


@pytest.fixture(scope="module")
def wallet(world: Gateway) -> Wallet:
    services = world.process.services
    registrar = services.accounts.principal_of_session(world.person("registrar"))
    return wallet_of(services, registrar, some_pupil(services), 4)


def answered(node_project: Path, made: dict[str, Any], wallet: Wallet, disclose: list[str]) -> dict[str, Any]:
    credential, key = wallet.held.pop()
    given = {"uri": made["uri"], "credential": credential, "jwk": key.as_dict(private=True), "disclose": disclose}
    done = subprocess.run(
        ["node", "wallet.mjs"],
        cwd=node_project, input=json.dumps(given), capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("mode", ["direct_post", "direct_post.jwt"])
def test_the_npm_wallet_understands_our_request_and_is_answered_once(
    node_project: Path, world: Gateway, wallet: Wallet, mode: str
) -> None:
    token = world.client("library")
    ask = {"claims": CLAIMS, "response_mode": mode}
    made = world.call("POST", "/v1/identity/presentations", ask, token=token).get_json()
    told = answered(node_project, made, wallet, CLAIMS)
    assert told["first"] == [200, {}]
    assert (told["second"][0], told["second"][1]["error"]) == (400, "invalid_request")
    assert (told["version"], told["prefix"], told["signer"], told["mode"]) == (100, "x509_hash", "x5c", mode)
    assert (told["name"], told["purpose"]) == ("示例图书馆", "学生身份核验")
    assert told["asked"] == [["student", "dc+sd-jwt", CLAIMS]]
    path = f"/v1/identity/presentations/{made['id']}"
    first, second = (world.call("GET", path, token=token).get_json() for _ in range(2))
    assert (first["state"], set(first["claims"]), first["claims"]["age_over_6"]) == ("answered", set(CLAIMS), True)
    assert second["claims"] is None


def test_an_npm_wallet_that_shows_too_little_is_refused(node_project: Path, world: Gateway, wallet: Wallet) -> None:
    token = world.client("library")
    made = world.call("POST", "/v1/identity/presentations", {"claims": CLAIMS}, token=token).get_json()
    assert answered(node_project, made, wallet, ["stage"])["first"][0] == 400
    told = world.call("GET", f"/v1/identity/presentations/{made['id']}", token=token).get_json()
    assert (told["state"], told["reason"], told["claims"]) == ("refused", "missing_claim", None)
