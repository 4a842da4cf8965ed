"""The stores of the oversight, put together."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Engine

from core_registry.db.admissions import SqlAdmissions
from core_registry.db.clock_store import SqlClockStore
from core_registry.db.engine import reading
from core_registry.db.posts_store import post_of
from core_registry.db.registrations import SqlRegistrations
from core_registry.db.school_acts import SqlSchoolActs
from core_registry.db.school_rows import PlaceOf
from core_registry.db.sealing import RegistryKeys
from core_registry.db.verification_store import SqlVerifications
from core_registry.domain.facts import Post
from core_registry.oversight.service import OversightStores


class SqlPostBook:
    """Filed posts, one look-up at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def post_of(self, account: str, unit: str, on: date) -> Post | None:
        """Return the filed post of an account at a unit on a day."""
        with reading(self._engine) as connection:
            return post_of(connection, account, unit, on)


def oversight_stores(engine: Engine, keys: RegistryKeys, place: PlaceOf) -> OversightStores:
    """Return the stores of one registry database."""
    return OversightStores(
        clocks=SqlClockStore(engine),
        verifications=SqlVerifications(engine, place),
        acts=SqlSchoolActs(engine, place),
        registrations=SqlRegistrations(engine, place),
        admissions=SqlAdmissions(engine, keys, place),
        posts=SqlPostBook(engine),
    )
