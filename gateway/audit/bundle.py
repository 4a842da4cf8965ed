"""The inspection package: a ZIP that a stranger can verify with nothing but the log's public key.

``full`` holds the whole log in the layout of tlog-tiles; ``selected`` holds chosen entries with their
``tlog-proof``. Nothing in it needs a signature of its own: entries and hashes follow from the signed checkpoint.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.merkle import leaf_hash
from gateway.audit.policy import TrustPolicy, parse_policy
from gateway.audit.receipts import TlogProof
from gateway.audit.records import Head, StoredEntry, TagList
from gateway.audit.tiles import MAX_ENTRY_BYTES, WIDTH, TileId, decode_bundle
from gateway.audit.verify import Damage, Finding, VerifyReport, verify_log
from gateway.journal import JsonValue

FORMAT = "xueji-log-bundle/1"
_MAX_MEMBER = WIDTH * (MAX_ENTRY_BYTES + 2)
_MAX_CHECKPOINTS = 1 << 30
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
    """An inspection package, opened; use it as a context."""

    archive: zipfile.ZipFile = field(repr=False)
    manifest: Mapping[str, JsonValue]

    @classmethod
    def open(cls, path: Path) -> Bundle:
        """Open a package; raises ``MalformedError`` when it is none."""
        try:
            archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile):
            raise MalformedError("The file is not an inspection package.", detail_zh="该文件不是审计检查包。") from None
        bundle = cls(archive, {})
        try:
            manifest = json.loads(bundle.file("manifest.json"))
        except (ValueError, KeyError, MalformedError):
            manifest = None
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            archive.close()
            raise MalformedError("The package has no manifest that we know.", detail_zh="检查包的清单无法识别。")
        bundle.manifest = manifest
        return bundle

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.archive.close()

    def file(self, name: str, limit: int = _MAX_MEMBER) -> bytes:
        """Return a member; raises ``KeyError`` when it is not there, ``MalformedError`` when it is too large."""
        info = self.archive.getinfo(name)
        if info.file_size > limit:
            raise MalformedError(f"The member {name} of the package is too large.")
        try:
            with self.archive.open(info) as member:
                content = member.read(limit + 1)
        except (zipfile.BadZipFile, EOFError, OSError, ValueError):
            raise MalformedError(f"The member {name} of the package is damaged.") from None
        if len(content) > limit:
            raise MalformedError(f"The member {name} of the package is too large.")
        return content

    def names(self, prefix: str) -> list[str]:
        """Return the names of members below ``prefix``."""
        return [name for name in self.archive.namelist() if name.startswith(prefix)]

    @property
    def kind(self) -> str:
        """``full`` or ``selected``."""
        return str(self.manifest.get("kind"))

    def policy(self) -> TrustPolicy:
        """Return the policy that the package brings along; the reader's own goes before it."""
        return parse_policy(self.file("policy.txt").decode())


@dataclass(slots=True)
class BundleSource:
    """``LogSource`` on a full package."""

    bundle: Bundle
    _size: int = -1
    _chunk: tuple[int, list[bytes]] = (-1, [])

    def head(self) -> Head | None:
        """Return nothing: a package has no head row."""
        return None

    def last_index(self) -> int:
        """Return the highest index of the entry bundles."""
        if self._size < 0:
            tiles = [name for name in self.bundle.names("tile/entries/")]
            self._size = 0
            for at in range(len(tiles)):
                found = self._entries(at)
                if not found:
                    break
                self._size = at * WIDTH + len(found)
        return self._size - 1

    def _entries(self, tile: int) -> list[bytes]:
        if self._chunk[0] != tile:
            content = self._widest(None, tile)
            self._chunk = (tile, decode_bundle(content))
        return self._chunk[1]

    def _widest(self, level: int | None, tile: int) -> bytes:
        full = TileId(level, tile).path
        partial = self.bundle.names(f"{full}.p/")
        name = full if full in self.bundle.archive.NameToInfo else (partial[0] if partial else None)
        return b"" if name is None else self.bundle.file(name)

    def entries(self, start: int, end: int) -> Sequence[StoredEntry]:
        """Return entries; ``start`` is at the start of a tile, as the verifier reads."""
        bodies = self._entries(start // WIDTH)[start % WIDTH : start % WIDTH + end - start]
        return [StoredEntry(index, leaf_hash(body), body) for index, body in enumerate(bodies, start=start)]

    def tile(self, level: int, tile: int) -> bytes:
        """Return the hashes of a tile."""
        return self._widest(level, tile)

    def checkpoints(self) -> Iterator[tuple[int, str]]:
        """Yield the checkpoints."""
        for line in self.bundle.file("checkpoints.ndjson", _MAX_CHECKPOINTS).decode().splitlines():
            try:
                told = json.loads(line)
                yield int(told["size"]), str(told["note"])
            except (ValueError, KeyError, TypeError):
                raise MalformedError("A line of checkpoints.ndjson cannot be read.") from None

    def cosignatures(self) -> Iterator[tuple[int, str]]:
        """Yield nothing: cosignatures stand in the notes."""
        return iter(())

    def tag_list(self, index: int) -> TagList | None:  # noqa: ARG002  no package carries tag lists
        """Return ``None``: tag lists do not leave the gateway."""
        return None


def verify_bundle(path: Path, policy: TrustPolicy, *, witnessed: Iterable[str] = ()) -> VerifyReport:
    """Return the report on an inspection package under the reader's own ``policy``.

    Raises ``MalformedError`` when the file is no package.
    """
    with Bundle.open(path) as bundle:
        try:
            if bundle.kind == "full":
                return verify_log(BundleSource(bundle), policy, witnessed=(*witnessed, _text(bundle, "checkpoint")))
            return _verify_selected(bundle, policy)
        except KeyError:
            raise MalformedError("A part of the package is missing.", detail_zh="检查包缺少部分内容。") from None


def _text(bundle: Bundle, name: str) -> str:
    try:
        return bundle.file(name).decode()
    except UnicodeDecodeError:
        raise MalformedError(f"The member {name} of the package is not text.") from None


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
            proof = TlogProof.parse(_text(bundle, f"proofs/{stem}.tlog-proof"))
            if proof.index != index:
                raise ProofError(f"The proof of entry {stem} speaks of entry {proof.index}.")  # noqa: TRY301
            checkpoint = proof.verify(bundle.file(name), policy)
        except ProofError as error:
            findings.append(Finding(Damage.ALTERED, index, error.detail))
        except MalformedError as error:
            findings.append(Finding(Damage.MALFORMED, index, error.detail))
        else:
            size, root, origin = checkpoint.size, checkpoint.root, checkpoint.origin
            cosigned = checkpoint.size if policy.witnesses and policy.quorum != "none" else 0
    return VerifyReport(origin, size, root, 1, cosigned, tuple(findings))
