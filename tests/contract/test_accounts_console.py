"""Pages of managers: accounts, recipients, delegations, the own sessions; each first credential is shown once."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from joserfc.jwk import ECKey

from gateway.accounts.records import StaffSpec
from gateway.accounts.sealing import civil_date
from gateway.ids import AccountId
from gateway.principals import AccountKind, Principal, Role
from tests.contract.test_console_pages import Outline
from tests.factories.console_house import PROVINCE, Browser, House, Person, open_house

CODE = "91140000MA0DEMB015"
HOST = Principal(
    AccountId("st-host"), AccountKind.STAFF, frozenset({Role.SECURITY_ADMINISTRATOR}), PROVINCE, assurance=2
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("house")) as found:
        for name, role in (("secadmin", Role.SECURITY_ADMINISTRATOR), ("deputy", Role.DATA_OFFICER)):
            spec = StaffSpec(
                name, f"测试·{name}", frozenset({role}), PROVINCE, "岗位", acknowledged_on_paper=True, must_change=False
            )
            found.people[name] = Person(found.process.services.directory.create(HOST, spec), found.clock)
        yield found


@pytest.fixture(scope="module")
def manager(house: House) -> Browser:
    return house.browser("secadmin")


def promised(text: str) -> None:
    outline = Outline(text)
    assert outline.inline == []
    assert outline.headings == 1
    assert outline.unlabelled == []
    assert outline.open_forms == []
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_the_menu_follows_the_decision_point(house: House, manager: Browser) -> None:
    shown = manager.get("/").text
    assert 'href="/accounts"' in shown
    assert 'href="/recipients"' in shown
    approver = house.browser("approver").get("/").text
    assert 'href="/delegations"' in approver
    assert 'href="/accounts"' not in approver


def test_an_account_is_opened_shown_once_sealed_and_reopened(house: House, manager: Browser) -> None:
    promised(manager.get("/accounts").text)
    promised(manager.get("/accounts/new").text)
    form = {"username": "wang.wei", "name": "王伟", "post": "数据管理员", "unit": "140100", "roles": ["data_officer"]}
    refused = manager.post("/accounts", {**form, "username": "13800138000"}, form="/accounts/new")
    assert refused.status_code == 422
    assert "用户名" in refused.text
    promised(refused.text)
    made = manager.post("/accounts", form, form="/accounts/new")
    assert made.headers["Cache-Control"] == "no-store"
    promised(made.text)
    account = str(re.search(r'<code class="id">(st-[0-9a-f]+)</code>', made.text)[1])  # type: ignore[index]
    secrets = re.findall(r"<code>([^<]+)</code>", made.text)
    assert len(secrets) >= 3
    for page in ("/accounts", f"/accounts/{account}"):
        shown = manager.get(page).text
        promised(shown)
        assert "王伟" in shown
        assert not any(html.unescape(secret) in shown for secret in secrets[1:3])
    where = f"/accounts/{account}"
    assert manager.post(f"{where}/sealing", {"seal_reason": " "}, form=where).status_code == 422
    assert manager.post(f"{where}/sealing", {"seal_reason": "调离"}, form=where).status_code == 302
    assert "已封存" in manager.get(where).text
    opened = manager.post(f"{where}/unsealing", {"unseal_reason": "返岗"}, form=where)
    assert "初始密码" in opened.text
    again = manager.post(f"{where}/unsealing", {"unseal_reason": "再试"}, form=where)
    assert again.status_code == 409
    assert manager.post(f"{where}/roles", {"roles": ["registrar"]}, form=where).status_code == 302
    days = {"filed_on": "2026-01-01", "trained_on": "2026-01-02"}
    assert manager.post(f"{where}/training", days, form=where).status_code == 302
    conflict = manager.post(f"{where}/roles", {"roles": ["approving_officer", "executor"]}, form=where)
    assert conflict.status_code == 409
    reset = manager.post(f"{where}/credentials", {"reset_reason": "手机遗失"}, form=where)
    assert "动态口令密钥" in reset.text
    assert "手机遗失" in manager.get(where).text


def test_others_neither_see_nor_open_accounts(house: House) -> None:
    other = house.browser("recorder")
    for path in ("/accounts", "/accounts/new", "/recipients"):
        assert other.get(path).status_code == 403, path
    assert other.post("/accounts", {"username": "x", "name": "x"}).status_code in {403, 422}


def test_rules_of_a_unit_are_published_with_a_responsible_person(manager: Browser) -> None:
    promised(manager.get("/accounts/rules?unit=140200").text)
    form = {"unit": "140200", "text": "本单位信息安全管理制度", "responsible": ""}
    assert manager.post("/accounts/rules", form, form="/accounts/rules").status_code == 422
    done = manager.post("/accounts/rules", {**form, "responsible": "教育局副局长 李某"}, form="/accounts/rules")
    assert done.status_code == 302
    assert "李某" in manager.get("/accounts/rules?unit=140200").text


def test_a_recipient_is_registered_renamed_attested_and_its_program_onboarded(manager: Browser) -> None:
    promised(manager.get("/recipients").text)
    form = {
        "code": CODE, "name": "虚构教科书公司", "post": "教材部", "responsible": "张某", "evidence": "营业执照",
        "unit": "140000",
    }  # fmt: skip
    wrong = manager.post("/recipients", {**form, "code": "91140000MA0DEMB016"}, form="/recipients")
    assert wrong.status_code == 422
    assert "校验码" in wrong.text
    assert manager.post("/recipients", form, form="/recipients").status_code == 302
    where = f"/recipients/{CODE}"
    promised(manager.get(where).text)
    renamed = {"new_name": "新名称公司", "rename_evidence": "变更通知书"}
    assert manager.post(f"{where}/rename", renamed, form=where).status_code == 302
    assert "已更名，待核验" in manager.get(where).text
    old = manager.post(f"{where}/attestation", {"attested_name": "虚构教科书公司", "evidence": "旧照"}, form=where)
    assert old.status_code == 409
    promised(old.text)
    done = manager.post(f"{where}/attestation", {"attested_name": "新名称公司", "evidence": "新照"}, form=where)
    assert done.status_code == 302
    jwks = json.dumps({"keys": [ECKey.generate_key("P-256").as_dict(private=False)]})
    client = {
        "client_post": "征订系统",
        "jwks": jwks,
        "client_roles": ["applicant", "executor"],
        "dpop_required": "yes",
    }
    bad = manager.post(f"{where}/clients", {**client, "jwks": "{}"}, form=where)
    assert bad.status_code == 422
    assert manager.post(f"{where}/clients", client, form=where).status_code == 302
    shown = manager.get(where).text
    promised(shown)
    made = str(re.search(r"(cl-[0-9a-f]+)", shown)[1])  # type: ignore[index]
    assert manager.post(f"{where}/clients/{made}/keys", {"new_jwks": jwks}, form=where).status_code == 302
    sealed = {"client_reason": "停用", "act": "seal"}
    assert manager.post(f"{where}/clients/{made}/state", sealed, form=where).status_code == 302
    assert manager.post(f"{where}/clients/{made}/state", sealed, form=where).status_code == 409
    party = {
        **client,
        "client_roles": ["relying_party"],
        "redirect_uris": "https://a.example/cb\r\nhttps://b.example/cb",
    }
    two_hosts = manager.post(f"{where}/clients", party, form=where)
    assert two_hosts.status_code == 422
    assert "主机名" in two_hosts.text
    named = {**party, "sector_identifier": "a.example"}
    assert manager.post(f"{where}/clients", named, form=where).status_code == 302
    shown = manager.get(where).text
    assert "https://b.example/cb" in shown
    second = next(one for one in re.findall(r"(cl-[0-9a-f]+)/sign-in", shown))
    bad = manager.post(f"{where}/clients/{second}/sign-in", {"new_redirect_uris": "http://a.example/"}, form=where)
    assert bad.status_code == 422
    good = {"new_redirect_uris": "https://c.example/cb", "new_post_logout_redirect_uris": "https://c.example/bye"}
    assert manager.post(f"{where}/clients/{second}/sign-in", good, form=where).status_code == 302
    assert "https://c.example/bye" in manager.get(where).text
    opened = {"client_reason": "启用", "act": "unseal"}
    assert manager.post(f"{where}/clients/{made}/state", opened, form=where).status_code == 302
    assert manager.post(f"{where}/suspension", {"suspend_reason": "核查"}, form=where).status_code == 302
    assert "已暂停" in manager.get("/recipients").text
    assert manager.post(f"{where}/resumption", {"resume_reason": "完毕"}, form=where).status_code == 302


def test_an_approval_is_lent_and_taken_back(house: House) -> None:
    approver, deputy = house.browser("approver"), house.browser("deputy")
    shown = approver.get("/delegations").text
    promised(shown)
    account = house.people["deputy"].credentials.account
    assert f'value="{account}"' in shown
    assert house.people["sysadmin"].credentials.account not in shown  # 三员 are never deputies
    today = civil_date(house.process.services.now())
    form = {"deputy": account, "valid_from": today.isoformat(), "valid_to": today.isoformat(), "reason": "出差"}
    long = {**form, "valid_to": (today + timedelta(days=400)).isoformat()}
    assert approver.post("/delegations", long, form="/delegations").status_code == 422
    assert approver.post("/delegations", form, form="/delegations").status_code == 302
    theirs = deputy.get("/delegations").text
    promised(theirs)
    assert "您正代" in theirs
    which = str(re.search(r"/delegations/(dl-[0-9a-f]+)/revocation", theirs)[1])  # type: ignore[index]
    assert house.browser("recorder").post(f"/delegations/{which}/revocation", {}).status_code == 404
    assert approver.post(f"/delegations/{which}/revocation", {}, form="/delegations").status_code == 302
    assert "您正代" not in deputy.get("/delegations").text


def test_a_person_sees_and_ends_the_own_sessions(house: House) -> None:
    first, second = house.browser("executor"), house.browser("executor")
    shown = first.get("/account/sessions").text
    promised(shown)
    assert shown.count("本次登录") == 1
    other = str(re.search(r"/account/sessions/([0-9a-f]{32})/end", shown)[1])  # type: ignore[index]
    assert first.post(f"/account/sessions/{other}/end", {}, form="/account/sessions").status_code == 302
    assert second.get("/").status_code == 302  # to the log-in
    assert first.post("/account/sessions/end", {}, form="/account/sessions").headers["Location"] == "/login"
    assert first.get("/").status_code == 302
