"""Accounts, security rules and sessions over HTTP: what managers may do, and what nobody may (A50-1 to A50-3)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pyotp
import pytest

from gateway.accounts.records import StaffSpec
from gateway.demo import people
from gateway.ids import AccountId, UnitCode
from gateway.principals import AccountKind, Principal, Role
from tests.factories.api import Gateway, gateway

CITY, COUNTY, OTHER_CITY = UnitCode("140100"), UnitCode("140105"), UnitCode("140200")
NEW = "huanghe-lvliang-fenjiu-73"
HOST = Principal(
    AccountId("st-host"), AccountKind.STAFF, frozenset({Role.SECURITY_ADMINISTRATOR}), UnitCode("140000"), assurance=2
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("accounts")) as found:
        yield found


def open_officer(world: Gateway, name: str, role: Role, unit: str, **more: Any) -> str:  # noqa: ANN401
    """Open an account that is ready for work, and let it be called by its user name; return its id."""
    if name in world.officers:
        return _id_of(world, name)
    spec = StaffSpec(
        name, f"测试·{name}", frozenset({role}), UnitCode(unit), "岗位", acknowledged_on_paper=True, must_change=False,
        **more,
    )  # fmt: skip
    made = world.process.services.directory.create(HOST, spec)
    world.officers[name] = people.Officer(role.value, name, made.password, made.totp_secret)
    return made.account


def _id_of(world: Gateway, name: str) -> str:
    return next(one.id for one in world.process.services.directory.listed(HOST) if one.username == name)


def ask(world: Gateway, method: str, path: str, who: str, body: object = None) -> tuple[int, Any]:
    answer = world.call(method, path, body, token=world.person(who))
    return answer.status_code, answer.get_json(silent=True)


BODY = {"username": "wang.wei", "name": "王伟", "roles": ["data_officer"], "unit": "140105", "post": "数据管理员"}


@pytest.mark.rule("A50-1")
def test_an_account_is_opened_signed_in_and_asked_for_password_and_rules(world: Gateway) -> None:
    status, made = ask(world, "POST", "/v1/accounts", "secadmin", BODY)
    assert status == 201
    assert set(made) == {"account", "username", "password", "totp_secret"}
    body = {"username": "wang.wei", "password": made["password"], "totp": pyotp.TOTP(made["totp_secret"]).now()}
    signed = world.call("POST", "/v1/sessions", body).get_json()
    assert signed["duties"] == ["acknowledge_rules", "change_password"]
    assert world.call("GET", "/v1/me/permissions", token=signed["token"]).status_code == 403
    fresh = world.call(
        "POST", "/v1/me/password", {"old": made["password"], "new": NEW}, token=signed["token"]
    ).get_json()["token"]
    rules = world.call("GET", "/v1/me/rules", token=fresh).get_json()
    accepted = world.call("POST", "/v1/me/rules/acknowledgement", {"version": rules["version"]}, token=fresh)
    assert accepted.status_code == 204
    assert world.call("GET", "/v1/me/permissions", token=fresh).get_json()["roles"] == ["data_officer"]
    status, shown = ask(world, "GET", f"/v1/accounts/{made['account']}", "secadmin")
    assert status == 200
    assert (shown["rules_acknowledged"], shown["password_due"], shown["second_factor"]) == (True, False, True)
    assert shown["seals_on"] > datetime.now(UTC).date().isoformat()


def test_only_a_security_administrator_manages_accounts_and_the_policy_is_named(world: Gateway) -> None:
    for who in ("sysadmin", "inspector", "recorder", "approver", "executor", "registrar", "applicant-books"):
        for method, path, body in (
            ("GET", "/v1/accounts", None),
            ("POST", "/v1/accounts", {**BODY, "username": "li.na"}),
            ("POST", f"/v1/accounts/{_id_of(world, 'recorder')}/sealing", {"reason": "试"}),
            ("POST", f"/v1/accounts/{_id_of(world, 'executor')}/roles", {"roles": ["inspector"]}),
            ("POST", "/v1/security-rules", {"unit": "140000", "text": "一", "responsible": "某"}),
        ):
            status, told = ask(world, method, path, who, body)
            assert status == 403, (who, path)
            assert told["type"] == "/problems/forbidden"
            assert told["policy"] in {"default-deny", "accounts-manage", "second-factor-to-decide-or-export"}
    assert not [one for one in world.process.services.directory.listed(HOST) if one.username == "li.na"]


def test_what_is_not_there_and_what_is_not_managed_look_alike_to_whoever_manages_nothing(world: Gateway) -> None:
    known = ask(world, "POST", f"/v1/accounts/{_id_of(world, 'executor')}/sealing", "recorder", {"reason": "试"})
    unknown = ask(world, "POST", "/v1/accounts/st-0000000000000000/sealing", "recorder", {"reason": "试"})
    assert known == unknown
    assert ask(world, "GET", "/v1/accounts/st-0000000000000000", "secadmin")[0] == 404


def test_a_manager_reaches_the_own_territory_and_what_lies_below(world: Gateway) -> None:
    """Design 5: a county's three administrators and approvers may come from the department above."""
    open_officer(world, "sec.city", Role.SECURITY_ADMINISTRATOR, CITY)
    open_officer(world, "sec.other", Role.SECURITY_ADMINISTRATOR, OTHER_CITY)
    status, made = ask(
        world, "POST", "/v1/accounts", "sec.city",
        {"username": "county.approver", "name": "县批准人", "roles": ["approving_officer"], "unit": COUNTY},
    )  # fmt: skip
    assert status == 201
    assert ask(world, "GET", f"/v1/accounts/{made['account']}", "sec.city")[0] == 200
    for method, path, body in (
        ("GET", f"/v1/accounts/{made['account']}", None),
        ("GET", f"/v1/accounts/{made['account']}/acts", None),
        ("POST", f"/v1/accounts/{made['account']}/sealing", {"reason": "试"}),
        ("POST", f"/v1/accounts/{made['account']}/credentials", {"reason": "试"}),
        ("POST", f"/v1/accounts/{made['account']}/roles", {"roles": ["registrar"]}),
    ):
        status, told = ask(world, method, path, "sec.other", body)
        assert (status, told["policy"]) == (403, "default-deny"), path
    mine = {one["id"] for one in ask(world, "GET", "/v1/accounts", "sec.city")[1]["items"]}
    others = {one["id"] for one in ask(world, "GET", "/v1/accounts", "sec.other")[1]["items"]}
    assert made["account"] in mine
    assert made["account"] not in others
    assert _id_of(world, "recorder") not in mine  # the province's own people
    assert all(one["kind"] != "guardian" for one in ask(world, "GET", "/v1/accounts", "secadmin")[1]["items"])
    trail = world.call("GET", "/v1/audit/entries?kind=account.refused_act", token=world.person("inspector"))
    entries = [one["content"] for one in trail.get_json()["items"]]
    acts = [one["facts"]["act"] for one in entries if one["actor"].get("unit") == OTHER_CITY]
    assert {"seal", "reset_credentials", "set_roles"} <= set(acts)  # A50-13


@pytest.mark.rule("A50-3")
def test_sealed_through_every_door_and_reopened_by_a_second_person(world: Gateway) -> None:
    account = open_officer(world, "he.xin", Role.DATA_OFFICER, COUNTY)
    token, officer = world.person("he.xin"), world.officers["he.xin"]
    assert world.call("GET", "/v1/me/permissions", token=token).status_code == 200
    status, shown = ask(world, "POST", f"/v1/accounts/{account}/sealing", "secadmin", {"reason": "调离岗位"})
    assert status == 200
    assert shown["sealed_at"] is not None
    assert ask(world, "POST", f"/v1/accounts/{account}/sealing", "secadmin", {"reason": "再试"})[0] == 409
    # session, password with a fresh code, and credentials
    assert world.call("GET", "/v1/me/permissions", token=token).status_code == 401
    code = pyotp.TOTP(str(officer.totp_secret)).at(int(datetime.now(UTC).timestamp()) + 30)
    body = {"username": "he.xin", "password": officer.password, "totp": code}
    sealed = world.call("POST", "/v1/sessions", body)
    assert (sealed.status_code, sealed.get_json()["type"]) == (403, "/problems/account-sealed")
    assert ask(world, "POST", f"/v1/accounts/{account}/credentials", "secadmin", {"reason": "试"})[0] == 409
    assert ask(world, "POST", f"/v1/accounts/{account}/unsealing", "secadmin", {})[0] == 422
    status, opened = ask(world, "POST", f"/v1/accounts/{account}/unsealing", "secadmin", {"reason": "返岗"})
    assert status == 200
    assert opened["credentials"]["password"] != officer.password
    assert opened["credentials"]["totp_secret"] is None  # the old second factor stays
    acts = ask(world, "GET", f"/v1/accounts/{account}/acts", "inspector")[1]["items"]
    assert [(one["act"], one["reason"]) for one in acts] == [("seal", "调离岗位"), ("unseal", "返岗")]
    assert {one["by"] for one in acts} == {_id_of(world, "secadmin")}


def test_of_two_managers_who_reopen_at_once_one_hands_out_a_password(world: Gateway) -> None:
    account = open_officer(world, "sun.yu", Role.DATA_OFFICER, COUNTY)
    open_officer(world, "sec.city", Role.SECURITY_ADMINISTRATOR, CITY)
    tokens = [world.person(who) for who in ("secadmin", "sec.city")] * 2
    assert ask(world, "POST", f"/v1/accounts/{account}/sealing", "secadmin", {"reason": "试"})[0] == 200

    def reopen(token: str) -> int:
        return world.call("POST", f"/v1/accounts/{account}/unsealing", {"reason": "返岗"}, token=token).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(reopen, tokens)) == [200, 409, 409, 409]


def test_nobody_manages_the_own_account(world: Gateway) -> None:
    own = _id_of(world, "secadmin")
    for path, body in (
        ("sealing", {"reason": "试"}),
        ("unsealing", {"reason": "试"}),
        ("credentials", {"reason": "试"}),
        ("roles", {"roles": ["inspector"]}),
        ("training", {"filed_on": "2026-11-01", "trained_on": "2026-11-01"}),
    ):
        status, told = ask(world, "POST", f"/v1/accounts/{own}/{path}", "secadmin", body)
        assert (status, told["policy"]) == (403, "accounts-manage"), path
    assert ask(world, "GET", f"/v1/accounts/{own}", "secadmin")[0] == 200


def test_no_member_slips_in_that_the_act_does_not_have(world: Gateway) -> None:
    """Mass assignment: a role in the own password change, a unit in a change of roles, a state at the opening."""
    token = world.person("recorder")
    own = _id_of(world, "recorder")
    for method, path, body in (
        ("POST", "/v1/me/password", {"old": "x", "new": NEW, "roles": ["inspector"]}),
        ("POST", "/v1/me/rules/acknowledgement", {"version": "x", "unit": "140000"}),
    ):
        assert world.call(method, path, body, token=token).status_code == 422
    smuggled: list[tuple[str, dict[str, object]]] = [
        (f"/v1/accounts/{own}/roles", {"roles": ["executor"], "unit": "140100"}),
        (f"/v1/accounts/{own}/sealing", {"reason": "试", "sealed_at": None}),
        ("/v1/accounts", {**BODY, "username": "qian.jin", "password": "chosen-by-somebody"}),
        ("/v1/accounts", {**BODY, "username": "qian.jin", "must_change": False}),
        ("/v1/accounts", {**BODY, "username": "qian.jin", "kind": "client"}),
    ]
    for path, content in smuggled:
        assert ask(world, "POST", path, "secadmin", content)[0] == 422, path
    assert world.process.services.directory.get(AccountId(own)).roles == {Role.DATA_OFFICER}


def test_three_officers_are_three_people_and_the_approver_is_none_of_them(world: Gateway) -> None:
    account = open_officer(world, "zhou.min", Role.DATA_OFFICER, COUNTY)
    for roles in (
        ["system_administrator", "security_administrator"],
        ["inspector", "approving_officer"],
        ["applicant", "approving_officer"],
        ["approving_officer", "executor"],
    ):
        status, told = ask(world, "POST", f"/v1/accounts/{account}/roles", "secadmin", {"roles": roles})
        assert (status, told["rule"]) == (409, "A50-11"), roles
    status, _ = ask(
        world, "POST", "/v1/accounts", "secadmin",
        {**BODY, "username": "zhou.min2", "name": "测试·zhou.min", "roles": ["inspector"]},
    )  # fmt: skip
    assert status == 201  # the same name, and no role that excludes this one
    status, told = ask(world, "POST", f"/v1/accounts/{account}/roles", "secadmin", {"roles": ["approving_officer"]})
    assert (status, told["rule"]) == (409, "A50-11")


@pytest.mark.rule("A48-2", "A48-3")
def test_a_registrar_who_is_not_filed_and_trained_has_no_rights_in_any_session(world: Gateway) -> None:
    body = {**BODY, "username": "zhao.min", "name": "赵敏", "roles": ["registrar"], "acknowledged_on_paper": True}
    made = ask(world, "POST", "/v1/accounts", "secadmin", body)[1]
    code = pyotp.TOTP(made["totp_secret"]).now()
    signed = world.call(
        "POST", "/v1/sessions", {"username": "zhao.min", "password": made["password"], "totp": code}
    ).get_json()
    token = world.call(
        "POST", "/v1/me/password", {"old": made["password"], "new": NEW}, token=signed["token"]
    ).get_json()["token"]
    assert world.call("GET", "/v1/me/permissions", token=token).get_json()["roles"] == []
    shown = ask(world, "GET", f"/v1/accounts/{made['account']}", "secadmin")[1]
    assert (shown["roles"], shown["effective_roles"]) == (["registrar"], [])
    days = {"filed_on": "2026-01-01", "trained_on": "2026-01-02"}
    assert ask(world, "POST", f"/v1/accounts/{made['account']}/training", "secadmin", days)[0] == 200
    assert world.call("GET", "/v1/me/permissions", token=token).get_json()["roles"] == ["registrar"]


@pytest.mark.rule("A50-1")
def test_rules_name_a_responsible_person_and_bind_the_accounts_of_their_unit(world: Gateway) -> None:
    open_officer(world, "wu.gang", Role.DATA_OFFICER, OTHER_CITY)
    token = world.person("wu.gang")
    body = {"unit": OTHER_CITY, "text": "本单位信息安全管理制度", "responsible": "  "}
    assert ask(world, "POST", "/v1/security-rules", "secadmin", body)[0] == 422
    status, rules = ask(world, "POST", "/v1/security-rules", "secadmin", {**body, "responsible": "教育局副局长 李某"})
    assert (status, rules["unit"]) == (201, OTHER_CITY)
    asked = world.call("GET", "/v1/me/permissions", token=token)
    assert (asked.status_code, asked.get_json()["rule"]) == (403, "A50-1")
    assert world.call("GET", "/v1/me/rules", token=token).get_json()["responsible"] == "教育局副局长 李某"
    assert ask(world, "GET", f"/v1/security-rules?unit={OTHER_CITY}", "secadmin")[1]["version"] == rules["version"]
    assert ask(world, "GET", f"/v1/security-rules?unit={OTHER_CITY}", "recorder")[0] == 403


def test_own_sessions_are_listed_and_ended_and_nobody_elses(world: Gateway) -> None:
    account = open_officer(world, "feng.li", Role.APPLICANT, OTHER_CITY, recipient=people.BOOKS)
    tokens = [world.sign_in("feng.li") for _ in range(3)]
    listed = world.call("GET", "/v1/sessions", token=tokens[0]).get_json()["items"]
    assert len(listed) == 3
    assert [one["this_one"] for one in listed].count(True) == 1
    assert set(listed[0]) == {"id", "created_at", "seen_at", "this_one", "acting"}
    assert not any(token in str(listed) for token in tokens)
    other = next(
        one for one in world.call("GET", "/v1/sessions", token=tokens[1]).get_json()["items"] if one["this_one"]
    )
    stranger = world.person("executor")
    assert world.call("DELETE", f"/v1/sessions/{other['id']}", token=stranger).status_code == 404
    assert world.call("DELETE", f"/v1/sessions/{other['id']}", token=tokens[0]).status_code == 204
    assert world.call("GET", "/v1/me/permissions", token=tokens[1]).status_code == 401
    assert world.call("GET", "/v1/me/permissions", token=tokens[2]).status_code == 200
    assert world.call("DELETE", "/v1/sessions", token=tokens[0]).get_json() == {"ended": 2}
    for token in tokens:
        assert world.call("GET", "/v1/sessions", token=token).status_code == 401
    assert world.call("GET", "/v1/me/permissions", token=stranger).status_code == 200
    assert world.process.services.directory.get(AccountId(account)).sealed_at is None
