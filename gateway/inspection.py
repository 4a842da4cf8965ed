"""What inspectors do from the shell: verify the whole log, follow it as a witness."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import bootstrap, keyring
from gateway.audit.bundle import Bundle, verify_bundle
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.errors import MalformedError
from gateway.audit.findings import VerifyReport
from gateway.audit.note import COSIGNATURE, NoteSigner, SignedNote, VerifierKey
from gateway.audit.policy import Group, TrustPolicy, parse_policy
from gateway.audit.presence import Verdict, verify_presence
from gateway.audit.presence_files import Scanned, TagsFile, scan
from gateway.audit.rotation import decode_proven, encode_proven
from gateway.audit.served import ServedLog
from gateway.audit.succession import verify_succession
from gateway.audit.tiled import FolderFiles, TiledSource
from gateway.audit.verify import LogSource, trust, verify_log
from gateway.audit.witness import AddCheckpoint, Witness
from gateway.errors import ConfigurationError, GatewayError
from gateway.keyring import Face
from gateway.services import Services
from gateway.settings import Settings

CHECKPOINTS = "checkpoints"
"""Below a witness's directory: what it cosigned."""
_KEYS = "keys "
"""First line of a request file where the log's key was changed: what changed it; the request follows."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """What a witness did: the size it cosigned, its public key, and the line it signed."""

    size: int
    vkey: str
    line: str

    @property
    def answer(self) -> str:
        """The answer as a file, to be carried back to the log."""
        return f"size {self.size}\n{self.line}"


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
    predecessor: str | None = None
    """The log before, whose last checkpoint entry 0 commits to: a database URL, or the path of a package or folder."""


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
    report = _verify(load_settings, where, trusted, witnessed, progress)
    if where.predecessor is None:
        return report
    with _opened(load_settings, where) as log, _opened(load_settings, _place_of(where.predecessor)) as before:
        earlier = verify_succession(log, before, trusted)
    return replace(report, findings=(*report.findings, *earlier.findings), notices=(*report.notices, *earlier.notices))


def _place_of(text: str) -> LogPlace:
    return LogPlace(database=text) if "://" in text else LogPlace(bundle=Path(text))


@contextmanager
def _opened(load_settings: Callable[[], Settings], where: LogPlace) -> Iterator[LogSource]:
    """Open the entries of a log."""
    if where.bundle is not None and where.bundle.is_dir():
        yield TiledSource(FolderFiles(where.bundle))
    elif where.bundle is not None:
        with Bundle.open(where.bundle) as bundle:
            yield TiledSource(bundle)
    elif where.url is not None:
        yield TiledSource(ServedLog(where.url, where.token, where.entries_url))
    else:
        with bootstrap.open_log(where.database or load_settings().gateway_url) as log:
            yield log


def _verify(
    load_settings: Callable[[], Settings],
    where: LogPlace,
    trusted: TrustPolicy,
    witnessed: Iterable[str],
    progress: Callable[[int], object],
) -> VerifyReport:
    if where.bundle is not None:
        return verify_bundle(where.bundle, trusted, witnessed=witnessed, progress=progress)
    if where.url is not None:
        served = ServedLog(where.url, where.token, where.entries_url)
        return verify_log(
            TiledSource(served), trusted, witnessed=witnessed, progress=progress, hashes_only=where.token is None
        )
    url = where.database or load_settings().gateway_url
    with bootstrap.open_log(url, with_index=where.with_index) as log:
        return verify_log(log, trusted, witnessed=witnessed, progress=progress, helper=(os.cpu_count() or 1) > 1)


def presence(
    load_settings: Callable[[], Settings], content: bytes, *, vkey: str | None = None, policy: Path | None = None
) -> Verdict:
    """Return what a proof of presence or absence shows; trust as for ``verify``. Raises what ``verify_presence`` does.

    Source: docs/presence-proofs.md.
    """
    return verify_presence(content, _trusted(load_settings, vkey, policy))


def scanned(
    load_settings: Callable[[], Settings],
    place: LogPlace,
    content: bytes,
    size: int,
    *,
    vkey: str | None = None,
    policy: Path | None = None,
    progress: Callable[[int], object] = lambda _count: None,
) -> Scanned:
    """Read the first ``size`` entries of a log, which was verified, for a pupil whose tags are in the file ``content``.

    A log at an address is not read so: its hashes alone are public. Raises ``MalformedError`` or ``ProofError`` when
    the file does not hold.
    """
    file = TagsFile.open(content, _trusted(load_settings, vkey, policy))
    if place.bundle is not None:
        if place.bundle.is_dir():
            return scan(TiledSource(FolderFiles(place.bundle)), file.tags, size, progress)
        with Bundle.open(place.bundle) as bundle:
            return scan(TiledSource(bundle), file.tags, size, progress)
    with bootstrap.open_log(place.database or load_settings().gateway_url) as log:
        return scan(log, file.tags, size, progress)


def scan_lines(found: Scanned) -> list[str]:
    """Return what a scan found, in words."""
    listed = "、".join(str(index) for index in found.found) or "无 none"
    whole = "完整 complete" if found.complete else "不完整 NOT complete"
    lines = [f"涉及该学生的条目 entries about the pupil: {listed}（前 {found.size} 条 first entries, {whole}）"]
    if found.unknown:
        lines.append(
            "· 下列条目的标签列表不在此处，请另行索取证明 the tag lists of these are not here, ask for proofs: "
            + "、".join(str(index) for index in found.unknown)
        )
    if found.beyond:
        lines.append(f"· 文件缺少这些季度的标签 no tags for these quarters: {'、'.join(found.beyond)}")
    return lines


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
    """Return the witness's key, made at the first time; it stays with the inspector.

    Raises ``ConfigurationError`` when the file is there and holds no key of a witness: a new one would be a stranger.
    """
    path = directory / "witness.pem"
    if path.exists():
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if isinstance(key, Ed25519PrivateKey):
            return key
        raise ConfigurationError("witness.pem holds no Ed25519 key.", detail_zh="witness.pem 不是 Ed25519 私钥。")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Ed25519PrivateKey.generate()
    pem = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return made


def witness_signer(directory: Path, name: str) -> NoteSigner:
    """Return the signer of the witness in ``directory``."""
    return NoteSigner(name, witness_key(directory), COSIGNATURE)


def open_witness(directory: Path, name: str, log_keys: Iterable[VerifierKey]) -> Witness:
    """Return the witness in ``directory`` for the logs of ``log_keys``, by origin."""
    logs: dict[str, tuple[VerifierKey, ...]] = {}
    for key in log_keys:
        logs[key.name] = (*logs.get(key.name, ()), key)
    return Witness(directory / CHECKPOINTS, witness_signer(directory, name), logs, lambda: datetime.now(UTC))


def witness_once(services: Services, directory: Path, name: str) -> Cosigned:
    """Check the newest checkpoint against the one kept, cosign it, keep it, hand the cosignature to the log."""
    witness = open_witness(directory, name, services.audit.policy.logs)  # further keys are learnt, as by any witness
    checkpoint, signature = witness.once(services.publisher, services.audit.origin)
    services.audit.add_cosignature(checkpoint.size, signature.line())
    return Cosigned(checkpoint.size, str(witness.signer.verifier), signature.line())


def witness_served(url: str, directory: Path, name: str, log_keys: Sequence[VerifierKey]) -> Cosigned:
    """Do the same for a log at an address, from its public tiles; the cosignature is returned, not handed in."""
    witness = open_witness(directory, name, log_keys)
    checkpoint, signature = witness.once(ServedLog(url), log_keys[0].name)
    return Cosigned(checkpoint.size, str(witness.signer.verifier), signature.line())


def witness_request(request: Path, directory: Path, name: str, log_keys: Sequence[VerifierKey]) -> Cosigned:
    """Do the same for a checkpoint that came as a file (``request_file``)."""
    text = request.read_text(encoding="utf-8")
    changes = ""
    if text.startswith(_KEYS):
        changes, _, text = text.removeprefix(_KEYS).partition("\n")
    asked = AddCheckpoint.parse(text)
    witness = open_witness(directory, name, log_keys)
    witness.learn(asked.checkpoint, decode_proven(changes) if changes else ())
    signature = witness.add_checkpoint(asked)
    size = Checkpoint.parse_text(SignedNote.parse(asked.checkpoint).text).size
    return Cosigned(size, str(witness.signer.verifier), signature.line())


def request_file(process: bootstrap.Process, name: str | None) -> str:
    """Return a request for the witness ``name`` of the policy (by default the only one), to be carried to it."""
    audit = process.services.audit
    witnesses = audit.policy.witnesses
    if name is None and len(witnesses) != 1:
        raise ConfigurationError(
            "Say which witness: --name, one of the trust policy.", detail_zh="请用 --name 指明见证方。"
        )
    chosen = next(iter(witnesses)) if name is None else name
    if chosen not in witnesses:
        raise ConfigurationError(f"The trust policy has no witness '{chosen}'.", detail_zh="信任策略中没有该见证方。")
    request = bootstrap.witness_request(process, witnesses[chosen])
    size = Checkpoint.parse_text(SignedNote.parse(request.checkpoint).text).size
    changes = process.services.publisher.rotations(size)
    return f"{_KEYS}{encode_proven(changes)}\n{request}" if changes else str(request)


def take_answer(process: bootstrap.Process, text: str) -> int:
    """Keep the cosignatures of an answer file; return their size. Raises ``MalformedError`` or ``ProofError``."""
    first, *lines = text.splitlines()
    word, _, number = first.partition(" ")
    if word != "size" or not number.isdecimal() or not lines:
        raise MalformedError("This is no answer of a witness.", detail_zh="这不是见证方的答复文件。")
    for line in lines:
        process.services.audit.add_cosignature(int(number), line)
    return int(number)


def mirror(services: Services, folder: Path) -> Checkpoint:
    """Write the log into ``folder`` in the layout of tlog-tiles, up to what the quorum cosigned; return that."""
    return services.audit.mirror(FolderFiles(folder).write)


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
