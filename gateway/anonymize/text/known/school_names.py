"""The names a school goes by: its own name in short forms (第五中学, 五中; 第一实验小学, 实验一小) and its divisions.

太原市小店区第一实验小学 is written with all, some or none of its divisions, with or without 市 and 区; so the divisions
stand apart from the short forms, and are looked for in front of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.anonymize.text.known.numerals import value
from gateway.anonymize.text.lexicons import lexicon
from gateway.anonymize.text.squeezed import fold

_NO_DIVISION: Final = r"[^\W\d_路街校学园省市县区旗镇乡]"
_DIVISION: Final = re.compile(
    rf"内蒙古(?:自治区)?|黑龙江省?|{_NO_DIVISION}{{2,3}}省|[^\W\d_路街校学园省]{{2,5}}?自治(?:区|州|县|旗)|{_NO_DIVISION}{{2,5}}(?:市|地区|盟)"
    rf"|{_NO_DIVISION}{{1,5}}(?:县|区(?!域)|旗|镇|乡|街道)"
)
_BARE: Final = re.compile("|".join(lexicon("division_stems")))
_SUFFIX: Final = re.compile(r"(?:省|自治[区州县旗]|市|地区|盟|县|区|旗|镇|乡|街道)$")
_BRACKETS: Final = re.compile(r"[(（][^)）]{0,30}+[)）]")
_ORDINAL: Final = re.compile(r"第?([一二三四五六七八九十]{1,3}|[0-9]{1,3})(?=实验|中|小|高|初|职|幼)")
_UNIVERSITY: Final = re.compile(r"(.{2,6}?)(大学|学院|师范|师大)(?=附)")
_LEAST: Final = 2
_TEN: Final = 10

GENERIC: Final = frozenset(
    """
    小学 中学 学校 初中 高中 幼儿园 中学校 小学校 完全小学 完小 中心小学 中心学校 中心校 初级中学 高级中学 完全中学
    职业中学 寄宿制学校 九年一贯制学校 寄宿制小学 寄宿制中学 寄宿制初中 职中 职高 中专 一贯制学校 民族小学 民族中学
    特殊教育学校 希望小学 教学点 中心幼儿园 附属小学 附属中学 职业高级中学 职业高中 普通高中 村小 村小学 联校
    中心小学校
    """.split()
)
"""What every second school is: it names one with the last division before it only (胡村中心小学)."""
_NO_NAMES: Final = frozenset(
    """
    实验 中心 民族 希望 附属 职业 特殊教育 完全 初级 高级 寄宿制 城关 文化 艺术 体育 育才 阳光 和平 新建 建设 光明
    胜利 东方 向阳 解放 友谊 英才 师范 金色 快乐 未来 启蒙 红旗 朝阳 青年
    """.split()
)
"""Names of schools that are words: never without 小学 or 中学 behind them."""
_SHORTER: Final = (
    ("中学校", "中学"), ("小学校", "小学"), ("高级中学", "中学"), ("高级中学", "高中"), ("高级中学校", "高中"),
    ("高级中学校", "中学"), ("初级中学", "初中"), ("初级中学", "中学"), ("初级中学校", "初中"),
    ("初级中学校", "中学"), ("完全小学", "小学"), ("完全小学", "完小"), ("中心小学", "小学"), ("中心小学", "中心校"),
    ("中心小学校", "中心小学"), ("中心小学校", "小学"), ("中心学校", "中心校"), ("中心学校", "学校"),
    ("九年一贯制学校", "学校"), ("寄宿制小学", "小学"), ("寄宿制学校", "学校"), ("寄宿制初级中学", "初中"),
    ("中心幼儿园", "幼儿园"), ("实验小学", "实小"), ("实验中学", "实中"), ("职业中学", "职中"), ("职业中学", "职高"),
    ("职业高级中学", "职高"), ("职业高级中学", "职中"), ("外国语学校", "外国语"), ("外国语小学", "外国语"),
    ("外国语中学", "外国语"), ("附属中学", "附中"), ("附属小学", "附小"), ("附属学校", "附校"),
    ("附属中学校", "附中"), ("附属小学校", "附小"),
)  # fmt: skip
_DROPPED: Final = ("初级中学", "高级中学", "中学校", "小学校", "中学", "小学", "学校", "幼儿园")
_NUMBERED: Final = {
    "中学": ("中",), "小学": ("小",), "中学校": ("中",), "小学校": ("小",), "高级中学": ("高", "高中", "中"),
    "高级中学校": ("高中", "中"), "初级中学": ("中", "初中"), "初级中学校": ("中", "初中"), "幼儿园": ("幼",),
    "实验小学": ("实小",), "实验中学": ("实中",), "职业中学": ("职中", "职高"), "完全小学": ("小", "完小"),
    "中心小学": ("小",), "实验小学校": ("实小",), "职业高级中学": ("职高", "职中"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class School:
    """A school's names without divisions (the first is the registered one), and its divisions, from the widest on."""

    cores: tuple[str, ...]
    divisions: tuple[tuple[str, str], ...]
    """Each with its short form: ``("太原市", "太原")``."""


def parse(registered: str) -> School:
    """Return the names of a registered school, folded."""
    rest = _BRACKETS.sub("", "".join(fold(unicodedata.normalize("NFKC", registered)).split()))
    divisions: list[tuple[str, str]] = []
    while (found := _DIVISION.match(rest) or _BARE.match(rest)) and len(rest) - found.end() >= _LEAST:
        whole = found[0]
        short = _SUFFIX.sub("", whole)
        divisions.append((whole, short if len(short) >= _LEAST else whole))
        rest = rest[found.end() :]
    cores = tuple(dict.fromkeys(core for core in _cores(rest) if len(core) >= _LEAST))
    return School(cores, tuple(divisions))


def _cores(rest: str) -> Iterator[str]:
    yield rest
    for long, short in _SHORTER:
        if rest.endswith(long):
            yield rest[: -len(long)] + short
    for kind in _DROPPED:
        if rest.endswith(kind):
            left = rest[: -len(kind)]
            if len(left) >= _LEAST and not left.endswith(tuple(_NO_NAMES)) and not left.startswith("第"):
                yield left
            break
    if found := _ORDINAL.match(rest):
        yield from _numbered(found[1], rest[found.end() :])
    if found := _UNIVERSITY.match(rest):
        middle = "中" if "中" in rest[found.end() :] else "小"
        for short in (found[1][0] + "大", found[1] + "大", found[1][0] + found[2][0], ""):
            yield f"{short}附{middle}"
            if short:
                yield f"{short}附属{middle}学"


def _numbered(ordinal: str, rest: str) -> Iterator[str]:
    """Yield 五中 and 5中 of 第五中学, 实验一小 and 一实小 of 第一实验小学."""
    number = value(ordinal)
    for way in (_chinese(number), str(number)):
        yield f"第{way}{rest}"
        if rest in {"中学校", "小学校"}:
            yield f"第{way}{rest[:-1]}"
        for short in _NUMBERED.get(rest, ()):
            yield way + short
            if len(short) > 1:
                yield f"第{way}{short}"
        if rest.startswith("实验"):
            kind = "小" if "小学" in rest else "中"
            yield f"实验{way}{kind}"
            yield f"实验第{way}{kind}学"


def _chinese(number: int) -> str:
    digits = "零一二三四五六七八九"
    tens, ones = divmod(number, _TEN)
    if not tens:
        return digits[ones]
    return ("" if tens == 1 else digits[tens % _TEN]) + "十" + (digits[ones] if ones else "")
