"""The worker's half of a match: open the list, look everybody up, write the answer by row number, destroy the list.

What is written holds row numbers, whether a row was matched, and granted attributes: no identifier, not even one that
was handed in. Who is unknown, out of the grant's territory or beyond the guess limit looks alike.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, cast

import polars as pl

from core_registry.errors import RegistryUnavailableError
from core_registry.sharing import PersonMatcher, PersonQuery, PupilRows
from gateway.anonymize.plan import Plan
from gateway.anonymize.report import report_of
from gateway.errors import UnavailableError
from gateway.ids import SubjectRef
from gateway.journal import Tx
from gateway.policies.records import Grant
from gateway.policies.scope import row_filter
from gateway.releases.checks.guesses import GuessLimit
from gateway.releases.leakwatch import LeakScan
from gateway.releases.matches.records import MATCHED, ROW, UNCONFIRMED, YES, Listed
from gateway.releases.matches.service import match_plan, match_use
from gateway.releases.matches.shelf import ListShelf
from gateway.releases.pipeline import transformer_of
from gateway.releases.records import Extract, PreparedFile
from gateway.releases.vault import FileKey, SealedSink, SealedSource
from gateway.releases.workbench import Links, Made, Workbench
from gateway.releases.writers import writer


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at a list came to: the answer's rows, who was found, and whose guess was confirmed."""

    frame: pl.DataFrame = field(repr=False)
    subjects: tuple[SubjectRef, ...] = field(repr=False)
    keys: list[str] = field(repr=False)
    matched: list[bool] = field(repr=False)
    limited: int
    snapshot: str


@dataclass(frozen=True, slots=True)
class Matching:
    """Answers lists."""

    bench: Workbench
    shelf: ListShelf
    guesses: GuessLimit
    people: PersonMatcher
    pupils: PupilRows

    def run_next(self) -> bool:
        """Match the oldest list that waits; say whether there was one. A failure is recorded, not raised."""
        return self.bench.run_next(
            self._match,
            matches=True,
            retried=(UnavailableError, RegistryUnavailableError),
            failed=lambda extract: self.shelf.destroy(extract, "failed"),
        )

    def _match(self, extract: Extract, grant: Grant, links: Links) -> None:
        bench = self.bench
        people = self.shelf.open(extract.id)
        self._require_covered(extract, grant, len(people))
        plan = match_plan(bench.book, grant, extract.request)
        bench.begin(plan, links, list_rows=len(people))
        looked = self._look(grant, plan, people)
        bench.progress(extract.id, len(people), len(people))
        file_key = FileKey.new(extract.id)
        prepared = self._write(extract, plan, looked, file_key)
        with SealedSource(bench.file_of(extract.id), file_key, prepared.size) as source:
            scanned = bench.scan(extract, plan, prepared, source)
        self._finish(extract, grant, plan, looked, prepared, file_key, links, scanned)
        self.shelf.destroy(extract, "matched")

    def _look(self, grant: Grant, plan: Plan, people: Sequence[Listed]) -> Looked:
        keys, open_ = self.guesses.reserve(grant.recipient, self.bench.today(), [one.id_number for one in people])
        found = self.people.subjects([_query(one, open=may) for one, may in zip(people, open_, strict=True)])
        rows = row_filter(grant.scope, self.bench.book.divisions)
        columns = tuple(dict.fromkeys([*plan.sources, *rows.conditions()]))
        subjects = [subject or secrets.token_hex(16) for subject in found]
        snapshot, view = self.pupils.pupils(subjects, columns)
        inside = view.filter([pl.col(column).is_in(sorted(codes)) for column, codes in rows.conditions().items()])
        attributes = transformer_of(plan, self.bench.book, None).apply(inside).with_columns(inside["subject_ref"])
        listed = pl.DataFrame(
            {ROW: [one.row for one in people], "subject_ref": subjects},
            schema={ROW: pl.Int64, "subject_ref": pl.String},
        )
        joined = listed.join(
            attributes.with_columns(pl.lit(YES).alias(MATCHED)), on="subject_ref", how="left", maintain_order="left"
        )
        matched = joined[MATCHED].is_not_null().to_list()
        answer = joined.with_columns(pl.col(MATCHED).fill_null(UNCONFIRMED)).select(ROW, MATCHED, *plan.names)
        known = tuple(SubjectRef(subject) for subject in found if subject is not None)
        return Looked(answer, known, keys, matched, open_.count(False), snapshot)

    def _write(self, extract: Extract, plan: Plan, looked: Looked, file_key: FileKey) -> PreparedFile:
        frame = looked.frame
        with SealedSink(self.bench.file_of(extract.id), file_key) as sink:
            out = writer(extract.request.format, cast("BinaryIO", sink), frame.schema)
            out.write(frame)
            out.close()
            self.bench.progress(extract.id, frame.height, frame.height)
            digest = sink.commit()
            size, parts = sink.size, sink.parts.digests()
        return PreparedFile(
            size=size,
            rows=frame.height,
            sha256=digest,
            rows_in=frame.height,
            suppressed=0,
            snapshot=looked.snapshot,
            plan_sha256=plan.sha256(),
            columns=(ROW, MATCHED, *plan.names),
            parts=parts,
        )

    def _finish(
        self,
        extract: Extract,
        grant: Grant,
        plan: Plan,
        looked: Looked,
        prepared: PreparedFile,
        file_key: FileKey,
        links: Links,
        scanned: LeakScan,
    ) -> None:
        matched, call = sum(looked.matched), self.bench.roll_call()
        call.add(looked.subjects)
        made = Made(
            prepared,
            file_key.wrap(self.bench.delivery_key),
            report_of(plan, rows_in=prepared.rows, rows_out=prepared.rows),
            noted={"matched_rows": matched, "limited_rows": looked.limited},
            reported={"matched_rows": matched},
            subjects=call.close(),
            scanned=scanned,
        )

        def still(tx: Tx) -> None:
            # the grant may have ended while the list was matched: then there is nothing to fetch
            self._require_covered(extract, self.bench.grants.grant_in(tx, grant.id), prepared.rows)
            self.guesses.settle(tx, looked.keys, looked.matched)

        self.bench.finish(extract, grant, made, links, still)

    def _require_covered(self, extract: Extract, grant: Grant, rows: int) -> None:
        self.bench.require_covered(grant, match_use(grant, extract.request, self.bench.today(), rows))


def _query(one: Listed, *, open: bool) -> PersonQuery:
    """Return whom to look up: beyond the guess limit a random number, which is nobody's, by the same statement."""
    number = one.id_number if open else secrets.token_hex(9)
    return PersonQuery(number, one.name, one.student_number, one.phone)
