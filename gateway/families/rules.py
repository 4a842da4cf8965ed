"""Who may do what for a pupil, by age: hand-over at 14 and at 18 (docs/families.md; PIPL art. 31, civil code art. 17).

Pure functions of a row of the sharing view, the kind of bond and the civil date.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from gateway.ages import age_on
from gateway.families.records import BondKind, Rights
from gateway.identity.lifecycle import ENDED

OWN_ACCOUNT_AGE = 14
"""PIPL art. 31: below it the guardian consents."""
ADULT_AGE = 18
"""Civil code art. 17: guardianship ends."""
GONE = ENDED - {"transfer-pending"}
"""States of a record that is over. During a transfer the pupil is one still."""

NOTHING = Rights()


def born_on(row: Mapping[str, object]) -> date | None:
    """Return the birth date of a row of the sharing view, ``None`` where it has none."""
    born = row.get("birth_date")
    if isinstance(born, str):
        return date.fromisoformat(born)
    return born if isinstance(born, date) else None


def age_of(row: Mapping[str, object], today: date) -> int | None:
    """Return the age in completed years on ``today`` (``ages.age_on``), ``None`` where the row has no birth date."""
    born = born_on(row)
    return None if born is None else age_on(born, today)


def rights_of(kind: BondKind, row: Mapping[str, object], today: date, *, own_account: bool) -> Rights:
    """Return what a live bond of ``kind`` gives on the civil date ``today``.

    ``own_account`` says whether the pupil has an own live account. An unknown age gives sight and nothing else: what
    is not known to be allowed is not (I8). A record that is over gives no right to act.

    Guardian: under 14 everything; from 14 everything until the pupil has an own account, then sight and the ending of
    the identity; from 18 nothing. Pupil: under 14 sight and the identity, no consent alone; from 14 everything.
    """
    age = age_of(row, today)
    over = row.get("state") in GONE
    if age is None:
        return Rights(see=True)
    if kind is BondKind.GUARDIAN:
        if age >= ADULT_AGE:
            return NOTHING
        acts = not over and (age < OWN_ACCOUNT_AGE or not own_account)
        return Rights(see=True, hold=acts, act=acts, close=True)
    grown = age >= OWN_ACCOUNT_AGE
    return Rights(see=True, hold=not over, act=grown and not over, close=grown)


def may_open(kind: BondKind, row: Mapping[str, object], today: date, *, by_guardian: bool) -> bool:
    """Say whether an account with a bond of ``kind`` may be opened for the pupil on ``today``.

    A guardian's until 18; the pupil's own from 14 by the school, under 14 by a guardian who acts. Never for a record
    that is over, or without a birth date.
    """
    age = age_of(row, today)
    if age is None or row.get("state") in GONE:
        return False
    if kind is BondKind.GUARDIAN:
        return not by_guardian and age < ADULT_AGE
    return age < OWN_ACCOUNT_AGE if by_guardian else age >= OWN_ACCOUNT_AGE


def hand_over(row: Mapping[str, object], today: date) -> int | None:
    """Return the age (14 or 18) that the pupil reaches within the year to come, ``None`` for neither."""
    age = age_of(row, today)
    return None if age is None or age + 1 not in {OWN_ACCOUNT_AGE, ADULT_AGE} else age + 1
