"""@sd-jwt/sd-jwt-vc from npm verifies our presentation with its status list; a tampered one fails."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.identity import jws, sd_jwt, status_list
from tests.conftest import need
from tests.unit.identity.builders import INDEX, LIST_URI, NONCE, NOW, Scene

NODE = Path(__file__).parent / "node"
pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need(shutil.which("node") and shutil.which("npm"), "Node.js with npm")
    directory = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", "verify.mjs"):
        shutil.copy(NODE / name, directory / name)
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    need(done.returncode == 0, "the npm package @sd-jwt/sd-jwt-vc 0.19.0")
    return directory


def ask(oracle: Path, scene: Scene, presentation: str, **changes: object) -> Mapping[str, object]:
    question = {
        "presentation": presentation,
        "issuer_jwk": jws.public_jwk(scene.signer.key),
        "nonce": NONCE,
        "required": ["stage"],
        "now": int(NOW.timestamp()),
        "status_uri": LIST_URI,
        "status_list_token": scene.list_token(),
        **changes,
    }
    done = subprocess.run(
        ["node", "verify.mjs"],
        cwd=oracle,
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_the_npm_verifier_accepts_our_presentation_and_sees_what_was_disclosed(oracle: Path) -> None:
    scene = Scene()
    answer = ask(oracle, scene, scene.present("stage", "school_name", "age_over_14"))
    assert answer["valid"], answer
    payload = answer["payload"]
    assert isinstance(payload, dict)
    assert (payload["stage"], payload["school_name"]) == ("junior", "太原市第一示例中学")
    assert payload["age_over_14"] is False
    assert "grade" not in payload
    assert answer["kb"]


def test_the_npm_verifier_refuses_tampered_presentations(oracle: Path) -> None:
    scene = Scene()
    good = scene.present("stage", "age_over_14")
    parts = sd_jwt.split(good)
    header, payload, signature = parts.issuer_jwt.split(".")
    other = "A" if signature[10] != "A" else "B"
    forged = f"{header}.{payload}.{signature[:10]}{other}{signature[11:]}"
    tampered = {
        "the issuer's signature": sd_jwt.Parts(forged, parts.disclosures, "").sd_jwt + parts.key_binding,
        "a disclosure left out": sd_jwt.Parts(parts.issuer_jwt, parts.disclosures[:1], "").sd_jwt + parts.key_binding,
        "another holder": scene.present("stage", holder_key=Scene().holder),
        "another nonce": scene.present("stage", nonce="another"),
    }
    for what, presentation in tampered.items():
        assert not ask(oracle, scene, presentation)["valid"], what


@pytest.mark.parametrize("status", [1, 2])
def test_the_npm_verifier_reads_our_status_list(oracle: Path, status: int) -> None:
    scene = Scene()
    token = scene.list_token(status_list.put(scene.statuses, {INDEX: status}))
    answer = ask(oracle, scene, scene.present("stage"), status_list_token=token)
    assert not answer["valid"]
    assert "status" in str(answer["error"]).lower()


def test_the_npm_verifier_refuses_an_expired_credential(oracle: Path) -> None:
    scene = Scene()
    answer = ask(oracle, scene, scene.present("stage"), now=int(NOW.timestamp()) + 15 * 86400)
    assert not answer["valid"]
    assert "expired" in str(answer["error"]).lower()
