"""The form of one pupil, as a case hands it in: the same normal forms and checks as those of a file (A9-2, A10-2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from core_registry.intake import findings
from core_registry.intake.checks import FileChecks
from core_registry.intake.normalization import Normalizer
from core_registry.intake.reader import Form
from core_registry.intake.records import RegisterStore
from core_registry.intake.register_checks import with_keys
from rulebook.records import ImportMapping, Rulebook

_NO_MAPPING = "template"
_FACTS = ("student_number", "entry_month")


@dataclass(frozen=True, slots=True)
class OneForm:
    """A form taken: ``rows`` is one row as ``RegisterStore.apply`` wants it, without ``student_id``.

    ``findings`` are field (``None``: the whole form) and code of what is wrong, errors only.
    """

    rows: pl.DataFrame = field(repr=False)
    findings: tuple[tuple[str | None, str], ...]


class OneFormReader:
    """Takes single forms by the tables of one rule book; keeps nothing between calls."""

    def __init__(self, book: Rulebook) -> None:
        self._book = book
        self._normalizer = Normalizer.of(book)
        self._mapping: ImportMapping = book.import_mappings[_NO_MAPPING]
        self.annex = self._normalizer.annex
        """The field codes of Annex 1 in order."""

    def take(self, values: Mapping[str, object], school: str, today: date, keyed: RegisterStore) -> OneForm:
        """Return the form of ``values``: field code -> text, date or yes/no; national codes and written forms alike.

        ``values`` beyond Annex 1, student number and entry month are left out. ``today`` is the civil date.
        """
        texts = {code: pl.Series([_written(values.get(code))], dtype=pl.String) for code in (*self.annex, *_FACTS)}
        frame = pl.DataFrame({"row": pl.Series([1], dtype=pl.UInt32), **texts})
        form = Form(self._mapping, 0, frame, findings.none(), {}, supplement=True)
        normal, found = self._normalizer.normalize(form, school)
        checked = FileChecks(normal, self._book, self._normalizer, today).run()
        wrong = findings.join([found, checked])
        errors = wrong.filter(pl.col("code").is_in(list(findings.ERRORS)))
        return OneForm(self.keyed(normal, keyed), tuple(errors.select("field", "code").iter_rows()))

    def keyed(self, rows: pl.DataFrame, keyed: RegisterStore) -> pl.DataFrame:
        """Return rows in normal form with their keys, and nothing else than the register takes of them."""
        return with_keys(rows, self.annex, keyed).select(
            *self.annex, "school_code", *_FACTS, "residence_division", "household_division", "id_key", "suspect_key",
            "unnumbered_key", "content_key",
        )  # fmt: skip


def _written(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    return value.isoformat() if isinstance(value, date) else str(value)
