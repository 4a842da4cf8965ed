"""What a wallet, or who plays one, may try at a request; each is refused, and the wallet is told nothing of why."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sqlalchemy import delete

from gateway.errors import UnavailableError
from gateway.identity import holder, jws, sd_jwt
from gateway.identity.errors import Reason
from gateway.identity.presenting.records import LIFE, PresentationId, State
from gateway.identity.store import credentials
from tests.factories import identity, presenting
from tests.factories.identity import LI, LIBRARY, PARTY, WANG
from tests.factories.presenting import Desk, encrypted

house, desk = identity.house, presenting.desk


@pytest.fixture
def tables_url(sqlite_tables_url: str) -> str:
    """One kind of database is enough here: what both must do alike is in ``test_presenting``."""
    return sqlite_tables_url


def test_a_presentation_for_another_nonce_is_refused(desk: Desk) -> None:
    asked = desk.ask()
    assert asked.reason(asked.form(asked.show(desk.house.wallet(), nonce="n-other"))) == Reason.WRONG_NONCE


def test_a_presentation_for_another_verifier_is_refused(desk: Desk) -> None:
    for audience in (str(LIBRARY), "x509_hash:other", desk.service.certificate.client_id.removeprefix("x509_hash:")):
        asked = desk.ask()
        form = asked.form(asked.show(desk.house.wallet(), audience=audience))
        assert asked.reason(form) == Reason.WRONG_AUDIENCE


def test_what_was_shown_to_a_request_is_answered_at_no_other_door(desk: Desk) -> None:
    asked = desk.ask("stage")
    shown = asked.show(desk.house.wallet())
    client_id, nonce = desk.service.certificate.client_id, str(asked.payload["nonce"])
    with pytest.raises(Exception, match="audience is not yours"):
        desk.house.ask(shown, "stage", audience=client_id, nonce=nonce)


def test_a_response_that_is_sent_twice_is_answered_once(desk: Desk) -> None:
    asked = desk.ask("stage")
    form = asked.form(asked.show(desk.house.wallet()))
    assert asked.send(form)
    assert not asked.send(form)
    told = desk.told(asked)
    assert (told.state, told.claims) == (State.ANSWERED, {"stage": "junior"})
    assert not asked.send(form)
    assert desk.house.gate.asked == 1


def test_a_response_after_the_request_expired_is_refused(desk: Desk) -> None:
    asked = desk.ask("stage")
    form = asked.form(asked.show(desk.house.wallet()))
    desk.house.clock.pass_by(seconds=LIFE.total_seconds())
    assert not asked.send(form)
    assert (desk.told(asked).state, desk.house.gate.asked) == (State.EXPIRED, 0)


def test_a_response_to_another_request_is_refused(desk: Desk) -> None:
    first, second = desk.ask("stage"), desk.ask("stage")
    form = first.form(first.show(desk.house.wallet()))
    assert not second.send(form)
    assert desk.told(second).state is State.FETCHED  # who does not know its state does not end it
    assert second.reason({**form, "state": [str(second.payload["state"])]}) == Reason.WRONG_NONCE
    assert first.send(form)


def test_a_response_to_a_request_that_never_was_is_refused(desk: Desk) -> None:
    asked = desk.ask("stage")
    form = asked.form(asked.show(desk.house.wallet()))
    assert not desk.service.respond(PresentationId("pr-" + "0" * 32), form)


@pytest.mark.parametrize("mode", ["direct_post", "direct_post.jwt"])
@pytest.mark.parametrize("state", ["", "other", "\ud800", "汉字"])
def test_a_response_with_another_state_changes_nothing(desk: Desk, mode: str, state: str) -> None:
    asked = desk.ask("stage", mode=mode)
    shown = asked.show(desk.house.wallet())
    assert not asked.send(asked.form(shown, state=state))
    assert desk.told(asked).state is State.FETCHED
    assert asked.send(asked.form(shown))


def test_a_response_without_state_changes_nothing(desk: Desk) -> None:
    asked = desk.ask("stage")
    form = asked.form(asked.show(desk.house.wallet()))
    for cheat in ({}, {"vp_token": form["vp_token"]}, {**form, "state": form["state"] * 2}):
        assert not asked.send(cheat)
    assert desk.told(asked).state is State.FETCHED


def test_an_altered_disclosure_is_refused(desk: Desk) -> None:
    asked = desk.ask("age_over_14")
    parts = sd_jwt.split(asked.show(desk.house.wallet()))
    salt, name, value = json.loads(jws.decode(parts.disclosures[0]))
    forged = jws.encode(json.dumps([salt, name, not value]).encode())
    cheat = sd_jwt.Parts(parts.issuer_jwt, (forged,), "").sd_jwt + parts.key_binding
    # the issuer's digests are looked at before the holder's signature over them
    assert asked.reason(asked.form(cheat)) == Reason.UNREFERENCED_DISCLOSURE


def test_a_missing_claim_is_refused(desk: Desk) -> None:
    asked = desk.ask("stage", "age_over_14")
    assert asked.reason(asked.form(asked.show(desk.house.wallet(), "stage"))) == Reason.MISSING_CLAIM


def test_a_claim_too_many_is_not_told(desk: Desk) -> None:
    asked = desk.ask("stage")
    assert asked.send(asked.form(asked.show(desk.house.wallet(), "stage", "grade", "school_name")))
    assert desk.told(asked).claims == {"stage": "junior"}


@pytest.mark.parametrize("mode", ["direct_post", "direct_post.jwt"])
def test_an_extra_credential_is_refused(desk: Desk, mode: str) -> None:
    wallet = desk.house.wallet(count=6)
    for names in (("student", "student"), ("student", "guardian"), ("guardian",)):
        asked = desk.ask("stage", mode=mode)
        token: dict[str, list[str]] = {}
        for name in names:
            token.setdefault(name, []).append(asked.show(wallet))
        assert asked.reason(asked.form(token)) == "not_what_was_asked"


def test_a_presentation_without_key_binding_is_refused(desk: Desk) -> None:
    asked = desk.ask("stage")
    parts = sd_jwt.split(asked.show(desk.house.wallet()))
    assert asked.reason(asked.form(sd_jwt.Parts(parts.issuer_jwt, parts.disclosures, "").sd_jwt)) == (
        Reason.KEY_BINDING_MISSING
    )


def test_a_presentation_bound_by_another_key_is_refused(desk: Desk) -> None:
    asked = desk.ask("stage")
    wallet = desk.house.wallet()
    wallet.held[0] = (wallet.held[0][0], holder.make_key())
    assert asked.reason(asked.form(asked.show(wallet))) == Reason.KEY_BINDING_SIGNATURE


@pytest.mark.parametrize(
    "token",
    ["", "null", "[]", '"x"', '{"student": "x"}', '{"student": []}', '{"student": [1]}', '{"student": [{}]}', "{",
     '{"student": ["a"], "student": ["b"]}', "\ud800", "[" * 5000],
)  # fmt: skip
def test_a_vp_token_of_another_shape_is_refused(desk: Desk, token: str) -> None:
    asked = desk.ask("stage")
    assert asked.reason({"vp_token": [token], "state": [str(asked.payload["state"])]}) == "not_what_was_asked"


def test_a_response_with_members_too_many_is_refused(desk: Desk) -> None:
    for build in (
        lambda form: {**form, "presentation_submission": ["{}"]},
        lambda form: {**form, "vp_token": form["vp_token"] * 2},
        lambda form: {"state": form["state"]},
    ):
        asked = desk.ask("stage")
        assert asked.reason(build(asked.form(asked.show(desk.house.wallet())))) == "malformed_response"


def test_an_answer_in_clear_where_an_encrypted_one_was_asked_for_is_refused(desk: Desk) -> None:
    asked = desk.ask("stage", mode="direct_post.jwt")
    token = json.dumps({"student": [asked.show(desk.house.wallet())]})
    assert asked.reason({"vp_token": [token], "state": [str(asked.payload["state"])]}) == "not_encrypted"


def test_what_does_not_open_with_the_key_of_the_request_changes_nothing(desk: Desk) -> None:
    first, second = desk.ask("stage", mode="direct_post.jwt"), desk.ask("stage", mode="direct_post.jwt")
    members = {"vp_token": {"student": [first.show(desk.house.wallet())]}, "state": str(first.payload["state"])}
    good = encrypted(first.payload, members)
    cheats = ["", "a.b.c.d.e", good[:-4] + "AAAA", encrypted(second.payload, members), good + ".", "汉字", "." * 4]
    cheats += [encrypted(first.payload, [members]), encrypted(first.payload, members, enc="A128CBC-HS256")]
    cheats += [encrypted(first.payload, members, zip="DEF"), "A" * 200_000]
    for cheat in cheats:
        assert not first.send({"response": [cheat]})
    plain = desk.ask("stage")
    assert not plain.send({"response": [good]})
    assert desk.told(first).state is desk.told(plain).state is State.FETCHED
    assert first.send({"response": [good]})


def test_the_holder_may_decline_and_the_asker_is_told(desk: Desk) -> None:
    for mode in ("direct_post", "direct_post.jwt"):
        asked = desk.ask("stage", mode=mode)
        state = str(asked.payload["state"])
        assert asked.send({"error": ["access_denied"], "error_description": ["no"], "state": [state]})
        assert (desk.told(asked).state, desk.told(asked).reason) == (State.REFUSED, "declined")
        assert not asked.send(asked.form(asked.show(desk.house.wallet())))
    asked = desk.ask("stage", mode="direct_post.jwt")
    members = {"error": "wallet_unavailable", "state": asked.payload["state"]}
    assert asked.send({"response": [encrypted(asked.payload, members)]})
    assert desk.told(asked).reason == "wallet_error"
    assert desk.house.gate.asked == 0


def test_a_credential_that_ended_or_that_nobody_knows_is_refused_alike(desk: Desk) -> None:
    """The wallet sees one answer for all; the asker's reason is finer, and no claim is told."""
    revoked, gone, unknown = desk.house.wallet(LI), desk.house.wallet(WANG), desk.house.wallet(WANG)
    reasons: list[str | None] = []
    keys = [jws.thumbprint(jws.public_jwk(key)) for _, key in unknown.held]
    with desk.house.engine.begin() as connection:
        connection.execute(delete(credentials).where(credentials.c.holder_thumbprint.in_(keys)))
    desk.house.service.set_status_by_subject(LI, "withdrawn")
    del desk.house.pupils.rows[WANG]
    for wallet in (revoked, gone, unknown):
        asked = desk.ask("stage")
        reasons.append(asked.reason(asked.form(asked.show(wallet))))
    assert reasons == [Reason.REVOKED, Reason.RECORD_NOT_ACTIVE, Reason.UNKNOWN_CREDENTIAL]


def test_a_credential_serves_one_request(desk: Desk) -> None:
    first, second = desk.ask("stage"), desk.ask("stage")
    wallet = desk.house.wallet(count=1)
    shown = first.show(wallet)
    assert first.send(first.form(shown))
    assert second.reason(second.form(shown)) == Reason.WRONG_NONCE


def test_when_a_part_is_gone_the_asker_is_told_to_try_again(desk: Desk) -> None:
    class Gone:
        def verify_online(self, *_given: object, **_named: object) -> None:
            raise UnavailableError("The worker does not answer.")

    asked = desk.ask("stage")
    service = replace(desk.service, verifier=Gone())  # type: ignore[arg-type]  # answers nothing
    assert not service.respond(asked.id, asked.form(asked.show(desk.house.wallet())))
    assert desk.service.progress(asked.id, PARTY).reason == "unavailable"
