"""Rows that every act on a whole school leaves: the act with its count, its event, one archive entry a pupil."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence

import polars as pl
from sqlalchemy import Connection, insert

from core_registry.db.bulk import insert_frame
from core_registry.db.case_codec import dumps
from core_registry.db.case_tables import archive_entries, school_acts
from core_registry.db.state import Fact, queue
from core_registry.db.times import stamp
from core_registry.domain.facts import EntryKind
from core_registry.oversight.records import SchoolAct

EVENT = "registry.school_act"
SUBJECTS = 500
"""Pupils that one event names."""


def enter_all(
    connection: Connection,
    act: SchoolAct,
    pupils: Sequence[str],
    kind: EntryKind,
    data: Mapping[str, object],
    counter: int,
) -> None:
    """Add the same entry to the archive of each pupil."""
    frame = pl.DataFrame({"student_id": list(pupils)}, schema={"student_id": pl.String}).with_columns(
        pl.Series("entry_id", [f"en-{counter:012d}-{secrets.token_hex(12)}" for _ in pupils], dtype=pl.String),
        pl.lit(counter, dtype=pl.Int64).alias("sequence"),
        pl.lit(kind.value).alias("kind"),
        pl.lit(act.on).alias("event_on"),
        pl.lit(stamp(act.entered_at)).alias("entered_at"),
        pl.lit(dumps(data)).alias("data"),
        pl.lit(act.actor).alias("actor"),
        pl.lit(act.unit).alias("unit"),
    )
    insert_frame(connection, archive_entries, frame)


def record_act(
    connection: Connection, act: SchoolAct, facts: Mapping[str, Fact], subjects: Sequence[str] = ()
) -> SchoolAct:
    """Write the act and its event; many subjects go into several events of the same act."""
    connection.execute(
        insert(school_acts).values(
            act_id=act.id,
            kind=act.kind,
            school_code=act.school_code,
            to_unit=act.to_unit,
            event_on=act.on,
            entered_at=stamp(act.entered_at),
            actor=act.actor,
            unit=act.unit,
            pupils=act.pupils,
            data=json.dumps(act.data, ensure_ascii=False, sort_keys=True),
        )
    )
    told: dict[str, Fact] = {
        "act": act.kind, "act_id": act.id, "school": act.school_code, "unit": act.unit, "on": act.on.isoformat(),
        "count": act.pupils, **facts,
    }  # fmt: skip
    for start in range(0, max(len(subjects), 1), SUBJECTS):
        queue(connection, EVENT, act.entered_at, act.actor, told, subjects[start : start + SUBJECTS])
    return act
