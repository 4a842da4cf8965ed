"""Scans of government approvals: sealed with a key that the outside does not hold, with the hash of the clear file.

A scan belongs to one application and lies in the gateway database, so that it appears together with its audit entry
or not at all, and leaves no orphan (``A50-7``, ADR 23). Nothing of it is ever shown to anyone who acts for a recipient.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.articles import keeps
from gateway.errors import ConflictError, ForbiddenError, NotFoundError
from gateway.ids import AccountId, ApplicationId
from gateway.journal import EntryDraft, Tx
from gateway.policies.decision import Action, Decision
from gateway.policies.desk import Desk
from gateway.policies.errors import ScanDamagedError, ScanRefusedError, WrongStateError
from gateway.policies.records import Application, ApplicationState
from gateway.policies.resources import application_resource
from gateway.principals import Principal

MAX_BYTES: Final = 20 << 20
"""20 MiB: what one scan may have."""
SUFFIXES: Final = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}
"""Media types that are taken, and how a file of them is named."""
_MAGIC: Final[Mapping[str, tuple[bytes, bytes]]] = {
    # media type -> first and last bytes of a whole file (ISO 32000-1 7.5; PNG 5.2 and 11.2.5; ITU-T T.81 B.1.1.3)
    "application/pdf": (b"%PDF-", b"%%EOF"),
    "image/png": (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    "image/jpeg": (b"\xff\xd8\xff", b"\xff\xd9"),
}
_TAIL: Final = 1024
"""A PDF may have a little behind its end."""
_NONCE: Final = 12
_OPEN: Final = (ApplicationState.SUBMITTED, ApplicationState.BASIS_RECORDED, ApplicationState.CONFIRMED)
"""States in which a scan may be handed in: what was decided stays as it was (``A50-9``)."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan that is held. ``sha256`` is over the clear file, ``size`` in bytes."""

    id: str
    application: ApplicationId
    media_type: str
    size: int
    sha256: str
    handed_in_by: AccountId
    handed_in_at: datetime


class ScanStore(Protocol):
    """Scans by application."""

    def scans(self, tx: Tx, application_id: ApplicationId) -> Sequence[Scan]:
        """Return the scans of an application without their content, oldest first."""

    def insert_scan(self, tx: Tx, scan: Scan, sealed: bytes) -> None:
        """Insert a scan; raises ``ConflictError`` when the application holds one with this hash."""

    def sealed_scan(self, tx: Tx, application_id: ApplicationId, scan_id: str) -> tuple[Scan, bytes] | None:
        """Return a scan and its sealed content, ``None`` when the application has no such one."""


class Applications(Protocol):
    """Applications as a person may read them."""

    def get(self, principal: Principal, application_id: ApplicationId) -> Application:
        """Return an application; raises ``NotFoundError`` when there is none or the person may not read it."""


class ScanBox:
    """Seals and opens scans: AES-256-GCM, application, scan and hash as associated data.

    A scan that was moved to another application, or altered, does not open. The key is derived from ``approval-scan``.
    """

    def __init__(self, key: bytes) -> None:
        derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"xueji approval scans v1").derive(key)
        self._cipher = AESGCM(derived)

    def seal(self, scan: Scan, content: bytes) -> bytes:
        """Return nonce and ciphertext."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, content, _bound(scan))

    def open(self, scan: Scan, sealed: bytes) -> bytes:
        """Return the clear file; raises ``ScanDamagedError`` when it is not the one that was handed in."""
        try:
            content = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(scan))
        except (InvalidTag, ValueError) as error:
            raise _damaged() from error
        if hashlib.sha256(content).hexdigest() != scan.sha256:
            raise _damaged()
        return content


@dataclass(frozen=True, slots=True)
class ScanService:
    """The use cases: hand in, list, read."""

    desk: Desk
    store: ScanStore
    applications: Applications
    box: ScanBox = field(repr=False)

    @keeps("A50-7")
    def hand_in(self, principal: Principal, application_id: ApplicationId, media_type: str, content: bytes) -> Scan:
        """Keep a scan for an application whose ground is being recorded; the same file again is the same scan.

        Raises ``ScanRefusedError`` for a file that is empty, over 20 MiB, of another type than PDF, PNG and JPEG, or
        not of the type that it says; ``WrongStateError`` once it was decided; ``ForbiddenError``, ``NotFoundError``.
        """
        application = self.applications.get(principal, application_id)
        with self.desk.refusals(principal, Action.RECORD_GROUND, _links(application)):
            decision = self.desk.authorize(principal, Action.RECORD_GROUND, application_resource(application))
            if application.state not in _OPEN:
                raise WrongStateError(
                    "A scan is handed in while the ground is recorded or checked, not before the application was "
                    "submitted and not after the decision: a change is a new application.",
                    detail_zh="扫描件须在登记、核对依据期间上传；申请提交前和作出决定后均不得上传，变更须另行申请。",
                    rule="A50-9",
                    missing=tuple(state.value for state in _OPEN),
                )
            _check(media_type, content)
        digest = hashlib.sha256(content).hexdigest()
        same = self._same(application_id, digest)
        if same is not None:
            return same
        scan = Scan(
            id=self.desk.new_id("sc"),
            application=application_id,
            media_type=media_type,
            size=len(content),
            sha256=digest,
            handed_in_by=principal.account,
            handed_in_at=self.desk.now(),
        )
        sealed = self.box.seal(scan, content)
        entry = self._entry("scan.handed_in", principal, scan, application, decision)
        try:
            self.desk.journal.record(lambda tx: self.store.insert_scan(tx, scan, sealed), entry)
        except ConflictError:
            same = self._same(application_id, digest)  # somebody handed the same file in at this very moment
            if same is None:
                raise
            return same
        return scan

    def listed(self, principal: Principal, application_id: ApplicationId) -> tuple[Scan, ...]:
        """Return the scans of an application, without content; raises ``ForbiddenError``, ``NotFoundError``."""
        application = self.applications.get(principal, application_id)
        self._may_read(principal, application)
        return self.of(application_id)

    def content(self, principal: Principal, application_id: ApplicationId, scan_id: str) -> tuple[Scan, bytes]:
        """Return a scan in clear to an officer of the territory or an inspector; the reading is recorded before.

        Raises ``ForbiddenError``, ``NotFoundError``, ``ScanDamagedError``.
        """
        application = self.applications.get(principal, application_id)
        with self.desk.refusals(principal, Action.READ_APPLICATION, _links(application)):
            decision = self._may_read(principal, application)
        found = self.desk.reader.read(lambda tx: self.store.sealed_scan(tx, application_id, scan_id))
        if found is None:
            raise NotFoundError("There is no such scan.", detail_zh="没有该扫描件。")
        scan, sealed = found
        self.desk.journal.append(self._entry("scan.read", principal, scan, application, decision))
        return scan, self.box.open(scan, sealed)

    def of(self, application_id: ApplicationId) -> tuple[Scan, ...]:
        """Return what is held for an application, without asking who wants to know: for this room and its pages."""
        return tuple(self.desk.reader.read(lambda tx: self.store.scans(tx, application_id)))

    def _same(self, application_id: ApplicationId, digest: str) -> Scan | None:
        return next((one for one in self.of(application_id) if one.sha256 == digest), None)

    def _may_read(self, principal: Principal, application: Application) -> Decision:
        decision = self.desk.authorize(principal, Action.READ_APPLICATION, application_resource(application))
        if principal.unit is None or principal.recipient is not None:
            # the floor under the policies: what the government wrote stays inside, whoever edits a policy file (I2)
            raise ForbiddenError(
                "Scans of approvals are for officers of the territory and inspectors.",
                detail_zh="批准文件扫描件仅供本地域工作人员和审计检查员查看。",
                rule="A50-7",
                extra={"policy": "invariant-i2"},
            )
        return decision

    def _entry(
        self, kind: str, principal: Principal, scan: Scan, application: Application, decision: Decision
    ) -> EntryDraft:
        return EntryDraft(
            kind=kind,
            actor=principal,
            facts={
                "scan": scan.id,
                "media_type": scan.media_type,
                "size": scan.size,
                "scan_sha256": scan.sha256,
            },
            links=_links(application),
            policy=decision.policy,
        )


def _check(media_type: str, content: bytes) -> None:
    if not 0 < len(content) <= MAX_BYTES:
        raise ScanRefusedError(
            "A scan has between one byte and 20 MB: scan it again with a lower resolution.",
            detail_zh="扫描件不能为空，且不超过 20 MB；请降低分辨率重新扫描。",
            missing=("scan",),
        )
    magic = _MAGIC.get(media_type)
    if magic is None:
        raise ScanRefusedError(
            "A scan is a PDF, PNG or JPEG file: save it as one of these.",
            detail_zh="扫描件须为 PDF、PNG 或 JPEG 文件，请另存后上传。",
            missing=("scan",),
        )
    head, tail = magic
    if not content.startswith(head) or tail not in content[-_TAIL:]:
        raise ScanRefusedError(
            "The file is not what it says, or was cut off: save it anew and send it again.",
            detail_zh="文件内容与类型不符，或文件不完整，请重新保存后上传。",
            missing=("scan",),
        )


def _bound(scan: Scan) -> bytes:
    return "\0".join(("xueji scan v1", scan.application, scan.id, scan.sha256)).encode()


def _links(application: Application) -> dict[str, str]:
    return {"application": application.id, "recipient": application.recipient}


def _damaged() -> ScanDamagedError:
    return ScanDamagedError(
        "The stored scan does not open, or was altered: call the operator.",
        detail_zh="存储的扫描件无法打开或已被改动，请联系运维人员。",
    )
