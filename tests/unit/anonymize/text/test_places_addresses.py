"""Addresses in school prose, with the real word model; ``【 】`` marks what is to be found. All homes are invented."""

from __future__ import annotations

import pytest

from gateway.anonymize.text.model import word_model
from gateway.anonymize.text.spans import TextType
from tests.unit.anonymize.text.placed import expected, places, plain


def addresses(text: str) -> list[str]:
    """Return what is found in ``text``, in order."""
    return places(TextType.ADDRESS, text, word_model().cut)


@pytest.mark.parametrize(
    "marked",
    [
        "该生家住【山西省太原市小店区平阳路12号阳光小区3号楼2单元501室】，父亲在外打工。",
        "现居【晋中榆次安宁街锦绣苑5栋302】",
        "户籍地：【山西省吕梁市临县三交镇孙家沟村三组】。",
        "家住【长治市潞州区太行西街紫坊花园3#楼2单元501】",
        "包裹请寄到【山西省临汾市尧都区鼓楼北大街18号华康小区2-3-501】。",
        "住址【运城市盐湖区红旗东街魏风小区12幢1单元3层东户】。",
        "现租住【太原市尖草坪区兴华街街道西华苑小区８号楼】。",
        "监护人联系地址：【内蒙古自治区呼和浩特市赛罕区大学西街235号】。",
        "【上海市浦东新区张江镇孙环路365弄12号601室】",
        "该生户口在【榆次区郭家堡乡聂店村】，符合入学条件。",
        "去【刘家堡乡刘家堡村三组】家访。",
        "其家庭住址【绛县古绛镇坡底村南坡12号】。",
        "家庭住址:【汾阳市文峰街道东方红路凤凰小区 6 号楼 2 单元 602】",
        "居住证地址：【大同市平城区振华南街街道永和花园Q-7-1-1502】，与原件一致。",
        "随母亲到【榆次区】生活。",
        "迁入地址填【迎泽区郝庄镇王家峰村】。",
    ],
)
def test_an_address_reaches_from_its_first_division_to_its_last_detail(marked: str) -> None:
    assert addresses(plain(marked)) == expected(marked)


@pytest.mark.parametrize(
    "marked",
    [
        "在【坞城路36号】门前被电动车撞伤。",
        "迁至【恒大绿洲3号楼】。",
        "班主任在【龙湖金色半岛16栋1单元574】租房陪读。",
        "送餐地址：【府城西街3号院2-2-6】",
        "父亲在【迎泽东路79号附4号】开了一家小超市。",
        "家住【一中家属院2号楼】。",
        "住【阳光小区】，离学校很近。",
        "家住【刘家堡村】，父亲务农。",
        "【小店区平阳路与南内环街交叉口】发生事故。",
    ],
)
def test_an_address_needs_no_division(marked: str) -> None:
    assert addresses(plain(marked)) == expected(marked)


@pytest.mark.parametrize(
    "marked",
    [
        "家住【山西省，太原市，小店区平阳路12号】。",
        "家住【太原市 小店区 平阳路 12号】。",
        "地址：【山西省阳泉市矿区蔡洼街道（桃南小区）6号楼】。",
        "先后住过【太原市小店区平阳路12号】、【迎泽区桥东街8号】。",
        "【山西省晋城市城区北街街道凤鸣小区】（租房）",
        "我家住在【刘家堡村】，每天走路上学。",
        "家住【三墙路】附近，由奶奶接送。",
        "他住【五一路】，我住【南内环街】。",
    ],
)
def test_commas_spaces_and_brackets_join_only_what_goes_on(marked: str) -> None:
    assert addresses(plain(marked)) == expected(marked)


@pytest.mark.parametrize(
    "marked",
    [
        "籍贯：【山西省大同市】",
        "家住【榆次】，父母做小生意。",
        "他家搬到【北京】以后，成绩有所下降。",
        "祖籍【河北省保定市蠡县】。",
        "从【四川省成都市金牛区】迁入【太原市晋源区义井街道】。",
        "原籍【晋东南】，奶奶家在【大同市南郊区口泉乡】。",
        "户籍地址：【书香一品】，已备案。",
        "该生家庭住址变更为【汾阳市太和桥街道南关新村8排3号】。",
        "该生随迁入学，居住证地址为【太原市迎泽区郝庄镇双塔南路16号】。",
    ],
)
def test_behind_a_word_of_residence_a_bare_place_is_an_address(marked: str) -> None:
    assert addresses(plain(marked)) == expected(marked)


@pytest.mark.parametrize(
    "text",
    [
        "2024年3月12日，该生在太原市参加数学竞赛获二等奖。",
        "山西省教育厅、太原市教育局联合表彰了他。",
        "在小店区人民法院调解下，双方家长达成协议。",
        "家长带他到太原市公安局小店分局报案。",
        "放学后在平阳路公交站等车。",
        "五一路上堵车，他迟到了。",
        "第三单元测试他考了98分，三号楼教室。",
        "在2号教学楼3层摔倒；宿舍为2号楼301室。",
        "高二3班在篮球赛中3-2战胜高二5班。",
        "他住在学校宿舍3号楼。",
        "母亲住院，他独自住校，住在三楼。",
        "在平阳路小学读书。",
        "住址不详；籍贯不详；地址：学校传达室。",
        "出生于一个教师家庭，老家在农村。",
        "平阳路街道办事处工作人员到校宣传防溺水知识。",
        "在平遥古城参加研学旅行，去迎泽公园玩。",
        "他爱吃太谷饼和清徐葡萄，走太原路这条近道。",
        "学校地址在胜利街上，记住了。",
    ],
)
def test_places_where_something_happens_are_no_addresses(text: str) -> None:
    assert addresses(text) == []


def test_a_school_ends_an_address() -> None:
    marked = "家住【太原市小店区平阳路12号】太原市小店区第一实验小学旁边"
    assert addresses(plain(marked)) == expected(marked)
