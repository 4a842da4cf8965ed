"""``KnownRecord.of`` takes a plain mapping, whatever parts it has, and shows nothing of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.anonymize.text.reading import KnownRecord
from gateway.errors import ParameterError


def test_the_parts_of_a_record() -> None:
    record = KnownRecord.of(
        {
            "former_name": "王紫墨",
            "student": " 王小涵 ",
            "guardians": ["王建业", None, "", "  ", "刘春燕", "王建业"],
            "school": "太原市第五中学校",
            "address": ("平阳路12号", "刘家堡村"),
        }
    )
    assert record.students == ("王小涵", "王紫墨")
    assert record.guardians == ("王建业", "刘春燕")
    assert record.schools == ("太原市第五中学校",)
    assert record.addresses == ("平阳路12号", "刘家堡村")


@pytest.mark.parametrize("record", [{}, {"student": None}, {"student": "", "guardians": []}, {"guardians": None}])
def test_nothing_known(record: Mapping[str, object]) -> None:
    assert KnownRecord.of(record) == KnownRecord()


@pytest.mark.parametrize(
    "record", [{"name": "王小涵"}, {"student": 7}, {"guardians": [["王建业"]]}, {1: "王小涵"}, {"student": b"x"}]
)
def test_what_is_no_record(record: Mapping[str, object]) -> None:
    with pytest.raises(ParameterError) as error:
        KnownRecord.of(record)
    assert "王" not in str(error.value)
    assert error.value.detail_zh


def test_no_mapping() -> None:
    with pytest.raises(ParameterError):
        KnownRecord.of("王小涵")  # type: ignore[arg-type]  # what a caller may hand over


def test_a_record_shows_nothing() -> None:
    shown = repr(KnownRecord.of({"student": "王小涵", "school": "太原市第五中学校", "address": "平阳路12号"}))
    assert not any(mark in shown for mark in "王小涵太原平阳")
