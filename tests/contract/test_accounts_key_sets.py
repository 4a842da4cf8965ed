"""Keys that a client publishes itself: bounded fetches, bounded memory, rotation without a gap."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from gateway.accounts.errors import ClientAuthenticationError
from gateway.accounts.key_sets import MAX_AGE_SECONDS, MIN_AGE_SECONDS, HttpKeySets, KeySets
from gateway.accounts.records import ClientSpec
from gateway.errors import GatewayError, ParameterError, UnavailableError
from gateway.principals import Role
from tests.factories.accounts import ADMINISTRATOR, RECIPIENT, House, Program, make_house

URI = "https://keys.example/jwks.json"


@dataclass
class Publisher:
    """A client's server, without a network."""

    documents: dict[str, Any] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    down: bool = False
    now: float = 0

    def __call__(self, uri: str) -> bytes:
        self.fetched.append(uri)
        if self.down:
            raise UnavailableError("down")
        return json.dumps(self.documents[uri]).encode()


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
def house(tables_url: str, publisher: Publisher) -> Iterator[House]:
    built = make_house(tables_url, key_sets=KeySets(publisher, lambda: publisher.now))
    yield built
    built.close()


def refused(program: Program, **more: object) -> bool:
    try:
        program.token("applicant", **more)
    except ClientAuthenticationError:
        return True
    return False


def test_a_client_proves_itself_by_a_key_that_it_publishes_and_rotates_it_without_a_gap(
    house: House, publisher: Publisher
) -> None:
    program = Program(house, jwks_uri=URI)
    publisher.documents[URI] = program.jwks
    for _ in range(3):
        assert not refused(program)
    assert publisher.fetched == [URI]
    fresh = ECKey.generate_key("P-256", {"kid": "k2"})
    publisher.documents[URI] = {"keys": [*program.jwks["keys"], fresh.as_dict(private=False)]}
    publisher.now += MIN_AGE_SECONDS
    assert not refused(program, assertion=program.assertion(key=fresh, header={"kid": "k2"}))
    assert len(publisher.fetched) == 2
    publisher.documents[URI] = {"keys": [fresh.as_dict(private=False)]}
    publisher.now += MAX_AGE_SECONDS + 1
    assert refused(program)  # the old key was taken down
    assert not refused(program, assertion=program.assertion(key=fresh, header={"kid": "k2"}))


def test_unknown_kids_fetch_once_in_a_while_however_many_come(house: House, publisher: Publisher) -> None:
    program = Program(house, jwks_uri=URI)
    publisher.documents[URI] = program.jwks
    assert not refused(program)
    for number in range(5):
        assert refused(program, assertion=program.assertion(header={"kid": f"x{number}"}))
    assert len(publisher.fetched) == 1
    publisher.now += MIN_AGE_SECONDS
    for number in range(5):
        assert refused(program, assertion=program.assertion(header={"kid": f"x{number}"}))
    assert len(publisher.fetched) == 2


def test_a_set_that_cannot_be_had_counts_until_it_is_old_and_then_no_more(house: House, publisher: Publisher) -> None:
    program = Program(house, jwks_uri=URI)
    publisher.documents[URI] = program.jwks
    assert not refused(program)
    publisher.down = True
    publisher.now += MAX_AGE_SECONDS
    assert not refused(program)
    publisher.now += 1
    assert refused(program)
    publisher.down = False
    assert refused(program)  # a failed fetch is not repeated at once, either
    publisher.now += MIN_AGE_SECONDS
    assert not refused(program)


@pytest.mark.parametrize(
    "document",
    [
        [], {}, {"keys": []}, {"keys": "x"}, {"keys": [1, None]}, "x",
        {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "k1"}]},
    ],
)  # fmt: skip
def test_a_document_that_is_no_set_holds_no_key(house: House, publisher: Publisher, document: object) -> None:
    program = Program(house, jwks_uri=URI)
    publisher.documents[URI] = document
    assert refused(program)


def test_other_keys_in_a_set_are_left_out_and_a_private_one_spoils_it(house: House, publisher: Publisher) -> None:
    program = Program(house, jwks_uri=URI)
    mixed = [RSAKey.generate_key(2048).as_dict(private=False), *program.jwks["keys"]]
    publisher.documents[URI] = {"keys": mixed}
    assert not refused(program)
    publisher.documents[URI] = {"keys": [*mixed, ECKey.generate_key("P-256").as_dict(private=True)]}
    publisher.now += MAX_AGE_SECONDS + 1
    assert refused(program)


def test_a_client_has_keys_or_an_address_and_an_uploaded_set_ends_the_address(
    house: House, publisher: Publisher
) -> None:
    roles = frozenset({Role.APPLICANT})
    program = Program(house)
    with pytest.raises(ParameterError):
        house.directory.register_client(ADMINISTRATOR, ClientSpec(RECIPIENT, roles, program.jwks, jwks_uri=URI))
    with pytest.raises(ParameterError):
        house.directory.register_client(ADMINISTRATOR, ClientSpec(RECIPIENT, roles, {}))
    for uri in (
        "http://keys.example/jwks.json", "ftp://keys.example/", "https://", "https://u:p@keys.example/", "keys.example",
        "https://keys.example/#x", "https://keys.example/a b", f"https://keys.example/{'x' * 500}", "https://k:x/",
    ):  # fmt: skip
        with pytest.raises(ParameterError):
            house.directory.register_client(ADMINISTRATOR, ClientSpec(RECIPIENT, roles, {}, jwks_uri=uri))
    published = Program(house, jwks_uri=URI)
    publisher.documents[URI] = {"keys": []}
    assert refused(published)
    house.directory.replace_client_keys(ADMINISTRATOR, published.id, published.jwks)
    assert not refused(published)
    with pytest.raises(ParameterError):
        house.directory.replace_client_keys(ADMINISTRATOR, published.id, published.jwks, URI)
    house.directory.replace_client_keys(ADMINISTRATOR, published.id, {}, URI)
    assert refused(published)  # the uploaded keys are forgotten, and the address shows none
    assert house.journal.last("account.client_keys_replaced").facts["jwks_uri"] == URI


# --- the fetch itself, over loopback -----------------------------------------------------------------------------


class _Answers(BaseHTTPRequestHandler):
    behave: Callable[[_Answers], None]

    def do_GET(self) -> None:
        type(self).behave(self)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def reply(handler: BaseHTTPRequestHandler, status: int = 200, body: bytes = b'{"keys": []}', **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content_Type": "application/json", **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Any], None]], str]]:
    servers: list[ThreadingHTTPServer] = []

    def start(behave: Callable[[Any], None]) -> str:
        handler = type("Handler", (_Answers,), {"behave": staticmethod(behave)})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/jwks.json"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_set_on_loopback_is_fetched_where_the_gateway_is_on_loopback_too(
    serve: Callable[[Callable[[Any], None]], str],
) -> None:
    uri = serve(reply)
    assert HttpKeySets(loopback=True)(uri) == b'{"keys": []}'
    with pytest.raises(UnavailableError):
        HttpKeySets(loopback=False)(uri)


def _slow(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    for _ in range(40):  # each piece comes in time, the whole does not
        try:
            handler.wfile.write(b" ")
            handler.wfile.flush()
        except OSError:
            return
        time.sleep(0.1)


BAD: list[tuple[str, Callable[[Any], None]]] = [
    ("a redirect", lambda handler: reply(handler, 302, b"", Location="http://127.0.0.1:1/")),
    ("an error", lambda handler: reply(handler, 500)),
    ("too much", lambda handler: reply(handler, body=b" " * (64 * 1024 + 1))),
    ("another media type", lambda handler: reply(handler, Content_Type="text/html")),
    ("one that never ends", _slow),
]


@pytest.mark.parametrize(("name", "behave"), BAD, ids=[name for name, _ in BAD])
def test_an_answer_that_is_not_a_short_set_is_none(
    serve: Callable[[Callable[[Any], None]], str], name: str, behave: Callable[[Any], None]
) -> None:
    assert name
    with pytest.raises(UnavailableError):
        HttpKeySets(loopback=True)(serve(behave))


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "127.0.0.1", "0.0.0.0", "100.64.0.1", "::1",
     "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "224.0.0.1"],
)  # fmt: skip
@pytest.mark.parametrize("loopback", [True, False])
def test_a_name_that_leads_inside_is_never_connected_to(address: str, loopback: bool) -> None:
    """No request may be made to come from inside: not by a name, not by a second address behind it (rebinding)."""
    for found in ([address], ["93.184.216.34", address]):
        fetch = HttpKeySets(loopback=loopback, resolve=resolver(found))
        with pytest.raises(GatewayError):
            fetch("https://keys.example/jwks.json")


def resolver(found: list[str]) -> Callable[[str, int], list[str]]:
    return lambda _host, _port: found


def test_loopback_by_name_that_resolves_elsewhere_is_never_connected_to() -> None:
    with pytest.raises(UnavailableError):
        HttpKeySets(loopback=True, resolve=lambda _host, _port: ["93.184.216.34"])("http://localhost:8080/jwks.json")
