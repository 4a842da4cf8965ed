"""Files encrypted to the recipient's key: a sequence of compact JWEs (RFC 7516), one a line, one for each part.

Each envelope has a content key of its own and says in its protected header, which it authenticates, of which extract
it is the how manieth part of how many. So memory is bounded, and no part can be moved, left out or taken from another
extract unnoticed. Who holds the private key opens each line with any JOSE library.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from gateway.errors import ParameterError
from gateway.ids import ExtractId
from gateway.releases.errors import ContentDamagedError

ENVELOPE_BYTES = 4 << 20
"""Plain bytes in one envelope."""
ENC = "A256GCM"
ECDH, RSA = "ECDH-ES+A256KW", "RSA-OAEP-256"
ALGORITHMS = (ECDH, RSA, ENC)
MEDIA_TYPE = "application/vnd.xueji.jwe-sequence"
TYPE = "xueji-part+jwe"
MAX_LINE = 4 * (ENVELOPE_BYTES // 3 + 1) + (8 << 10)
"""Bytes of one line at most: base64 and some headers."""


class _Registry(jwe.JWERegistry):
    """joserfc's own bounds are for tokens; a part is larger. Header members of ours are allowed, never required."""

    max_ciphertext_length: ClassVar[int] = MAX_LINE  # type: ignore[misc]  # an instance variable there


_REGISTRY = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


@dataclass(frozen=True, slots=True)
class EnvelopeKey:
    """The recipient's public key that a file is encrypted to: a public JWK with ``kid``, and the algorithm."""

    jwk: Mapping[str, str] = field(repr=False)
    alg: str

    @classmethod
    def of(cls, jwk: Mapping[str, str]) -> EnvelopeKey:
        """Return the key of a public JWK that was checked at registration. Raises ``ParameterError`` for any other."""
        alg = {"EC": ECDH, "RSA": RSA}.get(jwk.get("kty", ""))
        if alg is None or jwk.get("alg", alg) != alg or "kid" not in jwk:
            raise ParameterError(
                f"The key to encrypt to is for {ECDH} or {RSA}, with a 'kid'.",
                detail_zh="加密公钥的类型或算法不受支持。",
            )
        return cls(dict(jwk), alg)

    @property
    def kid(self) -> str:
        """Return the id of the key."""
        return self.jwk["kid"]


def envelopes(pieces: Iterator[bytes], key: EnvelopeKey, extract: ExtractId, of: int, cty: str) -> Iterator[bytes]:
    """Yield a line for each of ``of`` pieces: a compact JWE and a line feed.

    ``cty`` is the media type of what the pieces make together.
    """
    imported = ECKey.import_key(dict(key.jwk)) if key.alg == ECDH else RSAKey.import_key(dict(key.jwk))
    for number, piece in enumerate(pieces, start=1):
        header = {
            "alg": key.alg,
            "enc": ENC,
            "kid": key.kid,
            "typ": TYPE,
            "cty": cty,
            "extract": extract,
            "part": number,
            "of": of,
        }
        yield jwe.encrypt_compact(header, piece, imported, registry=_REGISTRY).encode() + b"\n"


def opened(lines: Iterator[bytes], key: ECKey | RSAKey, extract: ExtractId) -> Iterator[bytes]:
    """Yield the plain pieces of a sequence of envelopes of ``extract``, in order and to the last.

    Raises ``ContentDamagedError`` when one does not open with ``key``, is of another extract, stands in another place
    than it says, or is missing: what was yielded before is then not to be used.
    """
    last = 0
    of: object = None
    for number, line in enumerate(lines, start=1):
        try:
            found = jwe.decrypt_compact(line.strip(), key, registry=_REGISTRY)
        except (JoseError, ValueError) as error:
            raise _damaged(f"Part {number} does not open with this key.") from error
        header = found.headers()
        of = header.get("of") if of is None else of
        if (header.get("extract"), header.get("part"), header.get("of")) != (extract, number, of):
            raise _damaged(f"Part {number} is of another extract or place.")
        last = number
        yield found.plaintext or b""
    if last != of:
        raise _damaged(f"The file ends after part {last} of {of if last else 'any'}.")


def _damaged(detail: str) -> ContentDamagedError:
    return ContentDamagedError(detail, detail_zh="加密文件不完整，或不能用此密钥打开。")
