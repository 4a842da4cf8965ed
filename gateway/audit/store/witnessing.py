"""What waits for the witnesses: one row, and what each of them cosigned."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.audit.records import WitnessState
from gateway.audit.store.tables import log_cosignatures, log_witness
from gateway.db import connection_of
from gateway.journal import Tx


class WitnessRows:
    """Rows about the witnesses."""

    def cosigned_by(self, tx: Tx, name: str) -> int:
        """Return the largest size that the witness of that name cosigned, 0 for none."""
        query = select(func.coalesce(func.max(log_cosignatures.c.size), 0)).where(log_cosignatures.c.name == name)
        return int(connection_of(tx).execute(query).scalar_one())

    def witness_state(self, tx: Tx) -> WitnessState:
        """Return what waits for the witnesses, as it was last looked at."""
        row = connection_of(tx).execute(select(log_witness).where(log_witness.c.id == 1)).one_or_none()
        if row is None:
            return WitnessState()
        return WitnessState(row.cosigned_size, row.waiting_since, row.silent, row.contradicted, row.damaged_since)

    def set_witness_state(self, tx: Tx, state: WitnessState) -> None:
        """Write what waits for the witnesses; of a damage the watch over the chain writes itself."""
        connection = connection_of(tx)
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        values = {
            "cosigned_size": state.cosigned_size,
            "waiting_since": state.waiting_since,
            "silent": state.silent,
            "contradicted": state.contradicted,
        }
        statement = dialect.insert(log_witness).values(id=1, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
