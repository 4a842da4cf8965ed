"""Recipients, their programs and delegations over HTTP, to the last door: token, submission, grant, decision."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from gateway.accounts.records import StaffSpec
from gateway.accounts.sealing import civil_date
from gateway.demo import people
from gateway.ids import AccountId, UnitCode
from gateway.principals import AccountKind, Principal, Role
from tests.factories.api import ASSERTION, Gateway, gateway

CODE, NAME = "91140100MA0GATEW7P", "虚构数据公司"
SPEC = {
    "code": CODE, "name": NAME, "post": "信息科", "responsible": "李某（科长）", "evidence": "营业执照，当日核对",
    "unit": "140100",
}  # fmt: skip
HOST = Principal(
    AccountId("st-host"), AccountKind.STAFF, frozenset({Role.SECURITY_ADMINISTRATOR}), UnitCode("140000"), assurance=2
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("recipients")) as found:
        for name, role, unit in (
            ("sec.city", Role.SECURITY_ADMINISTRATOR, "140100"),
            ("sec.other", Role.SECURITY_ADMINISTRATOR, "140200"),
            ("deputy", Role.DATA_OFFICER, "140000"),
        ):
            spec = StaffSpec(
                name, f"测试·{name}", frozenset({role}), UnitCode(unit), "岗位", acknowledged_on_paper=True,
                must_change=False,
            )  # fmt: skip
            made = found.process.services.directory.create(HOST, spec)
            found.officers[name] = people.Officer(role.value, name, made.password, made.totp_secret)
        yield found


def ask(world: Gateway, method: str, path: str, who: str, body: object = None) -> tuple[int, Any]:
    answer = world.call(method, path, body, token=world.person(who))
    return answer.status_code, answer.get_json(silent=True)


def token_answer(world: Gateway, client_id: str, key: ECKey) -> Any:  # noqa: ANN401
    now = int(datetime.now(UTC).timestamp())
    claims = {"iss": client_id, "sub": client_id, "aud": world.settings.public_url, "iat": now, "exp": now + 60}
    claims |= {"jti": uuid4().hex}
    assertion = jwt.encode({"alg": "ES256", "kid": key.thumbprint()}, claims, key, algorithms=["ES256"])
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": assertion}
    return world.web().post("/oauth/token", data=form, base_url=world.settings.public_url)


def test_a_recipient_is_registered_and_kept_by_its_department_alone(world: Gateway) -> None:
    for who, expected in (("recorder", 403), ("sysadmin", 403), ("applicant-books", 403), ("sec.other", 403)):
        status, told = ask(world, "POST", "/v1/recipients", who, SPEC)
        assert status == expected, who
        assert told["policy"] in {
            "default-deny", "recipients-of-another-territory", "second-factor-to-decide-or-export"
        }  # fmt: skip
    for change in ({"code": CODE[:-1] + "X"}, {"code": "short"}, {"name": ""}, {"attested_until": "2099-01-01"}):
        assert ask(world, "POST", "/v1/recipients", "sec.city", {**SPEC, **change})[0] == 422, change
    status, made = ask(world, "POST", "/v1/recipients", "sec.city", SPEC)
    assert status == 201
    assert (made["state"], made["problem"], made["unit"]) == ("in_force", None, "140100")
    assert made["attested_until"] > civil_date(datetime.now(UTC)).isoformat()
    assert ask(world, "POST", "/v1/recipients", "sec.city", SPEC)[0] == 409
    for method, path, body in (
        ("GET", f"/v1/recipients/{CODE}", None),
        ("GET", f"/v1/recipients/{CODE}/clients", None),
        ("GET", f"/v1/recipients/{CODE}/acts", None),
        ("POST", f"/v1/recipients/{CODE}/suspension", {"reason": "试"}),
        ("POST", f"/v1/recipients/{CODE}/rename", {"name": "x", "evidence": "x"}),
    ):
        assert ask(world, method, path, "sec.other", body)[0] == 403, path
    listed = {
        who: ask(world, "GET", "/v1/recipients", who)[1]["items"] for who in ("sec.city", "sec.other", "secadmin")
    }
    assert [one["code"] for one in listed["sec.city"]] == [CODE]
    assert listed["sec.other"] == []
    assert len(listed["secadmin"]) == 1 + len(people.RECIPIENTS)
    assert ask(world, "GET", "/v1/recipients/91140000MA0TEST0XX", "secadmin")[0] == 404


def test_a_program_is_onboarded_and_every_door_closes_with_the_name(world: Gateway) -> None:
    ask(world, "POST", "/v1/recipients", "sec.city", SPEC)
    key = ECKey.generate_key("P-256", private=True)
    jwks = {"keys": [key.as_dict(private=False)]}
    where = f"/v1/recipients/{CODE}"
    body = {"roles": ["applicant", "executor"], "jwks": jwks, "post": "征订系统", "dpop_required": False}
    for change in (
        {"jwks": {"keys": [key.as_dict(private=True)]}},
        {"jwks": None},
        {"jwks_uri": "https://client.example/jwks"},
        {"roles": ["approving_officer"]},
        {"recipient": "91140000MA0DEMB015"},
    ):
        assert ask(world, "POST", f"{where}/clients", "sec.city", {**body, **change})[0] == 422, change
    status, client = ask(world, "POST", f"{where}/clients", "sec.city", body)
    assert (status, client["dpop_required"], client["recipient"]) == (201, False, CODE)
    token = token_answer(world, client["client_id"], key).get_json()["access_token"]
    assert world.call("GET", "/v1/me/permissions", token=token).get_json()["recipient"] == CODE

    status, renamed = ask(world, "POST", f"{where}/rename", "sec.city", {"name": "新名称", "evidence": "变更通知书"})
    assert (status, renamed["state"], renamed["problem"], renamed["former_name"]) == (200, "suspended", "renamed", NAME)
    assert world.call("GET", "/v1/me/permissions", token=token).status_code == 401
    refused = token_answer(world, client["client_id"], key)
    unknown = token_answer(world, "cl-0000000000000000", key)
    assert refused.status_code == unknown.status_code >= 400
    assert refused.get_json() == unknown.get_json()  # one text for every cause
    assert ask(world, "POST", f"{where}/resumption", "sec.city", {"reason": "急用"})[0] == 409
    assert ask(world, "POST", f"{where}/attestation", "sec.city", {"name": NAME, "evidence": "旧照"})[0] == 409
    assert ask(world, "POST", f"{where}/attestation", "sec.city", {"name": "新名称", "evidence": "新照"})[0] == 200
    assert token_answer(world, client["client_id"], key).status_code == 200

    fresh = ECKey.generate_key("P-256", private=True)
    both = {"jwks": {"keys": [key.as_dict(private=False), fresh.as_dict(private=False)]}}
    path = f"{where}/clients/{client['client_id']}"
    status, rotated = ask(world, "POST", f"{path}/keys", "sec.city", both)
    assert (status, len(rotated["key_ids"])) == (200, 2)
    assert token_answer(world, client["client_id"], key).status_code == 200
    assert token_answer(world, client["client_id"], fresh).status_code == 200
    other = f"/v1/recipients/{people.BOOKS}/clients/{client['client_id']}"  # a client of another recipient
    assert ask(world, "POST", f"{other}/keys", "secadmin", both)[0] == 404
    assert ask(world, "POST", f"{path}/suspension", "sec.city", {"reason": "试"})[0] == 200
    assert token_answer(world, client["client_id"], fresh).get_json()["error"] == "invalid_client"
    assert ask(world, "POST", f"{path}/resumption", "sec.city", {"reason": "试"})[0] == 200
    assert token_answer(world, client["client_id"], fresh).status_code == 200


@pytest.mark.rule("A50-9")
def test_a_suspended_recipient_submits_nothing_and_its_grants_release_nothing(world: Gateway) -> None:
    grant = world.grant("bus")
    where = f"/v1/recipients/{people.BUS}"
    assert ask(world, "POST", f"{where}/suspension", "secadmin", {"reason": "核查"})[0] == 200
    body = people.application("bus", date.today())  # noqa: DTZ011
    status, told = ask(world, "POST", "/v1/applications", "applicant-bus", body)
    assert status == 403
    assert told["rule"] == "A50-9"
    assert "manager" in str(told)
    started = world.call("POST", f"/v1/grants/{grant}/extracts", {"format": "csv"}, token=world.person("executor"))
    assert started.status_code == 403
    assert ask(world, "POST", f"{where}/resumption", "secadmin", {"reason": "完毕"})[0] == 200
    assert ask(world, "POST", "/v1/applications", "applicant-bus", body)[0] == 201
    started = world.call("POST", f"/v1/grants/{grant}/extracts", {"format": "csv"}, token=world.person("executor"))
    assert started.status_code == 202


@pytest.mark.rule("A50-10")
def test_a_deputy_decides_for_the_days_that_were_given(world: Gateway) -> None:
    body = people.application("aid", date.today())  # noqa: DTZ011
    made = ask(world, "POST", "/v1/applications", "applicant-aid", body)[1]
    path = f"/v1/applications/{made['id']}"
    assert ask(world, "POST", f"{path}/basis", "recorder", {"ground": people.government_approval()})[0] == 200
    assert ask(world, "POST", f"{path}/confirmation", "confirmer", {})[0] == 200
    assert ask(world, "POST", f"{path}/decision", "deputy", {"decision": "approve"})[0] == 403
    account = world.call("GET", "/v1/me/permissions", token=world.person("deputy")).get_json()["account"]
    approver = world.call("GET", "/v1/me/permissions", token=world.person("approver")).get_json()["account"]
    today = civil_date(datetime.now(UTC))
    lent = {"deputy": account, "valid_from": today.isoformat(), "valid_to": (today + timedelta(days=5)).isoformat()}
    lent |= {"reason": "外出培训"}
    for who, change, status in (
        ("approver", {"valid_to": (today + timedelta(days=90)).isoformat()}, 422),
        ("approver", {"deputy": approver}, 409),
        ("approver", {"deputy": "st-0000000000000000"}, 404),
        ("recorder", {}, 403),
        ("secadmin", {}, 403),
        ("approver", {"roles": ["inspector"]}, 422),
    ):
        assert ask(world, "POST", "/v1/delegations", who, {**lent, **change})[0] == status, (who, change)
    status, delegation = ask(world, "POST", "/v1/delegations", "approver", lent)
    assert (status, delegation["in_force"], delegation["delegator"]) == (201, True, approver)
    assert ask(world, "GET", "/v1/delegations", "recorder")[1]["items"] == []
    assert ask(world, "POST", "/v1/delegations", "deputy", {**lent, "deputy": approver})[0] == 409  # no chain
    status, decided = ask(world, "POST", f"{path}/decision", "deputy", {"decision": "approve"})
    assert status == 200, decided
    trail = world.call("GET", "/v1/audit/entries?kind=application.approved", token=world.person("inspector"))
    entry = trail.get_json()["items"][0]["content"]
    assert entry["links"]["approver"] == account
    assert approver in str(entry)  # the trail names both
    assert ask(world, "POST", f"/v1/delegations/{delegation['id']}/revocation", "recorder")[0] == 404
    assert ask(world, "POST", f"/v1/delegations/{delegation['id']}/revocation", "approver")[0] == 200
    mine = world.call("GET", "/v1/me/permissions", token=world.person("deputy")).get_json()
    assert mine["roles"] == ["data_officer"]
    acting = world.call(
        "POST", "/v1/sessions/current/acting", {"delegation": delegation["id"]}, token=world.person("deputy")
    )
    assert acting.status_code == 409
