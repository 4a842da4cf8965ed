"""Schools in school prose, with the real word model; ``【 】`` marks what is to be found."""

from __future__ import annotations

import pytest

from gateway.anonymize.text.model import word_model
from gateway.anonymize.text.spans import TextType
from tests.unit.anonymize.text.placed import expected, places, plain


def schools(text: str) -> list[str]:
    """Return what is found in ``text``, in order."""
    return places(TextType.SCHOOL, text, word_model().cut)


@pytest.mark.parametrize(
    "marked",
    [
        "王小明由【太原市小店区第一实验小学】转入【山西省实验中学】。",
        "从【大同市第二中学校】考入【太原五中】，成绩优秀。",
        "孩子原就读于【阳光双语幼儿园】，后转至【金色摇篮幼儿园】。",
        "【榆次一中】与【平遥中学】进行足球友谊赛。",
        "考取了【县一中】，弟弟在【县二小】读书，妹妹在【市实验幼儿园】。",
        "他去了【省实验】参加考试，【成成中学】和【进山中学】也来了。",
        "毕业于【山大附中】，现就读于【太原市育英中学晋源校区】。",
        "市里的【二十中】和【三十七中】都来了。",
        "据【古交市第二中学】反映，在【临县三交镇中心校】就读。",
        "【柳林县李家湾乡九年一贯制学校】的学生。",
        "她妹妹在【太原幼儿师范学校附属幼儿园】。",
        "【山西大学附属小学】与【太原理工大学附属小学】。",
        "就读于【附中】，去【二小】找同学。",
        "转出学校：【长治市第六中学校】；转入学校：【晋城市第一中学校】。",
        "【大同市平城区十八校】四年级，【大同市云冈区职业中学】汽修专业。",
        "就读于【石楼县职教中心】，曾在【塔城地区特殊教育学校】。",
        "【山西省实验中学（滨河校区）】",
        "他在【平遥县古陶镇西关小学】就读三年级。",
        "转出学校为【贵州省罗甸县希望之星双语学校】。",
    ],
)
def test_a_school_is_its_whole_name_with_its_divisions(marked: str) -> None:
    assert schools(plain(marked)) == expected(marked)


@pytest.mark.parametrize(
    "marked",
    [
        "【太原五中】学生会主席。",
        "【太原十二中】校长表示祝贺，荣获【忻府实验小学】校级三好学生。",
        "在【建设路小学】门口被高年级同学欺负。",
        "住在五一中路的学生在【阳泉十五中】读书。",
        "转入【小店区恒大小学】；住翡翠城小区的同学也是。",
    ],
)
def test_what_follows_a_school_is_no_part_of_it(marked: str) -> None:
    assert schools(plain(marked)) == expected(marked)


@pytest.mark.parametrize(
    "text",
    [
        "全市中小学开展活动，小学毕业后他上了一所重点中学。",
        "该校王校长表示，我校将进一步加强管理。",
        "中学生行为规范知识竞赛，两所小学联合举办运动会。",
        "希望小学的孩子们收到了礼物。",
        "毕业于山西大学，现在太原师范学院任教。",
        "其中一中等生进步很大，二小时后到校。",
        "初中阶段表现良好，高中三年担任班长。",
        "参加驾校培训，在新东方培训学校补习英语。",
        "我市一所知名小学，县里最好的高中。",
        "太原市小学生足球赛，榆次区中小学生艺术节。",
        "小区里的孩子们在实验室做实验。",
        "请转入学校接收，原毕业学校盖章。",
        "各中小学幼儿园：特殊教育学校教师培训。",
    ],
)
def test_kinds_of_schools_and_universities_are_no_schools(text: str) -> None:
    assert schools(text) == []
