"""Which grounds hold (A50-5 to A50-7), and that every problem is named at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType

import pytest

from gateway.policies.errors import GroundRefusedError
from gateway.policies.ground_problems import TEXTS
from gateway.policies.grounds import (
    STATE_DIVISION,
    ceiling,
    government_level,
    label,
    normalize_document_number,
    problems,
    reach,
    require_ground,
    texts_of,
)
from gateway.policies.records import Ground, Level, Population, Scope
from rulebook.records import Rulebook
from tests.factories import policies as make


def codes(ground: Ground, scope: Scope | None = None, book: Rulebook | None = None) -> set[str]:
    found = problems(ground, scope or make.scope(), make.RECIPIENT, book or make.rule_book(), make.TODAY)
    assert all(problem.zh and problem.en and problem.rule in {"A50-6", "A50-7"} for problem in found)
    return {problem.code for problem in found}


def test_an_approval_of_the_citys_government_holds() -> None:
    assert codes(make.approval()) == set()


@pytest.mark.parametrize(
    ("government", "division"),
    [
        ("山西省人民政府", "140000"),
        ("太原市人民政府", "140100"),
        ("山西省太原市人民政府", "140100"),
        ("国务院", STATE_DIVISION),
    ],
)
def test_a_government_above_covers_what_lies_below(government: str, division: str) -> None:
    county = make.scope(population=Population(make.COUNTY))
    assert codes(make.approval(government=government, division=division), county) == set()


@pytest.mark.parametrize("name", ["小店区人民政府", "太原市小店区人民政府", "山西省太原市小店区人民政府"])
def test_a_county_is_known_by_each_way_to_write_its_name(name: str) -> None:
    county = make.scope(population=Population(make.COUNTY))
    assert codes(make.approval(government=name, division=make.COUNTY), county) == set()


@pytest.mark.parametrize(
    ("government", "division", "expected"),
    [
        ("太原市教育局", "140100", {"education_department"}),
        ("山西省教育厅", "140000", {"education_department"}),
        ("太原市小店区教体局", "140105", {"education_department", "territory"}),
        ("刘家堡乡人民政府", "140105", {"township", "territory"}),
        ("太原市小店区北格镇人民政府", "140105", {"township", "territory"}),
        ("坞城街道办事处", "140105001", {"township", "territory"}),
        ("太原市人民政府", "140105001", {"township", "territory"}),
        ("山西转型综合改革示范区管理委员会", "140171", {"zone", "territory"}),
        ("山西转型综合改革示范区人民政府", "140171", {"zone", "territory"}),
        ("太原经济技术开发区管委会", "140100", {"zone"}),
        ("太原市卫生健康委员会", "140100", {"not_a_government"}),
        ("太原市人民政府办公室", "140100", {"government_office"}),
        ("大同市人民政府", "140100", {"government_name"}),
        ("大同市人民政府", "140200", {"territory"}),
        ("小店区人民政府", "140105", {"territory"}),
        ("太原市人民政府", "999999", {"division", "territory"}),
        ("北京市人民政府", "110100", {"division", "territory"}),
        ("太原市人民政府", STATE_DIVISION, {"government_name"}),
    ],
)
def test_a_body_that_cannot_approve_is_refused_for_its_reason(
    government: str, division: str, expected: set[str]
) -> None:
    assert codes(make.approval(government=government, division=division)) == expected


def test_a_zone_elsewhere_is_known_by_its_fifth_digit() -> None:
    book = make.rule_book()
    zone = next(d for d in book.divisions.by_code.values() if d.level == "county" and d.code[4] == "7" and not d.zone)
    ground = make.approval(government=f"{zone.name}人民政府", division=zone.code)
    assert "zone" in codes(ground, make.scope(population=Population(zone.code)))


def test_the_office_of_a_government_speaks_for_it_in_an_office_document_only() -> None:
    office = {"government": "太原市人民政府办公室", "act": "office_document"}
    assert codes(make.approval(**office, states_consent=True)) == set()
    assert codes(make.approval(**office, scope_text="经市人民政府同意，提供全市年级统计数据")) == set()
    assert codes(make.approval(**office)) == {"consent_not_stated"}
    assert codes(make.approval(**office, scope_text="未经市人民政府同意不得外传")) == {"consent_not_stated"}
    minutes = make.approval(government="太原市人民政府办公室", act="minutes", meeting_date=date(2026, 2, 19))
    assert codes(minutes) == {"government_office"}


def test_names_that_repeat_are_told_apart_by_their_code() -> None:
    # 140302, 140502: two districts are called 城区
    scope = make.scope(population=Population("140302"))
    assert codes(make.approval(government="阳泉市城区人民政府", division="140302"), scope) == set()
    assert codes(make.approval(government="晋城市城区人民政府", division="140302"), scope) == {"government_name"}


@pytest.mark.parametrize(
    "number",
    ["并政函〔2026〕12号", "并政函[2026]12号", "并政函（2026）12号", "并政函 (2026) 12 号", "并政函【２０２６】１２号"],
)
def test_brackets_blanks_and_wide_digits_of_a_number_are_normalised(number: str) -> None:
    assert normalize_document_number(number) == "并政函〔2026〕12号"
    assert codes(make.approval(document_number=number)) == set()


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("", {"document_number"}),
        ("  ", {"document_number"}),
        ("12号", {"document_number_form"}),
        ("并政函〔26〕12号", {"document_number_form"}),
        ("并政函〔2026〕号", {"document_number_form"}),
        ("并政函〔2027〕12号", {"document_number_form"}),
        ("并政办登2026-015", set()),
        ("太原市人民政府常务会议纪要〔2026〕3次", set()),
    ],
)
def test_a_number_is_a_document_number_or_a_registration_number(number: str, expected: set[str]) -> None:
    assert codes(make.approval(document_number=number)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dated": make.TODAY, "valid_to": make.TODAY}, set()),
        ({"dated": make.TODAY + timedelta(days=1)}, {"dated", "validity"}),
        ({"valid_to": make.TODAY - timedelta(days=1)}, {"expired"}),
        ({"scan_sha256": ""}, {"scan"}),
        ({"scan_sha256": "ab" * 31}, {"scan"}),
        ({"scan_sha256": "zz" * 32}, {"scan"}),
        ({"signatory": " "}, {"signatory"}),
        ({"scope_text": ""}, {"scope_text"}),
        ({"act": "letter"}, {"act"}),
        ({"recipient": make.OTHER_RECIPIENT}, {"approved_recipient"}),
        ({"recipient": make.RECIPIENT}, set()),
        ({"levels": frozenset({"masked"})}, {"approved_level"}),
        ({"fields": frozenset({"sex"})}, {"approved_fields"}),
        ({"fields": frozenset({"stage"})}, set()),
    ],
)
def test_each_part_of_an_approval_is_checked(changes: dict[str, object], expected: set[str]) -> None:
    scope = make.scope(valid_from=make.TODAY)
    assert codes(make.approval(**changes), scope) == expected


def test_all_problems_are_named_at_once() -> None:
    bad = make.approval(document_number="", signatory="", scan_sha256="", government="太原市教育局")
    with pytest.raises(GroundRefusedError) as refusal:
        require_ground(bad, make.scope(), make.RECIPIENT, make.rule_book(), make.TODAY)
    assert refusal.value.missing == ("education_department", "document_number", "signatory", "scan")
    assert refusal.value.rule == "A50-7"
    assert refusal.value.detail_zh.count("。") == 4


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, set()),
        ({"text": None, "text_sha256": None}, {"text_unverified"}),
        ({"kind": "departmental_rule"}, {"kind"}),
        ({"kind": "notice"}, {"kind"}),
        ({"kind": "autonomous_regulation"}, set()),
        ({"kind": "separate_regulation"}, set()),
        ({"title": "关于做好教科书征订工作的通知"}, {"kind"}),
        ({"article": "第四十五条"}, set()),
        ({"repealed": date(2026, 3, 2)}, {"repealed"}),
        ({"repealed": date(2026, 3, 3)}, set()),
        ({"purposes": frozenset({"financial-aid"})}, {"basis_purpose"}),
        ({"levels": frozenset({"masked"})}, {"basis_level"}),
        ({"fields": frozenset({"county"})}, {"basis_fields"}),
        ({"effective": date(2026, 3, 3)}, {"effective"}),
    ],
)
def test_each_part_of_a_statute_is_checked(changes: dict[str, object], expected: set[str]) -> None:
    book = make.rule_book()
    basis = replace(book.legal_bases["compulsory-education-44"], **changes)  # type: ignore[arg-type]  # tests name the members
    altered = replace(book, legal_bases=MappingProxyType({basis.code: basis}))
    assert codes(make.statute(), book=altered) == expected


def test_only_the_text_and_the_article_that_were_relied_on_still_carry_the_ground() -> None:
    book = make.rule_book()
    frozen = replace(make.statute(), article="第四十四条", text_sha256=texts_of(book)["compulsory-education-44"])
    assert codes(frozen) == set()
    assert codes(replace(frozen, text_sha256="0" * 64)) == {"text_changed"}
    assert codes(replace(frozen, article="第四十三条")) == {"text_changed"}
    found = problems(frozen, make.scope(), make.RECIPIENT, book, make.TODAY, texts={})
    assert [problem.code for problem in found] == ["text_unverified"]


@pytest.mark.parametrize("division", ["140105001", "140171", "999999", "", "149001"])
def test_what_has_no_government_has_no_level(division: str) -> None:
    assert government_level(division, make.rule_book().divisions) is None


def test_the_level_of_a_government_follows_from_its_division() -> None:
    divisions = make.rule_book().divisions
    levels = {code: government_level(code, divisions) for code in (STATE_DIVISION, "140000", make.CITY, make.COUNTY)}
    assert list(levels.values()) == ["state", "province", "city", "county"]


def test_characters_of_no_width_are_no_text() -> None:
    assert codes(make.approval(signatory="\u200b\u200b")) == {"signatory"}
    assert codes(replace(make.statute(), reasoning="\u200b" * 20)) == {"reasoning"}


def test_a_mistyped_code_is_told_and_a_number_in_its_place_is_not_repeated() -> None:
    ground = make.approval(
        fields=frozenset({"stage", "shoe-size"}), recipients=frozenset({make.RECIPIENT, "140105199001011234"})
    )
    (found,) = problems(ground, make.scope(), make.RECIPIENT, make.rule_book(), make.TODAY)
    assert found.code == "approved_unknown"
    assert "shoe-size" in found.en
    assert "140105199001011234" not in found.en + found.zh


def test_a_rule_that_is_not_in_the_catalogue_is_no_ground() -> None:
    assert codes(make.statute("ministry-notice")) == {"legal_basis"}
    with pytest.raises(GroundRefusedError):
        ceiling(make.statute("ministry-notice"), make.rule_book())


def test_a_determination_in_the_future_is_refused() -> None:
    ground = replace(make.statute(), determined_on=make.TODAY + timedelta(days=1))
    assert codes(ground) == {"determined_on"}


def test_no_shipped_basis_without_a_text_carries_a_grant() -> None:
    from rulebook.loader import load

    book = load(make.CONFIG)
    for basis in book.legal_bases.values():
        if not basis.verified:
            assert "text_unverified" in codes(make.statute(basis.code), book=book)


def test_q4_a_government_reaches_what_it_manages_and_what_lies_below() -> None:
    divisions = make.rule_book().divisions
    assert reach(make.COUNTY, divisions) == {make.COUNTY}
    assert {make.CITY, make.COUNTY, make.ZONE} <= reach(make.CITY, divisions)
    assert make.OTHER_CITY not in reach(make.CITY, divisions)
    assert "140000" not in reach(make.CITY, divisions)
    assert reach("999999", divisions) == frozenset()


def test_a_label_is_law_and_article_or_government_and_number() -> None:
    book = make.rule_book()
    assert label(make.statute(), book) == "《中华人民共和国义务教育法》第四十四条"
    assert label(make.approval(), book) == "太原市人民政府 并政函〔2026〕12号"


def test_every_text_is_in_both_languages_and_has_its_rule() -> None:
    for rule, zh, en in TEXTS.values():
        assert rule in {"A50-6", "A50-7"}
        assert zh.endswith("。")
        assert en.endswith(".")
        assert en.isascii() or "文号" in en or "并政函" in en


def test_a_level_or_field_beyond_a_statute_is_named() -> None:
    scope = make.scope(level=Level.MASKED, fields=("county", "id_number_masked"))
    found = problems(make.statute(), scope, make.RECIPIENT, make.rule_book(), make.TODAY)
    assert [problem.code for problem in found] == ["basis_fields"]
    assert "id_number_masked" in found[0].en
