"""Wires issuing: the face that holds the issuer's key answers wallets itself, the others ask the worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.accounts.store import SqlBookkeeping
from gateway.bootstrap.parts import Parts
from gateway.broker.service import Asker, broker_key
from gateway.broker.store import SqlQuestions
from gateway.identity.issuer_keys import KeySource
from gateway.identity.issuing.credentials import CredentialDesk
from gateway.identity.issuing.desk import LocalDesk, RemoteDesk, WalletDesk
from gateway.identity.issuing.ending import EndingDesk
from gateway.identity.issuing.notifications import NotificationDesk
from gateway.identity.issuing.offers import OfferDesk
from gateway.identity.issuing.ports import MayEnd, MayOffer
from gateway.identity.issuing.service import IssuingService
from gateway.identity.issuing.store import IssuingStore
from gateway.identity.issuing.tokens import TokenDesk
from gateway.identity.lifecycle import staff_may_offer
from gateway.identity.service import IdentityService
from gateway.identity.store import IdentityStore
from gateway.ids import AccountId, SubjectRef
from gateway.keyring import Key
from gateway.principals import FAMILIES, AccountKind, Principal

ActsFor = Callable[[AccountId, SubjectRef], bool]
"""Says whether a family's account may hold the identity of a pupil now (``FamilyService.may_hold_for``)."""


def issuing_service(
    parts: Parts, identity: IdentityService, acts_for: ActsFor | None = None, ends_for: ActsFor | None = None
) -> IssuingService:
    """Return issuing as the face of ``parts`` has it.

    Without ``acts_for`` no family account makes an offer; without ``ends_for`` none ends an identity.
    """
    store = IssuingStore()
    offers = None
    if parts.sharing is not None:
        offers = OfferDesk(
            settings=identity.settings,
            journal=parts.journal,
            store=store,
            view=parts.sharing,
            may_offer=may_offer(parts, acts_for),
            now=parts.now,
        )
    desk: WalletDesk = (
        _local(parts, identity, identity.keys, store, may_end(parts, identity, ends_for))
        if parts.keyring.has(Key.CREDENTIAL)
        else RemoteDesk(worker_asker(parts))
    )
    return IssuingService(offers, desk, parts.journal, store, parts.now)


def _local(parts: Parts, identity: IdentityService, keys: KeySource, store: IssuingStore, ends: MayEnd) -> LocalDesk:
    rows = IdentityStore()
    tokens = TokenDesk(
        settings=identity.settings,
        journal=parts.journal,
        reader=parts.reader,
        scratch=SqlBookkeeping(parts.engine),
        store=store,
        rows=rows,
        now=parts.now,
    )
    credentials = CredentialDesk(
        settings=identity.settings,
        journal=parts.journal,
        store=store,
        rows=rows,
        view=identity.view,
        keys=keys,
        tokens=tokens,
        settle=identity.set_status_by_subject,
        now=parts.now,
    )
    ending = ending_desk(parts, identity, ends)
    return LocalDesk(tokens, credentials, NotificationDesk(parts.journal, store, tokens, identity.end), ending)


def ending_desk(parts: Parts, identity: IdentityService, ends: MayEnd = lambda _by, _subject: False) -> EndingDesk:
    """Return what ends identities, where the issuer's key is; ``ends`` says who may end one."""
    return EndingDesk(parts.journal, parts.reader, IssuingStore(), IdentityStore(), identity.end, ends, parts.now)


def worker_asker(parts: Parts) -> Asker:
    """Return the way to the worker for a face where families sign in: by the key that it shares with the worker."""
    key = broker_key(parts.keyring.secret(Key.DELIVERY if parts.keyring.has(Key.DELIVERY) else Key.FAMILY))
    return Asker(SqlQuestions(), parts.reader, SqlBookkeeping(parts.engine), key, parts.now)


def may_offer(parts: Parts, acts_for: ActsFor | None) -> MayOffer:
    """Return who may offer an identity, for whom: staff in their charge, families by their bond, clients never."""
    staff = staff_may_offer(parts.book.divisions.territory)

    def allowed(by: Principal, subject_ref: SubjectRef, row: Mapping[str, object]) -> bool:
        if by.kind is AccountKind.STAFF:
            return staff(by, row)
        # A client stands for no family, whatever its account is called.
        family = by.kind is not AccountKind.CLIENT
        return family and acts_for is not None and acts_for(by.account, subject_ref)

    return allowed


def may_end(parts: Parts, identity: IdentityService, ends_for: ActsFor | None) -> MayEnd:
    """Return who may end a pupil's identity: staff in charge, families by their bond, clients never."""
    staff = staff_may_offer(parts.book.divisions.territory)

    def allowed(by: Principal, subject_ref: SubjectRef) -> bool:
        if by.kind is AccountKind.STAFF:
            row = identity.view.pupil(subject_ref)
            return row is not None and staff(by, row)
        return by.kind in FAMILIES and ends_for is not None and ends_for(by.account, subject_ref)

    return allowed
