"""Kinds and numbers of certificates, the two sides of a form, and the public check (A41-3, A43-2, A43-3)."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from core_registry.domain.certificates import (
    CertificateKind,
    CheckStatus,
    Issued,
    Side,
    printed_on,
    public_check,
    split_number,
)
from core_registry.prints.layouts.certificates import WORD_FIVE

ROOT = Path(__file__).resolve().parents[3]
ISSUED = Issued("140100", "2026140100000001", CertificateKind.GRADUATION, 2026, True, False, "龘思远")
GRADUATION, PROOF = CertificateKind.GRADUATION, CertificateKind.EDUCATION_PROOF


@pytest.mark.parametrize(
    ("number", "parts"),
    [
        ("晋毕证字第（34140000032026000123）号", ("晋毕证", "34140000032026000123")),
        ("晋结字第34140000032026000001号", ("晋结", "34140000032026000001")),
        ("某校字第 7 号", ("某校", "7")),
        ("2026140100000007", ("", "2026140100000007")),
        ("", ("", "")),
    ],
)
def test_a_number_is_split_into_word_and_number(number: str, parts: tuple[str, str]) -> None:
    assert split_number(number) == parts


@pytest.mark.rule("A41-3", "A43-2")
def test_the_numbers_that_are_configured_fit_the_annexes() -> None:
    templates = tomllib.loads((ROOT / "config" / "parameters.toml").read_text(encoding="utf-8"))["registry"]
    for kind, template in templates["certificate_numbers"].items():
        word, number = split_number(template.format(issuer="3414000003", year="2026", serial="000123"))
        assert word
        assert number.isdigit()
        assert kind != PROOF or word == WORD_FIVE


@pytest.mark.rule("A43-3")
def test_the_public_check_tells_kind_year_issuer_and_a_masked_name() -> None:
    answer = public_check(ISSUED, "太原市教育局")
    assert answer.status is CheckStatus.VALID
    assert (answer.kind, answer.year, answer.issuer, answer.masked_name) == (GRADUATION, 2026, "太原市教育局", "龘**")
    assert "思远" not in repr(answer) + answer.masked_name


@pytest.mark.rule("A43-3")
def test_names_of_any_length_are_masked_alike() -> None:
    assert public_check(replace(ISSUED, holder_name="阿依古丽·买买提")).masked_name == "阿**"


@pytest.mark.rule("A43-3")
def test_a_voided_certificate_stays_listed_as_void() -> None:
    assert public_check(replace(ISSUED, voided=True)).status is CheckStatus.VOID


@pytest.mark.rule("A43-2")
def test_a_proof_without_a_stamp_is_not_effective() -> None:
    proof = replace(ISSUED, kind=PROOF, effective=False)
    assert public_check(proof).status is CheckStatus.NOT_EFFECTIVE
    assert public_check(replace(proof, effective=True)).status is CheckStatus.VALID
    assert public_check(replace(proof, voided=True)).status is CheckStatus.VOID


@pytest.mark.rule("A43-3")
def test_an_unknown_number_gets_no_data_at_all() -> None:
    answer = public_check(None, "太原市教育局")
    assert answer.status is CheckStatus.UNKNOWN
    assert (answer.kind, answer.year, answer.issuer, answer.masked_name) == (None, None, "", "")


@pytest.mark.rule("A41-3")
@pytest.mark.parametrize("kind", [CertificateKind.COMPLETION, CertificateKind.INCOMPLETE])
def test_the_stub_of_annex_4_has_the_reason_and_the_certificate_has_not(kind: CertificateKind) -> None:
    stub, certificate = printed_on(kind, Side.STUB), printed_on(kind, Side.CERTIFICATE)
    assert "reason" in stub - certificate
    assert {"stub.handler", "stub.head"} <= stub - certificate
    assert "school_seal" in certificate - stub


@pytest.mark.rule("A43-2")
def test_the_certificate_of_annex_5_has_the_stamp_and_the_stub_the_years() -> None:
    stub, certificate = printed_on(PROOF, Side.STUB), printed_on(PROOF, Side.CERTIFICATE)
    assert "years" in stub - certificate
    assert {"stamp", "stamp_sentence", "school_seal"} <= certificate - stub
    assert "original" in stub & certificate
