"""What the rule book says of free text: who looks for personal data, and what is written in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

TextStyle = Literal["placeholder", "mask"]

TEXT_TYPES = (
    "PERSON",
    "ADDRESS",
    "SCHOOL",
    "CN_ID",
    "STUDENT_NO",
    "PHONE",
    "BANK_CARD",
    "PASSPORT",
    "PERMIT",
    "PLATE",
    "WECHAT",
    "QQ",
    "EMAIL",
    "BIRTH_DATE",
)
"""The kinds of personal data in free text, as ``gateway.anonymize.text`` names them."""

PERSON_ROLES = ("student", "guardian", "schoolmate", "other")
"""Who a person of a text can be: the record's pupil, a guardian of the record, a name of the roll, anybody else."""

TEXT_MASKS = ("name", "id_number", "phone", "student_number", "address", "email", "bank_card", "date", "stars")
"""The display masks that a kind can have (``gateway.anonymize.masks``), and four stars where columns have none."""


@dataclass(frozen=True, slots=True)
class Hiding:
    """How one kind is hidden: the word of its placeholder (of persons by role, ``people``) and its mask."""

    mask: str
    placeholder: str
    numbered: bool = False
    """Different values get different numbers, so that a reader can tell them apart."""


@dataclass(frozen=True, slots=True)
class RecognizerRule:
    """One detector: whether it runs, and from which score on its finds count."""

    name: str
    enabled: bool = True
    least_score: float = 0.0
    line: int | None = None
    """Where it stands in the file, for errors that only the gateway can find."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """``recognizers`` by name: a detector that is not named runs, so that forgetting one hides more, not less."""

    style: TextStyle
    people: Mapping[str, str]
    """The word of the placeholder by role."""
    hiding: Mapping[str, Hiding]
    recognizers: Mapping[str, RecognizerRule]


DEFAULT_RECOGNITION = Recognition(
    "placeholder",
    MappingProxyType({"student": "学生", "guardian": "家长", "schoolmate": "同学", "other": "人员"}),
    MappingProxyType(
        {
            "PERSON": Hiding("name", "人员", numbered=True),
            "ADDRESS": Hiding("address", "地址", numbered=True),
            "SCHOOL": Hiding("stars", "学校", numbered=True),
            "CN_ID": Hiding("id_number", "身份证件号"),
            "STUDENT_NO": Hiding("student_number", "学籍号"),
            "PHONE": Hiding("phone", "电话"),
            "BANK_CARD": Hiding("bank_card", "银行卡号"),
            "PASSPORT": Hiding("id_number", "护照号"),
            "PERMIT": Hiding("id_number", "通行证号"),
            "PLATE": Hiding("stars", "车牌号"),
            "WECHAT": Hiding("stars", "微信号"),
            "QQ": Hiding("stars", "QQ号"),
            "EMAIL": Hiding("email", "电子邮箱"),
            "BIRTH_DATE": Hiding("date", "出生日期"),
        }
    ),
    MappingProxyType({}),
)
"""As in the file that ships, for rule books that tests make by hand."""
