"""The whole program on fresh databases, with officers, recipients' systems and, where asked for, pupils."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pyotp
from apiflask import APIFlask
from flask.testing import FlaskClient
from joserfc import jwt
from werkzeug.test import TestResponse

from gateway import bootstrap, keyring, samples
from gateway.app import create_app
from gateway.demo import people
from gateway.keyring import Face
from gateway.settings import Settings, default_config

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class _NoBar:
    n: float = 0

    def update(self, step: float) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Show nothing."""


@dataclass
class Gateway:
    """A running program without a server."""

    settings: Settings
    process: bootstrap.Process
    officers: dict[str, people.Officer]
    clients: dict[str, people.Client]
    app: APIFlask
    source: pl.DataFrame | None = field(repr=False)
    sessions: dict[str, str] = field(default_factory=dict, repr=False)

    def work(self) -> None:
        """Let the worker do what waits."""
        worker = self.process.worker
        assert worker is not None
        for _ in range(20):
            if not worker.round():
                break

    def web(self) -> FlaskClient:
        """Return somebody with a browser or a shell."""
        return self.app.test_client()

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        **more: Any,  # noqa: ANN401  Werkzeug's own
    ) -> TestResponse:
        """Send a request, JSON if there is a body."""
        headers = {**({} if token is None else {"Authorization": f"Bearer {token}"}), **more.pop("headers", {})}
        if body is not None:
            more |= {"data": json.dumps(body), "content_type": "application/json"}
        return self.web().open(
            path, method=method, headers=headers, base_url=self.settings.public_url, buffered=True, **more
        )

    def person(self, name: str) -> str:
        """Return a session token of an officer, the same each time: a one-time code is for one use."""
        if name not in self.sessions:
            self.sessions[name] = self.sign_in(name)
        return self.sessions[name]

    def sign_in(self, name: str) -> str:
        """Return a new session token."""
        one = self.officers[name]
        body = {"username": one.username, "password": one.password}
        if one.totp_secret is not None:
            body["totp"] = pyotp.TOTP(one.totp_secret).now()
        answer = self.call("POST", "/v1/sessions", body)
        assert answer.status_code == 201, answer.text
        return str(answer.get_json()["token"])

    def assertion(self, name: str) -> str:
        """Return a client's assertion for the token endpoint."""
        one, now = self.clients[name], int(datetime.now(UTC).timestamp())
        claims = {"iss": one.client_id, "sub": one.client_id, "aud": self.settings.public_url, "iat": now}
        claims |= {"exp": now + 60, "jti": uuid4().hex}
        return jwt.encode({"alg": "ES256", "kid": one.key.thumbprint()}, claims, one.key, algorithms=["ES256"])

    def client(self, name: str) -> str:
        """Return an access token of a recipient's system."""
        form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION}
        form["client_assertion"] = self.assertion(name)
        answer = self.web().post("/oauth/token", data=form, base_url=self.settings.public_url)
        assert answer.status_code == 200, answer.text
        return str(answer.get_json()["access_token"])

    def grant(self, name: str = "bus") -> str:
        """Take an application of the demo to its grant; return the id of the grant."""
        body = people.application(name, date.today())  # noqa: DTZ011
        made = self.call("POST", "/v1/applications", body, token=self.person(people.APPLICATIONS[name]))
        path = f"/v1/applications/{made.get_json()['id']}"
        ground = {"ground": people.government_approval()}
        assert self.call("POST", f"{path}/basis", ground, token=self.person("recorder")).status_code == 200
        assert self.call("POST", f"{path}/confirmation", {}, token=self.person("confirmer")).status_code == 200
        decided = self.call("POST", f"{path}/decision", {"decision": "approve"}, token=self.person("approver"))
        assert decided.status_code == 200, decided.text
        return str(decided.get_json()["grant_id"])


def settings_at(directory: Path, *, public_url: str = "http://127.0.0.1:18099", **changes: Any) -> Settings:  # noqa: ANN401  members of the settings
    """Return settings with everything in ``directory``."""
    found = Settings(
        home=directory,
        registry_url=f"sqlite:///{directory / 'registry.db'}",
        gateway_url=f"sqlite:///{directory / 'gateway.db'}",
        keys=directory / "keys",
        config=default_config(),
        files=directory / "files",
        public_url=public_url,
        log_origin="gateway.example/log",
    )
    return replace(found, **changes)


@contextmanager
def gateway(
    directory: Path,
    *,
    pupils: int = 0,
    worker: bool = False,
    settings: Callable[[Settings], Settings] = lambda found: found,
    public_url: str = "http://127.0.0.1:18099",
) -> Iterator[Gateway]:
    """Open the program in ``directory``; ``pupils`` are generated and imported."""
    found = settings(settings_at(directory, public_url=public_url))
    book = bootstrap.load_rulebook(found)
    keyring.create(found.keys)
    bootstrap.prepare_databases(found, book)
    process = bootstrap.open_process(found, Face.ALL)
    try:
        officers = people.open_accounts(process)
        clients = people.register_clients(process, officers)
        source = _import(process, directory / "forms", pupils) if pupils else None
        if worker and process.worker is not None:
            process.worker.start()
        yield Gateway(found, process, officers, clients, create_app(process.services), source)
    finally:
        process.close()


def _import(process: bootstrap.Process, directory: Path, count: int) -> pl.DataFrame:
    office = process.services.office
    assert office is not None
    source = directory.with_name("source.parquet")
    written = samples.write(
        directory,
        count=count,
        seed=20261123,
        kind="csv",
        book=process.services.book,
        today=date.today(),  # noqa: DTZ011
        tick=lambda _rows: None,
        source=source,
    )
    office.import_schools(samples.read_schools(written.schools_file))
    for form in written.forms:
        summary = samples.import_file(process, form, bar=lambda _label, _total: _NoBar())
        assert not summary.rejected, summary.finding_counts
    return pl.read_parquet(source)
