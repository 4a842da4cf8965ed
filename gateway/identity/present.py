"""Present a credential: the holder's side of RFC 9901 section 7.2."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from joserfc.jwk import ECKey

from gateway.errors import ParameterError
from gateway.identity import jws, sd_jwt


def present(
    credential: str,
    *,
    disclose: Collection[str],
    holder_key: ECKey,
    audience: str,
    nonce: str,
    now: datetime,
) -> str:
    """Return the SD-JWT with Key Binding that discloses exactly the claims named.

    Raises ``ParameterError`` when the credential has no such claim or already carries a Key Binding JWT,
    ``CredentialRejectedError`` when it is malformed.
    """
    parts = sd_jwt.split(credential)
    if parts.key_binding:  # RFC 9901 section 7.2: the issuer provides an SD-JWT without Key Binding
        raise ParameterError("The credential already carries a Key Binding JWT.", detail_zh="该凭证已带有密钥绑定。")
    by_name = {disclosure.name: disclosure for disclosure in map(sd_jwt.parse_disclosure, parts.disclosures)}
    unknown = sorted(name for name in disclose if name not in by_name)
    if unknown:
        raise ParameterError(
            "The credential has no such claim.", detail_zh="凭证中没有所选属性。", missing=tuple(unknown)
        )
    # Steps 1 to 3: the chosen disclosures, in the order of the credential.
    chosen = tuple(found.encoded for name, found in by_name.items() if name in disclose)
    presented = sd_jwt.Parts(parts.issuer_jwt, chosen, "").sd_jwt
    # Step 5: the Key Binding JWT (section 4.3).
    binding = jws.sign(
        {"typ": sd_jwt.KEY_BINDING_TYP},
        {
            "iat": int(now.timestamp()),
            "aud": audience,
            "nonce": nonce,
            "sd_hash": sd_jwt.digest(presented),
        },
        holder_key,
    )
    return presented + binding
