"""Signing in, sessions and passwords, on both databases with the real journal."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from gateway.accounts.errors import (
    BadCredentialsError,
    LockedOutError,
    PasswordExpiredError,
    RulesNotAcknowledgedError,
    SealedAccountError,
    SessionEndedError,
    WeakPasswordError,
)
from gateway.accounts.passwords import Passwords
from gateway.accounts.records import Duty
from gateway.errors import ConflictError, GatewayError, UnavailableError
from gateway.principals import Role
from tests.factories.accounts import (
    ADMINISTRATOR,
    CHEAP,
    NEW_PASSWORD,
    RECIPIENT,
    RULES,
    Clock,
    House,
    make_house,
)


@pytest.fixture
def house(tables_url: str) -> Iterator[House]:
    built = make_house(tables_url)
    yield built
    built.close()


def test_password_and_code_give_a_principal_with_two_factors(house: House) -> None:
    who = house.open("li.na", Role.DATA_OFFICER)
    principal = house.accounts.authenticate(" Li.Na ", who.password, house.code(who))
    assert principal.account == who.account
    assert (principal.roles, principal.assurance) == (frozenset({Role.DATA_OFFICER}), 2)
    assert house.journal.last("account.login").actor == principal


@pytest.mark.rule("A50-16")
def test_a_sign_in_tells_for_how_long_the_account_was_not_used(house: House) -> None:
    who = house.open("li.na", Role.DATA_OFFICER)
    told = []
    for days in (0, 5, 84):
        house.clock.turn(days=days)
        house.accounts.authenticate("li.na", who.password, house.code(who))
        told.append(house.journal.last("account.login").facts["idle_days"])
    assert told[1:] == [5, 84]


def test_unknown_user_wrong_password_and_wrong_code_get_one_answer(house: House) -> None:
    who = house.open()
    answers = set()
    for username, password, code in [
        ("nobody", who.password, house.code(who)),
        ("li.na", "wrong-password-entirely", house.code(who)),
        ("li.na", who.password, "000000" if house.code(who) != "000000" else "000001"),
        ("li.na", who.password, None),
    ]:
        with pytest.raises(BadCredentialsError) as refused:
            house.accounts.authenticate(username, password, code)
        answers.add((refused.value.detail, refused.value.detail_zh, refused.value.rule, refused.value.missing))
    assert len(answers) == 1


def test_an_unknown_user_costs_the_same_hash_as_a_known_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.open()
    checked: list[str] = []
    real = Passwords.holds

    def counting(self: Passwords, password: str, hashed: str | None) -> bool:
        checked.append("dummy" if hashed is None else "own")
        return real(self, password, hashed)

    monkeypatch.setattr(Passwords, "holds", counting)
    for username in ("nobody", "li.na"):
        with pytest.raises(BadCredentialsError):
            house.accounts.authenticate(username, "wrong-password-entirely", "123456")
    assert checked == ["dummy", "own"]
    dummy, own = (parameters.split("$")[3] for parameters in (CHEAP._dummy, CHEAP.hash("x")))
    assert dummy == own  # the same costs


def test_what_was_typed_as_a_user_name_is_nowhere_in_the_database(house: House) -> None:
    with pytest.raises(BadCredentialsError):
        house.accounts.authenticate("zhang.yunshan.mistyped", "wrong-password-entirely")
    with house.engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM account_attempts")).all()
    assert rows
    assert "zhang" not in repr(rows)
    entry = house.journal.last("account.login_failed")
    assert entry.facts == {"account": None, "reason": "password"}


def test_hostile_text_is_refused_like_any_other(house: House) -> None:
    house.open()
    for text_ in ("\x00", "\ud800", "x" * 100_000, "li.na\x00", "", "'; DROP TABLE accounts; --"):
        with pytest.raises((BadCredentialsError, LockedOutError)):
            house.accounts.authenticate(text_, text_, text_)
        with pytest.raises((BadCredentialsError, LockedOutError)):
            house.accounts.authenticate("li.na", text_, text_)
        with pytest.raises(SessionEndedError):
            house.accounts.principal_of_session(text_)


def test_counting_and_forgetting_side_by_side_never_fails(house: House) -> None:
    who = house.open("shu.ju", Role.APPLICANT, unit=None, recipient=RECIPIENT)

    def enter(number: int) -> str:
        password = who.password if number % 2 else "wrong-password-entirely"
        try:
            house.accounts.authenticate("shu.ju", password)
        except (BadCredentialsError, LockedOutError) as refused:
            return type(refused).__name__
        return "in"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(enter, range(24)))
    assert set(answers) <= {"in", "BadCredentialsError", "LockedOutError"}
    assert "in" in answers


def test_a_code_is_good_once(house: House) -> None:
    who = house.open()
    code = house.code(who)
    house.accounts.authenticate("li.na", who.password, code)
    with pytest.raises(BadCredentialsError):
        house.accounts.authenticate("li.na", who.password, code)
    house.clock.turn(seconds=30)
    with pytest.raises(BadCredentialsError):
        house.accounts.authenticate("li.na", who.password, code)  # still in the drift window, but spent
    assert house.accounts.authenticate("li.na", who.password, house.code(who)).account == who.account


def test_of_requests_side_by_side_with_one_code_one_enters(house: House) -> None:
    who = house.open()
    code = house.code(who)

    def enter(_: int) -> bool:
        try:
            house.accounts.sign_in("li.na", who.password, code)
        except (BadCredentialsError, LockedOutError):
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(enter, range(4))) == 1


def test_failures_lock_the_name_longer_each_time_known_or_not(house: House) -> None:
    who = house.open()
    for username in ("li.na", "nobody"):
        for _ in range(5):
            with pytest.raises(BadCredentialsError):
                house.accounts.authenticate(username, "wrong-password-entirely", "1")
        with pytest.raises(LockedOutError) as locked:
            house.accounts.authenticate(username, "wrong-password-entirely", "1")
        assert locked.value.extra["retry_after"] == 60
    with pytest.raises(LockedOutError):  # the right password does not open a locked name
        house.accounts.authenticate("li.na", who.password, house.code(who))
    house.clock.turn(seconds=60)
    with pytest.raises(BadCredentialsError):
        house.accounts.authenticate("li.na", "wrong-password-entirely", "1")
    with pytest.raises(LockedOutError) as locked:
        house.accounts.authenticate("li.na", "wrong-password-entirely", "1")
    assert locked.value.extra["retry_after"] == 120
    house.clock.turn(seconds=120)
    assert house.accounts.authenticate("li.na", who.password, house.code(who)).account == who.account
    house.clock.turn(seconds=30)
    with pytest.raises(BadCredentialsError):  # a success starts the count afresh
        house.accounts.authenticate("li.na", "wrong-password-entirely", "1")


def test_attempts_side_by_side_do_not_outrun_the_lock(house: House) -> None:
    house.open()

    def guess(_: int) -> type[GatewayError]:
        try:
            house.accounts.authenticate("li.na", "wrong-password-entirely", "1")
        except GatewayError as error:
            return type(error)
        raise AssertionError

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(16)))
    assert answers.count(BadCredentialsError) == 5


@pytest.mark.rule("A50-3")
@pytest.mark.parametrize(
    ("last_use", "last_good_day", "sealed_day"),
    [
        (datetime(2026, 8, 31, 4, tzinfo=UTC), datetime(2027, 2, 27, 15, 59, tzinfo=UTC), "2027-02-28"),
        (datetime(2027, 8, 31, 4, tzinfo=UTC), datetime(2028, 2, 28, 15, 59, tzinfo=UTC), "2028-02-29"),
        (datetime(2026, 11, 23, 16, tzinfo=UTC), datetime(2027, 5, 23, 15, 59, tzinfo=UTC), "2027-05-24"),
    ],
)
def test_half_a_year_unused_seals_at_the_civil_date(
    tables_url: str, last_use: datetime, last_good_day: datetime, sealed_day: str
) -> None:
    """Test 26 of the rules: T-3, T-5, T-6."""
    house = make_house(tables_url, clock=Clock(last_use))
    who, idle = house.open("li.na"), house.open("wu.gang")
    house.accounts.authenticate("li.na", who.password, house.code(who))
    house.clock.at = last_good_day
    assert house.accounts.seal_unused() == ()
    house.clock.turn(minutes=1)  # midnight in Shanxi
    assert set(house.accounts.seal_unused()) == {who.account, idle.account}
    assert house.accounts.seal_unused() == ()
    sealed = house.journal.last("account.sealed")
    assert (sealed.facts["due"], sealed.actor) == (sealed_day, None)
    with pytest.raises(SealedAccountError) as refused:
        house.accounts.sign_in("li.na", who.password, house.code(who))
    assert refused.value.rule == "A50-3"
    house.close()


@pytest.mark.rule("A50-3")
def test_an_account_that_is_due_is_sealed_at_its_sign_in_too(house: House) -> None:
    who = house.open()
    house.clock.turn(days=182)
    with pytest.raises(BadCredentialsError):  # whoever has not the password does not learn that it is sealed
        house.accounts.sign_in("li.na", "wrong-password-entirely", "1")
    with pytest.raises(SealedAccountError):
        house.accounts.sign_in("li.na", who.password, house.code(who))
    assert house.directory.get(who.account).sealed_at == house.clock.at
    assert "account.sealed" in house.journal.kinds()


def test_a_session_yields_its_principal_until_it_is_idle(house: House) -> None:
    who = house.open()
    signed = house.accounts.sign_in("li.na", who.password, house.code(who))
    assert signed.duties == frozenset()
    for _ in range(3):
        house.clock.turn(minutes=29)
        assert house.accounts.principal_of_session(signed.token).account == who.account
    house.clock.turn(minutes=30)
    with pytest.raises(SessionEndedError):
        house.accounts.principal_of_session(signed.token)


def test_a_session_ends_at_its_absolute_limit_however_busy(house: House) -> None:
    who = house.open()
    signed = house.accounts.sign_in("li.na", who.password, house.code(who))
    for _ in range(23):
        house.clock.turn(minutes=20)
        house.accounts.principal_of_session(signed.token)
    house.clock.turn(minutes=20)
    with pytest.raises(SessionEndedError):
        house.accounts.principal_of_session(signed.token)


def test_a_clock_set_back_does_not_lengthen_a_session(house: House) -> None:
    who = house.open()
    signed = house.accounts.sign_in("li.na", who.password, house.code(who))
    house.clock.turn(hours=-1)
    with pytest.raises(SessionEndedError):
        house.accounts.principal_of_session(signed.token)


def test_the_token_of_a_session_is_not_stored(house: House) -> None:
    who = house.open()
    signed = house.accounts.sign_in("li.na", who.password, house.code(who))
    with house.engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM account_sessions")).all()
    assert len(rows) == 1
    assert signed.token not in repr(rows)
    assert signed.token not in repr(signed)


def test_signing_out_ends_the_session_and_is_no_error_twice(house: House) -> None:
    who = house.open()
    signed = house.accounts.sign_in("li.na", who.password, house.code(who))
    house.accounts.sign_out(signed.token)
    house.accounts.sign_out(signed.token)
    with pytest.raises(SessionEndedError):
        house.accounts.principal_of_session(signed.token)
    assert house.journal.kinds().count("account.logout") == 1


def test_all_sessions_of_an_account_end_together_and_no_others(house: House) -> None:
    who, other = house.open("li.na"), house.open("wu.gang")
    tokens = []
    for _ in range(2):
        tokens.append(house.accounts.sign_in("li.na", who.password, house.code(who)).token)
        house.clock.turn(seconds=30)
    others = house.accounts.sign_in("wu.gang", other.password, house.code(other)).token
    assert house.accounts.revoke_sessions(house.accounts.principal_of_session(tokens[0])) == 2
    for token in tokens:
        with pytest.raises(SessionEndedError):
            house.accounts.principal_of_session(token)
    assert house.accounts.principal_of_session(others).account == other.account


@pytest.mark.rule("A50-3")
def test_sealing_ends_the_sessions(house: House) -> None:
    who = house.open()
    signed = house.accounts.sign_in("li.na", who.password, house.code(who))
    house.directory.seal(ADMINISTRATOR, who.account, "调离")
    with pytest.raises(SessionEndedError):
        house.accounts.principal_of_session(signed.token)


@pytest.mark.rule("A50-2")
def test_a_password_is_due_after_its_days(house: House) -> None:
    who = house.open()
    house.clock.turn(days=90)
    assert house.accounts.authenticate("li.na", who.password, house.code(who)).account == who.account
    house.clock.turn(days=1)
    code = house.code(who)
    with pytest.raises(PasswordExpiredError) as refused:
        house.accounts.authenticate("li.na", who.password, code)
    assert refused.value.rule == "A50-2"
    signed = house.accounts.sign_in("li.na", who.password, code)  # the code was not spent on the refusal
    assert signed.duties == {Duty.CHANGE_PASSWORD}
    assert signed.principal.roles == frozenset()
    with pytest.raises(PasswordExpiredError):
        house.accounts.principal_of_session(signed.token)
    fresh = house.accounts.change_password(signed.token, who.password, NEW_PASSWORD)
    assert house.accounts.principal_of_session(fresh).roles == {Role.DATA_OFFICER}
    with pytest.raises(SessionEndedError):
        house.accounts.principal_of_session(signed.token)
    house.clock.turn(seconds=30)
    assert house.accounts.authenticate("li.na", NEW_PASSWORD, house.code(who)).account == who.account


@pytest.mark.rule("A50-1", "A50-2")
def test_a_handed_out_password_is_changed_first_and_rules_are_acknowledged(house: House) -> None:
    who = house.open(must_change=True, acknowledged_on_paper=False)
    signed = house.accounts.sign_in("li.na", who.password, house.code(who))
    assert signed.duties == {Duty.CHANGE_PASSWORD, Duty.ACKNOWLEDGE_RULES}
    token = house.accounts.change_password(signed.token, who.password, NEW_PASSWORD)
    with pytest.raises(RulesNotAcknowledgedError) as refused:
        house.accounts.principal_of_session(token)
    assert refused.value.rule == "A50-1"
    with pytest.raises(ConflictError):
        house.accounts.acknowledge_rules(token, "of-last-year")
    house.accounts.acknowledge_rules(token, RULES.version)
    assert house.accounts.principal_of_session(token).roles == {Role.DATA_OFFICER}
    assert house.accounts.duties_of_session(token)[1] == frozenset()


@pytest.mark.rule("A50-2")
def test_none_of_the_last_five_passwords_comes_back(house: House) -> None:
    who = house.open()
    token, present = house.accounts.sign_in("li.na", who.password, house.code(who)).token, who.password
    used = [who.password]
    for number in range(5):
        for earlier in used[-5:]:
            with pytest.raises(WeakPasswordError):
                house.accounts.change_password(token, present, earlier)
        new = f"{NEW_PASSWORD}-{number}"
        token, present = house.accounts.change_password(token, present, new), new
        used.append(new)
    house.accounts.change_password(token, present, used[0])  # six passwords ago


def test_a_change_asks_for_the_old_password_and_counts_failures(house: House) -> None:
    who = house.open()
    token = house.accounts.sign_in("li.na", who.password, house.code(who)).token
    for _ in range(5):
        with pytest.raises(BadCredentialsError):
            house.accounts.change_password(token, "wrong-password-entirely", NEW_PASSWORD)
    with pytest.raises(LockedOutError):
        house.accounts.change_password(token, who.password, NEW_PASSWORD)


def test_a_hash_with_old_costs_is_renewed_at_sign_in(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    who = house.open()
    before = house.directory.get(who.account).password_hash
    monkeypatch.setattr(house.accounts, "_passwords", Passwords(time_cost=2, memory_kib=16))
    house.accounts.authenticate("li.na", who.password, house.code(who))
    after = house.directory.get(who.account).password_hash
    assert after != before
    assert after is not None
    assert "m=16,t=2" in after
    house.clock.turn(seconds=30)
    assert house.accounts.authenticate("li.na", who.password, house.code(who)).account == who.account


def test_an_applicant_signs_in_without_a_code(house: House) -> None:
    who = house.open("shu.ju", Role.APPLICANT, unit=None, recipient=RECIPIENT)
    assert who.totp_secret is None
    principal = house.accounts.authenticate("shu.ju", who.password)
    assert (principal.assurance, principal.recipient) == (1, RECIPIENT)


def test_purge_deletes_what_cannot_matter_any_more(house: House) -> None:
    who = house.open()
    house.accounts.sign_in("li.na", who.password, house.code(who))
    with pytest.raises(BadCredentialsError):
        house.accounts.authenticate("nobody", "wrong-password-entirely")
    assert house.accounts.purge() == 0
    house.clock.turn(hours=25)
    assert house.accounts.purge() == 2


def test_no_entry_holds_a_name_a_user_name_or_a_secret(house: House) -> None:
    who = house.open()
    house.accounts.sign_in("li.na", who.password, house.code(who))
    written = repr([(entry.facts, entry.links) for entry in house.journal.entries])
    for secret in ("li.na", "测试", who.password, str(who.totp_secret)):
        assert secret not in written


def test_a_lost_database_refuses_everybody(house: House) -> None:
    """I8."""
    who = house.open()
    with house.engine.begin() as connection:
        connection.execute(text("DROP TABLE account_attempts"))
    with pytest.raises(UnavailableError):
        house.accounts.authenticate("li.na", who.password, house.code(who))
