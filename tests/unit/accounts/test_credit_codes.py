"""统一社会信用代码 by GB 32100-2015: one wrong character, or two exchanged, are found."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.accounts.credit_codes import ALPHABET, check_character, credit_code
from gateway.accounts.errors import CreditCodeError
from gateway.audit.screening import is_credit_code
from gateway.demo import people

BODIES = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(ALPHABET),
        st.sampled_from(ALPHABET),
        st.text("0123456789", min_size=6, max_size=6),
        st.text(ALPHABET, min_size=9, max_size=9),
    ),
)


def test_worked_examples() -> None:
    # weights 3^i mod 31: 1 3 9 27 19 26 16 17 20 29 25 13 8 24 10 30 28
    # 9·1 + 1·3 + 1·9 + 4·27 + 1·26 = 155 = 5·31: nothing remains
    assert check_character("91140100000000000") == "0"
    # M stands for 21, A for 10: 155 + 21·20 + 10·29 = 865 = 27·31 + 28, and 31 - 28 = 3
    assert check_character("91140100MA0000000") == "3"
    # the code that textbooks of the standard calculate
    assert credit_code("91350100M000100Y43") == "91350100M000100Y43"


@given(BODIES)
def test_a_code_with_its_check_character_is_one_and_with_any_other_is_none(body: str) -> None:
    good = check_character(body)
    assert credit_code(body + good) == body + good
    assert credit_code(f" {(body + good).lower()} ") == body + good
    for other in set(ALPHABET) - {good}:
        with pytest.raises(CreditCodeError):
            credit_code(body + other)


@given(BODIES, st.integers(0, 17), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_found(body: str, place: int, other: str) -> None:
    code = body + check_character(body)
    assume(code[place] != other)
    with pytest.raises(CreditCodeError):
        credit_code(code[:place] + other + code[place + 1 :])


@given(BODIES, st.integers(0, 16))
def test_two_neighbours_exchanged_are_found(body: str, place: int) -> None:
    code = body + check_character(body)
    assume(code[place] != code[place + 1])
    with pytest.raises(CreditCodeError):
        credit_code(code[:place] + code[place + 1] + code[place] + code[place + 2 :])


@given(st.text(max_size=24))
def test_no_text_is_taken_for_a_code_by_accident_or_breaks_the_check(text: str) -> None:
    try:
        code = credit_code(text)
    except CreditCodeError:
        return
    assert len(code) == 18
    assert set(code) <= set(ALPHABET)


@given(BODIES)
def test_the_audit_screen_counts_alike(body: str) -> None:
    """An independent implementation in another room, written for another purpose."""
    code = body + check_character(body)
    assert is_credit_code(code) or code.isdigit()
    assert not is_credit_code(code[:-1] + ALPHABET[(ALPHABET.index(code[-1]) + 1) % 31])


def test_the_letters_that_look_like_digits_are_none() -> None:
    for letter in "IOSVZ":
        with pytest.raises(CreditCodeError):
            credit_code(f"91140000MA0DEMB0{letter}5")


def test_the_recipients_of_the_demo_have_codes_that_hold() -> None:
    for code in people.RECIPIENTS:
        assert credit_code(code) == code
