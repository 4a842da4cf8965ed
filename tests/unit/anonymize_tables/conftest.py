"""A desk for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.anonymize_tables.tables import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder to anonymise in."""
    return Desk(tmp_path)
