"""Invented but realistic pupils of Shanxi, from 100 to 5 million, by a seed, streaming. No row is a real person."""

from core_registry.sample.generator import Sample, generate
from core_registry.sample.sentinels import SENTINEL_GUARDIANS, SENTINEL_NAMES, SENTINEL_STREET
from core_registry.sample.writers import write_csv, write_source, write_workbook

__all__ = [
    "SENTINEL_GUARDIANS",
    "SENTINEL_NAMES",
    "SENTINEL_STREET",
    "Sample",
    "generate",
    "write_csv",
    "write_source",
    "write_workbook",
]
