"""A relying party's system over HTTP and a family's browser, on the whole program: for tests of signing in."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from joserfc.jwk import ECKey
from werkzeug.test import TestResponse

from core_registry.sharing import RowFilter
from gateway.accounts.records import ClientSpec, SignInSpec
from gateway.accounts.sealing import civil_date
from gateway.ages import age_on
from gateway.demo import people
from gateway.families.records import BondKind
from gateway.ids import SubjectRef
from gateway.principals import Principal, Role
from tests.factories.api import ASSERTION, Gateway, gateway
from tests.factories.presenting import some_pupil
from tests.factories.signing_in import ASKED, VERIFIER

AT = "http://127.0.0.1:18099"
CALLBACK = "https://library.example/callback?from=xueji"
AFTER = "https://library.example/bye"
WANTED = {**ASKED, "redirect_uri": CALLBACK, "claims": '{"userinfo": {"stage": null, "school_name": null}}'}
CSRF = re.compile(r'name="csrf" value="([^"]+)"')
CHILD = re.compile(r'name="child" value="([^"]+)"')
ONWARD = re.compile(r'http-equiv="refresh" content="0; url=([^"]+)"')


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("oidc"), pupils=100) as found:
        found.grant("library")
        key = ECKey.generate_key("P-256", private=True)
        spec = ClientSpec(
            people.LIBRARY,
            frozenset({Role.RELYING_PARTY}),
            {"keys": [key.as_dict(private=False)]},
            post="示例借阅系统",
            dpop_required=False,
            sign_in=SignInSpec((CALLBACK,), (AFTER,)),
        )
        client_id = found.process.services.directory.register_client(None, spec)
        found.clients["reading"] = people.Client(client_id, people.LIBRARY, key, ())
        yield found


@pytest.fixture(scope="module")
def child(world: Gateway) -> str:
    return some_pupil(world.process.services)


@pytest.fixture(scope="module")
def session(world: Gateway, child: str) -> str:
    """The session token of a guardian whom the school gave an activation."""
    services_ = world.process.services
    assert services_.families is not None
    registrar = services_.accounts.principal_of_session(world.person("registrar"))
    desk = services_.families.activations
    made = desk.make(SubjectRef(child), BondKind.GUARDIAN, registrar)
    entered = desk.redeem(made.link.partition("#")[2], made.code)
    assert entered.token is not None
    return str(entered.token)


class Guardian:
    """A guardian's browser on the way through a sign-in."""

    def __init__(self, world: Gateway, session: str | None) -> None:
        self.world = world
        self.browser: FlaskClient = world.app.test_client()
        if session is not None:
            with self.browser.session_transaction(base_url=AT) as cookie:
                cookie["token"] = session

    def get(self, path: str) -> TestResponse:
        return self.browser.get(path, base_url=AT)

    def open(self, **changes: str) -> str:
        """Follow a relying party's link; return the path of the page."""
        answer = self.get(authorize_path(self.world, pushed(self.world, **changes)))
        assert answer.status_code == 303, answer.text
        return str(urlsplit(answer.location).path)

    def post(self, path: str, page: str, **fields: str) -> TestResponse:
        shown = self.get(page).text
        found, child = CSRF.search(shown), CHILD.search(shown)
        assert found, page
        named = {} if child is None else {"child": child.group(1)}
        return self.browser.post(path, data={"csrf": found.group(1), **named, **fields}, base_url=AT)

    def code(self, **changes: str) -> str:
        """Consent if asked, and return the code of the answer."""
        where = self.open(**changes)
        page = self.get(where)
        if ONWARD.search(page.text) is None:
            page = self.post(f"{where}/consent", where)
        return answer_of(page)["code"]


def assertion(world: Gateway, client: str = "reading") -> dict[str, str]:
    return {"client_assertion_type": ASSERTION, "client_assertion": world.assertion(client)}


def push(world: Gateway, client: str = "reading", **changes: str) -> TestResponse:
    return world.web().post("/oauth/par", data={**WANTED, **assertion(world, client), **changes}, base_url=AT)


def pushed(world: Gateway, **changes: str) -> str:
    answer = push(world, **changes)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.get_json()["expires_in"] == 90
    return str(answer.get_json()["request_uri"])


def authorize_path(world: Gateway, request_uri: str, **more: str) -> str:
    query = {"client_id": world.clients["reading"].client_id, "request_uri": request_uri, **more}
    return "/sign-in/authorize?" + "&".join(f"{name}={value}" for name, value in query.items())


def answer_of(page: TestResponse) -> dict[str, str]:
    """Return the parameters of the answer that a page leads on to: the registered address, its own query kept."""
    assert page.status_code == 200
    found = ONWARD.search(page.text)
    assert found, page.text
    address = html.unescape(found.group(1))
    assert address.startswith(f"{CALLBACK}&")
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert (query.pop("from"), query["state"], query["iss"]) == ("xueji", "state-1", AT)
    return query


def redeem(world: Gateway, code: str, **changes: str) -> TestResponse:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return world.web().post("/oauth/token", data={**form, **assertion(world), **changes}, base_url=AT)


def userinfo(world: Gateway, token: str, method: str = "GET") -> TestResponse:
    headers = {"Authorization": f"Bearer {token}"}
    return world.web().open("/oauth/userinfo", method=method, headers=headers, base_url=AT)


def guardian_session(world: Gateway, child: str) -> str:
    """Return a session of another guardian of the child."""
    services_ = world.process.services
    assert services_.families is not None
    registrar = services_.accounts.principal_of_session(world.person("registrar"))
    desk = services_.families.activations
    made = desk.make(SubjectRef(child), BondKind.GUARDIAN, registrar)
    return str(desk.redeem(made.link.partition("#")[2], made.code).token)


def pupil_of_age(world: Gateway, *, young: bool) -> str:
    """Return an active pupil under 14, or from 14 on: the last of the view, whom no other test signs in."""
    sharing, today = world.process.services.sharing, civil_date(world.process.services.now())
    assert sharing is not None
    columns = ["subject_ref", "state", "birth_date"]
    with sharing.snapshot() as snapshot:
        rows = [row for batch in snapshot.batches(columns, RowFilter()) for row in batch.to_pylist()]
    fits = [one for one in rows if one["state"] == "active" and (age_on(one["birth_date"], today) < 14) is young]
    return str(fits[-1]["subject_ref"])


def own_session(world: Gateway, child: str, by: Principal) -> str:
    """Return a session of the pupil's own account, which ``by`` opened."""
    assert world.process.services.families is not None
    desk = world.process.services.families.activations
    made = desk.make(SubjectRef(child), BondKind.SELF, by)
    return str(desk.redeem(made.link.partition("#")[2], made.code).token)
