"""The columns of the sharing view, as the rule book may name them.

The rule book imports nothing from the registry, so the names stand here a second time; a contract test compares
them with ``core_registry.sharing.SHARING_COLUMNS``.
"""

from __future__ import annotations

SHARING_COLUMNS = frozenset(
    {
        "subject_ref", "name_masked", "id_number_masked", "phone_masked", "address_masked", "guardian_name_masked",
        "guardian_relation", "address_division", "household_division", "birth_date", "sex", "nationality",
        "overseas_status", "ethnicity", "id_type", "political_status", "boarding", "disability", "disability_type",
        "special_ed_placement", "left_behind", "school_code", "school_name", "school_type", "school_division",
        "managing_authority", "stage", "grade", "class_name", "entry_month", "state", "awards_text", "remarks_text",
        "updated_at",
    }
)  # fmt: skip

MASKED_COLUMNS = frozenset(
    {"name_masked", "id_number_masked", "phone_masked", "address_masked", "guardian_name_masked"}
)
"""Desensitised forms of direct identifiers: they leave at level ``masked`` only."""

MASKS = ("name", "id_number", "phone", "student_number", "address", "email", "bank_card", "date", "text")
"""Kinds of masks (``gateway.anonymize.masks.MaskKind``)."""

TEXT_COLUMNS = frozenset({"awards_text", "remarks_text"})
"""Redacted free text: never at level ``anonymous``, whose criterion says nothing about text."""

LEVELS = ("check", "match", "statistics", "anonymous", "pseudonymous", "masked")
"""What may leave (design 5)."""

NUMBER_COLUMNS: frozenset[str] = frozenset()
"""Columns of the sharing view that hold numbers: only these can be rounded. There is none yet."""

CASE_LIST_ROWS = 100_000
"""Rows of an extract at level ``masked`` at the most, whatever a profile says: masks are for case lists (design 5)."""

COUNTABLE_COLUMNS = frozenset(
    {
        "address_division", "household_division", "birth_date", "sex", "nationality", "overseas_status", "ethnicity",
        "id_type", "political_status", "boarding", "disability", "disability_type", "special_ed_placement",
        "left_behind", "school_type", "school_division", "managing_authority", "stage", "grade", "entry_month",
        "state", "guardian_relation",
    }
)  # fmt: skip
"""Columns whose values are known beforehand, from a code list or the calendar: statistics may count by these."""
