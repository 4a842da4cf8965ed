"""kill -9 of a worker at each step of putting a release down: the ledger and what may be fetched always agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import bootstrap, inspection
from gateway.keyring import Face
from gateway.releases.ledger.shelf import FOLDER
from gateway.releases.records import ExtractState
from tests.factories.accounts import Clock
from tests.factories.dying import killed
from tests.factories.ledgers import held, ledger_of, report_of, require_joint, subjects
from tests.factories.release_cases import BOOKS, EXECUTOR
from tests.factories.releases import House, copied

PROFILE = "textbook-anonymous"
STEPS = {
    "rows half sealed": ("gateway.releases.vault", "SealedSink.commit", "before", 2),
    "rows sealed, no line": ("gateway.releases.ledger.service", "Ledger.line", "after", 1),
    "line written, not committed": ("gateway.releases.ledger.service", "Ledger.commit", "after", 1),
    "committed": ("gateway.releases.workbench", "Workbench.finish", "after", 1),
}
"""Where the process dies: before or after which call of a function."""
SHORT = frozenset({"rows sealed, no line", "line written, not committed"})
"""The steps of every run; the others are run by ``make soak``."""
DRIVER = """
import sys
from pathlib import Path
from gateway import bootstrap, settings
from gateway.keyring import Face
from gateway.policies.records import Format
from gateway.releases.records import ExtractRequest
from gateway.ids import GrantId
from tests.factories.dying import die_at
from tests.factories.release_cases import client_of

home, grant, module, path, when, count = sys.argv[1:7]
process = bootstrap.open_process(settings.from_environment({}, home=Path(home)), Face.ALL)
die_at(module, path, when, int(count))
process.services.releases.start(GrantId(grant), ExtractRequest(Format.CSV), client_of("textbook-anonymous"))
for _ in range(40):
    process.worker.round()
print("it did not die")
"""


@pytest.mark.rule("A50-8")
@pytest.mark.parametrize("step", [pytest.param(s, marks=[] if s in SHORT else pytest.mark.soak) for s in STEPS])
def test_a_kill_leaves_no_file_without_its_line_and_no_line_without_its_rows(tmp_path: Path, step: str) -> None:
    made, settings = copied(tmp_path)
    module, path, when, count = STEPS[step]
    killed(DRIVER, str(settings.home), made.grants[PROFILE], module, path, when, str(count))
    assert inspection.verify(lambda: settings).ok

    clock = Clock(datetime.now(UTC) + timedelta(seconds=121))  # past the lease of who died
    process = bootstrap.open_process(settings, Face.ALL, now=clock)
    house = House(settings, clock, process, made.grants, {}, source=made.source, _ready=made.ready)
    try:
        ledger = ledger_of(house)
        before = [line.extract for line in ledger.history(BOOKS).releases]
        (extract,) = house.services.releases.of_grant(made.grants[PROFILE], EXECUTOR)
        assert before == ([extract.id] if extract.state is ExtractState.READY else [])
        house.work()
        extract = house.extract(extract.id)
        assert extract.state is ExtractState.READY, extract.failure
        assert [line.extract for line in ledger.history(BOOKS).releases] == [extract.id]
        again = house.prepared(PROFILE)
        assert report_of(again)["joint_k"]["earlier_releases"] == 1
        pupils = subjects(house)
        require_joint([held(house, one, pupils) for one in (extract, again)])
        ledger.sweep()
        known = {extract.id, again.id, made.ready}
        lines = house.services.releases.reader.read(lambda tx: ledger.lines.lines(tx, known))
        paths = {ledger.shelf.path(line.extract, line.wrapped_key) for line in lines}
        assert set((settings.files / FOLDER).iterdir()) == paths
        assert len(paths) == 3
    finally:
        house.close()
