"""What a recipient's system does with a file that came: check its parts, open its envelopes, unpack it."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from joserfc.jwk import ECKey, RSAKey

from gateway.ids import ExtractId
from gateway.releases.envelopes import opened
from gateway.remote import UnexpectedAnswerError

_GZIP = 31  # zlib's code for a gzip stream
_STEP = 1 << 20


@dataclass(frozen=True, slots=True)
class PartCheck:
    """Says how much of a file came as the gateway listed it. A part is the digest of bytes ``first`` to ``last``."""

    parts: Sequence[Mapping[str, object]]

    def __call__(self, file: Path) -> int:
        """Return the bytes of the leading parts that are right, and cut ``file`` behind them.

        A part that is not all there yet is kept where nothing says that it is wrong: it is judged when it ends.
        """
        sound, size = 0, file.stat().st_size
        with file.open("r+b") as content:
            for part in self.parts:
                first, last = int(str(part["first"])), int(str(part["last"]))
                if last >= size:
                    break
                if _sha256(content, last - first + 1) != part["sha256"]:
                    content.truncate(first)
                    return first
                sound = last + 1
            whole = bool(self.parts) and sound == int(str(self.parts[-1]["last"])) + 1
            if whole:
                content.truncate(sound)  # nothing belongs behind the last part
        return sound if whole else size


def private_key(path: Path) -> ECKey | RSAKey:
    """Return the private key in a JWK file. Raises ``UnexpectedAnswerError`` for a file that holds none."""
    jwk = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(jwk, dict) or "d" not in jwk or jwk.get("kty") not in {"EC", "RSA"}:
        raise UnexpectedAnswerError(
            "The file for --decryption-key is no private key of type EC or RSA (a JWK).",
            detail_zh="--decryption-key 应为 EC 或 RSA 私钥（JWK）文件。",
        )
    jwk = {name: value for name, value in jwk.items() if name not in {"alg", "use", "key_ops"}}
    return RSAKey.import_key(jwk) if jwk["kty"] == "RSA" else ECKey.import_key(jwk)


def unpack(file: Path, extract: str, manifest: Mapping[str, object], key: ECKey | RSAKey | None) -> Path:
    """Return the plain file that ``file`` holds, written beside it; ``file`` itself where it is plain already.

    The packed file is removed only when the digest of the plain one is right. Raises ``UnexpectedAnswerError``, or
    ``ContentDamagedError`` when an envelope does not open.
    """
    told = manifest.get("file")
    plain = told.get("plain") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(plain, dict):
        return file
    pieces = _pieces(file)
    if "encryption" in told:
        if key is None:
            raise UnexpectedAnswerError(
                f"{file.name} is encrypted: give the private key with --decryption-key.",
                detail_zh=f"{file.name} 已加密：请用 --decryption-key 给出私钥。",
            )
        pieces = opened(_lines(file), key, ExtractId(extract))
    if "compression" in told:
        pieces = _inflated(pieces)
    target = file.with_name(f"{extract}.{told['format']}")
    half = target.with_name(target.name + ".opening")
    digest = hashlib.sha256()
    try:
        with half.open("wb") as out:
            for piece in pieces:
                digest.update(piece)
                out.write(piece)
        if digest.hexdigest() != plain["sha256"]:
            raise UnexpectedAnswerError("What was unpacked is not what was packed.", detail_zh="解包后的内容摘要不符。")
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)
    file.unlink()
    return target


def _sha256(content: BinaryIO, count: int) -> str:
    digest = hashlib.sha256()
    while count:
        piece = content.read(min(_STEP, count))
        digest.update(piece)
        count -= len(piece)
    return digest.hexdigest()


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as content:
        while piece := content.read(_STEP):
            yield piece


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as content:
        yield from content


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    inflate = zlib.decompressobj(_GZIP)
    try:
        for piece in pieces:
            left = piece
            while left:  # a bomb must not fill the memory: so much at a time
                yield inflate.decompress(left, _STEP)
                left = inflate.unconsumed_tail
        yield inflate.flush()
    except zlib.error as error:
        raise UnexpectedAnswerError("The file cannot be unpacked.", detail_zh="文件无法解压。") from error
    if not inflate.eof:
        raise UnexpectedAnswerError("The packed file ends too early.", detail_zh="压缩文件不完整。")
