"""Preparing an extract: snapshot, plan, transformation, shuffle, sealed file, leak scan, manifest.

Nothing leaves here; the file waits, sealed, for a delivery. The leak scan reads back what was written and asks
the registry's ``Matcher`` about every suspicion: a confirmed one stops the release and destroys the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import BinaryIO, cast

import polars as pl

from core_registry.sharing import RowFilter, SharingView
from gateway.anonymize.errors import TransformError
from gateway.anonymize.pseudonyms import KeyedHash
from gateway.anonymize.transform import Transformer
from gateway.audit.rolls import Roll, RollCall
from gateway.errors import GatewayError, UnavailableError
from gateway.journal import Tx
from gateway.policies.records import Grant
from gateway.policies.scope import UseRequest, row_filter
from gateway.releases.increments import Changes, Increment, baseline_of, names_with_change, unusable
from gateway.releases.ledger.errors import HistoryChangedError
from gateway.releases.ledger.precedents import Precedents
from gateway.releases.ledger.recorder import digest_make
from gateway.releases.ledger.service import Ledger, Recorded
from gateway.releases.ledger.telling import noted_of
from gateway.releases.lookahead import ahead, alongside
from gateway.releases.packing import Sealed, packed
from gateway.releases.pipeline import Reading, transformer_of
from gateway.releases.pseudonym_keys.service import PseudonymKeys
from gateway.releases.records import Extract, PreparedFile
from gateway.releases.refusals import refusal
from gateway.releases.shuffle import Shuffle
from gateway.releases.tracing.marks import marked_columns
from gateway.releases.tracing.shelf import MarkShelf
from gateway.releases.uses import plan_of, use_of
from gateway.releases.vault import FileKey, SealedSink, SealedSource
from gateway.releases.workbench import Links, Made, Workbench
from gateway.releases.writers import writer

_TRIES = 5
"""How often a file is made anew because another one to the same recipients was finished meanwhile."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """The worker's half of the road out: files made from a snapshot of the sharing view."""

    bench: Workbench
    sharing: SharingView
    keys: PseudonymKeys = field(repr=False)
    ledger: Ledger = field(repr=False)
    marks: MarkShelf = field(repr=False)

    def run_next(self) -> bool:
        """Prepare the oldest extract that waits; say whether there was one. A failure is recorded, not raised."""
        return self.bench.run_next(self._prepare, matches=False, refused=self._refuse)

    def _prepare(self, extract: Extract, grant: Grant, links: Links) -> None:
        bench = self.bench
        plan = plan_of(bench.book, grant, extract.request)
        rows = self._rows(extract, grant)
        key = self.keys.for_extract(extract, grant, plan)
        transformer = transformer_of(plan, bench.book, key)
        self.ledger.require_room(grant.recipient, grant.scope.purpose)
        bench.begin(plan, links)
        for _ in range(_TRIES):
            try:
                self._make(extract, grant, links, transformer, rows, key)
            except HistoryChangedError:
                continue  # another worker finished a release to the same recipients: judge again, with it
            return
        raise UnavailableError(
            "Other releases to the same recipients come to their ends all the time.",
            detail_zh="同一接收方的其他提供接连完成，请稍后再试。",
        )

    def _make(
        self,
        extract: Extract,
        grant: Grant,
        links: Links,
        transformer: Transformer,
        rows: RowFilter,
        key: KeyedHash | None,
    ) -> None:
        """Make the file, judged by what the recipient holds at this moment.

        Raises ``HistoryChangedError`` when that changed before it was ready: nothing came of it then.
        """
        bench, plan = self.bench, transformer.plan
        file_key = FileKey.new(extract.id)
        precedents = self.ledger.precedents(grant.recipient, grant.scope.purpose, plan)
        with self.sharing.snapshot() as snapshot:
            reading = Reading.begin(
                transformer,
                snapshot,
                rows,
                cap=grant.scope.row_cap,
                progress=lambda done, total: bench.progress(extract.id, done, total),
                precedents=precedents,
            )
            recorder = self.ledger.recorder(precedents)
            reading.recorder = recorder
            changes = self._changes(extract, grant, precedents, key)
            roll = bench.roll_call()
            prepared = self._write(extract, reading, file_key, roll, changes)
        called: list[Roll] = []

        def beside_the_scan() -> None:
            reading.measure()
            called.append(_closed(roll, prepared))

        with (
            SealedSource(bench.file_of(extract.id), file_key, prepared.size) as source,
            alongside(beside_the_scan),
        ):
            scanned = bench.scan(extract, plan, prepared, source)
        sealed = packed(
            extract.id,
            extract.request,
            Sealed(prepared, file_key),
            bench.file_of(extract.id),
            lambda: bench.progress(extract.id, prepared.rows_in, prepared.rows_in),
        )
        # of changes, too, the report is about all rows: that is what the recipient holds afterwards
        report = reading.report(rows_out=reading.rows_out, pseudonym_key_id=None if key is None else key.key_id)
        line = self.ledger.line(
            extract,
            grant,
            Recorded(precedents, reading.decided, recorder.table(), prepared.snapshot),
            bench.today() + timedelta(days=report.retention_days),
        )

        def stands(tx: Tx) -> None:
            # the grant may have ended while the file was made: then there is nothing to fetch
            self._covered_use(extract, bench.grants.grant_in(tx, grant.id))
            self.ledger.commit(tx, line, precedents.history if plan.k is not None else None)

        bench.finish(
            extract,
            grant,
            Made(
                sealed.prepared,
                sealed.key.wrap(bench.delivery_key),
                report,
                noted={**noted_of(precedents, reading.decided), **(prepared.changes or {})},
                reported={} if prepared.changes is None else {"changes": dict(prepared.changes)},
                subjects=called[0],
                scanned=scanned,
            ),
            links,
            stands,
        )

    def _rows(self, extract: Extract, grant: Grant) -> RowFilter:
        use = self._covered_use(extract, grant)
        population = use.population or grant.scope.population
        return row_filter(replace(grant.scope, population=population), self.bench.book.divisions)

    def _covered_use(self, extract: Extract, grant: Grant) -> UseRequest:
        """Return the use that ``extract`` makes of ``grant``; raises what ``covers`` raises (A50-9, A50-12)."""
        use = use_of(grant, extract.request, self.bench.today())
        self.bench.require_covered(grant, use)
        return use

    def _changes(self, extract: Extract, grant: Grant, precedents: Precedents, key: KeyedHash | None) -> Changes | None:
        """Return what tells the changes since an earlier extract, where these are asked for.

        Raises ``BaselineUnusableError``, also when the pseudonyms would be others now.
        """
        since = extract.request.since
        if since is None or key is None:
            return None
        ledger, plan = self.ledger, precedents.plan
        line = baseline_of(ledger.of_grant(grant.id), since, precedents.group, digest_make(plan))
        base = ledger.reader.read(lambda tx: self.bench.extracts.get(tx, since))
        if base is None or json.loads(base.report or "{}").get("pseudonym_key_id") != key.key_id:
            raise unusable("its pseudonyms were made with another key", "其假名由另一密钥生成")
        return Changes(
            Increment(plan, ledger.rows(line, ("content",))),
            lambda subjects: ledger.tags(precedents.group, subjects),
            key,
        )

    def _write(
        self, extract: Extract, reading: Reading, file_key: FileKey, roll: RollCall, changes: Changes | None
    ) -> PreparedFile:
        plan = reading.plan
        names = plan.names if changes is None else names_with_change(plan.names)
        schema: pl.Schema | None = None
        with Shuffle() as shuffle, SealedSink(self.bench.file_of(extract.id), file_key) as sink:
            with closing(reading.frames()) as frames:
                rows = _called(frames, reading, roll) if changes is None else changes.among(frames, reading, roll.add)
                for frame in rows:
                    schema = frame.schema
                    shuffle.add(frame)
            out = writer(
                extract.request.format,
                cast("BinaryIO", sink),
                schema or pl.Schema(dict.fromkeys(names, pl.String)),
            )
            with (
                self.marks.marking(extract.id, marked_columns(plan)) as marker,
                ahead(marker.passing(shuffle.frames())) as mixed,
            ):
                for frame in mixed:
                    out.write(frame)
            out.close()
            # before the name is taken: it may be another worker's by now
            self.bench.progress(extract.id, reading.rows_in, reading.total)
            digest = sink.commit()
            written = shuffle.rows
            size, parts = sink.size, sink.parts.digests()
        return PreparedFile(
            size=size,
            rows=written,
            sha256=digest,
            rows_in=reading.rows_in,
            suppressed=reading.rows_in - reading.rows_out,
            snapshot=reading.snapshot.version,
            plan_sha256=plan.sha256(),
            columns=names,
            parts=parts,
            changes=None if changes is None else changes.increment.told(),
        )

    def _refuse(self, error: GatewayError, links: Links) -> None:
        """Record that a limit of the grant was passed, where it was one: alerts follow these entries (A50-9)."""
        if "dimension" in error.extra:
            self.bench.journal.append(refusal(None, error, links))


def _called(frames: Iterator[pl.DataFrame], reading: Reading, roll: RollCall) -> Iterator[pl.DataFrame]:
    """Yield ``frames``, and put the pupils of each on the roll."""
    for frame in frames:
        if reading.recorder is not None:
            roll.add(reading.recorder.pupils)
        yield frame


def _closed(roll: RollCall, prepared: PreparedFile) -> Roll:
    """Return the pupils of a file. Raises ``TransformError`` unless there is one for each row."""
    subjects = roll.close()
    if subjects.distinct != prepared.rows:
        raise TransformError("The pupils of what would leave are not those of its rows; nothing is released.")
    return subjects
