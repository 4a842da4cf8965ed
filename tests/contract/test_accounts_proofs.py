"""Sender-constrained tokens (RFC 9449) on both databases: bound, shown with their key, worth nothing without it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from gateway.accounts.dpop import Shown
from gateway.accounts.errors import BoundTokenError, ClientAuthenticationError, InvalidTokenError, ProofRefusedError
from tests.factories.accounts import ISSUER, House, Program, Prover, make_house

URI = f"{ISSUER}/v1/grants"
TOKENS = f"{ISSUER}/oauth/token"


@pytest.fixture
def house(tables_url: str) -> Iterator[House]:
    built = make_house(tables_url)
    yield built
    built.close()


def shown(header: str | None) -> Shown:
    return Shown(header, "GET", URI)


def refused(house: House, token: str, header: str | None) -> str:
    with pytest.raises(ProofRefusedError) as error:
        house.tokens.principal_of_token(token, shown(header))
    return error.value.reason


def test_a_bound_token_holds_with_a_fresh_proof_of_its_key_each_time(house: House) -> None:
    program = Program(house, dpop_required=True)
    token = program.token("applicant", bound=True)
    assert token.token_type == "DPoP"
    claims = house.tokens.inspect(token.value)
    assert claims is not None
    assert claims.jkt == program.prover.jkt
    for _ in range(2):
        proof = program.prover.proof("GET", URI, token.value)
        assert house.tokens.principal_of_token(token.value, shown(proof)).account == program.id
    assert house.journal.last("account.token_issued").facts["bound"] is True
    assert "account.token_refused" not in house.journal.kinds()


def test_a_stolen_token_without_its_key_is_worth_nothing_and_the_try_is_recorded(house: House) -> None:
    program = Program(house)
    token = program.token("applicant", bound=True).value
    with pytest.raises(BoundTokenError):
        house.tokens.principal_of_token(token)
    entry = house.journal.last("account.token_refused")
    claims = house.tokens.inspect(token)
    assert claims is not None
    assert (entry.actor, entry.outcome) == (None, "refused")
    assert entry.facts == {"account": program.id, "reason": "bearer", "jti": claims.jti}
    thief = Prover(house.clock)
    assert refused(house, token, None) == "missing"
    assert refused(house, token, thief.proof("GET", URI, token)) == "binding"
    assert refused(house, token, program.prover.proof("POST", URI, token)) == "method"
    assert refused(house, token, program.prover.proof("GET", f"{ISSUER}/v1/me/permissions", token)) == "uri"
    assert refused(house, token, program.prover.proof("GET", URI, "another.access.token")) == "token"
    assert [entry.facts["reason"] for entry in house.journal.entries if entry.kind == "account.token_refused"] == [
        "bearer", "missing", "binding", "method", "uri", "token",
    ]  # fmt: skip


def test_a_proof_serves_once_also_side_by_side(house: House) -> None:
    program = Program(house)
    token = program.token("applicant", bound=True).value
    proof = program.prover.proof("GET", URI, token)

    def show(_: int) -> str:
        try:
            house.tokens.principal_of_token(token, shown(proof))
        except ProofRefusedError as error:
            return error.reason
        return "held"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(show, range(4))) == ["held", "replayed", "replayed", "replayed"]


def test_two_keys_may_use_the_same_jti(house: House) -> None:
    for program in (Program(house), Program(house)):
        token = program.token("applicant", bound=True).value
        proof = program.prover.proof("GET", URI, token, jti="1")
        assert house.tokens.principal_of_token(token, shown(proof)).account == program.id


def test_a_proof_that_does_not_hold_is_not_stored(house: House) -> None:
    """Strangers cannot fill the store: a proof is kept after everything else held."""
    program = Program(house)
    token = program.token("applicant", bound=True).value
    for header in (Prover(house.clock).proof("GET", URI, token), program.prover.proof("POST", URI, token)):
        with pytest.raises(ProofRefusedError):
            house.tokens.principal_of_token(token, shown(header))
    with pytest.raises(InvalidTokenError):
        house.tokens.principal_of_token("x.y.z", shown(program.prover.proof("GET", URI, "x.y.z")))
    with house.engine.connect() as connection:
        assert connection.execute(text("SELECT COUNT(*) FROM account_proofs")).scalar_one() == 1


def test_a_bearer_token_under_the_scheme_dpop_is_refused(house: House) -> None:
    program = Program(house)
    token = program.token("applicant").value
    with pytest.raises(InvalidTokenError):
        house.tokens.principal_of_token(token, shown(program.prover.proof("GET", URI, token)))


def test_a_client_whose_tokens_must_be_bound_gets_none_without_a_proof(house: House) -> None:
    program = Program(house, dpop_required=True)
    with pytest.raises(ProofRefusedError) as absent:
        program.token("applicant")
    assert absent.value.reason == "missing"
    for proof in (
        program.prover.proof("POST", f"{ISSUER}/oauth/introspect"),
        program.prover.proof("POST", TOKENS, iat=int((house.clock() - timedelta(seconds=61)).timestamp())),
    ):
        with pytest.raises(ProofRefusedError):
            program.token("applicant", proof=proof)
    assert [entry.facts["reason"] for entry in house.journal.entries if entry.kind == "account.token_refused"] == [
        "missing", "uri", "time",
    ]  # fmt: skip
    assert "account.token_issued" not in house.journal.kinds()


def test_a_proof_replayed_at_the_token_endpoint_gets_no_second_token(house: House) -> None:
    program = Program(house)
    proof, assertion = program.prover.proof("POST", TOKENS), program.assertion()
    assert program.token(proof=proof).bound
    with pytest.raises(ProofRefusedError) as again:
        program.token(proof=proof, assertion=assertion)
    assert again.value.reason == "replayed"
    assert house.journal.kinds().count("account.token_issued") == 1
    with pytest.raises(ClientAuthenticationError):  # the assertion that came with it is spent
        program.token(assertion=assertion)
    assert house.journal.entries[-1].facts["reason"] == "replayed"


def test_a_client_learns_of_its_proof_only_after_it_proved_itself(house: House) -> None:
    program = Program(house)
    with pytest.raises(ClientAuthenticationError):
        program.token(proof="x", assertion=program.assertion(aud="https://evil.example"))


def test_a_bound_token_is_revoked_as_any_other(house: House) -> None:
    program = Program(house)
    token = program.token("applicant", bound=True).value
    claims = house.tokens.inspect(token)
    assert claims is not None
    client = house.tokens.authenticate_client(program.asked().assertion_type, program.assertion())
    house.tokens.revoke(client, claims)
    with pytest.raises(InvalidTokenError):
        house.tokens.principal_of_token(token, shown(program.prover.proof("GET", URI, token)))


def test_a_clock_that_moves_neither_frees_a_proof_nor_takes_an_old_one(house: House) -> None:
    program = Program(house)
    token = program.token("applicant", bound=True).value
    proof = program.prover.proof("GET", URI, token)
    house.tokens.principal_of_token(token, shown(proof))
    house.clock.turn(minutes=50)
    house.tokens.purge()
    house.clock.turn(minutes=-50)
    assert refused(house, token, proof) == "replayed"
    house.clock.turn(seconds=61)
    assert (
        refused(house, token, program.prover.proof("GET", URI, token, iat=int(house.clock().timestamp()) - 61))
        == "time"
    )
