"""A broken rule book does not load; the error names file, line and what to change."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest

import rulebook
from rulebook import RulebookError
from rulebook.loader import digest
from tests.unit.rulebook.conftest import Draft


def refused(draft: Draft) -> RulebookError:
    with pytest.raises(RulebookError) as caught:
        rulebook.load(draft.directory)
    return caught.value


def test_the_unbroken_draft_loads(draft: Draft) -> None:
    book = rulebook.load(draft.directory)
    assert book.policies.files == ("policies/a.cedar", "policies/b.cedar")
    assert book.policies.policies.index("forbid") < book.policies.policies.index("permit")


# file, text to replace, replacement, lines below the replaced text where the error is reported, part of the message
CASES = [
    ("fields.toml", "[former_name]\nnumber = 2", "[former_name]\nnumber = 2 2", 1, "TOML syntax"),
    ("fields.toml", "[former_name]\n", "[name]\n", 0, "TOML syntax"),
    ("fields.toml", "[former_name]\n", "[Former_Name]\n", 0, "lower-case"),
    ("fields.toml", "[former_name]\n", '[former_name]\ncolour = "red"\n', 1, "unknown key"),
    ("fields.toml", "[former_name]\nnumber = 2", '[former_name]\nnumber = "2"', 1, "whole number"),
    ("fields.toml", "[former_name]\nnumber = 2", "[former_name]\nnumber = true", 1, "whole number"),
    ("fields.toml", "number = 3\n", "number = 2\n", 0, "item 2 is 'former_name' already"),
    ("fields.toml", "[former_name]\nnumber = 2", "[former_name]\nnumber = 38", 1, "between 1 and 37"),
    ("fields.toml", 'label = "曾用名"', "label = 1", 0, "text in quotes"),
    ("fields.toml", 'label = "曾用名"', 'label = " "', 0, "1 to 4000 characters"),
    ("fields.toml", 'label = "曾用名"', 'label = "姓名"', -2, "also means 'name'"),
    ("fields.toml", 'code_list = "sex"', 'code_list = "sexes"', 0, "not a file of config/code_lists"),
    ("fields.toml", 'sharing = ["sex"]', 'sharing = ["sex", "name"]', 0, "not a column of the sharing view"),
    ("fields.toml", 'sharing = ["sex"]', 'sharing = "sex"', 0, "must be a list"),
    ("fields.toml", 'sharing = ["sex"]', "sharing = [1]", 0, "text in quotes"),
    ("fields.toml", 'sharing = ["boarding"]', "sharing = []", None, "column 'boarding' of the sharing view belongs"),
    ("purposes.toml", 'levels = ["pseudonymous", "match"]\n', "levels = []\n", 0, "list is empty"),
    ("purposes.toml", 'levels = ["pseudonymous", "match"]\n', 'levels = ["raw"]\n', 0, "'raw' is not a level"),
    ("purposes.toml", 'levels = ["pseudonymous", "match"]\n', 'levels = ["match"]\n', 1, "of level 'pseudonymous'"),
    ("purposes.toml", 'profiles = ["bus-pseudonymous", ', 'profiles = ["bus", ', 0, "'bus' is not a profile"),
    ("purposes.toml", '  "boarding", "disability",\n]', '  "boarding", "name_masked",\n]', 0, "not a field"),
    ("purposes.toml", '  "boarding", "disability",\n]', '  "boarding", "boarding",\n]', 0, "stands twice"),
    ("purposes.toml", "max_days = 730", "max_days = 0", 0, "between 1 and"),
    ("purposes.toml", "max_days = 730\n", "", -10, "key 'max_days' is missing"),
    ("legal_bases.toml", "effective = 2012-04-05", 'effective = "2012-04-05"', 0, "date without quotes"),
    ("legal_bases.toml", "effective = 2012-04-05", "effective = 2012-04-05T00:00:00", 0, "date without quotes"),
    ("legal_bases.toml", 'purposes = ["school-bus"]', 'purposes = ["bus"]', 0, "not a purpose"),
    ("legal_bases.toml", "effective = 2012-04-05", "effective = 2012-04-05\nrepealed = 2012-04-05", 1, "took effect"),
    (
        "legal_bases.toml",
        'title = "校车安全管理条例"',
        'title = "关于加强校车安全管理工作的通知"',
        0,
        "that of a notice",
    ),
    *(
        (
            "legal_bases.toml",
            'title = "校车安全管理条例"\nkind = "administrative_regulation"',
            f'title = "校车安全管理条例"\nkind = "{kind}"',
            1,
            problem,
        )
        for kind, problem in (
            ("departmental_rule", "no law or regulation"),
            ("government_rule", "no law or regulation"),
            ("notice", "no law or regulation"),
            ("decree", "must be one of"),
        )
    ),
    ("legal_bases.toml", 'article = "第三十九条"', 'article = "第三十九条"\ntext = "条文"', 1, "text_sha256 ="),
    (
        "legal_bases.toml",
        'article = "第三十九条"',
        'article = "第三十九条"\ntext_sha256 = "00"',
        1,
        "hash without the text",
    ),
    (
        "legal_bases.toml",
        'article = "第三十九条"',
        'article = "三九"\ntext = "甲"\ntext_sha256 = "00"',
        2,
        "does not match",
    ),
    ("release_profiles.toml", "k = 10\n", "", -5, "needs k"),
    ("release_profiles.toml", "k = 10\n", "k = 1\n", 0, "between 2 and"),
    ("release_profiles.toml", "row_cap = 20000", "row_cap = 20000\nk = 5", -5, "measured at level 'anonymous' only"),
    ("release_profiles.toml", "suppression_limit = 0.02", "suppression_limit = 1.5", 0, "between 0 and 1"),
    ("release_profiles.toml", "suppression_limit = 0.02", 'suppression_limit = "2%"', 0, "must be a number"),
    ("release_profiles.toml", 'hierarchy = "sex" }', 'hierarchy = "sexes" }', 0, "not a file of config/hierarchies"),
    ("release_profiles.toml", 'hierarchy = "sex" }', 'hierarchy = "sex", level = 9 }', 0, "ends at level 1"),
    (
        "release_profiles.toml",
        'operation = "generalize", hierarchy = "sex" }',
        'operation = "keep" }',
        0,
        "generalised",
    ),
    ("release_profiles.toml", 'operation = "generalize", hierarchy = "sex" }', 'operation = "cut" }', 0, "length"),
    (
        "release_profiles.toml",
        'hierarchy = "birth_date", level = 1 }',
        'hierarchy = "birth_date" }',
        0,
        "full birth date",
    ),
    (
        "release_profiles.toml",
        'operation = "generalize", hierarchy = "birth_date", level = 1 }',
        'operation = "keep" }',
        0,
        "full birth date",
    ),
    (
        "release_profiles.toml",
        '{ name = "sex", column = "sex", label = "性别", role = "quasi", operation = "generalize"',
        '{ name = "sex", column = "name_masked", label = "性别", role = "quasi", operation = "generalize"',
        0,
        "level 'masked'",
    ),
    ("release_profiles.toml", "k = 10\n", "k = 10\nt_closeness = 1.5\n", 1, "between 0 and 1"),
    ("release_profiles.toml", "k = 10\n", 'k = 10\nt_closeness = "0.2"\n', 1, "must be a number"),
    ("release_profiles.toml", "k = 10\n", 'k = 10\nobjective = "speed"\n', 1, "must be one of loss"),
    ("release_profiles.toml", "k = 10\n", 'k = 10\nrecoding = "cells"\n', 1, "must be one of global"),
    ("release_profiles.toml", "k = 10\n", "k = 10\nlongitudinal = true\n", 1, "only pseudonyms can stay the same"),
    ("release_profiles.toml", "\nlongitudinal = true", '\nlongitudinal = "yes"', 1, "true or false"),
    *(
        ("release_profiles.toml", "\nlongitudinal = true", f"\nlongitudinal = true\n{more}", 2, "belongs to level")
        for more in ("t_closeness = 0.2", 'objective = "loss"', 'recoding = "local"')
    ),
    (
        "release_profiles.toml",
        "k = 10\n",
        'k = 10\ndemands = [{ column = "state", alpha = 0.5 }]\n',
        1,
        "not a sensitive field",
    ),
    ("release_profiles.toml", "row_cap = 20000\n", "row_cap = 200000\n", 0, "case lists"),
    (
        "release_profiles.toml",
        'label = "班级", role = "quasi", operation = "keep" },\n  { name = "address_division"',
        'label = "班级", role = "quasi", operation = "round", unit = 5 },\n  { name = "address_division"',
        0,
        "holds no numbers",
    ),
    (
        "release_profiles.toml",
        'label = "班级", role = "quasi", operation = "keep" },\n  { name = "address_division"',
        'label = "班级", role = "quasi", operation = "round" },\n  { name = "address_division"',
        0,
        "a unit belongs to",
    ),
    (
        "release_profiles.toml",
        'label = "班级", role = "quasi", operation = "keep" },\n  { name = "address_division"',
        'label = "班级", role = "quasi", operation = "redact" },\n  { name = "address_division"',
        0,
        "free text leaves by 'redact'",
    ),
    ("fields.toml", 'class = "direct"\nmask = "student_number"', 'class = "direct"', -3, "needs a mask"),
    ("fields.toml", 'mask = "student_number"', 'mask = "number"', 0, "must be one of name"),
    ("parameters.toml", 'pseudonym_algorithm = "hmac-sha256"', 'pseudonym_algorithm = "md5"', 0, "must be one of hmac"),
    ("import_mappings/template.toml", 'name = "姓名"\n', 'name = "曾用名"\n', 1, "stands twice"),
    ("import_mappings/template.toml", 'name = "姓名"\n', 'nane = "姓名"\n', 0, "not a field"),
    ("import_mappings/template.toml", 'name = "姓名"\n', "", None, "'name' has no header"),
    ("import_mappings/template.toml", '"高一" = "31"', '"高一" = "34"', 0, "not a code of grades"),
    ("import_mappings/template.toml", "[values.grade]", "[values.name]", 0, "no code list"),
    ("import_mappings/national.toml", "verified = false", 'verified = "no"', 0, "true or false"),
    ("hierarchies/grade.toml", '11 = ["primary", "compulsory"]', "11 = []", 0, "need 2"),
    ("hierarchies/grade.toml", '"compulsory", "*"]', '"compulsory"]', 0, "last is '*'"),
    ("hierarchies/grade.toml", '\n11 = ["primary", "compulsory"]', "", 0, "11 小学一年级; add a line"),
    ("hierarchies/grade.toml", '\n11 = ["primary"', '\n"小学一年级" = ["primary"', 1, "did you mean 11?"),
    ("hierarchies/ethnicity.toml", "\n01 = ", "\n1 = ", 1, "did you mean 01?"),
    ("hierarchies/grade.toml", 'code_list = "grades"', 'code_list = "grade"', 0, "did you mean 'grades'?"),
    ("hierarchies/grade.toml", 'stage = ["学段", "stage"]', 'stage = ["学段"]', 0, "two names"),
    ("hierarchies/grade.toml", 'stage = ["学段", "stage"]\n', "", -2, "name the levels grade, stage"),
    ("hierarchies/birth_date.toml", "school_year = 2026", 'school_year = "2026"', 0, "whole number"),
    ("hierarchies/birth_date.toml", "primary = [3, 3]", "primary = [3, 0]", 0, "from 1 to 9"),
    ("hierarchies/birth_date.toml", "primary = [3, 3]", "", -1, "'primary' is missing"),
    ("hierarchies/birth_date.toml", '"quarter", "school year"', '"quarter", "year"', 0, "did you mean"),
    ("hierarchies/birth_date.toml", '"month", "quarter"', '"quarter", "month"', 0, "begin with day or month"),
    ("hierarchies/entry_month.toml", '"month", "semester"', '"month", "quarter", "semester"', 0, "leave one of them"),
    ("hierarchies/school_place.toml", '"school_division"', '"county"', 0, "not a column"),
    ("hierarchies/school_place.toml", '"county", "city"', '"city"', 0, "rule 'school' has the levels"),
    ("hierarchies/township.toml", '"township", "county"', '"street", "county"', 0, "has the levels county"),
    ("hierarchies/grade.toml", 'rule = "table"', 'rule = "tree"', 0, "must be one of table"),
    ("hierarchies/school.toml", '["10", "4", "2", "*"]', '["4", "10", "2", "*"]', 0, "smaller than before"),
    ("hierarchies/division.toml", '"county", "city"', '"city", "county"', 0, "has the levels county"),
    ("parameters.toml", "stalled_seconds = 60", "stalled_seconds = 5", 0, "between 10 and 3600"),
    ("parameters.toml", "password_days = 90", "password_days = 400", 0, "between 30 and 180"),
    ("parameters.toml", "sealing_months = 6", "sealing_months = 7", 0, "between 1 and 6"),
    ("parameters.toml", "33 = { least = 17, most = 20 }", "34 = { least = 17, most = 20 }", -12, "key '33' is missing"),
    ("parameters.toml", "least = 17, most = 20", "least = 17, most = 16", 0, "between 17 and 25"),
    ("parameters.toml", "senior = 55", "senior = 55\nkindergarten = 30", 1, "unknown key"),
    ("code_lists/sex.csv", "2,女,GB/T 2261.1", "2,女", 0, "2 cells, the header has 3"),
    ("code_lists/sex.csv", "2,女,GB/T 2261.1", "1,女,GB/T 2261.1", 0, "code '1' stands twice"),
    ("code_lists/sex.csv", "2,女,GB/T 2261.1", "2,男,GB/T 2261.1", 0, "label '男' stands twice"),
    ("code_lists/sex.csv", "2,女,GB/T 2261.1", "2,,GB/T 2261.1", 0, "'name' is empty"),
    ("code_lists/sex.csv", "2,女,GB/T 2261.1", "2,女 ,GB/T 2261.1", 0, "spaces around"),
    ("code_lists/sex.csv", "2,女,GB/T 2261.1", '2,"女"x,GB/T 2261.1', 0, "CSV syntax"),
    ("code_lists/sex.csv", "code,name,note", "code,label,note", 0, "column 'name' is missing"),
    ("code_lists/sex.csv", "code,name,note", "code,name,name", 0, "named twice"),
    ("code_lists/sources.toml", "[sex]", "[sexes]", 0, "there is no file sexes.csv"),
    (
        "divisions/divisions_china.csv",
        "110101,东城区,county,110100",
        "110101,东城区,county,110000",
        0,
        "one level higher",
    ),
    ("divisions/divisions_china.csv", "110101,东城区,county,110100", "110101,东城区,town,110100", 0, "must be one of"),
    ("divisions/divisions_china.csv", "140105,小店区,county,140100", "140106,小店区,county,140100", 1, "stands twice"),
    ("divisions/divisions_china.csv", "140105,小店区,county,140100", "14010,小店区,county,140100", 0, "not a code"),
    ("divisions/divisions_shanxi.csv", "140105,小店区", "140105,大店区", 0, "differs from line"),
    ("divisions/townships_shanxi.csv", "140105001,坞城街道,140105", "140105001,坞城街道,140106", 0, "not the county"),
    ("calendar/cn_holidays.csv", "2024-01-01,元旦,1,", "2024-01-32,元旦,1,", 0, "must be a date"),
    ("calendar/cn_holidays.csv", "2024-01-01,元旦,1,", "2024-01-01,元旦,yes,", 0, "must be one of 0, 1"),
]

TERMS = "calendar/school_terms.toml"
KINDS = "evidence_kinds.toml"
_FIRST_2025 = "first = { start = 2025-09-01, end = 2026-01-23 }"
_CONSENT = '[consent]\nlabel = "监护人同意书"\nlabel_en = "consent of the guardian"\nissuers = ["guardian"]'
REGISTRY_CASES = [
    (TERMS, _FIRST_2025, "first = { start = 2026-01-23, end = 2025-09-01 }", 0, "not lie in the school year 2025"),
    (TERMS, _FIRST_2025, "first = { start = 2025-09-01, end = 2025-09-01 }", 0, "must last 60 to 200 days"),
    (TERMS, _FIRST_2025, "first = { start = 2025-09-01, end = 2026-03-02 }", -2, "semester 2 of 2025 begins before"),
    (TERMS, _FIRST_2025, "first = { start = 2024-09-01, end = 2025-01-23 }", 0, "not lie in the school year 2025"),
    (TERMS, _FIRST_2025, "first = { start = 2025-09-01 }", 0, "key 'end' is missing"),
    (TERMS, _FIRST_2025, _FIRST_2025.replace("}", ", length = 5 }"), 0, "unknown key"),
    (TERMS, "[140000.2025]\nconfirmed = false", "[140000.2025]\nconfirmed = 0", 1, "true or false"),
    (TERMS, "[140000.2025]", "[140000.25]", 0, "year in which a school year begins"),
    (TERMS, "[140000.2025]", "[140000.2031]", 2, "not lie in the school year 2031"),
    (TERMS, "[140000.2025]", "[140105.2025]", -5, "school year is left out"),
    (TERMS, "[140000.2027]", "[140105.2027]", 0, "not the code of a city"),
    (TERMS, "[140000.2027]", "[130100.2027]", 0, "not the code of a city"),
    (TERMS, "[140000.2027]", "[140100.2027]", 0, "the province has no such school year"),
    (TERMS, "[140000.2027]", "[130000.2027]", None, "exactly one province"),
    (KINDS, 'issuers = ["committee"]', 'issuers = ["clinic"]', 0, "'clinic' is not one of"),
    (KINDS, 'issuers = ["committee"]', "issuers = []", 0, "list is empty"),
    (KINDS, 'label_en = "record of absence"', 'label_en = "hospital record"', -2, "also names 'hospital-record'"),
    (KINDS, _CONSENT, f"{_CONSENT}\nlevel = 1", 4, "unknown key"),
    (KINDS, "[death-proof]", "[Death-proof]", 0, "lower-case"),
    ("parameters.toml", "entry_age = 6", "entry_age = 5", 0, "between 6 and 7"),
    ("parameters.toml", 'entry_by = "08-31"', 'entry_by = "08-32"', 0, "a month and a day"),
    ("parameters.toml", 'entry_by = "08-31"', 'entry_by = "8-31"', 0, "a month and a day"),
    ("parameters.toml", "contacts = 2", "contacts = 1", 0, "between 2 and 10"),
    ("parameters.toml", "strict_last_grade = true", 'strict_last_grade = "yes"', 0, "true or false"),
    ("parameters.toml", 'superior_fields = ["name"', 'superior_fields = ["nane"', 0, "'nane' is not a field"),
    ("parameters.toml", "five_four = []", 'five_four = ["149999"]', 0, "not the code of a division"),
    ("parameters.toml", "2026 = 2026-11-10", "2026 = 2027-11-10", 0, "must lie in the school year"),
    ("parameters.toml", "2026 = 2026-11-10", "26 = 2026-11-10", 0, "year in which a school year begins"),
    ("parameters.toml", "dropout = 20", "drop-out = 20", -1, "key 'dropout' is missing"),
    ("parameters.toml", "晋毕字第{issuer}{year}{serial}号", "晋毕字第{issuer}{year}号", 0, "{serial} exactly once"),
    ("parameters.toml", "晋毕字第{issuer}{year}{serial}号", "晋7{issuer}{year}{serial}号", 0, "not possible here"),
    ("parameters.toml", "晋结字第{issuer}", "晋毕字第{issuer}", 0, "numbers of 'graduation'"),
    ("parameters.toml", "[registry.admission_areas]", "[registry.admission_areas]\n140000 = '省'", 1, "city or county"),
    ("parameters.toml", "[registry.places]", "[registry.places.149999]\ntransfer_days = 9", 0, "city or county"),
    ("parameters.toml", "[registry.places]", "[registry.places.140100]", 0, "sets nothing"),
    ("parameters.toml", "[registry.places]", "[registry.places.140100]\ntransfer_days = 90", 1, "between 5 and 60"),
    ("parameters.toml", "[registry.places]", "[registry.places.140100]\ncontacts = 3", 1, "unknown key"),
    (
        "parameters.toml",
        "[registry.places]",
        "[registry.places.140100]\nclass_size = { middle = 40 }",
        1,
        "unknown key",
    ),
]


@pytest.mark.parametrize(("name", "old", "new", "below", "says"), CASES + REGISTRY_CASES)
def test_a_broken_file_is_refused_with_file_line_and_reason(
    draft: Draft, name: str, old: str, new: str, below: int | None, says: str
) -> None:
    at = draft.change(name, old, new)
    error = refused(draft)
    assert says in error.problem
    assert error.file == name
    assert error.line == (None if below is None else at + below)
    assert str(error).startswith(name)


@pytest.mark.parametrize(
    "name", ["purposes.toml.bak", "README.md", "code_lists/.hidden.swp", "policies/notes.txt", "new/file.toml"]
)
def test_an_unknown_file_is_refused(draft: Draft, name: str) -> None:
    draft.write(name, b"x = 1\n")
    error = refused(draft)
    assert error.file == name
    assert "not a file of the rule book" in error.problem


@pytest.mark.parametrize(
    "name",
    [
        "fields.toml", "purposes.toml", "legal_bases.toml", "release_profiles.toml", "parameters.toml",
        "import_mappings/template.toml", "hierarchies/grade.toml", "policies/schema.cedarschema",
        "code_lists/sources.toml", "divisions/divisions_china.csv", "calendar/cn_holidays.csv",
        "calendar/school_terms.toml", "evidence_kinds.toml",
    ],
)  # fmt: skip
def test_a_missing_file_is_refused(draft: Draft, name: str) -> None:
    (draft.directory / name).unlink()
    refused(draft)


def test_a_missing_code_list_is_refused_by_name(draft: Draft) -> None:
    (draft.directory / "code_lists/yes_no.csv").unlink()
    draft.change("code_lists/sources.toml", '[yes_no]\nsource = "this project"\nlicence = "Apache-2.0"\n', "")
    assert refused(draft).file == "code_lists/yes_no.csv"


def test_a_code_list_without_a_source_is_refused(draft: Draft) -> None:
    draft.write("code_lists/extra.csv", b"code,name\n1,a\n")
    assert "source and licence" in refused(draft).problem


def test_a_rule_book_without_a_policy_is_refused(draft: Draft) -> None:
    for path in (draft.directory / "policies").glob("*.cedar"):
        path.unlink()
    assert refused(draft).file == "policies"


@pytest.mark.parametrize(
    "name", ["purposes.toml", "fields.toml", "release_profiles.toml", "legal_bases.toml", "evidence_kinds.toml"]
)
def test_a_set_without_entries_is_refused(draft: Draft, name: str) -> None:
    draft.write(name, "# 空\n".encode())
    assert "empty set" in refused(draft).problem


def test_an_empty_file_is_refused(draft: Draft) -> None:
    draft.write("purposes.toml", b" \n")
    assert "empty" in refused(draft).problem


def test_a_code_list_without_rows_is_refused(draft: Draft) -> None:
    draft.write("code_lists/sex.csv", b"# x\ncode,name\n")
    error = refused(draft)
    assert (error.line, "no rows" in error.problem) == (2, True)


def test_a_file_that_is_not_utf8_is_refused_with_its_line(draft: Draft) -> None:
    draft.write("code_lists/sex.csv", b"code,name\n1,\xc4\xd0\n")
    error = refused(draft)
    assert (error.line, "UTF-8" in error.problem) == (2, True)


def test_a_byte_order_mark_is_accepted(draft: Draft) -> None:
    path = draft.directory / "code_lists/sex.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert rulebook.load(draft.directory).code_lists["sex"].labels["2"] == "女"


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulebookError, match="no such directory"):
        rulebook.load(tmp_path / "nowhere")


def test_levels_of_a_hierarchy_must_nest(draft: Draft) -> None:
    draft.write(
        "hierarchies/grade.toml",
        b'rule = "table"\nlevels = ["a", "b", "c", "*"]\n[table]\n1 = ["x", "y"]\n2 = ["x", "z"]\n',
    )
    error = refused(draft)
    assert (error.line, "two different values" in error.problem) == (5, True)


def test_a_text_with_its_true_hash_makes_a_verified_basis(draft: Draft) -> None:
    sha256 = hashlib.sha256("条文".encode()).hexdigest()
    old = 'article = "第三十九条"'
    draft.change("legal_bases.toml", old, f'{old}\ntext = "条文"\ntext_sha256 = "{sha256}"')
    assert rulebook.load(draft.directory).legal_bases["school-bus-39"].verified


def test_the_hash_changes_with_any_file_name_or_content(draft: Draft) -> None:
    before = rulebook.load(draft.directory).sha256
    assert rulebook.load(draft.directory).sha256 == before
    draft.append("parameters.toml", "# 注\n")
    after = rulebook.load(draft.directory).sha256
    (draft.directory / "policies/b.cedar").rename(draft.directory / "policies/c.cedar")
    assert len({before, after, rulebook.load(draft.directory).sha256}) == 3


def test_names_and_contents_cannot_run_into_each_other() -> None:
    assert digest({"a": b"bc"}) != digest({"ab": b"c"})
    assert digest({"a": b"", "b": b""}) != digest({"a": b"b"})
    assert digest({"b": b"1", "a": b"2"}) == digest({"a": b"2", "b": b"1"})


def test_a_city_overrides_single_school_years(draft: Draft) -> None:
    own = "first = { start = 2026-08-31, end = 2027-01-22 }\nsecond = { start = 2027-03-01, end = 2027-07-09 }\n"
    draft.append(TERMS, f"\n[140200.2026]\nconfirmed = true\n{own}")
    terms = rulebook.load(draft.directory).school_terms
    assert [term.start for term in terms["140200"]][3:5] == [date(2026, 3, 2), date(2026, 8, 31)]
    assert [term.confirmed for term in terms["140200"]] == [False] * 4 + [True] * 2 + [False] * 2
    assert len(terms["140200"]) == len(terms["140000"]) == 8


def test_a_citys_semester_must_not_overlap_the_provinces_year_before(draft: Draft) -> None:
    draft.change(TERMS, "end = 2026-07-10", "end = 2026-08-31")
    own = "first = { start = 2026-08-31, end = 2027-01-22 }\nsecond = { start = 2027-03-01, end = 2027-07-09 }\n"
    at = draft.append(TERMS, f"[140200.2026]\nconfirmed = true\n{own}")
    error = refused(draft)
    assert (error.line, "semester 1 of 2026 begins before" in error.problem) == (at, True)


def test_a_place_sets_its_own_numbers(draft: Draft) -> None:
    own = '[registry.places.140105]\ntransfer_days = 20\nentry_by = "12-31"\nclass_size = { primary = 40 }'
    draft.change("parameters.toml", "[registry.places]", own)
    place = rulebook.load(draft.directory).registry.places["140105"]
    assert (place.transfer_days, place.entry_by, dict(place.class_size)) == (20, (12, 31), {"primary": 40})
