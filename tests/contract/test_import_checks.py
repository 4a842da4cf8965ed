"""Every check of section 8 and A10-2: one changed cell, one finding with its rule; a correct row has none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from core_registry.intake import findings
from core_registry.intake.reader import column_letters
from core_registry.intake.records import Finding, ImportSummary
from tests.factories.intake_forms import (
    CLOSED,
    JUNIOR,
    PRIMARY,
    SCHOOLS,
    Row,
    book,
    identity_number,
    pupil,
    table,
    with_second_member,
    write_csv,
)
from tests.factories.intake_register import Register, fresh_register, open_register, prepare

BORN = date(2016, 9, 1)
OTHER = identity_number(450, born=BORN)


def checked(
    path: Path, rows: list[Row], register: Register | None = None, allowed: frozenset[str] | None = None
) -> ImportSummary:
    file = write_csv(path / "f.csv", table(rows))
    if register is not None:
        return register.run(file, allowed_schools=allowed)
    with fresh_register(path) as fresh:
        return fresh.run(file, allowed_schools=allowed)


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    with fresh_register(tmp_path) as fresh:
        yield fresh


def found(summary: ImportSummary) -> set[tuple[str | None, str]]:
    return {(one.field, one.code) for one in summary.findings if one.code != "second-member-absent"}


def test_correct_rows_have_no_finding(tmp_path: Path) -> None:
    rows = [
        with_second_member(pupil(1)),
        pupil(2, sex="1", ethnicity="01", nationality="CHN", grade="14", boarding="0", disability="0", left_behind="0"),
        pupil(3, ethnicity="汉", political_status="少先队员", former_name="无", id_type="身份证"),
        pupil(4, disability="是", disability_type="视力残疾", special_ed_placement="普通学校随班就读"),
        pupil(5, id_type="护照", id_number="E12345678", nationality="日本", overseas_status="外国人"),
        pupil(6, name="阿依古丽·买买提", member1_name="Mary O'Neil"),
        pupil(7, student_number="G" + pupil(7)["id_number"]),
        pupil(8, student_number="J140105201609010019", entry_month="2023年9月"),
        pupil(9, birth_date="2016-9-1"),
    ]
    summary = checked(tmp_path, rows)
    assert found(summary) == set()
    assert (summary.new, summary.rejected) == (9, 0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": ""}, ("name", "required-missing")),
        ({"residence_address": ""}, ("residence_address", "required-by-note")),
        ({"household_address": ""}, ("household_address", "required-by-note")),
        ({"member1_phone": ""}, ("member1_phone", "required-missing")),
        ({"school_code": ""}, ("school_code", "required-missing")),
        ({"name": "测" * 37}, ("name", "too-long")),
        ({"name": "测试1"}, ("name", "name-characters")),
        ({"sex": "男性"}, ("sex", "code-unknown")),
        ({"nationality": "火星"}, ("nationality", "code-unknown")),
        ({"grade": "小学七年级"}, ("grade", "code-unknown")),
        ({"boarding": "也许"}, ("boarding", "code-unknown")),
        ({"birth_date": "2016-02-30"}, ("birth_date", "birth-date-invalid")),
        ({"birth_date": "2016"}, ("birth_date", "birth-date-invalid")),
        ({"birth_date": "20160902"}, ("birth_date", "birth-date-id")),
        ({"sex": "女"}, ("sex", "sex-id")),
        ({"entry_month": "202313"}, ("entry_month", "entry-month-invalid")),
        ({"entry_month": "203001"}, ("entry_month", "entry-month-future")),
        ({"member1_phone": "12345"}, ("member1_phone", "phone-invalid")),
        ({"residence_address": "虚构街道1号"}, ("residence_address", "address-division")),
        ({"residence_address": "小店区虚构街道1号"}, ("residence_address", "address-division")),
        ({"id_number": ""}, ("id_number", "id-required")),
        ({"member1_id_number": ""}, ("member1_id_number", "id-required")),
        ({"id_number": "140105160901001"}, ("id_number", "id-first-generation")),
        ({"id_number": "14010520160901001"}, ("id_number", "id-shape")),
        ({"id_number": "140105201613010019"}, ("id_number", "id-birth-part")),
        ({"id_number": OTHER[:17] + ("1" if OTHER[17] != "1" else "2")}, ("id_number", "id-checksum")),
        ({"id_number": identity_number(1, born=BORN, division="149999")}, ("id_number", "id-division")),
        ({"id_type": "军官证", "id_number": "A1234567"}, ("id_type", "id-type-pupil")),
        ({"id_type": "护照", "nationality": "日本", "overseas_status": "外国人"}, ("id_number", "id-type-resident")),
        ({"member1_id_type": "护照", "member1_id_number": "？"}, ("member1_id_number", "id-other-shape")),
        ({"nationality": "日本"}, ("nationality", "nationality-id-type")),
        ({"id_type": "台湾居民来往大陆通行证", "id_number": "12345678"}, ("overseas_status", "overseas-id-type")),
        ({"id_type": "护照", "id_number": "E12345678"}, ("overseas_status", "overseas-passport")),
        ({"id_type": "其他", "id_number": ""}, ("id_number", "undocumented")),
        ({"student_number": "X123"}, ("student_number", "student-number-invalid")),
        ({"student_number": "G" + OTHER}, ("student_number", "student-number-id")),
        ({"member1_guardian": "否"}, ("member1_guardian", "guardian-none")),
        ({"member1_id_number": pupil(1)["id_number"]}, ("member1_id_number", "member-is-pupil")),
        ({"member1_relation": "儿媳"}, ("member1_relation", "relation-unusual")),
        ({"disability": "是", "special_ed_placement": "送教上门"}, ("disability_type", "disability-missing")),
        ({"disability_type": "视力残疾"}, ("disability_type", "disability-unexpected")),
        ({"grade": "小学六年级"}, ("birth_date", "age-below")),
        ({"grade": "小学一年级"}, ("birth_date", "age-above")),
        ({"school_code": "2114999999"}, ("school_code", "school-unknown")),
        ({"school_code": CLOSED}, ("school_code", "school-closed")),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "with",
)
def test_one_wrong_cell_is_one_finding(tmp_path: Path, changes: dict[str, str], expected: tuple[str, str]) -> None:
    summary = checked(tmp_path, [pupil(1, **changes), pupil(2)])
    assert found(summary) == {expected}
    finding = next(one for one in summary.findings if one.code == expected[1])
    assert finding.row == 3
    assert finding.column == column_letters(list(book().import_mappings["template"].headers).index(expected[0]))
    severity = findings.KINDS[expected[1]].severity
    assert finding.severity == severity
    assert (summary.new, summary.rejected) == ((2, 0) if severity == "warning" else (1, 1))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"student_number": "G" + OTHER, "id_type": "其他", "id_number": ""},
            {("student_number", "student-number-undocumented"), ("id_number", "undocumented")},
        ),
        ({"grade": "七年级（初一）"}, {("grade", "grade-stage"), ("birth_date", "age-below")}),
    ],
    ids=["undocumented", "stage"],
)
def test_one_wrong_cell_may_contradict_two_others(
    tmp_path: Path, changes: dict[str, str], expected: set[tuple[str, str]]
) -> None:
    assert found(checked(tmp_path, [pupil(1, **changes)])) == expected


def _born(day: date, grade: str) -> Row:
    return pupil(1, grade=grade, birth_date=f"{day:%Y%m%d}", id_number=identity_number(9, born=day))


def test_entry_age_is_reached_on_31_august_of_the_entry_year(tmp_path: Path) -> None:
    assert found(checked(tmp_path, [_born(date(2020, 8, 31), "小学一年级")])) == set()
    assert found(checked(tmp_path, [_born(date(2020, 9, 1), "小学一年级")])) == {("birth_date", "age-entry")}


def test_a_pupil_entered_ahead_is_judged_at_the_year_of_entry(tmp_path: Path) -> None:
    ahead = _born(date(2021, 8, 31), "小学一年级") | {"entry_month": "202709"}
    assert found(checked(tmp_path, [ahead])) == set()
    too_young = _born(date(2021, 9, 1), "小学一年级") | {"entry_month": "202709"}
    assert found(checked(tmp_path, [too_young])) == {("birth_date", "age-entry")}
    spring = _born(date(2020, 9, 1), "小学一年级") | {"entry_month": "202702"}  # of the school year that runs
    assert found(checked(tmp_path, [spring])) == {("birth_date", "age-entry")}


def test_impossible_ages_are_errors(tmp_path: Path) -> None:
    assert found(checked(tmp_path, [_born(date(1999, 1, 1), "小学四年级")])) == {("birth_date", "age-implausible")}
    future = found(checked(tmp_path, [_born(date(2027, 1, 1), "小学四年级")]))
    assert ("birth_date", "birth-date-future") in future


@pytest.mark.rule("A45-3")
@pytest.mark.parametrize("field", ["class_name", "residence_address"])
def test_a_text_that_the_archive_never_holds_is_an_error_and_not_repeated(tmp_path: Path, field: str) -> None:
    words = "".join(map(chr, (0x4E13, 0x95E8, 0x5B66, 0x6821)))
    row = pupil(1)
    summary = checked(tmp_path, [row | {field: f"{row[field]}{words}"}])
    assert (field, "never-recorded") in found(summary)
    assert summary.new == 0
    assert not any(words in f"{one.message}{one.message_en}" for one in summary.findings)


@pytest.mark.parametrize("part", ["relation", "guardian", "id_type", "id_number", "household_address", "phone", "name"])
def test_a_second_member_is_complete_or_absent(tmp_path: Path, part: str) -> None:
    summary = checked(tmp_path, [with_second_member(pupil(1), **{f"member2_{part}": ""})])
    kind = "id-required" if part == "id_number" else "second-member-incomplete"
    assert found(summary) == {(f"member2_{part}", kind)}
    assert summary.finding_counts.get("second-member-absent") is None


def test_two_members_are_two_people(tmp_path: Path) -> None:
    row = with_second_member(pupil(1))
    summary = checked(tmp_path, [{**row, "member2_id_number": row["member1_id_number"]}])
    assert found(summary) == {("member2_id_number", "members-same")}


def test_the_actors_schools_are_the_only_ones_and_others_are_not_confirmed(tmp_path: Path) -> None:
    rows = [pupil(1), pupil(2, school_code=JUNIOR, grade="七年级（初一）"), pupil(3, school_code="2114999999")]
    summary = checked(tmp_path, rows, allowed=frozenset({PRIMARY}))
    assert [one.code for one in summary.findings if one.field == "school_code"] == ["school-not-allowed"] * 2
    assert summary.new == 1
    assert checked(tmp_path, rows, allowed=frozenset()).new == 0


def test_equal_rows_land_once_and_differing_ones_not_at_all(tmp_path: Path) -> None:
    summary = checked(tmp_path, [pupil(1), pupil(1), pupil(2), pupil(2, class_name="2班"), pupil(3)])
    assert [(one.row, one.code) for one in summary.findings if one.severity == "error"] == [
        (4, "duplicate-row"),
        (5, "duplicate-id"),
        (6, "duplicate-id"),
    ]
    assert (summary.new, summary.rejected) == (2, 3)


def test_one_name_birth_date_and_guardian_under_two_numbers_is_held_for_decision(
    tmp_path: Path, register: Register
) -> None:
    double = pupil(1, id_number=OTHER)
    summary = checked(tmp_path, [pupil(1), double, pupil(2)])
    assert [(one.row, one.code) for one in summary.findings if one.severity == "error"] == [
        (3, "duplicate-suspected"),
        (4, "duplicate-suspected"),
    ]
    assert checked(tmp_path, [pupil(1)], register).new == 1
    assert found(checked(tmp_path, [double], register)) == {(None, "duplicate-suspected")}
    assert register.count() == 1


def test_twins_share_everything_but_name_and_number(tmp_path: Path) -> None:
    twin = {**pupil(1), "name": "测试另一个", "id_number": OTHER}
    assert checked(tmp_path, [pupil(1), twin]).new == 2


def test_an_id_that_belongs_to_another_name_is_refused(tmp_path: Path, register: Register) -> None:
    checked(tmp_path, [pupil(1)], register)
    before = register.students()
    summary = checked(tmp_path, [pupil(1, name="另一人")], register)
    assert found(summary) == {("id_number", "id-of-another")}
    assert register.students() == before


def test_an_import_moves_no_pupil_between_schools_and_reopens_no_record(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'nine-year.db'}"
    prepare(url, [{**one, "stages": ["primary", "junior"]} for one in SCHOOLS])
    with open_register(url) as register:
        checked(tmp_path, [pupil(1), pupil(2)], register)
        elsewhere = checked(tmp_path, [pupil(1, school_code=JUNIOR)], register)
        assert found(elsewhere) == {("school_code", "held-elsewhere")}
        for student in register.students().values():
            register.close_record(student)
        assert found(checked(tmp_path, [pupil(2)], register)) == {(None, "record-closed")}


def test_a_student_number_never_changes_but_a_provisional_one_is_replaced(tmp_path: Path, register: Register) -> None:
    national = "G" + pupil(1)["id_number"]
    assert checked(tmp_path, [pupil(1)], register).new == 1
    provisional = register.only()
    assert checked(tmp_path, [pupil(1, student_number=national)], register).changed == 1
    final = register.only()
    assert final == replace(provisional, student_number=national)
    row = pupil(1, student_number="J140105201609010019")
    changed = checked(tmp_path, [row, pupil(2)], register)  # one bad row, and not the whole file
    assert found(changed) == {("student_number", "student-number-changed")}
    assert [(one.row, one.column) for one in changed.findings if one.severity == "error"] == [(3, "B")]
    assert (changed.new, changed.rejected) == (1, 1)
    assert register.students()[final.id] == final


@pytest.mark.parametrize("kind", ["J", "L"])
def test_a_student_number_of_another_pupil_is_a_finding_on_its_row(
    tmp_path: Path, register: Register, kind: str
) -> None:
    number = {"J": "J140105201609010019", "L": "L14010520160901A1B2"}[kind]
    assert checked(tmp_path, [pupil(1, student_number=number), pupil(2)], register).new == 2
    before = register.students()
    rows = [pupil(1), pupil(2, student_number=number), pupil(3, student_number=number), pupil(4)]
    for wrong in (rows[1], rows[2]):  # a pupil of the register with a number of its own, and a new one
        summary = checked(tmp_path, [rows[0], wrong], register)
        assert found(summary) == {("student_number", "student-number-of-another")}
        assert (summary.rejected, summary.changed, summary.new) == (1, 0, 0)
    both = checked(tmp_path, rows, register)
    assert (both.new, both.rejected) == (1, 2)
    assert {key: register.students()[key] for key in before} == before
    assert checked(tmp_path, [pupil(1, student_number=number)], register).unchanged == 1


def test_a_form_without_numbers_and_months_takes_none_away(tmp_path: Path, register: Register) -> None:
    number = "G" + pupil(1)["id_number"]
    checked(tmp_path, [pupil(1, student_number=number)], register)
    before = register.only()
    assert (before.student_number, before.entry_month) == (number, "2023-09")
    assert checked(tmp_path, [pupil(1, entry_month="")], register).unchanged == 1
    assert checked(tmp_path, [pupil(1, entry_month="", class_name="2班")], register).changed == 1
    assert register.only() == replace(before, class_name="2班")
    assert checked(tmp_path, [pupil(1, entry_month="202402", class_name="2班")], register).changed == 1
    assert register.only().entry_month == "2024-02"


def test_one_student_number_for_two_pupils_is_refused(tmp_path: Path) -> None:
    number = "J140105201609010019"
    summary = checked(tmp_path, [pupil(1, student_number=number), pupil(2, student_number=number)])
    assert found(summary) == {("student_number", "duplicate-student-number")}


@pytest.mark.parametrize(
    "guardian", [{}, {"member1_id_type": "其他", "member1_id_number": ""}], ids=["documented", "undocumented"]
)
def test_a_pupil_without_a_document_is_recognized_in_the_next_file(
    tmp_path: Path, register: Register, guardian: dict[str, str]
) -> None:
    row = pupil(1, id_type="其他", id_number="", **guardian)
    assert checked(tmp_path, [row], register).new == 1
    assert checked(tmp_path, [row], register).unchanged == 1
    assert checked(tmp_path, [{**row, "class_name": "2班"}], register).changed == 1
    renewed = {**row, "member1_id_type": "护照", "member1_id_number": "E7654321"}
    assert checked(tmp_path, [renewed], register).changed == 1
    assert checked(tmp_path, [row], register).changed == 1
    with_document = pupil(1, **guardian)
    assert found(checked(tmp_path, [with_document], register)) == {(None, "duplicate-suspected")}
    assert register.count() == 1


def test_two_pupils_whom_nothing_tells_apart_are_held_for_decision(tmp_path: Path) -> None:
    row = pupil(1, id_type="其他", id_number="", member1_id_type="其他", member1_id_number="")
    summary = checked(tmp_path, [row, {**row, "class_name": "2班"}])
    assert {(one.row, one.code) for one in summary.findings if one.severity == "error"} == {
        (3, "duplicate-suspected"),
        (4, "duplicate-suspected"),
    }


def test_no_message_holds_a_value_of_the_row(tmp_path: Path) -> None:
    wrong = pupil(1, sex="女", name="虚构之名1", member1_phone="135790", birth_date="20160905")
    summary = checked(tmp_path, [wrong])
    spoken = "".join(f"{one.message}{one.message_en}" for one in summary.findings)
    assert not [value for value in wrong.values() if len(value) > 3 and value in spoken]


def test_every_kind_is_bilingual_and_cites_a_rule() -> None:
    for code, kind in findings.KINDS.items():
        assert kind.rule, code
        assert kind.message.format(label="项")
        assert kind.message_en.format(label="Item")
    rows = pl.Series([3], dtype=pl.UInt32)
    label = Finding(3, "name", "error", "required-missing", "A9-2", "姓名为必填项。", "Name is required.", "D")
    assert findings.spell(findings.at(rows, "name", "required-missing"), book().fields, {"name": "D"}) == [label]
    assert (label.place, label.place_en) == ("第 3 行 D 列", "row 3 column D")
    assert (replace(label, column="").place, replace(label, column="").place_en) == ("第 3 行", "row 3")
    with pytest.raises(KeyError):
        findings.at(rows, None, "no-such-code")
