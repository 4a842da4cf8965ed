"""Who of our pupils is this? Answered from the keyed index; implements ``core_registry.sharing.PersonMatcher``.

The work does not hang on what is found: each batch takes the same statements with the same number of parameters,
and every comparison is made, against a stand-in where there is no record.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping, Sequence

import polars as pl
from sqlalchemy import Connection, Engine, select, text

from core_registry.db.bulk import select_in
from core_registry.db.engine import reading
from core_registry.db.keyed_index import KEY_DIGITS, IndexKind, KeyedIndex
from core_registry.db.tables import guardian_links, guardians, students
from core_registry.sharing import PersonQuery

_COLUMNS = (
    students.c.id_key,
    students.c.name_key,
    students.c.number_key,
    students.c.student_id,
    students.c.subject_ref,
)
_NOBODY = ("-" * KEY_DIGITS,) * len(_COLUMNS)
"""Stands for a record that is not there: as long as a key, and equal to none."""


class SqlPersonMatcher:
    """Looks up keys of identity numbers; names and numbers reach no query, no log and no answer."""

    def __init__(self, engine: Engine, index_key: bytes) -> None:
        self._engine = engine
        self._index = KeyedIndex(index_key)

    def subjects(self, people: Sequence[PersonQuery]) -> list[str | None]:
        """Return, person by person, the ``subject_ref`` of the pupil of that identity number *and* name, else ``None``.

        Student number and phone must agree too where they are given. Raises ``RegistryUnavailableError``.
        """
        id_keys = self._keys("id_number", [person.id_number for person in people])
        name_keys = self._keys("name", [person.name for person in people])
        number_keys = self._keys("student_number", [person.student_number or "" for person in people])
        phone_keys = self._keys("phone", [person.phone or "" for person in people])
        with reading(self._engine) as connection:
            rows = select_in(connection, _COLUMNS, students.c.id_key, id_keys).rows()
            by_id = {str(row[0]): tuple(map(str, row)) for row in rows}
            found = [by_id.get(key, _NOBODY) for key in id_keys]
            phones = _phones(connection, [row[3] for row in found]) if any(person.phone for person in people) else {}
        return [
            row[4] if _same(row, name, (number, person.student_number), (phone, person.phone), phones) else None
            for row, person, name, number, phone in zip(found, people, name_keys, number_keys, phone_keys, strict=True)
        ]

    def _keys(self, kind: IndexKind, values: Sequence[str]) -> list[str]:
        """Return the keys of ``values``; a blank one gets a random key, which nobody has."""
        keyed = self._index.keyed(kind, pl.Series("value", list(values), dtype=pl.String)).to_list()
        return [key or secrets.token_hex(KEY_DIGITS // 2) for key in keyed]


def _same(
    row: Sequence[str],
    name: str,
    number: tuple[str, str | None],
    phone: tuple[str, str | None],
    phones: Mapping[str, Sequence[str]],
) -> bool:
    """Compare all that was given in constant time, and all of it whatever the first comparison says."""
    agrees = [hmac.compare_digest(row[1], name)]
    agrees.append(hmac.compare_digest(row[2], number[0]) | (not number[1]))
    known = [hmac.compare_digest(key, phone[0]) for key in phones.get(row[3], ())]
    agrees.append(any(known) | (not phone[1]))
    return all(agrees)


def _phones(connection: Connection, student_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the keys of the phones of the guardians of each pupil."""
    sqlite = connection.dialect.name == "sqlite"
    listed = "SELECT value FROM json_each(:wanted)" if sqlite else "SELECT unnest(CAST(:wanted AS text[]))"
    query = (
        select(guardian_links.c.student_id, guardians.c.phone_key)
        .join(guardians, guardians.c.guardian_id == guardian_links.c.guardian_id)
        .where(guardians.c.phone_key.is_not(None), text(f"guardian_links.student_id IN ({listed})"))
    )
    wanted = json.dumps(list(student_ids)) if sqlite else list(student_ids)
    found: dict[str, list[str]] = {}
    for student, key in connection.execute(query, {"wanted": wanted}):
        found.setdefault(student, []).append(key)
    return found
