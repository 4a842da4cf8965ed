"""The row of the sharing view, made from the columns of a record: masks, divisions, nothing that opens (I2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from core_registry.db.shared_texts import TEXTS_SCHEMA
from core_registry.db.times import stamp
from core_registry.sharing import SHARING_COLUMNS, Masker

TYPES: Mapping[str, type[pl.DataType]] = {
    **{
        name: {"text": pl.String, "date": pl.Date, "bool": pl.Boolean, "int": pl.Int64}[kind]
        for name, kind in SHARING_COLUMNS.items()
    },
    "text_redaction": pl.String,
}

LAST_OF_SIX = "16"
"""The grade that is primary in six and three years and junior in five and four."""

_COPIED = (
    "birth_date", "sex", "nationality", "overseas_status", "ethnicity", "id_type", "political_status", "boarding",
    "disability", "disability_type", "special_ed_placement", "left_behind", "grade", "class_name", "entry_month",
    "state", "school_code", "subject_ref", "household_division",
)  # fmt: skip


class SharingRows:
    """Makes rows of the sharing view. ``stages`` maps grade codes to primary, junior, senior."""

    def __init__(self, masker: Masker, stages: Mapping[str, str]) -> None:
        self._masker = masker
        self._stages = dict(stages)

    def frame(
        self, rows: pl.DataFrame, schools: pl.DataFrame, at: datetime, texts: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Return one row of the sharing view for each of ``rows``: ``SHARING_COLUMNS``, then ``text_redaction``.

        ``rows`` hold the record with ``subject_ref``, ``state``, ``shown_name``, ``shown_phone`` and
        ``shown_relation`` (of the first guardian); ``schools`` is the register of schools with their ``system``, null
        for six and three years: the stage of a grade depends on it (A20-4). ``texts`` are the redacted texts of those
        that have any (``TEXTS_SCHEMA``): no other text comes into a row.
        """
        texts = pl.DataFrame(schema=TEXTS_SCHEMA) if texts is None else texts
        joined = rows.select(
            *_COPIED, "residence_division", "shown_relation", "name", "id_number", "shown_name", "shown_phone",
        ).join(
            schools.select(
                "school_code",
                pl.col("name").alias("school_name"),
                pl.col("division").alias("school_division"),
                "managing_authority",
                "system",
            ),
            on="school_code",
            how="left",
            maintain_order="left",
        ).join(texts, on="subject_ref", how="left", maintain_order="left")  # fmt: skip
        mask = self._masker.mask
        made = joined.with_columns(
            mask("name", joined["name"]).alias("name_masked"),
            mask("id_number", joined["id_number"]).alias("id_number_masked"),
            mask("phone", joined["shown_phone"]).alias("phone_masked"),
            self._masker.mask_address(joined["residence_division"]).alias("address_masked"),
            mask("name", joined["shown_name"]).alias("guardian_name_masked"),
            pl.col("shown_relation").alias("guardian_relation"),
            pl.col("residence_division").alias("address_division"),
            pl.col("school_code").str.slice(0, 2).alias("school_type"),
            self._stage().alias("stage"),
            pl.lit(stamp(at)).alias("updated_at"),
        )
        # An empty text is none: the reader of the view tells them apart by that (sharing_reader.py).
        return made.select(
            pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) if kind is pl.String else pl.col(name)
            for name, kind in TYPES.items()
        )

    def _stage(self) -> pl.Expr:
        six_three = pl.col("grade").replace_strict(self._stages, default=None, return_dtype=pl.String)
        return (
            pl.when((pl.col("system") == "5-4") & (pl.col("grade") == LAST_OF_SIX))
            .then(pl.lit("junior"))
            .otherwise(six_three)
        )
