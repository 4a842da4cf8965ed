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
from waitress.server import create_server

from gateway.accounts.tokens import TokenService
from gateway.api.oauth import blueprint
from tests.conftest import need
from tests.factories.accounts import Clock, House, Program, make_house

pytestmark = pytest.mark.node
PROJECT = Path(__file__).parent / "node_oauth"


@pytest.fixture(scope="module")
def node_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client with its packages, installed by the lock file outside the clone."""
    need(shutil.which("node") and shutil.which("npm"), "Node.js with npm")
    project = tmp_path_factory.mktemp("node_oauth")
    for name in ("package.json", "package-lock.json", "client.mjs"):
        shutil.copy(PROJECT / name, project)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
        cwd=project, capture_output=True, text=True, timeout=180, check=False,
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
        cwd=node_project, input=json.dumps(given), capture_output=True, text=True, timeout=60, check=False,
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
