"""One answer where detectors overlap."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.anonymize.text.resolve import resolve
from gateway.anonymize.text.spans import Source, Span, TextType

P, A, S = TextType.PERSON, TextType.ADDRESS, TextType.SCHOOL
RECORD, ROSTER, IDENTIFIER = Source.RECORD, Source.ROSTER, Source.IDENTIFIER
PLACE, RULE, MODEL = Source.PLACE, Source.NAME_RULE, Source.MODEL


def at(text: str, piece: str, kind: TextType, source: Source, *, nth: int = 0, score: float = 0.9) -> Span:
    start = -1
    for _ in range(nth + 1):
        start = text.index(piece, start + 1)
    return Span(start, start + len(piece), kind, source, score, f"test.{source.value}")


def told(text: str, *spans: Span) -> list[tuple[str, str]]:
    forward = resolve(spans, text)
    assert forward == resolve(reversed(spans), text), "the order of the detectors must not matter"
    return [(text[span.start : span.end], span.type.value) for span in forward]


def test_a_student_number_hides_the_identity_number_in_it() -> None:
    text = "学籍号G140105201203154321。"
    number = at(text, "G140105201203154321", TextType.STUDENT_NO, IDENTIFIER)
    inner = at(text, "140105201203154321", TextType.CN_ID, IDENTIFIER)
    card = at(text, "140105201203154321", TextType.BANK_CARD, IDENTIFIER)
    assert told(text, inner, card, number) == [("G140105201203154321", "STUDENT_NO")]
    assert told(text, inner, card) == [("140105201203154321", "CN_ID")]


def test_an_address_of_mail_hides_the_number_it_begins_with() -> None:
    text = "邮箱13912345678@qq.com"
    phone = at(text, "13912345678", TextType.PHONE, IDENTIFIER)
    mail = at(text, "13912345678@qq.com", TextType.EMAIL, IDENTIFIER)
    assert told(text, phone, mail) == [("13912345678@qq.com", "EMAIL")]


def test_of_two_finders_of_one_name_the_record_is_named() -> None:
    text = "王小明迟到"
    spans = resolve([at(text, "王小明", P, MODEL, score=1.0), at(text, "王小明", P, RECORD)], text)
    assert [span.source for span in spans] == [RECORD]


def test_the_border_of_a_known_name_beats_a_guessed_one() -> None:
    text = "王小明明天到校"
    assert told(text, at(text, "王小明", P, RECORD), at(text, "王小明明", P, MODEL)) == [("王小明", "PERSON")]
    assert told(text, at(text, "王小明", P, ROSTER), at(text, "王小明明", P, RULE)) == [("王小明", "PERSON")]


@pytest.mark.parametrize("source", [RECORD, ROSTER])
def test_a_known_given_name_gives_way_to_the_full_name_of_somebody_else(source: Source) -> None:
    text = "李小明迟到"
    spans = resolve([at(text, "小明", P, source), at(text, "李小明", P, RULE)], text)
    assert [(span.start, span.end) for span in spans] == [(0, 3)]


def test_a_short_name_of_the_roll_gives_way_to_a_longer_name_that_begins_with_it() -> None:
    text = "李明亮迟到"
    assert told(text, at(text, "李明", P, ROSTER), at(text, "李明亮", P, MODEL)) == [("李明亮", "PERSON")]
    assert told(text, at(text, "李明", P, RECORD), at(text, "李明亮", P, MODEL)) == [("李明", "PERSON")]


def test_a_name_with_parts_is_one() -> None:
    text = "阿依古丽·买买提迟到"
    whole = at(text, "阿依古丽·买买提", P, RULE)
    assert told(text, at(text, "阿依古丽", P, RECORD), whole) == [("阿依古丽·买买提", "PERSON")]


def test_the_longer_name_stays_covered_where_a_place_takes_a_part_of_it() -> None:
    text = "李小明家里"
    spans = (at(text, "小明", P, RECORD), at(text, "李小明", P, RULE), at(text, "明家里", A, PLACE))
    covered = {place for span in resolve(spans, text) for place in range(span.start, span.end)}
    assert {0, 1, 2} <= covered


def test_a_school_takes_over_the_divisions_that_lead_up_to_it() -> None:
    text = "就读山西省太原市小店区第一小学"
    address = at(text, "山西省太原市小店区", A, PLACE)
    assert told(text, address, at(text, "太原市小店区第一小学", S, PLACE)) == [("山西省太原市小店区第一小学", "SCHOOL")]
    assert told(text, address, at(text, "山西省太原市小店区第一小学", S, PLACE)) == [
        ("山西省太原市小店区第一小学", "SCHOOL")
    ]


def test_a_street_before_a_school_stays_an_address() -> None:
    text = "位于太原市平阳路12号第一小学"
    address = at(text, "太原市平阳路12号第一小学", A, PLACE)
    assert told(text, address, at(text, "第一小学", S, PLACE)) == [
        ("太原市平阳路12号", "ADDRESS"),
        ("第一小学", "SCHOOL"),
    ]


def test_an_address_that_goes_on_behind_a_school_is_an_address() -> None:
    text = "家住榆次一中家属院3号楼"
    address = at(text, "榆次一中家属院3号楼", A, PLACE)
    assert told(text, at(text, "榆次一中", S, RECORD), address) == [("榆次一中家属院3号楼", "ADDRESS")]


def test_an_address_between_two_schools_is_cut_at_both() -> None:
    text = "实验小学太原市第一中学"
    address = at(text, "小学太原市第一", A, PLACE)
    spans = (at(text, "实验小学", S, PLACE), address, at(text, "第一中学", S, PLACE))
    assert told(text, *spans) == [("实验小学", "SCHOOL"), ("太原市第一中学", "SCHOOL")]


def test_a_person_inside_a_place_goes_unless_the_record_knows_the_name() -> None:
    text = "家住王家庄张海峰巷3号"
    address = at(text, "王家庄张海峰巷3号", A, PLACE)
    assert told(text, address, at(text, "张海峰", P, MODEL)) == [("王家庄张海峰巷3号", "ADDRESS")]
    assert told(text, address, at(text, "张海峰", P, ROSTER)) == [("王家庄张海峰巷3号", "ADDRESS")]
    assert told(text, address, at(text, "张海峰", P, RECORD)) == [
        ("王家庄", "ADDRESS"),
        ("张海峰", "PERSON"),
        ("巷3号", "ADDRESS"),
    ]


def test_two_readings_of_one_address_hide_both() -> None:
    text = "太原市小店区平阳路12号3单元"
    known = at(text, "小店区平阳路12号", A, RECORD)
    assert told(text, known, at(text, "太原市小店区平阳路", A, PLACE)) == [("太原市小店区平阳路12号", "ADDRESS")]


def test_pieces_of_an_address_that_touch_are_one_and_people_are_not() -> None:
    text = "太原市平阳路12号"
    assert told(text, at(text, "太原市", A, PLACE), at(text, "平阳路12号", A, RECORD)) == [(text, "ADDRESS")]
    text = "张三李四"
    assert told(text, at(text, "张三", P, RULE), at(text, "李四", P, RULE)) == [("张三", "PERSON"), ("李四", "PERSON")]


def test_what_sticks_out_of_the_winner_stays_hidden() -> None:
    text = "电话13912345678901"
    phone, card = at(text, "13912345678", TextType.PHONE, IDENTIFIER), at(text, "345678901", TextType.QQ, IDENTIFIER)
    assert told(text, phone, card) == [("13912345678", "PHONE"), ("901", "QQ")]
    text = "王小明李华到校"
    known = at(text, "王小明", P, RECORD)
    assert told(text, known, at(text, "明李华", P, MODEL)) == [("王小明", "PERSON"), ("李华", "PERSON")]


def test_one_character_that_sticks_out_of_a_guess_is_a_border_set_wrongly() -> None:
    text = "王小明说"
    assert told(text, at(text, "王小明", P, RECORD), at(text, "小明说", P, MODEL)) == [("王小明", "PERSON")]


def test_nothing_is_found_in_what_is_hidden_already() -> None:
    text = "〔学生〕王小明"
    spans = [at(text, "学生", P, RECORD), at(text, "生〕王小明", P, ROSTER)]
    assert [(s.start, s.end) for s in resolve(spans, text, [(0, 4)])] == [(4, 7)]


def test_places_beat_name_rules_and_these_the_model() -> None:
    text = "高平路一带"
    assert told(text, at(text, "高平路", A, PLACE), at(text, "高平路一", P, RULE)) == [("高平路", "ADDRESS")]
    assert told(text, at(text, "高平", P, RULE), at(text, "平路", P, MODEL)) == [("高平", "PERSON")]


def test_blanks_and_marks_at_the_ends_are_no_part_of_a_find() -> None:
    text = "到校。\n小明 。住 平阳路1号 。〔〕"
    name, given = at(text, "\n小明 。", P, MODEL), at(text, "小明", P, RECORD)
    found = told(text, name, given, at(text, " 平阳路1号 ", A, PLACE), at(text, "〔〕", P, RULE))
    assert found == [("小明", "PERSON"), ("平阳路1号", "ADDRESS")]
    assert [span.source for span in resolve([name, given], text)] == [RECORD]


def test_a_whole_name_of_the_record_does_not_give_way() -> None:
    text = "母德吉到校"
    whole = replace(at(text, "德吉", P, RECORD), rule="record.family.full")
    assert told(text, whole, at(text, "母德吉", P, RULE)) == [("德吉", "PERSON")]
    text = "谢尔盖·奥康纳站起"
    known = at(text, "谢尔盖·奥康纳", P, RECORD)
    assert told(text, known, at(text, "谢尔盖·奥康纳站", P, RULE)) == [("谢尔盖·奥康纳", "PERSON")]


def test_a_known_school_beats_a_guess_that_takes_one_character_more() -> None:
    text = "该校鼓楼西小学"
    known = at(text, "鼓楼西小学", S, RECORD)
    assert told(text, known, at(text, "校鼓楼西小学", S, PLACE)) == [("鼓楼西小学", "SCHOOL")]
    assert told(text, known, at(text, "该校鼓楼西小学", S, PLACE)) == [("该校鼓楼西小学", "SCHOOL")]
