"""What stands in place of what was found: the same person, school or address by the same name in all texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from gateway.anonymize.masks import ColumnMasks
from gateway.anonymize.text.knowledge import known
from gateway.anonymize.text.people import People, Person
from gateway.anonymize.text.redaction import redact
from gateway.anonymize.text.spans import Source, TextType
from gateway.anonymize.withholding import WITHHELD
from rulebook.recognition_records import DEFAULT_RECOGNITION
from tests.factories.texts import DIVISIONS, Words, engine

P, A, S = TextType.PERSON, TextType.ADDRESS, TextType.SCHOOL


def written(*texts: str, of: Words, style: str | None = None, record: Mapping[str, object] | None = None) -> list[str]:
    made = engine(of, Words({"实验小学": S, "平阳路12号": A}, "record.places", Source.RECORD))
    return [one.text for one in redact(made, texts, known(record)[0], None, style)]  # type: ignore[arg-type]  # a word


def test_one_person_has_one_placeholder_in_all_texts_of_a_record_also_by_the_given_name() -> None:
    of = Words({"王小明": P, "小明": P, "张三丰": P, "李四": P})
    assert written("小明打了张三丰。", "李四看见王小明和张三丰。", of=of) == [
        "〔人员1〕打了〔人员2〕。",
        "〔人员3〕看见〔人员1〕和〔人员2〕。",
    ]


def test_a_given_name_of_two_people_is_neither() -> None:
    of = Words({"王小明": P, "李小明": P, "小明": P})
    made = engine(of)
    (done,) = redact(made, ["王小明、李小明、小明"])
    assert done.text == "〔人员1〕、〔人员2〕、〔人员3〕"


def test_the_people_of_the_record_go_by_their_role() -> None:
    of = Words({"王小明": P, "小明": P, "王大力": P, "李丽": P, "张三": P}, source=Source.NAME_RULE)
    one = {"student": "王小明", "guardians": ["王大力"]}
    two = {"student": ["王小明", "赵小明"], "guardians": ["王大力", "李丽"]}
    assert written("小明、王小明、王大力、李丽、张三", of=of, record=one) == [
        "〔学生〕、〔学生〕、〔家长〕、〔人员1〕、〔人员2〕"
    ]
    assert written("小明、王大力、李丽、张三", of=of, record=two) == ["〔学生〕、〔家长1〕、〔家长2〕、〔人员1〕"]


def test_names_of_the_roll_are_schoolmates() -> None:
    of = Words({"张三丰": P, "三丰": P, "李四光": P}, source=Source.ROSTER)
    assert written("张三丰、李四光、三丰", of=of) == ["〔同学1〕、〔同学2〕、〔同学1〕"]


def test_a_misspelt_name_of_the_record_is_the_nearest_of_the_family_or_the_pupil() -> None:
    record, _ = known({"student": "王小明", "guardians": ["王大力", "李丽"]})
    people = People(record)
    people.meet(
        [
            ("王小名", Source.RECORD, "record.pupil.typo.sound"),
            ("李莉", Source.RECORD, "record.family.typo.sound"),
            ("WXM", Source.RECORD, "record.pupil.initials"),
        ]
    )
    assert people.who("王小名") == people.who("WXM") == Person("student", "")
    assert people.who("李莉") == Person("guardian", "2")


def test_the_first_part_of_a_name_with_parts_is_its_person() -> None:
    record, _ = known({"student": "阿依古丽·买买提"})
    people = People(record)
    people.meet([("阿依古丽", Source.NAME_RULE, "x"), ("阿依古丽•买买提", Source.NAME_RULE, "x")])
    assert people.who("阿依古丽") == people.who("阿依古丽•买买提") == Person("student", "")


def test_own_school_and_address_are_told_from_others() -> None:
    of = Words({"榆次一中": S, "太原五中": S, "迎泽街8号": A})
    assert written("从实验小学转入榆次一中，后到太原五中，住平阳路12号，迁至迎泽街8号；榆次一中已办。", of=of) == [
        "从〔学校〕转入〔学校1〕，后到〔学校2〕，住〔地址〕，迁至〔地址1〕；〔学校1〕已办。"
    ]


def test_kinds_that_are_not_numbered_have_one_placeholder() -> None:
    of = Words({"13912345678": TextType.PHONE, "13912345679": TextType.PHONE}, source=Source.IDENTIFIER)
    assert written("13912345678或13912345679", of=of) == ["〔电话〕或〔电话〕"]


def test_numbers_go_on_behind_those_that_stand_in_a_text_already() -> None:
    of = Words({"张三": P, "李四": P}, source=Source.ROSTER)
    assert written("〔同学4〕、张三、〔人员9〕", "李四", of=of) == ["〔同学4〕、〔同学5〕、〔人员9〕", "〔同学6〕"]


def test_masks_are_those_of_the_columns() -> None:
    of = Words(
        {
            "王小明": P,
            "山西省太原市小店区平阳路1号": A,
            "140105201203154321": TextType.CN_ID,
            "G140105201203154322": TextType.STUDENT_NO,
            "13912345678": TextType.PHONE,
            "6222020200112230": TextType.BANK_CARD,
            "a@b.cn": TextType.EMAIL,
            "E12345678": TextType.PASSPORT,
            "2012年3月15日": TextType.BIRTH_DATE,
        },
        source=Source.IDENTIFIER,
    )
    masks = ColumnMasks.of(DIVISIONS)
    kinds = ("name", "address", "id_number", "student_number", "phone", "bank_card", "email", "id_number", "date")
    text = "，".join(of._of)
    expected = "，".join(masks.cell(kind, value) for kind, value in zip(kinds, of._of, strict=True))  # type: ignore[arg-type]
    assert written(text, of=of, style="mask") == [expected]


def test_what_has_no_mask_of_its_own_becomes_stars() -> None:
    of = Words({"榆次一中": S, "晋A12345": TextType.PLATE, "wx_1": TextType.WECHAT, "12345": TextType.QQ})
    assert written("榆次一中、晋A12345、wx_1", of=of, style="mask") == ["****、****、****"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("王小明与小明", "王**与王**"),
        ("欧阳明与子涵", "欧阳**与**"),
        ("小明", "**"),
        ("王丽", "王**"),
        ("阿依古丽·买买提", "阿**"),
    ],
)
def test_a_mask_shows_a_surname_and_never_a_part_of_a_given_name(text: str, shown: str) -> None:
    of = Words(dict.fromkeys(("王小明", "小明", "欧阳明", "子涵", "王丽", "阿依古丽·买买提"), P))
    assert written(text, of=of, style="mask") == [shown]


def test_words_and_style_are_those_of_the_rule_book() -> None:
    rules = replace(DEFAULT_RECOGNITION, people={**DEFAULT_RECOGNITION.people, "other": "某人"})
    made = engine(Words({"张三": P, "某人": P}), recognition=rules)
    assert redact(made, ["张三"])[0].text == "〔某人1〕"
    assert redact(made, ["〔某人1〕张三〔人员1〕"])[0].text == "〔某人1〕〔某人2〕〔人员1〕"


def test_the_note_of_a_withheld_text_stays() -> None:
    made = engine(Words({"文本": P, "未提供": A}))
    assert redact(made, [WITHHELD])[0].text == WITHHELD


def test_what_was_found_is_told_in_offsets_of_the_original() -> None:
    made = engine(Words({"王小明": P, "张三": P}))
    (done,) = redact(made, ["x王\u200b小明和张三"])
    assert [
        (done.original[one.start : one.end], label) for one, label in zip(done.found, done.labels, strict=True)
    ] == [
        ("王\u200b小明", "〔人员1〕"),
        ("张三", "〔人员2〕"),
    ]
    assert "王" not in repr(done)
