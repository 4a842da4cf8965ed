"""A pupil's whole life over HTTP: twelve years, five schools, every act by the right parties, read back at the end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
import requests

from core_registry.domain.identity_number import check_character
from tests.factories.journey import (
    CITY,
    COUNTY,
    FIRST_PRIMARY,
    FIRST_SENIOR,
    JUNIOR,
    SECOND_CITY,
    SECOND_COUNTY,
    SECOND_PRIMARY,
    SECOND_SENIOR,
    THIRD_COUNTY,
    World,
    world,
)

BORN = date(2020, 3, 9)
NAME = "欧阳旅程"
_BODY = f"{COUNTY}{BORN:%Y%m%d}777"
ID_NUMBER = _BODY + check_character(_BODY)
_PARENT = "14010519850101888"
REASON = "办理学籍业务"


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("journey"), date(2026, 8, 31)) as found:
        yield found


def annex1(**changes: object) -> dict[str, object]:
    """Return the form of the pupil."""
    street = "山西省太原市小店区旅程路九十九号院"
    return {
        "name": NAME, "sex": "1", "nationality": "CHN", "overseas_status": "00", "ethnicity": "01", "id_type": "1",
        "id_number": ID_NUMBER, "birth_date": BORN.isoformat(), "residence_address": street,
        "household_address": street, "grade": "11", "class_name": "1班", "boarding": False, "disability": False,
        "left_behind": False, "member1_name": "欧阳家长", "member1_relation": "51", "member1_guardian": True,
        "member1_ethnicity": "01", "member1_id_type": "1", "member1_id_number": _PARENT + check_character(_PARENT),
        "member1_household_address": street, "member1_phone": "13903510001", "entry_month": "2026-09",
        "admission_type": "first-entry", "source": "form", **changes,
    }  # fmt: skip


class Pupil:
    """The pupil as the schools handle the record."""

    def __init__(self, home: World) -> None:
        self.home = home
        self.id = ""
        self.school = FIRST_PRIMARY

    def located(self, unit: str) -> dict[str, Any]:
        """Find the pupil by number and name, as a receiving school does."""
        body = {"id_number": ID_NUMBER, "name": NAME, "reason": REASON}
        answer = self.home.call(unit, "POST", "/v1/registry/students/locations", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def case(self, kind: str, unit: str, proofs: list[tuple[str, str, str]], **values: object) -> dict[str, Any]:
        """Open a case at ``unit`` (the school that it is for), and take it through its parties."""
        evidence = [self.home.hand_in(unit, *proof, student=self.id) for proof in proofs]
        draft = self.home.draft(kind, unit, values, evidence, self.id)
        explained = self.home.call(unit, "POST", "/v1/registry/explanations", json=draft)
        assert explained.status_code == 200, explained.text
        stopping = [r for r in explained.json()["results"] if r["status"] in {"failed", "exception_possible"}]
        assert explained.json()["accepted"], stopping
        return self.home.through(self.home.open(unit, {**draft, "version": self.located(unit)["version"]}))


def promote(home: World, school: str, year: int) -> None:
    """Move the whole school to the next grades, a few days before the school year begins."""
    home.new_people(date(year, 8, 25))
    answer = home.call(school, "POST", "/v1/registry/promotions", json={"school": school, "school_year": year})
    assert answer.status_code in {200, 201}, answer.text


@pytest.mark.rule("S-2", "S-4", "A3-3", "A6-2", "A16-2", "A40-1", "A42-1")
def test_a_life_from_grade_one_to_the_certificate_that_was_lost(journey: World) -> None:
    home, pupil = journey, Pupil(journey)

    # 2026: grade 1. Too young would be refused; here the form, the document, the superior's approval.
    home.new_people(date(2026, 9, 1))
    proofs = [
        home.hand_in(FIRST_PRIMARY, "identity-document", "police", "county"),
        home.hand_in(FIRST_PRIMARY, "annex-1"),
    ]
    draft = home.draft("enrolment", FIRST_PRIMARY, annex1(), proofs)
    refused = home.call(
        FIRST_PRIMARY, "POST", "/v1/registry/cases", json={**draft, "evidence": proofs[1:], "key": "journey-x1"}
    )
    assert refused.status_code == 422
    assert {r["rule"] for r in refused.json()["results"] if r["status"] == "failed"} == {"A9-2"}
    enrolled = home.through(home.open(FIRST_PRIMARY, draft))
    assert [step["unit"] for step in enrolled["steps"]] == [FIRST_PRIMARY, COUNTY]
    pupil.id = enrolled["student_id"]
    assert pupil.located(FIRST_PRIMARY)["state"] == "active"

    # 2029: grade 4, and a move to another county.
    for year in (2027, 2028, 2029):
        promote(home, FIRST_PRIMARY, year)
    home.clock.go(date(2029, 9, 6))
    wrong = home.draft("transfer", SECOND_PRIMARY, {}, [], pupil.id)
    assert (
        home.call(FIRST_PRIMARY, "POST", "/v1/registry/cases", json={**wrong, "key": "journey-x2"}).status_code == 422
    )
    home.classmates(SECOND_PRIMARY, "14", "1班")
    transfer = pupil.case(
        "transfer",
        SECOND_PRIMARY,
        [("household-proof", "police", "county")],
        ground="household-move", grade="14", class_name="1班", conditions_met=True,
    )  # fmt: skip
    assert {step["unit"] for step in transfer["steps"] if step["unit"]} == {
        SECOND_PRIMARY, FIRST_PRIMARY, COUNTY, SECOND_COUNTY,
    }  # fmt: skip
    assert pupil.located(SECOND_PRIMARY)["school"] == SECOND_PRIMARY

    # 2030: ill for a semester, and back in the original grade.
    home.new_people(date(2030, 3, 4))
    suspended = pupil.case(
        "suspension",
        SECOND_PRIMARY,
        [("annex-2", "guardian", ""), ("hospital-record", "hospital", "county")],
        **{"from": "2030-03-04", "until": "2030-09-01", "ground": "illness", "hours_total": 600, "hours_lost": 400},
        reason="需住院治疗",
    )
    assert suspended["steps"][-1]["act_zh"] == "核准"
    assert pupil.located(SECOND_PRIMARY)["state"] == "suspended"
    promote(home, SECOND_PRIMARY, 2030)
    assert pupil.located(SECOND_PRIMARY)["grade"] == "14"
    home.clock.go(date(2030, 9, 2))
    pupil.case(
        "resumption",
        SECOND_PRIMARY,
        [("annex-2", "guardian", ""), ("resumption-proof", "hospital", "county")],
        returned_on="2030-09-02", grade="15", class_name="1班",
    )  # fmt: skip
    assert (pupil.located(SECOND_PRIMARY)["state"], pupil.located(SECOND_PRIMARY)["grade"]) == ("active", "15")

    # 2032: out of primary school, into junior high school.
    promote(home, SECOND_PRIMARY, 2031)
    home.new_people(date(2032, 7, 1))
    pupil.case("graduation", SECOND_PRIMARY, [("other", "school", "")], outcome="graduation")
    pupil.case("certificate", SECOND_PRIMARY, [("other", "school", "")], medium="both")
    _next_stage(pupil, JUNIOR, 2032)

    # 2035: out of junior, into senior high school: by the plan only.
    for year in (2033, 2034):
        promote(home, JUNIOR, year)
    home.new_people(date(2035, 7, 1))
    pupil.case("graduation", JUNIOR, [("other", "school", "")], outcome="graduation")
    home.new_people(date(2035, 8, 20))
    draft = home.draft(
        "admission", FIRST_SENIOR, {}, [home.hand_in(FIRST_SENIOR, "admission-list", student=pupil.id)], pupil.id
    )
    outside = home.call(FIRST_SENIOR, "POST", "/v1/registry/cases", json={**draft, "key": "journey-x3"})
    assert outside.status_code == 422
    assert "A13-2" in {r["rule"] for r in outside.json()["results"] if r["status"] == "failed"}
    _plan(home, FIRST_SENIOR, 2035)
    _next_stage(pupil, FIRST_SENIOR, 2035)

    # 2036: the family moves to another city; both proofs, four parties, none of them skipped.
    promote(home, FIRST_SENIOR, 2036)
    home.new_people(date(2036, 9, 5))
    home.classmates(SECOND_SENIOR, "32", "2班")
    moved = pupil.case(
        "transfer",
        SECOND_SENIOR,
        [("household-proof", "police", "county"), ("residence-proof", "housing", "county")],
        ground="household-move", grade="32", class_name="2班", household_from=SECOND_COUNTY,
        household_to=THIRD_COUNTY, residence_to=THIRD_COUNTY, comparable=True,
    )  # fmt: skip
    assert {CITY, SECOND_CITY} <= {step["unit"] for step in moved["steps"]}

    # 2038: all seven conditions, graduation reviewed, the certificate by the city; then it is lost.
    promote(home, SECOND_SENIOR, 2037)
    home.new_people(date(2038, 7, 1))
    conditions = ("programme_completed", "credits_reached", "fitness_passed", "quality_met", "exams_passed")
    told = {"three_years": True, "no_serious_discipline": True, **dict.fromkeys(conditions, True)}
    pupil.case(
        "graduation-conditions",
        SECOND_SENIOR,
        [("other", "school", "")],
        **{**told, "fitness_passed": False},
    )
    evidence = [home.hand_in(SECOND_SENIOR, "other", "school", student=pupil.id)]
    early = home.draft("graduation", SECOND_SENIOR, {"outcome": "graduation"}, evidence, pupil.id)
    explained = home.call(SECOND_SENIOR, "POST", "/v1/registry/explanations", json=early).json()
    assert [r["rule"] for r in explained["results"] if r["status"] == "failed"] == ["A39-1"]
    assert "体质健康" in next(r["needed_zh"] for r in explained["results"] if r["rule"] == "A39-1")
    pupil.case("graduation-conditions", SECOND_SENIOR, [("other", "school", "")], **told)
    pupil.case("graduation", SECOND_SENIOR, [("other", "school", "")], outcome="graduation")
    certified = pupil.case("certificate", SECOND_SENIOR, [("other", "school", "")], medium="both")
    assert SECOND_CITY in {step["unit"] for step in certified["steps"]}
    number = _certificate(home, pupil)
    home.clock.go(home.today() + timedelta(days=30))
    home.new_people(home.today())
    proof = pupil.case(
        "education-proof", SECOND_SENIOR, [("loss-report", "guardian", "")], stage="senior", original_number=number
    )
    assert [step["act"] for step in proof["steps"]][-1] == "stamp"

    _read_back(home, pupil)


def _next_stage(pupil: Pupil, school: str, year: int) -> None:
    home = pupil.home
    home.new_people(date(year, 8, 26))
    pupil.case("admission", school, [("admission-list", "education", "county")])
    home.clock.go(date(year, 9, 1))
    pupil.case("arrival", school, [("other", "school", "")], class_name="1班", class_members=40)
    assert (pupil.located(school)["state"], pupil.located(school)["school"]) == ("active", school)


def _plan(home: World, school: str, year: int) -> None:
    listed = f"身份证件号,姓名\n{ID_NUMBER},{NAME}\n".encode()
    form, file = {"school": school, "school_year": str(year)}, {"file": ("plan.csv", listed, "text/csv")}
    answer = home.call(CITY, "POST", "/v1/registry/admission-plans", data=form, files=file)
    assert (answer.status_code, answer.json()["added"]) == (201, 1), answer.text


def _history(home: World, unit: str, pupil: Pupil) -> dict[str, Any]:
    answer = home.call(unit, "GET", f"/v1/registry/students/{pupil.id}/history?reason={REASON}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _certificate(home: World, pupil: Pupil) -> str:
    answer = home.call(SECOND_SENIOR, "GET", f"/v1/registry/students/{pupil.id}/certificates?reason={REASON}")
    assert answer.status_code == 200, answer.text
    senior = [one for one in answer.json()["items"] if one["kind"] == "graduation"][-1]
    assert senior["issuer"] == SECOND_CITY
    return str(senior["number"])


def _read_back(home: World, pupil: Pupil) -> None:
    life = _history(home, SECOND_SENIOR, pupil)
    states = [one["after"] for one in life["transitions"]]
    assert states == [
        "pre-registered", "active",
        "transfer-pending", "active",
        "suspended", "active",
        "graduated", "pre-registered", "active",
        "graduated", "pre-registered", "active",
        "transfer-pending", "active",
        "graduated",
    ]  # fmt: skip
    before = [None, *states[:-1]]
    assert [one["before"] for one in life["transitions"]] == before
    for one in life["transitions"]:
        assert one["ground"], one
        assert one["case_id"], one
        assert one["evidence"], one
        assert (one["actor"], one["unit"], one["registrar"]) == (one["registrar"], one["unit"], one["actor"]), one
        assert one["head"], one
    people = {one["actor"] for one in life["transitions"]}
    assert len(people) > 8  # of each time its own
    assert [one["school"] for one in life["memberships"]] == [
        FIRST_PRIMARY, SECOND_PRIMARY, JUNIOR, FIRST_SENIOR, SECOND_SENIOR,
    ]  # fmt: skip
    days = [(one["since"], one["until"]) for one in life["memberships"]]
    assert all(until is not None for _, until in days[:-1])
    assert all(first[1] <= second[0] for first, second in pairwise(days))
    assert {"enrolment", "transfer", "backup", "suspension", "resumption", "classification", "certificate"} <= {
        one["kind"] for one in life["entries"]
    }
    rules = {step["rule"] for case in life["cases"] for step in case["steps"]}
    assert {"A10-1", "A16-2", "A19-1", "A28-3", "A32-2", "A42-1"} <= rules
    assert all(re.fullmatch(r"[AS]\d*-\d+", rule) for rule in rules)
    shared = home.process.services.sharing
    assert shared is not None
    subject = home.process.services.office
    assert subject is not None
    anybody = requests.get(f"{home.base}/v1/registry/students/{pupil.id}/history?reason={REASON}", timeout=30)
    assert anybody.status_code == 401
    stranger = home.call(FIRST_PRIMARY, "GET", f"/v1/registry/students/{pupil.id}/history?reason={REASON}")
    assert stranger.status_code == 404
