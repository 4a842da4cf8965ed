"""Opening, changing, sealing and reopening accounts, on both databases with the real journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import text

from gateway.accounts.errors import (
    AccountNotFoundError,
    PasswordExpiredError,
    RoleConflictError,
    SealedAccountError,
    UsernameTakenError,
    WeakPasswordError,
)
from gateway.accounts.records import ClientSpec, Duty, StaffSpec
from gateway.errors import ConflictError, ForbiddenError, ParameterError, UnavailableError
from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.principals import AccountKind, Role
from tests.factories.accounts import (
    ADMINISTRATOR,
    CITY,
    COUNTY,
    OTHER_CITY,
    RECIPIENT,
    RULES,
    House,
    Program,
    day,
    make_house,
)

OFFICER = StaffSpec(username="wang.wei", name="王伟", roles=frozenset({Role.APPROVING_OFFICER}), unit=COUNTY)


@pytest.fixture
def house(tables_url: str) -> Iterator[House]:
    built = make_house(tables_url)
    yield built
    built.close()


def test_the_first_officers_are_opened_once_all_or_none(house: House) -> None:
    specs = [
        replace(OFFICER, username=username, name=username, roles=frozenset({role}))
        for username, role in [
            ("system", Role.SYSTEM_ADMINISTRATOR),
            ("security", Role.SECURITY_ADMINISTRATOR),
            ("inspector", Role.INSPECTOR),
            ("approver", Role.APPROVING_OFFICER),
        ]
    ]
    with pytest.raises(UsernameTakenError):
        house.directory.bootstrap_accounts([*specs, specs[0]])
    assert house.directory.listed(ADMINISTRATOR) == ()
    made = house.directory.bootstrap_accounts(specs)
    assert [one.username for one in made] == ["system", "security", "inspector", "approver"]
    assert len({one.password for one in made}) == len({one.totp_secret for one in made}) == 4
    for one in made:
        signed = house.accounts.sign_in(one.username, one.password, house.code(one))
        assert signed.duties == {Duty.CHANGE_PASSWORD, Duty.ACKNOWLEDGE_RULES}
    with pytest.raises(ConflictError):
        house.directory.bootstrap_accounts([replace(OFFICER, username="another")])
    created = [entry for entry in house.journal.entries if entry.kind == "account.created"]
    assert [entry.actor for entry in created] == [None]


def test_one_name_in_one_unit_cannot_hold_two_of_the_three_offices(house: House) -> None:
    house.directory.create(ADMINISTRATOR, replace(OFFICER, roles=frozenset({Role.INSPECTOR})))
    again = replace(OFFICER, username="wang.wei2")
    for role in (Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.APPROVING_OFFICER):
        with pytest.raises(RoleConflictError) as refused:
            house.directory.create(ADMINISTRATOR, replace(again, roles=frozenset({role})))
        assert refused.value.rule == "A50-11"
    house.directory.create(ADMINISTRATOR, replace(again, name="王伟（二）"))


def test_a_role_given_later_is_checked_like_one_given_first(house: House) -> None:
    house.directory.create(ADMINISTRATOR, replace(OFFICER, roles=frozenset({Role.INSPECTOR})))
    second = house.directory.create(
        ADMINISTRATOR, replace(OFFICER, username="wang.wei2", roles=frozenset({Role.PRINCIPAL}))
    )
    with pytest.raises(RoleConflictError):
        house.directory.set_roles(ADMINISTRATOR, second.account, frozenset({Role.APPROVING_OFFICER}))
    with pytest.raises(RoleConflictError):
        house.directory.set_roles(ADMINISTRATOR, second.account, frozenset({Role.APPROVING_OFFICER, Role.EXECUTOR}))
    assert house.directory.get(second.account).roles == {Role.PRINCIPAL}


def test_new_roles_bring_a_second_factor_and_end_the_sessions(house: House) -> None:
    who = house.open("li.na", Role.APPLICANT, recipient=RecipientId("91140000MA0TEST001"))
    signed = house.accounts.sign_in("li.na", who.password)
    secret = house.directory.set_roles(ADMINISTRATOR, who.account, frozenset({Role.APPLICANT, Role.EXECUTOR}))
    assert secret is not None
    with pytest.raises(Exception, match="ended"):
        house.accounts.principal_of_session(signed.token)
    with_code = replace(who, totp_secret=secret)
    principal = house.accounts.authenticate("li.na", who.password, house.code(with_code))
    assert principal.roles == {Role.APPLICANT, Role.EXECUTOR}
    assert house.directory.set_roles(ADMINISTRATOR, who.account, frozenset({Role.EXECUTOR})) is None


@pytest.mark.rule("A48-2", "A48-3")
def test_a_registrar_without_training_date_has_no_rights(house: House) -> None:
    """Test 36 of the rules: A48-2, A48-3."""
    who = house.open("zhao.min", Role.REGISTRAR, unit=UnitCode("1401050012"))
    assert house.accounts.authenticate("zhao.min", who.password, house.code(who)).roles == frozenset()
    house.directory.record_training(
        ADMINISTRATOR, who.account, filed_on=day("2026-11-20"), trained_on=day("2026-11-24")
    )
    house.clock.turn(hours=13, minutes=59)  # 23:59 on the 23rd in Shanxi
    assert house.accounts.authenticate("zhao.min", who.password, house.code(who)).roles == frozenset()
    house.clock.turn(minutes=1)
    assert house.accounts.authenticate("zhao.min", who.password, house.code(who)).roles == {Role.REGISTRAR}


def test_only_administrators_manage_accounts_and_never_their_own(house: House) -> None:
    who = house.open("li.na", Role.SECURITY_ADMINISTRATOR)
    manager = house.accounts.authenticate("li.na", who.password, house.code(who))
    for role in set(Role) - {Role.SECURITY_ADMINISTRATOR}:
        with pytest.raises(ForbiddenError):
            house.directory.create(replace(manager, roles=frozenset({role})), OFFICER)
    for act in (
        lambda: house.directory.set_roles(manager, who.account, frozenset({Role.INSPECTOR})),
        lambda: house.directory.seal(manager, who.account, "试"),
        lambda: house.directory.unseal(manager, who.account, "试"),
        lambda: house.directory.reset_credentials(manager, who.account, "试"),
    ):
        with pytest.raises(ForbiddenError, match="own account"):
            act()


def test_the_decision_point_says_whose_accounts_are_managed(house: House) -> None:
    """A3-2: the own unit, the departments below it, and the schools that these manage."""
    school = house.open("zhao.min", Role.PRINCIPAL, unit=UnitCode("1401050012"))  # managed by the county
    county = house.open("li.na", Role.DATA_OFFICER, unit=COUNTY)
    city = replace(ADMINISTRATOR, account=AccountId("st-city"), unit=CITY)
    other = replace(ADMINISTRATOR, account=AccountId("st-other"), unit=OTHER_CITY)
    below = replace(ADMINISTRATOR, account=AccountId("st-county"), unit=COUNTY)
    inside = replace(ADMINISTRATOR, account=AccountId("st-school"), unit=UnitCode("1401050012"))
    for manager in (city, below):
        assert {one.id for one in house.directory.listed(manager)} == {school.account, county.account}
        assert house.directory.show(manager, school.account).id == school.account
    assert [one.id for one in house.directory.listed(inside)] == [school.account]
    assert house.directory.listed(other) == ()
    for outsider, account in ((other, school), (other, county), (inside, county)):
        with pytest.raises(ForbiddenError) as refused:
            house.directory.seal(outsider, account.account, "试")
        assert refused.value.extra["policy"] == "default-deny"
    with pytest.raises(ForbiddenError) as refused:
        house.directory.seal(replace(city, assurance=1), county.account, "试")
    assert refused.value.extra["policy"] == "second-factor-to-decide-or-export"
    entry = house.journal.last("account.refused_act")
    assert (entry.outcome, entry.policy) == ("refused", "second-factor-to-decide-or-export")
    house.directory.seal(city, county.account, "试")
    assert house.journal.last("account.sealed").policy == "security-administrator-manages-accounts"


def test_specs_that_do_not_fit_open_nothing(house: House) -> None:
    for spec, error in [
        (replace(OFFICER, unit=UnitCode("1401050012")), ParameterError),  # a school
        (replace(OFFICER, unit=UnitCode("999999")), ParameterError),
        (replace(OFFICER, unit=None), ParameterError),
        (replace(OFFICER, username="13800138000"), ParameterError),
        (replace(OFFICER, username="a13800138000"), ParameterError),
        (replace(OFFICER, username="王伟"), ParameterError),
        (replace(OFFICER, name=" "), ParameterError),
        (replace(OFFICER, roles=frozenset()), ParameterError),
        (replace(OFFICER, roles=frozenset({Role.GUARDIAN})), ParameterError),
        (replace(OFFICER, roles=frozenset({Role.APPLICANT})), ParameterError),
        (replace(OFFICER, password="short"), WeakPasswordError),
        (replace(OFFICER, roles=frozenset({Role.INSPECTOR, Role.SYSTEM_ADMINISTRATOR})), RoleConflictError),
    ]:
        with pytest.raises(error):
            house.directory.create(ADMINISTRATOR, spec)
    assert house.directory.listed(ADMINISTRATOR) == ()
    [refused] = house.journal.entries  # A50-13: roles that exclude each other; the others cannot be read at all
    assert (refused.kind, refused.outcome, refused.facts["rule"]) == ("account.refused_act", "refused", "A50-11")


def test_a_user_name_is_taken_in_any_writing(house: House) -> None:
    house.directory.create(ADMINISTRATOR, OFFICER)
    with pytest.raises(UsernameTakenError):
        house.directory.create(ADMINISTRATOR, replace(OFFICER, username=" ＷANG.Wei ", name="王维"))


@pytest.mark.rule("A50-3")
def test_a_sealed_account_is_reopened_by_a_manager_with_a_new_password(house: House) -> None:
    who = house.open()
    with pytest.raises(ConflictError):
        house.directory.unseal(ADMINISTRATOR, who.account, "返岗")
    house.clock.turn(days=190)
    house.accounts.seal_unused()
    with pytest.raises(ParameterError):
        house.directory.unseal(ADMINISTRATOR, who.account, "  ")
    fresh = house.directory.unseal(ADMINISTRATOR, who.account, "休假期满返岗")
    assert fresh is not None
    with pytest.raises(PasswordExpiredError):
        house.accounts.authenticate("li.na", fresh.password, house.code(who))  # the old second factor stays
    assert house.accounts.seal_unused() == ()  # the half year counts from the reopening
    entry = house.journal.last("account.unsealed")
    assert entry.actor == ADMINISTRATOR
    assert "休假" not in repr(entry.facts)
    assert [(act.act, act.reason) for act in house.directory.acts(ADMINISTRATOR, who.account)] == [
        ("unseal", "休假期满返岗")
    ]


def test_break_glass_needs_two_other_members_of_staff(house: House) -> None:
    who, first, second = house.open("li.na"), house.open("wu.gang"), house.open("sun.yu")
    house.directory.seal(ADMINISTRATOR, who.account, "调离")
    for witnesses in [
        (first.account, first.account),
        (first.account, who.account),
        (first.account, AccountId("st-nobody")),
    ]:
        with pytest.raises(ForbiddenError):
            house.directory.unseal_on_host(who.account, "应急", witnesses)
    assert house.directory.unseal_on_host(who.account, "应急", (first.account, second.account)) is not None
    assert house.journal.last("account.unsealed").facts["witnesses"] == [first.account, second.account]


def test_reset_credentials_replace_password_and_second_factor(house: House) -> None:
    who = house.open()
    fresh = house.directory.reset_credentials(ADMINISTRATOR, who.account, "手机遗失")
    assert fresh.totp_secret not in {None, who.totp_secret}
    signed = house.accounts.sign_in("li.na", fresh.password, house.code(fresh))
    assert signed.duties == {Duty.CHANGE_PASSWORD}
    house.directory.seal(ADMINISTRATOR, who.account, "调离")
    house.clock.turn(seconds=30)
    with pytest.raises(ConflictError):
        house.directory.reset_credentials(ADMINISTRATOR, who.account, "手机遗失")
    with pytest.raises(SealedAccountError):
        house.accounts.sign_in("li.na", fresh.password, house.code(fresh))


def test_a_second_factor_opens_only_in_its_own_row(house: House) -> None:
    who, other = house.open("li.na"), house.open("wu.gang")
    with house.engine.begin() as connection:
        connection.execute(
            text("UPDATE accounts SET totp_sealed = (SELECT totp_sealed FROM accounts WHERE id = :o) WHERE id = :i"),
            {"o": other.account, "i": who.account},
        )
    with pytest.raises(UnavailableError):
        house.accounts.authenticate("li.na", who.password, house.code(other))


@pytest.mark.rule("A50-1")
def test_a_units_own_rules_replace_the_default_and_ask_again(house: House) -> None:
    who = house.open()
    token = house.accounts.sign_in("li.na", who.password, house.code(who)).token
    rules = house.directory.publish_rules(ADMINISTRATOR, COUNTY, "本单位安全管理制度（2026年版）", "教育局副局长 李某")
    assert house.accounts.rules_for(house.directory.get(who.account)) == rules
    assert house.accounts.duties_of_session(token)[1] == {Duty.ACKNOWLEDGE_RULES}
    house.accounts.acknowledge_rules(token, rules.version)
    assert house.accounts.principal_of_session(token).account == who.account
    other = house.open("he.xin", unit=UnitCode("140100"))
    assert house.accounts.rules_for(house.directory.get(other.account)) == RULES


@pytest.mark.rule("A50-3")
def test_a_guardians_account_has_no_name_and_is_never_sealed(house: House) -> None:
    guardian = house.directory.create_guardian(ADMINISTRATOR)
    assert guardian.startswith("gd-")
    account = house.directory.get(guardian)
    assert (account.kind, account.name, account.username) == (AccountKind.GUARDIAN, "", None)
    house.clock.turn(days=800)
    assert guardian not in house.accounts.seal_unused()


def test_clients_bring_public_p256_keys_only(house: House) -> None:
    good = ECKey.generate_key("P-256")
    roles = frozenset({Role.APPLICANT})
    bad: list[dict[str, object]] = [
        {},
        {"keys": []},
        {"keys": [good.as_dict(private=True)]},
        {"keys": [ECKey.generate_key("P-384").as_dict(private=False)]},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]},
        {"keys": [good.as_dict(private=False), good.as_dict(private=False)]},
        {"keys": [{**good.as_dict(private=False), "use": "enc"}]},
        {"keys": [{**good.as_dict(private=False), "y": good.as_dict(private=False)["x"]}]},
    ]
    for jwks in bad:
        with pytest.raises(ParameterError, match="keys cannot be used"):
            house.directory.register_client(ADMINISTRATOR, ClientSpec(RECIPIENT, roles, jwks))
    keys = {"keys": [good.as_dict(private=False)]}
    for spec in [
        ClientSpec(RecipientId("short"), roles, keys),
        ClientSpec(RECIPIENT, frozenset({Role.APPROVING_OFFICER}), keys),
        ClientSpec(RECIPIENT, roles, keys, frozenset({"password"})),
    ]:
        with pytest.raises(ParameterError):
            house.directory.register_client(ADMINISTRATOR, spec)
    client = house.directory.register_client(None, ClientSpec(RECIPIENT, roles, keys))
    assert client.startswith("cl-")
    with pytest.raises(AccountNotFoundError):
        house.directory.replace_client_keys(ADMINISTRATOR, AccountId("cl-nobody"), keys)


def test_replaced_client_keys_hold_from_then_on(house: House) -> None:
    program = Program(house)
    fresh = ECKey.generate_key("P-256", {"kid": "k2"})
    house.directory.replace_client_keys(ADMINISTRATOR, program.id, {"keys": [fresh.as_dict(private=False)]})
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    with pytest.raises(Exception, match="Client authentication failed"):
        house.tokens.authenticate_client(kind, program.assertion())
    assertion = program.assertion(key=fresh, header={"kid": "k2"})
    assert house.tokens.authenticate_client(kind, assertion).account.id == program.id
