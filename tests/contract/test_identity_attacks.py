"""The table of ``docs/attacks-identity.md`` is what happens: our verifier, openvc-core and sd-jwt on every attack.

The other two are opinions from outside, and none of them is asked for more than it offers: sd-jwt knows no status, no
type and no time, so what it lets through here is why we do not verify with it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import openvc
import pytest
from openvc.resolvers import default_status_list_token_resolver
from sd_jwt.verifier import SDJWTVerifier

from gateway.identity.errors import CredentialRejectedError, Reason
from tests.contract.test_identity_oracle import jwk_of
from tests.factories.credential_attacks import ATTACKS, Attempt
from tests.unit.identity.builders import AUDIENCE, ISSUER, NONCE, VCT, Scene, keys_of

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "attacks-identity.md"
ACCEPTED, REFUSED, DOES_NOT_ASK = "accepted", "refused", "–"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: what each verifier says of an attack, and where its named test is."""

    name: str
    ours: str
    openvc: str
    sd_jwt: str
    test: str


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def table() -> Iterator[Row]:
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and len(found := cells(line)) == 6 and found[0] in ATTACKS:
            yield Row(found[0], found[2].strip("`"), found[3], found[4], found[5])


ROWS = {row.name: row for row in table()}


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A scene of today: the others have no clock to set."""
    return Scene(now=datetime.now(UTC))


def openvc_says(scene: Scene, attempt: Attempt) -> str:
    def metadata(_url: str) -> dict[str, object]:
        return {"issuer": ISSUER, "jwks": keys_of(scene.signer).jwks()}

    def listed(_uri: str) -> str:
        return attempt.list_token or scene.list_token()

    policy = openvc.VerificationPolicy(
        audience=AUDIENCE,
        nonce=NONCE,
        expected_vct=VCT,
        require_key_binding=attempt.bound,
        require_status_issuer_binding=True,
    )
    try:
        openvc.verify_credential(
            attempt.presentation,
            policy=policy,
            jwt_vc_issuer_fetch=metadata,
            resolve_status_list_token=default_status_list_token_resolver(fetch=listed, jwt_vc_issuer_fetch=metadata),
        )
    except openvc.OpenvcError:
        return REFUSED
    return ACCEPTED


def sd_jwt_says(scene: Scene, attempt: Attempt) -> str:
    asked = (AUDIENCE, NONCE) if attempt.bound else (None, None)
    try:
        SDJWTVerifier(attempt.presentation, lambda *_: jwk_of(scene.signer.key), *asked).get_verified_payload()
    except Exception:  # noqa: BLE001  its refusals have no common class, and some are accidents
        return REFUSED
    return ACCEPTED


def test_every_attack_has_its_row() -> None:
    assert ROWS.keys() == ATTACKS.keys()


@pytest.mark.parametrize("name", [name for name in ATTACKS if name != "honest"])
def test_we_refuse_an_attack_for_its_own_reason(scene: Scene, name: str) -> None:
    attempt = ATTACKS[name](scene)
    with pytest.raises(CredentialRejectedError) as caught:
        scene.verify(attempt.presentation, list_token=attempt.list_token)
    assert caught.value.reason is Reason(ROWS[name].ours)


def test_all_three_accept_what_is_honest(scene: Scene) -> None:
    attempt = ATTACKS["honest"](scene)
    assert scene.verify(attempt.presentation).claims == {"stage": "junior", "age_over_14": False}
    assert (openvc_says(scene, attempt), sd_jwt_says(scene, attempt)) == (ACCEPTED, ACCEPTED)


@pytest.mark.parametrize("name", ATTACKS)
def test_the_outside_verifiers_say_what_the_table_says(scene: Scene, name: str) -> None:
    attempt = ATTACKS[name](scene)
    row = ROWS[name]
    assert (openvc_says(scene, attempt), sd_jwt_says(scene, attempt)) == (row.openvc, row.sd_jwt)


@cache
def named_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(
        r"`((?:unit|contract|e2e|property)/[\w/.]+\.py)`: `(test_\w+)`", PAGE.read_text(encoding="utf-8")
    )
    assert len(named) >= len(ATTACKS)
    assert not [(path, name) for path, name in named if name not in named_in(path)]
    assert all(re.search(r"`(test_\w+)`", row.test) for row in ROWS.values())
