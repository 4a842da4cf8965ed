"""Words that are names where somebody is told of, and stay words elsewhere. All people are invented; ``[ ]`` marks."""

from __future__ import annotations

import time

import pytest

from gateway.anonymize.text.model import word_model
from gateway.anonymize.text.names.acts import act, agent
from gateway.anonymize.text.names.evidence import Evidence
from gateway.anonymize.text.names.features import _register
from gateway.anonymize.text.names.lexical import lexicons
from gateway.anonymize.text.names.rows import Rows
from gateway.anonymize.text.normal import Normal
from gateway.anonymize.text.reading import Reading
from tests.unit.anonymize.text.test_names import found


def evidence(text: str) -> Evidence:
    """Return the word model's view of ``text``."""
    return Evidence.of(Reading(Normal.of(text), word_model().cut))


@pytest.mark.parametrize(
    "marked",
    [
        "[江河]在食堂插队,与值周生[巩欣怡]发生口角,被[白雪]劝开。",
        "[石磊]把[柳絮]的水杯摔坏了,愿意赔偿15元。",
        "参会人员:[卢志强](主持)、[成功]、[邵丽娟]、[段誉]。",
        "获奖名单:[张子豪]、[高远]、[李沐辰]、[万里]。",
        "[池塘]不慎跌入水沟,被同学救起。",
        "[向导]带领小组完成了实验。",
        "德育处[薛志刚]找[庞博远]谈话。",
        "联系人:[黄山],电话13800000000",
        "学生[方圆],女,三年级二班。",
        "[马跃]他妈妈到校签字。",
    ],
)
def test_words_are_names_where_somebody_acts(marked: str) -> None:
    got, wanted = found(marked)
    assert got == wanted


@pytest.mark.parametrize(
    "marked",
    [
        "[阿依努尔•吐尔逊江]、[古丽米热•艾尔肯]代表我班参加跳绳比赛。",
        "[哈丽娅•叶尔波力]因随父[叶尔波力•托列干]返回新疆,申请转出。",
        "[孟根花]、[萨日朗]两位同学获得称号。",
        "[沙马尔布]与[吉克阿牛]系表兄弟。",
        "一等奖:[扎 西 群 培]",
    ],
)
def test_names_of_other_peoples_by_their_parts(marked: str) -> None:
    got, wanted = found(marked)
    assert got == wanted


@pytest.mark.parametrize(
    "text",
    [
        "高标准严要求,方法得当,管理严格。",
        "任课教师、宿管老师、法定监护人到会。",
        "毕业学校:寿阳五初中;现就读学校:平顺四中。",
        "孩子今天没带水杯,麻烦老师提醒。",
        "高速公路、国道、省道、县道限行。",
        "王姐您好,张姐也在。",
    ],
)
def test_words_stay_words(text: str) -> None:
    assert found(text) == ([], [])


def test_an_act_is_seen_past_adverbs_times_and_objects() -> None:
    words = lexicons()
    for text, end, kind in (
        ("万里迟到了", 2, "act"),
        ("万里今天又没交作业", 2, "late"),
        ("安静上课期间多次与同桌讲话", 2, "act"),
        ("毛线随后向低年级学生索要零花钱", 2, "late"),
        ("程序更新", 2, "verb"),
        ("万里。", 2, ""),
        ("万里", 2, ""),
    ):
        assert act(evidence(text), words, end) == kind, text


def test_who_does_something_is_told_by_the_end_of_a_word() -> None:
    assert agent(evidence("获得者黄金"), 3)
    assert not agent(evidence("黄金"), 0)
    assert not agent(evidence("学校黄金"), 2)


def test_a_row_knows_how_many_of_it_are_names() -> None:
    names = Rows(evidence("参会:卢志强、成功、邵丽娟"))
    assert names.of(7) == "all"
    words = Rows(evidence("看到白云、蓝天、田野"))
    assert words.of(5) == "none"
    assert Rows(evidence("成功来自努力")).of(0) == ""


def test_the_register_of_a_text() -> None:
    words = lexicons()
    assert _register("李明同学在宿舍晚归三次,已通知家长到校。", words) == "sch"
    assert _register("该公司董事长在发布会上表示,股价下跌与市场有关。", words) == "other"
    assert _register("他们沿着河岸一直走到天黑才看见远处的灯火和炊烟。", words) == "plain"
    assert _register("王小明 98", words) == "sch"


@pytest.mark.parametrize(
    "piece", ["高兴、", "万里今天又没", "（张三）", "与同学", "和和", "阿里木·", "获得者", "扎 西 "]
)
def test_work_on_names_grows_with_the_length_and_no_faster(piece: str) -> None:
    def work(size: int) -> float:
        read = evidence((piece * size)[:size])
        before = time.process_time()
        Rows(read)
        _register(read.text, lexicons())
        for end in range(1, size):
            act(read, lexicons(), end)
            agent(read, end)
        return time.process_time() - before

    long = min(work(6_000) for _ in range(3))  # the collector may run in one of them
    assert long < 0.4 or long < 24 * max(work(750) for _ in range(3))  # 8 times the text; a square would take 64
