"""SD-JWT: disclosures, digests, and the processing of RFC 9901 section 7.1, steps 3 to 5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from gateway.identity import jws
from gateway.identity.errors import CredentialRejectedError, Reason

TYP = "dc+sd-jwt"
KEY_BINDING_TYP = "kb+jwt"
HASH_ALGORITHM = "sha-256"
SALT_CHARACTERS = 22
"""128 bits in base64url (RFC 9901 section 9.3)."""
SEPARATOR = "~"
RESERVED = frozenset({"_sd", "..."})
NEVER_DISCLOSED = frozenset(
    {"iss", "nbf", "exp", "iat", "cnf", "vct", "vct#integrity", "aka_vcts", "status", "_sd_alg"}
)
"""Claims that bind or limit the credential: SD-JWT VC section 2.2.2.2 and, for ``iat``, our profile."""
NESTED = (dict, list)
"""What a digest may stand in."""
_NO_CLAIM_NAMES = RESERVED | NEVER_DISCLOSED
MAX_DISCLOSURES = 64
MAX_CHARACTERS = 64 * 1024
MAX_DEPTH = 32
"""Objects and arrays within each other, through disclosures too: beyond is nobody's credential, and no stack's end."""


class Disclosure(NamedTuple):
    """A salted claim as the issuer encoded it. ``name`` is ``None`` for an array element."""

    encoded: str
    salt: str
    name: str | None
    value: object

    def __repr__(self) -> str:
        """Show the claim's name alone."""
        return f"Disclosure(name={self.name!r})"

    @property
    def digest(self) -> str:
        """The base64url SHA-256 of the encoded text (RFC 9901 section 4.2.3)."""
        return digest(self.encoded)


class Parts(NamedTuple):
    """An SD-JWT, or an SD-JWT with Key Binding, split at its tildes. ``key_binding`` is empty for the first."""

    issuer_jwt: str
    disclosures: tuple[str, ...]
    key_binding: str

    def __repr__(self) -> str:
        """Show nothing of what was presented."""
        return "Parts()"

    @property
    def sd_jwt(self) -> str:
        """What ``sd_hash`` covers: issuer JWT and disclosures, each followed by a tilde (RFC 9901 section 4.3.1)."""
        return SEPARATOR.join((self.issuer_jwt, *self.disclosures, ""))


def digest(text: str) -> str:
    """Return the base64url SHA-256 of an ASCII text."""
    return jws.encode(sha256(text.encode("ascii")).digest())


def make_disclosure(salt: str, name: str, value: object) -> Disclosure:
    """Return the disclosure of one claim; raises ``ValueError`` for a short salt or a name that must stay visible."""
    if len(salt) < SALT_CHARACTERS:
        raise ValueError("a salt needs 22 base64url characters")
    refuse_visible(name)
    return Disclosure(jws.encode(jws.dump([salt, name, value]).encode()), salt, name, value)


def refuse_visible(name: str) -> None:
    """Return when a claim of this name may be selectively disclosed; raises ``ValueError``."""
    if name in _NO_CLAIM_NAMES:
        raise ValueError(f"'{name}' is never selectively disclosable")


def parse_disclosure(encoded: str) -> Disclosure:
    """Return a disclosure as presented; raises ``CredentialRejectedError`` (malformed_disclosure, weak_salt)."""
    try:
        content = jws.load(jws.decode(encoded))
    except jws.MalformedTokenError:
        raise CredentialRejectedError(Reason.MALFORMED_DISCLOSURE) from None
    # RFC 9901 sections 4.2.1 and 4.2.2: salt, name and value, or salt and element.
    if not isinstance(content, list) or len(content) not in (2, 3):
        raise CredentialRejectedError(Reason.MALFORMED_DISCLOSURE)
    salt, *between, value = content
    if not isinstance(salt, str) or (between and not isinstance(between[0], str)):
        raise CredentialRejectedError(Reason.MALFORMED_DISCLOSURE)
    if len(salt) < SALT_CHARACTERS:
        raise CredentialRejectedError(Reason.WEAK_SALT)
    return Disclosure(encoded, salt, between[0] if between else None, value)


def split(compact: str) -> Parts:
    """Split at the tildes (RFC 9901 section 4); raises ``CredentialRejectedError`` (malformed)."""
    if len(compact) > MAX_CHARACTERS or not compact.isascii():
        raise CredentialRejectedError(Reason.MALFORMED)
    issuer_jwt, *rest = compact.split(SEPARATOR)
    if not rest or len(rest) > MAX_DISCLOSURES:
        raise CredentialRejectedError(Reason.MALFORMED)
    *disclosures, key_binding = rest
    if "" in disclosures:
        raise CredentialRejectedError(Reason.MALFORMED)
    return Parts(issuer_jwt, tuple(disclosures), key_binding)


def process(payload: Mapping[str, object], encoded: Sequence[str]) -> dict[str, object]:
    """Return the processed payload: disclosed claims in their places, no digest left.

    The hash algorithm was checked before. Raises ``CredentialRejectedError``.
    Source: RFC 9901 section 7.1, steps 3 to 5.
    """
    # Step 3.1: the digest of each disclosure. The same disclosure twice would be one digest twice.
    disclosures = {digest(text): parse_disclosure(text) for text in encoded}
    if len(disclosures) != len(encoded):
        raise CredentialRejectedError(Reason.REPEATED_DIGEST)
    seen: set[str] = set()
    processed = _object(payload, disclosures, seen, MAX_DEPTH)
    # Step 5: every disclosure was referenced.
    if not seen.issuperset(disclosures):
        raise CredentialRejectedError(Reason.UNREFERENCED_DISCLOSURE)
    # Step 3.6: _sd_alg goes, at the top level alone.
    processed.pop("_sd_alg", None)
    return processed


def _object(
    value: Mapping[str, object], disclosures: Mapping[str, Disclosure], seen: set[str], depth: int
) -> dict[str, object]:
    if "..." in value:  # RFC 9901 section 4.2.4.2: the key exists in array elements only, alone
        raise CredentialRejectedError(Reason.RESERVED_CLAIM_NAME)
    result = {
        name: _any(member, disclosures, seen, depth) if isinstance(member, NESTED) else member
        for name, member in value.items()
        if name != "_sd"  # step 3.5
    }
    # Step 3.3.1: no disclosure, so a decoy, or a claim that the holder keeps.
    for found in [one for one in _digests(value, seen) if one in disclosures]:
        disclosure = disclosures[found]
        if disclosure.name is None:  # step 3.3.2.1
            raise CredentialRejectedError(Reason.MALFORMED_DISCLOSURE)
        if disclosure.name in RESERVED:  # step 3.3.2.2
            raise CredentialRejectedError(Reason.RESERVED_CLAIM_NAME)
        if disclosure.name in result:  # step 3.3.2.3
            raise CredentialRejectedError(Reason.CLAIM_COLLISION)
        result[disclosure.name] = _any(disclosure.value, disclosures, seen, depth)  # steps 3.3.2.4 and 3.3.2.5
    return result


def _array(values: Sequence[object], disclosures: Mapping[str, Disclosure], seen: set[str], depth: int) -> list[object]:
    result: list[object] = []
    for value in values:
        if isinstance(value, dict) and value.keys() == {"..."} and isinstance(value["..."], str):
            disclosure = _match(value["..."], disclosures, seen)
            if disclosure is None:  # step 3.4
                continue
            if disclosure.name is not None:  # step 3.3.3.1
                raise CredentialRejectedError(Reason.MALFORMED_DISCLOSURE)
            result.append(_any(disclosure.value, disclosures, seen, depth))  # steps 3.3.3.2 and 3.3.3.3
        else:
            result.append(_any(value, disclosures, seen, depth))
    return result


def _any(value: object, disclosures: Mapping[str, Disclosure], seen: set[str], depth: int) -> object:
    if not isinstance(value, NESTED):
        return value
    if depth <= 0:
        raise CredentialRejectedError(Reason.MALFORMED)
    if isinstance(value, dict):
        return _object(value, disclosures, seen, depth - 1)
    return _array(value, disclosures, seen, depth - 1)


def _digests(value: Mapping[str, object], seen: set[str]) -> Sequence[str]:
    """Return the digests under ``_sd``, none of them met before, and remember them."""
    # Step 3.2.1: an _sd key refers to an array of strings.
    digests = value.get("_sd", ())
    if digests == ():
        return ()
    if not isinstance(digests, list) or not {*map(type, digests)} <= {str}:
        raise CredentialRejectedError(Reason.MALFORMED)
    # Step 4: a digest that is met more than once, decoys included.
    fresh = set(digests)
    if len(fresh) != len(digests) or not seen.isdisjoint(fresh):
        raise CredentialRejectedError(Reason.REPEATED_DIGEST)
    seen |= fresh
    return digests


def _match(found: str, disclosures: Mapping[str, Disclosure], seen: set[str]) -> Disclosure | None:
    # Step 4, for an element of an array.
    if found in seen:
        raise CredentialRejectedError(Reason.REPEATED_DIGEST)
    seen.add(found)
    return disclosures.get(found)
