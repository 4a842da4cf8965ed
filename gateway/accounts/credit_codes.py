"""统一社会信用代码: the code under which an organisation is registered (GB 32100-2015), with its check character."""

from __future__ import annotations

import unicodedata

from gateway.accounts.errors import CreditCodeError
from gateway.ids import RecipientId

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""The 31 characters of the code: no I, O, S, V, Z, which are taken for 1, 0, 5, U, 2."""
LENGTH = 18
_MODULUS = len(ALPHABET)
_WEIGHTS = tuple(pow(3, place, _MODULUS) for place in range(LENGTH - 1))
_DIVISION = slice(2, 8)


def check_character(body: str) -> str:
    """Return the check character of the first 17 characters (GB 32100-2015, section 4.2.5: 31 minus the weighted sum).

    Raises ``CreditCodeError`` for another length and for a character that the code does not have.
    """
    if len(body) != LENGTH - 1 or any(one not in ALPHABET for one in body):
        raise _wrong()
    total = sum(ALPHABET.index(one) * weight for one, weight in zip(body, _WEIGHTS, strict=True))
    return ALPHABET[-total % _MODULUS]


def credit_code(typed: str) -> RecipientId:
    """Return the code that was typed, in half width and upper case; raises ``CreditCodeError`` when it is none.

    Checked are length, alphabet, the six digits of the registering authority's division, and the check character.
    Whether the organisation exists, and is still called so, is what a person attests.
    """
    code = unicodedata.normalize("NFKC", typed).strip().upper()
    if len(code) != LENGTH or not code[_DIVISION].isdigit() or check_character(code[:-1]) != code[-1]:
        raise _wrong()
    return RecipientId(code)


def _wrong() -> CreditCodeError:
    return CreditCodeError(
        "This is no unified social credit code: 18 characters without I, O, S, V and Z, of which the last one checks "
        "the others (GB 32100-2015). Compare it with the certificate of registration.",
        detail_zh="统一社会信用代码有误：应为 18 位（不含 I、O、S、V、Z），"
        "末位为校验码（GB 32100-2015），请与登记证照核对。",
        missing=("recipient",),
    )
