"""Texts of articles, scans of approvals and the register of disclosures, wired."""

from __future__ import annotations

from gateway.accounts.directory import AccountDirectory
from gateway.accounts.errors import AccountNotFoundError
from gateway.bootstrap.parts import Parts
from gateway.ids import AccountId, UnitCode
from gateway.keyring import Key
from gateway.policies.desk import Desk
from gateway.policies.disclosures import DisclosureService
from gateway.policies.ground_keeper import GroundKeeper, StoredHoldings
from gateway.policies.legal_texts import LegalTextService
from gateway.policies.scans import ScanBox, ScanService
from gateway.policies.service import ApplicationService, random_id
from gateway.policies.store.disclosures import SqlDisclosures
from gateway.policies.store.scans import SqlScans
from gateway.policies.store.texts import SqlLegalTexts
from gateway.principals import Role

__all__ = ["disclosure_service", "ground_keeper", "legal_text_service", "scan_service"]


def ground_keeper(parts: Parts) -> GroundKeeper:
    """Return what looks whether grounds hold; a face without the key of scans does not know which are held."""
    scans = SqlScans() if parts.keyring.has(Key.APPROVAL_SCAN) else None
    return GroundKeeper(parts.book, StoredHoldings(parts.reader, SqlLegalTexts(), scans))


def legal_text_service(parts: Parts, applications: ApplicationService) -> LegalTextService:
    """Return the use cases of texts."""
    return LegalTextService(_desk(parts, applications), SqlLegalTexts())


def scan_service(parts: Parts, applications: ApplicationService) -> ScanService | None:
    """Return the use cases of scans, ``None`` on a face that has not their key (design 2)."""
    if not parts.keyring.has(Key.APPROVAL_SCAN):
        return None
    box = ScanBox(parts.keyring.secret(Key.APPROVAL_SCAN))
    return ScanService(_desk(parts, applications), SqlScans(parts.data_keys), applications, box)


def disclosure_service(
    parts: Parts, applications: ApplicationService, directory: AccountDirectory
) -> DisclosureService | None:
    """Return the register of disclosures, ``None`` on a face that is not of the office."""
    if not parts.keyring.has(Key.APPROVAL_SCAN):
        return None

    def approver_unit(account: AccountId) -> UnitCode | None:
        try:
            found = directory.get(account)
        except AccountNotFoundError:
            return None
        return found.unit if Role.APPROVING_OFFICER in found.roles else None

    return DisclosureService(_desk(parts, applications), SqlDisclosures(), approver_unit)


def _desk(parts: Parts, applications: ApplicationService) -> Desk:
    return Desk(parts.journal, parts.reader, applications.authorize, parts.book, parts.now, random_id)
