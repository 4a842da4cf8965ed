"""The inspection package: a ZIP, or the same unpacked, that a stranger verifies with nothing but the log's public key.

``full`` holds the whole log in the layout of tlog-tiles; ``selected`` holds chosen entries with their
``tlog-proof``. Nothing in it needs a signature of its own: entries and hashes follow from the signed checkpoint.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.findings import Damage, Finding, VerifyReport
from gateway.audit.policy import TrustPolicy, parse_policy
from gateway.audit.receipts import TlogProof
from gateway.audit.tiled import CHECKPOINT, ENTRIES, MAX_FILE, FolderFiles, TiledFiles, TiledSource, numbers_of, text_of
from gateway.audit.tiles import TileId
from gateway.audit.verify import verify_log
from gateway.journal import JsonValue

FORMAT = "xueji-log-bundle/1"
_EPOCH = (1980, 1, 1, 0, 0, 0)

README_ZH = """# 审计检查包

来源（origin）：{origin}
日志规模：{size} 条

本包用于向第三方证明审计日志的条目未被改动。不需要信任数据库，也不需要联网。

- `checkpoint`：签名检查点（C2SP tlog-checkpoint），写明条目数与 Merkle 树根。
- `policy.txt`：日志公钥、见证方公钥与法定数（C2SP tlog-policy）。请与另行取得的公钥核对，不要只信本包。
- `tile/`：哈希块与条目块（C2SP tlog-tiles，RFC 6962 哈希，SHA-256）。仅完整包有。
- `entries/` 与 `proofs/`：所选条目及其证明（C2SP tlog-proof）。仅选取包有。
- `checkpoints.ndjson`：历次检查点。仅完整包有。
- `keys.json`：日志密钥轮换后，各公钥的起止范围及轮换条目；信任其中任一把公钥即可沿条目核验到其余公钥。

核验：`xueji verify-log --bundle 文件名 --vkey 日志公钥`。条目中没有学生和监护人的姓名、证件号码、学籍号。
"""
README_EN = """# Inspection package

Origin: {origin}
Size of the log: {size} entries

This package proves to a stranger that entries of the audit log were not altered; neither the database nor a network is needed.

- `checkpoint`: the signed checkpoint (C2SP tlog-checkpoint): number of entries and Merkle root.
- `policy.txt`: public keys of log and witnesses, and the quorum (C2SP tlog-policy). Compare the keys with those you got by another way.
- `tile/`: hash tiles and entry bundles (C2SP tlog-tiles, RFC 6962 hashing, SHA-256). In a full package.
- `entries/` and `proofs/`: chosen entries and their proofs (C2SP tlog-proof). In a selected package.
- `checkpoints.ndjson`: the checkpoints up to now. In a full package.
- `keys.json`: once the log's key was changed, each public key with its span and the entry that brought it. Whoever trusts one of them is led to the others.

To verify: `xueji verify-log --bundle FILE --vkey VKEY`. No entry holds a name, ID number or student number of a pupil or guardian.
"""  # noqa: E501  one paragraph, one line, as Markdown wants it


def write_bundle(
    *, kind: str, origin: str, size: int, created_at: str, policy: TrustPolicy, checkpoint: str,
    members: Iterable[tuple[str, bytes]],
) -> bytes:  # fmt: skip
    """Return the ZIP; ``members`` are further files by path. The same content gives the same bytes."""
    manifest: dict[str, JsonValue] = {
        "format": FORMAT,
        "kind": kind,
        "origin": origin,
        "size": size,
        "created_at": created_at,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:

        def put(name: str, content: bytes) -> None:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)

        put("manifest.json", json.dumps(manifest, indent=2, sort_keys=True).encode())
        put("README.zh.md", README_ZH.format(origin=origin, size=size).encode())
        put("README.en.md", README_EN.format(origin=origin, size=size).encode())
        put("policy.txt", policy.text().encode())
        put("checkpoint", checkpoint.encode())
        for name, content in members:
            put(name, content)
    return buffer.getvalue()


@dataclass(slots=True)
class Bundle:
    """An inspection package, opened; use it as a context. Implements ``gateway.audit.tiled.TiledFiles``."""

    archive: zipfile.ZipFile = field(repr=False)
    manifest: Mapping[str, JsonValue]
    _by_tile: dict[str, list[str]] | None = field(default=None, repr=False)

    @classmethod
    def open(cls, path: Path) -> Bundle:
        """Open a package; raises ``MalformedError`` when it is none."""
        try:
            archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile):
            raise MalformedError("The file is not an inspection package.", detail_zh="该文件不是审计检查包。") from None
        bundle = cls(archive, {})
        try:
            bundle.manifest = manifest_of(bundle)
        except MalformedError:
            archive.close()
            raise
        return bundle

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.archive.close()

    def read(self, path: str, limit: int = MAX_FILE) -> bytes | None:
        """Return a member, ``None`` when it is not there; raises ``MalformedError`` when it is too large or damaged."""
        info = self.archive.NameToInfo.get(path)
        if info is None:
            return None
        if info.file_size > limit:
            raise MalformedError(f"The member {path} of the package is too large.")
        try:
            with self.archive.open(info) as member:
                content = member.read(limit + 1)
        except (zipfile.BadZipFile, EOFError, OSError, ValueError):
            raise MalformedError(f"The member {path} of the package is damaged.") from None
        if len(content) > limit:
            raise MalformedError(f"The member {path} of the package is too large.")
        return content

    def widest(self, level: int | None, tile: int) -> bytes | None:
        """Return a tile, the full one or else the widest part."""
        full = TileId(level, tile).path
        if full in self.archive.NameToInfo:
            return self.read(full)
        before = f"{full}.p/"
        widths = [name.removeprefix(before) for name in self._parts().get(full, ())]
        widest = max((int(width) for width in widths if width.isdecimal()), default=None)
        return None if widest is None else self.read(f"{before}{widest}")

    def _parts(self) -> dict[str, list[str]]:
        """Return the names of partial tiles by that of the full one."""
        if self._by_tile is None:
            self._by_tile = {}
            for name in self.archive.namelist():
                full, partial, _ = name.partition(".p/")
                if partial:
                    self._by_tile.setdefault(full, []).append(name)
        return self._by_tile

    def entry_tiles(self) -> Sequence[int]:
        """Return the numbers of the entry bundles, ascending."""
        return numbers_of(name for name in self.archive.namelist() if name.startswith(ENTRIES))

    def names(self, prefix: str) -> list[str]:
        """Return the names of members below ``prefix``."""
        return [name for name in self.archive.namelist() if name.startswith(prefix)]

    def policy(self) -> TrustPolicy:
        """Return the policy that the package brings along; the reader's own goes before it."""
        return parse_policy(text_of(self, "policy.txt"))

    def unpack(self, folder: Path) -> None:
        """Write the members below ``folder``, which is made, as a web server would serve them."""
        files = FolderFiles(folder)
        for name in self.archive.namelist():
            files.write(name, self.read(name) or b"")


def manifest_of(files: TiledFiles) -> Mapping[str, JsonValue]:
    """Return the manifest of a package; raises ``MalformedError`` when there is none that we know."""
    try:
        found = json.loads(text_of(files, "manifest.json"))
    except (ValueError, MalformedError):
        found = None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise MalformedError("The package has no manifest that we know.", detail_zh="检查包的清单无法识别。")
    return found


def verify_bundle(
    path: Path,
    policy: TrustPolicy,
    *,
    witnessed: Iterable[str] = (),
    progress: Callable[[int], object] = lambda _count: None,
) -> VerifyReport:
    """Return the report on an inspection package, or on a folder of a log, under the reader's ``policy``.

    Raises ``MalformedError`` when ``path`` is neither.
    """
    if path.is_dir():
        files = FolderFiles(path)
        return _verify_whole(files, policy, witnessed, progress)
    with Bundle.open(path) as bundle:
        if bundle.manifest.get("kind") == "full":
            return _verify_whole(bundle, policy, witnessed, progress)
        return _verify_selected(bundle, policy)


def _verify_whole(
    files: TiledFiles, policy: TrustPolicy, witnessed: Iterable[str], progress: Callable[[int], object]
) -> VerifyReport:
    newest = text_of(files, CHECKPOINT)
    return verify_log(TiledSource(files), policy, witnessed=(*witnessed, newest), progress=progress)


def _verify_selected(bundle: Bundle, policy: TrustPolicy) -> VerifyReport:
    findings: list[Finding] = []
    size, root, origin, cosigned = 0, b"", None, 0
    names = bundle.names("entries/")
    if not names:
        raise MalformedError("The package holds no entries.")
    for name in names:
        stem = name.removeprefix("entries/").removesuffix(".json")
        index = int(stem) if stem.isdecimal() else None
        try:
            proof = TlogProof.parse(text_of(bundle, f"proofs/{stem}.tlog-proof"))
            if proof.index != index:
                raise ProofError(f"The proof of entry {stem} speaks of entry {proof.index}.")  # noqa: TRY301
            checkpoint = proof.verify(bundle.read(name) or b"", policy)
        except ProofError as error:
            findings.append(Finding(Damage.ALTERED, index, error.detail))
        except MalformedError as error:
            findings.append(Finding(Damage.MALFORMED, index, error.detail))
        else:
            size, root, origin = checkpoint.size, checkpoint.root, checkpoint.origin
            cosigned = checkpoint.size if policy.witnesses and policy.quorum != "none" else 0
    return VerifyReport(origin, size, root, 1, cosigned, tuple(findings))
