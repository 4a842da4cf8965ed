"""Cases in the registry database (``core_registry.cases.ports``): one transaction an act, all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime

from sqlalchemy import Engine

from core_registry.cases.records import CaseLine, History, Located, NewEvidence, WorkList
from core_registry.db.case_codec import Vault
from core_registry.db.case_effects import EffectsWriter
from core_registry.db.case_facts import FactsReader, Setting
from core_registry.db.case_history import Histories
from core_registry.db.case_rows import CaseRows
from core_registry.db.case_transaction import SqlCaseTransaction
from core_registry.db.engine import writing
from core_registry.db.evidence_store import EvidenceFiles
from core_registry.db.keyed_index import KeyedIndex
from core_registry.db.numbers import Authority
from core_registry.db.record_changes import RecordChanges
from core_registry.db.sealing import DataKeys, RegistryKeys
from core_registry.db.shown_texts import ShownTexts
from core_registry.db.store import SqlRegisterStore
from core_registry.db.work_lists import WorkLists
from core_registry.domain.cases import Actor
from core_registry.domain.facts import Evidence
from core_registry.intake.one_form import OneFormReader
from core_registry.sharing import Masker, Redactor

__all__ = ["Setting", "SqlCaseStore"]


class SqlCaseStore:
    """Implements ``CaseStore``. ``forms`` takes Annex 1 values as a file's; the rest as for ``SqlRegisterStore``."""

    def __init__(
        self,
        engine: Engine,
        keys: RegistryKeys,
        setting: Setting,
        forms: OneFormReader,
        masker: Masker,
        redactor: Redactor,
        stages: Mapping[str, str],
        *,
        clock: Callable[[], datetime],
        number_authority: Authority = "national",
    ) -> None:
        register = SqlRegisterStore(
            engine, keys, masker, redactor, stages, number_authority=number_authority, clock=clock
        )
        opened_keys = DataKeys(engine, keys)
        vault = Vault(opened_keys)
        index = KeyedIndex(keys.index)
        self._engine = engine
        self._clock = clock
        self._rows = CaseRows(vault, index)
        self._facts = FactsReader(setting, forms, register)
        self._effects = EffectsWriter(vault, setting, RecordChanges(register, forms))
        self._vault = vault
        self._evidence = EvidenceFiles(engine, opened_keys)
        self._texts = ShownTexts(opened_keys, redactor)
        self._histories = Histories(engine, vault, index, self._rows, self._texts)
        self._work = WorkLists(engine, setting)

    @contextmanager
    def writing(self, now: datetime) -> Iterator[SqlCaseTransaction]:
        """Open a transaction; after ``RegisterChangedError`` or ``RegistryUnavailableError`` nothing is written."""
        with writing(self._engine) as connection:
            yield SqlCaseTransaction(connection, now, self._rows, self._facts, self._effects, self._vault, self._texts)

    def keep_evidence(self, evidence: NewEvidence, actor: Actor, now: datetime) -> Evidence:
        """Seal and store a file; see ``EvidenceFiles.keep``."""
        return self._evidence.keep(evidence, actor, now)

    def evidence_file(
        self, evidence_id: str, actor: Actor, reach: frozenset[str] | None, now: datetime
    ) -> tuple[str, bytes]:
        """Return media type and content of an item; see ``EvidenceFiles.file``."""
        return self._evidence.file(evidence_id, actor, reach, now)

    def cases(
        self,
        actor: Actor,
        reach: frozenset[str] | None,
        *,
        status: str | None,
        kind: str | None,
        after: str,
        limit: int,
    ) -> list[CaseLine]:
        """Return a page of cases; see ``Histories.cases``."""
        return self._histories.cases(actor, reach, self._clock(), status=status, kind=kind, after=after, limit=limit)

    def work(self, unit: str, today: date, *, account: str | None, after: str, limit: int) -> WorkList:
        """Return what waits for a unit; see ``WorkLists.work``."""
        return self._work.work(unit, today, account=account, after=after, limit=limit)

    def assign(self, unit: str, source: str, item: str, account: str | None, actor: Actor, now: datetime) -> None:
        """Give a work item to a person; see ``WorkLists.assign``."""
        self._work.assign(unit, source, item, account, actor, now)

    def history(
        self, student_id: str, reach: frozenset[str] | None, actor: Actor, reason: str, now: datetime
    ) -> History:
        """Return the life of a record; see ``Histories.history``."""
        return self._histories.history(student_id, reach, actor, reason, now)

    def locate(self, id_number: str, name: str, actor: Actor, reason: str, now: datetime) -> Located | None:
        """Return the pupil with this number and name; see ``Histories.locate``."""
        return self._histories.locate(id_number, name, actor, reason, now)
