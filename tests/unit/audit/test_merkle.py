"""RFC 6962 hashing and proofs against public vectors."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.errors import ProofError
from gateway.audit.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    nodes_of,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from gateway.errors import ParameterError

LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "transparency_dev_merkle.json").read_text("utf-8"))


@pytest.mark.parametrize("size", range(9))
def test_root_of_the_certificate_transparency_leaves(size: int) -> None:
    assert root_of(leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES[:size]).hex() == ROOTS[size]


def test_hasher_vectors() -> None:
    assert EMPTY_ROOT.hex() == ROOTS[0]
    assert leaf_hash(b"").hex() == ROOTS[1]
    assert leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert node_hash(b"N123", b"N456").hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"


@pytest.mark.parametrize("size", [3, 5, 6, 7])
def test_an_odd_node_is_carried_up_and_not_doubled(size: int) -> None:
    leaves = [leaf_hash(bytes([at])) for at in range(size)]
    assert root_of(leaves) != root_of([*leaves, leaves[-1]])


def _decode(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def test_the_vectors_are_all_there() -> None:
    assert len(VECTORS["inclusion"]) == 98
    assert len(VECTORS["consistency"]) == 98
    assert {vector["wantErr"] for vector in VECTORS["inclusion"]} == {True, False}


@pytest.mark.parametrize("vector", VECTORS["inclusion"], ids=lambda v: f"{v['leafIdx']}-{v['treeSize']}-{v['desc']}")
def test_inclusion_vector_of_transparency_dev(vector: dict[str, Any]) -> None:
    def verify() -> None:
        verify_inclusion(
            _decode(vector["leafHash"]),
            vector["leafIdx"],
            vector["treeSize"],
            [_decode(node) for node in vector["proof"] or []],
            _decode(vector["root"]),
        )

    if vector["wantErr"]:
        with pytest.raises(ProofError):
            verify()
    else:
        verify()


@pytest.mark.parametrize("vector", VECTORS["consistency"], ids=lambda v: f"{v['size1']}-{v['size2']}-{v['desc']}")
def test_consistency_vector_of_transparency_dev(vector: dict[str, Any]) -> None:
    def verify() -> None:
        verify_consistency(
            vector["size1"],
            vector["size2"],
            [_decode(node) for node in vector["proof"] or []],
            _decode(vector["root1"]),
            _decode(vector["root2"]),
        )

    if vector["wantErr"]:
        with pytest.raises(ProofError):
            verify()
    else:
        verify()


def test_size_zero_has_no_proof() -> None:
    with pytest.raises(ParameterError):
        inclusion_proof(nodes_of([]), 0, 0)
    with pytest.raises(ParameterError):
        consistency_proof(nodes_of([leaf_hash(b"")]), 0, 1)
    with pytest.raises(ProofError):
        verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
