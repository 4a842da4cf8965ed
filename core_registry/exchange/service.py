"""The exchange as an office uses it: export in the national layout, reconciliation with a file (A5-2, Q-31)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

import polars as pl

from core_registry.domain.cases import Actor
from core_registry.domain.rules import enforces
from core_registry.domain.states import CLOSED, ON_ROLL
from core_registry.domain.working_days import civil_date
from core_registry.exchange.comparison import changed_values, compare
from core_registry.intake import findings
from core_registry.intake.checks import FileChecks
from core_registry.intake.normalization import YES_NO, Normalizer
from core_registry.intake.reader import read_form
from core_registry.intake.records import RegisterStore
from core_registry.intake.register_checks import check_schools, with_keys
from core_registry.intake.workbook import write_layout
from core_registry.oversight.records import Difference, Reconciliation
from rulebook.records import ImportMapping, Rulebook

LAYOUT = "national"
_TITLE = "学籍信息交换表（全国系统布局）"
_FACTS = ("school_code", "student_number", "entry_month")
_TAKEN = ("residence_division", "household_division", "id_key", "suspect_key", "content_key", "student_id")
_ON_ROLL = sorted(state.value for state in ON_ROLL)
_CLOSED = sorted(state.value for state in CLOSED)
_Fact = str | int | bool | None


class ExchangeStore(Protocol):
    """What the exchange needs of the registry database (``core_registry.db.reconciliation``)."""

    def export(self, schools_in: Sequence[str], actor: Actor, reason: str, now: datetime) -> pl.DataFrame:
        """Return clear records on the roll; told before."""

    def records(self, student_ids: Sequence[str]) -> pl.DataFrame:
        """Return clear records with ``number_kind``."""

    def standing(self, student_ids: Sequence[str]) -> pl.DataFrame:
        """Return where records stand: student_id, school_code, state."""

    def settle(
        self,
        links: pl.DataFrame,
        strangers: pl.DataFrame,
        applied: pl.DataFrame,
        told: Sequence[Mapping[str, object]],
        schools_in: Sequence[str],
        facts: Mapping[str, _Fact],
        actor: Actor,
        on: date,
        now: datetime,
    ) -> int:
        """Write what comparing gave and what is taken over; return new numbers."""

    def assign_numbers(self, schools_in: Sequence[str], actor: Actor, on: date, now: datetime) -> int:
        """Assign final numbers by the rule."""

    def differences(self, schools_in: Sequence[str], state: str | None, after: str, limit: int) -> list[Difference]:
        """Return records that are not in step."""

    def strangers(self, schools_in: Sequence[str]) -> Mapping[str, int]:
        """Return school -> records only there."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A national file, read: ``good`` rows with keys, the keys of all rows, how many were refused."""

    sha256: str
    good: pl.DataFrame = field(repr=False)
    present: pl.Series = field(repr=False)
    schools: tuple[str, ...]
    rejected: int


class NationalExchange:
    """Use cases of the exchange. Who may use them, and for which schools, the door has judged."""

    def __init__(
        self, store: ExchangeStore, register: RegisterStore, book: Rulebook, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._register = register
        self._book = book
        self._now = now
        self._mapping: ImportMapping = book.import_mappings[LAYOUT]
        self._normalizer = Normalizer.of(book)
        self._fields = (*self._normalizer.annex, *_FACTS)

    @enforces("A5-2", how="exchange by file")
    def export(self, path: Path, schools_in: Sequence[str], actor: Actor, reason: str) -> int:
        """Write the register of schools to ``path`` (``.xlsx`` or ``.csv``) in clear; return the number of rows.

        The read event is durable before the first record is opened to the caller. Raises ``OSError``.
        """
        frame = self._store.export(sorted(schools_in), actor, reason, self._now())
        write_layout(path, self._written(frame), self._mapping, _TITLE)
        return frame.height

    @enforces("A5-2", "A6-3", how="exchange by file")
    def reconcile(
        self, path: Path, allowed: frozenset[str] | None, actor: Actor, *, apply: bool = False
    ) -> Reconciliation:
        """Compare a national file with the register; with ``apply`` take its values over where they differ.

        Who is on one side only is listed, not created and not removed. Raises ``UnreadableFileError``,
        ``RegisterRuleError``, ``RegisterChangedError``; nothing is written then.
        """
        now = self._now()
        read = self._read(path, allowed, civil_date(now))
        theirs, twice = self._matched(read.good, allowed)
        known = theirs.filter(pl.col("student_id").is_not_null())
        ours = self._store.records(known["student_id"].to_list())
        sides = compare(
            ours,
            known.with_columns(_reference().alias("reference_key")),
            [name for name in self._fields if name in known.columns],
        )
        roll = self._register.roll(list(read.schools))
        only_here = roll.filter(
            pl.col("state").is_in(_ON_ROLL) & ~pl.col("id_key").is_in(read.present.implode()).fill_null(value=False)
        )
        strangers = theirs.filter(pl.col("student_id").is_null()).select(
            _reference().alias("reference_key"), "school_code"
        )
        applied, told = self._taken(sides.merged, ours) if apply else (pl.DataFrame(), [])
        links = _links(sides.both, only_here, settled=apply)
        counts = Counter(name for row in sides.both["differs"].to_list() for name in row)
        states = Counter(links["state"].to_list())
        facts: dict[str, _Fact] = {
            "file_sha256": read.sha256, "schools": len(read.schools), "in_step": states["in-step"],
            "differs": states["differs"], "only_here": only_here.height, "only_there": strangers.height,
            "rejected": read.rejected + twice, "applied": applied.height,
        }  # fmt: skip
        numbers = self._store.settle(links, strangers, applied, told, read.schools, facts, actor, civil_date(now), now)
        return Reconciliation(
            read.sha256, len(read.schools), states["in-step"], states["differs"], only_here.height, strangers.height,
            read.rejected + twice, dict(sorted(counts.items())), numbers, applied.height,
        )  # fmt: skip

    def assign_numbers(self, schools_in: Sequence[str], actor: Actor) -> int:
        """Assign final numbers where the place does it itself; see ``ExchangeStore.assign_numbers``."""
        now = self._now()
        return self._store.assign_numbers(sorted(schools_in), actor, civil_date(now), now)

    def differences(
        self, schools_in: Sequence[str], *, state: str | None = None, after: str = "", limit: int = 100
    ) -> list[Difference]:
        """Return a page of the records that are not in step: which fields, never which values."""
        return self._store.differences(sorted(schools_in), state, after, limit)

    def strangers(self, schools_in: Sequence[str]) -> Mapping[str, int]:
        """Return school -> records of the national system that are not here."""
        return self._store.strangers(sorted(schools_in))

    def _read(self, path: Path, allowed: frozenset[str] | None, today: date) -> _Read:
        form = read_form(path, self._mapping, self._book)
        values, found = self._normalizer.normalize(form, None)
        of_file = FileChecks(values, self._book, self._normalizer, today).run()
        of_school = check_schools(values, self._register, self._book, allowed)
        wrong = findings.error_rows(findings.join([found, of_file, of_school]))
        keyed = with_keys(values, self._normalizer.annex, self._register)
        good = keyed.filter(~pl.col("row").is_in(wrong.implode()) & pl.col("id_key").is_not_null())
        once = good.filter(
            ~pl.col("id_key").is_duplicated()
            & ~(pl.col("student_number_key").is_duplicated() & pl.col("student_number_key").is_not_null())
        )
        schools = tuple(sorted(once["school_code"].drop_nulls().unique().to_list()))
        with path.open("rb") as stream:
            sha = hashlib.file_digest(stream, "sha256").hexdigest()
        return _Read(sha, once, keyed["id_key"].drop_nulls(), schools, keyed.height - once.height)

    def _matched(self, rows: pl.DataFrame, allowed: frozenset[str] | None) -> tuple[pl.DataFrame, int]:
        """Return the rows with the record of each, by document, else by student number; and how many claim one twice.

        A pupil whose document changed is still the same person under the same number (A6-3).
        """
        names = ("student_id", "school_code", "state")
        by_document = self._register.held(rows["id_key"].drop_nulls().unique()).select("id_key", "student_id")
        numbers = rows["student_number_key"].drop_nulls().unique()
        by_number = self._register.numbered(numbers).rename(
            {"number_key": "student_number_key", "student_id": "holder"}
        )
        found = (
            rows.drop("student_id", strict=False)
            .join(by_document, on="id_key", how="left", maintain_order="left")
            .join(by_number, on="student_number_key", how="left", maintain_order="left")
            .with_columns(pl.coalesce("student_id", "holder").alias("student_id"))
        )
        doubtful = pl.col("student_id").is_not_null() & pl.col("student_id").is_duplicated()
        once = found.filter(~doubtful)
        standing = self._store.standing(once["student_id"].drop_nulls().to_list()).select(*names)
        reached = pl.lit(value=True) if allowed is None else pl.col("held_school").is_in(sorted(allowed))
        joined = once.join(
            standing.rename({"school_code": "held_school"}), on="student_id", how="left", maintain_order="left"
        ).with_columns(
            pl.col("state").is_in(_CLOSED).fill_null(value=False).alias("fixed"),
            (~reached).fill_null(value=False).alias("beyond"),
        )
        return joined, found.height - once.height

    def _taken(self, merged: pl.DataFrame, before: pl.DataFrame) -> tuple[pl.DataFrame, list[dict[str, object]]]:
        """Return the rows as the register takes them, with their keys made anew, and what changes in each."""
        if merged.is_empty():
            return pl.DataFrame(), []
        annex = self._normalizer.annex
        keyed = with_keys(merged, annex, self._register).select(*annex, *_FACTS, *_TAKEN)
        told = changed_values(before, keyed, [name for name in (*annex, "student_number", "entry_month")])
        return keyed, told

    def _written(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return records as the national layout writes them: labels for codes, days and months in digits."""
        columns = []
        for code in self._mapping.headers:
            if code not in frame.columns:
                continue
            column = pl.col(code)
            if frame.schema[code] == pl.Boolean:
                column = pl.when(column).then(pl.lit("是")).when(~column).then(pl.lit("否")).cast(pl.String)
            elif frame.schema[code] == pl.Date:
                column = column.dt.to_string("%Y%m%d")
            elif code == "entry_month":
                column = column.str.replace("-", "", literal=True)
            elif (labels := self._labels(code)) is not None:
                column = column.replace_strict(labels, default=column, return_dtype=pl.String)
            columns.append(column.alias(code))
        return frame.select(columns)

    def _labels(self, code: str) -> Mapping[str, str] | None:
        """Return code -> label of a field: the layout's own word where it has just one for it."""
        listed = self._book.fields[code].code_list
        if listed is None or listed == YES_NO:
            return None
        own: dict[str, list[str]] = {}
        for written, value in self._mapping.values.get(code, {}).items():
            own.setdefault(value, []).append(written)
        single = {value: words[0] for value, words in own.items() if len(words) == 1}
        return {**self._book.code_lists[listed].labels, **single}


def _reference() -> pl.Expr:
    """Return the reference of a national record: the key of its number, or of its document where it has none."""
    return pl.coalesce("student_number_key", "id_key")


def _links(both: pl.DataFrame, only_here: pl.DataFrame, *, settled: bool) -> pl.DataFrame:
    """Return rows of ``national_links``: after taking over, only what a file cannot settle still differs."""
    open_now = pl.col("held") if settled else pl.col("differs")
    compared = both.select(
        "student_id",
        "reference_key",
        pl.when(open_now.list.len() > 0).then(pl.lit("differs")).otherwise(pl.lit("in-step")).alias("state"),
        open_now.list.join(" ").alias("differs"),
    )
    alone = only_here.select(
        "student_id",
        pl.lit(None, dtype=pl.String).alias("reference_key"),
        pl.lit("only-here").alias("state"),
        pl.lit("").alias("differs"),
    )
    return pl.concat([compared, alone])
