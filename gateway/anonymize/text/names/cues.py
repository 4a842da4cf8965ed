"""What stands right before and right behind a place in a text, and how much it speaks for a person there."""

from __future__ import annotations

import re

from gateway.anonymize.text.names import weights
from gateway.anonymize.text.names.evidence import Evidence
from gateway.anonymize.text.names.lexical import Lexicons

CLASS = re.compile(
    r"(?:[一二三四五六七八九十0-9]{1,4}|[)\]])班(?:的)?$|(?:[我本该全原]班|年级|年段)$|[初高][一二三]$|[一二三四五六七八九]年级$"
)
"""What ends with a class, behind which a name may stand."""
_HOLDER = re.compile(
    r"^\((?:男|女|化名|身份证|学号|学籍|曾用名|现年|[0-9]{1,2}岁|住|系|汉族|.族|[一二三四五六七八九初高][^()]{0,6}班)"
)
_OF_KIN = re.compile(
    r"^的(?:父|母|爸|妈|爷|奶|姥|外公|外婆|家长|监护人|家属|同桌|班主任|儿子|女儿|孩子|姐|妹|哥|弟|座位|书包|作业|手机|学籍|档案|成绩|病情|伤|居住证|学生证|身份证|户口|饭卡|检讨|试卷|申请|监护|转学|休学|作文|日记|画|演讲|表现|进步|性格|脾气|病历|体检)"
    r"|^[他她](?:爸|妈|爷|奶|姥|爹|娘|哥|姐|弟|妹|家)"
)
_SEXED = re.compile(
    r"^[，,、\s]\s?[男女](?:[，,。；;、\s)）]|$)|^[，,]\s?(?:[0-9一二三四五六七八九十]{1,3}岁|汉族|[\u4e00-\u9fff]{1,4}族[，,。]|系我|系本|我校|现就读)"
)
_SAYS = re.compile(
    r"^[:：][“\"]?(?:同意|不同意|建议|老师|好的|收到|请|我|你|您|没|听|报告|是|对|大家|各位|孩子|谢谢|首先|下面|这|那|明白|可以|行|嗯|刚)"
)
_ENDS = frozenset("。，,;；、!！?？:：()（）\"“”'‘’《》【】[]\n\r\t /·-—…|")
_BLOWS = frozenset("打骂推踢撞咬抓砸摔绊捅")
_LONGEST = 7


class Cues:
    """The contexts of one text. Scores are log odds, added to the model's."""

    def __init__(self, evidence: Evidence, words: Lexicons) -> None:
        self._text, self._odds, self._words = evidence.text, evidence.odds, words
        self._left: dict[int, float] = {}
        self._right: dict[int, float] = {}

    def left(self, start: int) -> float:
        """Return the score of what stands before ``start``."""
        found = self._left.get(start)
        if found is None:
            found = self._left[start] = self._before(start)
        return found

    def _before(self, start: int) -> float:
        text = self._text
        if start == 0:
            return 0.4
        last = text[start - 1]
        if last in ":：" or (last == " " and start > 1):
            return 5.0 if self._label(start) else 0.4
        if last in "班级段一二三的" and CLASS.search(text, max(0, start - 8), start):
            return 3.0
        if last in _ENDS:
            return self._behind_mark(start, last)
        for size in self._words.before_sizes.get(last, ()):
            found = self._words.before.get(text[start - size : start]) if size <= start else None
            if found is not None:
                # 王丽老师高度重视: the role already has its name.
                taken = found >= weights.ROLE and start > size and self._odds[start - size - 1] > 0
                return weights.TAKEN if taken else found
        return weights.NO_LEFT

    def _behind_mark(self, start: int, last: str) -> float:
        if last in "(（":
            return 2.0 if self.left(start - 1) >= weights.ROLE else 0.3  # 三年级二班(王小明)
        if last in ".、)" and start > 1 and self._text[start - 2] in "0123456789一二三四五六七八九十":
            return 1.0  # 1.王小明 2.李雷
        return 0.4

    def _label(self, start: int) -> bool:
        """Return whether a label of a form ends before ``start``: 姓名: ."""
        head = self._text[max(0, start - 12) : start].rstrip(":： ")
        gap = self._text[start - 1]
        if gap == " " and not self._text[max(0, start - 12) : start].rstrip(" ").endswith((":", "：")):
            return any(head.endswith(label) for label in ("姓名", "监护人", "联系人", "签字", "签名"))
        return any(head[-size:] in self._words.labels for size in range(1, min(_LONGEST, len(head)) + 1))

    def right(self, end: int) -> float:
        """Return the score of what stands from ``end`` on."""
        found = self._right.get(end)
        if found is None:
            found = self._right[end] = self._behind(end)
        return found

    def titled(self, end: int) -> float:
        """Return the score of a title right behind ``end``, or of a bracket that can only hold what a person has."""
        score = self.right(end)
        return score if score >= weights.TITLE else 0.0

    def interplay(self, start: int, end: int) -> bool:
        """Return whether ``start`` to ``end`` is the other one in 与 Y 发生争执 or 被 Y 打伤."""
        text = self._text
        if (
            start > 0
            and text[start - 1] in "被遭"
            and (text[end : end + 2] in self._words.before or text[end : end + 1] in _BLOWS)
        ):
            return True
        return (
            start > 0
            and text[start - 1] in "和与跟同及"
            and any(text[end : end + size] in self._words.interplay for size in (1, 2, 3))
        )

    def _behind(self, end: int) -> float:  # noqa: PLR0911  one return for each kind
        text = self._text
        if end >= len(text):
            return 0.5
        if text[end] in "(（" and _HOLDER.match(text[end : end + 12]):
            return 2.0
        if text[end] in "，,、 \t" and _SEXED.match(text[end : end + 8]):
            return 2.0
        if text[end] in ":：" and _SAYS.match(text[end : end + 5]):
            return 1.0
        if text[end] == "收" and text[end + 1 : end + 2] in (")", "）"):
            return 2.0  # （孟和收）
        if text[end] in _ENDS:
            return 0.5
        if text[end] in "的他她" and _OF_KIN.match(text[end : end + 5]):
            return 2.5
        for size in self._words.after_sizes.get(text[end], ()):
            found = self._words.after.get(text[end : end + size])
            if found is not None:
                return found
        return weights.NO_RIGHT
