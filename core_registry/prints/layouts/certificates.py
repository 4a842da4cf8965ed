"""Annexes 4 and 5: stub and certificate on one sheet, the number on both and down the tear line between them.

Which field stands on which side is said once, in ``core_registry.domain.certificates`` (A41-3, A43-2).
"""

from __future__ import annotations

from datetime import date

from core_registry.domain.certificates import CertificateKind, Side, printed_on
from core_registry.domain.rules import enforces
from core_registry.prints.records import AnnexFive, AnnexFour, HolderPart, StubPart
from core_registry.prints.tree import (
    Blank,
    Cell,
    Code,
    Document,
    Gap,
    Part,
    Piece,
    Row,
    Spread,
    Table,
    Text,
    Title,
    Words,
    day,
    month,
    words,
)

TITLE_FOUR = "山西省普通高中结业（肄业）证明书"
TITLE_FIVE = "山西省中小学生学历证明书"
"""The form prints 学习证明书; Art. 43 and the list of annexes say otherwise (Q-22)."""
STAMP_SENTENCE = "本证明经主管教育行政部门验印后，具有与毕业证书同等效力。"
WORD_FIVE = "晋毕证"
"""The word of the number that Annex 5 prints."""
_NAMES = {"": "结业（肄业）", "completion": "结业", "incomplete": "肄业"}
_CHECK = "扫码查验证书状态（有效、作废、未生效）"


@enforces("A41-3", how="print")
def annex_four(form: AnnexFour) -> Document:
    """Return the layout of Annex 4; 结业 or 肄业 is chosen by ``kind``, both stand on a blank."""
    name = _NAMES[form.kind]
    title = f"山西省普通高中{name}证明书"

    def side(which: Side) -> tuple[Part, ...]:
        on = printed_on(CertificateKind.COMPLETION, which)
        pieces: list[Piece] = [*_holder(form.holder), *_studied(form.holder)]
        if "reason" in on:
            pieces += [Words("，因"), Blank("reason", form.reason, 10), Words(f"，发给{name}证明书。")]
        else:
            pieces += [Words(f"，现发给{name}证明书。")]
        number = (Blank("word", form.word, 4), Words("字第"), Blank("number", form.number, 8), Words("号"))
        seals = ("（校章）", "校长（章）", "学校（章）") if "school_seal" in on else ()
        return _side(which, title, number, pieces, form.issued_on, form.stub, seals, form.check_url)

    seam = f"{form.word or '　　'}字第{form.number or '　　　　　　'}号"
    return Document(4, TITLE_FOUR, Spread(side(Side.STUB), seam, side(Side.CERTIFICATE)))


@enforces("A43-2", how="print")
def annex_five(form: AnnexFive) -> Document:
    """Return the layout of Annex 5; on the certificate it says that it takes effect with the department's stamp."""

    def side(which: Side) -> tuple[Part, ...]:
        on = printed_on(CertificateKind.EDUCATION_PROOF, which)
        pieces: list[Piece] = [*_holder(form.holder), *_studied(form.holder)]
        pieces += [Words("，于"), *month("graduated", form.graduated), Words("在我校毕业")]
        if "years" in on:
            pieces += [Words("（学制"), Blank("years", form.years, 3), Words("年）")]
        pieces += [Words("，原毕业证书号码"), Blank("original", form.original, 10), Words("号，特发给证明。")]
        if "stamp_sentence" in on:
            pieces.append(Words(STAMP_SENTENCE))
        number = (Words(f"{WORD_FIVE}字第（"), Blank("number", form.number, 8), Words("）号"))
        seals = ("校长（章）", "学校（章）", "主管教育行政部门验印") if "school_seal" in on else ()
        return _side(which, TITLE_FIVE, number, pieces, form.issued_on, form.stub, seals, form.check_url)

    seam = f"{WORD_FIVE}字第（{form.number or '　　　　　　'}）号"
    return Document(5, TITLE_FIVE, Spread(side(Side.STUB), seam, side(Side.CERTIFICATE)))


def _holder(holder: HolderPart) -> tuple[Piece, ...]:
    return (
        Words("学生"),
        Blank("holder.name", holder.name, 6),
        Words("（学籍号："),
        Blank("holder.student_number", holder.student_number, 11),
        Words("身份证号："),
        Blank("holder.id_number", holder.id_number, 10),
        Words("），性别"),
        Blank("holder.sex", holder.sex, 2),
        Words("，系"),
        Blank("holder.province", holder.province, 4),
        Words("省"),
        Blank("holder.county", holder.county, 5),
        Words("县（市、区）人，"),
    )


def _studied(holder: HolderPart) -> tuple[Piece, ...]:
    return (
        Words("从"),
        *month("holder.since", holder.since),
        Words("至"),
        *month("holder.until", holder.until),
        Words("在我校学习"),
    )


def _side(
    side: Side,
    title: str,
    number: tuple[Piece, ...],
    pieces: list[Piece],
    issued_on: date | None,
    stub: StubPart,
    seals: tuple[str, ...],
    check_url: str,
) -> tuple[Part, ...]:
    is_stub = side is Side.STUB
    parts: list[Part] = [
        Title(title, "存　根" if is_stub else ""),
        Text(number, "right"),
        Gap(6),
        Text(tuple(pieces), indent=2, size="large"),
        Gap(8),
    ]
    if is_stub:
        parts += [Text(day("issued_on", issued_on), "right"), Gap(12), _handled(stub)]
        return tuple(parts)
    if seals:
        cells = tuple(Cell((words(seal, "center"),)) for seal in seals)
        width = 24 // len(seals)
        parts += [Table((width,) * len(seals), (Row(cells, 34),), ruled=False)]
    parts.append(Text(day("issued_on", issued_on), "right"))
    if check_url:
        parts += [Gap(6), Code(check_url, _CHECK)]
    return tuple(parts)


def _handled(stub: StubPart) -> Table:
    return Table(
        (12, 12),
        (
            Row(
                (
                    Cell(
                        (Text((Words("经手人："), Blank("stub.handler", stub.handler, 0))),),
                        foot=(Text(day("stub.handled_on", stub.handled_on), "right"),),
                    ),
                    Cell(
                        (Text((Words("负责人："), Blank("stub.head", stub.head, 0))),),
                        foot=(Text(day("stub.head_on", stub.head_on), "right"),),
                    ),
                ),
                28,
            ),
        ),
    )
