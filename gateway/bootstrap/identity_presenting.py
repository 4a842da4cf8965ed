"""Wires requests for presentations: the faces that hold the verifier's key make and answer them."""

from __future__ import annotations

from dataclasses import replace

from gateway.accounts.store import SqlBookkeeping
from gateway.bootstrap.parts import GrantDesk, Parts, es256
from gateway.identity.presenting.certificate import VerifierCertificate, issued, self_issued
from gateway.identity.presenting.sealing import Box, box_key
from gateway.identity.presenting.service import PresentationService, sweep
from gateway.identity.presenting.store import SqlPresentations
from gateway.identity.service import IdentityService
from gateway.jobs import Periodic, Task
from gateway.keyring import Key
from gateway.releases.gate import StandingGate

CERTIFICATE = "verifier.crt.pem"
"""In the key directory: certificates that somebody issued for the verifier's key; without it the key vouches alone."""


def presentation_service(parts: Parts, grants: GrantDesk, identity: IdentityService) -> PresentationService | None:
    """Return the service, ``None`` on a face without the verifier's key.

    It verifies for its own client identifier: no relying party has that audience elsewhere, so what was shown to a
    request is answered through that request alone.
    """
    if not parts.keyring.has(Key.VERIFIER):
        return None
    certificate = verifier_certificate(parts)
    own = frozenset({certificate.client_id})
    return PresentationService(
        settings=identity.settings,
        certificate=certificate,
        verifier=replace(identity, audiences=lambda _who: own),
        gate=StandingGate(grants, parts.journal, parts.book, parts.now),
        store=SqlPresentations(),
        box=Box(box_key(parts.keyring.secret(Key.DELIVERY))),
        journal=parts.journal,
        reader=parts.reader,
        scratch=SqlBookkeeping(parts.engine),
        book=parts.book,
        now=parts.now,
    )


def verifier_certificate(parts: Parts) -> VerifierCertificate:
    """Return the verifier's certificate: of the file in the key directory, else self-issued, the same each time."""
    private = es256(parts.keyring.signing(Key.VERIFIER))
    path = parts.settings.keys / CERTIFICATE
    if path.exists():
        return issued(private, path.read_bytes())
    return self_issued(private, parts.settings.public_url)


def presentation_tasks(parts: Parts, scratch: SqlBookkeeping) -> list[Task]:
    """Return what the worker does for requests: forget what is over."""
    store = SqlPresentations()
    return [Task("old presentations", Periodic(lambda: sweep(store, scratch, parts.now()), 60))]
