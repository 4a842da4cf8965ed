"""The layout of each annex: the only description of what stands where."""

from __future__ import annotations

from typing import assert_never

from core_registry.domain.archive_texts import says_what_is_never_recorded
from core_registry.domain.rules import enforces
from core_registry.prints.errors import UnprintableError
from core_registry.prints.layouts.applications import annex_three, annex_two
from core_registry.prints.layouts.certificates import annex_five, annex_four
from core_registry.prints.layouts.collection import annex_one
from core_registry.prints.records import AnnexFive, AnnexFour, AnnexOne, AnnexThree, AnnexTwo, Form
from core_registry.prints.tree import Document, fields_of, parts_of


@enforces("A24-2", "A45-3", how="print")
def layout_of(form: Form) -> Document:
    """Return the layout of a form with its values.

    Raises ``UnprintableError`` for a text that says what the archive never records, wherever it came from.
    """
    document = _layout_of(form)
    if any(says_what_is_never_recorded(blank.value) for blank in fields_of(parts_of(document.page))):
        raise UnprintableError(
            "A text of this form says what is never printed; correct the record.",
            detail_zh="表中文字含有不予记载的内容，请更正后打印。",
            rule="A45-3",
        )
    return document


def _layout_of(form: Form) -> Document:
    match form:
        case AnnexOne():
            return annex_one(form)
        case AnnexTwo():
            return annex_two(form)
        case AnnexThree():
            return annex_three(form)
        case AnnexFour():
            return annex_four(form)
        case AnnexFive():
            return annex_five(form)
        case _:
            assert_never(form)
