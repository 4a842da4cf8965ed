"""The exchange with the national system by file: there and back, differences, numbers (A5-2, A6-3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from core_registry.db.case_tables import national_links, national_strangers
from core_registry.domain.identity_number import check_character
from core_registry.errors import RegisterRuleError
from tests.factories.oversight import COUNTY, OTHER, PRIMARY, House, pupil, registrar

ABOVE, HERE = registrar(COUNTY), frozenset({PRIMARY})


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House.at(f"sqlite:///{tmp_path / 'registry.db'}")
    yield made
    made.close()


@pytest.fixture
def both(database_url: str) -> Iterator[House]:
    made = House.at(database_url)
    yield made
    made.close()


def child(serial: int, **changes: object) -> dict[str, object]:
    """Return a pupil whose form passes every check of the intake."""
    born = date(2017, 3, 9)
    body = f"14010520170309{serial:02d}1"
    row = {"birth_date": born, "id_number": body + check_character(body), "grade": "14", "entry_month": "2023-09",
           "member1_household_address": "山西省太原市小店区亲贤北街九十九号院", "name": f"王小{chr(0x660E + serial)}",
           "member1_name": f"王大{chr(0x660E + serial)}"}  # fmt: skip
    return pupil(serial, **{**row, **changes})


def rewrite(file: Path, change: dict[str, str | None], row: int = 0, keep: list[int] | None = None) -> Path:
    """Return a copy of an exported CSV with other cells in a row, or with some rows only."""
    title, rest = file.read_text(encoding="utf-8-sig").split("\n", 1)
    frame = pl.read_csv(rest.encode(), infer_schema=False)
    for header, value in change.items():
        cells = frame[header].to_list()
        cells[row] = value
        frame = frame.with_columns(pl.Series(header, cells, dtype=pl.String))
    if keep is not None:
        frame = frame[keep]
    made = file.with_name("changed.csv")
    made.write_text(title + "\n" + frame.write_csv(), encoding="utf-8")
    return made


def national(child_row: dict[str, object]) -> str:
    return f"G{child_row['id_number']}"


@pytest.mark.rule("A5-2", "A50-4")
@pytest.mark.parametrize("suffix", ["xlsx", "csv"])
def test_what_is_exported_comes_back_in_step(house: House, tmp_path: Path, suffix: str) -> None:
    house.admit(child(1), child(2))
    house.admit(child(3), state="graduated")
    file = tmp_path / f"out.{suffix}"
    assert house.oversight.export_national(file, HERE, ABOVE, "与全国系统核对") == 2
    assert file.stat().st_mode & 0o777 == 0o600
    (read,) = house.events("registry.read")
    assert (read["act"], read["found"], read["subjects"]) == ("export", 2, 2)
    done = house.oversight.import_national(file, HERE, ABOVE)
    assert (done.in_step, done.differs, done.only_here, done.only_there, done.rejected) == (2, 0, 0, 0, 0)
    assert {row.state for row in house.table(national_links)} == {"in-step"}
    assert house.oversight.differences(HERE, ABOVE) == []


@pytest.mark.rule("A50-4")
def test_an_export_needs_a_reason_that_names_nobody_and_leaves_nothing_without(house: House, tmp_path: Path) -> None:
    house.admit(child(1))
    with pytest.raises(RegisterRuleError):
        house.oversight.export_national(tmp_path / "out.csv", HERE, ABOVE, "查 14010520150309001X")
    assert not (tmp_path / "out.csv").exists()
    assert house.events("registry.read") == []


@pytest.mark.rule("A5-2", "A6-3")
def test_on_a_difference_the_national_value_wins_when_it_is_asked_for(both: House, tmp_path: Path) -> None:
    house = both
    first, second = child(1), child(2)
    ids = house.admit(first, second)
    file = tmp_path / "out.csv"
    house.oversight.export_national(file, HERE, ABOVE, "核对")
    changed = rewrite(file, {"家庭成员1联系电话": "13903519999", "学籍号": national(first), "班级名称": "3班"})
    seen = house.oversight.import_national(changed, HERE, ABOVE)
    assert (seen.in_step, seen.differs, seen.applied) == (1, 1, 0)
    assert seen.fields == {"class_name": 1, "member1_phone": 1, "student_number": 1}
    (line,) = house.oversight.differences(HERE, ABOVE)
    assert (line.student_id, line.state) == (ids[0], "differs")
    assert set(line.fields) == {"member1_phone", "student_number", "class_name"}
    assert house.rows("number_kind") == [("L",), ("L",)]
    assert house.entries() == []
    done = house.oversight.import_national(changed, HERE, ABOVE, apply=True)
    assert (done.applied, done.numbers) == (1, 1)
    assert house.oversight.differences(HERE, ABOVE) == []
    assert sorted(house.rows("student_id", "number_kind", "class_name")) == sorted(
        [(ids[0], "G", "3班"), (ids[1], "L", "2班")]
    )
    kinds = {entry.kind: entry for entry in house.entries()}
    assert set(kinds) == {"data-change", "number"}
    assert "member1_phone" in kinds["data-change"].data
    assert "13903519999" not in kinds["data-change"].data
    assert kinds["number"].sealed is not None
    again = house.oversight.import_national(changed, HERE, ABOVE, apply=True)
    assert (again.in_step, again.applied, again.numbers) == (2, 0, 0)


@pytest.mark.rule("A6-3")
def test_a_final_number_is_never_replaced_and_the_difference_stays(house: House, tmp_path: Path) -> None:
    first = child(1)
    house.admit({**first, "student_number": national(first)})
    file = tmp_path / "out.csv"
    house.oversight.export_national(file, HERE, ABOVE, "核对")
    other = "14010520170309" + "991"
    changed = rewrite(file, {"学籍号": f"J{other}{check_character(other)}"})
    done = house.oversight.import_national(changed, HERE, ABOVE, apply=True)
    assert (done.differs, done.applied, done.numbers) == (1, 0, 0)
    assert house.oversight.differences(HERE, ABOVE)[0].fields == ("student_number",)


@pytest.mark.rule("A5-2", "A6-2")
def test_who_is_on_one_side_only_is_listed_and_neither_made_nor_moved(house: House, tmp_path: Path) -> None:
    ids = house.admit(child(1), child(2), child(3, school_code=OTHER), child(4))
    file = tmp_path / "out.csv"
    house.oversight.export_national(file, frozenset({PRIMARY, OTHER}), ABOVE, "核对")
    order = [str(one["id_number"]) for one in (child(1), child(2), child(4), child(3, school_code=OTHER))]
    frame = pl.read_csv(file.read_text(encoding="utf-8-sig").split("\n", 1)[1].encode(), infer_schema=False)
    at = {number: frame["身份证件号码"].to_list().index(number) for number in order}
    stranger = child(7)
    changed = rewrite(
        file,
        {"身份证件号码": str(stranger["id_number"]), "学籍号": national(stranger), "学生姓名": "赵小七"},
        row=at[order[1]],
        keep=[at[order[0]], at[order[1]], at[order[3]]],
    )
    moved = rewrite(changed, {"学校标识码": PRIMARY}, row=2)
    done = house.oversight.import_national(moved, frozenset({PRIMARY}), ABOVE, apply=True)
    assert (done.only_here, done.only_there, done.applied) == (2, 1, 0)
    states = {row.student_id: (row.state, row.differs) for row in house.table(national_links)}
    assert states[ids[1]][0] == states[ids[3]][0] == "only-here"
    assert states[ids[2]] == ("differs", "school_code")
    assert house.rows("school_code", student_id=ids[2]) == [(OTHER,)]
    assert [row.school_code for row in house.table(national_strangers)] == [PRIMARY]
    assert house.oversight.only_there(HERE, ABOVE) == {PRIMARY: 1}
    assert len(house.rows("student_id")) == 4


@pytest.mark.rule("A6-3")
def test_numbers_are_assigned_by_the_rule_only_where_the_place_does_it_itself(tmp_path: Path) -> None:
    house = House.at(f"sqlite:///{tmp_path / 'local.db'}", authority="local")
    try:
        first = child(1)
        (student,) = house.admit(first)
        assert house.rows("number_kind") == [("L",)]
        before = house.rows("id_key", "content_key")
        assert house.oversight.assign_numbers(HERE, ABOVE) == 1
        assert house.rows("student_id", "number_kind") == [(student, "G")]
        assert house.rows("id_key", "content_key") == before
        assert [entry.kind for entry in house.entries()] == ["number"]
        assert house.oversight.assign_numbers(HERE, ABOVE) == 0
    finally:
        house.close()


@pytest.mark.rule("A6-3")
def test_elsewhere_numbers_come_by_file(house: House) -> None:
    house.admit(child(1))
    with pytest.raises(RegisterRuleError) as refused:
        house.oversight.assign_numbers(HERE, ABOVE)
    assert refused.value.rule == "A6-3"


@pytest.mark.rule("A3-2", "A5-2")
def test_of_a_record_out_of_reach_nothing_is_told_but_that_another_school_holds_it(
    house: House, tmp_path: Path
) -> None:
    house.admit(child(1, school_code=OTHER))
    file = tmp_path / "out.csv"
    house.oversight.export_national(file, frozenset({OTHER}), ABOVE, "核对")
    guess = rewrite(file, {"学校标识码": PRIMARY, "家庭成员1联系电话": "13900000000", "学生姓名": "猜测"})
    done = house.oversight.import_national(guess, HERE, registrar(PRIMARY), apply=True)
    assert (done.fields, done.applied) == ({"school_code": 1}, 0)
    assert house.oversight.differences(HERE, registrar(PRIMARY)) == []
