"""Signing in at relying parties: what a person is asked, what a relying party is told, and what ends it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from threading import Barrier
from typing import Any

import pytest
from joserfc.jwk import ECKey

from gateway.accounts.dpop import Shown
from gateway.errors import NotFoundError
from gateway.identity.errors import SignInRefusedError
from gateway.identity.signing_in.records import AskConsent, Barred, Blocked, ChooseChild, SignInNeeded, Visitor
from gateway.ids import AccountId, SubjectRef
from gateway.journal import Tx
from gateway.principals import AccountKind
from gateway.remote import dpop_proof
from tests.factories import signing_in
from tests.factories.identity import ISSUER, LI, LIBRARY, WANG, EngineScratch
from tests.factories.signing_in import (
    AFTER,
    CALLBACK,
    FATHER,
    FULL,
    MOTHER,
    PUPIL,
    YOUNG,
    Provider,
    Rights,
    answer,
    bound,
    refused,
)

provider = signing_in.provider
quick_provider = signing_in.quick_provider
ELSEWHERE = "https://other.example/callback"
READING = "https://library.example/reading"


@pytest.mark.rule("A50-14")
def test_a_guardian_consents_and_the_relying_party_is_told_what_was_shown(provider: Provider) -> None:
    opened = provider.open()
    assert isinstance(provider.step(opened, None), SignInNeeded)
    asked = provider.step(opened, provider.visitor())
    assert isinstance(asked, AskConsent)
    assert (asked.sheet.organisation, asked.sheet.purpose_zh) == ("示例图书馆", "学生身份核验")
    assert dict(asked.sheet.claims) == {"age_over_14": True, "school_name": "太原市第一示例中学", "stage": "junior"}
    told = provider.agree(opened, provider.visitor())
    assert (told["state"], told["iss"]) == ("state-1", ISSUER)
    tokens = provider.redeem(told["code"])
    claims = provider.id_claims(tokens)
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (ISSUER, "cl-library", "nonce-1")
    assert claims["exp"] - claims["iat"] == 300
    assert claims["age_over_14"] is True
    assert "stage" not in claims
    info = provider.userinfo(tokens.access_token)
    assert info == {"sub": claims["sub"], "school_name": "太原市第一示例中学", "stage": "junior"}
    fields = [sorted(claims) for _, claims in provider.gate.used]
    assert fields == [["age_over_14", "status"], ["school", "stage", "status"]]
    assert provider.kinds() == [
        "identity.sign_in_requested", "identity.consent_given", "identity.signed_in", "identity.sign_in_redeemed",
        "identity.userinfo_answered",
    ]  # fmt: skip
    by_person = [one for one in provider.house.journal.entries if one.kind == "identity.consent_given"]
    assert by_person[0].subjects == (LI,)
    assert by_person[0].actor is not None


def test_who_consented_is_not_asked_again_until_more_is_wanted(quick_provider: Provider) -> None:
    provider = quick_provider
    first = provider.id_claims(provider.signed_in())["sub"]
    again = provider.step(provider.open(), provider.visitor())
    assert "code" in answer(again)
    more = provider.step(provider.open(scope="openid student"), provider.visitor())
    assert isinstance(more, AskConsent)  # the grade was not in the consent
    provider.signed_in(scope="openid student")
    assert "code" in answer(provider.step(provider.open(), provider.visitor()))  # the earlier one stands beside it
    (consent,) = provider.consents.listed(provider.visitor().principal)[0].consents
    assert consent.claims == {"age_over_14", "grade", "school_name", "stage"}
    assert isinstance(provider.step(provider.open(prompt="consent"), provider.visitor()), AskConsent)
    assert provider.id_claims(provider.signed_in())["sub"] == first


def test_a_changed_purpose_or_an_expired_consent_is_asked_again(quick_provider: Provider) -> None:
    provider = quick_provider
    provider.signed_in()
    provider.house.clock.pass_by(days=91)
    provider.gate.valid_to = date(2099, 1, 1)
    assert isinstance(provider.step(provider.open(), provider.visitor()), AskConsent)
    provider.signed_in()
    standing = provider.service.dialogs.standing
    words = standing.purposes["identity-verification"]
    words.label = "其他用途"  # type: ignore[misc]  # the words of the rule book changed
    assert isinstance(provider.step(provider.open(), provider.visitor()), AskConsent)


def test_a_guardian_of_two_children_chooses_and_each_child_is_somebody_else(quick_provider: Provider) -> None:
    provider = quick_provider
    provider.homes.rights_of[MOTHER, WANG] = FULL
    visitor, subs = provider.visitor(), []
    for subject in (LI, WANG):
        opened = provider.open()
        step = provider.step(opened, visitor)
        assert isinstance(step, ChooseChild)
        assert [one for one, _, _ in step.children] == [LI, WANG]
        provider.service.dialogs.choose(opened.id, opened.holder, visitor, subject)
        subs.append(provider.id_claims(provider.redeem(provider.agree(opened, visitor)["code"]))["sub"])
    assert len(set(subs)) == 2


def test_a_child_that_is_not_theirs_cannot_be_chosen(quick_provider: Provider) -> None:
    provider = quick_provider
    provider.homes.rights_of[MOTHER, WANG] = FULL
    provider.homes.rights_of[FATHER, LI] = FULL
    opened, father = provider.open(), provider.visitor(FATHER)
    provider.service.dialogs.choose(opened.id, opened.holder, father, WANG)
    assert provider.agree(opened, father)["code"]
    consents = provider.consents.listed(father.principal)
    assert [len(one.consents) for one in consents] == [1]
    assert all(
        not one.consents
        for one in provider.consents.listed(provider.visitor().principal)
        if one.child.subject_ref == WANG
    )


def test_a_pupil_under_fourteen_signs_in_only_under_a_guardians_consent(quick_provider: Provider) -> None:
    provider = quick_provider
    provider.homes.rights_of = {(MOTHER, WANG): FULL, (PUPIL, WANG): YOUNG}
    pupil = provider.visitor(PUPIL)
    opened = provider.open()
    step = provider.step(opened, pupil)
    assert step == Barred(Blocked.GUARDIAN_FIRST, "示例图书馆")
    # the page's form would be refused as well
    assert provider.service.dialogs.agree(opened.id, opened.holder, pupil, WANG) == step
    assert provider.consents.listed(provider.visitor().principal)[0].consents == []
    assert answer(provider.service.dialogs.decline(opened.id, opened.holder, pupil))["error"] == "access_denied"
    provider.signed_in()  # the mother consents
    assert provider.userinfo(provider.signed_in(account=PUPIL).access_token)["stage"] == "junior"


def test_at_the_hand_over_a_guardians_consent_ends_and_the_pupil_is_asked(quick_provider: Provider) -> None:
    provider = quick_provider
    token = provider.signed_in().access_token
    provider.homes.rights_of = {(MOTHER, LI): Rights(see=True, close=True), (PUPIL, LI): FULL}
    assert refused(lambda: provider.userinfo(token)) == "invalid_token"
    assert provider.step(provider.open(), provider.visitor()) == Barred(Blocked.NO_CHILD, "示例图书馆")
    assert isinstance(provider.step(provider.open(), provider.visitor(PUPIL)), AskConsent)


@pytest.mark.rule("A50-14")
def test_a_subject_is_stable_in_a_sector_and_another_in_every_other(provider: Provider) -> None:
    same = [provider.id_claims(provider.signed_in())["sub"] for _ in range(2)]
    reading = provider.id_claims(provider.signed_in("reading", redirect_uri=READING))["sub"]
    elsewhere = provider.id_claims(provider.signed_in("elsewhere", redirect_uri=ELSEWHERE))["sub"]
    museum = provider.id_claims(provider.signed_in("museum"))["sub"]
    assert {*same, reading} == {same[0]}  # one organisation, one host
    assert len({same[0], elsewhere, museum}) == 3  # another host; the same host of another organisation
    assert all(len(sub) == 43 for sub in (same[0], elsewhere, museum))


@pytest.mark.rule("A50-14")
def test_a_withdrawn_consent_ends_its_tokens_at_once_and_the_subject_is_forgotten(provider: Provider) -> None:
    tokens = provider.signed_in()
    code = provider.code()
    guardian = provider.visitor().principal
    (one,) = provider.consents.listed(guardian)
    assert [(c.client, c.organisation, c.claims) for c in one.consents] == [
        ("cl-library", "示例图书馆", frozenset({"stage", "school_name", "age_over_14"}))
    ]
    provider.consents.withdraw(guardian, LI, AccountId("cl-library"))
    assert refused(lambda: provider.userinfo(tokens.access_token)) == "invalid_token"
    assert refused(lambda: provider.redeem(code)) == "invalid_grant"
    assert provider.consents.listed(guardian)[0].consents == []
    entry = next(e for e in provider.house.journal.entries if e.kind == "identity.consent_withdrawn")
    assert (entry.facts["ended"], entry.subjects) == (2, (LI,))
    assert provider.id_claims(provider.signed_in())["sub"] != provider.id_claims(tokens)["sub"]


def test_a_sector_keeps_its_subject_while_another_client_of_it_has_a_consent(quick_provider: Provider) -> None:
    provider = quick_provider
    sub = provider.id_claims(provider.signed_in())["sub"]
    reading = provider.signed_in("reading", redirect_uri=READING)
    provider.consents.withdraw(provider.visitor().principal, LI, AccountId("cl-library"))
    assert provider.userinfo(reading.access_token)["sub"] == sub
    provider.consents.withdraw(provider.visitor().principal, LI, AccountId("cl-reading"))
    assert provider.id_claims(provider.signed_in())["sub"] != sub


def test_nobody_withdraws_for_a_child_that_is_not_theirs(quick_provider: Provider) -> None:
    provider = quick_provider
    token = provider.signed_in().access_token
    provider.homes.rights_of[FATHER, WANG] = FULL
    provider.homes.rights_of[PUPIL, LI] = YOUNG
    for account in (FATHER, PUPIL):
        with pytest.raises(NotFoundError):
            provider.consents.withdraw(provider.visitor(account).principal, LI, AccountId("cl-library"))
    assert provider.userinfo(token)["sub"]


@pytest.mark.rule("A50-15")
@pytest.mark.parametrize(("state", "kept"), [("withdrawn", False), ("deceased", False), ("suspended", True)])
def test_a_record_that_leaves_active_ends_sign_ins_and_its_end_forgets_everything(
    provider: Provider, state: str, kept: bool
) -> None:
    tokens = provider.signed_in()
    provider.house.pupils.rows[LI]["state"] = state
    assert refused(lambda: provider.userinfo(tokens.access_token)) == "invalid_token"  # before the worker comes
    assert provider.keeper.record_changed([WANG, LI], state) == 1
    entries = len(provider.house.journal.entries)
    assert provider.house.last().subjects == (LI,)  # and nobody who was signed in nowhere
    assert provider.keeper.record_changed([LI, WANG], state) == 0
    assert provider.keeper.record_changed([WANG], state) == 0
    assert len(provider.house.journal.entries) == entries  # nothing more happened, nothing more is written
    provider.house.pupils.rows[LI]["state"] = "active"
    assert refused(lambda: provider.userinfo(tokens.access_token)) == "invalid_token"
    step = provider.step(provider.open(), provider.visitor())
    assert isinstance(step, AskConsent) is not kept
    sub = provider.id_claims(provider.signed_in())["sub"]
    assert (sub == provider.id_claims(tokens)["sub"]) is kept


@pytest.mark.rule("A50-15")
def test_an_inactive_record_signs_nobody_in(quick_provider: Provider) -> None:
    provider = quick_provider
    code = provider.code()
    provider.house.pupils.rows[LI]["state"] = "suspended"
    assert refused(lambda: provider.redeem(code)) == "invalid_grant"
    assert provider.reasons()[-1] == "record"
    assert provider.step(provider.open(), provider.visitor()) == Barred(Blocked.NO_CHILD, "示例图书馆")


def test_prompt_none_answers_without_a_page_or_not_at_all(quick_provider: Provider) -> None:
    provider = quick_provider

    def silent(visitor: Visitor | None, **changes: Any) -> dict[str, str]:  # noqa: ANN401  parameters as they are sent
        pushed = provider.push(prompt="none", **changes)
        return answer(provider.service.dialogs.open("cl-library", pushed.request_uri, visitor))

    assert silent(None)["error"] == "login_required"
    assert silent(provider.visitor())["error"] == "consent_required"
    provider.signed_in()
    told = silent(provider.visitor())
    assert (told["state"], told["iss"]) == ("state-1", ISSUER)
    assert provider.id_claims(provider.redeem(told["code"]))["nonce"] == "nonce-1"
    assert silent(provider.visitor(), max_age="0")["code"]  # signed in this very moment
    late = provider.visitor()
    provider.house.clock.pass_by(seconds=11)
    assert silent(late, max_age="10")["error"] == "login_required"
    provider.homes.rights_of[MOTHER, WANG] = FULL
    assert silent(provider.visitor())["error"] == "account_selection_required"


def test_login_and_max_age_want_a_fresh_sign_in_and_auth_time_tells_when(quick_provider: Provider) -> None:
    provider = quick_provider
    visitor = provider.visitor()
    provider.house.clock.pass_by(minutes=5)
    wishes: tuple[dict[str, Any], ...] = ({"prompt": "login"}, {"max_age": "60"}, {"max_age": "0"})
    for changes in wishes:
        opened = provider.open(**changes)
        assert isinstance(provider.step(opened, visitor), SignInNeeded), changes
        assert isinstance(provider.service.dialogs.agree(opened.id, opened.holder, visitor, LI), SignInNeeded)
        assert isinstance(provider.step(opened, None), SignInNeeded)
        fresh = provider.visitor()
        assert isinstance(provider.step(opened, fresh), AskConsent)
    opened = provider.open(max_age="600")
    claims = provider.id_claims(provider.redeem(provider.agree(opened, visitor)["code"]))
    assert claims["auth_time"] == int(visitor.signed_in_at.timestamp())
    assert claims["iat"] - claims["auth_time"] >= 300


def test_a_session_of_the_same_second_is_not_a_fresh_sign_in(quick_provider: Provider) -> None:
    opened = quick_provider.open(prompt="login")
    visitor = quick_provider.visitor()  # the clock stands still: as old as the request
    assert isinstance(quick_provider.step(opened, visitor), SignInNeeded)
    assert isinstance(quick_provider.step(opened, None), SignInNeeded)
    assert isinstance(quick_provider.step(opened, visitor), AskConsent)


def test_a_hint_chooses_the_child_and_nobody_else_is_answered(quick_provider: Provider) -> None:
    provider = quick_provider
    tokens = provider.signed_in()
    provider.homes.rights_of[MOTHER, WANG] = FULL
    hinted = provider.step(provider.open(id_token_hint=tokens.id_token), provider.visitor())
    assert provider.id_claims(provider.redeem(answer(hinted)["code"]))["sub"] == provider.id_claims(tokens)["sub"]
    provider.homes.rights_of = {(FATHER, WANG): FULL}
    opened = provider.open(id_token_hint=tokens.id_token)
    assert provider.agree(opened, provider.visitor(FATHER))["error"] == "login_required"


def test_a_token_bound_to_a_key_serves_that_key_alone(quick_provider: Provider) -> None:
    provider, key = quick_provider, ECKey.generate_key("P-256")
    provider.clients["library"] = bound(provider.clients["library"])
    at = f"{ISSUER}/oauth/token"
    assert refused(lambda: provider.redeem(provider.code())) == "invalid_dpop_proof"
    tokens = provider.redeem(provider.code(), shown=Shown(dpop_proof(key, "POST", at), "POST", at))
    assert tokens.bound
    info, token = f"{ISSUER}/oauth/userinfo", tokens.access_token
    assert refused(lambda: provider.userinfo(token)) == "invalid_token"
    proof = dpop_proof(key, "GET", info, token)
    assert provider.userinfo(token, "dpop", proof)["sub"]
    assert refused(lambda: provider.userinfo(token, "dpop", proof)) == "invalid_dpop_proof"
    thief = dpop_proof(ECKey.generate_key("P-256"), "GET", info, token)
    assert refused(lambda: provider.userinfo(token, "dpop", thief)) == "invalid_dpop_proof"


def test_a_code_that_was_asked_for_with_a_key_is_redeemed_with_it(quick_provider: Provider) -> None:
    provider, key = quick_provider, ECKey.generate_key("P-256")
    par, at = f"{ISSUER}/oauth/par", f"{ISSUER}/oauth/token"

    def redeem(code: str, proof: str | None) -> object:
        return provider.redeem(code, shown=Shown(proof, "POST", at))

    by_proof: dict[str, Any] = {"shown": Shown(dpop_proof(key, "POST", par), "POST", par)}
    for changes in ({"dpop_jkt": key.thumbprint()}, by_proof):
        code = provider.code(**changes)
        assert refused(lambda: redeem(code, None)) == "invalid_dpop_proof"  # noqa: B023
    other = dpop_proof(ECKey.generate_key("P-256"), "POST", at)
    code = provider.code(dpop_jkt=key.thumbprint())
    assert refused(lambda: redeem(code, other)) == "invalid_grant"
    assert refused(lambda: provider.push(**by_proof)) == "invalid_dpop_proof"  # it was used
    fresh = Shown(dpop_proof(key, "POST", par), "POST", par)
    assert refused(lambda: provider.push(shown=fresh, dpop_jkt="A" * 43)) == "invalid_request"
    tokens = redeem(provider.code(dpop_jkt=key.thumbprint()), dpop_proof(key, "POST", at))
    assert tokens.bound  # type: ignore[attr-defined]


def test_a_sign_out_ends_the_tokens_of_its_sign_in_and_no_other(provider: Provider) -> None:
    first, second = provider.signed_in(), provider.signed_in()
    desk = provider.service.signing_out
    leaving = desk.leaving(first.id_token, "cl-library", AFTER, "s&1")
    assert desk.leave(leaving, provider.visitor().principal).location == f"{AFTER}?state=s%261"
    assert refused(lambda: provider.userinfo(first.access_token)) == "invalid_token"
    assert provider.userinfo(second.access_token)["sub"]
    assert desk.leave(leaving, None).location is not None  # once more is no error
    assert [e.facts["ended"] for e in provider.house.journal.entries if e.kind == "identity.signed_out"] == [1, 0]


def test_what_is_over_for_a_day_is_forgotten(provider: Provider) -> None:
    provider.signed_in()
    provider.push()
    provider.house.clock.pass_by(hours=23)
    assert provider.keeper.sweep() == 0
    provider.house.clock.pass_by(hours=2)
    assert provider.keeper.sweep() == 2
    assert provider.consents.listed(provider.visitor().principal)[0].consents  # consents stay


def test_two_parties_with_hundreds_of_pupils_join_no_better_than_chance(quick_provider: Provider) -> None:
    """Neither equality nor order nor closeness of the subjects says who is who."""
    provider, count = quick_provider, 1000
    new_sub, store = provider.service.dialogs.new_sub, provider.store
    pupils = [SubjectRef(f"{n:032x}") for n in range(count)]

    def write(tx: Tx) -> None:
        for sector in ("one", "two"):
            for pupil in pupils:
                store.add_sub(tx, sector, pupil, new_sub())

    EngineScratch(provider.house.engine).write(write)
    read = provider.house.service.reader.read

    def told(sector: str) -> list[str]:
        return read(lambda tx: [str(store.sub_of(tx, sector, pupil)) for pupil in pupils])

    one, two = told("one"), told("two")
    assert len({*one, *two}) == 2 * count
    ranks = [sorted(range(count), key=subs.__getitem__) for subs in (one, two)]
    # by chance one match is expected; a dozen come about once in ten thousand million runs
    assert sum(left == right for left, right in zip(*ranks, strict=True)) < 12
    same = sum(left[:1] == right[:1] for left, right in zip(one, two, strict=True))
    assert same < count / 64 + 40


def test_a_code_that_two_redeem_at_once_gives_no_token_that_lasts(provider: Provider) -> None:
    """Whoever came second, and whichever of the two was the thief: nothing that the code gave stays good."""
    provider.signed_in()
    code, barrier = provider.code(), Barrier(2)

    def redeem() -> str | None:
        barrier.wait()
        try:
            return provider.redeem(code).access_token
        except SignInRefusedError:
            return None

    with ThreadPoolExecutor(2) as pool:
        given = [one.result() for one in [pool.submit(redeem) for _ in range(2)]]
    assert given.count(None) >= 1
    for token in given:
        if token is not None:
            assert refused(provider.userinfo, token) == "invalid_token"


def test_staff_are_no_family(quick_provider: Provider) -> None:
    provider = quick_provider
    visitor = provider.visitor(AccountId("st-1"))
    staff = replace(visitor, principal=replace(visitor.principal, kind=AccountKind.STAFF))
    assert provider.step(provider.open(), staff) == Barred(Blocked.NO_CHILD, "示例图书馆")
    assert LIBRARY in provider.gate.granted
    assert CALLBACK in provider.clients["library"].sign_in.redirect_uris
