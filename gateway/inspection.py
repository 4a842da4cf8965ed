"""What inspectors do from the shell: verify the whole log, follow it as a witness."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import bootstrap, keyring
from gateway.audit.bundle import verify_bundle
from gateway.audit.note import COSIGNATURE, NoteSigner, VerifierKey
from gateway.audit.policy import Group, TrustPolicy, parse_policy
from gateway.audit.verify import VerifyReport, trust, verify_log
from gateway.audit.witness import Witness
from gateway.keyring import Face
from gateway.services import Services
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Cosigned:
    """What a witness did: the size it cosigned and its public key."""

    size: int
    vkey: str


def verify(
    load_settings: Callable[[], Settings],
    *,
    database: str | None = None,
    bundle: Path | None = None,
    vkey: str | None = None,
    policy: Path | None = None,
    witnessed: Iterable[str] = (),
) -> VerifyReport:
    """Rebuild a log from a database or an inspection package and report on it.

    Trust comes from ``policy``, else ``vkey``, else the key directory of the settings.
    """
    trusted = _trusted(load_settings, vkey, policy)
    if bundle is not None:
        return verify_bundle(bundle, trusted, witnessed=witnessed)
    with bootstrap.open_log(database or load_settings().gateway_url) as log:
        return verify_log(log, trusted, witnessed=witnessed)


def _trusted(load_settings: Callable[[], Settings], vkey: str | None, policy: Path | None) -> TrustPolicy:
    if policy is not None:
        return parse_policy(policy.read_text(encoding="utf-8"))
    if vkey is not None:
        return trust(vkey)
    found = load_settings()
    return bootstrap.trust_policy(found, keyring.load(found.keys, Face.ALL))


def lines(report: VerifyReport) -> list[str]:
    """Return a report in words, Chinese first."""
    head = "日志完整，未发现篡改 · the log holds" if report.ok else "日志有问题 · the log does not hold"
    found = [
        f"{head}: {report.size} 条 entries, {report.checkpoints} 个检查点 checkpoints, root {report.root.hex()}",
    ]
    if report.cosigned_size:
        found.append(f"见证至 cosigned up to size {report.cosigned_size}")
    found += [f"✗ {one.damage}: {one.detail_zh} {one.detail}" for one in report.findings]
    found += [f"· {notice}" for notice in report.notices]
    return found


def witness_key(directory: Path) -> Ed25519PrivateKey:
    """Return the witness's key, made at the first time; it stays with the inspector."""
    path = directory / "witness.pem"
    if path.exists():
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if isinstance(key, Ed25519PrivateKey):
            return key
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Ed25519PrivateKey.generate()
    path.write_bytes(
        made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    path.chmod(0o600)
    return made


def witness_signer(directory: Path, name: str) -> NoteSigner:
    """Return the signer of the witness in ``directory``."""
    return NoteSigner(name, witness_key(directory), COSIGNATURE)


def witness_once(services: Services, directory: Path, name: str) -> Cosigned:
    """Check the newest checkpoint against the one kept, cosign it, keep it, hand the cosignature to the log."""
    signer = witness_signer(directory, name)
    log_keys = services.audit.policy.logs
    witness = Witness(directory / "checkpoints", signer, {key.name: (key,) for key in log_keys}, services.now)
    checkpoint, signature = witness.once(services.publisher, services.audit.origin)
    services.audit.add_cosignature(checkpoint.size, signature.line())
    return Cosigned(checkpoint.size, str(signer.verifier))


def require_witness(settings: Settings, witnesses: Sequence[VerifierKey]) -> None:
    """Write the policy file of the key directory: the log's key, and all ``witnesses`` have to cosign."""
    log = bootstrap.log_key(settings, keyring.load(settings.keys, Face.ALL))
    names = [f"w{number}" for number in range(1, len(witnesses) + 1)]
    policy = TrustPolicy(
        (log,),
        dict(zip(names, witnesses, strict=True)),
        {"all": Group(len(witnesses), tuple(names))},
        "all",
    )
    (settings.keys / bootstrap.POLICY_FILE).write_text(policy.text(), encoding="utf-8")
