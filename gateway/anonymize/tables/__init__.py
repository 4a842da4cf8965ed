"""The engine for any table, without the registry: a plan, a CSV or Parquet file, and what may leave of it."""
