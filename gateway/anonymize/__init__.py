"""Masks, pseudonyms, k-anonymity search and leak detection: pure functions, no store."""
