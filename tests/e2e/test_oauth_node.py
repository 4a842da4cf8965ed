"""An OAuth client that is not ours, openid-client on Node.js, over real HTTP."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest
from flask import Flask
from joserfc.jwk import ECKey
from waitress.server import create_server

from gateway.accounts.records import ClientSpec
from gateway.accounts.tokens import TokenService
from gateway.api.oauth import blueprint
from gateway.demo import people
from gateway.demo.server import BackgroundServer
from gateway.principals import Role
from tests.conftest import need
from tests.factories.accounts import Clock, House, Program, make_house
from tests.factories.api import Gateway, gateway
from tests.ports import free_port

pytestmark = pytest.mark.node
PROJECT = Path(__file__).parent / "node_oauth"


@pytest.fixture(scope="module")
def node_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client with its packages, installed by the lock file outside the clone."""
    need(shutil.which("node") and shutil.which("npm"), "Node.js with npm")
    project = tmp_path_factory.mktemp("node_oauth")
    for name in ("package.json", "package-lock.json", "client.mjs", "extract.mjs"):
        shutil.copy(PROJECT / name, project)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
        cwd=project, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    need(done.returncode == 0, "openid-client from npm")
    return project


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[House, str]]:
    """The endpoints behind waitress on a free port of the loopback, with the clock of the day."""
    app = Flask(__name__)
    tokens: list[TokenService] = []
    server = create_server(app, host="127.0.0.1", port=0, threads=2)
    issuer = f"http://127.0.0.1:{server.effective_port}"
    house = make_house(f"sqlite:///{tmp_path / 'gateway.db'}", clock=Clock(datetime.now(UTC)), issuer=issuer)
    tokens.append(house.tokens)
    app.register_blueprint(blueprint(lambda: tokens[0], public_url=issuer))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    yield house, issuer
    server.close()
    thread.join(timeout=10)
    house.close()


def test_openid_client_gets_uses_and_revokes_a_token_and_its_bad_assertions_fail(
    node_project: Path, served: tuple[House, str]
) -> None:
    house, issuer = served
    program = Program(house)
    given = {"issuer": issuer, "clientId": program.id, "jwk": program.key.as_dict(private=True), "scope": "applicant"}
    done = subprocess.run(
        ["node", "client.mjs"],
        cwd=node_project, input=json.dumps(given), capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["token_type"], result["expires_in"], result["scope"]) == ("bearer", 300, "applicant")
    assert (result["active"], result["client_id"], result["revoked"]) == (True, program.id, False)
    assert result["first_use"] == "granted"
    assert set(result["refused"].values()) == {"invalid_client"}
    assert result["scope_excess"] == "invalid_scope"
    assert house.tokens.principal_of_token(result["second_token"]).account == program.id
    assert house.journal.kinds().count("account.token_revoked") == 1


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Gateway]:
    """The whole program with its worker, on a free port of the loopback."""
    port = free_port()
    with gateway(tmp_path, pupils=120, worker=True, public_url=f"http://127.0.0.1:{port}") as found:
        server = BackgroundServer(found.app, host="127.0.0.1", port=port)
        yield found
        server.close()


def test_openid_client_downloads_an_extract_with_a_bound_token_and_a_thief_does_not(
    node_project: Path, world: Gateway
) -> None:
    """private_key_jwt, DPoP and authorization_details; without the key the same token is refused."""
    key = ECKey.generate_key("P-256")
    jwks = {"keys": [key.as_dict(private=False)]}
    spec = ClientSpec(people.BUS, frozenset({Role.APPLICANT, Role.EXECUTOR}), jwks, post="示例校车系统（二）")
    client_id = world.process.services.directory.register_client(None, spec)
    grants = {"grant": world.grant("bus"), "otherGrant": world.grant("bus"), "foreignGrant": world.grant("textbook")}
    jwk = {**key.as_dict(private=True), "kid": key.thumbprint()}
    given = {"issuer": world.settings.public_url, "clientId": client_id, "jwk": jwk, **grants}
    done = subprocess.run(
        ["node", "extract.mjs"],
        cwd=node_project, input=json.dumps(given), capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    details = [{"type": "xueji_grant", "identifier": grants["grant"], "actions": ["extract"]}]
    assert result["token"] == {"type": "dpop", "expires_in": 300, "details": details}
    extract = result["extract"]
    assert (extract["state"], extract["rows"], result["bytes"]) == ("ready", 120, extract["bytes"])
    assert result["sha256"] == extract["sha256"]
    assert result["attempts"] == {
        "bearer": [401, "invalid_token"],
        "no_proof": [401, "invalid_dpop_proof"],
        "another_key": [401, "invalid_dpop_proof"],
        "claimed_key": [401, "invalid_dpop_proof"],
        "another_path": [401, "invalid_dpop_proof"],
        "first": [200, None],
        "replayed": [401, "invalid_dpop_proof"],
    }
    assert (result["deputy"]["status"], result["deputy"]["policy"]) == (403, "token-names-its-grant-and-use")
    active = result["active"]
    assert (active["active"], active["token_type"], active["client_id"]) == (True, "DPoP", client_id)
    assert (active["cnf"], active["authorization_details"]) == ({"jkt": result["thumbprint"]}, details)
    assert (result["revoked"]["active"], result["after"]) == (False, 401)
    assert result["strange"] == {
        "grant": "invalid_authorization_details",
        "type": "invalid_authorization_details",
        "unbound": "invalid_dpop_proof",
    }
    kinds = [
        one["content"]["kind"]
        for one in world.call("GET", "/v1/audit/entries?limit=200", token=world.person("inspector")).get_json()["items"]
    ]
    assert kinds.count("account.token_refused") == 9  # six of the thief's, three of strange requests
