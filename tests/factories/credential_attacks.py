"""Every way to cheat with a credential that the engineering notes and issue 7 list, as something to hand to a verifier.

Each attack takes a scene and returns what a verifier gets; which verifier says what is in ``docs/attacks-identity.md``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.identity import jws, sd_jwt, status_list
from gateway.identity.keys import IssuerKey
from tests.unit.identity.builders import INDEX, LIST_URI, Scene, disclosure, issuer_key


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a verifier is handed. ``bound`` is false where the cheat hopes that no key binding is asked for."""

    presentation: str = field(repr=False)
    list_token: str | None = field(default=None, repr=False)
    bound: bool = True


Attack = Callable[[Scene], Attempt]
ATTACKS: dict[str, Attack] = {}
"""By name, as in the table of ``docs/attacks-identity.md``; ``honest`` is none."""


def attack(function: Attack) -> Attack:
    """Enter an attack under its name, words apart."""
    ATTACKS[function.__name__.replace("_", " ")] = function
    return function


@attack
def honest(scene: Scene) -> Attempt:
    return Attempt(scene.present("stage", "age_over_14"))


@attack
def alg_none(scene: Scene) -> Attempt:
    return Attempt(scene.bind(headed(scene, {"alg": "none"}, lambda _signing_input: b"")))


@attack
def hs256_with_the_public_key(scene: Scene) -> Attempt:
    """A true HMAC with the bytes of the published key: a reader that lets the header choose takes it for a secret."""
    secret = scene.signer.key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return Attempt(scene.bind(headed(scene, {"alg": "HS256"}, lambda text: hmac.digest(secret, text, hashlib.sha256))))


@attack
def altered_disclosure(scene: Scene) -> Attempt:
    """The holder signs what it altered: only the issuer's digests can tell."""
    return Attempt(scene.bind(altered(scene)))


@attack
def altered_disclosure_without_key_binding(scene: Scene) -> Attempt:
    return Attempt(altered(scene), bound=False)


@attack
def extra_disclosure(scene: Scene) -> Attempt:
    return Attempt(scene.bind(extra(scene)))


@attack
def extra_disclosure_without_key_binding(scene: Scene) -> Attempt:
    return Attempt(extra(scene), bound=False)


@attack
def key_binding_stripped(scene: Scene) -> Attempt:
    return Attempt(sd_jwt.split(scene.present("stage")).sd_jwt, bound=False)


@attack
def wrong_audience(scene: Scene) -> Attempt:
    return Attempt(scene.present("stage", audience="shop.example"))


@attack
def wrong_nonce(scene: Scene) -> Attempt:
    return Attempt(scene.present("stage", nonce="another"))


@attack
def disclosure_left_out_after_signing(scene: Scene) -> Attempt:
    parts = sd_jwt.split(scene.present("stage", "grade"))
    return Attempt(sd_jwt.Parts(parts.issuer_jwt, parts.disclosures[:1], "").sd_jwt + parts.key_binding)


@attack
def key_of_another_holder(scene: Scene) -> Attempt:
    return Attempt(scene.present("stage", holder_key=Scene().holder))


@attack
def old_key_binding(scene: Scene) -> Attempt:
    return Attempt(scene.present("stage", now=scene.now - timedelta(minutes=30)))


@attack
def key_binding_from_the_future(scene: Scene) -> Attempt:
    return Attempt(scene.present("stage", now=scene.now + timedelta(minutes=30)))


@attack
def key_binding_of_another_type(scene: Scene) -> Attempt:
    return Attempt(scene.bind(sd_jwt.split(scene.present("stage")).sd_jwt, header={"typ": "JWT"}))


@attack
def expired_credential(scene: Scene) -> Attempt:
    return careless(scene, lambda payload: payload.update(exp=int(scene.now.timestamp()) - 3600))


@attack
def credential_without_exp(scene: Scene) -> Attempt:
    return careless(scene, lambda payload: payload.pop("exp"))


@attack
def credential_of_another_type(scene: Scene) -> Attempt:
    return careless(scene, lambda _payload: None, header={"typ": "JWT"})


@attack
def credential_for_another_audience(scene: Scene) -> Attempt:
    """The issuer made it for one verifier alone; the holder shows it to another."""
    return careless(scene, lambda payload: payload.update(aud="shop.example"))


@attack
def kid_pointing_nowhere(scene: Scene) -> Attempt:
    return careless(scene, lambda _payload: None, header={"kid": "nowhere"})


@attack
def critical_header(scene: Scene) -> Attempt:
    return careless(scene, lambda _payload: None, header={"crit": ["exp"], "exp": 1})


@attack
def unencoded_payload(scene: Scene) -> Attempt:
    """RFC 7797: the signature is over the payload as it stands, not over its base64url."""
    return careless(scene, lambda _payload: None, header={"b64": False, "crit": ["b64"]})


@attack
def unencoded_payload_unsaid(scene: Scene) -> Attempt:
    """``b64`` without ``crit``: a reader that knows RFC 7797 reads another payload than one that does not."""
    return careless(scene, lambda _payload: None, header={"b64": False})


@attack
def key_in_the_header(scene: Scene) -> Attempt:
    return forged(scene, lambda key: {"jwk": jws.public_jwk(key.key)})


@attack
def key_behind_a_jku(scene: Scene) -> Attempt:
    return forged(scene, lambda _key: {"jku": "https://attacker.example/jwks"})


@attack
def key_behind_an_x5u(scene: Scene) -> Attempt:
    return forged(scene, lambda _key: {"x5u": "https://attacker.example/chain.pem"})


@attack
def revoked(scene: Scene) -> Attempt:
    return listed(scene, scene.list_token(status_list.put(scene.statuses, {INDEX: 1})))


@attack
def suspended(scene: Scene) -> Attempt:
    return listed(scene, scene.list_token(status_list.put(scene.statuses, {INDEX: 2})))


@attack
def expired_status_list(scene: Scene) -> Attempt:
    return listed(scene, scene.list_token(now=scene.now - timedelta(days=2)))


@attack
def status_list_without_exp(scene: Scene) -> Attempt:
    return listed(scene, relisted(scene, lambda payload: payload.pop("exp")))


@attack
def status_list_of_another_key(scene: Scene) -> Attempt:
    """Whoever is between fetches of the list puts one in that says valid, under the issuer's name and ``kid``."""
    return listed(scene, relisted(scene, lambda _payload: None, key=issuer_key()))


@attack
def status_list_of_another_issuer(scene: Scene) -> Attempt:
    return listed(scene, relisted(scene, lambda payload: payload.update(iss="https://other.example")))


@attack
def status_list_for_another_address(scene: Scene) -> Attempt:
    return listed(scene, scene.list_token(uri=f"{LIST_URI}ff"))


@attack
def status_list_of_another_type(scene: Scene) -> Attempt:
    return listed(scene, relisted(scene, lambda _payload: None, header={"typ": "JWT"}))


@attack
def status_index_out_of_range(scene: Scene) -> Attempt:
    return listed(scene, scene.list_token(bytes(1)))


@attack
def status_list_that_is_a_zip_bomb(scene: Scene) -> Attempt:
    """32 MiB of zeros in 32 KiB: twice what a verifier unpacks."""
    lst = jws.encode(zlib.compress(bytes(2 * status_list.MAX_BYTES), 9))
    return listed(scene, relisted(scene, lambda payload: payload.update(status_list={"bits": 2, "lst": lst})))


@attack
def repeated_digest(scene: Scene) -> Attempt:
    one = disclosure("stage", "senior")
    return disclosed(scene, {"_sd": [one.digest, one.digest]}, one)


@attack
def repeated_disclosure(scene: Scene) -> Attempt:
    parts = sd_jwt.split(scene.present("stage"))
    return Attempt(scene.bind(sd_jwt.Parts(parts.issuer_jwt, parts.disclosures * 2, "").sd_jwt))


@attack
def repeated_claim_name(scene: Scene) -> Attempt:
    one, two = disclosure("stage", "junior"), disclosure("stage", "senior")
    return disclosed(scene, {"_sd": [one.digest, two.digest]}, one, two)


@attack
def repeated_json_member(scene: Scene) -> Attempt:
    """Two ``exp`` in one payload: one reader sees the first, another the last."""
    parts = sd_jwt.split(scene.credential)
    header, payload, _ = parts.issuer_jwt.split(".")
    twice = jws.encode(jws.decode(payload)[:-1] + b',"exp":9999999999}')
    return Attempt(scene.bind(f"{jws.sign_parts(header, twice, scene.signer.key)}~"))


@attack
def claim_named_sd(scene: Scene) -> Attempt:
    bad = disclosure("_sd", ["x"])
    return disclosed(scene, {"_sd": [bad.digest]}, bad)


@attack
def claim_named_three_dots(scene: Scene) -> Attempt:
    bad = disclosure("...", "x")
    return disclosed(scene, {"_sd": [bad.digest]}, bad)


@attack
def validity_in_a_disclosure(scene: Scene) -> Attempt:
    bad = disclosure("nbf", 0)
    return disclosed(scene, {"_sd": [bad.digest]}, bad)


@attack
def digest_inside_the_status(scene: Scene) -> Attempt:
    """What a holder may withhold must not decide whether the credential counts."""
    hidden = disclosure("idx", INDEX + 1)
    status = {"status_list": {"uri": LIST_URI, "idx": INDEX, "_sd": [hidden.digest]}}
    return disclosed(scene, {"status": status})


@attack
def deeply_nested_disclosure(scene: Scene) -> Attempt:
    deep = disclosure("stage", json.loads("[" * 400 + "]" * 400))
    return disclosed(scene, {"_sd": [deep.digest]}, deep)


@attack
def chain_of_nested_disclosures(scene: Scene) -> Attempt:
    """Sixty disclosures, each the only way to the next."""
    chain = [disclosure("stage", "senior")]
    for number in range(60):
        chain.append(disclosure(f"level_{number}", {"_sd": [chain[-1].digest]}))
    return disclosed(scene, {"_sd": [chain[-1].digest]}, *chain)


@attack
def disclosures_without_number(scene: Scene) -> Attempt:
    many = [disclosure(f"claim_{number}", number) for number in range(sd_jwt.MAX_DISCLOSURES)]
    return disclosed(scene, {"_sd": [one.digest for one in many]}, *many)


@attack
def huge_disclosure(scene: Scene) -> Attempt:
    huge = disclosure("stage", "x" * sd_jwt.MAX_CHARACTERS)
    return disclosed(scene, {"_sd": [huge.digest]}, huge)


def headed(scene: Scene, change: Mapping[str, object], sign: Callable[[bytes], bytes]) -> str:
    """Return the credential's ``stage`` under a changed header, signed by ``sign``, without key binding."""
    parts = sd_jwt.split(scene.present("stage"))
    header, payload, _ = parts.issuer_jwt.split(".")
    other = jws.encode(jws.dump({**json.loads(jws.decode(header)), **change}).encode())
    signature = jws.encode(sign(f"{other}.{payload}".encode()))
    return sd_jwt.Parts(f"{other}.{payload}.{signature}", parts.disclosures, "").sd_jwt


def altered(scene: Scene) -> str:
    """Return an SD-JWT whose one disclosure says the opposite under the same salt."""
    parts = sd_jwt.split(scene.present("age_over_14"))
    salt = sd_jwt.parse_disclosure(parts.disclosures[0]).salt
    return sd_jwt.Parts(parts.issuer_jwt, (disclosure("age_over_14", True, salt).encoded,), "").sd_jwt


def extra(scene: Scene) -> str:
    """Return an SD-JWT with a disclosure that the issuer never made."""
    parts = sd_jwt.split(scene.present("stage"))
    return sd_jwt.Parts(parts.issuer_jwt, (*parts.disclosures, disclosure("role", "teacher").encoded), "").sd_jwt


def careless(
    scene: Scene, change: Callable[[dict[str, object]], object], *, header: Mapping[str, object] | None = None
) -> Attempt:
    """Return a presentation of a credential that the true issuer signed in a careless hour."""
    return Attempt(scene.present("stage", credential=scene.resign(change, header=header)))


def disclosed(scene: Scene, members: Mapping[str, object], *shown: sd_jwt.Disclosure) -> Attempt:
    """Return a presentation of ``shown`` under a payload with ``members`` that the true issuer signed."""
    encoded = tuple(one.encoded for one in shown)
    return Attempt(scene.bind(scene.resign(lambda payload: payload.update(members), disclosures=encoded)))


def forged(scene: Scene, header: Callable[[IssuerKey], Mapping[str, object]]) -> Attempt:
    """Return a credential of a stranger, who names the issuer's ``kid`` and tells where to find another key."""
    stranger = issuer_key()
    parts = sd_jwt.split(scene.present("stage"))
    claims = jws.parse(parts.issuer_jwt).payload
    members = {"typ": sd_jwt.TYP, "kid": scene.signer.kid, **header(stranger)}
    text = sd_jwt.Parts(jws.sign(members, claims, stranger.key), parts.disclosures, "").sd_jwt
    return Attempt(scene.bind(text))


def listed(scene: Scene, token: str) -> Attempt:
    """Return an honest presentation beside a status list."""
    return Attempt(scene.present("stage"), token)


def relisted(
    scene: Scene,
    change: Callable[[dict[str, object]], object],
    *,
    header: Mapping[str, object] | None = None,
    key: IssuerKey | None = None,
) -> str:
    """Return the scene's status list with a changed payload, header or signer."""
    payload = dict(jws.parse(scene.list_token()).payload)
    change(payload)
    signer = scene.signer if key is None else key
    return jws.sign({"typ": status_list.TYP, "kid": scene.signer.kid, **(header or {})}, payload, signer.key)
