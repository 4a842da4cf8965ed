"""A relying party that is not ours, openid-client on Node.js: the answer as a form, and the end of the sign-in told."""

from __future__ import annotations

import html
import json
import queue
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import ECKey

from gateway.accounts.records import ClientSpec, SignInSpec
from gateway.demo import people
from gateway.demo.server import BackgroundServer
from gateway.families.records import BondKind
from gateway.ids import SubjectRef
from gateway.principals import Role
from tests.conftest import need
from tests.factories.api import Gateway, gateway
from tests.factories.presenting import some_pupil
from tests.factories.sign_in_web import CHILD, CSRF
from tests.ports import free_port

pytestmark = [pytest.mark.node, pytest.mark.soak]
PROJECT = Path(__file__).parent / "node_oidc"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client with its packages, installed by the lock file outside the clone."""
    need(shutil.which("node") and shutil.which("npm"), "Node.js with npm")
    found = tmp_path_factory.mktemp("node_oidc_form")
    for name in ("package.json", "package-lock.json", "form.mjs"):
        shutil.copy(PROJECT / name, found)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
        cwd=found, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    need(done.returncode == 0, "openid-client from npm")
    return found


@contextmanager
def told() -> Iterator[tuple[str, queue.Queue[str]]]:
    """Run the relying party's server that is told of ends; yield its address and what it is told."""
    tokens: queue.Queue[str] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            tokens.put(parse_qs(body)["logout_token"][0])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", tokens
    server.shutdown()
    server.server_close()


class Client:
    """The client's process."""

    def __init__(self, project: Path, task: dict[str, Any]) -> None:
        self.process = subprocess.Popen(
            ["node", "form.mjs"], cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._write(task)

    def do(self, step: str, **more: object) -> dict[str, Any]:
        self._write({"step": step, **more})
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert "error" not in found, found
        return found

    def close(self) -> None:
        self._write({"step": "end"})
        self.process.communicate(timeout=30)

    def _write(self, message: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()


def guardian(world: Gateway) -> str:
    services = world.process.services
    assert services.families is not None
    registrar = services.accounts.principal_of_session(world.person("registrar"))
    subject = SubjectRef(some_pupil(services))
    made = services.families.activations.make(subject, BondKind.GUARDIAN, registrar)
    return str(services.families.activations.redeem(made.link.partition("#")[2], made.code).token)


def test_an_unmodified_client_takes_the_form_and_the_logout_token(project: Path, tmp_path: Path) -> None:
    port = free_port()
    at = f"http://127.0.0.1:{port}"
    with told() as (party, tokens), gateway(tmp_path, pupils=100, worker=True, public_url=at) as world:
        world.grant("library")
        server = BackgroundServer(world.app, host="127.0.0.1", port=port)
        key = ECKey.generate_key("P-256")
        spec = ClientSpec(
            people.LIBRARY,
            frozenset({Role.RELYING_PARTY}),
            {"keys": [key.as_dict(private=False)]},
            post="示例借阅系统",
            dpop_required=False,
            sign_in=SignInSpec((f"{party}/callback",), backchannel_logout_uri=f"{party}/logout"),
        )
        task = {
            "issuer": at,
            "clientId": world.process.services.directory.register_client(None, spec),
            "jwk": {**key.as_dict(private=True), "kid": key.thumbprint()},
            "redirectUri": f"{party}/callback",
        }
        client, browser, session = Client(project, task), world.app.test_client(), guardian(world)
        with browser.session_transaction(base_url=at) as cookie:
            cookie["token"] = session
        address = urlsplit(client.do("authorize")["url"])
        where = browser.get(f"{address.path}?{address.query}", base_url=at).location
        asked = browser.get(where, base_url=at).text
        csrf, child = CSRF.search(asked), CHILD.search(asked)
        assert csrf is not None
        assert child is not None
        fields = {"csrf": csrf[1], "child": child[1]}
        done = browser.post(f"{urlsplit(where).path}/consent", data=fields, base_url=at).text
        form = {name: html.unescape(value) for name, value in re.findall(r'name="([a-z]+)" value="([^"]+)">', done)}
        claims = client.do("callback", form={name: form[name] for name in ("code", "state", "iss")})["claims"]
        world.process.services.accounts.sign_out(session)
        verified = client.do("logout", token=tokens.get(timeout=60))
        assert (verified["supported"], verified["payload"]["sid"]) == (True, claims["sid"])
        assert verified["payload"]["sub"] == claims["sub"]
        assert "nonce" not in verified["payload"]
        client.close()
        server.close()
