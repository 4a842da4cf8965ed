"""kill -9 of a worker, or of a face, at each step of a match: no list is left, and nothing is half done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import bootstrap, inspection
from gateway.keyring import Face
from gateway.releases.records import ExtractState
from tests.factories.accounts import Clock
from tests.factories.checks import people_of
from tests.factories.dying import killed
from tests.factories.matches import MATCH
from tests.factories.release_cases import EXECUTOR, grant_for
from tests.factories.releases import House, copied

STEPS = {
    "sealed and not taken": ("gateway.releases.matches.service", "MatchService._record", "before"),
    "taken": ("gateway.releases.matches.service", "MatchService._record", "after"),
    "claimed": ("gateway.releases.matches.matching", "Matching._match", "before"),
    "looked up": ("gateway.releases.matches.matching", "Matching._look", "after"),
    "half written": ("gateway.releases.vault", "SealedSink.commit", "before"),
    "written": ("gateway.releases.workbench", "Workbench.scan", "before"),
    "finished": ("gateway.releases.matches.shelf", "ListShelf.destroy", "before"),
    "key destroyed": ("gateway.releases.matches.shelf", "ListShelf._unlink_destroyed", "before"),
}
"""Where the process dies: before or after a function."""
SHORT = frozenset({"looked up", "key destroyed"})
"""The steps of every run; the others are run by ``make soak``."""
DRIVER = """
import sys
from gateway import bootstrap, settings
from gateway.ids import GrantId
from gateway.keyring import Face
from gateway.policies.records import Format
from gateway.releases.matches.records import Listed, MatchRequest, Upload
from tests.factories.dying import die_at
from tests.factories.matches import MATCHER

home, grant, name, number, module, path, when = sys.argv[1:8]
process = bootstrap.open_process(settings.from_environment({}, home=__import__("pathlib").Path(home)), Face.ALL)
# the first file is the list itself
die_at(module, path, when, 2 if path.endswith(".commit") else 1)
upload = Upload(people=(Listed(2, name, number),))
process.services.matches.start(GrantId(grant), MatchRequest(Format.CSV), upload, MATCHER)
for _ in range(40):
    process.worker.round()
print("it did not die")
"""


@pytest.mark.rule("A50-12")
@pytest.mark.parametrize("step", [pytest.param(s, marks=[] if s in SHORT else pytest.mark.soak) for s in STEPS])
def test_a_kill_at_any_step_leaves_no_list_and_an_entry(tmp_path: Path, step: str) -> None:
    made, settings = copied(tmp_path)
    process = bootstrap.open_process(settings, Face.ALL)
    grant = grant_for(process.services, MATCH)
    house = House(settings, Clock(datetime.now(UTC)), process, {}, {}, source=made.source, _ready=made.ready)
    person = people_of(house)[0]
    house.close()
    module, path, when = STEPS[step]
    killed(DRIVER, str(settings.home), grant, person["name"], person["id_number"], module, path, when)
    assert inspection.verify(lambda: settings).ok

    clock = Clock(datetime.now(UTC) + timedelta(seconds=121))  # past the lease of who died
    process = bootstrap.open_process(settings, Face.ALL, now=clock)
    house = House(settings, clock, process, {}, {}, source=made.source, _ready=made.ready)
    try:
        house.work()
        clock.turn(minutes=11)
        assert process.worker is not None
        (sweep,) = [task for task in process.worker.tasks if task.name == "lists of matches"]
        sweep.run._run()  # type: ignore[attr-defined]  # at once, whenever it is due
        folder = settings.files / "lists"
        assert list(folder.glob("*")) == []
        assert list(settings.files.glob("*.part")) == []
        ends = house.entries("match.list_destroyed")
        extracts = [e for e in house.services.releases.of_grant(grant, EXECUTOR) if e.level == "match"]
        left = house.services.applications.grant(grant).uses_left
        if step == "sealed and not taken":
            assert (extracts, ends, left) == ([], [], MATCH.uses)
            return
        (extract,) = extracts
        assert extract.state is ExtractState.READY, extract.failure
        (entry,) = ends
        assert (entry["facts"]["list_rows"], entry["links"]["extract"]) == (1, extract.id)
        assert left == MATCH.uses - 1
        assert len([e for e in house.entries("release.prepared") if e["links"]["extract"] == extract.id]) == 1
        content = house.content(extract).decode("utf-8-sig").splitlines()
        assert content[1].startswith("2,是,")
        assert inspection.verify(lambda: settings).ok
    finally:
        house.close()
