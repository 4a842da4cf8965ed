"""Client assertions and access tokens, on both databases with the real journal."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from gateway.accounts.errors import ClientAuthenticationError, InvalidTokenError, ScopeRefusedError
from gateway.accounts.records import OAuthClient
from gateway.accounts.tokens import ASSERTION_TYPE, TokenService
from gateway.errors import ConfigurationError
from gateway.ids import AccountId
from gateway.principals import AccountKind, Principal, Role
from tests.factories.accounts import ADMINISTRATOR, ISSUER, PARAMETERS, RECIPIENT, House, Program, make_house


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    built = make_house(database_url)
    yield built
    built.close()


def proven(house: House, program: Program) -> OAuthClient:
    return house.tokens.authenticate_client(ASSERTION_TYPE, program.assertion())


def unsigned(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none", "kid": "k1"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


def by_a_secret(program: Program) -> str:
    pem = program.key.as_pem(private=False)
    return jwt.encode({"alg": "HS256", "kid": "k1"}, program.claims(), OctKey.import_key(base64.b64encode(pem)))


BAD: list[tuple[str, str, Callable[[Program], str]]] = [
    ("alg none", "signature", lambda p: unsigned(p.claims())),
    ("HS256 with the public key", "signature", by_a_secret),
    ("a stranger's key", "signature", lambda p: p.assertion(key=ECKey.generate_key("P-256"))),
    ("an unknown kid", "signature", lambda p: p.assertion(header={"kid": "k9"})),
    ("altered", "signature", lambda p: p.assertion()[:-8] + "AAAAAAAA"),
    ("an unknown client", "unknown_client", lambda p: p.assertion(sub="cl-nobody", iss="cl-nobody")),
    ("no subject", "unknown_client", lambda p: p.assertion(sub=None)),
    ("a subject that is no text", "unknown_client", lambda p: p.assertion(sub=[p.id])),
    ("a subject no database takes", "unknown_client", lambda p: p.assertion(sub="cl-\x00", iss="cl-\x00")),
    ("another issuer", "issuer", lambda p: p.assertion(iss="cl-other")),
    ("another audience", "audience", lambda p: p.assertion(aud="https://evil.example")),
    ("two audiences", "audience", lambda p: p.assertion(aud=[ISSUER, "https://evil.example"])),
    ("the token endpoint as audience", "audience", lambda p: p.assertion(aud=f"{ISSUER}/oauth/token")),
    ("no audience", "audience", lambda p: p.assertion(aud=None)),
    ("expiry far ahead", "times", lambda p: p.assertion(exp=p.claims()["iat"] + 301)),
    ("expiry in ten years", "times", lambda p: p.assertion(exp=p.claims()["iat"] + 315360000)),
    ("issued in the future", "times", lambda p: p.assertion(iat=p.claims()["iat"] + 31, exp=p.claims()["iat"] + 60)),
    ("no expiry", "times", lambda p: p.assertion(exp=None)),
    ("no time of issue", "times", lambda p: p.assertion(iat=None)),
    ("times that are no numbers", "times", lambda p: p.assertion(iat=True, exp="9999999999")),
    ("infinite expiry", "times", lambda p: p.assertion(exp=float("inf"))),
    ("expired", "expired", lambda p: p.assertion(iat=p.claims()["iat"] - 90, exp=p.claims()["iat"] - 30)),
    ("not yet valid", "expired", lambda p: p.assertion(nbf=p.claims()["iat"] + 31)),
    ("no jti", "jti", lambda p: p.assertion(jti=None)),
    ("an empty jti", "jti", lambda p: p.assertion(jti="")),
    ("a jti that is no text", "jti", lambda p: p.assertion(jti=7)),
    ("no JWT at all", "unknown_client", lambda p: "abc"),
    ("not even ASCII", "unknown_client", lambda p: "学籍.学籍.学籍"),
    ("an overlong one", "no_assertion", lambda p: p.assertion(padding="x" * 9000)),
]


def test_a_bad_assertion_is_refused_with_one_text_and_its_cause_is_in_the_trail(house: House) -> None:
    program = Program(house)
    texts = set()
    for name, reason, make in BAD:
        with pytest.raises(ClientAuthenticationError) as refused:
            house.tokens.authenticate_client(ASSERTION_TYPE, make(program))
        texts.add((refused.value.detail, refused.value.detail_zh, refused.value.missing))
        assert (name, house.journal.entries[-1].facts["reason"]) == (name, reason)
        assert house.journal.entries[-1].kind == "account.login_failed"
    with pytest.raises(ClientAuthenticationError) as absent:
        house.tokens.authenticate_client(None, None)
    texts.add((absent.value.detail, absent.value.detail_zh, absent.value.missing))
    assert len(texts) == 1
    assert "account.login" not in house.journal.kinds()


def test_a_good_assertion_proves_the_client_once(house: House) -> None:
    program = Program(house)
    for audience in (ISSUER, [ISSUER]):
        assertion = program.assertion(aud=audience)
        assert house.tokens.authenticate_client(ASSERTION_TYPE, assertion, program.id).account.id == program.id
        with pytest.raises(ClientAuthenticationError):
            house.tokens.authenticate_client(ASSERTION_TYPE, assertion, program.id)
        assert house.journal.entries[-1].facts["reason"] == "replayed"
    with pytest.raises(ClientAuthenticationError):
        house.tokens.authenticate_client(ASSERTION_TYPE, program.assertion(), "cl-another")
    single = Program(house, kid=None)
    assert (
        house.tokens.authenticate_client(ASSERTION_TYPE, single.assertion(header={"typ": "JWT"})).account.id
        == single.id
    )


def test_of_requests_side_by_side_with_one_assertion_one_is_served(house: House) -> None:
    program = Program(house)
    assertion = program.assertion()

    def present(_: int) -> bool:
        try:
            house.tokens.authenticate_client(ASSERTION_TYPE, assertion)
        except ClientAuthenticationError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(present, range(4))) == 1


def test_two_clients_may_use_the_same_jti(house: House) -> None:
    for program in (Program(house), Program(house)):
        assert house.tokens.authenticate_client(ASSERTION_TYPE, program.assertion(jti="1")).account.id == program.id


def test_a_token_is_rfc_9068_for_300_seconds_and_names_its_roles(house: House) -> None:
    program = Program(house, Role.APPLICANT, Role.RELYING_PARTY)
    token = house.tokens.issue(proven(house, program), "relying_party")
    assert (token.expires_in, token.scope) == (300, "relying_party")
    key = ECKey.import_key({**house.tokens.jwks()["keys"][0]})
    decoded = jwt.decode(token.value, key, algorithms=["ES256"])
    assert (decoded.header["typ"], decoded.header["kid"]) == ("at+jwt", key.kid)
    assert decoded.claims["aud"] == decoded.claims["iss"] == ISSUER
    assert decoded.claims["sub"] == decoded.claims["client_id"] == program.id
    assert decoded.claims["exp"] - decoded.claims["iat"] == 300
    assert house.tokens.principal_of_token(token.value) == Principal(
        program.id, AccountKind.CLIENT, frozenset({Role.RELYING_PARTY}), recipient=RECIPIENT, assurance=2
    )
    assert house.journal.last("account.token_issued").facts["jti"] == decoded.claims["jti"]
    assert token.value not in repr(token)


def test_a_scope_in_excess_or_empty_is_refused_and_not_narrowed(house: House) -> None:
    client = proven(house, Program(house))
    for scope in ("", " ", "applicant inspector", "everything", "approving_officer"):
        with pytest.raises(ScopeRefusedError):
            house.tokens.issue(client, scope)
    assert "account.token_issued" not in house.journal.kinds()


def test_a_role_taken_away_is_gone_from_tokens_in_use(house: House) -> None:
    program = Program(house, Role.APPLICANT, Role.RELYING_PARTY)
    token = house.tokens.issue(proven(house, program), "applicant relying_party").value
    house.directory.set_roles(ADMINISTRATOR, program.id, frozenset({Role.RELYING_PARTY}))
    assert house.tokens.principal_of_token(token).roles == {Role.RELYING_PARTY}


def forged(house: House, program: Program, *, header: dict[str, Any] | None = None, **changes: object) -> str:
    """Return a token signed with the server's own key, yet wrong in one thing."""
    now = int(house.clock().timestamp())
    claims: dict[str, object] = {
        "iss": ISSUER, "aud": ISSUER, "sub": program.id, "client_id": program.id, "iat": now, "exp": now + 300,
        "jti": "a" * 32, "scope": "applicant",
    }  # fmt: skip
    claims.update(changes)
    kept = {name: value for name, value in claims.items() if value is not None}
    head = {"alg": "ES256", "typ": "at+jwt", "kid": house.tokens.jwks()["keys"][0]["kid"], **(header or {})}
    return jwt.encode(head, kept, ECKey.import_key(house.oauth_key))


def test_a_token_that_is_wrong_in_one_thing_does_not_hold(house: House) -> None:
    program = Program(house)
    now = int(house.clock().timestamp())
    assert house.tokens.principal_of_token(forged(house, program)).account == program.id
    wrong = [
        forged(house, program, header={"typ": "JWT"}),
        forged(house, program, header={"kid": "other"}),
        forged(house, program, iss="https://evil.example"),
        forged(house, program, aud=[ISSUER, "https://evil.example"]),
        forged(house, program, aud=program.id),
        forged(house, program, cnf={"jkt": "x"}),
        forged(house, program, iat=now - 300, exp=now),
        forged(house, program, exp=now + 301),
        forged(house, program, iat=now + 31, exp=now + 60),
        forged(house, program, exp=None),
        forged(house, program, jti=None),
        forged(house, program, client_id=None),
        forged(house, program, client_id="cl-nobody"),
        forged(house, program, scope=None),
        forged(house, program)[:-8] + "AAAAAAAA",
        program.assertion(header={"kid": "k1", "typ": "at+jwt"}),
        unsigned({"iss": ISSUER}),
        "",
        "x" * 9000,
        "学籍",
    ]
    for token in wrong:
        with pytest.raises(InvalidTokenError):
            house.tokens.principal_of_token(token)


def test_a_token_ends_after_its_life(house: House) -> None:
    token = house.tokens.issue(proven(house, Program(house)), "applicant").value
    house.clock.turn(seconds=299)
    assert house.tokens.principal_of_token(token).roles == {Role.APPLICANT}
    house.clock.turn(seconds=1)
    with pytest.raises(InvalidTokenError):
        house.tokens.principal_of_token(token)


def test_a_revoked_token_does_not_hold_and_others_do(house: House) -> None:
    program, other = Program(house), Program(house)
    client = proven(house, program)
    first, second = (house.tokens.issue(client, "applicant").value for _ in range(2))
    claims = house.tokens.inspect(first)
    assert claims is not None
    with pytest.raises(InvalidTokenError):
        house.tokens.revoke(proven(house, other), claims)
    assert house.tokens.inspect(first) is not None
    house.tokens.revoke(client, claims)
    house.tokens.revoke(client, claims)
    assert house.tokens.inspect(first) is None
    with pytest.raises(InvalidTokenError):
        house.tokens.principal_of_token(first)
    assert house.tokens.principal_of_token(second).roles == {Role.APPLICANT}


def test_a_client_unused_for_half_a_year_is_sealed_and_so_are_its_tokens(house: House) -> None:
    program, closed = Program(house), Program(house)
    token = house.tokens.issue(proven(house, closed), "applicant").value
    house.directory.seal(ADMINISTRATOR, AccountId(closed.id), "合同终止")
    with pytest.raises(InvalidTokenError):
        house.tokens.principal_of_token(token)
    house.clock.turn(days=182)
    with pytest.raises(ClientAuthenticationError):
        proven(house, program)
    assert house.journal.last("account.sealed").facts["account"] == program.id
    assert house.directory.get(program.id).sealed_at is not None
    assert house.directory.unseal(ADMINISTRATOR, program.id, "继续合作") is None
    assert proven(house, program).account.id == program.id


def test_use_of_a_token_counts_against_sealing_once_a_day(house: House) -> None:
    program = Program(house)
    token = house.tokens.issue(proven(house, program), "applicant").value
    first = house.directory.get(program.id).last_used_at
    house.clock.turn(seconds=60)
    house.tokens.principal_of_token(token)
    assert house.directory.get(program.id).last_used_at == first
    house.clock.at = house.clock.at.replace(hour=15, minute=58)
    token = house.tokens.issue(proven(house, program), "applicant").value
    house.clock.turn(minutes=3)  # past midnight in Shanxi
    house.tokens.principal_of_token(token)
    assert house.directory.get(program.id).last_used_at == house.clock.at


def test_used_assertions_and_revoked_tokens_are_deleted_when_they_have_expired(house: House) -> None:
    client = proven(house, Program(house))
    claims = house.tokens.inspect(house.tokens.issue(client, "applicant").value)
    assert claims is not None
    house.tokens.revoke(client, claims)
    house.clock.turn(seconds=300)
    assert house.tokens.purge() == 0
    house.clock.turn(seconds=100)
    assert house.tokens.purge() == 2


def test_a_face_without_the_signing_key_recognises_tokens_and_issues_none(house: House) -> None:
    client = proven(house, Program(house))
    token = house.tokens.issue(client, "applicant").value
    office = service(house, signing=None, verifying=[ec.generate_private_key(ec.SECP256R1()).public_key()])
    with pytest.raises(InvalidTokenError):
        office.principal_of_token(token)
    rotated = service(
        house,
        signing=None,
        verifying=[ec.generate_private_key(ec.SECP256R1()).public_key(), house.oauth_key.public_key()],
    )
    assert rotated.principal_of_token(token).account == client.account.id  # the key that was rotated out
    with pytest.raises(ConfigurationError):
        rotated.issue(client, "applicant")


def test_a_configuration_that_would_issue_long_or_foreign_tokens_is_refused(house: House) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(ConfigurationError):
        service(house, signing=other, verifying=[house.oauth_key.public_key()])
    with pytest.raises(ConfigurationError):
        service(house, signing=None, verifying=[])
    with pytest.raises(ConfigurationError):
        service(house, signing=None, verifying=[other.public_key()], seconds=301)


def service(
    house: House,
    *,
    signing: ec.EllipticCurvePrivateKey | None,
    verifying: list[ec.EllipticCurvePublicKey],
    seconds: int = 300,
) -> TokenService:
    own = house.tokens
    return TokenService(
        issuer=ISSUER,
        signing=signing,
        verifying=verifying,
        accounts=own._accounts,
        clients=own._clients,
        journal=own._journal,
        reader=own._reader,
        bookkeeping=own._bookkeeping,
        parameters=replace(PARAMETERS, token_seconds=seconds),
        now=house.clock,
    )
