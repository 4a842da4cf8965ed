"""Token requests: the service as it runs, and one ES256 verification plus one signature beside it.

``python -m bench.oauth KIND COUNT`` times one kind in a process of its own:

- ``whole``: the request as it is served: client, keys and standing from the database, use of the assertion, both audit
  entries and their commit with a signed checkpoint
- ``together``: the same from eight threads, which share commits
- ``bound``: the same with a DPoP proof
- ``unlogged``: the same with a journal that keeps the fact and writes no entry, which the program does not offer
- ``computed``, ``computed-bound``: the same service on stores that hold one client in memory and keep nothing
- ``bare``: the two operations of the cryptography library, and nothing else

What the client computes is done before the clock starts.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar, cast
from uuid import uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from bench.measure import answer, job
from gateway import bootstrap, keyring
from gateway.accounts.access_tokens import AccessTokens
from gateway.accounts.assertions import ASSERTION_TYPE
from gateway.accounts.dpop import Shown
from gateway.accounts.keys import public_keys
from gateway.accounts.records import CLIENT_CREDENTIALS, Account, ClientSpec, OAuthClient
from gateway.accounts.repositories import AccountStore, Bookkeeping, ClientStore
from gateway.accounts.tokens import TokenRequest, TokenService
from gateway.db import make_engine
from gateway.ids import AccountId, GrantId, RecipientId
from gateway.journal import EntryDraft, Receipt, Tx
from gateway.keyring import Face
from gateway.principals import AccountKind, Role
from gateway.remote import dpop_proof
from gateway.settings import Settings, default_config
from rulebook import load

R = TypeVar("R")
ISSUER = "http://127.0.0.1:8080"
TOKENS = f"{ISSUER}/oauth/token"
ROLES = frozenset({Role.APPLICANT, Role.EXECUTOR})
RECIPIENT = RecipientId("91140000MA0DEMB001")
THREADS = 8
WARM = 20
"""Requests before the clock starts: statements are compiled and keys imported once in the life of a process."""


def requests(client: AccountId, key: ECKey, count: int, *, bound: bool) -> list[TokenRequest]:
    """Return requests as clients send them, each signed and, where ``bound``, with a proof."""
    prover, now, found = ECKey.generate_key("P-256"), int(time.time()), []
    for _ in range(count):
        claims = {"iss": client, "sub": client, "aud": ISSUER, "iat": now, "exp": now + 240, "jti": uuid4().hex}
        assertion = jwt.encode({"alg": "ES256", "kid": key.thumbprint()}, claims, key, algorithms=["ES256"])
        proof = dpop_proof(prover, "POST", TOKENS) if bound else None
        found.append(TokenRequest(Shown(proof, "POST", TOKENS), ASSERTION_TYPE, assertion))
    return found


def whole(count: int, *, threads: int = 1, bound: bool = False, logged: bool = True) -> None:
    """Serve ``count`` requests on SQLite with the real journal; print the cost."""
    with tempfile.TemporaryDirectory(prefix="xueji-oauth-") as temporary:
        home = Path(temporary)
        settings = Settings(
            home=home,
            registry_url=f"sqlite:///{home / 'registry.db'}",
            gateway_url=f"sqlite:///{home / 'gateway.db'}",
            keys=home / "keys",
            config=default_config(),
            files=home / "files",
            public_url=ISSUER,
            log_origin="bench.example/log",
        )
        book = bootstrap.load_rulebook(settings)
        keyring.create(settings.keys)
        bootstrap.prepare_databases(settings, book)
        process = bootstrap.open_process(settings, Face.ALL, with_worker=False)
        try:
            key = ECKey.generate_key("P-256")
            spec = ClientSpec(RECIPIENT, ROLES, {"keys": [key.as_dict(private=False)]}, dpop_required=bound)
            client = process.services.directory.register_client(None, spec)
            service = process.services.tokens
            if not logged:
                service._journal = _Unlogged(process.services.settings.gateway_url)
            served(service, requests(client, key, count + WARM, bound=bound), threads)
        finally:
            process.close()


def computed(count: int, *, bound: bool = False) -> None:
    """Serve ``count`` requests without a database; print the cost."""
    key, signing = ECKey.generate_key("P-256"), ec.generate_private_key(ec.SECP256R1())
    account = Account(AccountId("cl-bench"), AccountKind.CLIENT, ROLES, datetime.now(UTC), recipient=RECIPIENT)
    client = OAuthClient(
        account, public_keys({"keys": [key.as_dict(private=False)]}), frozenset({CLIENT_CREDENTIALS}), None, bound
    )
    memory = _Memory(client)
    service = TokenService(
        tokens=AccessTokens(ISSUER, signing, [signing.public_key()], 300),
        accounts=cast("AccountStore", memory),
        clients=cast("ClientStore", memory),
        grants=memory,
        journal=memory,
        reader=memory,
        bookkeeping=cast("Bookkeeping", memory),
        parameters=load(default_config()).parameters,
        now=lambda: datetime.now(UTC),
    )
    served(service, requests(account.id, key, count + WARM, bound=bound), 1)


def served(service: TokenService, asked: Sequence[TokenRequest], threads: int) -> None:
    """Ask for every token; time all but the first ones."""
    for one in asked[:WARM]:
        service.request_token(one)
    with ThreadPoolExecutor(threads) as pool, job() as cost:
        if threads == 1:
            for one in asked[WARM:]:
                service.request_token(one)
        else:
            list(pool.map(service.request_token, asked[WARM:]))
    answer(cost, count=len(asked) - WARM)


def bare(count: int) -> None:
    """Verify and sign ``count`` times messages as long as an assertion; print the cost."""
    key, message = ec.generate_private_key(ec.SECP256R1()), b"x" * 400
    public, algorithm = key.public_key(), ec.ECDSA(hashes.SHA256())
    signature = key.sign(message, algorithm)
    with job() as cost:
        for _ in range(count):
            public.verify(signature, message, algorithm)
            key.sign(message, algorithm)
    answer(cost, count=count)


class _Memory:
    """Stores, journal and transactions that hold one client and keep nothing."""

    def __init__(self, client: OAuthClient) -> None:
        self._client = client

    def of(self, recipient: RecipientId) -> frozenset[GrantId]:  # noqa: ARG002  the protocol's
        return frozenset()

    def get_client(self, tx: Tx, client: AccountId) -> OAuthClient:  # noqa: ARG002  the protocol's
        return self._client

    def use_assertion(self, *_: object) -> bool:
        return True

    def use_proof(self, *_: object) -> bool:
        return True

    def touch(self, *_: object) -> None:
        """Keep nothing."""

    def read(self, query: Callable[[Tx], R]) -> R:
        return query(Tx(None))

    def write(self, change: Callable[[Tx], R]) -> R:
        return change(Tx(None))

    def record(self, write: Callable[[Tx], R], entry: EntryDraft | Callable[[R], EntryDraft]) -> tuple[R, Receipt]:  # noqa: ARG002  the protocol's
        return write(Tx(None)), Receipt(0, b"", 1, b"")

    def record_all(self, write: Callable[[Tx], R], entries: Sequence[EntryDraft]) -> R:  # noqa: ARG002  the protocol's
        return write(Tx(None))

    def append(self, entry: EntryDraft) -> Receipt:  # noqa: ARG002  the protocol's
        return Receipt(0, b"", 1, b"")


class _Unlogged:
    """A journal that commits what is written and writes no entry: a measure of what the log costs, and no more."""

    def __init__(self, url: str) -> None:
        self._engine = make_engine(url)

    def record(self, write: Callable[[Tx], R], entry: EntryDraft | Callable[[R], EntryDraft]) -> tuple[R, Receipt]:  # noqa: ARG002  the protocol's
        with self._engine.begin() as connection:
            return write(Tx(connection)), Receipt(0, b"", 1, b"")

    def record_all(self, write: Callable[[Tx], R], entries: Sequence[EntryDraft]) -> R:
        return self.record(write, entries[0])[0]

    def append(self, entry: EntryDraft) -> Receipt:  # noqa: ARG002  the protocol's
        return Receipt(0, b"", 1, b"")


JUDGED = frozenset({"whole", "computed", "bare"})
"""What the goal is about; the others tell where the time goes."""
KINDS: dict[str, Callable[[int], None]] = {
    "whole": whole,
    "together": lambda count: whole(count, threads=THREADS),
    "bound": lambda count: whole(count, bound=True),
    "unlogged": lambda count: whole(count, logged=False),
    "computed": computed,
    "computed-bound": lambda count: computed(count, bound=True),
    "bare": bare,
}


def main() -> int:
    """Run one kind; return 0."""
    KINDS[sys.argv[1]](int(sys.argv[2]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
