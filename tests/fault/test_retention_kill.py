"""kill -9 around the destruction of keys: destroyed and on record, or neither; and renewed, or as before."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import gateway.bootstrap  # noqa: F401  the composition root imports every store, so that the metadata knows all tables
from gateway.audit.policy import TrustPolicy
from gateway.audit.store import DatabaseLogSource
from gateway.audit.verify import verify_log
from gateway.data_keys.records import DESTROYED_TEXT
from gateway.inspections.records import CaseId
from tests.factories.dying import killed
from tests.factories.journal import make_identity
from tests.factories.retention import SECRET, archive

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
DUE = datetime(2031, 12, 31, 16, 0, tzinfo=UTC)
STEPS = {
    "destroyed in an open transaction": ("gateway.data_keys.store", "SqlDataKeys.destroy", "after"),
    "entry encoded, nothing committed": ("gateway.audit.store.log", "LogRows.append", "before"),
    "entry written, nothing committed": ("gateway.audit.store.log", "LogRows.append", "after"),
    "committed, nobody told": ("gateway.retention.sweeper", "Sweeper._destroy", "after"),
    "next key made": ("gateway.data_keys.wrapping", "WrappingKeys.make_next", "after"),
    "wrapped anew, nothing committed": ("gateway.data_keys.service", "DataKeys.wrap_anew", "after"),
    "wrapped anew, old file standing": ("gateway.data_keys.wrapping", "WrappingKeys.settle", "before"),
}
"""Where the process dies: before or after a function; ``settle`` the second time, behind the transaction."""
SHORT = frozenset({"entry written, nothing committed"})
"""The step of every run; the others are run by ``make soak``."""
DRIVER = """
import sys
import pathlib
from datetime import UTC, datetime
import gateway.bootstrap
from tests.factories.dying import die_at
from tests.factories.retention import archive

url, keys, module, path, when, count = sys.argv[1:7]
with archive(url, datetime(2031, 12, 31, 16, 0, tzinfo=UTC), directory=pathlib.Path(keys)) as house:
    house.reader.read(lambda tx: None)
    die_at(module, path, when, int(count))
    house.sweep()
    house.renewal.run()
print("it did not die")
"""


@pytest.mark.parametrize("step", [pytest.param(s, marks=[] if s in SHORT else pytest.mark.soak) for s in STEPS])
def test_a_kill_at_any_step_leaves_what_is_destroyed_on_record_once(tmp_path: Path, step: str) -> None:
    url, keys, case = f"sqlite:///{tmp_path / 'test.db'}", tmp_path / "keys", CaseId("ic-old")
    with archive(url, START, directory=keys) as house:
        house.closed_case("old")
    module, path, when = STEPS[step]
    killed(DRIVER, url, str(keys), module, path, when, "2" if path.endswith("settle") else "1")

    with archive(url, DUE, directory=keys) as house:
        recorded = [one["facts"] for one in house.entries("retention.destroyed")]
        named = {matter for facts in recorded for matter in facts["matters"]}
        assert (house.case(case).title == DESTROYED_TEXT) is (case in named)
        assert house.case(case).title in {DESTROYED_TEXT, SECRET}
        house.sweep()
        house.renewal.run()
        assert house.case(case).title == DESTROYED_TEXT
        told = [m for one in house.entries("retention.destroyed") for m in one["facts"]["matters"]]
        assert sorted(told) == ["2026Q4", case]
        assert len(house.entries("retention.swept")) == 1
        assert sorted(one.name for one in keys.iterdir()) == ["retention.key"]
        assert house.renewal.outstanding() == 0
        with DatabaseLogSource(house.engine) as source:
            assert verify_log(source, TrustPolicy((make_identity().keys[0],))).ok
