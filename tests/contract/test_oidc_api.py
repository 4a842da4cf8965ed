"""Signing in through the front doors: a relying party's system over HTTP, a family's browser, and those who cheat."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from joserfc.jwk import ECKey
from werkzeug.test import TestResponse

from core_registry.sharing import RowFilter
from gateway.accounts.records import ClientSpec, SignInSpec
from gateway.accounts.sealing import civil_date
from gateway.ages import age_on
from gateway.demo import people, registry
from gateway.families.records import BondKind
from gateway.ids import AccountId, SubjectRef
from gateway.principals import Principal, Role
from tests.factories.api import ASSERTION, Gateway, gateway
from tests.factories.presenting import some_pupil
from tests.factories.signing_in import ASKED, VERIFIER
from tests.factories.wallets import subject_of

AT = "http://127.0.0.1:18099"
CALLBACK = "https://library.example/callback?from=xueji"
AFTER = "https://library.example/bye"
WANTED = {**ASKED, "redirect_uri": CALLBACK, "claims": '{"userinfo": {"stage": null, "school_name": null}}'}
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_CHILD = re.compile(r'name="child" value="([^"]+)"')
_ONWARD = re.compile(r'http-equiv="refresh" content="0; url=([^"]+)"')


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
        found, child = _CSRF.search(shown), _CHILD.search(shown)
        assert found, page
        named = {} if child is None else {"child": child.group(1)}
        return self.browser.post(path, data={"csrf": found.group(1), **named, **fields}, base_url=AT)

    def code(self, **changes: str) -> str:
        """Consent if asked, and return the code of the answer."""
        where = self.open(**changes)
        page = self.get(where)
        if _ONWARD.search(page.text) is None:
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
    found = _ONWARD.search(page.text)
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


def test_both_metadata_documents_are_one_and_name_what_there_is(world: Gateway) -> None:
    documents = [
        world.call("GET", f"/.well-known/{name}").get_json()
        for name in ("openid-configuration", "oauth-authorization-server")
    ]
    assert documents[0] == documents[1]
    told: Mapping[str, Any] = documents[0]
    assert told["issuer"] == AT
    assert told["require_pushed_authorization_requests"] is True
    assert told["authorization_response_iss_parameter_supported"] is True
    assert told["pre-authorized_grant_anonymous_access_supported"] is True
    assert told["subject_types_supported"] == ["pairwise"]
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["id_token_signing_alg_values_supported"] == ["ES256"]
    assert set(told["grant_types_supported"]) >= {"authorization_code", "client_credentials"}
    assert {"openid", "student"} <= set(told["scopes_supported"])
    routes = {rule.rule for rule in world.app.url_map.iter_rules()}
    endpoints = [value for name, value in told.items() if name.endswith("_endpoint")] + [told["jwks_uri"]]
    assert len(endpoints) == 8
    assert {address.removeprefix(AT) for address in endpoints} <= routes


def test_a_guardian_signs_in_and_every_page_guards_itself(world: Gateway, session: str, child: str) -> None:
    guardian = Guardian(world, session)
    first = guardian.get(authorize_path(world, pushed(world)))
    where = urlsplit(first.location).path
    cookie = next(one for one in first.headers.getlist("Set-Cookie") if one.startswith("xueji_sign_in="))
    assert f"Path={where};" in f"{cookie};"
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    page = guardian.get(where)
    for shown in ("示例图书馆", "示例借阅系统", "学生身份核验", "学段", "学校名称", "不告知姓名"):
        assert shown in page.text
    assert child not in where
    done = guardian.post(f"{where}/consent", where)
    for one in (page, done):
        assert one.headers["X-Frame-Options"] == "DENY"
        policy = one.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy
        assert "form-action 'self';" in policy
        assert one.headers["Referrer-Policy"] == "no-referrer"
        assert one.headers["Cache-Control"] == "no-store"
    answer = redeem(world, answer_of(done)["code"])
    assert answer.status_code == 200, answer.text
    told = answer.get_json()
    assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 300, "openid")
    info = userinfo(world, told["access_token"])
    assert info.status_code == 200, info.text
    assert set(info.get_json()) == {"sub", "stage", "school_name"}
    assert userinfo(world, told["access_token"], "POST").get_json() == info.get_json()


def test_who_has_no_session_is_led_to_the_families_door_and_back(world: Gateway) -> None:
    stranger = Guardian(world, None)
    where = stranger.open()
    answer = stranger.get(where)
    assert (answer.status_code, answer.location) == (303, f"/family/sign-in?next={where}")
    staff = Guardian(world, world.person("registrar"))
    assert "/family/sign-in" in staff.get(staff.open()).location


def test_a_consent_that_another_site_sends_is_refused(world: Gateway, session: str) -> None:
    guardian = Guardian(world, session)
    where = guardian.open(prompt="consent")
    for path in (f"{where}/consent", f"{where}/decline", f"{where}/child", f"{where}/again", "/sign-in/sign-out"):
        for form in ({}, {"csrf": "made-up"}):
            answer = guardian.browser.post(path, data=form, base_url=AT, headers={"Origin": "https://evil.example"})
            assert answer.status_code == 403, path
    assert guardian.get(where).status_code == 200  # it goes on


def test_another_browser_and_a_link_alone_open_nothing(world: Gateway, session: str) -> None:
    guardian, other = Guardian(world, session), Guardian(world, session)
    where = guardian.open()
    assert other.get(where).status_code == 400
    assert other.get("/sign-in/" + "0" * 32).status_code == 400
    for made_up in ("/sign-in/x", "/sign-in/%00", "/sign-in/" + "g" * 32):
        assert other.get(made_up).status_code == 404 or other.get(made_up).status_code == 400


def test_parameters_beside_the_request_uri_change_nothing(world: Gateway, session: str) -> None:
    guardian = Guardian(world, session)
    more = {"redirect_uri": "https://evil.example", "scope": "openid%20everything", "state": "evil", "prompt": "none"}
    answer = guardian.get(authorize_path(world, pushed(world, prompt="consent"), **more))
    page = guardian.get(answer.location)
    assert "evil" not in page.text
    done = guardian.post(f"{urlsplit(answer.location).path}/consent", answer.location)
    assert answer_of(done)["code"]


def test_an_address_without_a_pushed_request_leads_nowhere(world: Gateway, session: str) -> None:
    guardian = Guardian(world, session)
    client = world.clients["reading"].client_id
    uri = pushed(world)
    for query in (
        "",
        f"client_id={client}",
        f"request_uri={uri}",
        f"client_id={client}&request_uri={uri}&request_uri={uri}",
        f"client_id={client}&request_uri=https://evil.example/r",
        f"client_id=cl-nobody&request_uri={uri}",
        f"client_id={client}&response_type=code&redirect_uri={CALLBACK}&scope=openid",
    ):
        answer = guardian.get(f"/sign-in/authorize?{query}")
        assert answer.status_code == 400, query
        assert "Location" not in answer.headers
    assert guardian.get(authorize_path(world, uri)).status_code == 303
    assert guardian.get(authorize_path(world, uri)).status_code == 400  # once


def test_forms_of_relying_parties_lead_on_without_a_token(world: Gateway, session: str) -> None:
    guardian = Guardian(world, session)
    uri = pushed(world)
    form = {"client_id": world.clients["reading"].client_id, "request_uri": uri, "state": "dropped"}
    answer = guardian.browser.post("/sign-in/authorize", data=form, base_url=AT)
    assert answer.status_code == 303
    assert guardian.get(answer.location).status_code == 303
    out = guardian.browser.post("/sign-in/end-session", data={"id_token_hint": "e30.e30.e30"}, base_url=AT)
    assert out.location == "/sign-in/end-session?id_token_hint=e30.e30.e30"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_assertion": "made-up"},
        {"client_assertion_type": "password"},
        {"client_assertion": ""},
        {"client_id": "cl-nobody"},
    ],
)
def test_nobody_pushes_a_request_without_proving_the_client(world: Gateway, changes: dict[str, str]) -> None:
    answer = push(world, **changes)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client")
    assert redeem(world, "code", **changes).get_json()["error"] == "invalid_client"


def test_a_pushed_request_is_a_form_with_each_parameter_once(world: Gateway) -> None:
    form = {**WANTED, **assertion(world)}
    for answer in (
        world.web().post("/oauth/par?scope=openid", data=form, base_url=AT),
        world.web().post("/oauth/par", json=form, base_url=AT),
        world.web().post("/oauth/par", data={**form, "scope": ["openid", "openid"]}, base_url=AT),
    ):
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
    too_long = world.web().post("/oauth/par", data={**form, "claims": "x" * 40_000}, base_url=AT)
    assert too_long.status_code == 413
    used = assertion(world)
    assert world.web().post("/oauth/par", data={**WANTED, **used}, base_url=AT).status_code == 201
    assert world.web().post("/oauth/par", data={**WANTED, **used}, base_url=AT).status_code == 400  # a replay


def test_a_client_that_is_no_relying_party_pushes_nothing(world: Gateway) -> None:
    answer = push(world, "bus")
    assert (answer.status_code, answer.get_json()["error"]) == (400, "unauthorized_client")


def test_what_the_grant_does_not_cover_is_said_in_words(world: Gateway) -> None:
    answer = push(world, claims='{"userinfo": {"county": null}}')
    told = answer.get_json()
    assert (answer.status_code, told["error"]) == (400, "invalid_scope")
    assert "county" in told["error_description"]
    assert "county" in told["error_description_zh"]


def test_a_code_comes_once_and_its_replay_ends_the_token(world: Gateway, session: str) -> None:
    code = Guardian(world, session).code()
    first = redeem(world, code)
    assert first.status_code == 200
    again = redeem(world, code)
    assert (again.status_code, again.get_json()["error"]) == (400, "invalid_grant")
    ended = userinfo(world, first.get_json()["access_token"])
    assert ended.status_code == 401
    assert ended.headers["WWW-Authenticate"].startswith('Bearer realm="xueji", error="invalid_token"')


def test_userinfo_takes_a_token_of_a_sign_in_and_no_other(world: Gateway, session: str) -> None:
    for token in (world.client("library"), session, world.person("inspector"), "made-up"):
        answer = userinfo(world, token)
        assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")
    assert world.web().get("/oauth/userinfo", base_url=AT).status_code == 401
    token = redeem(world, Guardian(world, session).code()).get_json()["access_token"]
    for path in ("/v1/me/permissions", "/v1/grants"):
        assert world.call("GET", path, token=token).status_code == 401  # and it opens nothing else
    assert world.web().get(f"/oauth/userinfo?access_token={token}", base_url=AT).status_code == 401


def test_a_relying_party_revokes_its_token(world: Gateway, session: str) -> None:
    token = redeem(world, Guardian(world, session).code()).get_json()["access_token"]
    for client, expected in (("library", 200), ("reading", 401)):
        done = world.web().post("/oauth/revoke", data={"token": token, **assertion(world, client)}, base_url=AT)
        assert done.status_code == 200
        assert userinfo(world, token).status_code == expected


def test_a_family_sees_its_consents_and_withdraws_one(world: Gateway, session: str, child: str) -> None:
    guardian = Guardian(world, session)
    token = redeem(world, guardian.code()).get_json()["access_token"]
    listed = guardian.get("/family/consents")
    for shown in ("示例图书馆", "示例借阅系统", "学校名称", "撤回"):
        assert shown in listed.text
    form = {"child": child, "client": world.clients["reading"].client_id}
    forged = guardian.browser.post("/family/consents/withdrawal", data=form, base_url=AT)
    assert forged.status_code == 403
    done = guardian.post("/family/consents/withdrawal", "/family/consents", **form)
    assert (done.status_code, done.location) == (303, "/family/consents")
    assert userinfo(world, token).status_code == 401
    assert "示例图书馆" not in guardian.get("/family/consents").text
    assert guardian.post("/family/consents/withdrawal", "/family/consents", **form).status_code == 404
    staff = Guardian(world, world.person("registrar"))
    assert staff.get("/family/consents").status_code == 403


def test_a_sign_out_asks_first_and_leads_only_where_it_was_registered(world: Gateway, child: str) -> None:
    session = guardian_session(world, child)
    guardian = Guardian(world, session)
    told = redeem(world, guardian.code()).get_json()
    base = f"/sign-in/end-session?id_token_hint={told['id_token']}&state=s1"
    evil = guardian.get(f"{base}&post_logout_redirect_uri=https://evil.example")
    assert evil.status_code == 400
    assert "https://evil.example" not in evil.text
    asked = guardian.get(f"{base}&post_logout_redirect_uri={AFTER}")
    assert asked.status_code == 200
    assert "示例借阅系统" in asked.text
    assert userinfo(world, told["access_token"]).status_code == 200  # nothing has happened yet
    fields = {"id_token_hint": told["id_token"], "post_logout_redirect_uri": AFTER, "state": "s1"}
    forged = guardian.post(
        "/sign-in/sign-out",
        f"{base}&post_logout_redirect_uri={AFTER}",
        **{**fields, "post_logout_redirect_uri": "https://evil.example"},
    )
    assert forged.status_code == 400
    assert _ONWARD.search(forged.text) is None
    done = guardian.post("/sign-in/sign-out", f"{base}&post_logout_redirect_uri={AFTER}", **fields)
    found = _ONWARD.search(done.text)
    assert found
    assert html.unescape(found.group(1)) == f"{AFTER}?state=s1"
    assert userinfo(world, told["access_token"]).status_code == 401
    assert "/family/sign-in" in guardian.get("/family/consents").location


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


def test_a_child_with_an_account_signs_in_once_a_guardian_has_consented(world: Gateway) -> None:
    """With the families' room itself: under 14 the account is the guardian's to open, and so is the consent."""
    child, accounts = pupil_of_age(world, young=True), world.process.services.accounts
    session = guardian_session(world, child)
    pupil = Guardian(world, own_session(world, child, accounts.principal_of_session(session)))
    where = pupil.open()
    assert "未满 14 周岁的，须先由监护人同意" in pupil.get(where).text
    assert answer_of(pupil.post(f"{where}/decline", where))["error"] == "access_denied"
    Guardian(world, session).code()
    told = redeem(world, pupil.code()).get_json()
    assert userinfo(world, told["access_token"]).status_code == 200
    listed = pupil.get("/family/consents")
    assert "示例借阅系统" in listed.text
    assert "Withdraw" not in listed.text  # not the child's to take back


def test_from_fourteen_on_the_pupil_is_asked_and_the_guardians_consent_is_over(world: Gateway) -> None:
    child, accounts = pupil_of_age(world, young=False), world.process.services.accounts
    session = guardian_session(world, child)
    guardian = Guardian(world, session)
    token = redeem(world, guardian.code()).get_json()["access_token"]
    pupil = Guardian(world, own_session(world, child, accounts.principal_of_session(world.person("registrar"))))
    assert userinfo(world, token).status_code == 401
    assert "没有可以登录该服务的学生" in guardian.get(guardian.open()).text
    where = pupil.open()
    assert "是否同意登录" in pupil.get(where).text
    code = answer_of(pupil.post(f"{where}/consent", where))["code"]
    assert userinfo(world, redeem(world, code).get_json()["access_token"]).status_code == 200


def test_addresses_are_registered_by_who_keeps_the_organisation(world: Gateway) -> None:
    key = ECKey.generate_key("P-256")
    path = f"/v1/recipients/{people.LIBRARY}/clients"
    keeper = world.person("secadmin")
    body: dict[str, Any] = {
        "roles": ["relying_party"],
        "jwks": {"keys": [{k: v for k, v in key.as_dict(private=False).items() if k in {"kty", "crv", "x", "y"}}]},
        "sign_in": {"redirect_uris": ["https://a.example/cb", "https://b.example/cb"]},
    }
    assert world.call("POST", path, body, token=keeper).status_code == 422  # two hosts, no sector
    body["sign_in"]["sector_identifier"] = "a.example"
    made = world.call("POST", path, body, token=keeper)
    assert made.status_code == 201, made.text
    told = made.get_json()
    assert (told["redirect_uris"], told["sector_identifier"]) == (body["sign_in"]["redirect_uris"], "a.example")
    change = f"{path}/{told['client_id']}/sign-in"
    for bad in ("http://a.example/cb", "https://a.example/cb#x"):
        assert world.call("POST", change, {"redirect_uris": [bad]}, token=keeper).status_code == 422
    wanted = {"redirect_uris": ["https://c.example/cb"], "post_logout_redirect_uris": ["https://c.example/"]}
    changed = world.call("POST", change, wanted, token=keeper).get_json()
    assert (changed["redirect_uris"], changed["sector_identifier"]) == (["https://c.example/cb"], "c.example")
    assert world.call("POST", change, {}, token=keeper).get_json()["redirect_uris"] == []
    assert world.call("POST", change, wanted, token=world.person("recorder")).status_code == 403
    body["roles"] = ["applicant"]
    assert world.call("POST", path, body, token=keeper).status_code == 422


def test_the_log_tells_who_answered_whom_and_holds_no_subject(world: Gateway, session: str, child: str) -> None:
    told = redeem(world, Guardian(world, session).code()).get_json()
    sub = userinfo(world, told["access_token"]).get_json()["sub"]
    found = world.call("GET", "/v1/audit/entries?limit=200", token=world.person("inspector")).get_json()["items"]
    kinds = {one["content"]["kind"] for one in found}
    assert {"identity.signed_in", "identity.sign_in_redeemed", "identity.userinfo_answered", "release.intent"} <= kinds
    text = json.dumps(found, ensure_ascii=False)
    assert not [one for one in (sub, child, told["access_token"], "state-1") if one in text]
    assert AccountId(world.clients["reading"].client_id) in text


@pytest.mark.rule("A50-15")
def test_a_record_that_is_suspended_ends_sign_ins_by_itself(world: Gateway) -> None:
    """The registry's outbox carries it over; nobody tells the provider."""
    assert world.source is not None
    school = world.source["school_code"][0]
    path = f"/v1/registry/students?school={school}&reason=identity"
    student = world.call("GET", path, token=world.person("registrar")).get_json()["items"][0]["student_id"]
    guardian = Guardian(world, guardian_session(world, subject_of(world)))
    token = redeem(world, guardian.code()).get_json()["access_token"]
    assert userinfo(world, token).status_code == 200
    registry.suspend(world.process, student)
    assert userinfo(world, token).status_code == 401
    worker = world.process.worker
    assert worker is not None
    while worker.round():
        pass
    found = world.call("GET", "/v1/audit/entries?limit=200", token=world.person("inspector")).get_json()["items"]
    ended = [one["content"] for one in found if one["content"]["kind"] == "identity.sign_ins_ended"]
    assert ended[0]["facts"] == {"ended": 1, "state": "suspended"}
    where = guardian.open()
    assert "没有可以登录该服务的学生" in guardian.get(where).text
