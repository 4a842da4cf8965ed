"""The end of a sign-in, told to the relying party by the back channel; and the answer that comes back as a form."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import delete, select, update

from gateway.accounts.outbound import BoundedHttp
from gateway.accounts.records import Account, Session, SignInSpec
from gateway.accounts.redirects import checked
from gateway.accounts.store import SqlAccounts, SqlSessions
from gateway.accounts.store.tables import account_clients, account_sessions
from gateway.errors import ParameterError, UnavailableError
from gateway.identity.signing_in.logouts import TRIES, WAITS, LogoutDesk
from gateway.identity.signing_in.metadata import members
from gateway.identity.signing_in.records import Answered
from gateway.identity.signing_in.store import sign_ins
from gateway.ids import AccountId
from gateway.journal import Tx
from gateway.principals import AccountKind, Role
from tests.factories import signing_in
from tests.factories.identity import ISSUER, LI, EngineScratch
from tests.factories.signing_in import CALLBACK, MOTHER, Provider, refused

EVENT = "http://schemas.openid.net/event/backchannel-logout"
provider = signing_in.provider
quick_provider = signing_in.quick_provider


@dataclass
class Party:
    """A relying party's server on loopback."""

    uri: str = ""
    status: int = 200
    got: list[tuple[str, str]] = field(default_factory=list)
    """Content type and body of each request."""


@pytest.fixture(scope="module")
def server() -> Iterator[Party]:
    party = Party()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            party.got.append((str(self.headers["Content-Type"]), body))
            self.send_response(party.status)
            self.send_header("Cache-Control", "no-store")
            self.send_header("Location", party.uri)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    party.uri = f"http://127.0.0.1:{found.server_address[1]}/logout?of=xueji"
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield party
    found.shutdown()
    found.server_close()


@pytest.fixture(name="party")
def fresh_party(server: Party) -> Party:
    server.got.clear()
    server.status = 200
    return server


@dataclass
class Told:
    """A provider whose relying party wants to be told, and a guardian with a session."""

    provider: Provider
    desk: LogoutDesk
    party: Party

    def session(self) -> None:
        """Keep the session in which the guardian signs in now."""
        now = self.provider.house.clock()
        session = Session(f"{now.timestamp():064.0f}", MOTHER, now, now, 2)
        with self.provider.house.engine.begin() as connection:
            tx = Tx(connection)
            if SqlAccounts().get(tx, MOTHER) is None:
                kind = AccountKind.GUARDIAN
                SqlAccounts().add(tx, Account(MOTHER, kind, frozenset({Role.GUARDIAN}), now))
            SqlSessions().add(tx, session)

    def sign_out(self) -> None:
        with self.provider.house.engine.begin() as connection:
            connection.execute(delete(account_sessions))

    def tokens(self) -> list[dict[str, Any]]:
        """Return what the relying party was sent, each token verified with the provider's key."""
        key = ECKey.import_key(self.provider.key.public_key())
        found = []
        for kind, body in self.party.got:
            assert kind == "application/x-www-form-urlencoded"
            ((name, (token,)),) = parse_qs(body, strict_parsing=True).items()
            assert name == "logout_token"
            decoded = jwt.decode(token, key, algorithms=["ES256"])
            assert decoded.header["typ"] == "logout+jwt"
            found.append(dict(decoded.claims))
        return found

    def last(self) -> tuple[str, str, dict[str, Any]]:
        entry = self.provider.house.last()
        return entry.kind, entry.outcome, dict(entry.facts)


@contextmanager
def told(provider: Provider, party: Party, *, loopback: bool = True) -> Iterator[Told]:
    house = provider.house
    with house.engine.begin() as connection:
        clients = [provider.clients["library"].account.id, provider.clients["reading"].account.id]
        wanted = account_clients.c.account.in_(clients)
        connection.execute(update(account_clients).where(wanted).values(backchannel_logout_uri=party.uri))
    scratch, reader = EngineScratch(house.engine), house.service.reader
    id_tokens, messenger = provider.service.redeeming.id_tokens, BoundedHttp(loopback=loopback)
    desk = LogoutDesk(provider.store, id_tokens, messenger, house.journal, reader, scratch, house.clock)
    found = Told(provider, desk, party)
    found.session()
    yield found


def test_a_withdrawn_consent_is_told_once_with_the_session_of_the_id_token(provider: Provider, party: Party) -> None:
    with told(provider, party) as house:
        claims = provider.id_claims(provider.signed_in())
        assert house.desk.tell() == 0
        provider.consents.withdraw(provider.visitor().principal, LI, provider.clients["library"].account.id)
        assert house.desk.tell() == 1
        assert house.desk.tell() == 0
        (token,) = house.tokens()
        assert (token["iss"], token["aud"], token["sid"]) == (ISSUER, claims["aud"], claims["sid"])
        assert (token["events"], "nonce" in token, token["exp"] - token["iat"]) == ({EVENT: {}}, False, 120)
        assert "sub" not in token  # it is forgotten with the consent
        assert house.last() == ("identity.logout_told", "done", {"sign_in": claims["sid"], "tries": 1})
        assert provider.house.last().subjects == (LI,)


def test_the_end_of_the_session_is_told_to_every_party_of_it_and_no_other(provider: Provider, party: Party) -> None:
    with told(provider, party) as house:
        first = provider.id_claims(provider.signed_in())
        second = provider.id_claims(provider.signed_in("reading", redirect_uri="https://library.example/reading"))
        provider.signed_in("museum")  # wants to be told nothing
        house.sign_out()
        provider.house.clock.pass_by(seconds=5)
        house.session()
        later = provider.id_claims(provider.signed_in())
        assert house.desk.tell() == 2
        tokens = {one["sid"]: one for one in house.tokens()}
        assert tokens.keys() == {first["sid"], second["sid"]}
        assert later["sid"] not in tokens
        assert tokens[first["sid"]]["sub"] == first["sub"]
        assert len({one["jti"] for one in tokens.values()}) == 2


def test_a_party_that_revokes_its_own_token_is_told_when_the_person_signs_out(
    quick_provider: Provider, party: Party
) -> None:
    provider = quick_provider
    with told(provider, party) as house:
        tokens = provider.signed_in()
        provider.service.revoke(provider.clients["library"], tokens.access_token)
        assert house.desk.tell() == 0
        house.sign_out()
        assert house.desk.tell() == 1


@pytest.mark.parametrize(("status", "reason"), [(400, "status_400"), (302, "status_302"), (None, "unreachable")])
def test_a_party_that_does_not_take_it_is_tried_so_often_and_no_more(
    quick_provider: Provider, party: Party, status: int | None, reason: str
) -> None:
    provider = quick_provider
    party.status = status or 200
    with told(provider, party, loopback=status is not None) as house:
        provider.signed_in()
        house.sign_out()
        for wait in WAITS:
            assert house.desk.tell() == 0
            assert house.desk.tell() == 0  # not before its time
            provider.house.clock.pass_by(seconds=wait.total_seconds())
        assert house.desk.tell() == 0
        assert len(party.got) == (0 if status is None else TRIES)  # and a redirect is not followed
        kind, outcome, facts = house.last()
        assert (kind, outcome, facts["tries"], facts["reason"]) == ("identity.logout_told", "failed", TRIES, reason)
        provider.house.clock.pass_by(hours=2)
        party.status = 200
        assert house.desk.tell() == 0


@pytest.mark.rule("A50-15")
def test_a_bond_that_ended_ends_its_sign_ins_and_is_told(provider: Provider, party: Party) -> None:
    with told(provider, party) as house:
        claims = provider.id_claims(provider.signed_in())
        assert provider.keeper.bond_ended(LI, AccountId("gd-other"), "bond_ended") == 0
        assert provider.keeper.bond_ended(LI, MOTHER, "bond_ended") == 1
        assert provider.keeper.bond_ended(LI, MOTHER, "bond_ended") == 0
        assert house.last()[2] == {"account": MOTHER, "ended": 1, "reason": "bond_ended"}
        assert house.desk.tell() == 1
        assert house.tokens()[0]["sub"] == claims["sub"]


def test_two_senders_send_one(provider: Provider, party: Party) -> None:
    with told(provider, party) as house:
        provider.signed_in()
        house.sign_out()
        due = house.desk.reader.read(lambda tx: provider.store.logouts(tx, provider.house.clock(), 9))
        assert [house.desk._tell(one) for one in (*due, *due)] == [True, False]
        assert len(party.got) == 1


def test_what_was_never_redeemed_or_is_too_old_is_told_to_nobody(quick_provider: Provider, party: Party) -> None:
    provider = quick_provider
    with told(provider, party) as house:
        provider.code()
        provider.signed_in()
        house.sign_out()
        provider.house.clock.pass_by(hours=25)
        assert house.desk.tell() == 0
        with provider.house.engine.connect() as connection:
            assert connection.execute(select(sign_ins.c.logout_tries)).scalars().all() == [0, 0]


@pytest.mark.parametrize(
    "uri", ["http://library.example/out", "https://u@library.example/out", "https://library.example/out#x", "ftp://x/"]
)
def test_only_such_an_address_can_be_registered(uri: str) -> None:
    spec = SignInSpec((CALLBACK,), backchannel_logout_uri=uri)
    with pytest.raises(ParameterError):
        checked(spec)


@pytest.mark.parametrize("found", [["10.0.0.7"], ["127.0.0.1"], ["93.184.216.34", "192.168.1.1"], []])
def test_an_address_within_is_never_connected_to(found: list[str]) -> None:
    messenger = BoundedHttp(loopback=False, resolve=lambda _host, _port: found)
    with pytest.raises(UnavailableError):
        messenger.post_form("https://library.example/out", {"logout_token": "x"})


def test_who_answers_a_byte_at_a_time_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as slow:

        def trickle() -> None:
            taken, _ = slow.accept()
            with taken, suppress(OSError):
                for letter in b"HTTP/1.1 200 OK and much more":
                    taken.sendall(bytes([letter]))
                    time.sleep(0.2)

        threading.Thread(target=trickle, daemon=True).start()
        messenger = BoundedHttp(loopback=True, seconds=0.5)
        with pytest.raises(UnavailableError):
            messenger.post_form(f"http://127.0.0.1:{slow.getsockname()[1]}/", {"logout_token": "x"})


def test_discovery_says_so() -> None:
    told = members(ISSUER)
    assert (told["backchannel_logout_supported"], told["backchannel_logout_session_supported"]) == (True, True)
    assert told["response_modes_supported"] == ["query", "form_post"]


def test_an_answer_as_a_form_has_the_same_members_and_no_query(quick_provider: Provider) -> None:
    provider = quick_provider
    visitor = provider.visitor()
    opened = provider.open(response_mode="form_post")
    asked = provider.step(opened, visitor)
    done = provider.service.dialogs.agree(opened.id, opened.holder, visitor, asked.subject)  # type: ignore[union-attr]  # the first time is a question
    assert isinstance(done, Answered)
    assert done.location == CALLBACK
    assert done.form is not None
    assert done.form.keys() == {"code", "state", "iss"}
    assert provider.redeem(done.form["code"]).access_token
    silent = provider.push(response_mode="form_post", prompt="none")
    refusal = provider.service.dialogs.open(provider.clients["library"].account.id, silent.request_uri, None)
    assert isinstance(refusal, Answered)
    assert (refusal.form or {})["error"] == "login_required"
    assert refused(provider.push, response_mode="fragment") == "invalid_request"
