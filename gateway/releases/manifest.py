"""The signed manifest of an extract, and the obligations that travel with the data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import cast

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from gateway.ids import AccountId, ExtractId
from gateway.policies.records import Grant, Level
from gateway.releases.envelopes import ENC, EnvelopeKey
from gateway.releases.errors import ContentDamagedError
from gateway.releases.parts import parts_claim
from gateway.releases.records import ExtractRequest, PreparedFile

MANIFEST_TYPE = "xueji-manifest+jwt"


@dataclass(frozen=True, slots=True)
class ManifestSigner:
    """Signs manifests with the grant key (ES256)."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)

    def sign(self, claims: Mapping[str, object]) -> str:
        """Return the compact JWS of ``claims``; Chinese is not escaped."""
        jwk = _jwk(self.key)
        header = {"alg": "ES256", "typ": MANIFEST_TYPE, "kid": jwk.thumbprint()}
        payload = json.dumps(claims, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return jws.serialize_compact(header, payload.encode(), jwk, algorithms=["ES256"])


def verify_manifest(token: str, key: ec.EllipticCurvePublicKey) -> dict[str, object]:
    """Return the claims of a manifest whose signature holds; raises ``ContentDamagedError`` otherwise."""
    try:
        signed = jws.deserialize_compact(token, _jwk(key), algorithms=["ES256"])
    except (JoseError, ValueError) as error:
        raise ContentDamagedError("The manifest's signature does not hold.", detail_zh="清单签名无效。") from error
    if signed.protected.get("typ") != MANIFEST_TYPE:
        raise ContentDamagedError("This is not a manifest.", detail_zh="这不是提取清单。")
    return cast("dict[str, object]", json.loads(signed.payload or b"{}"))


def claims_of(token: str) -> dict[str, object]:
    """Return the claims of a manifest of our own making, which lies beside its extract: nothing is verified."""
    return cast("dict[str, object]", json.loads(jws.extract_compact(token.encode()).payload or b"{}"))


def manifest_claims(  # one flat record: the chain of responsibility is read from it
    *,
    issuer: str,
    extract: ExtractId,
    grant: Grant,
    executor: AccountId,
    request: ExtractRequest,
    file: PreparedFile,
    file_name: str,
    issued_at: datetime,
    expires_on: date,
    delete_by: date,
    report_sha256: str,
    obligations_sha256: str,
    rulebook: str,
) -> dict[str, object]:
    """Return the manifest: content hash, rows, fields, level, and the whole chain 谁批准、谁负责 (A50-10)."""
    return {
        "iss": issuer,
        "jti": extract,
        "iat": int(issued_at.timestamp()),
        "extract": extract,
        "file": {
            "name": file_name,
            "format": request.format,
            "bytes": file.size,
            "sha256": file.sha256,
            "parts": parts_claim(file.parts),
            **_layers(request, file),
        },
        "rows": file.rows,
        **({} if request.since is None else {"since": request.since, "changes": dict(file.changes or {})}),
        "suppressed": file.suppressed,
        "fields": list(file.columns),
        "level": grant.scope.level,
        "purpose": grant.scope.purpose,
        "profile": grant.scope.profile,
        "plan_sha256": file.plan_sha256,
        "snapshot": file.snapshot,
        "report_sha256": report_sha256,
        "obligations_sha256": obligations_sha256,
        "application": grant.application,
        "grant": grant.id,
        "ground": {"id": grant.ground_id, "kind": grant.ground_kind, "label": grant.ground_label},
        "basis_recorder": grant.basis_recorder,
        "basis_confirmer": grant.basis_confirmer,
        "approver": grant.approver,
        "executor": executor,
        "recipient": {"id": grant.recipient, "name": grant.recipient_name},
        "responsible": grant.responsible,
        "expires_on": expires_on.isoformat(),
        "delete_by": delete_by.isoformat(),
        "rulebook": rulebook,
        "policy_set": grant.policy_set,
        "personal_information": grant.scope.level is not Level.ANONYMOUS,
        "source": "晋教〔2026〕1号 art. 50",
    }


def _layers(request: ExtractRequest, file: PreparedFile) -> dict[str, object]:
    """Return how a packed file is opened, and what is then found in it."""
    if file.plain is None:
        return {}
    found: dict[str, object] = {"plain": {"bytes": file.plain.size, "sha256": file.plain.sha256}}
    if request.compression is not None:
        found["compression"] = request.compression
    if request.encrypt_to is not None:
        key = EnvelopeKey.of(request.encrypt_to)
        found["encryption"] = {"kid": key.kid, "alg": key.alg, "enc": ENC}
    return found


def obligations(grant: Grant, extract: ExtractId, delete_by: date) -> dict[str, object]:
    """Return what the recipient owes, for machines and people (A50-9, A50-12, Q-34)."""
    personal = grant.scope.level is not Level.ANONYMOUS
    return {
        "extract": extract,
        "grant": grant.id,
        "recipient": grant.recipient,
        "responsible": grant.responsible,
        "purpose": grant.scope.purpose,
        "use_until": grant.scope.valid_to.isoformat(),
        "delete_by": delete_by.isoformat(),
        "deletion_certificate": f"/v1/extracts/{extract}/deletion-certificate",
        "personal_information": personal,
        "duties": [
            {
                "code": "purpose-only",
                "zh": "仅用于申请使用范围内的目的，不得另作他用。",
                "en": "Use for the purpose applied for and for nothing else.",
                "rule": "A50-9",
            },
            {
                "code": "no-onward-transfer",
                "zh": "不得向任何第三方提供；受托方须为批准中列明的接收方。",
                "en": "Do not pass on; a sub-processor must be a recipient named in the approval.",
                "rule": "Q-34",
            },
            {
                "code": "no-reidentification",
                "zh": "不得试图识别任何学生，不得与其他数据关联以识别个人。",
                "en": "Do not try to identify any pupil, alone or by joining other data.",
                "rule": "A50-8",
            },
            {
                "code": "delete-and-certify",
                "zh": f"最迟于 {delete_by.isoformat()} 销毁并提交销毁证明。",
                "en": f"Delete by {delete_by.isoformat()} and hand in the deletion certificate.",
                "rule": "A50-12",
            },
        ],
    }


def _jwk(key: ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) -> ECKey:
    public = key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else key
    if isinstance(key, ec.EllipticCurvePrivateKey):
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return ECKey.import_key(pem)
    return ECKey.import_key(
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
