"""Whatever a careless issuer, a holder or a stranger does to a presentation: what we accept, openvc-core accepts too.

The other direction does not hold and need not: our profile asks for more (``docs/attacks-identity.md``).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.identity import jws, sd_jwt, status_list
from gateway.identity.errors import CredentialRejectedError
from tests.contract.test_identity_attacks import ACCEPTED, openvc_says
from tests.factories.credential_attacks import Attempt, relisted
from tests.unit.identity.builders import CLAIMS, Scene, disclosure

Members = dict[str, object]
NAMES = ("iss", "iat", "exp", "nbf", "vct", "cnf", "status", "_sd_alg", "_sd", "aud", "sub", "stage", "...", "extra")
NUMBERS = st.sampled_from([-1, 0, 1, 10**9, 4 * 10**9, 10**12])
PLAIN = st.one_of(
    st.none(), st.booleans(), NUMBERS, st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=6)
)
ANYTHING = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
TYPES = st.sampled_from(["dc+sd-jwt", "vc+sd-jwt", "kb+jwt", "JWT", ""])
HEADERS = st.dictionaries(st.sampled_from(["typ", "kid", "crit", "b64", "jwk", "cty"]), PLAIN | TYPES, max_size=2)


@cache
def scene() -> Scene:
    return Scene(now=datetime.now(UTC))


@st.composite
def payload_changes(draw: st.DrawFn) -> Callable[[Members], object]:
    """A change of some members, of the top or of what is inside ``cnf`` and ``status``."""
    changes = draw(st.dictionaries(st.sampled_from(NAMES), ANYTHING | st.just("absent"), max_size=2))
    inside = draw(st.none() | st.tuples(st.sampled_from(["cnf", "status"]), st.sampled_from(NAMES), ANYTHING))

    def change(payload: Members) -> None:
        for name, value in changes.items():
            if value == "absent":
                payload.pop(name, None)
            else:
                payload[name] = value
        if inside is not None and isinstance(payload.get(inside[0]), dict):
            payload[inside[0]][inside[1]] = inside[2]  # type: ignore[index]  # an object, just seen

    return change


@st.composite
def attempts(draw: st.DrawFn) -> Attempt:
    """A presentation of the scene with some things done to it, each part signed by whom it should be signed by."""
    world, own = scene(), st.sampled_from([None, None, True])
    header = draw(HEADERS) if draw(own) else None
    change = draw(payload_changes()) if draw(own) else (lambda _payload: None)
    credential = world.resign(change, header=header)
    parts = sd_jwt.split(credential)
    chosen = draw(st.lists(st.sampled_from(parts.disclosures), max_size=4, unique=draw(st.booleans())))
    if draw(own):
        name = draw(st.sampled_from([*NAMES, *CLAIMS]))
        chosen.append(disclosure(name, draw(ANYTHING)).encoded)
    text = sd_jwt.Parts(parts.issuer_jwt, tuple(chosen), "").sd_jwt
    binding = draw(
        st.dictionaries(st.sampled_from(["iat", "aud", "nonce", "sd_hash", "exp", "nbf"]), PLAIN, max_size=1)
    )
    return Attempt(world.bind(text, header=draw(HEADERS) if draw(own) else None, **(binding if draw(own) else {})))


@settings(max_examples=300, deadline=None)
@given(attempts())
def test_openvc_accepts_whatever_we_accept(attempt: Attempt) -> None:
    world = scene()
    try:
        verified = world.verify(attempt.presentation)
    except CredentialRejectedError:
        return
    assert openvc_says(world, attempt) == ACCEPTED
    shown = {}
    for text in sd_jwt.split(attempt.presentation).disclosures:
        _, name, value = json.loads(jws.decode(text))
        shown[name] = value
    assert dict(verified.claims) == shown  # of a flat credential, what was disclosed and nothing else


@st.composite
def listings(draw: st.DrawFn) -> Attempt:
    """An honest presentation beside a status list that its issuer signed in a careless hour."""
    world = scene()
    statuses = draw(st.binary(min_size=1, max_size=6))
    lst = draw(st.just(status_list.pack(statuses)) | st.text("AQgw-_=+ /", max_size=8))
    content = {"bits": draw(st.sampled_from([1, 2, 4, 8, 3, 0, True, "2"])), "lst": lst}
    changes = draw(st.dictionaries(st.sampled_from(["iss", "sub", "iat", "exp", "ttl", "nbf"]), PLAIN, max_size=1))

    def change(payload: Members) -> None:
        payload.update({"status_list": content, **changes})

    token = relisted(world, change, header=draw(HEADERS) if draw(st.booleans()) else None)
    return Attempt(world.present("stage"), token)


@settings(max_examples=200, deadline=None)
@given(listings())
def test_openvc_accepts_whatever_list_we_accept(attempt: Attempt) -> None:
    world = scene()
    try:
        world.verify(attempt.presentation, list_token=attempt.list_token)
    except CredentialRejectedError:
        return
    assert openvc_says(world, attempt) == ACCEPTED


def test_the_changes_leave_enough_that_is_accepted() -> None:
    """Else the property above would be about nothing."""
    accepted = 0

    @settings(max_examples=150, deadline=None, database=None, derandomize=True)
    @given(attempts())
    def count(attempt: Attempt) -> None:
        nonlocal accepted
        try:
            scene().verify(attempt.presentation)
        except CredentialRejectedError:
            return
        accepted += 1

    count()
    assert 15 <= accepted <= 135
