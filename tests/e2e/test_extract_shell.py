"""``xueji extract`` as a recipient runs it: bound tokens for one grant, over real HTTP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from joserfc.jwk import ECKey

from gateway.accounts.records import ClientSpec
from gateway.cli import cli
from gateway.demo import people
from gateway.demo.server import BackgroundServer
from gateway.principals import Role
from tests.factories.api import Gateway, gateway
from tests.ports import free_port


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    port = free_port()
    directory = tmp_path_factory.mktemp("shell")
    with gateway(directory, pupils=100, worker=True, public_url=f"http://127.0.0.1:{port}") as found:
        server = BackgroundServer(found.app, host="127.0.0.1", port=port)
        yield found
        server.close()


def test_a_recipient_fetches_an_extract_with_bound_tokens_for_that_grant_alone(world: Gateway, tmp_path: Path) -> None:
    key = ECKey.generate_key("P-256")
    spec = ClientSpec(
        people.BUS,
        frozenset({Role.APPLICANT, Role.EXECUTOR}),
        {"keys": [key.as_dict(private=False)]},
        post="示例校车系统",
    )
    client_id = world.process.services.directory.register_client(None, spec)  # its tokens have to be bound
    (tmp_path / "key.jwk").write_text(json.dumps(key.as_dict(private=True)), encoding="ascii")
    grant = world.grant("bus")
    options = ["--url", world.settings.public_url, "--client-id", client_id, "--key", str(tmp_path / "key.jwk")]
    done = CliRunner().invoke(cli, ["extract", grant, *options, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    (file,) = tmp_path.glob("*.csv")
    assert hashlib.sha256(file.read_bytes()).hexdigest() in done.output
    assert len(list(tmp_path.glob("*.manifest.jws"))) == len(list(tmp_path.glob("*.report.json"))) == 1
    items = world.call("GET", "/v1/audit/entries?limit=200", token=world.person("inspector")).get_json()["items"]
    issued = [one["content"]["facts"] for one in items if one["content"]["kind"] == "account.token_issued"]
    assert {(facts["bound"], *facts["mandate"]) for facts in issued} == {(True, f"{grant} extract")}
    other = CliRunner().invoke(cli, ["extract", world.grant("textbook"), *options, "--out", str(tmp_path)])
    assert other.exit_code != 0
    assert "invalid_authorization_details" in other.output + str(other.exception)
