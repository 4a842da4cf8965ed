"""Annexes 2 and 3: the applications for suspension, resumption and withdrawal.

The regulation names both forms and prints neither, so they are designed from Arts. 28, 31, 35 and 36 and say so.
"""

from __future__ import annotations

from core_registry.domain.rules import enforces
from core_registry.prints.records import AnnexThree, AnnexTwo, GuardianPart, Opinion, PupilPart
from core_registry.prints.tree import (
    Blank,
    Cell,
    Document,
    Gap,
    Piece,
    Row,
    Sheet,
    Table,
    Text,
    Title,
    Tone,
    Words,
    choices,
    day,
    value,
    words,
)

TITLE_TWO = "山西省中小学生休学、复学申请表"
TITLE_THREE = "山西省普通高中学生退学申请表"
DESIGNED = "式样依条文设计 / designed from the articles"
KINDS = (("suspension", "休学"), ("renewal", "续休"), ("resumption", "复学"))
GROUNDS = (
    ("illness", "因病需休养（须达学期总课时三分之一以上）"),
    ("force-majeure", "其他不可抗力"),
    ("infectious", "传染病需隔离治疗（由学校办理）"),
)
TARGETS = (("original", "原年级"), ("corresponding", "对应年级"))
WITHDRAWAL_GROUNDS = (
    ("1", "（一）一学期内无故连续旷课超过8周或累计10周及以上，经多次联系无效（自行退学）"),
    ("2", "（二）休学累计超过两年且不适宜继续在校学习"),
    ("3", "（三）患严重疾病或发生意外伤害，无法继续在校学习"),
    ("4", "（四）监护人申请退学"),
)
_COLUMNS = (4, 8, 4, 8)


@enforces("A28-1", "A31-1", how="print")
def annex_two(form: AnnexTwo) -> Document:
    """Return the layout of Annex 2, filled in or blank."""
    used = "" if form.used_days is None else str(form.used_days)
    rows = (
        _wide("申请事项", Text(choices("kind", KINDS, form.kind))),
        *_pupil(form.pupil),
        _wide("休学原因", *(Text((piece,)) for piece in _options("ground", GROUNDS, form.ground)), height=22),
        _wide("原因说明", value("description", form.description), height=28),
        _wide(
            "休学起止日期",
            Text((*day("start", form.start), Words("至"), *day("end", form.end), Words("（每次不超过一年）"))),
        ),
        _wide("已累计休学", Text((Blank("used_days", used, 4), Words("日（普通高中累计不超过两年）")))),
        _wide("复学日期", Text(day("resume_on", form.resume_on))),
        _wide(
            "拟就读年级",
            Text(
                (
                    Blank("target_grade", form.target_grade, 6),
                    Words("　"),
                    *choices("target", TARGETS, form.target_kind),
                )
            ),
        ),
        _evidence(form.evidence, "医院证明须由县级以上医院出具；不可抗力证明须由县级以上公安、民政等部门出具。"),
        *_guardian(form.guardian, "传染病需隔离、由学校办理的，本栏免填。"),
        _opinion("学校意见", "school", form.school, ("校长签字：", "（公章）")),
        _opinion("上级学籍管理\n部门意见", "superior", form.superior, ("经办人：", "（公章）")),
    )
    return _document(2, TITLE_TWO, rows)


@enforces("A36-1", how="print")
def annex_three(form: AnnexThree) -> Document:
    """Return the layout of Annex 3, filled in or blank."""
    numbers = ("" if n is None else str(n) for n in (form.used_days, form.consecutive_weeks, form.total_weeks))
    used, consecutive, total = numbers
    rows = (
        *_pupil(form.pupil),
        _wide("退学事由", *(Text((p,)) for p in _options("ground", WITHDRAWAL_GROUNDS, form.ground)), height=28),
        _wide("事由说明", value("description", form.description), height=28),
        _wide("累计休学", Text((Blank("used_days", used, 4), Words("日（第二项填写）")))),
        _wide(
            "本学期旷课",
            Text(
                (
                    Words("连续"),
                    Blank("consecutive_weeks", consecutive, 3),
                    Words("周，累计"),
                    Blank("total_weeks", total, 3),
                    Words("周（第一项填写）"),
                )
            ),
        ),
        _row(
            "申请日期",
            Text(day("applied_on", form.applied_on)),
            "办结日期",
            Text(day("completed_on", form.completed_on)),
        ),
        _evidence(form.evidence, "第三项须附县级以上医院病历或公安等部门证明。"),
        *_guardian(form.guardian, "自行退学的，本栏免填。"),
        _wide("学生本人签字", words("（年满十八周岁的，学生本人一并签字）", "right", "small"), height=12),
        _opinion("学校意见\n（确认）", "school", form.school, ("校长签字：", "（公章）")),
        Row(
            (
                _label("上级学籍管理\n部门备案"),
                Cell(
                    (Text((Words("备案编号："), Blank("filing", form.filing, 14))),),
                    span=3,
                    foot=(
                        Text(
                            (
                                Words("经办人："),
                                Blank("", "", 6),
                                Words("　（公章）　"),
                                *day("filed_on", form.filed_on),
                            ),
                            "right",
                        ),
                    ),
                ),
            ),
            34,
        ),
    )
    return _document(3, TITLE_THREE, rows)


def _document(annex: int, title: str, rows: tuple[Row, ...]) -> Document:
    return Document(
        annex, title, Sheet((Title(title), Table(_COLUMNS, rows), Gap(1), words(DESIGNED, "right", "small")))
    )


def _label(text: str) -> Cell:
    """Return a label; a line break in it is kept, so that words are not torn apart."""
    return Cell(tuple(words(line, "center") for line in text.split("\n")), Tone.LABEL)


def _row(first: str, left: Text, second: str, right: Text, height: int = 9) -> Row:
    return Row((_label(first), Cell((left,)), _label(second), Cell((right,))), height)


def _wide(label: str, *texts: Text, height: int = 9) -> Row:
    return Row((_label(label), Cell(texts, span=3)), height)


def _options(name: str, options: tuple[tuple[str, str], ...], chosen: str) -> list[Piece]:
    return [piece for piece in choices(name, options, chosen) if isinstance(piece, Blank)]


def _pupil(pupil: PupilPart) -> tuple[Row, ...]:
    grade = (Blank("pupil.grade", pupil.grade, 0), Words("　"), Blank("pupil.class_name", pupil.class_name, 0))
    return (
        _row("姓名", value("pupil.name", pupil.name), "性别", value("pupil.sex", pupil.sex)),
        _row(
            "学籍号",
            value("pupil.student_number", pupil.student_number),
            "身份证件号",
            value("pupil.id_number", pupil.id_number),
        ),
        _row("学校", value("pupil.school", pupil.school), "年级、班级", Text(grade)),
    )


def _evidence(evidence: tuple[str, ...], note: str) -> Row:
    listed = tuple(value(f"evidence.{place}", f"{place}. {name}") for place, name in enumerate(evidence, 1))
    return _wide("证明材料清单", *listed, *(() if listed else (Text(()),)), words(note, size="small"), height=22)


def _guardian(guardian: GuardianPart, note: str) -> tuple[Row, ...]:
    return (
        _row(
            "监护人姓名",
            value("guardian.name", guardian.name),
            "与学生关系",
            value("guardian.relation", guardian.relation),
        ),
        _row(
            "联系电话",
            value("guardian.phone", guardian.phone),
            "监护人签字",
            Text(day("guardian.signed_on", guardian.signed_on), "right"),
            height=12,
        ),
        _wide("说明", words(note, size="small"), height=9),
    )


def _opinion(label: str, name: str, opinion: Opinion, signs: tuple[str, str]) -> Row:
    foot = (Words(signs[0]), Blank("", "", 6), Words(f"　{signs[1]}　"), *day(f"{name}.on", opinion.on))
    return Row(
        (_label(label), Cell((value(f"{name}.text", opinion.text),), span=3, foot=(Text(foot, "right"),))),
        34,
    )
