"""Persons in school prose, with the real word model. All people are invented; ``[ ]`` marks what is to be found."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from gateway.anonymize.text.model import word_model
from gateway.anonymize.text.names import detectors
from gateway.anonymize.text.normal import Normal
from gateway.anonymize.text.reading import Reading, Word
from gateway.anonymize.text.spans import TextType


def persons(text: str) -> list[str]:
    """Return the persons found in ``text``, in order."""
    reading = Reading(Normal.of(text), word_model().cut)
    spans = {(span.start, span.end) for detector in detectors() for span in detector.find(reading)}
    return [reading.text.text[start:end] for start, end in sorted(spans)]


def found(marked: str) -> tuple[list[str], list[str]]:
    """Return the persons found in a marked text, and those that are marked."""
    return persons(re.sub(r"[\[\]]", "", marked)), re.findall(r"\[(.+?)\]", marked)


@pytest.mark.parametrize(
    "marked",
    [
        "三年级二班学生[王小明]与同学[李子涵]发生争执,将[李子涵]推倒在地。",
        "班主任[刘芳]老师已与其父亲[张建国]取得联系。",
        "给予[郭俊杰]警告处分,给予[韩雪]、[冯宇航]通报批评。",
        "姓名:[蔡依诺] 性别:女 班级:七年级3班",
        "优秀学生干部:[范思琪]、[汪子墨]、[金泽宇]、[石梦瑶]",
        "高二(3)班[萧雅文]荣获一等奖,指导教师[潘海燕]。",
        "监护人[戴国强](父亲)与学生关系:父子。",
        "我是二班[丁一诺]的爸爸,孩子今天牙疼。",
        "[龙思远]于2024年10月转学。",
        "李老师和王主任一起到[秦可欣]家中家访。",
    ],
)
def test_names_stand_without_titles_and_roles(marked: str) -> None:
    got, wanted = found(marked)
    assert got == wanted


@pytest.mark.parametrize(
    "marked",
    [
        "[欧阳子轩]同学荣获一等奖。",
        "[诸葛明慧]和[皇甫一鸣]在课间打闹。",
        "[上官婉清]、[慕容晓晓]、[令狐冲]参加了朗诵比赛。",
        "学生[仉思颖]因家庭搬迁申请转学。",
        "由[逄博]的母亲[昝玉霞]来校办理。",
        "[哈俊杰]与[佴晓东]、[撖雨婷]同住一个宿舍。",
        "学生[𬘡一诺]转入。",
    ],
)
def test_compound_and_rare_surnames(marked: str) -> None:
    got, wanted = found(marked)
    assert got == wanted


@pytest.mark.parametrize(
    "marked",
    [
        "学生[高兴]在课间与同学追逐打闹。",
        "[文明]同学被评为优秀班干部。",
        "班主任[白云]老师对其进行了批评教育。",
        "姓名:[温柔]",
        "学生[方圆]和[江山]发生争执。",
        "获奖名单:[王佳宁]、[金星]、[向阳]、[成功]",
        "与[明天]同学同住的还有[李响]。",
        "将[石头]同学的书包扔到窗外。",
        "五(2)班[阳光]的妈妈[白雪]来电。",
        "学生[平安]被[文化]打伤。",
    ],
)
def test_a_word_is_a_name_in_the_place_of_a_person(marked: str) -> None:
    got, wanted = found(marked)
    assert got == wanted


@pytest.mark.parametrize(
    "marked",
    [
        "[高兴]上课。",
        "[文明]打了[安静]一拳。",
        "[白雪]被评为三好学生。",
        "值日:[高兴] [白云]",
        "[江山]把书包藏起来了,[平安]告诉了老师。",
        "第1名 [向阳] 98分",
        "1、[张敏] 2、[李强]",
        "户名:[马力]",
        "同学[朝霞]负责收作业。",
        "今天[温暖]请病假,[金星]值日。",
    ],
)
def test_a_word_is_a_name_where_a_person_acts(marked: str) -> None:
    got, wanted = found(marked)
    assert got == wanted


@pytest.mark.parametrize(
    "marked",
    [
        "学生[李 思 雨]在操场受伤。",
        "[吐尔逊·阿曼古丽]的奶奶[帕丽扎提·艾山]告诉我们。",
        "[库尔班·热合曼]打了[艾山·木拉提]。",
        "[那仁朝格图]和[阿呷尔布]打架。",
        "学生[相里宇熙]、[淳于文静]转入我校。",
    ],
)
def test_names_in_odd_forms(marked: str) -> None:
    got, wanted = found(marked)
    assert got == wanted


def test_a_line_of_names_without_marks_is_cut_into_names() -> None:
    got, wanted = found("出席人员:[王建国][李秀英][张志强][刘晓梅]")
    assert got == wanted


@pytest.mark.parametrize(
    "text",
    [
        "本学期该生高兴地参加了各项活动,文明礼貌,成绩优秀。",
        "高三学生要注意身体,田径队员每天训练两小时。",
        "双方家长达成和解,关系和谐,于是学校撤销了处分。",
        "时常迟到,曾经被批评,安全意识差,万一出事后果严重。",
        "黄河是我国第二长河,黄山风景秀丽。",
        "明天马上就要考试,请家长安排好孩子的时间。",
        "学生明天返校,学生马上离校,学生高兴地说。",
        "老师高度重视,家长满意,学生安全。",
        "班主任对全班同学进行了安全教育,家长和学校密切配合。",
        "王某、张某某、李某三人参与赌博。小王和老张都认识他。",
        "李老师、张校长和刘女士到会。",
        "江苏、安徽、广东等地学生转入人数增加。",
        "学习《论语》《孟子》,华为手机不得带入校园。",
        "语文老师和数学老师都反映他上课走神。",
        "元旦晚会节目:《茉莉花》《黄河大合唱》。",
    ],
)
def test_words_that_look_like_names_are_left(text: str) -> None:
    assert persons(text) == []


@pytest.mark.parametrize(
    "marked",
    [
        "[阿依古丽·买买提]同学能歌善舞。",
        "学生[买买提江·吐尔逊]从新疆转入我校。",
        "[阿不都热依木·吐尔洪]与[艾力江]发生口角。",
        "[热孜万古丽.卡德尔]同学因病休学。",
        "[木拉提•哈那提]同学汉语水平提高很快。",
        "[迪丽努尔‧艾合买提]和[古丽娜尔]一起参加汇演。",
        "家长[卓玛次仁]来校签字。",
        "班长[扎西多吉]带领大家做操。",
        "[乌云其木格]老师教蒙语。",
        "[那日苏]考入内地班。",
        "[马哈麦德]因斋月请假。",
        "[吉克阿木]、[沙马日哈]旷课一天。",
        "外教[约翰·史密斯]和[安娜]参加了活动。",
        "[伊马木·玉素甫]之子[艾克拜尔]入学。",
    ],
)
def test_names_of_other_peoples(marked: str) -> None:
    got, wanted = found(marked)
    assert got == wanted


@pytest.mark.parametrize(
    "marked",
    [
        "儿子[子涵]今天咳嗽,请假。",
        "女儿[晨曦]性格内向。",
        "[张雨泽]推了[刘思远]。[雨泽]随后道歉,[思远]表示原谅。",
        "[小明]家长您好。",
    ],
)
def test_a_given_name_alone_counts_when_the_text_says_whose_it_is(marked: str) -> None:
    got, wanted = found(marked)
    assert got == wanted


@pytest.mark.parametrize(
    "text", ["", " ", "·", "王", "王·", "·李", "好" * 500, "王小明" * 300, "<b>&nbsp;</b>", '{"a": [1]}', "\ud83d·"]
)
def test_any_text_gives_spans_inside_it(text: str) -> None:
    reading = Reading(Normal.of(text), word_model().cut)
    for span in (span for detector in detectors() for span in detector.find(reading)):
        assert 0 <= span.start < span.end <= len(reading.text.text)
        assert span.type is TextType.PERSON
        assert 0 < span.score <= 1


def test_names_of_one_text_do_not_overlap() -> None:
    text = "学生王小明、李子涵和阿依古丽·买买提被欧阳锋老师表扬,小明很高兴。" * 5
    reading = Reading(Normal.of(text), word_model().cut)
    places = sorted((span.start, span.end) for detector in detectors() for span in detector.find(reading))
    assert len(places) >= 20
    assert all(before[1] <= after[0] for before, after in pairwise(places))


def test_a_cutter_that_knows_no_likelihoods_will_do() -> None:
    words = (Word(0, 2, "n", 0.9), Word(2, 5, "PER", 0.9), Word(5, 6, "p", 0.9), Word(6, 8, "n", 0.9))
    reading = Reading(Normal.of("学生王小明在操场"), lambda text: words)
    assert [(span.start, span.end) for detector in detectors() for span in detector.find(reading)] == [(2, 5)]


def test_no_rule_tells_the_name() -> None:
    reading = Reading(Normal.of("学生王小明在操场受伤。"), word_model().cut)
    for span in (span for detector in detectors() for span in detector.find(reading)):
        assert "王" not in repr(span)
