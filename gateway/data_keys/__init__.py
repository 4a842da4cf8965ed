"""Data keys: what lies beside the log is encrypted under keys that can be destroyed one by one (design 7, ADR 45)."""
