r"""Identifiers in free text: numbers, accounts and birth dates, by their form, check digits and the words beside them.

Patterns have ASCII look-arounds, never ``\b``: there is no word border between a Chinese character and a digit.
"""

from __future__ import annotations

from gateway.anonymize.text.identifiers.accounts import find_qq, find_wechat
from gateway.anonymize.text.identifiers.births import find_births
from gateway.anonymize.text.identifiers.cards import find_cards
from gateway.anonymize.text.identifiers.detector import IdentifierDetector
from gateway.anonymize.text.identifiers.documents import find_passports, find_permits
from gateway.anonymize.text.identifiers.emails import find_emails
from gateway.anonymize.text.identifiers.phones import find_phones
from gateway.anonymize.text.identifiers.plates import find_plates
from gateway.anonymize.text.identifiers.resident import find_residents, find_students
from gateway.anonymize.text.reading import Detector
from gateway.anonymize.text.spans import TextType


def detectors() -> tuple[Detector, ...]:
    """Return one detector for each kind of identifier; they may overlap each other."""
    return (
        IdentifierDetector("identifiers.student", TextType.STUDENT_NO, find_students),
        IdentifierDetector("identifiers.resident", TextType.CN_ID, find_residents),
        IdentifierDetector("identifiers.card", TextType.BANK_CARD, find_cards),
        IdentifierDetector("identifiers.phone", TextType.PHONE, find_phones),
        IdentifierDetector("identifiers.passport", TextType.PASSPORT, find_passports),
        IdentifierDetector("identifiers.permit", TextType.PERMIT, find_permits),
        IdentifierDetector("identifiers.plate", TextType.PLATE, find_plates),
        IdentifierDetector("identifiers.wechat", TextType.WECHAT, find_wechat),
        IdentifierDetector("identifiers.qq", TextType.QQ, find_qq),
        IdentifierDetector("identifiers.email", TextType.EMAIL, find_emails),
        IdentifierDetector("identifiers.birth", TextType.BIRTH_DATE, find_births),
    )
