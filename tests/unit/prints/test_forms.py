"""The five annexes in print: every field in both outputs, stub and certificate, the seam (section 8)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import date
from html import unescape
from xml.etree import ElementTree

import pytest
from fpdf import FPDF

from core_registry.domain.identity_number import problem_of
from core_registry.prints import (
    STYLESHEET,
    AnnexFive,
    AnnexFour,
    AnnexOne,
    AnnexThree,
    AnnexTwo,
    Form,
    HolderPart,
    Opinion,
    UnprintableError,
    render_html,
    render_pdf,
)
from core_registry.prints.layouts import layout_of
from core_registry.prints.layouts.applications import DESIGNED
from core_registry.prints.layouts.certificates import STAMP_SENTENCE
from core_registry.prints.layouts.collection import entries
from core_registry.prints.tree import (
    Blank,
    Cell,
    Code,
    Part,
    Row,
    Spread,
    Table,
    Words,
    fields_of,
    month,
    parts_of,
    texts_of,
)
from tests.factories import prints

FILLED: dict[str, Form] = {
    "1": prints.annex_one(),
    "2": prints.annex_two(),
    "3": prints.annex_three(),
    "4": prints.annex_four(),
    "5": prints.annex_five(),
}
BLANK: dict[str, Form] = {"1": AnnexOne(), "2": AnnexTwo(), "3": AnnexThree(), "4": AnnexFour(), "5": AnnexFive()}
filled = pytest.mark.parametrize("form", FILLED.values(), ids=FILLED)
blank = pytest.mark.parametrize("form", BLANK.values(), ids=BLANK)


def text_of(parts: tuple[Part, ...]) -> str:
    """Return all words and values of parts in reading order."""
    return "".join(
        piece.text if isinstance(piece, Words) else piece.value for text in texts_of(parts) for piece in text.pieces
    )


def leaves(form: object) -> Iterator[str]:
    """Return every text value that a form holds."""
    if isinstance(form, str):
        yield form
    elif isinstance(form, tuple):
        for one in form:
            yield from leaves(one)
    elif is_dataclass(form):
        for one in fields(form):
            yield from leaves(getattr(form, one.name))


def shown(document: str) -> str:
    """Return the visible text of an HTML page."""
    body = document[document.index("<body>") :]
    return unescape(re.sub(r"<[^>]*>", "", body))


CODES = {"suspension", "illness", "original", "completion"}
"""Values that choose a box or a word, and are not printed themselves."""


@filled
def test_every_value_of_a_form_stands_in_the_html(form: Form) -> None:
    page = shown(render_html(form))
    for value in leaves(form):
        if value in CODES or value.startswith("https://") or re.fullmatch(r"\d{4}-\d{2}", value) or len(value) == 1:
            continue
        assert value in page


@filled
def test_every_field_of_the_layout_stands_in_the_html_with_its_words(form: Form) -> None:
    page = shown(render_html(form))
    for text in texts_of(parts_of(layout_of(form).page)):
        for piece in text.pieces:
            assert (piece.text if isinstance(piece, Words) else piece.value) in page


@filled
def test_the_pdf_is_one_page_and_is_set_from_the_same_layout(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    plain = FPDF.text

    def listening(self: FPDF, x: float, y: float, text: str = "") -> None:
        drawn.append(text)
        plain(self, x, y, text)

    monkeypatch.setattr(FPDF, "text", listening)
    content = render_pdf(form)
    assert content.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", content)) == 1
    everything = re.sub(r"\s", "", "".join(drawn))
    document = layout_of(form)
    for field in fields_of(parts_of(document.page)):
        assert re.sub(r"\s", "", field.value) in everything
    for text in texts_of(parts_of(document.page)):
        for piece in text.pieces:
            if isinstance(piece, Words) and len(text.pieces) == 1:
                assert re.sub(r"\s", "", piece.text) in everything


@filled
def test_the_pdf_of_a_form_is_always_the_same(form: Form) -> None:
    assert render_pdf(form) == render_pdf(form)


@filled
def test_the_pdf_embeds_its_fonts(form: Form) -> None:
    content = render_pdf(form)
    assert b"/FontFile3" in content
    assert b"NotoSerifSC" in content


@blank
def test_a_blank_form_has_no_value_and_prints(form: Form) -> None:
    document = layout_of(form)
    assert all(not blank.value.strip("□　 ").isdecimal() for blank in fields_of(parts_of(document.page)))
    assert "■" not in text_of(parts_of(document.page))
    assert render_pdf(form).startswith(b"%PDF-")
    assert "<svg" not in render_html(form)  # no number, no code


# --- Annex 1


@pytest.mark.rule("A9-2")
def test_annex_1_has_the_37_fields_by_number_and_the_signatures() -> None:
    assert [number for number, _, _ in entries()] == list(range(1, 38))
    document = layout_of(BLANK["1"])
    text = text_of(parts_of(document.page))
    for number, label, _ in entries():
        assert f"{number}{label}" in text
    for signature in ("学生家长签字：", "班主任签字：", "填表日期：", "注：带★为必采信息项"):
        assert signature in text
    assert document.title == "全国中小学生学籍信息管理系统学生基本信息采集表"


@pytest.mark.rule("A9-2")
def test_annex_1_marks_what_must_be_collected() -> None:
    optional = {2, 14, 21, 24, 30, 33, 36, 37}  # section 8; a damaged asterisk is a star
    assert {number for number, label, _ in entries() if not label.endswith("★")} == optional


@pytest.mark.rule("A9-2")
def test_every_field_of_annex_1_shows_its_own_value() -> None:
    values = {blank.name: blank.value for blank in fields_of(parts_of(layout_of(prints.annex_one()).page))}
    for _, _, name in entries():
        assert values[name]
    assert values["name"] == "阿依古丽·买买提"
    assert values["first_member.name"] != values["second_member.name"]


# --- Annexes 2 and 3


@pytest.mark.rule("A28-1", "A31-1")
def test_annex_2_has_every_field_of_the_articles() -> None:
    text = text_of(parts_of(layout_of(AnnexTwo()).page))
    for label in (
        "休学", "续休", "复学", "姓名", "性别", "学籍号", "身份证件号", "学校", "年级、班级", "因病需休养",
        "其他不可抗力", "传染病", "休学起止日期", "已累计休学", "复学日期", "拟就读年级", "原年级", "对应年级",
        "证明材料清单", "监护人姓名", "与学生关系", "联系电话", "监护人签字",
        "学校意见", "校长签字", "（公章）", "上级学籍管理部门意见", "经办人",
    ):  # fmt: skip
        assert label in text


@pytest.mark.rule("A36-1", "A35-1", "A35-2", "A35-3", "A35-4")
def test_annex_3_has_every_field_of_the_articles_and_the_four_grounds() -> None:
    text = text_of(parts_of(layout_of(AnnexThree()).page))
    for label in (
        "姓名", "性别", "学籍号", "身份证件号", "学校", "年级、班级", "（一）", "（二）", "（三）", "（四）", "超过8周",
        "10周及以上", "超过两年", "申请日期", "办结日期", "累计休学", "本学期旷课", "证明材料清单", "监护人姓名",
        "与学生关系", "联系电话",
        "监护人签字", "学校意见（确认）", "备案编号", "经办人",
    ):  # fmt: skip
        assert label in text


@pytest.mark.rule("A28-1", "A36-1")
@pytest.mark.parametrize("form", [AnnexTwo(), AnnexThree()], ids=["2", "3"])
def test_a_form_that_the_text_does_not_print_says_that_it_was_designed(form: Form) -> None:
    assert DESIGNED in shown(render_html(form))
    assert "式样依条文设计" in DESIGNED


@pytest.mark.rule("A28-1")
def test_exactly_the_chosen_box_is_filled() -> None:
    for kind in ("suspension", "renewal", "resumption"):
        blanks = fields_of(parts_of(layout_of(AnnexTwo(kind=kind)).page))
        assert [blank.name for blank in blanks if "■" in blank.value] == [f"kind.{kind}"]


# --- Annexes 4 and 5


def sides(form: Form) -> tuple[str, str, str]:
    """Return the texts of stub, seam and certificate."""
    page = layout_of(form).page
    assert isinstance(page, Spread)
    return text_of(page.stub), page.seam, text_of(page.certificate)


@pytest.mark.rule("A41-3")
def test_annex_4_has_the_reason_on_the_stub_and_the_seals_on_the_certificate() -> None:
    form = prints.annex_four()
    stub, _, certificate = sides(form)
    assert f"因{form.reason}，发给结业证明书" in stub
    assert form.reason not in certificate
    assert "现发给结业证明书" in certificate
    for word in ("经手人：杨示例", "负责人：郝示例"):
        assert word in stub
        assert word not in certificate
    for seal in ("校长（章）", "学校（章）", "（校章）"):
        assert seal in certificate
        assert seal not in stub
    for side in (stub, certificate):
        for value in (form.holder.name, form.holder.student_number, form.holder.id_number, "性别男", "系山西省浑源县"):
            assert value in side
        assert "从2023年9月至2026年7月在我校学习" in side
        assert "2026年7月10日" in side


@pytest.mark.rule("A41-3")
@pytest.mark.parametrize(("kind", "words"), [("completion", "结业"), ("incomplete", "肄业"), ("", "结业（肄业）")])
def test_annex_4_chooses_completion_or_incomplete(kind: str, words: str) -> None:
    form = replace(prints.annex_four(), kind=kind)  # type: ignore[arg-type]  # one of the three
    stub, _, certificate = sides(form)
    assert f"发给{words}证明书" in stub
    assert f"发给{words}证明书" in certificate
    assert f"山西省普通高中{words}证明书" in shown(render_html(form))


@pytest.mark.rule("A43-2")
def test_annex_5_has_the_years_on_the_stub_and_the_stamp_on_the_certificate() -> None:
    form = prints.annex_five()
    stub, _, certificate = sides(form)
    assert "（学制三年）" in stub
    assert "学制" not in certificate
    assert STAMP_SENTENCE in certificate
    assert STAMP_SENTENCE not in stub
    assert "主管教育行政部门验印" in certificate.replace(STAMP_SENTENCE, "")
    for side in (stub, certificate):
        assert "于2026年7月在我校毕业" in side
        assert f"原毕业证书号码{form.original}号" in side
        assert "2026年9月10日" in side
    assert layout_of(form).title == "山西省中小学生学历证明书"


@pytest.mark.rule("A41-3", "A43-2", "A43-3")
@pytest.mark.parametrize(
    ("form", "number"),
    [
        (prints.annex_four(), "晋结字第34140000032026000123号"),
        (prints.annex_five(), "晋毕证字第（34140000032026000123）号"),
    ],
    ids=["4", "5"],
)
def test_one_number_stands_on_stub_certificate_and_across_the_tear_line(form: Form, number: str) -> None:
    stub, seam, certificate = sides(form)
    assert number in stub
    assert number in certificate
    assert seam == number
    assert f'<div class="seam"><span>{number}</span></div>' in render_html(form)


@pytest.mark.rule("A43-3")
@pytest.mark.parametrize("form", [prints.annex_four(), prints.annex_five()], ids=["4", "5"])
def test_the_code_for_the_public_check_is_on_the_certificate_only(form: AnnexFour | AnnexFive) -> None:
    page = layout_of(form).page
    assert isinstance(page, Spread)
    assert [part.payload for part in page.certificate if isinstance(part, Code)] == [form.check_url]
    assert not any(isinstance(part, Code) for part in page.stub)
    assert form.holder.name not in form.check_url
    assert render_html(form).count("<svg") == 1


# --- both outputs


@filled
def test_the_page_works_under_a_strict_policy(form: Form) -> None:
    page = render_html(form, href="/static/print.css")
    assert "<style" not in page
    assert " style=" not in page
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["/static/print.css"]
    assert "url(" not in STYLESHEET.read_text(encoding="utf-8")
    alone = render_html(form)
    assert alone.count("<style>") == 1
    assert "href=" not in alone


@filled
def test_every_class_of_the_page_is_in_the_style_sheet_and_every_tag_is_closed(form: Form) -> None:
    page = render_html(form, href="/static/print.css")
    sheet = STYLESHEET.read_text(encoding="utf-8")
    used = {name for names in re.findall(r'class="([^"]*)"', page) for name in names.split()}
    structural = {"form", "stub", "certificate", "label", "plain", *(f"annex{n}" for n in range(1, 6))}
    assert {name for name in used - structural if f".{name}" not in sheet} == set()
    body = page[page.index("<main") : page.index("</body>")]
    ElementTree.fromstring(re.sub(r"<col ([^>]*)>", r"<col \1/>", body))


def test_a_value_cannot_become_markup() -> None:
    page = render_html(replace(prints.annex_one(), name='<img src=x onerror="1">'))
    assert "<img" not in page
    assert "&lt;img" in page


@pytest.mark.parametrize("name", ["龘思远", "阿依古丽·买买提", "㛃某", "䶮某", "𬱖某", "亖某"])
def test_rare_and_minority_names_have_glyphs(name: str) -> None:
    assert render_pdf(AnnexOne(name=name)).startswith(b"%PDF-")


def test_a_name_without_a_glyph_is_refused_and_not_printed_with_a_hole() -> None:
    with pytest.raises(UnprintableError) as refused:
        render_pdf(AnnexOne(name="某\U00020000\U00020001"))
    assert "2个字" in (refused.value.detail_zh or "")
    assert "\U00020000" not in f"{refused.value.detail} {refused.value.detail_zh}"
    assert "\U00020000" in render_html(AnnexOne(name="某\U00020000"))


@pytest.mark.rule("A24-2", "A45-3")
def test_no_form_prints_what_is_never_recorded() -> None:
    never = "\u4e13\u95e8\u5b66\u6821"
    for form in (
        AnnexTwo(description=f"曾在{never}就读"),
        AnnexThree(description=never),
        AnnexFour(reason=never),
        AnnexTwo(school=Opinion(never)),
    ):
        for render in (render_pdf, render_html):
            with pytest.raises(UnprintableError) as refused:
                render(form)
            assert refused.value.rule == "A45-3"
            assert never not in str(refused.value)


@filled
def test_no_repr_of_a_form_tells_a_person(form: Form) -> None:
    assert re.search(r"[一-龥0-9]{2}", repr(form)) is None
    assert re.search(r"20190309|龘|买买提|G14", repr(layout_of(form))) is None


def test_long_texts_make_a_form_smaller_and_then_longer() -> None:
    fitted = render_pdf(replace(prints.annex_two(), description="因骨折术后需卧床康复，" * 20))
    assert len(re.findall(rb"/Type /Page\b", fitted)) == 1
    longer = render_pdf(replace(prints.annex_two(), description="因骨折术后需卧床康复，" * 200))
    assert len(re.findall(rb"/Type /Page\b", longer)) > 1


def test_a_certificate_that_cannot_fit_is_refused() -> None:
    with pytest.raises(UnprintableError):
        render_pdf(replace(prints.annex_four(), holder=HolderPart(name="某" * 2000)))


def test_a_table_whose_spans_do_not_add_up_is_refused() -> None:
    with pytest.raises(ValueError, match="add up"):
        Table((12, 12), (Row((Cell(()),)),))
    with pytest.raises(ValueError, match="add up"):
        Table((12, 11), ())


def test_months_are_printed_without_a_leading_zero() -> None:
    assert [piece.value for piece in month("x", "2026-07") if isinstance(piece, Blank)] == ["2026", "7"]


def test_the_invented_identity_numbers_are_valid_and_of_the_province() -> None:
    for number in (prints.CHILD, prints.FATHER, prints.MOTHER, prints.TEENAGER):
        assert number.startswith("14")
        assert problem_of(number) is None
    assert prints.annex_four().issued_on == date(2026, 7, 10)
