"""A withdrawal takes effect on filing; the superior is informed and may object, and the act stands (Art. 36, Q-27)."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core_registry.cases.records import Draft
from core_registry.db.case_tables import clocks, matters
from core_registry.db.engine import reading
from core_registry.domain.cases import CaseStatus
from core_registry.errors import CaseRefusedError
from tests.factories.casedb import CITY, TODAY, make_office, registrar
from tests.factories.registrydb_rows import SENIOR

PUPIL = 901


@pytest.mark.rule("A36-1", "A36-2", "A34-1")
def test_the_superior_objects_and_the_withdrawal_stands(tmp_path: Path) -> None:
    office = make_office(f"sqlite:///{tmp_path / 'registry.db'}")
    superior = registrar(CITY)
    objection = Draft("objection", SENIOR, TODAY, TODAY, office.ids[PUPIL], {"reason": "未见监护人书面申请"})
    with pytest.raises(CaseRefusedError):  # nothing was filed yet
        office.desk.open(objection, superior)
    papers = (office.paper("annex-3", SENIOR, PUPIL, "guardian"),)
    values = {"ground": "application", "completed_on": TODAY.isoformat(), "reason": "监护人申请"}
    draft = Draft("withdrawal", SENIOR, TODAY, TODAY, office.ids[PUPIL], values, papers)
    assert office.desk.open(draft, registrar(SENIOR)).status is CaseStatus.COMPLETED
    assert (office.row(PUPIL)["state"], office.shared(PUPIL)["state"]) == ("withdrawn", "withdrawn")
    assert office.desk.open(objection, superior).status is CaseStatus.COMPLETED
    assert office.row(PUPIL)["state"] == "withdrawn"
    with reading(office.engine) as connection:
        running = connection.execute(select(clocks.c.name, clocks.c.state, clocks.c.unit)).all()
        followed = connection.execute(select(matters.c.kind, matters.c.owner, matters.c.state)).all()
    assert ("withdrawal-objection", "met", CITY) in [tuple(row) for row in running]
    assert [tuple(row) for row in followed] == [("objection", SENIOR, "open")]
    office.engine.dispose()
