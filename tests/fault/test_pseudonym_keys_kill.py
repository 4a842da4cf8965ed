"""kill -9 of a worker around the making and destroying of a pseudonym key: never half done, and never forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway import bootstrap, inspection
from gateway.db.engine import make_engine
from gateway.keyring import Face
from gateway.releases.records import ExtractState
from tests.factories.accounts import Clock
from tests.factories.dying import killed
from tests.factories.release_cases import APPROVER, CASES, EXECUTOR, grant_for
from tests.factories.releases import House, copied

STEPS = {
    "key made, nothing written": ("gateway.releases.pseudonym_keys.service", "PseudonymKeys._make", "after"),
    "file written, key standing": ("gateway.releases.workbench", "Workbench.scan", "before"),
    "about to destroy": ("gateway.releases.pseudonym_keys.store", "SqlPseudonymKeys.destroy", "before"),
    "destroyed in an open transaction": ("gateway.releases.pseudonym_keys.store", "SqlPseudonymKeys.destroy", "after"),
    "destroyed": ("gateway.releases.pseudonym_keys.service", "PseudonymKeys._destroy", "after"),
}
"""Where the process dies: before or after a function."""
SHORT = frozenset({"file written, key standing", "destroyed in an open transaction"})
"""The steps of every run; the others are run by ``make soak``."""
DRIVER = """
import sys
import pathlib
from gateway import bootstrap, settings
from gateway.ids import GrantId
from gateway.keyring import Face
from gateway.policies.records import Format
from gateway.releases.records import ExtractRequest
from tests.factories.dying import die_at
from tests.factories.release_cases import APPROVER, client_of

home, grant, module, path, when = sys.argv[1:6]
process = bootstrap.open_process(settings.from_environment({}, home=pathlib.Path(home)), Face.ALL)
die_at(module, path, when)
process.services.releases.start(GrantId(grant), ExtractRequest(Format.CSV), client_of("bus-pseudonymous"))
for _ in range(40):
    if not process.worker.round():
        break
process.services.applications.withdraw_grant(APPROVER, GrantId(grant), reason="用途已终止。")
(task,) = [task for task in process.worker.tasks if task.name == "ended pseudonym keys"]
task.run._run()
print("it did not die")
"""


@pytest.mark.rule("A50-12")
@pytest.mark.parametrize("step", [pytest.param(s, marks=[] if s in SHORT else pytest.mark.soak) for s in STEPS])
def test_a_kill_at_any_step_leaves_one_key_that_is_destroyed_once(tmp_path: Path, step: str) -> None:
    made, settings = copied(tmp_path)
    process = bootstrap.open_process(settings, Face.ALL)
    grant = grant_for(process.services, CASES["bus-pseudonymous"])
    process.close()
    module, path, when = STEPS[step]
    killed(DRIVER, str(settings.home), grant, module, path, when)
    assert inspection.verify(lambda: settings).ok

    clock = Clock(datetime.now(UTC) + timedelta(seconds=121))  # past the lease of who died
    process = bootstrap.open_process(settings, Face.ALL, now=clock)
    house = House(settings, clock, process, {}, {}, source=made.source, _ready=made.ready)
    try:
        house.work()
        (extract,) = house.services.releases.of_grant(grant, EXECUTOR)
        assert extract.state in {ExtractState.READY, ExtractState.EXPIRED}, extract.failure
        if house.services.applications.grant(grant).state != "withdrawn":
            house.services.applications.withdraw_grant(APPROVER, grant, reason="用途已终止。")
        while house.preparation().keys.destroy_ended():
            pass
        engine = make_engine(settings.gateway_url)
        with engine.connect() as connection:
            query = text("SELECT version, wrapped_salt, destroyed_at FROM pseudonym_keys WHERE grant_id = :grant")
            rows = connection.execute(query, {"grant": grant}).all()
        engine.dispose()
        ((version, salt, destroyed),) = rows
        assert (version, salt) == (1, None)
        assert destroyed is not None
        for kind in ("pseudonym.key_created", "pseudonym.key_destroyed"):
            assert len([entry for entry in house.entries(kind) if entry["links"]["grant"] == grant]) == 1
        assert inspection.verify(lambda: settings).ok
    finally:
        house.close()
