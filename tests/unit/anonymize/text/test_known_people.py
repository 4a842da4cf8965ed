"""The people of the record are found in every form that ``known.forms`` plans for, and words are not taken for them."""

from __future__ import annotations

import pytest

from gateway.anonymize.text.known.people import RecordPeople
from tests.unit.anonymize.text.worded import people, reading

PUPIL = {"student": "王小涵", "guardians": ["王建业", "刘春燕"], "former_name": "王紫墨"}
MINORITY = {"student": "阿依古丽·买买提"}


@pytest.mark.parametrize(
    ("worded", "form"),
    [
        ("王小涵/PER 请假/v", "王小涵"),
        ("王␣小␣涵/PER 请假/v", "王 小 涵"),
        ("王␣␣小涵/PER 请假/v", "王  小涵"),
        ("王·小涵/PER 请假/v", "王·小涵"),
        ("王⏎小涵/PER 请假/v", "王\n小涵"),
        ("「王」小涵/n 请假/v", "王」小涵"),
        ("王*小*涵/n 请假/v", "王*小*涵"),
        ("王_小-涵/n 请假/v", "王_小-涵"),
        ("表扬/v 小涵/PER", "小涵"),
        ("表扬/v 小涵/n:0.4", "小涵"),
        ("涵涵/PER 请假/v", "涵涵"),
        ("阿涵/PER 请假/v", "阿涵"),
        ("涵儿/PER 请假/v", "涵儿"),
        ("小涵涵/PER 请假/v", "小涵涵"),
        ("原名/n 王紫墨/PER", "王紫墨"),
        ("紫墨/PER 请假/v", "紫墨"),
        ("王晓涵/PER 请假/v", "王晓涵"),
        ("王小寒/n:0.5 请假/v", "王小寒"),
        ("汪小涵/PER 请假/v", "汪小涵"),
        ("晓寒/PER 请假/v", "晓寒"),
        ("王小海/PER 请假/v", "王小海"),
        ("王大涵/PER 请假/v", "王大涵"),
        ("王小小涵/PER 请假/v", "王小小涵"),
        ("王小x涵/n:0.4 请假/v", "王小x涵"),
        ("王涵/PER 请假/v", "王涵"),
        ("王小/PER 请假/v", "王小"),
        ("王涵小/PER 请假/v", "王涵小"),
        ("王*涵/n 请假/v", "王*涵"),
        ("王某涵/n 请假/v", "王某涵"),
        ("王小*/n 请假/v", "王小*"),
    ],
)
def test_each_written_form_of_the_pupil(worded: str, form: str) -> None:
    assert people(worded, PUPIL) == [form]


@pytest.mark.parametrize(
    ("student", "worded", "form"),
    [
        ("刘军", "劉軍/PER 请假/v", "劉軍"),
        ("張偉", "张伟/PER 请假/v", "张伟"),
        ("欧阳静", "小静/PER 请假/v", "小静"),
        ("欧阳思源", "思源/PER 请假/v", "思源"),
        ("张杨子涵", "子涵/PER 请假/v", "子涵"),
        ("张杨子涵", "杨子涵/PER 请假/v", "杨子涵"),
        ("王倩", "倩倩/PER 请假/v", "倩倩"),
        ("王倩", "汪倩/PER 请假/v", "汪倩"),
        ("𬘡之文", "𬘡之文/n 请假/v", "𬘡之文"),
        ("王小涵（王晓墨）", "王晓墨/PER 请假/v", "王晓墨"),
    ],
)
def test_other_names(student: str, worded: str, form: str) -> None:
    assert people(worded, {"student": student}) == [form]


@pytest.mark.parametrize(
    ("worded", "form"),
    [
        ("阿依古丽·买买提/PER 来校/v", "阿依古丽·买买提"),
        ("阿依古丽/PER •/w 买买提/PER 来校/v", "阿依古丽•买买提"),
        ("阿依古丽买买提/PER 来校/v", "阿依古丽买买提"),
        ("阿依古丽␣买买提/PER 来校/v", "阿依古丽 买买提"),
        ("阿依古丽/PER 来校/v", "阿依古丽"),
        ("买买提/PER 来校/v", "买买提"),
        ("阿依古力·买买提/PER 来校/v", "阿依古力·买买提"),
    ],
)
def test_names_with_dots(worded: str, form: str) -> None:
    assert people(worded, MINORITY) == [form]


def test_a_name_registered_without_its_dot_is_known_by_its_beginning() -> None:
    assert people("阿依古丽/PER 来校/v", {"student": "阿依古丽买买提"}) == ["阿依古丽"]


def test_a_part_is_widened_to_the_whole_name_that_the_text_has() -> None:
    assert people("巴特尔·乌云/PER 来校/v", {"student": "巴特尔"}) == ["巴特尔"]
    assert people("卓玛/PER ·/w 央金/PER 来校/v", {"student": "卓玛·拉姆"}) == ["卓玛·央金"]


@pytest.mark.parametrize(
    ("worded", "form"),
    [
        ("Wang␣Xiaohan/nz 请假/v", "Wang Xiaohan"),
        ("WANG␣XIAO␣HAN/nz 请假/v", "WANG XIAO HAN"),
        ("wangxiaohan/nz 请假/v", "wangxiaohan"),
        ("Wáng␣Xiǎohán/nz 请假/v", "Wáng Xiǎohán"),
        ("Xiaohan␣Wang/nz 请假/v", "Xiaohan Wang"),
        ("Wang␣XH/nz 请假/v", "Wang XH"),
        ("学生/n WXH/nz 请假/v", "WXH"),
    ],
)
def test_a_name_in_letters(worded: str, form: str) -> None:
    assert people(worded, PUPIL) == [form]


@pytest.mark.parametrize(
    "worded",
    [
        "邮箱/n wangxiaohan@example.com/nz",
        "微信号/n wangxiaohan2012/nz",
        "域名/n www.wangxiaohan.example/nz",
        "型号/n WXH/nz",
        "账号/n my_wangxiaohan/nz",
    ],
)
def test_letters_of_an_account_are_no_name(worded: str) -> None:
    assert people(worded, PUPIL) == []


def test_letters_with_u_umlaut_are_known_in_their_three_spellings() -> None:
    for spelling in ("Lv␣Jing", "Lu␣Jing", "Lyu␣Jing", "LÜ␣JING"):
        assert len(people(f"学生/n {spelling}/nz", {"student": "吕静"})) == 1


def test_family_members_are_known_in_full_and_by_their_given_names_beside_kinship_or_as_the_model_says() -> None:
    assert people("王建业/PER 来校/v", PUPIL) == ["王建业"]
    assert people("父亲/n 建业/v", PUPIL) == ["建业"]
    assert people("春燕/n 妈妈/n 来校/v", PUPIL) == ["春燕"]
    assert people("春燕/PER 来校/v", PUPIL) == ["春燕"]
    assert people("回乡/v 建业/v", PUPIL) == []


def test_another_person_with_the_same_given_name_is_one_whole_name() -> None:
    assert people("李小涵/PER 请假/v", PUPIL) == ["李小涵"]
    assert people("王明亮/PER 请假/v", {"student": "王明"}) == ["王明亮"]


def test_a_title_is_no_part_of_a_name_and_a_surname_alone_is_no_name() -> None:
    assert people("王小涵同学/PER 请假/v", PUPIL) == ["王小涵"]
    assert people("王老师/n 和/c 王同学/n", PUPIL) == []


@pytest.mark.parametrize(
    ("student", "worded"),
    [
        ("高兴", "他/r 高兴/a 地/u 跳/v 起来/v"),
        ("高兴", "大家/r 非常/d 高兴/a"),
        ("王文明", "争做/v 文明/n 学生/n"),
        ("王文明", "文明/n 礼仪/n 教育/vn"),
        ("李阳光", "今天/TIME 阳光/n 很好/a"),
        ("高明", "他/r 明明/d 知道/v 错/a 了/u"),
        ("安全", "注意/v 安全/an"),
        ("温馨", "温馨/a 提示/n"),
        ("黄河", "黄河/LOC 是/v 母亲河/n"),
        ("李春天", "春天/TIME 来/v 了/u"),
        ("段子娜", "讲/v 段子/n"),
        ("张文静", "一张/m 文凭/n"),
        ("王小明", "大小/n 明白/v"),
        ("王明", "小王/n 明天/TIME 来/v"),
        ("王小燕", "王小姐/n 来/v 了/u"),
        ("王建国", "请/v 建/v 国家/n 队/n"),
    ],
)
def test_words_are_no_names(student: str, worded: str) -> None:
    assert people(worded, {"student": student}) == []


@pytest.mark.parametrize(
    ("student", "worded", "form"),
    [
        ("高兴", "高兴/a 同学/n 请假/v", "高兴"),
        ("高兴", "表扬/v 了/u 高兴/a", "高兴"),
        ("高兴", "高兴/a 昨天/TIME 请假/v", "高兴"),
        ("高兴", "学生/n 高兴/a", "高兴"),
        ("王文明", "文明/n 被/p 推倒/v", "文明"),
        ("黄河", "黄河/LOC 性格/n 开朗/a", "黄河"),
        ("高明", "明明/d 的/u 妈妈/n", "明明"),
        ("温馨", "1/m ./w 温馨/a ,/w 2/m", "温馨"),
    ],
)
def test_names_that_are_words_count_where_a_person_stands(student: str, worded: str, form: str) -> None:
    assert people(worded, {"student": student}) == [form]


def test_a_name_runs_through_borders_that_the_model_doubts() -> None:
    assert people("请可琳/v:0.4 到/v 办公室/n", {"student": "高可琳"}) == ["可琳"]
    assert people("叶宁妈妈/PER:0.6 来校/v", {"student": "叶宁"}) == ["叶宁"]


def test_nothing_is_found_without_a_record() -> None:
    assert people("王小涵/PER 请假/v") == []


def test_no_rule_holds_any_of_the_text() -> None:
    (span,) = RecordPeople().find(reading("王晓涵/PER 请假/v", PUPIL))
    assert span.rule == "record.pupil.typo.sound"
