"""Is this value one of ours? Answered from the keyed index; implements ``core_registry.sharing.Matcher``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
from sqlalchemy import Column, Engine

from core_registry.db.bulk import select_in
from core_registry.db.engine import reading
from core_registry.db.keyed_index import IndexKind, KeyedIndex
from core_registry.db.tables import guardians, students
from core_registry.sharing import IdentifierKind

_INDEXES: Mapping[IdentifierKind, tuple[IndexKind, tuple[Column[str], ...]]] = {
    IdentifierKind.ID_NUMBER: ("id_number", (students.c.id_key, guardians.c.id_key)),
    IdentifierKind.NAME: ("name", (students.c.name_key, guardians.c.name_key)),
    IdentifierKind.PHONE: ("phone", (guardians.c.phone_key,)),
    IdentifierKind.STUDENT_NUMBER: ("student_number", (students.c.number_key,)),
}


class SqlMatcher:
    """Looks up keys of values; the values themselves reach no query and no log."""

    def __init__(self, engine: Engine, index_key: bytes) -> None:
        self._engine = engine
        self._index = KeyedIndex(index_key)

    def known(self, kind: IdentifierKind, values: Sequence[str]) -> list[bool]:
        """Return, value by value, whether the registry holds it as such (pupils and guardians)."""
        index_kind, columns = _INDEXES[kind]
        keys = self._index.keyed(index_kind, pl.Series("value", list(values), dtype=pl.String))
        wanted = keys.drop_nulls().unique().to_list()
        found: set[str] = set()
        with reading(self._engine) as connection:
            for column in columns:
                found.update(select_in(connection, [column], column, wanted).to_series().to_list())
        return [key in found for key in keys.to_list()]
