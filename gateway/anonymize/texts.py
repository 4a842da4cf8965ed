"""A second net under free text (design 6.3): a text in which something looks like an identifier is withheld whole.

Persons are hidden when the registry writes the text; this looks for numbers once more when it leaves. Nothing is cut
out of a text: what is left around a gap may still tell.
"""

from __future__ import annotations

import polars as pl

from gateway.anonymize.leakscan import identifiers
from gateway.anonymize.withholding import WITHHELD

_LIKELY = r"\p{Nd}(?:[^\p{Nd}]{0,6}\p{Nd}){6}"
"""Seven digits of any script, near each other: no number that is looked for has fewer. A cheap first sieve."""


def redact_text(value: str) -> str:
    """Return ``value``, or the note ``WITHHELD`` when a number in it looks like an identifier. Idempotent and total."""
    return WITHHELD if identifiers(value) else value


def redact(values: pl.Series) -> pl.Series:
    """Return the column with each text as ``redact_text`` gives it, named as before; nulls stay null."""
    text = values.cast(pl.String)
    likely = text.filter(text.str.contains(_LIKELY)).drop_nulls().unique()
    named = [value for value in likely.to_list() if identifiers(value)]
    if not named:
        return text
    column = pl.col("text")
    hidden = pl.when(column.is_in(named)).then(pl.lit(WITHHELD)).otherwise(column).alias(values.name)
    return text.rename("text").to_frame().select(hidden).to_series()
