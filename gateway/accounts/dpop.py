"""DPoP proofs (RFC 9449): that a caller holds the key to which its access token is bound.

Pure: a proof is judged by what it says, the request it came with and the time. That it serves once is for the store
(``ClientStore.use_proof``), after everything else held. Server-chosen nonces (section 8) are not used: a proof is good
for ``WINDOW_SECONDS`` and for one request, so that proofs made in advance are of little use.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from gateway.accounts.errors import ProofRefusedError
from gateway.accounts.jose import UnverifiedJwt, jti_hash, public_key, read, seconds, signed_by
from gateway.accounts.keys import ALGORITHM

PROOF_TYPE = "dpop+jwt"
WINDOW_SECONDS = 60
"""How old a proof may be, and how far ahead of our clock."""
_PORTS = {"https": 443, "http": 80}
_UNRESERVED = "-._~"
_SUB_DELIMITERS = "!$&'()*+,;=:@/"
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")

_PROBLEMS = {
    "missing": ("send exactly one header 'DPoP' with a proof", "应且仅应发送一个 DPoP 头"),
    "malformed": ("the header 'DPoP' must hold one compact JWT", "DPoP 头应为一个 JWT"),
    "type": (f"'typ' of the proof must be '{PROOF_TYPE}'", f"证明的 typ 应为 {PROOF_TYPE}"),
    "algorithm": (f"'alg' of the proof must be {ALGORITHM}", f"证明的 alg 应为 {ALGORITHM}"),
    "key": ("'jwk' of the proof must be a public key on P-256, and nothing private", "jwk 应为 P-256 公钥且不含私钥"),
    "signature": ("the signature does not hold under 'jwk'", "签名与 jwk 不符"),
    "method": ("'htm' must be the method of the request", "htm 应为请求方法"),
    "uri": ("'htu' must be the public address of the request, without query and fragment", "htu 应为请求的公开地址"),
    "time": (
        f"'iat' must lie within {WINDOW_SECONDS} seconds of now; check your clock",
        f"iat 应在当前时间前后 {WINDOW_SECONDS} 秒内，请校准时钟",
    ),
    "jti": ("'jti' must be a text of its own, 1 to 256 characters", "应有唯一的 jti"),
    "token": ("'ath' must be the hash of the access token that came along", "ath 应为所附访问令牌的摘要"),
    "binding": ("the proof is of another key than the token", "证明所用密钥与令牌绑定的密钥不同"),
    "replayed": ("the proof was used before; make a new one for each request", "该证明已使用过，每次请求应重新生成"),
}
"""Reason -> what to change, English and Chinese. Whoever gets to read it has proven a client or holds a token."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What came with a request: the value of the header ``DPoP``, the method, and the public address."""

    header: str | None = field(repr=False)
    method: str
    uri: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that holds for its request; nothing but ``verify`` makes one. ``jkt`` is its key's thumbprint."""

    jkt: str
    jti_sha256: str
    issued_at: float


def verify(shown: Shown, *, now: float, token: str | None = None, jkt: str | None = None) -> Proof:
    """Return the proof of a request by the steps of RFC 9449, section 4.3.

    ``now`` is in seconds since 1970. ``token`` is the access token that came along and ``jkt`` the key that it is
    bound to; both are ``None`` at the token endpoint. Raises ``ProofRefusedError`` with the first reason.
    """
    # Step 1: one header. Two arrive joined by a comma, which no JWT has.
    if not shown.header or "," in shown.header:
        raise refusal("missing")
    # Step 2: one well-formed JWT.
    proof = read(shown.header.strip())
    if proof is None:
        raise refusal("malformed")
    thumbprint = _signer(proof)
    # Step 8: made for this method.
    if proof.claims.get("htm") != shown.method:
        raise refusal("method")
    # Step 9: made for this address.
    address = proof.claims.get("htu")
    if not isinstance(address, str) or normal_uri(address) != normal_uri(shown.uri):
        raise refusal("uri")
    # Step 11: made just now. Step 10 has no server nonce to compare.
    issued = seconds(proof.claims.get("iat"))
    if issued is None or abs(issued - now) > WINDOW_SECONDS:
        raise refusal("time")
    # Step 3, and section 11.1: an id, so that it serves once.
    jti = jti_hash(proof.claims.get("jti"))
    if jti is None:
        raise refusal("jti")
    # Step 12: made for this token, by the key that the token is bound to.
    if token is not None and proof.claims.get("ath") != token_hash(token):
        raise refusal("token")
    if jkt is not None and thumbprint != jkt:
        raise refusal("binding")
    return Proof(thumbprint, jti, issued)


def token_hash(token: str) -> str:
    """Return ``ath`` of an access token: base64url of its SHA-256 (RFC 9449, section 4.2)."""
    return urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()


def normal_uri(uri: str) -> str | None:
    """Return an address without query and fragment, normalised (RFC 3986, 6.2.2 and 6.2.3); ``None`` when it is none.

    Scheme and host are case-insensitive, a default port and an empty path may be left out, and an escaped letter is
    the letter. Dot segments are refused: no address of ours has them.
    """
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if scheme not in _PORTS or not host or parts.username is not None or parts.password is not None:
        return None
    path = parts.path or "/"
    if {".", ".."} & set(path.split("/")) or path.count("%") != len(_ESCAPE.findall(path)):
        return None
    plain = _ESCAPE.sub(lambda found: _normal_escape(found.group()), path)
    where = f"[{host}]" if ":" in host else host
    return f"{scheme}://{where}{'' if port in {None, _PORTS[scheme]} else f':{port}'}{plain}"


def public_uri(public_url: str, path: str) -> str:
    """Return the public address of a path that was decoded, as a proof has to name it."""
    return public_url + quote(path, safe=_UNRESERVED + _SUB_DELIMITERS)


def refusal(reason: str) -> ProofRefusedError:
    """Return the error for a reason of ``_PROBLEMS``."""
    text, text_zh = _PROBLEMS[reason]
    return ProofRefusedError(
        f"The DPoP proof does not hold: {text} (RFC 9449).", detail_zh=f"DPoP 证明无效：{text_zh}。", reason=reason
    )


def _signer(proof: UnverifiedJwt) -> str:
    """Return the thumbprint of the key that signed the proof."""
    # Step 4: the media type keeps other JWTs of the client from passing.
    if proof.header.get("typ") != PROOF_TYPE:
        raise refusal("type")
    # Step 5: ES256 only.
    if proof.header.get("alg") != ALGORITHM:
        raise refusal("algorithm")
    # Step 7: a public key, and nothing private in it.
    jwk = proof.header.get("jwk")
    key = public_key(jwk) if isinstance(jwk, dict) and "d" not in jwk else None
    if key is None:
        raise refusal("key")
    # Step 6: signed by that key.
    if not signed_by(proof, key):
        raise refusal("signature")
    return key.thumbprint()


def _normal_escape(escape: str) -> str:
    letter = unquote(escape, encoding="latin-1")
    unreserved = letter.isascii() and (letter.isalnum() or letter in _UNRESERVED)
    return letter if unreserved else escape.upper()
