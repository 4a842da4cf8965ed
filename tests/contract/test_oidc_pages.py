"""Signing in, as a family's browser sees it: every page guards itself, and asks who may answer."""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

from tests.factories import sign_in_web
from tests.factories.api import Gateway
from tests.factories.sign_in_web import (
    AFTER,
    AT,
    CALLBACK,
    ONWARD,
    Guardian,
    answer_of,
    authorize_path,
    guardian_session,
    own_session,
    pupil_of_age,
    pushed,
    redeem,
    userinfo,
)

world, child, session = sign_in_web.world, sign_in_web.child, sign_in_web.session


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


def test_an_answer_as_a_form_goes_to_the_registered_address_alone(world: Gateway, session: str) -> None:
    guardian = Guardian(world, session)
    where = guardian.open(response_mode="form_post", prompt="consent")
    done = guardian.post(f"{where}/consent", where)
    assert done.status_code == 200
    assert ONWARD.search(done.text) is None
    form = re.search(r'<form method="post" action="([^"]+)" id="answer"', done.text)
    assert form is not None
    assert html.unescape(form[1]) == CALLBACK
    inside = done.text[form.end() : done.text.index("</form>", form.end())]
    sent = dict(re.findall(r'<input type="hidden" name="([a-z]+)" value="([^"]+)">', inside))
    assert sent.keys() == {"code", "state", "iss"}
    assert sent["iss"] == AT
    assert "form-action 'self' https:;" in done.headers["Content-Security-Policy"]
    assert "script-src 'self';" in done.headers["Content-Security-Policy"]
    assert redeem(world, sent["code"]).status_code == 200
    silent = guardian.get(authorize_path(world, pushed(world, response_mode="form_post", prompt="none")))
    assert (silent.status_code, 'name="code"' in silent.text) == (200, True)


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
    assert ONWARD.search(forged.text) is None
    done = guardian.post("/sign-in/sign-out", f"{base}&post_logout_redirect_uri={AFTER}", **fields)
    found = ONWARD.search(done.text)
    assert found
    assert html.unescape(found.group(1)) == f"{AFTER}?state=s1"
    assert userinfo(world, told["access_token"]).status_code == 401
    assert "/family/sign-in" in guardian.get("/family/consents").location


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
