"""What inspectors do from the shell: verify the whole log, follow it as a witness."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import bootstrap, keyring
from gateway.audit.bundle import verify_bundle
from gateway.audit.findings import VerifyReport
from gateway.audit.note import COSIGNATURE, NoteSigner, VerifierKey
from gateway.audit.policy import Group, TrustPolicy, parse_policy
from gateway.audit.served import ServedLog
from gateway.audit.tiled import TiledSource
from gateway.audit.verify import trust, verify_log
from gateway.audit.witness import Witness
from gateway.errors import GatewayError
from gateway.keyring import Face
from gateway.services import Services
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Cosigned:
    """What a witness did: the size it cosigned and its public key."""

    size: int
    vkey: str


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where a log is: a database URL, a package or folder, a gateway's address; by default that of the settings."""

    database: str | None = None
    bundle: Path | None = None
    url: str | None = None
    token: str | None = field(default=None, repr=False)
    """An inspector's, for the entries of a log at an address; without it its hashes alone are verified."""
    entries_url: str | None = None
    with_index: bool = False
    """Whether the search index of a database is compared too."""


def verify(
    load_settings: Callable[[], Settings],
    place: LogPlace | None = None,
    *,
    vkey: str | None = None,
    policy: Path | None = None,
    witnessed: Iterable[str] = (),
    progress: Callable[[int], object] = lambda _count: None,
) -> VerifyReport:
    """Rebuild a log from a database, a package, a folder or a server, and report on it.

    Trust comes from ``policy``, else ``vkey``, else the key directory of the settings.
    """
    where = place or LogPlace()
    trusted = _trusted(load_settings, vkey, policy)
    if where.bundle is not None:
        return verify_bundle(where.bundle, trusted, witnessed=witnessed, progress=progress)
    if where.url is not None:
        served = ServedLog(where.url, where.token, where.entries_url)
        return verify_log(
            TiledSource(served), trusted, witnessed=witnessed, progress=progress, hashes_only=where.token is None
        )
    url = where.database or load_settings().gateway_url
    with bootstrap.open_log(url, with_index=where.with_index) as log:
        return verify_log(log, trusted, witnessed=witnessed, progress=progress)


def _trusted(load_settings: Callable[[], Settings], vkey: str | None, policy: Path | None) -> TrustPolicy:
    if policy is not None:
        return parse_policy(policy.read_text(encoding="utf-8"))
    if vkey is not None:
        return trust(vkey)
    found = load_settings()
    return bootstrap.trust_policy(found, keyring.load(found.keys, Face.ALL))


def kept_notes(path: Path) -> list[str]:
    """Return the checkpoints that somebody kept: of one file, or of all in a witness's directory."""
    if path.is_dir():
        found = sorted(path.rglob("history/*"))
        return [file.read_text(encoding="utf-8") for file in found if file.name.isdecimal()]
    return [path.read_text(encoding="utf-8")]


def told(error: Exception) -> list[str]:
    """Return in words why a log could not be verified."""
    if isinstance(error, GatewayError):
        return [line for line in (error.detail_zh, error.detail) if line]
    return [f"无法读取 cannot be read: {type(error).__name__}"]


def lines(report: VerifyReport) -> list[str]:
    """Return a report in words, Chinese first."""
    head = "日志完整，未发现篡改 · the log holds" if report.ok else "日志有问题 · the log does not hold"
    found = [
        f"{head}: {report.size} 条 entries, {report.checkpoints} 个检查点 checkpoints, root {report.root.hex()}",
    ]
    if report.cosigned_size:
        found.append(f"见证至 cosigned up to size {report.cosigned_size}")
    found += [f"✗ {one.damage}: {one.detail_zh} {one.detail}" for one in report.findings]
    found += [f"· 注意 warning: {notice}" for notice in report.notices]
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
