"""Client assertions and access tokens, on both databases with the real journal."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey
from sqlalchemy import text

from gateway.accounts import jose, tokens
from gateway.accounts.access_tokens import AccessTokens
from gateway.accounts.assertions import ASSERTION_TYPE
from gateway.accounts.errors import ClientAuthenticationError, InvalidTokenError, ScopeRefusedError
from gateway.accounts.records import OAuthClient
from gateway.accounts.tokens import TokenService
from gateway.errors import ConfigurationError
from gateway.ids import AccountId, RecipientId
from gateway.journal import Tx
from gateway.principals import AccountKind, Principal, Role
from tests.factories.accounts import ADMINISTRATOR, ISSUER, PARAMETERS, RECIPIENT, House, Program, make_house


@pytest.fixture
def house(tables_url: str) -> Iterator[House]:
    built = make_house(tables_url)
    yield built
    built.close()


def proven(house: House, program: Program) -> OAuthClient:
    return house.tokens.authenticate_client(ASSERTION_TYPE, program.assertion())


def unsigned(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none", "kid": "k1"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


def by_another_algorithm(program: Program, algorithm: str) -> str:
    """An assertion whose header names another algorithm, over the signature of ours."""
    _, body, signature = program.assertion().split(".")
    head = json.dumps({"alg": algorithm, "kid": "k1"}).encode()
    return f"{base64.urlsafe_b64encode(head).rstrip(b'=').decode()}.{body}.{signature}"


def by_a_secret(program: Program) -> str:
    pem = program.key.as_pem(private=False)
    return jwt.encode({"alg": "HS256", "kid": "k1"}, program.claims(), OctKey.import_key(base64.b64encode(pem)))


def twice(program: Program) -> str:
    claims = json.dumps(program.claims())[:-1] + f', "sub": "{program.id}"}}'
    head = json.dumps({"alg": "ES256", "kid": "k1"})
    return jws.serialize_compact(json.loads(head), claims.encode(), program.key)


BAD: list[tuple[str, str, Callable[[Program], str]]] = [
    ("alg none", "signature", lambda p: unsigned(p.claims())),
    ("HS256 with the public key", "signature", by_a_secret),
    ("EdDSA", "signature", lambda p: by_another_algorithm(p, "EdDSA")),
    ("Ed25519", "signature", lambda p: by_another_algorithm(p, "Ed25519")),
    ("ES384", "signature", lambda p: by_another_algorithm(p, "ES384")),
    ("a member twice", "malformed", twice),
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
    ("no JWT at all", "malformed", lambda p: "abc"),
    ("not even ASCII", "malformed", lambda p: "学籍.学籍.学籍"),
    ("an overlong one", "malformed", lambda p: p.assertion(padding="x" * 9000)),
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


def test_an_unknown_client_costs_the_same_look_up_and_signature_check(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody learns by the clock which clients exist: whatever is wrong, the same work was done."""
    program, sealed = Program(house), Program(house)
    house.directory.seal(ADMINISTRATOR, AccountId(sealed.id), "合同终止")
    done: list[str] = []
    get_client = house.tokens._clients.get_client

    def check(token: jose.UnverifiedJwt, key: ECKey) -> bool:
        done.append("signature")
        return jose.signed_by(token, key)

    def look_up(tx: Tx, client: AccountId) -> OAuthClient | None:
        done.append("client")
        return get_client(tx, client)

    monkeypatch.setattr(tokens, "signed_by", check)
    monkeypatch.setattr(house.tokens._clients, "get_client", look_up)
    for assertion in (
        program.assertion(sub="cl-nobody", iss="cl-nobody"),
        program.assertion(key=ECKey.generate_key("P-256")),
        program.assertion(header={"kid": "k9"}),
        program.assertion(aud="https://evil.example"),
        sealed.assertion(),
    ):
        with pytest.raises(ClientAuthenticationError):
            house.tokens.authenticate_client(ASSERTION_TYPE, assertion)
        assert done == ["client", "signature"]
        done.clear()


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
    token = program.token("relying_party")
    assert (token.expires_in, token.scope, token.token_type) == (300, "relying_party", "Bearer")
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
    program = Program(house)
    for scope in ("", " ", "applicant inspector", "everything", "approving_officer"):
        with pytest.raises(ScopeRefusedError):
            program.token(scope)
        assert house.journal.entries[-1].facts["reason"] == "scope"
    assert house.journal.kinds().count("account.token_refused") == 5
    assert "account.token_issued" not in house.journal.kinds()


def test_a_refused_request_spends_its_assertion_and_a_replay_of_it_learns_nothing(house: House) -> None:
    program = Program(house)
    spent = program.assertion()
    with pytest.raises(ScopeRefusedError):
        program.token("inspector", assertion=spent)
    for scope in ("inspector", "applicant"):
        with pytest.raises(ClientAuthenticationError):
            program.token(scope, assertion=spent)
        assert house.journal.entries[-1].facts["reason"] == "replayed"


def test_login_and_token_are_two_entries_and_one_checkpoint(house: House) -> None:
    program = Program(house)
    with house.engine.connect() as connection:
        size = connection.execute(text("SELECT MAX(size) FROM log_checkpoints")).scalar_one()
    program.token("applicant")
    assert house.journal.kinds()[-2:] == ["account.login", "account.token_issued"]
    with house.engine.connect() as connection:
        sizes = connection.execute(text("SELECT size FROM log_checkpoints WHERE size > :size"), {"size": size})
        assert list(sizes.scalars()) == [size + 2]


def test_of_token_requests_side_by_side_with_one_assertion_one_is_served(house: House) -> None:
    program = Program(house)
    assertion = program.assertion()

    def ask(_: int) -> bool:
        try:
            program.token("applicant", assertion=assertion)
        except ClientAuthenticationError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(ask, range(4))) == 1
    assert house.journal.kinds().count("account.token_issued") == 1


def test_a_role_taken_away_is_gone_from_tokens_in_use(house: House) -> None:
    program = Program(house, Role.APPLICANT, Role.RELYING_PARTY)
    token = program.token("applicant relying_party").value
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
        forged(house, program, cnf={"jkt": "x"}),  # bound: no bearer token
        forged(house, program, cnf={"x5t#S256": "x"}),
        forged(house, program, cnf={"jkt": "x", "x5t#S256": "x"}),
        forged(house, program, cnf={}),
        forged(house, program, cnf=[]),
        forged(house, program, authorization_details=[]),
        forged(house, program, authorization_details="extract"),
        forged(house, program, authorization_details=[{"type": "other"}]),
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
    token = Program(house).token("applicant").value
    house.clock.turn(seconds=299)
    assert house.tokens.principal_of_token(token).roles == {Role.APPLICANT}
    house.clock.turn(seconds=1)
    with pytest.raises(InvalidTokenError):
        house.tokens.principal_of_token(token)


def test_a_revoked_token_does_not_hold_and_others_do(house: House) -> None:
    program, other = Program(house), Program(house)
    client = proven(house, program)
    first, second = (program.token("applicant").value for _ in range(2))
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
    token = closed.token("applicant").value
    house.directory.seal(ADMINISTRATOR, AccountId(closed.id), "合同终止")
    with pytest.raises(InvalidTokenError):
        house.tokens.principal_of_token(token)
    assert house.tokens.inspect(token) is None  # introspection says the same
    house.clock.turn(seconds=2)
    house.directory.unseal(ADMINISTRATOR, AccountId(closed.id), "误操作")
    assert house.tokens.inspect(token) is None  # what it held before does not come back
    assert house.tokens.inspect(closed.token("applicant").value) is not None
    house.clock.turn(days=182)
    with pytest.raises(ClientAuthenticationError):
        proven(house, program)
    assert house.journal.last("account.sealed").facts["account"] == program.id
    assert house.directory.get(program.id).sealed_at is not None
    assert house.directory.unseal(ADMINISTRATOR, program.id, "继续合作") is None
    assert proven(house, program).account.id == program.id


def test_use_of_a_token_counts_against_sealing_once_a_day(house: House) -> None:
    program = Program(house)
    token = program.token("applicant").value
    first = house.directory.get(program.id).last_used_at
    house.clock.turn(seconds=60)
    house.tokens.principal_of_token(token)
    assert house.directory.get(program.id).last_used_at == first
    house.clock.at = house.clock.at.replace(hour=15, minute=58)
    token = program.token("applicant").value
    house.clock.turn(minutes=3)  # past midnight in Shanxi
    house.tokens.principal_of_token(token)
    assert house.directory.get(program.id).last_used_at == house.clock.at


def test_used_assertions_and_revoked_tokens_are_deleted_when_they_have_expired(house: House) -> None:
    program = Program(house)
    client = proven(house, program)
    claims = house.tokens.inspect(program.token("applicant", bound=True).value)
    assert claims is not None
    house.tokens.revoke(client, claims)
    house.clock.turn(minutes=59)
    assert house.tokens.purge() == 0
    house.clock.turn(minutes=8)
    assert house.tokens.purge() == 4  # two assertions, a proof, a token


def test_a_clock_that_leaps_ahead_and_back_frees_no_assertion_and_revives_no_token(house: House) -> None:
    program = Program(house)
    assertion = program.assertion()
    old = program.token("applicant", assertion=assertion).value
    house.clock.turn(minutes=50)
    house.tokens.purge()
    new = program.token("applicant").value
    house.clock.turn(minutes=-50)
    with pytest.raises(ClientAuthenticationError):
        program.token("applicant", assertion=assertion)
    assert house.tokens.inspect(new) is None  # issued in the future
    assert house.tokens.inspect(old) is not None


def test_a_face_without_the_signing_key_recognises_tokens_and_issues_none(house: House) -> None:
    program = Program(house)
    token = program.token("applicant").value
    office = service(house, signing=None, verifying=[ec.generate_private_key(ec.SECP256R1()).public_key()])
    with pytest.raises(InvalidTokenError):
        office.principal_of_token(token)
    rotated = service(
        house,
        signing=None,
        verifying=[ec.generate_private_key(ec.SECP256R1()).public_key(), house.oauth_key.public_key()],
    )
    assert rotated.principal_of_token(token).account == program.id  # the key that was rotated out
    with pytest.raises(ConfigurationError):
        rotated.request_token(program.asked("applicant"))


def test_a_token_revoked_or_a_client_sealed_in_one_process_ends_in_another(house: House) -> None:
    program, sealed = Program(house), Program(house)
    elsewhere = service(house, signing=None, verifying=[house.oauth_key.public_key()])
    revoked, kept, closed = program.token().value, program.token().value, sealed.token().value
    claims = house.tokens.inspect(revoked)
    assert claims is not None
    house.tokens.revoke(proven(house, program), claims)
    house.directory.seal(ADMINISTRATOR, AccountId(sealed.id), "合同终止")
    assert [elsewhere.inspect(one) is None for one in (revoked, kept, closed)] == [True, False, True]


def test_a_suspended_organisation_gets_no_token_and_its_tokens_end_at_once(house: House) -> None:
    watch = Watch()
    own = service(house, signing=house.oauth_key, verifying=[house.oauth_key.public_key()], recipients=watch)
    program = Program(house)
    token = own.request_token(program.asked()).value
    assert own.principal_of_token(token).account == program.id
    watch.problems[RECIPIENT] = "renamed"
    with pytest.raises(InvalidTokenError):
        own.principal_of_token(token)
    assert own.inspect(token) is None
    with pytest.raises(ClientAuthenticationError):
        own.request_token(program.asked())
    assert house.journal.entries[-1].facts["reason"] == "suspended"


def test_a_configuration_that_would_issue_long_or_foreign_tokens_is_refused(house: House) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(ConfigurationError):
        service(house, signing=other, verifying=[house.oauth_key.public_key()])
    with pytest.raises(ConfigurationError):
        service(house, signing=None, verifying=[])
    with pytest.raises(ConfigurationError):
        service(house, signing=None, verifying=[other.public_key()], seconds=301)


@dataclass
class Watch:
    """The standing of recipients, as a test sets it."""

    problems: dict[RecipientId, str] = field(default_factory=dict)

    def problem(self, recipient: RecipientId, today: date) -> str | None:
        return self.problems.get(recipient)

    def problem_in(self, tx: Tx, recipient: RecipientId, today: date) -> str | None:
        return self.problems.get(recipient)

    def require(self, recipient: RecipientId, today: date) -> None:
        raise AssertionError("tokens ask for the problem, they are not refused by the register")

    def settle(self, recipient: RecipientId) -> str | None:
        return self.problems.get(recipient)


def service(
    house: House,
    *,
    signing: ec.EllipticCurvePrivateKey | None,
    verifying: list[ec.EllipticCurvePublicKey],
    seconds: int = 300,
    recipients: Watch | None = None,
) -> TokenService:
    own = house.tokens
    return TokenService(
        tokens=AccessTokens(ISSUER, signing, verifying, seconds),
        accounts=own._accounts,
        clients=own._clients,
        grants=house.grants,
        journal=own._journal,
        reader=own._reader,
        bookkeeping=own._bookkeeping,
        parameters=PARAMETERS,
        now=house.clock,
        recipients=recipients,
    )
