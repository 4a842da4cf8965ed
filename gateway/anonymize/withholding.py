"""A redactor that withholds free text altogether.

Until every person in a text can be found, no text leaves: the sharing view holds this note instead (I8).
"""

from __future__ import annotations

import polars as pl

WITHHELD = "〔文本未提供〕"
"""Stands in the sharing view where the record has a text."""


class WithholdingRedactor:
    """Implements ``core_registry.sharing.Redactor``."""

    def redact(self, values: pl.Series) -> pl.Series:
        """Return the note wherever there is a text; nulls stay null."""
        frame = values.cast(pl.String).rename("text").to_frame()
        note = pl.when(pl.col("text").is_not_null()).then(pl.lit(WITHHELD))
        return frame.select(note.alias("text")).to_series().rename(values.name)
