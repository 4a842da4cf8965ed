"""Names: surnames by frequency, given names by sex and generation, names with · of some peoples.

Frequencies follow the order of the published lists of common surnames; the weights are ours. Any likeness to a
person is chance.
"""

from __future__ import annotations

from itertools import product

from core_registry.sample.draw import Table

_COMMON = (
    "王张李刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜"
    "范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文温牛樊葛邢安齐申弓原郇畅卫解闫岳梁靳晋荆"
)
_LOCAL = {"闫": 9.0, "郝": 8.0, "任": 9.0, "武": 8.0, "贾": 9.0, "薛": 7.0, "乔": 5.0, "卫": 3.0, "畅": 1.0, "郇": 0.5}
"""Surnames that are more frequent in Shanxi than elsewhere."""
_COMPOUND = (
    "欧阳", "司马", "上官", "诸葛", "尉迟", "皇甫", "令狐", "慕容", "长孙", "呼延", "夏侯", "东方", "司徒", "公孙",
    "宇文", "轩辕", "独孤", "赫连", "拓跋", "南宫", "相里",
)  # fmt: skip


def _surnames() -> Table:
    weights: dict[str, float] = {}
    for rank, surname in enumerate(_COMMON):
        weights.setdefault(surname, _LOCAL.get(surname, 72.0 / (rank + 4)))
    for surname in _COMPOUND:
        weights[surname] = 0.035
    return Table(list(weights), list(weights.values()))


def _given(single: str, first: str, second: str, share_single: float) -> Table:
    """Return given names: single characters, and pairs of a first and another second; both in falling frequency."""
    weights: dict[str, float] = {}
    for rank, one in enumerate(single):
        weights[one] = share_single / (rank + 6)
    scale = sum(1 / (rank + 6) for rank in range(len(single)))
    pairs: dict[str, float] = {}
    for (i, a), (j, b) in product(enumerate(first), enumerate(second)):
        if a != b:
            pairs[a + b] = 1 / ((i + 8) * (j + 8))
    total = sum(pairs.values())
    weights = {name: weight / scale for name, weight in weights.items()}
    for name, weight in pairs.items():
        weights[name] = weights.get(name, 0.0) + (1 - share_single) * weight / total
    return Table(list(weights), list(weights.values()))


SURNAMES = _surnames()

PUPIL_BOYS = _given(
    "轩宇浩睿泽晨阳博航涵杰铭昊朔霖",
    "子浩宇梓博俊嘉泽一明思家文奕皓逸承晨天睿昊佳志瑞星景煜晟铭弘",
    "轩宇涵泽然豪杰辰阳博睿航皓熙霖铭瑞诚晨恒凯逸锐宸洋翔源哲浩林",
    0.14,
)
PUPIL_GIRLS = _given(
    "涵萱彤妍琪悦欣颖瑶婷蕊雯玥恬",
    "梓欣雨诗思佳子语一可梦若雅嘉紫芷静艺昕依心馨沐婉晓慧乐米锦舒",
    "涵怡萱彤琪妍晴婷瑶欣悦琳雯彤瑾颖桐菲洁媛蕊玥宁馨然慧茹文雪",
    0.12,
)
FATHERS = _given(
    "伟强磊勇军杰涛超明刚平辉鹏斌波亮飞俊凯旭",
    "建志国海文晓俊永小红振卫春玉新成立宏世少",
    "军强伟平华峰明斌龙杰文东辉亮鹏飞林波云生",
    0.36,
)
MOTHERS = _given(
    "静丽敏艳娟霞芳娜燕玲婷红梅英莉萍慧琴洁",
    "晓丽小海春秀红玉雪文美彩淑艳爱金建慧翠",
    "霞丽燕梅芳玲红萍娟花琴珍英敏芬娜艳莲平",
    0.30,
)
GRANDFATHERS = _given("福贵根锁柱旺", "建国振德永志玉金福来长保天有", "国华山林明生福贵元海成旺喜文", 0.08)
GRANDMOTHERS = _given("兰英莲花梅", "玉秀桂淑凤翠爱改金月春银润巧", "兰英莲花梅珍香芳仙娥青枝桃萍", 0.08)

# Peoples whose names are written with a middle dot: own name · father's name.
_UYGHUR_MEN = "买买提 阿不都拉 艾力 吐尔逊 玉素甫 亚森 库尔班 依明 热合曼 艾山 卡德尔 伊力亚斯 木拉提 帕尔哈提".split()
_UYGHUR_WOMEN = "古丽 阿依古丽 热孜万古丽 祖丽胡玛尔 米热古丽 帕提古丽 迪丽努尔 阿依努尔 麦迪娜 苏比努尔".split()
_KAZAKH_MEN = "叶尔兰 木拉提别克 巴合提 哈那提 阿依丁 努尔兰 赛力克 别克扎提".split()
_KAZAKH_WOMEN = "阿依达娜 古丽娜尔 加娜尔 阿尔帕 巴合提古丽 叶尔克娜孜".split()
_FOREIGN_MEN = "艾哈迈德 约翰 亚历山大 大卫 卡洛斯 阿里 谢尔盖 马克 拉杰 托马斯".split()
_FOREIGN_WOMEN = "安娜 索菲亚 玛丽亚 法蒂玛 艾米丽 叶卡捷琳娜 莱拉 凯瑟琳 普丽娅".split()
_FOREIGN_FAMILIES = "汗 史密斯 伊万诺夫 加西亚 穆勒 沙阿 布朗 彼得罗夫 席尔瓦 哈桑 拉赫曼 尼古拉斯".split()


def _dotted(own: list[str], families: list[str]) -> Table:
    return Table([f"{a}·{b}" for a, b in product(own, families) if a != b])


DOTTED = {
    "05": (_dotted(_UYGHUR_MEN, _UYGHUR_MEN), _dotted(_UYGHUR_WOMEN, _UYGHUR_MEN)),
    "17": (_dotted(_KAZAKH_MEN, _KAZAKH_MEN), _dotted(_KAZAKH_WOMEN, _KAZAKH_MEN)),
}
"""Code of GB/T 3304 -> names of men and of women."""
FOREIGN = (_dotted(_FOREIGN_MEN, _FOREIGN_FAMILIES), _dotted(_FOREIGN_WOMEN, _FOREIGN_FAMILIES))

ETHNIC_SHARES = {
    "01": 9_880.0, "03": 52.0, "11": 18.0, "02": 14.0, "08": 6.0, "06": 5.0, "05": 6.0, "17": 2.0, "07": 4.0,
    "09": 3.0, "04": 3.0, "10": 2.0, "13": 2.0, "14": 1.0, "12": 1.0, "15": 2.0,
}  # fmt: skip
"""Code of GB/T 3304 -> pupils among 10,000."""
