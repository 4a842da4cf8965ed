"""Numbers and texts have one written form; a ground is judged whatever is typed, and survives the database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from gateway.policies.codec import decode_ground, encode_ground
from gateway.policies.desk import holds_long_number
from gateway.policies.document_numbers import NumberForm, normalize_document_number, read_number
from gateway.policies.ground_problems import GroundProblem
from gateway.policies.grounds import normalize_ground, problems
from gateway.policies.legal_texts import digest, normalize_text
from gateway.policies.records import GovernmentApproval, StatuteGround
from tests.factories import policies as make

OPENING = st.sampled_from("[［【〖(（〔{｛〈《")
CLOSING = st.sampled_from("]］】〗)）〕}｝〉》")
BLANKS = st.text(st.sampled_from(" \t　\u00a0\u200b"), max_size=2)
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
TEXTS = st.text(max_size=40)
CODES = st.frozensets(st.text("abcxyz_-019", max_size=8), max_size=4)
DATES = st.dates(date(1990, 1, 1), date(2100, 1, 1))


@given(TEXTS)
def test_normalising_a_number_is_total_and_idempotent(text: str) -> None:
    once = normalize_document_number(text)
    assert normalize_document_number(once) == once
    assert not any(one.isspace() for one in once)
    read_number(once)


@given(
    st.sampled_from(["并政函", "晋政办函", "太原市人民政府常务会议纪要"]),
    OPENING,
    CLOSING,
    st.integers(2000, 2099),
    st.integers(1, 9999),
    BLANKS,
    st.booleans(),
    st.booleans(),
    st.integers(0, 2),
)
def test_every_way_to_write_a_number_leads_to_one_form(
    agency: str, left: str, right: str, year: int, serial: int, blank: str, wide: bool, ordinal: bool, zeros: int
) -> None:
    digits = f"{'第' if ordinal else ''}{'0' * zeros}{serial}"
    typed = f"{agency}{blank}{left}{year}{right}{blank}{digits}{blank}号"
    if wide:
        typed = typed.translate(WIDE)
    normal = normalize_document_number(typed)
    assert normal == f"{agency}〔{year}〕{serial}号"
    assert NumberForm.DOCUMENT in read_number(normal).forms
    assert read_number(normal).year == year


@given(TEXTS)
def test_normalising_a_text_is_total_and_idempotent(text: str) -> None:
    once = normalize_text(text)
    assert normalize_text(once) == once
    assert digest(text) == digest(once)
    assert all(line == line.strip() and line for line in once.split("\n") if once)


@given(
    st.text(st.sampled_from("第四十条　，。\n\r 甲乙"), min_size=1, max_size=40), st.sampled_from(["\n", "\r\n", "\r"])
)
def test_line_ends_and_indents_do_not_change_a_text(text: str, end: str) -> None:
    indented = "".join(f"　　{line} {end}" for line in normalize_text(text).split("\n"))
    assert digest(indented) == digest(text)


@given(st.from_regex(r"[1-9][0-9]{16}[0-9X]", fullmatch=True), st.lists(st.integers(1, 17), max_size=6), st.booleans())
def test_no_blank_or_hyphen_hides_the_number_of_a_person(number: str, cuts: list[int], wide: bool) -> None:
    parts, last = [], 0
    for cut in sorted(set(cuts)):
        parts.append(number[last:cut])
        last = cut
    spelt = " ".join([*parts, number[last:]])
    assert holds_long_number(f"身份证{spelt.translate(WIDE) if wide else spelt}（核对）")


approvals = st.builds(
    GovernmentApproval,
    act=st.sampled_from(["reply", "office_document", "minutes", "signed_sheet"]),
    government=TEXTS,
    division=st.one_of(TEXTS, st.sampled_from(["140100", "140105", "000000", "140171"])),
    document_number=TEXTS,
    signatory=TEXTS,
    dated=DATES,
    valid_to=DATES,
    scope_text=TEXTS,
    scan_sha256=TEXTS,
    fields=st.none() | CODES,
    levels=st.none() | CODES,
    recipients=st.none() | CODES,
    purposes=st.none() | CODES,
    population_text=TEXTS,
    states_consent=st.booleans(),
    meeting_date=st.none() | DATES,
)
statutes = st.builds(
    StatuteGround,
    legal_basis=st.one_of(TEXTS, st.just("compulsory-education-44")),
    determined_on=DATES,
    reasoning=TEXTS,
    determined_by=TEXTS,
    article=TEXTS,
    text_sha256=TEXTS,
)


@given(approvals | statutes)
def test_a_ground_is_judged_whatever_is_typed_and_comes_back_from_the_database_as_it_was(
    ground: GovernmentApproval | StatuteGround,
) -> None:
    normal = normalize_ground(ground)
    assert normalize_ground(normal) == normal
    assert decode_ground(encode_ground(normal)) == normal
    for text in {problem.code: problem for problem in _problems(ground)}.values():
        assert text.zh
        assert text.en
        assert "{" not in text.zh + text.en
    # nothing that was typed at random is an approval of a people's government
    if isinstance(ground, GovernmentApproval):
        assert _problems(ground)


def _problems(ground: GovernmentApproval | StatuteGround) -> tuple[GroundProblem, ...]:
    return problems(ground, make.scope(), make.RECIPIENT, make.rule_book(), make.TODAY)


@given(st.sampled_from(["signatory", "scope_text", "government", "document_number", "scan_sha256"]), BLANKS)
def test_an_approval_that_holds_needs_each_of_its_parts(part: str, blank: str) -> None:
    assert not _problems(make.approval())
    assert _problems(replace(make.approval(), **{part: blank}))  # type: ignore[arg-type]  # a part by its name


def test_grounds_that_were_kept_before_members_were_added_are_still_read() -> None:
    old = '{"determined_on":"2026-02-25","kind":"statute","legal_basis":"compulsory-education-44"}'
    assert decode_ground(old) == StatuteGround("compulsory-education-44", date(2026, 2, 25))
    approval = (
        '{"act":"reply","dated":"2026-02-20","division":"140100","document_number":"并政函〔2026〕12号","fields":null,'
        '"government":"太原市人民政府","kind":"government","levels":null,"recipient":null,"scan_sha256":"'
        + "ab"
        * 32
        + '","scope_text":"同意提供全市义务教育阶段学生年级统计所需数据","signatory":"示例签发人",'
        '"valid_to":"2026-12-31"}'
    )
    assert decode_ground(approval) == make.approval()
