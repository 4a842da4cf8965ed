"""Many sealed values opened at once, into columns."""

from __future__ import annotations

import polars as pl
from sqlalchemy import Connection

from core_registry.db.sealing import DataKeys, unseal


def open_column(
    keys: DataKeys, connection: Connection, table: str, found: pl.DataFrame, names: tuple[str, ...]
) -> pl.DataFrame:
    """Return the items ``names`` of the sealed column of ``found`` as text columns, row by row.

    ``found`` has the row id in its first column, ``key_version`` and ``sealed``. Raises ``SealedValueError``.
    """
    opener = {version: keys.of(connection, table, version) for version in found["key_version"].unique().to_list()}
    row_ids, versions = found.to_series(0).to_list(), found["key_version"].to_list()
    texts = [
        unseal(opener[version], (table, "sealed", version), row_id, sealed)
        for row_id, version, sealed in zip(row_ids, versions, found["sealed"].to_list(), strict=True)
    ]
    shape = pl.Struct(dict.fromkeys(names, pl.String))
    return (
        pl.DataFrame({"sealed": pl.Series(texts, dtype=pl.String)})
        .select(pl.col("sealed").str.json_decode(shape))
        .unnest("sealed")
        .select(names)
    )
