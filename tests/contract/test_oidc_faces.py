"""Signing in with the faces apart, on PostgreSQL: each with its own keys and its own database role (I2)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from joserfc.jwk import ECKey
from sqlalchemy.engine import make_url

from gateway import bootstrap, keyring
from gateway.accounts.dpop import Shown
from gateway.accounts.records import ClientSpec, OAuthClient, SignInSpec
from gateway.app import create_app
from gateway.bootstrap import Process
from gateway.db import make_engine
from gateway.db.roles import grant_face_role
from gateway.demo import people
from gateway.families.records import BondKind
from gateway.identity.issuing.records import Sent
from gateway.identity.signing_in.records import AskConsent, CodeRequest, Opened, Visitor
from gateway.ids import AccountId, SubjectRef
from gateway.keyring import Face
from gateway.principals import Role
from gateway.settings import Settings
from tests.factories.api import Gateway, gateway
from tests.factories.presenting import some_pupil
from tests.factories.signing_in import ASKED, CALLBACK, VERIFIER, answer, refused

NOBODY = "http://127.0.0.1:9/logout"
"""Where nobody listens."""
NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:9/none"


@pytest.fixture
def world(postgres_url: str, postgres_server: str, tmp_path: Path) -> Iterator[Gateway]:
    """The program on two databases of PostgreSQL, its worker running; it owns the tables."""
    registry = f"t{uuid4().hex[:16]}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {registry}")
    registry_url = make_url(postgres_url).set(database=registry).render_as_string(hide_password=False)

    def on_postgres(found: Settings) -> Settings:
        return replace(found, registry_url=registry_url, gateway_url=postgres_url)

    with gateway(tmp_path, pupils=100, worker=True, settings=on_postgres) as found:
        found.grant("library")
        yield found
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {registry} WITH (FORCE)")


@contextmanager
def face_of(world: Gateway, face: Face, folder: Path, **changes: str) -> Iterator[Process]:
    """Open a face with its own keys and a database role of its own."""
    role = f"r{uuid4().hex[:12]}"
    engine = make_engine(world.settings.gateway_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
    grant_face_role(engine, role, face)
    engine.dispose()
    url = make_url(world.settings.gateway_url).set(username=role).render_as_string(hide_password=False)
    keys = folder / f"keys-{face}"
    keys.mkdir()
    own = {f"{key}{end}" for key in keyring.PRIVATE_KEYS[face] for end in (".key", ".pem")}
    for path in world.settings.keys.iterdir():
        if path.name in own or path.name.endswith(".pub.pem"):
            os.link(path, keys / path.name)
    settings = replace(world.settings, gateway_url=url, keys=keys, **changes)  # type: ignore[arg-type]  # urls
    process = bootstrap.open_process(settings, face)
    try:
        yield process
    finally:
        process.close()


def party(world: Gateway) -> OAuthClient:
    """Register a relying party and return it."""
    jwks = {"keys": [ECKey.generate_key("P-256").as_dict(private=False)]}
    roles = frozenset({Role.RELYING_PARTY})
    spec = ClientSpec(
        people.LIBRARY, roles, jwks, dpop_required=False, sign_in=SignInSpec((CALLBACK,), backchannel_logout_uri=NOBODY)
    )
    directory = world.process.services.directory
    made = directory.register_client(None, spec)
    keeper = world.process.services.accounts.principal_of_session(world.person("secadmin"))
    return next(one for one in directory.clients_of(keeper, people.LIBRARY) if one.account.id == made)


@pytest.mark.postgres
def test_outside_signs_in_by_asking_the_worker_and_the_family_face_withdraws(world: Gateway, tmp_path: Path) -> None:
    child, client = SubjectRef(some_pupil(world.process.services)), party(world)
    registrar = world.process.services.accounts.principal_of_session(world.person("registrar"))
    with (
        face_of(world, Face.FAMILY, tmp_path) as family,
        face_of(world, Face.OUTSIDE, tmp_path, registry_url=NOWHERE) as outside,
    ):
        assert family.services.sign_ins is None
        assert family.services.families is not None
        assert family.services.consents is not None
        assert outside.services.sign_ins is not None
        assert outside.services.sharing is None
        assert world.process.services.families is not None
        made = world.process.services.families.activations.make(child, BondKind.GUARDIAN, registrar)
        entered = family.services.families.activations.redeem(made.link.partition("#")[2], made.code)
        guardian = Visitor(entered.principal, outside.services.now())
        provider = outside.services.sign_ins
        token_shown = Shown(None, "POST", f"{world.settings.public_url}/oauth/token")

        def signed_in() -> str:
            pushed = provider.push(client, {**ASKED, "claims": '{"userinfo": {"stage": null}}'}, token_shown)
            opened = provider.dialogs.open(client.account.id, pushed.request_uri, guardian)
            assert isinstance(opened, Opened)
            step = provider.dialogs.step(opened.id, opened.holder, guardian)
            if isinstance(step, AskConsent):
                step = provider.dialogs.agree(opened.id, opened.holder, guardian, step.subject)
            code = answer(step)["code"]
            return provider.redeem(client, CodeRequest(token_shown, code, CALLBACK, VERIFIER)).access_token

        def told(token: str) -> dict[str, object]:
            return dict(provider.userinfo(Sent(token, "bearer", token_shown)))

        first = signed_in()
        assert set(told(first)) == {"sub", "stage"}
        (listed,) = family.services.consents.listed(entered.principal)
        assert [one.client for one in listed.consents] == [client.account.id]
        family.services.consents.withdraw(entered.principal, child, AccountId(client.account.id))
        assert refused(told, first) == "invalid_token"
        # the end is told by the face that holds the key and stands outside, under its own role
        assert outside.worker is not None
        assert [task.name for task in outside.worker.tasks] == ["back-channel logouts"]
        assert outside.worker.tasks[0].run() is False
        assert family.worker is None
        second = signed_in()
        assert told(second)["sub"]
        pages = create_app(family.services, testing=True).test_client()
        assert pages.get("/family/consents").status_code == 302
        assert pages.get("/.well-known/openid-configuration").status_code == 404
        assert pages.get("/sign-in/authorize").status_code == 404
