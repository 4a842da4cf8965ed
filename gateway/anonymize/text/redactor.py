"""Free text by the column: ``TextRedactor`` implements ``core_registry.sharing.Redactor``.

No text passes that was not read: with the model off, or when a text cannot be read, ``WITHHELD`` stands in its place.
Large columns go through processes, since the model takes one core; the order of the rows is kept.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from gateway import incidents
from gateway.anonymize.text.engine import Engine
from gateway.anonymize.text.errors import ModelUnavailableError
from gateway.anonymize.text.reading import KnownRecord
from gateway.anonymize.text.redaction import redact
from gateway.anonymize.text.roster import Roster
from gateway.anonymize.text.versions import version
from gateway.anonymize.withholding import WITHHELD
from gateway.errors import ParameterError, UnavailableError
from rulebook.recognition_records import Recognition
from rulebook.records import Division, Divisions

if TYPE_CHECKING:
    from rulebook.recognition_records import Hiding, RecognizerRule, TextStyle

WITHHELD_VERSION: Final = "withheld"
"""``core_registry.sharing.NOT_REDACTED``: such texts are tried again."""
KNOWN: Final = (
    "school_code", "school_name", "name", "former_name", "guardians", "residence_address", "household_address",
)  # fmt: skip
"""``core_registry.sharing.KNOWN_COLUMNS``."""
SMALL: Final = 20_000
"""Characters up to which a column is redacted in this process: about a second; processes take two to start."""
_CHUNK: Final = 4_000
"""Characters of the texts that a process gets at a time."""
_MOST_PROCESSES: Final = 8
_AHEAD: Final = 2
"""Pieces of work for each process that may wait: so many schools' rolls are held at most, and one more."""


class RedactionError(UnavailableError):
    """A process that redacts has died: nothing of the column is passed on."""


@dataclass(frozen=True, slots=True)
class Task:
    """A text with what is known of its record; equal ones are done once."""

    text: str = field(repr=False)
    students: tuple[str, ...] = field(repr=False)
    guardians: tuple[str, ...] = field(repr=False)
    schools: tuple[str, ...] = field(repr=False)
    addresses: tuple[str, ...] = field(repr=False)

    @property
    def record(self) -> KnownRecord:
        """Return what detectors are told of the record."""
        return KnownRecord(self.students, self.guardians, self.schools, self.addresses)


@dataclass(frozen=True, slots=True)
class Setup:
    """What an engine is made of, in a form that goes to another process."""

    divisions: dict[str, Division] = field(repr=False)
    townships: dict[str, tuple[str, ...]] = field(repr=False)
    style: TextStyle
    people: dict[str, str]
    hiding: dict[str, Hiding]
    recognizers: dict[str, RecognizerRule]
    model: Path | None

    @classmethod
    def of(cls, divisions: Divisions, recognition: Recognition, model: Path | None) -> Setup:
        """Return the parts of the rule book as plain values."""
        return cls(
            dict(divisions.by_code),
            dict(divisions.townships),
            recognition.style,
            dict(recognition.people),
            dict(recognition.hiding),
            dict(recognition.recognizers),
            model,
        )

    def engine(self) -> Engine:
        """Return the engine. Raises ``ModelUnavailableError``."""
        recognition = Recognition(self.style, self.people, self.hiding, self.recognizers)
        return Engine.load(Divisions(self.divisions, self.townships), recognition, model=self.model)


class TextRedactor:
    """Hides every person in a column of texts; made without cost, the model is loaded when it is first needed.

    ``processes`` is how many a large column may use (default: the cores, at most eight; 1: none but this one).
    """

    def __init__(
        self,
        divisions: Divisions,
        recognition: Recognition,
        *,
        model: Path | None = None,
        processes: int | None = None,
        small: int = SMALL,
    ) -> None:
        if processes is not None and processes < 1:
            raise ParameterError("The number of processes must be 1 or more.", detail_zh="进程数至少为 1。")
        self._setup = Setup.of(divisions, recognition, model)
        self._rules = recognition, divisions
        self._processes = processes or min(os.cpu_count() or 1, _MOST_PROCESSES)
        self._small = small
        self._lock = threading.Lock()
        self._state: tuple[Engine | None, str] | None = None

    @property
    def version(self) -> str:
        """The version that texts are redacted by now; ``withheld`` when the model is off."""
        return self._loaded()[1]

    @property
    def engine(self) -> Engine | None:
        """The engine, ``None`` when the model is off."""
        return self._loaded()[0]

    def redact(self, texts: pl.Series, known: pl.DataFrame, rosters: Callable[[str], Sequence[str]]) -> pl.Series:
        """Return the redacted column, named as before; nulls stay null.

        ``known`` stands row by row beside ``texts`` with the columns ``KNOWN``; ``rosters`` gives the names on the roll
        of a school and is called once for each school of which there is a text, in the order of the rows. Raises
        ``ParameterError`` when the two do not fit, ``RedactionError`` when a process dies: then nothing is returned.
        """
        column = texts.cast(pl.String)
        if known.height != len(column) or not set(KNOWN) <= set(known.columns):
            raise ParameterError(
                f"What is known must have the columns {', '.join(KNOWN)} and a row for each text.",
                detail_zh="已知信息的行或列与文本不符。",
            )
        values = column.to_list()
        engine = self.engine
        if engine is None:
            done = [None if value is None else WITHHELD for value in values]
            return pl.Series(texts.name, done, dtype=pl.String)
        schools: dict[str, dict[Task, str]] = {}
        tasks: list[tuple[str, Task] | None] = []
        for value, row in zip(values, known.select(KNOWN).iter_rows(), strict=True):
            task = None if value is None else (row[0] or "", _task(value, row))
            tasks.append(task)
            if task is not None:
                schools.setdefault(task[0], {})[task[1]] = WITHHELD
        for school, made in self._made(engine, schools, rosters):
            schools[school].update(made)
        return pl.Series(texts.name, [task and schools[task[0]][task[1]] for task in tasks], dtype=pl.String)

    def _loaded(self) -> tuple[Engine | None, str]:
        with self._lock:
            if self._state is None:
                try:
                    self._state = self._setup.engine(), version(*self._rules)
                except ModelUnavailableError as error:
                    incidents.report("anonymize.text", error)
                    self._state = None, WITHHELD_VERSION
            return self._state

    def _made(
        self, engine: Engine, schools: dict[str, dict[Task, str]], rosters: Callable[[str], Sequence[str]]
    ) -> Iterator[tuple[str, dict[Task, str]]]:
        size = sum(len(task.text) for tasks in schools.values() for task in tasks)
        if self._processes == 1 or size <= self._small:
            for school, tasks in schools.items():
                yield school, _redacted(engine, tuple(tasks), _roster(rosters(school) if school else ()))
            return
        yield from self._by_processes(schools, rosters)

    def _by_processes(
        self, schools: dict[str, dict[Task, str]], rosters: Callable[[str], Sequence[str]]
    ) -> Iterator[tuple[str, dict[Task, str]]]:
        context = get_context("spawn")  # a fork would copy locks that other threads hold
        with ProcessPoolExecutor(self._processes, context, _begin, (self._setup,)) as pool:
            try:
                waiting: deque[tuple[str, Future[dict[Task, str]]]] = deque()
                for school, tasks in schools.items():
                    names = tuple(rosters(school)) if school else ()
                    waiting += [(school, pool.submit(_work, names, chunk)) for chunk in _chunks(tuple(tasks))]
                    while len(waiting) > _AHEAD * self._processes:  # the rolls of few schools at a time
                        before, future = waiting.popleft()
                        yield before, future.result()
                for school, future in waiting:
                    yield school, future.result()
            except BrokenProcessPool as error:
                raise RedactionError(
                    "A process that redacts texts has died; nothing was passed on. Try again, with fewer processes if "
                    "memory is short.",
                    detail_zh="文本脱敏进程意外终止，未输出任何文本。请重试；内存不足时请减少进程数。",
                ) from error
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


def _task(text: str, row: tuple[object, ...]) -> Task:
    _, school, name, former, guardians, residence, household = row
    return Task(text, _texts(name, former), _texts(guardians), _texts(school), _texts(residence, household))


def _texts(*values: object) -> tuple[str, ...]:
    """Return the texts among values and lists of values, each once, without empty ones."""
    flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return tuple(dict.fromkeys(one.strip() for one in flat if isinstance(one, str) and one.strip()))


def _chunks(tasks: Sequence[Task]) -> Iterator[tuple[Task, ...]]:
    chunk: list[Task] = []
    size = 0
    for task in tasks:
        chunk.append(task)
        size += len(task.text)
        if size >= _CHUNK:
            yield tuple(chunk)
            chunk, size = [], 0
    if chunk:
        yield tuple(chunk)


def _redacted(engine: Engine, tasks: Sequence[Task], roster: Roster | None) -> dict[Task, str]:
    """Return each text redacted. One that the engine cannot read is withheld, and the first of a kind written down."""
    done: dict[Task, str] = {}
    seen: set[type[Exception]] = set()
    for task in tasks:
        try:
            done[task] = redact(engine, [task.text], task.record, roster)[0].text
        except Exception as error:  # noqa: BLE001  fail closed, whatever it was
            if type(error) not in seen:
                seen.add(type(error))
                incidents.report("anonymize.text", error)
            done[task] = WITHHELD
    return done


def _roster(names: Sequence[str]) -> Roster | None:
    return Roster(names) if names else None


# One engine in each process of a pool, and the roll of the school that it works on.
_worker: list[Engine] = []
_roll: list[tuple[tuple[str, ...], Roster | None]] = []


def _begin(setup: Setup) -> None:
    _worker[:] = [setup.engine()]


def _work(names: tuple[str, ...], tasks: tuple[Task, ...]) -> dict[Task, str]:
    if not _roll or _roll[0][0] != names:
        _roll[:] = [(names, _roster(names))]
    return _redacted(_worker[0], tasks, _roll[0][1])
