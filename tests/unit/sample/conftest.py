"""One sample of 200,000 pupils for all tests of this folder."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

import rulebook
from core_registry.sample import Sample, generate
from rulebook import Rulebook

TODAY = date(2026, 11, 23)


@pytest.fixture(scope="session")
def book() -> Rulebook:
    return rulebook.load(Path(__file__).resolve().parents[3] / "config")


@pytest.fixture(scope="session")
def sample(book: Rulebook) -> Sample:
    return generate(200_000, 7, book, today=TODAY)


@pytest.fixture(scope="session")
def pupils(sample: Sample) -> pl.DataFrame:
    return pl.concat(list(sample.batches()))
