"""What the shipped rule book says."""

from __future__ import annotations

import time
from datetime import date

import pytest

import rulebook
from rulebook import FieldClass, Rulebook
from rulebook.evidence import ISSUERS, MEDIA_TYPES
from tests.unit.rulebook.conftest import SHIPPED


@pytest.fixture(scope="module")
def book() -> Rulebook:
    return rulebook.load(SHIPPED)


def test_the_shipped_rule_book_loads_in_half_a_second() -> None:
    best = 9.0
    for _ in range(3):
        begin = time.perf_counter()
        rulebook.load(SHIPPED)
        best = min(best, time.perf_counter() - begin)
    assert best < 0.5


def test_annex_1_has_its_37_items_in_order(book: Rulebook) -> None:
    numbered = {field.number: field.code for field in book.fields.values() if field.number}
    assert sorted(numbered) == list(range(1, 38))
    assert [numbered[n] for n in (1, 8, 9, 12, 18, 26, 27, 35, 37)] == [
        "name", "id_number", "birth_date", "grade", "member1_name", "member1_phone", "member2_name", "member2_phone",
        "special_ed_placement",
    ]  # fmt: skip
    assert book.fields["member1_name"].label == "成员一姓名"


def test_stars_of_annex_1(book: Rulebook) -> None:
    optional = {f.number for f in book.fields.values() if f.number and f.required == "optional"}
    assert optional == {2, 14, 21, 24, 30, 33}
    assert {f.number for f in book.fields.values() if f.required == "disability"} == {36, 37}
    assert {f.number for f in book.fields.values() if f.required == "second_member"} == {27, 28, 29, 31, 32, 34, 35}


def test_the_student_number_is_a_direct_identifier_without_a_shared_form(book: Rulebook) -> None:
    assert book.fields["student_number"].cls is FieldClass.DIRECT
    assert book.fields["student_number"].sharing == ()


def test_sanctions_and_suspension_reasons_are_never_shared(book: Rulebook) -> None:
    never = {field.code for field in book.fields.values() if field.cls is FieldClass.NEVER}
    assert never == {"sanctions", "suspension_reason"}


def test_code_lists_have_codes_labels_and_a_source(book: Rulebook) -> None:
    assert book.code_lists["sex"].labels["1"] == "男"
    assert book.code_lists["countries"].labels["CHN"] == "中国"
    assert dict(book.code_lists["yes_no"].labels) == {"1": "是", "0": "否"}
    assert book.code_lists["grades"].attributes["21"]["stage"] == "junior"
    assert len(book.code_lists["ethnic_groups"].labels) == 58
    assert all("(" in listed.source for listed in book.code_lists.values())


def test_divisions_know_their_parents_and_zones(book: Rulebook) -> None:
    units = book.divisions.by_code
    assert units["140105"].full_name == "山西省太原市小店区"
    assert units["110101"].full_name == "北京市东城区"
    assert book.divisions.ancestors("140105") == ("140105", "140100", "140000")
    assert {code for code, unit in units.items() if unit.zone} == {"140171", "140271", "140671", "140971"}
    assert "坞城街道" in book.divisions.townships["140105"]


def test_a_city_reaches_its_counties_and_a_county_only_itself(book: Rulebook) -> None:
    assert book.divisions.territory("140105") == {"140105"}
    assert {"140100", "140105", "140171"} <= book.divisions.territory("140100")
    assert "140000" not in book.divisions.territory("140100")
    assert book.divisions.territory("149999") == frozenset()


def test_no_legal_basis_carries_a_grant_before_its_text_is_held(book: Rulebook) -> None:
    assert book.legal_bases
    assert not any(basis.verified for basis in book.legal_bases.values())


def test_profiles_stand_at_their_levels(book: Rulebook) -> None:
    assert {code: profile.level for code, profile in book.profiles.items()} == {
        "textbook-anonymous": "anonymous",
        "bus-pseudonymous": "pseudonymous",
        "aid-masked": "masked",
        "research-pseudonymous": "pseudonymous",
        "identity-check": "check",
        "enrolment-check": "check",
        "aid-match": "match",
        "insurance-match": "match",
        "vaccine-match": "match",
        "bus-match": "match",
        "school-places-statistics": "statistics",
        "health-statistics": "statistics",
    }
    assert book.profiles["textbook-anonymous"].k == 10
    assert len(book.profiles["research-pseudonymous"].fields) >= 12


def test_table_hierarchies_cover_their_code_lists(book: Rulebook) -> None:
    expected = {
        "grade": "grades", "ethnicity": "ethnic_groups", "sex": "sex", "nationality": "countries",
        "family_relation": "family_relation", "political_status": "political_status", "id_type": "id_types",
        "disability_type": "disability_types", "overseas_status": "overseas_status", "school_type": "school_category",
        "special_ed_placement": "special_ed_placement",
    }  # fmt: skip
    assert {name: h.code_list for name, h in book.hierarchies.items() if h.code_list} == expected
    for name, listed in expected.items():
        table = book.hierarchies[name].table
        assert table is not None
        assert list(table) == list(book.code_lists[listed].labels)
    grade = book.hierarchies["grade"].table
    assert grade is not None
    assert grade["21"] == ("junior", "compulsory", "*")


def test_the_template_carries_the_labels_of_annex_1(book: Rulebook) -> None:
    headers = book.import_mappings["template"].headers
    assert all(headers[f.code] == f.label for f in book.fields.values() if f.number)
    assert {"school_code", "student_number", "entry_month"} <= set(headers)
    assert not book.import_mappings["national"].verified


def test_holiday_notices_are_held(book: Rulebook) -> None:
    assert book.calendar[date(2026, 2, 14)].off is False
    assert book.calendar[date(2026, 10, 1)].off is True


def test_the_semesters_of_the_province_are_assumptions_until_confirmed(book: Rulebook) -> None:
    terms = book.school_terms["140000"]
    assert [(term.school_year, term.number) for term in terms] == [
        (year, number) for year in range(2024, 2028) for number in (1, 2)
    ]
    assert not any(term.confirmed for term in terms)


def test_evidence_kinds_have_labels_issuers_and_files(book: Rulebook) -> None:
    kinds = book.evidence_kinds
    assert kinds["hospital-record"].issuers == {"hospital"}
    assert kinds["assessment"].issuers == {"committee"}
    assert all(kind.media_types == MEDIA_TYPES for kind in kinds.values())
    assert kinds["other"].issuers == ISSUERS


@pytest.mark.rule("A16-3")
def test_the_registrys_numbers_are_those_of_the_readings(book: Rulebook) -> None:
    rules = book.registry
    assert (rules.entry_age, rules.entry_by, rules.transfer_days) == (6, (8, 31), 15)
    assert (rules.contacts, rules.semester_end_weeks, rules.objection_days) == (2, 4, 10)
    assert rules.strict_last_grade
    assert set(rules.gaokao_closing) == {2024, 2025, 2026, 2027}


def test_policies_are_joined_in_order_of_name(book: Rulebook) -> None:
    assert list(book.policies.files) == sorted(book.policies.files)
    assert "forbid" in book.policies.policies
    assert book.policies.schema


def test_every_file_begins_with_a_chinese_comment_for_the_official() -> None:
    for path in SHIPPED.rglob("*"):
        if path.suffix in {".toml", ".csv"}:
            first = path.read_text(encoding="utf-8").splitlines()[0]
            assert first.startswith("# "), path.name
            assert any("\u4e00" <= letter <= "\u9fff" for letter in first), path.name
