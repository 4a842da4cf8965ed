"""Properties of the record dictionary: any text, any record, any place for a name; offsets are exact."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.anonymize.text.known import detectors
from gateway.anonymize.text.known.addresses import parse as parse_address
from gateway.anonymize.text.known.forms import Form, names, written
from gateway.anonymize.text.known.people import RecordPeople
from gateway.anonymize.text.known.school_names import parse as parse_school
from gateway.anonymize.text.known.typos import near, slip_of, sounding
from gateway.anonymize.text.normal import Normal
from gateway.anonymize.text.reading import KnownRecord, Reading, Word
from gateway.anonymize.text.roster import Roster
from gateway.anonymize.text.squeezed import IGNORED, Squeezed, fold, squeeze

CHARACTERS = "王李欧阳小明涵晓建国张伟静一二三·* -路号村楼室市区县乡第五中学实验校年地高兴很abXx12〇某\n"
TEXTS = st.text(CHARACTERS, max_size=60) | st.text(max_size=40)
NAMES = st.text("王李张刘欧阳小明涵晓建国伟静子轩诺", min_size=2, max_size=4).filter(
    lambda name: len(set(name)) == len(name)
)
MARKS = sorted(mark for mark in IGNORED if Normal.of(f"王{mark}明").text == f"王{mark}明")
"""What people put between the characters of a name; NFKC turns a few others of these into something else."""
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "student": TEXTS | st.none(),
        "former_name": TEXTS,
        "guardians": st.lists(TEXTS | st.none(), max_size=3),
        "school": TEXTS,
        "address": TEXTS,
    },
)
BOUND = 20.0
"""Seconds of computing for the longest texts here; alone they take well under one."""


def cut(text: str) -> tuple[Word, ...]:
    """Return words of three characters, with every tag in turn."""
    tags = ("PER", "n", "v", "LOC", "d", "ORG", "TIME")
    return tuple(
        Word(start, min(start + 3, len(text)), tags[start // 3 % len(tags)], (start % 11) / 10)
        for start in range(0, len(text), 3)
    )


@given(TEXTS, RECORDS, st.lists(TEXTS, max_size=3))
def test_any_text_and_any_record_give_spans_inside_the_text(
    text: str, record: dict[str, object], roll: list[str]
) -> None:
    reading = Reading(Normal.of(text), cut, KnownRecord.of(record), Roster(roll))
    for detector in detectors():
        spans = list(detector.find(reading))
        assert spans == list(detector.find(reading))
        for span in spans:
            assert 0 <= span.start < span.end <= len(reading.text.text)
            assert not reading.text.text[span.start : span.end].isspace()


@given(NAMES, st.lists(st.sampled_from(MARKS), max_size=3), st.text("今天很高兴老师，。", max_size=12))
def test_a_full_name_of_three_characters_is_found_wherever_it_stands(name: str, marks: list[str], before: str) -> None:
    name = (name + "芃昊")[: max(len(name), 3)]
    apart = "".join(character + (marks[at % len(marks)] if marks else "") for at, character in enumerate(name[:-1]))
    text = Normal.of(f"{before}{apart}{name[-1]}。").text
    spans = list(RecordPeople().find(Reading(Normal.of(text), cut, KnownRecord.of({"student": name}))))
    place = (len(Normal.of(before).text), len(text) - 1)
    assert any(span.start <= place[0] and place[1] <= span.end for span in spans)


@given(st.text(max_size=40))
def test_the_squeezed_view_leads_back_to_its_characters(text: str) -> None:
    squeezed = Squeezed.of(text)
    assert len(squeezed.text) == len(squeezed.places)
    assert squeezed.text == fold("".join(mark for mark in text if mark not in IGNORED))
    for at in range(len(squeezed.text)):
        start, end = squeezed.back(at, at + 1)
        assert fold(text[start:end]) == squeezed.text[at]
        assert squeezed.widest_gap(0, len(squeezed.text)) <= len(text)


@given(st.text())
def test_folding_keeps_the_length_and_is_idempotent(text: str) -> None:
    assert len(fold(text)) == len(text)
    assert fold(fold(text)) == fold(text)
    assert IGNORED.isdisjoint(squeeze(text))


@given(NAMES.filter(lambda name: len(name) >= 3), st.data())
def test_every_single_slip_is_known_as_one(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 1))
    wrong = name[:at] + "芃" + name[at + 1 :]
    missing = name[:at] + name[at + 1 :]
    cut_in = data.draw(st.integers(1, len(name) - 1))
    extra = name[:cut_in] + "芃" + name[cut_in:]
    swapped = name[: cut_in - 1] + name[cut_in] + name[cut_in - 1] + name[cut_in + 1 :]
    assert slip_of(name, name) is None
    for text in (wrong, missing, extra, swapped):
        assert slip_of(text, name) is not None
        assert any(text[found.start : found.end] for found in near(text, name, set(text)))


@given(TEXTS, NAMES)
def test_what_is_near_a_name_is_not_the_name(text: str, name: str) -> None:
    for found in (*near(text, name, set(text)), *sounding(text, name, set(text))):
        assert text[found.start : found.end] != name
        assert found.start <= found.at < found.end


@given(TEXTS)
def test_anything_may_be_registered(text: str) -> None:
    for name in names(text):
        assert written(name)[name.full] is Form.FULL
        assert all(len(form) >= 2 for form in written(name))
    parse_address(text)
    assert all(len(core) >= 2 for core in parse_school(text).cores)


@pytest.mark.parametrize(
    "piece", ["王", "王明", "3号", "1-", "十", "山西省", "路", "五中", "第", " ", "·", "王 ", "阳光小区3"]
)
def test_long_texts_of_one_piece_take_bounded_time(piece: str) -> None:
    record = KnownRecord.of(
        {
            "student": "王明王",
            "guardians": ["王王王", piece * 20],
            "school": "太原市第五中学校",
            "address": "山西省太原市小店区平阳路12号阳光小区3号楼2单元501室" + piece * 20,
        }
    )
    reading = Reading(Normal.of(piece * 400), cut, record, Roster(["王明王", "王王"]))
    began = time.process_time()
    for detector in detectors():
        for _ in detector.find(reading):
            pass
    assert time.process_time() - began < BOUND
