"""Wires signing in at relying parties: the faces that hold the OAuth key are the provider, families see consents."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from gateway.accounts.outbound import BoundedHttp, is_loopback
from gateway.accounts.recipient_records import RecipientStanding
from gateway.accounts.store import SqlBookkeeping, SqlClients
from gateway.bootstrap.parts import GrantDesk, Parts, es256
from gateway.identity.service import IdentityService
from gateway.identity.signing_in.consents import ConsentDesk, ConsentKeeper, Standing
from gateway.identity.signing_in.dialogs import DialogDesk
from gateway.identity.signing_in.id_tokens import IdTokens
from gateway.identity.signing_in.logouts import LogoutDesk
from gateway.identity.signing_in.parties import Parties
from gateway.identity.signing_in.ports import Household
from gateway.identity.signing_in.pushing import PushDesk
from gateway.identity.signing_in.redeeming import RedeemDesk
from gateway.identity.signing_in.service import SignInService
from gateway.identity.signing_in.signing_out import SignOutDesk
from gateway.identity.signing_in.store import SignInStore
from gateway.jobs import Periodic, Task
from gateway.keyring import Key
from gateway.releases.gate import StandingGate


def sign_in_service(
    parts: Parts,
    grants: GrantDesk,
    identity: IdentityService,
    household: Household | None,
    recipients: RecipientStanding | None,
) -> SignInService | None:
    """Return the provider, ``None`` on a face without the key ``oauth`` or without families."""
    if household is None or not parts.keyring.has(Key.OAUTH):
        return None
    issuer, store, scratch = parts.settings.public_url, SignInStore(), SqlBookkeeping(parts.engine)
    journal, reader, now = parts.journal, parts.reader, parts.now
    id_tokens = _id_tokens(parts)
    gate = StandingGate(grants, journal, parts.book, now)
    parties = Parties(SqlClients(), recipients, reader, now)
    standing = Standing(household, parts.book.purposes, parts.book.divisions)
    return SignInService(
        pushing=PushDesk(parties, gate, store, identity.store, id_tokens, journal, now),
        dialogs=DialogDesk(
            issuer, parties, gate, household, standing, identity.view, store, journal, reader, scratch, now
        ),
        redeeming=RedeemDesk(
            parties,
            gate,
            household,
            standing,
            identity.view,
            store,
            identity.store,
            id_tokens,
            journal,
            reader,
            scratch,
            now,
        ),
        signing_out=SignOutDesk(parties, store, id_tokens, journal, reader, now),
    )


def consent_desk(parts: Parts, household: Household | None) -> ConsentDesk | None:
    """Return what families see of their consents, ``None`` on a face without families."""
    return None if household is None else ConsentDesk(household, SignInStore(), parts.journal, parts.reader)


def consent_keeper(parts: Parts) -> ConsentKeeper:
    """Return what the worker does when records change."""
    return ConsentKeeper(SignInStore(), parts.journal, parts.reader, parts.now)


def logout_tasks(parts: Parts) -> list[Task]:
    """Return the telling of relying parties that sign-ins are over: of whoever holds the key that signs it."""
    if not parts.keyring.has(Key.OAUTH):
        return []
    loopback = is_loopback(urlsplit(parts.settings.public_url).hostname or "")
    desk = LogoutDesk(
        SignInStore(),
        _id_tokens(parts),
        BoundedHttp(loopback=loopback),
        parts.journal,
        parts.reader,
        SqlBookkeeping(parts.engine),
        parts.now,
    )
    return [Task("back-channel logouts", Periodic(desk.tell, 2))]


def _id_tokens(parts: Parts) -> IdTokens:
    return IdTokens(
        parts.settings.public_url,
        es256(parts.keyring.signing(Key.OAUTH)),
        [cast("ec.EllipticCurvePublicKey", parts.keyring.verifying(Key.OAUTH))],
    )


def sign_in_tasks(parts: Parts) -> list[Task]:
    """Return what the worker does for sign-ins: forget what is over."""
    return [Task("old sign-ins", Periodic(consent_keeper(parts).sweep, 3600))]
